//! `/coupons/*`: the picture of a coupon, and using one's copy (seed §31.2, §31.3).

mod drawing;

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::input::Input;
use crate::reply::Reply;
use crate::session::Caller;
use axum::extract::State;
use axum::response::Response;
use domain::CouponId;
use media::keys::CouponSize;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which coupon, how large.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Coupon id.
    #[param(value_type = String)]
    id: CouponId,
    /// 0 at 580x224, 1 at 290x112.
    #[param(default = 1, minimum = 0, maximum = 1)]
    size: Option<u8>,
}

/// `GET /coupons/img`: a coupon as a picture, by `302`; `Img_url` says where it is.
///
/// Source: seed §31.2. Also of a coupon that is given out no longer: people have copies of it.
#[utoipa::path(get, path = "/coupons/img", tag = "coupons", params(Which),
    responses((status = 302), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn img(
    State(app): State<App>,
    Input(Which { id, size }): Input<Which>,
) -> Result<Response, ApiError> {
    let size = match size.unwrap_or(1) {
        0 => CouponSize::Large,
        1 => CouponSize::Small,
        _ => return Err(ApiError::bad_request("size must be 0 or 1")),
    };
    let coupon = app.projections.coupons.get(id).await?;
    let coupon = coupon.ok_or_else(|| ApiError::not_found("unknown coupon"))?;
    let key = drawing::drawn(&app, &coupon, size).await?;
    app.pictures.public(&key, app.now()).await
}

/// Which coupon.
#[derive(Deserialize, ToSchema)]
pub(crate) struct WhichCoupon {
    /// Coupon id.
    #[schema(value_type = String)]
    id: CouponId,
}

/// `{"used":"50a1f1e2421aa918ba000003"}`
#[derive(Serialize, ToSchema)]
pub(crate) struct Used {
    #[schema(value_type = String)]
    used: CouponId,
}

/// `POST /coupons/use`: uses the caller's oldest copy that is not used yet.
///
/// Source: seed §31.3. Each copy can be used once, until its last day is over.
#[utoipa::path(post, path = "/coupons/use", tag = "coupons",
    request_body(content = WhichCoupon, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Used), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn spend(
    State(app): State<App>,
    Caller(caller): Caller,
    Input(WhichCoupon { id }): Input<WhichCoupon>,
) -> Result<Reply<Used>, ApiError> {
    let receipt = app.commands.use_coupon(caller, id).await?;
    app.settle(&receipt).await;
    Ok(Reply(Used { used: id }))
}
