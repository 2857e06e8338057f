//! `/shop/*`: shops nearby, one shop, and who is there (seed §5, §7, §8).

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::fix::{At, FixParameters};
use crate::input::{Input, Page};
use crate::present::{PresentRow, present_rows};
use crate::reply::Reply;
use crate::rows::{ShopRow, shop_rows};
use crate::session::Viewer;
use axum::extract::State;
use axum::response::Response;
use domain::shop::Category;
use domain::{ShopId, UserId};
use projections::shop_index::Filter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What to look for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Nearby {
    /// Which page, from 1.
    #[param(default = 1, minimum = 1)]
    page: Option<u32>,
    /// Rows of a page; at most 100 are given.
    #[param(default = 20, minimum = 1)]
    pcount: Option<u32>,
    /// A part of the name.
    name: Option<String>,
    /// Category, 1 to 6.
    #[serde(rename = "type")]
    #[param(minimum = 1, maximum = 6)]
    category: Option<u8>,
}

/// `GET /shop/nearby`: shops by distance, nearest first.
///
/// Source: seed §5.
#[utoipa::path(get, path = "/shop/nearby", tag = "places", params(FixParameters, Nearby),
    responses((status = 200, body = Vec<ShopRow>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn nearby(
    State(app): State<App>,
    At(fix, query): At<Nearby>,
) -> Result<Response, ApiError> {
    let page = Page::of(query.page, query.pcount)?;
    let category = query.category.map(Category::try_from).transpose();
    let category = category.map_err(|error| ApiError::bad_request(format!("type: {error}")))?;
    let filter = Filter {
        category,
        name: query.name.filter(|name| !name.is_empty()),
    };
    Ok(app.projections.shop_index.read(|shops| {
        let near = shops.nearest(fix.point, &filter, page.skip(), page.take());
        shop_rows(&app, near.iter().map(|near| near.shop))
    }))
}

/// Which shop.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Shop id.
    #[param(value_type = u64)]
    id: ShopId,
}

/// One shop (seed §7).
#[derive(Serialize, ToSchema)]
pub(crate) struct ShopInfo {
    name: String,
    /// Category, 1 to 6.
    t: u8,
    /// Latitude on the map (GCJ-02 in mainland China).
    lat: f64,
    /// Longitude on the map (GCJ-02 in mainland China).
    lng: f64,
    /// Latitude and longitude on the globe, WGS-84.
    lo: [f64; 2],
    /// Empty when unknown.
    address: String,
    /// Empty when unknown.
    phone: String,
    #[schema(value_type = u64)]
    id: ShopId,
    /// Who works there: user ids.
    #[schema(value_type = Vec<String>)]
    staffs: Vec<UserId>,
    /// The shop's newest notice, empty without one.
    notice: String,
}

/// `GET /shop/info`: one shop, its staff and its notice.
///
/// Source: seed §7.
#[utoipa::path(get, path = "/shop/info", tag = "places", params(Which),
    responses((status = 200, body = ShopInfo), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn info(
    State(app): State<App>,
    Input(Which { id }): Input<Which>,
) -> Result<Reply<ShopInfo>, ApiError> {
    let info = app.projections.shop_index.read(|shops| {
        let shop = shops.get(id)?;
        let (globe, map) = (shop.point(), shop.on_map());
        Some(ShopInfo {
            name: shop.name().to_owned(),
            t: shop.category().into(),
            lat: map.lat(),
            lng: map.lng(),
            lo: [globe.lat(), globe.lng()],
            address: shop.address().to_owned(),
            phone: shop.phone().to_owned(),
            id,
            staffs: shop.staff().to_vec(),
            notice: shop.notice().to_owned(),
        })
    });
    info.map(Reply).ok_or_else(unknown_shop)
}

/// Which shop, and which page of its people.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichPage {
    /// Shop id.
    #[param(value_type = u64)]
    id: ShopId,
    /// Which page, from 1.
    #[param(default = 1, minimum = 1)]
    page: Option<u32>,
    /// Rows of a page; at most 100 are given.
    #[param(default = 20, minimum = 1)]
    pcount: Option<u32>,
}

/// `GET /shop/users`: who is at a shop now and may be seen by the caller, most recent first.
///
/// Source: seed §8. Pages are filled after hiding.
#[utoipa::path(get, path = "/shop/users", tag = "places", params(WhichPage),
    responses((status = 200, body = Vec<PresentRow>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn users(
    State(app): State<App>,
    Viewer(viewer): Viewer,
    Input(query): Input<WhichPage>,
) -> Result<Reply<Vec<PresentRow>>, ApiError> {
    let page = Page::of(query.page, query.pcount)?;
    check_shop(&app, query.id)?;
    let present = app
        .projections
        .occupancy
        .read(|occupancy| occupancy.present(query.id, app.now(), app.settings.presence_window_ms));
    let rows = present_rows(&app, viewer, present, page.skip(), page.take()).await?;
    Ok(Reply(rows))
}

/// Refuses a shop that does not exist or is closed.
pub(crate) fn check_shop(app: &App, id: ShopId) -> Result<(), ApiError> {
    let open = app
        .projections
        .shop_index
        .read(|shops| shops.get(id).is_some());
    if open { Ok(()) } else { Err(unknown_shop()) }
}

fn unknown_shop() -> ApiError {
    ApiError::not_found("unknown shop")
}
