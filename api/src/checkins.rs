//! `/checkins`: being somewhere, and taking it back (seed §9, §15).

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::input::{Input, Page, accuracy, in_range, point};
use crate::reply::Reply;
use crate::rows::day_and_clock;
use crate::session::{Caller, caller_only};
use crate::shop::check_shop;
use axum::extract::State;
use commands::{CheckIn, Receipt};
use domain::user::Invisible;
use domain::{CheckinId, ShopId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Where the caller is.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewCheckin {
    /// Latitude, WGS-84 degrees.
    #[schema(minimum = -90, maximum = 90)]
    lat: f64,
    /// Longitude, WGS-84 degrees.
    #[schema(minimum = -180, maximum = 180)]
    lng: f64,
    /// Radius in metres that holds the phone in 68 % of the cases.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    accuracy: f64,
    /// At which shop.
    #[schema(value_type = u64)]
    shop_id: ShopId,
    /// The caller's own id.
    #[schema(value_type = String)]
    user_id: UserId,
    /// The rank of the shop in the list of `/aroundme/shops`, from 1.
    #[schema(minimum = 1)]
    od: u32,
    /// Metres above the sea.
    altitude: Option<f64>,
    /// Accuracy of the altitude in metres; phones say -1 when they do not know it.
    altacc: Option<f64>,
    /// The Wi-Fi access point.
    bssid: Option<String>,
}

/// A check-in of the caller.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckinRow {
    #[schema(value_type = String)]
    id: CheckinId,
    #[schema(value_type = String)]
    user_id: UserId,
    #[schema(value_type = u64)]
    shop_id: ShopId,
    /// The shop's name.
    shop: String,
    /// Day and clock: `["09.22","14:24"]`.
    time: [String; 2],
}

/// `POST /checkins` (also `/checkins/create`): records where the caller is.
///
/// Source: seed §9.
#[utoipa::path(post, path = "/checkins", tag = "places",
    request_body(content = NewCheckin, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = CheckinRow), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create(
    State(app): State<App>,
    Caller(user_id): Caller,
    Input(new): Input<NewCheckin>,
) -> Result<Reply<CheckinRow>, ApiError> {
    caller_only(user_id, new.user_id)?;
    if new.od == 0 {
        return Err(ApiError::bad_request("od must be at least 1"));
    }
    let height = |name, metres: Option<f64>| {
        metres
            .map(|metres| in_range(name, metres, -1e6..=1e6))
            .transpose()
    };
    let check_in = CheckIn {
        user_id,
        shop_id: new.shop_id,
        point: point(new.lat, new.lng)?,
        accuracy: accuracy(new.accuracy)?,
        od: new.od,
        altitude: height("altitude", new.altitude)?,
        altacc: height("altacc", new.altacc)?,
        bssid: bssid(new.bssid)?,
        hidden: invisible(&app, user_id) == Invisible::ToEveryone,
    };
    check_shop(&app, new.shop_id)?;
    let (id, receipt) = app.commands.check_in(check_in).await?;
    app.settle(&receipt).await;
    let now = app.now();
    let time = day_and_clock(now, now, &app.settings.timezone);
    let shop = shop_name(&app, new.shop_id);
    Ok(Reply(CheckinRow {
        id,
        user_id,
        shop_id: new.shop_id,
        shop,
        time,
    }))
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListPage {
    /// Which page, from 1.
    #[param(default = 1, minimum = 1)]
    page: Option<u32>,
    /// Rows of a page; at most 100 are given.
    #[param(default = 20, minimum = 1)]
    pcount: Option<u32>,
}

/// `GET /checkins`: the caller's own check-ins, unmerged, newest first.
///
/// Source: seed §9.
#[utoipa::path(get, path = "/checkins", tag = "places", params(ListPage),
    responses((status = 200, body = Vec<CheckinRow>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(user_id): Caller,
    Input(query): Input<ListPage>,
) -> Result<Reply<Vec<CheckinRow>>, ApiError> {
    let page = Page::of(query.page, query.pcount)?;
    let traces = app
        .projections
        .traces
        .page(user_id, page.number.into(), page.rows.into())
        .await?;
    let now = app.now();
    let rows = traces.into_iter().map(|trace| CheckinRow {
        id: trace.checkin_id,
        user_id,
        shop_id: trace.shop_id,
        shop: shop_name(&app, trace.shop_id),
        time: day_and_clock(trace.at, now, &app.settings.timezone),
    });
    Ok(Reply(rows.collect()))
}

/// Which check-in.
#[derive(Deserialize, ToSchema)]
pub(crate) struct WhichCheckin {
    /// Check-in id.
    #[schema(value_type = String)]
    id: CheckinId,
}

/// `{"deleted":"50b71b73c90d8b3c73000019"}`
#[derive(Serialize, ToSchema)]
pub(crate) struct Deleted {
    #[schema(value_type = String)]
    deleted: CheckinId,
}

/// `POST /checkins/delete`: takes back the visit that a check-in of the caller belongs to.
///
/// Source: seed §15. A row of the trace is a visit, which may be several check-ins at one shop on
/// one day: all of them go.
#[utoipa::path(post, path = "/checkins/delete", tag = "places",
    request_body(content = WhichCheckin, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Deleted), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn delete(
    State(app): State<App>,
    Caller(user_id): Caller,
    Input(WhichCheckin { id }): Input<WhichCheckin>,
) -> Result<Reply<Deleted>, ApiError> {
    let timezone = &app.settings.timezone;
    let mut visit = app
        .projections
        .traces
        .visit_of(user_id, id, timezone)
        .await?;
    if visit.is_empty() {
        // Somebody else's, gone already or unknown: its own stream knows.
        visit.push(id);
    }
    let mut receipt = Receipt::default();
    for member in visit {
        receipt = receipt.and(app.commands.delete_checkin(user_id, member).await?);
    }
    app.settle(&receipt).await;
    Ok(Reply(Deleted { deleted: id }))
}

/// The name of a shop, also of one that has closed since.
pub(crate) fn shop_name(app: &App, id: ShopId) -> String {
    app.projections
        .shop_index
        .read(|shops| shops.name(id).unwrap_or_default().to_owned())
}

pub(crate) fn invisible(app: &App, user_id: UserId) -> Invisible {
    app.projections
        .occupancy
        .read(|occupancy| occupancy.invisible(user_id))
}

/// Refuses what is no address of an access point; an empty text is none.
pub(crate) fn bssid(text: Option<String>) -> Result<Option<String>, ApiError> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) if text.len() > 64 || !text.bytes().all(|b| b.is_ascii_graphic()) => Err(
            ApiError::bad_request("bssid must be an address like 00:1b:2c:3d:4e:5f"),
        ),
        text => Ok(text),
    }
}
