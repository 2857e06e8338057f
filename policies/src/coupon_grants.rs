//! Whenever somebody checks in at a shop, give them copies of its coupons, by the rule of each
//! (seed §31.1).

use crate::{Policy, Trouble, because_of, step_id};
use commands::Commands;
use domain::grant::{CouponGranted, Occasion};
use domain::{CheckinId, Event, EventKind, ShopId, UserId};
use eventlog::RecordedEvent;
use projections::Projections;
use std::sync::Arc;

const NAME: &str = "coupon_grants";

/// The policy.
pub struct CouponGrants {
    commands: Arc<Commands>,
    projections: Arc<Projections>,
}

impl CouponGrants {
    /// The policy, which finds what shops offer in `projections`; each grant asks the coupon's own
    /// stream again.
    #[must_use]
    pub fn new(commands: Arc<Commands>, projections: Arc<Projections>) -> Self {
        Self {
            commands,
            projections,
        }
    }
}

#[async_trait::async_trait]
impl Policy for CouponGrants {
    fn name(&self) -> &'static str {
        NAME
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::CheckedIn]
    }

    async fn react(&self, event: &RecordedEvent, _: u32) -> Result<(), Trouble> {
        let Event::CheckedIn(checked_in) = &event.event else {
            return Ok(());
        };
        let stay = Stay {
            user_id: checked_in.user_id,
            shop_id: checked_in.shop_id,
            checkin_id: checked_in.checkin_id,
            occasion: Occasion::Checkin,
        };
        give(&self.commands, &self.projections, &stay, NAME, event).await
    }
}

/// Somebody's stay at a shop, and what a copy may be given for.
pub(crate) struct Stay {
    pub(crate) user_id: UserId,
    pub(crate) shop_id: ShopId,
    pub(crate) checkin_id: CheckinId,
    pub(crate) occasion: Occasion,
}

/// Gives copies of what the shop offered before `cause`, because `policy` saw it.
pub(crate) async fn give(
    commands: &Commands,
    projections: &Projections,
    stay: &Stay,
    policy: &str,
    cause: &RecordedEvent,
) -> Result<(), Trouble> {
    let by = because_of(policy, cause);
    // What is offered later is for later occasions, also when this one is seen again.
    let offered = projections.coupons.open_at(stay.shop_id, cause.position);
    for coupon in offered.await? {
        let copy = CouponGranted {
            coupon_id: coupon.coupon_id,
            user_id: stay.user_id,
            shop_id: stay.shop_id,
            checkin_id: stay.checkin_id,
            occasion: stay.occasion,
            at: cause.time,
        };
        let id = step_id(policy, cause, &coupon.coupon_id.to_string());
        let _ = commands.grant_coupon(copy, id, &by).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{House, person};
    use commands::CheckIn;
    use domain::Position;
    use domain::coupon::{CouponOffered, Rule};
    use domain::geo::Point;

    fn shop() -> ShopId {
        ShopId::new(7).expect("an id")
    }

    async fn offer(house: &House, name: &str, rule: Rule) {
        let offer = CouponOffered {
            coupon_id: house.commands.new_coupon_id(),
            shop_id: shop(),
            name: name.into(),
            desc: String::new(),
            rule,
            valid_until: None,
            image: false,
        };
        let _ = house.commands.offer_coupon(offer).await.expect("offered");
    }

    /// Ana checks in; the position of the event, which the policy has not seen.
    async fn check_in(house: &House) -> Position {
        let check_in = CheckIn {
            user_id: person(1),
            shop_id: shop(),
            point: Point::new(30.28, 120.12).expect("a point"),
            accuracy: 30.0,
            od: 1,
            altitude: None,
            altacc: None,
            bssid: None,
            hidden: false,
        };
        let (_, receipt) = house.commands.check_in(check_in).await.expect("a log");
        receipt.position.expect("an event")
    }

    /// Shows the policy the event at `position`.
    async fn react(house: &House, position: Position) {
        house.projections.caught_up().await;
        let grants = CouponGrants::new(house.commands.clone(), house.projections.clone());
        let seen = grants.react(&house.event(position.0).await, 1).await;
        seen.expect("stores");
    }

    async fn granted(house: &House) -> usize {
        let types = house.types().await;
        let granted = |name: &&String| *name == "coupon.granted.v1";
        types.iter().filter(granted).count()
    }

    #[tokio::test]
    async fn a_check_in_brings_a_copy_of_each_coupon_by_its_rule() {
        let house = House::new().await;
        offer(&house, "once", Rule::Once).await;
        offer(&house, "always", Rule::EveryCheckin).await;
        for expected in [2, 3] {
            let position = check_in(&house).await;
            react(&house, position).await;
            assert_eq!(granted(&house).await, expected);
        }
    }

    #[tokio::test]
    async fn a_check_in_that_is_seen_again_brings_nothing_more() {
        let house = House::new().await;
        offer(&house, "always", Rule::EveryCheckin).await;
        let position = check_in(&house).await;
        for _ in 0..2 {
            react(&house, position).await;
        }
        assert_eq!(granted(&house).await, 1);
    }

    #[tokio::test]
    async fn what_is_offered_after_the_check_in_is_for_the_next_one() {
        let house = House::new().await;
        let position = check_in(&house).await;
        offer(&house, "late", Rule::Once).await;
        react(&house, position).await;
        assert_eq!(granted(&house).await, 0);
    }
}
