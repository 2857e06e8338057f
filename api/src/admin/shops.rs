//! `/admin/shops`: registering, revising and closing shops; their staff and their notice.

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::input::{Input, list, point};
use crate::reply::Reply;
use crate::session::Operator;
use axum::extract::{Path, State};
use domain::geo::Point;
use domain::shop::{Category, DetailsEdit, ShopDetails};
use domain::{ShopId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where else a shop is.
#[derive(Deserialize, ToSchema)]
pub(crate) struct FurtherPoint {
    /// Latitude, WGS-84 degrees.
    #[schema(minimum = -90, maximum = 90)]
    lat: f64,
    /// Longitude, WGS-84 degrees.
    #[schema(minimum = -180, maximum = 180)]
    lng: f64,
}

/// A new shop.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewShop {
    /// A free id; by default one is found.
    #[schema(value_type = Option<u64>)]
    id: Option<ShopId>,
    /// 1 to 255 characters.
    name: String,
    /// Latitude, WGS-84 degrees.
    #[schema(minimum = -90, maximum = 90)]
    lat: f64,
    /// Longitude, WGS-84 degrees.
    #[schema(minimum = -180, maximum = 180)]
    lng: f64,
    /// Category, 1 to 6.
    #[schema(minimum = 1, maximum = 6)]
    t: u8,
    /// Up to 255 characters.
    #[serde(default)]
    address: String,
    /// Up to 255 characters.
    #[serde(default)]
    phone: String,
    /// Where else it is: branches, or corners of a large place; at most 64. How far away it is, its
    /// nearest point says.
    #[serde(default, deserialize_with = "list")]
    points: Option<Vec<FurtherPoint>>,
}

/// `{"id":40056}`
#[derive(Serialize, ToSchema)]
pub(crate) struct ShopKey {
    #[schema(value_type = u64)]
    id: ShopId,
}

/// `POST /admin/shops`: registers a shop.
#[utoipa::path(post, path = "/admin/shops", tag = "admin", request_body = NewShop,
    security(("operator" = [])),
    responses((status = 200, body = ShopKey), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn register(
    State(app): State<App>,
    _: Operator,
    Input(new): Input<NewShop>,
) -> Result<Reply<ShopKey>, ApiError> {
    let details = ShopDetails {
        name: new.name,
        point: point(new.lat, new.lng)?,
        category: category(new.t)?,
        address: new.address,
        phone: new.phone,
        points: further(new.points)?.unwrap_or_default(),
    };
    let (id, receipt) = match new.id {
        Some(id) => (id, app.commands.register_shop(id, details).await?),
        None => {
            let newest = app.projections.shop_index.read(|shops| shops.max_id());
            let hint = newest.map_or(1, |id| id.get() + 1);
            app.commands.register_new_shop(hint, details).await?
        }
    };
    app.settle(&receipt).await;
    Ok(Reply(ShopKey { id }))
}

/// New details; what is absent stays.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ShopEdit {
    /// 1 to 255 characters.
    name: Option<String>,
    /// Latitude, WGS-84 degrees; together with `lng`.
    lat: Option<f64>,
    /// Longitude, WGS-84 degrees; together with `lat`.
    lng: Option<f64>,
    /// Category, 1 to 6.
    t: Option<u8>,
    /// Up to 255 characters.
    address: Option<String>,
    /// Up to 255 characters.
    phone: Option<String>,
    /// Where else it is; an empty list leaves it one point.
    #[serde(default, deserialize_with = "list")]
    points: Option<Vec<FurtherPoint>>,
}

