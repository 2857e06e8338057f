//! Whenever somebody was given a copy of a coupon, let the shop tell them (seed §31.1).

use crate::saying::say;
use crate::{Policy, Trouble, step_id};
use commands::Commands;
use domain::chat::{Destination, MessageSent};
use domain::{Event, EventKind};
use eventlog::RecordedEvent;
use projections::Projections;
use std::sync::Arc;

const NAME: &str = "coupon_message";

/// The policy.
pub struct CouponMessage {
    commands: Arc<Commands>,
    projections: Arc<Projections>,
}

impl CouponMessage {
    /// The policy, which finds the names of shops in `projections`.
    #[must_use]
    pub fn new(commands: Arc<Commands>, projections: Arc<Projections>) -> Self {
        Self {
            commands,
            projections,
        }
    }
}

#[async_trait::async_trait]
impl Policy for CouponMessage {
    fn name(&self) -> &'static str {
        NAME
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::CouponGranted]
    }

    async fn react(&self, event: &RecordedEvent, _: u32) -> Result<(), Trouble> {
        let Event::CouponGranted(copy) = &event.event else {
            return Ok(());
        };
        let Some(coupon) = self.commands.coupon(copy.coupon_id).await? else {
            return Ok(());
        };
        let shops = &self.projections.shop_index;
        let shop = shops.read(|shops| shops.name(copy.shop_id).map(str::to_owned));
        let body = body(
            &coupon.offer.name,
            // It may have closed meanwhile.
            &shop.unwrap_or_default(),
            &copy.coupon_id.to_string(),
            &self.commands.local_time(copy.at),
        );
        let to = Destination::To(copy.user_id.into());
        let message = MessageSent::new(copy.shop_id.into(), to, body);
        let id = step_id(NAME, event, "message");
        say(&self.commands, message, id, NAME, event).await
    }
}

/// `[优惠券:$name:$shop:$id:$time]`: what the parts hold cannot be taken for what parts them.
fn body(name: &str, shop: &str, id: &str, time: &str) -> String {
    let [name, shop, time] = [name, shop, time].map(|part| {
        let plain = |c| match c {
            ':' => '：',
            ']' => '］',
            c => c,
        };
        part.chars().map(plain).collect::<String>()
    });
    format!("[优惠券:{name}:{shop}:{id}:{time}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CouponGrants;
    use crate::testing::House;
    use domain::coupon::Rule;

    #[tokio::test]
    async fn the_shop_tells_of_a_copy_once() {
        let house = House::new().await;
        let ana = house.account("ana").await;
        let shop = house.open_shop(7, "Ekberg").await;
        let coupon = house.offer(7, "第二杯半价", Rule::Once).await;
        let checked_in = house.check_in(ana, 7, false).await;
        let grants = CouponGrants::new(house.commands.clone(), house.projections.clone());
        house.show(&grants, checked_in).await;
        let granted = house.log.head().await.expect("a log");
        let policy = CouponMessage::new(house.commands.clone(), house.projections.clone());
        for _ in 0..2 {
            house.show(&policy, granted).await;
        }
        let said = house.said().await;
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].from, shop.into());
        assert_eq!(said[0].to, Destination::To(ana.into()));
        let expected = format!("[优惠券:第二杯半价:Ekberg:{coupon}:2013-01-12 00：00：00]");
        assert_eq!(said[0].body, expected);
    }

    #[test]
    fn a_message_has_five_parts_whatever_the_names() {
        let body = body("9:00] 早", "a:b]", "50a1", "2013-01-12 08:00:00");
        assert_eq!(
            body,
            "[优惠券:9：00］ 早:a：b］:50a1:2013-01-12 08：00：00]"
        );
        assert_eq!(body.split(':').count(), 5);
    }
}
