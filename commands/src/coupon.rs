//! What operators do with coupons, and what becomes of people's copies (seed §31).
//!
//! What day it is, is the caller's to say: days begin where the operator's time zone says so.

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

    /// Gives a person a copy on the day `today`, once for each `id`; nothing where the coupon is
    /// given out no longer, or its rule gives none.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub async fn grant_coupon(
        &self,
        copy: CouponGranted,
        today: &str,
        id: Uuid,
        by: &Metadata,
    ) -> Result<Receipt, Error<grant::Rejection>> {
        let coupon = self.coupon(copy.coupon_id).await.map_err(Error::Log)?;
        let Some(coupon) = coupon.filter(|coupon| !coupon.withdrawn && !coupon.expired(today))
        else {
            return Ok(Receipt::default());
        };
        let stream = StreamName::grant(copy.coupon_id, copy.user_id);
        let rule = coupon.offer.rule;
        self.execute_once::<Grant>(&stream, &grant::Command::Grant { copy, rule }, id, by)
            .await
    }

    /// Uses the oldest unused copy that `user_id` has, on the day `today`.
    ///
    /// # Errors
    /// [`grant::Rejection::UnknownCoupon`], [`grant::Rejection::Expired`],
    /// [`grant::Rejection::NoCopy`], [`grant::Rejection::Used`]; [`Error::Log`].
    pub async fn use_coupon(
        &self,
        user_id: UserId,
        coupon_id: CouponId,
        today: &str,
    ) -> Result<Receipt, Error<grant::Rejection>> {
        let coupon = self.coupon(coupon_id).await.map_err(Error::Log)?;
        let coupon = coupon.ok_or(Error::Rejected(grant::Rejection::UnknownCoupon))?;
        if coupon.expired(today) {
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

    const LAST_DAY: &str = "2013-12-31";
    const DAY_AFTER: &str = "2014-01-01";

    fn ana() -> UserId {
        UserId::new(1, [1; 8])
    }

    fn offer() -> CouponOffered {
        CouponOffered {
            coupon_id: CouponId::new(1, [2; 8]),
            shop_id: ShopId::new(7).expect("an id"),
            name: "半价".into(),
            desc: String::new(),
            rule: Rule::EveryCheckin,
            valid_until: Some(LAST_DAY.into()),
            image: false,
        }
    }

    /// Gives Ana a copy for the check-in with this number.
    async fn grant(house: &House, checkin: u8, today: &str) {
        let copy = CouponGranted {
            coupon_id: offer().coupon_id,
            user_id: ana(),
            shop_id: offer().shop_id,
            checkin_id: CheckinId::new(1, [checkin; 8]),
            occasion: Occasion::Checkin,
            at: Millis(1_357_948_800_000),
        };
        let id = Uuid::from_u128(checkin.into());
        let commands = &house.commands;
        let granted = commands
            .grant_coupon(copy, today, id, &by("the test"))
            .await;
        let _ = granted.expect("a log");
    }

    async fn used(house: &House, today: &str) -> Option<grant::Rejection> {
        let commands = &house.commands;
        match commands.use_coupon(ana(), offer().coupon_id, today).await {
            Ok(_) => None,
            Err(Error::Rejected(rejection)) => Some(rejection),
            Err(error) => panic!("{error}"),
        }
    }

    #[tokio::test]
    async fn a_coupon_is_good_until_its_last_day_is_over() {
        let house = House::new().await;
        let _ = house.commands.offer_coupon(offer()).await.expect("offered");
        grant(&house, 1, LAST_DAY).await;
        grant(&house, 2, DAY_AFTER).await;
        assert_eq!(
            house.events().await,
            ["coupon.offered.v1", "coupon.granted.v1"]
        );
        assert_eq!(
            used(&house, DAY_AFTER).await,
            Some(grant::Rejection::Expired)
        );
        assert_eq!(used(&house, LAST_DAY).await, None);
        assert_eq!(used(&house, LAST_DAY).await, Some(grant::Rejection::Used));
    }

    #[tokio::test]
    async fn what_was_withdrawn_is_given_out_no_longer_but_stays_good() {
        let house = House::new().await;
        let commands = &house.commands;
        let unknown = used(&house, LAST_DAY).await;
        assert_eq!(unknown, Some(grant::Rejection::UnknownCoupon));
        let _ = commands.offer_coupon(offer()).await.expect("offered");
        grant(&house, 1, LAST_DAY).await;
        let withdrawn = commands.withdraw_coupon(offer().coupon_id).await;
        let _ = withdrawn.expect("withdrawn");
        grant(&house, 2, LAST_DAY).await;
        assert_eq!(used(&house, LAST_DAY).await, None);
        assert_eq!(used(&house, LAST_DAY).await, Some(grant::Rejection::Used));
    }
}
