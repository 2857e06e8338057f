//! What operators do with coupons, and what becomes of people's copies (seed §31).

use crate::Commands;
use crate::execute::{Error, Receipt, by, load};
use domain::coupon::{self, Coupon, CouponOffered, Offered};
use domain::grant::{self, CouponGranted, Grant};
use domain::{CouponId, StreamName, UserId};
use eventlog::Metadata;
use uuid::Uuid;

impl Commands {
    /// An id for a coupon that is offered now.
    #[must_use]
    pub fn new_coupon_id(&self) -> CouponId {
        CouponId::new(self.clock.now().second(), rand::random())
    }

    /// Offers a coupon of a shop that the door found open. Its picture, if it has one, lies in the
    /// blob store.
    ///
    /// # Errors
    /// The [`coupon::Rejection`] of the first bad field; [`Error::Log`].
    pub async fn offer_coupon(
        &self,
        offer: CouponOffered,
    ) -> Result<Receipt, Error<coupon::Rejection>> {
        let stream = StreamName::coupon(offer.coupon_id);
        self.execute_new::<Coupon>(&stream, &coupon::Command::Offer(offer), &by("admin"))
            .await
    }

    /// Gives a coupon out no longer; the copies that people have stay good.
    ///
    /// # Errors
    /// [`coupon::Rejection::UnknownCoupon`]; [`Error::Log`].
    pub async fn withdraw_coupon(
        &self,
        coupon_id: CouponId,
    ) -> Result<Receipt, Error<coupon::Rejection>> {
        let stream = StreamName::coupon(coupon_id);
        self.execute::<Coupon>(&stream, &coupon::Command::Withdraw, &by("admin"))
            .await
    }

    /// Gives a person a copy, once for each `id`; nothing where the coupon is given out no longer at
    /// the time of the copy, or its rule gives none.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub async fn grant_coupon(
        &self,
        copy: CouponGranted,
        id: Uuid,
        by: &Metadata,
    ) -> Result<Receipt, Error<grant::Rejection>> {
        let coupon = self.coupon(copy.coupon_id).await.map_err(Error::Log)?;
        let day = self.day_of(copy.at);
        let Some(coupon) = coupon.filter(|coupon| !coupon.withdrawn && !coupon.expired(&day))
        else {
            return Ok(Receipt::default());
        };
        let stream = StreamName::grant(copy.coupon_id, copy.user_id);
        let rule = coupon.offer.rule;
        self.execute_once::<Grant>(&stream, &grant::Command::Grant { copy, rule }, id, by)
            .await
    }

    /// Uses the oldest unused copy that `user_id` has.
    ///
    /// # Errors
    /// [`grant::Rejection::UnknownCoupon`], [`grant::Rejection::Expired`],
    /// [`grant::Rejection::NoCopy`], [`grant::Rejection::Used`]; [`Error::Log`].
    pub async fn use_coupon(
        &self,
        user_id: UserId,
        coupon_id: CouponId,
    ) -> Result<Receipt, Error<grant::Rejection>> {
        let coupon = self.coupon(coupon_id).await.map_err(Error::Log)?;
        let coupon = coupon.ok_or(Error::Rejected(grant::Rejection::UnknownCoupon))?;
        if coupon.expired(&self.day_of(self.clock.now())) {
            return Err(Error::Rejected(grant::Rejection::Expired));
        }
        let stream = StreamName::grant(coupon_id, user_id);
        self.execute::<Grant>(&stream, &grant::Command::Use, &by(user_id))
            .await
    }

    /// A coupon as its own stream tells it; `None` when there is none.
    ///
    /// # Errors
    /// Those of the log.
    pub async fn coupon(&self, coupon_id: CouponId) -> Result<Option<Offered>, eventlog::Error> {
        Ok(load::<Coupon>(&*self.log, &StreamName::coupon(coupon_id))
            .await?
            .0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::House;
    use domain::coupon::Rule;
    use domain::grant::Occasion;
    use domain::{CheckinId, Millis, ShopId};

    /// The day of the tests, and the day before.
    const TODAY: &str = "2013-01-12";
    const YESTERDAY: &str = "2013-01-11";

    fn ana() -> UserId {
        UserId::new(1, [1; 8])
    }

    fn offer(number: u8, last_day: &str) -> CouponOffered {
        CouponOffered {
            coupon_id: CouponId::new(1, [number; 8]),
            shop_id: ShopId::new(7).expect("an id"),
            name: "半价".into(),
            desc: String::new(),
            rule: Rule::EveryCheckin,
            valid_until: Some(last_day.into()),
            image: false,
        }
    }

    /// Gives Ana a copy of a coupon for the check-in with this number, so long ago.
    async fn grant(house: &House, offer: &CouponOffered, checkin: u8, ago_ms: i64) {
        let copy = CouponGranted {
            coupon_id: offer.coupon_id,
            user_id: ana(),
            shop_id: offer.shop_id,
            checkin_id: CheckinId::new(1, [checkin; 8]),
            occasion: Occasion::Checkin,
            at: Millis(house.commands.clock().now().0 - ago_ms),
        };
        let id = Uuid::from_u128(checkin.into());
        let granted = house.commands.grant_coupon(copy, id, &by("the test")).await;
        let _ = granted.expect("a log");
    }

    async fn used(house: &House, offer: &CouponOffered) -> Option<grant::Rejection> {
        match house.commands.use_coupon(ana(), offer.coupon_id).await {
            Ok(_) => None,
            Err(Error::Rejected(rejection)) => Some(rejection),
            Err(error) => panic!("{error}"),
        }
    }

    #[tokio::test]
    async fn a_coupon_is_good_until_its_last_day_is_over() {
        let house = House::new().await;
        let (good, over) = (offer(1, TODAY), offer(2, YESTERDAY));
        for offer in [&good, &over] {
            let offered = house.commands.offer_coupon(offer.clone()).await;
            let _ = offered.expect("offered");
            grant(&house, offer, 1, 0).await;
            // In the evening of the day before.
            grant(&house, offer, 2, 13 * 3_600_000).await;
        }
        let granted = "coupon.granted.v1";
        let offered = "coupon.offered.v1";
        assert_eq!(
            house.events().await,
            [offered, granted, granted, offered, granted]
        );
        assert_eq!(used(&house, &over).await, Some(grant::Rejection::Expired));
        assert_eq!(used(&house, &good).await, None);
        assert_eq!(used(&house, &good).await, None);
        assert_eq!(used(&house, &good).await, Some(grant::Rejection::Used));
    }

    #[tokio::test]
    async fn what_was_withdrawn_is_given_out_no_longer_but_stays_good() {
        let house = House::new().await;
        let (commands, offer) = (&house.commands, offer(1, TODAY));
        let unknown = used(&house, &offer).await;
        assert_eq!(unknown, Some(grant::Rejection::UnknownCoupon));
        let _ = commands.offer_coupon(offer.clone()).await.expect("offered");
        grant(&house, &offer, 1, 0).await;
        let withdrawn = commands.withdraw_coupon(offer.coupon_id).await;
        let _ = withdrawn.expect("withdrawn");
        grant(&house, &offer, 2, 0).await;
        assert_eq!(used(&house, &offer).await, None);
        assert_eq!(used(&house, &offer).await, Some(grant::Rejection::Used));
    }
}
