//! People with accounts, shops that are open, and what is said and given there.

use super::House;
use crate::Policy;
use commands::CheckIn;
use domain::chat::MessageSent;
use domain::coupon::{CouponOffered, Rule};
use domain::geo::Point;
use domain::shop::{Category, ShopDetails};
use domain::{CouponId, Event, Position, ShopId, UserId};

pub(crate) fn shop(number: u64) -> ShopId {
    ShopId::new(number).expect("an id")
}

fn here() -> Point {
    Point::new(30.28, 120.12).expect("a point")
}

impl House {
    /// Somebody of this name.
    pub(crate) async fn account(&self, name: &str) -> UserId {
        let login = self.commands.log_in(name, "secret").await;
        login.expect("a login").account.user_id
    }

    /// Opens a café with this name.
    pub(crate) async fn open_shop(&self, number: u64, name: &str) -> ShopId {
        let details = ShopDetails {
            name: name.into(),
            point: here(),
            category: Category::try_from(2).expect("a category"),
            address: String::new(),
            phone: String::new(),
            points: Vec::new(),
        };
        let opened = self.commands.register_shop(shop(number), details).await;
        let _ = opened.expect("registered");
        shop(number)
    }

    /// A shop offers a coupon.
    pub(crate) async fn offer(&self, number: u64, name: &str, rule: Rule) -> CouponId {
        let offer = CouponOffered {
            coupon_id: self.commands.new_coupon_id(),
            shop_id: shop(number),
            name: name.into(),
            desc: String::new(),
            rule,
            valid_until: None,
            image: false,
        };
        let coupon = offer.coupon_id;
        let _ = self.commands.offer_coupon(offer).await.expect("offered");
        coupon
    }

    /// Somebody checks in at a shop; the position of the event.
    pub(crate) async fn check_in(&self, user_id: UserId, number: u64, hidden: bool) -> Position {
        let check_in = CheckIn {
            user_id,
            shop_id: shop(number),
            point: here(),
            accuracy: 30.0,
            od: 1,
            altitude: None,
            altacc: None,
            bssid: None,
            hidden,
        };
        let (_, receipt) = self.commands.check_in(check_in).await.expect("a log");
        receipt.position.expect("an event")
    }

    /// Shows `policy` the event at `position`, which all read models have applied.
    pub(crate) async fn show(&self, policy: &dyn Policy, position: Position) {
        self.projections.caught_up().await;
        let seen = policy.react(&self.event(position.0).await, 1).await;
        seen.expect("stores");
    }

    /// Everything that was said, in order.
    pub(crate) async fn said(&self) -> Vec<MessageSent> {
        let head = self.log.head().await.expect("a log");
        let mut said = Vec::new();
        for position in 1..=head.0 {
            if let Event::MessageSent(message) = self.event(position).await.event {
                said.push(message);
            }
        }
        said
    }

    /// How many copies of coupons were given.
    pub(crate) async fn granted(&self) -> usize {
        let types = self.types().await;
        let granted = |name: &&String| *name == "coupon.granted.v1";
        types.iter().filter(granted).count()
    }
}
