//! `/admin/coupons`: what shops offer, and how it is taken up (seed §31).

use crate::App;
use crate::checkins::shop_name;
use crate::error::{ApiError, ErrorBody};
use crate::input::{Input, Page};
use crate::reply::Reply;
use crate::session::Operator;
use crate::shop::check_shop;
use crate::upload::{self, Spooled};
use axum::extract::{FromRequest, FromRequestParts, Path, Request, State};
use bytes::Bytes;
use domain::coupon::{CouponOffered, Rule};
use domain::{CouponId, Millis, ShopId};
use jiff::Timestamp;
use media::coupon_art::ground;
use media::keys::Key;
use media::picture::{self, Refusal};
use projections::coupons::Coupon;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The name of the merchant's picture.
const IMAGE: &str = "image";

/// A coupon to be offered; with a picture, as multipart/form-data.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewCoupon {
    /// Whose: an open shop.
    #[schema(value_type = u64)]
    shop_id: ShopId,
    /// 1 to 63 characters on one line.
    name: String,
    /// Up to 500 characters.
    #[serde(default)]
    desc: String,
    /// 0 once a person, 1 one unused copy at a time, 2 at every check-in.
    #[schema(minimum = 0, maximum = 2)]
    rule: u8,
    /// The last day on which it is given out and can be used, `YYYY-MM-DD`; without one, for ever.
    valid_until: Option<String>,
}

/// What an operator sends: the coupon, and its picture if it has one.
pub(crate) struct Offer {
    new: NewCoupon,
    image: Option<Spooled>,
}

impl FromRequest<App> for Offer {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let operator = Operator::from_request_parts(&mut parts, app).await;
        let with_file = upload::is_multipart(&parts.headers);
        let request = Request::from_parts(parts, body);
        if with_file {
            let (_, pairs, image) = upload::read(request, app, IMAGE, operator).await?;
            let new = pairs.read()?;
            return Ok(Self { new, image });
        }
        operator?;
        let Input(new) = Input::from_request(request, app).await?;
        Ok(Self { new, image: None })
    }
}

/// `{"id":"50a1f1e2421aa918ba000003"}`
#[derive(Serialize, ToSchema)]
pub(crate) struct CouponKey {
    #[schema(value_type = String)]
    id: CouponId,
}

/// `POST /admin/coupons`: offers a coupon to the guests of a shop. A merchant's picture may come
/// along as the file `image` of a multipart body; it becomes the ground on which the coupon is
/// drawn.
#[utoipa::path(post, path = "/admin/coupons", tag = "admin", request_body = NewCoupon,
    security(("operator" = [])),
    responses((status = 200, body = CouponKey), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn offer(
    State(app): State<App>,
    Offer { new, image }: Offer,
) -> Result<Reply<CouponKey>, ApiError> {
    let rule =
        Rule::try_from(new.rule).map_err(|error| ApiError::bad_request(format!("rule {error}")))?;
    check_shop(&app, new.shop_id)?;
    let offer = CouponOffered {
        coupon_id: app.commands.new_coupon_id(),
        shop_id: new.shop_id,
        name: new.name,
        desc: new.desc,
        rule,
        valid_until: new.valid_until.filter(|day| !day.is_empty()),
        image: image.is_some(),
    };
    let (id, key) = (offer.coupon_id, Key::coupon_image(offer.coupon_id));
    if let Some(image) = image {
        // What the rules refuse is not worth the work.
        offer.check().map_err(commands::Error::Rejected)?;
        store(&app, &key, image).await?;
    }
    let receipt = app.commands.offer_coupon(offer).await?;
    app.settle(&receipt).await;
    Ok(Reply(CouponKey { id }))
}

/// Stores what will be seen of a merchant's picture.
async fn store(app: &App, key: &Key, image: Spooled) -> Result<(), ApiError> {
    let _turn = app.pictures.turn().await?;
    let bytes = image.read().await.map_err(ApiError::unavailable)?;
    let seen = tokio::task::spawn_blocking(move || {
        let picture = picture::decode(&bytes)?;
        ground(&picture).ok_or(Refusal::Damaged)
    });
    // It would panic each time. The panic itself was logged.
    let seen = seen.await.unwrap_or(Err(Refusal::Damaged))?;
    Ok(app.pictures.blobs.put(key, Bytes::from(seen)).await?)
}

/// `DELETE /admin/coupons/{id}`: gives a coupon out no longer. The copies that people have stay
/// good.
#[utoipa::path(delete, path = "/admin/coupons/{id}", tag = "admin",
    params(("id" = String, Path)), security(("operator" = [])),
    responses((status = 200, body = CouponKey), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn withdraw(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<Reply<CouponKey>, ApiError> {
    let unknown = |_| ApiError::not_found("unknown coupon");
    let id: CouponId = id.parse().map_err(unknown)?;
    let receipt = app.commands.withdraw_coupon(id).await?;
    app.settle(&receipt).await;
    Ok(Reply(CouponKey { id }))
}

/// Which coupons.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Of this shop; of all shops without it.
    #[param(value_type = u64, required = false)]
    shop_id: Option<ShopId>,
    /// Which page, from 1.
    #[param(default = 1, minimum = 1)]
    page: Option<u32>,
    /// Rows of a page; at most 100 are given.
    #[param(default = 20, minimum = 1)]
    pcount: Option<u32>,
}

/// A coupon, and how it is taken up.
#[derive(Serialize, ToSchema)]
pub(crate) struct CouponRow {
    #[schema(value_type = String)]
    id: CouponId,
    #[schema(value_type = u64)]
    shop_id: ShopId,
    /// The shop's name.
    shop: String,
    name: String,
    desc: String,
    /// 0 once a person, 1 one unused copy at a time, 2 at every check-in.
    rule: u8,
    /// `YYYY-MM-DD`; null: for ever.
    valid_until: Option<String>,
    /// The merchant's own picture is on it.
    image: bool,
    /// When it was offered, `2013-01-12T08:00:00Z`.
    offered: String,
    /// It is given out no longer.
    withdrawn: bool,
    /// How many copies were given out.
    granted: u64,
    /// How many of them were used.
    used: u64,
}

/// `GET /admin/coupons`: what shops offer and have offered, newest first.
#[utoipa::path(get, path = "/admin/coupons", tag = "admin", params(Which),
    security(("operator" = [])),
    responses((status = 200, body = Vec<CouponRow>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    _: Operator,
    Input(which): Input<Which>,
) -> Result<Reply<Vec<CouponRow>>, ApiError> {
    let page = Page::of(which.page, which.pcount)?;
    let coupons = &app.projections.coupons;
    let coupons = coupons
        .page(which.shop_id, page.skip(), page.take())
        .await?;
    let row = |coupon: Coupon| CouponRow {
        id: coupon.coupon_id,
        shop_id: coupon.shop_id,
        shop: shop_name(&app, coupon.shop_id),
        name: coupon.name,
        desc: coupon.desc,
        rule: coupon.rule.into(),
        valid_until: coupon.valid_until,
        image: coupon.image,
        offered: iso(coupon.offered_at),
        withdrawn: coupon.withdrawn,
        granted: coupon.granted,
        used: coupon.used,
    };
    Ok(Reply(coupons.into_iter().map(row).collect()))
}

fn iso(time: Millis) -> String {
    Timestamp::from_millisecond(time.0)
        .unwrap_or_default()
        .to_string()
}
