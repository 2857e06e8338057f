//! Coupons are drawn when somebody first asks for them, and kept in the blob store.

use crate::App;
use crate::checkins::shop_name;
use crate::error::ApiError;
use bytes::Bytes;
use media::blobs::{Conditions, Reading};
use media::coupon_art::{Coupon, digest, draw};
use media::keys::{CouponSize, Key};
use media::picture;
use projections::coupons;

/// Where a coupon lies as a picture, after it has been drawn.
pub(super) async fn drawn(
    app: &App,
    coupon: &coupons::Coupon,
    size: CouponSize,
) -> Result<Key, ApiError> {
    let (id, shop) = (coupon.coupon_id, shop_name(app, coupon.shop_id));
    let texts = Coupon {
        name: &coupon.name,
        desc: &coupon.desc,
        shop: &shop,
        valid_until: coupon.valid_until.as_deref(),
    };
    // A coupon's own picture never changes, so that there is one says enough.
    let digest = digest(&texts, coupon.image.then_some(b"own".as_slice()));
    let key = |size| Key::coupon_art(id, digest, size);
    let known = &app.pictures.drawn;
    let wanted = key(size);
    if known.contains_key(&wanted) {
        return Ok(wanted);
    }
    let (blobs, _turn) = (&app.pictures.blobs, app.pictures.turn().await?);
    if let Reading::Absent = blobs.read(&wanted, Conditions::default()).await? {
        let own = match coupon.image {
            true => blobs.get(&Key::coupon_image(id)).await?,
            false => None,
        };
        let coupon = coupon.clone();
        let art = tokio::task::spawn_blocking(move || {
            // It was looked at when the coupon was offered.
            let own = own.and_then(|own| picture::decode(&own).ok());
            let texts = Coupon {
                name: &coupon.name,
                desc: &coupon.desc,
                shop: &shop,
                valid_until: coupon.valid_until.as_deref(),
            };
            draw(&texts, own.as_ref())
        });
        let art = art.await.map_err(ApiError::unavailable)?;
        let (large, small) = (Bytes::from(art.large), Bytes::from(art.small));
        blobs.put(&key(CouponSize::Large), large).await?;
        blobs.put(&key(CouponSize::Small), small).await?;
    }
    known.insert(wanted, ());
    Ok(wanted)
}
