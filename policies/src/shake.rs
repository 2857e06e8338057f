//! Whenever somebody who is at a shop shakes the phone in its room, give them copies of its coupons,
//! by the rule of each, once for each check-in (seed §28.3, §31.1).

use crate::coupon_grants::{Stay, give};
use crate::{Policy, Trouble};
use commands::Commands;
use domain::chat::{Destination, MessageSent};
use domain::grant::Occasion;
use domain::{Event, EventKind, ShopId, UserId};
use eventlog::RecordedEvent;
use projections::Projections;
use projections::traces::Trace;
use std::sync::Arc;

const NAME: &str = "shake";

/// The policy.
pub struct Shake {
    commands: Arc<Commands>,
    projections: Arc<Projections>,
    /// For how long after a check-in somebody counts as being there.
    window_ms: i64,
}

impl Shake {
    /// The policy, which finds in `projections` where people are and what shops offer; whoever
    /// checked in at most `window_ms` ago is there.
    #[must_use]
    pub fn new(commands: Arc<Commands>, projections: Arc<Projections>, window_ms: i64) -> Self {
        Self {
            commands,
            projections,
            window_ms,
        }
    }

    /// The check-in by which somebody is at `shop` at the moment of `event`.
    async fn visit(
        &self,
        event: &RecordedEvent,
        user: UserId,
        shop: ShopId,
    ) -> Result<Option<Trace>, Trouble> {
        let traces = &self.projections.traces;
        let last = traces.last_before(user, event.position).await?;
        Ok(last.filter(|last| {
            let ago_ms = event.time.0.saturating_sub(last.at.0);
            last.shop_id == shop && ago_ms <= self.window_ms
        }))
    }
}

#[async_trait::async_trait]
impl Policy for Shake {
    fn name(&self) -> &'static str {
        NAME
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::MessageSent]
    }

    async fn react(&self, event: &RecordedEvent, _: u32) -> Result<(), Trouble> {
        let Event::MessageSent(message) = &event.event else {
            return Ok(());
        };
        let Some((user_id, shop_id)) = shaken(message) else {
            return Ok(());
        };
        let Some(visit) = self.visit(event, user_id, shop_id).await? else {
            return Ok(());
        };
        let stay = Stay {
            user_id,
            shop_id,
            checkin_id: visit.checkin_id,
            occasion: Occasion::Shake,
        };
        give(&self.commands, &self.projections, &stay, NAME, event).await
    }
}

/// Who shakes, and in whose room, if this is a shake: `[摇一摇:$name]`.
fn shaken(message: &MessageSent) -> Option<(UserId, ShopId)> {
    let body = message.body.trim();
    let is_shake = body.starts_with("[摇一摇:") && body.ends_with(']');
    match message.to {
        Destination::Room(shop) if is_shake => Some((message.from.user()?, shop)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{House, shop};
    use commands::Circumstances;
    use domain::coupon::Rule;

    const HOUR: i64 = 60 * 60 * 1000;

    /// Somebody says this in the room of the café, and the policy sees it twice.
    async fn says(house: &House, user: UserId, body: &str) {
        let room = Destination::Room(shop(7));
        let message = MessageSent::new(user.into(), room, body);
        let said = house
            .commands
            .send_message(message, Circumstances::default());
        let position = said.await.expect("said").position.expect("an event");
        let (commands, projections) = (house.commands.clone(), house.projections.clone());
        let policy = Shake::new(commands, projections, 12 * HOUR);
        for _ in 0..2 {
            house.show(&policy, position).await;
        }
    }

    /// Ana, in the café, which gives a coupon whenever it can.
    async fn cafe() -> (House, UserId) {
        let house = House::new().await;
        let ana = house.account("ana").await;
        house.offer(7, "半价", Rule::EveryCheckin).await;
        house.check_in(ana, 7, false).await;
        (house, ana)
    }

    #[tokio::test]
    async fn a_shake_brings_coupons_once_for_each_check_in() {
        let (house, ana) = cafe().await;
        for _ in 0..2 {
            says(&house, ana, "[摇一摇:阿娜]").await;
        }
        assert_eq!(house.granted().await, 1);
        house.pass(HOUR);
        house.check_in(ana, 7, false).await;
        says(&house, ana, "[摇一摇:阿娜]").await;
        assert_eq!(house.granted().await, 2);
    }

    #[tokio::test]
    async fn only_who_is_there_can_shake() {
        let (house, ana) = cafe().await;
        let bo = house.account("bo").await;
        says(&house, bo, "[摇一摇:波]").await;
        house.pass(12 * HOUR + 1);
        says(&house, ana, "[摇一摇:阿娜]").await;
        house.check_in(ana, 8, false).await;
        says(&house, ana, "[摇一摇:阿娜]").await;
        assert_eq!(house.granted().await, 0);
    }

    #[tokio::test]
    async fn talking_of_shakes_is_none() {
        let (house, ana) = cafe().await;
        for body in ["hi", "[摇一摇:", "the [摇一摇:阿娜]"] {
            says(&house, ana, body).await;
        }
        assert_eq!(house.granted().await, 0);
    }
}