/// `PATCH /admin/shops/{id}`: changes some details of a shop.
#[utoipa::path(patch, path = "/admin/shops/{id}", tag = "admin", request_body = ShopEdit,
    params(("id" = u64, Path)), security(("operator" = [])),
    responses((status = 200, body = ShopKey), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn revise(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
    Input(edit): Input<ShopEdit>,
) -> Result<Reply<ShopKey>, ApiError> {
    let id = shop_id(&id)?;
    let edit = DetailsEdit {
        name: edit.name,
        point: match (edit.lat, edit.lng) {
            (Some(lat), Some(lng)) => Some(point(lat, lng)?),
            (None, None) => None,
            _ => return Err(ApiError::bad_request("lat and lng go together")),
        },
        category: edit.t.map(category).transpose()?,
        address: edit.address,
        phone: edit.phone,
        points: further(edit.points)?,
    };
    let receipt = app.commands.revise_shop(id, edit).await?;
    app.settle(&receipt).await;
    Ok(Reply(ShopKey { id }))
}

/// `DELETE /admin/shops/{id}`: closes a shop for good.
#[utoipa::path(delete, path = "/admin/shops/{id}", tag = "admin",
    params(("id" = u64, Path)), security(("operator" = [])),
    responses((status = 200, body = ShopKey), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn close(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<Reply<ShopKey>, ApiError> {
    let id = shop_id(&id)?;
    let receipt = app.commands.close_shop(id).await?;
    app.settle(&receipt).await;
    Ok(Reply(ShopKey { id }))
}

/// Who works there.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewStaff {
    /// User id.
    #[schema(value_type = String)]
    user_id: UserId,
}

/// `POST /admin/shops/{id}/staffs`: says that a person works for a shop.
#[utoipa::path(post, path = "/admin/shops/{id}/staffs", tag = "admin", request_body = NewStaff,
    params(("id" = u64, Path)), security(("operator" = [])),
    responses((status = 200, body = ShopKey), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn add_staff(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
    Input(NewStaff { user_id }): Input<NewStaff>,
) -> Result<Reply<ShopKey>, ApiError> {
    let id = shop_id(&id)?;
    let receipt = app.commands.add_staff(id, user_id).await?;
    app.settle(&receipt).await;
    Ok(Reply(ShopKey { id }))
}

/// `DELETE /admin/shops/{id}/staffs/{user_id}`: says that a person no longer works for a shop.
#[utoipa::path(delete, path = "/admin/shops/{id}/staffs/{user_id}", tag = "admin",
    params(("id" = u64, Path), ("user_id" = String, Path)), security(("operator" = [])),
    responses((status = 200, body = ShopKey), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn remove_staff(
    State(app): State<App>,
    _: Operator,
    Path((id, user_id)): Path<(String, String)>,
) -> Result<Reply<ShopKey>, ApiError> {
    let id = shop_id(&id)?;
    let user_id = super::users::user_id(&user_id)?;
    let receipt = app.commands.remove_staff(id, user_id).await?;
    app.settle(&receipt).await;
    Ok(Reply(ShopKey { id }))
}

/// A shop's notice.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Notice {
    /// Up to 255 characters; empty takes the notice down.
    title: String,
}

/// `PUT /admin/shops/{id}/notice`: posts a shop's notice.
#[utoipa::path(put, path = "/admin/shops/{id}/notice", tag = "admin", request_body = Notice,
    params(("id" = u64, Path)), security(("operator" = [])),
    responses((status = 200, body = ShopKey), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn post_notice(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
    Input(Notice { title }): Input<Notice>,
) -> Result<Reply<ShopKey>, ApiError> {
    let id = shop_id(&id)?;
    let receipt = app.commands.post_notice(id, title, "admin").await?;
    app.settle(&receipt).await;
    Ok(Reply(ShopKey { id }))
}

/// `{"password":"0f8c663b8ff62050215c663b8ff62050"}`
#[derive(Serialize, ToSchema)]
pub(crate) struct NewSecret {
    /// The shop's XMPP password: 32 hex digits, shown this once.
    password: String,
}

/// `POST /admin/shops/{id}/xmpp_secret`: gives the staff of a shop a new password, with which they
/// log in to XMPP as the shop, `s{id}`; the one before and its connections end.
#[utoipa::path(post, path = "/admin/shops/{id}/xmpp_secret", tag = "admin",
    params(("id" = u64, Path)), security(("operator" = [])),
    responses((status = 200, body = NewSecret), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn issue_xmpp_secret(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<Reply<NewSecret>, ApiError> {
    let (password, receipt) = app.commands.issue_xmpp_secret(shop_id(&id)?).await?;
    app.settle(&receipt).await;
    Ok(Reply(NewSecret { password }))
}

/// `DELETE /admin/shops/{id}/xmpp_secret`: lets nobody log in as a shop any more, and ends its
/// connections.
#[utoipa::path(delete, path = "/admin/shops/{id}/xmpp_secret", tag = "admin",
    params(("id" = u64, Path)), security(("operator" = [])),
    responses((status = 200, body = ShopKey), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn revoke_xmpp_secret(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<Reply<ShopKey>, ApiError> {
    let id = shop_id(&id)?;
    let receipt = app.commands.revoke_xmpp_secret(id).await?;
    app.settle(&receipt).await;
    Ok(Reply(ShopKey { id }))
}

fn category(number: u8) -> Result<Category, ApiError> {
    Category::try_from(number).map_err(|error| ApiError::bad_request(format!("t: {error}")))
}

fn further(points: Option<Vec<FurtherPoint>>) -> Result<Option<Vec<Point>>, ApiError> {
    let at = |further: FurtherPoint| point(further.lat, further.lng);
    points
        .map(|points| points.into_iter().map(at).collect())
        .transpose()
}

fn shop_id(text: &str) -> Result<ShopId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::not_found("unknown shop"))
}
