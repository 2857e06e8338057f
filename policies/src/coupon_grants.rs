//! Whenever somebody checks in at a shop, give them copies of its coupons, by the rule of each
//! (seed §31.1).

use crate::{Policy, Trouble, because_of, step_id};
use commands::Commands;
use domain::grant::{CouponGranted, Occasion};
use domain::{Event, EventKind};
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
        let coupons = &self.projections.coupons;
        let by = because_of(NAME, event);
        // What is offered later is for later check-ins, also when this one is seen again.
        for coupon in coupons.open_at(checked_in.shop_id, event.position).await? {
            let copy = CouponGranted {
                coupon_id: coupon.coupon_id,
                user_id: checked_in.user_id,
                shop_id: checked_in.shop_id,
                checkin_id: checked_in.checkin_id,
                occasion: Occasion::Checkin,
                at: event.time,
            };
            let id = step_id(NAME, event, &coupon.coupon_id.to_string());
            let _ = self.commands.grant_coupon(copy, id, &by).await?;
        }
        Ok(())
    }
}
