//! What a shop offers its guests: a coupon, by which rule it is given out, and until when.
//!
//! Who has copies of it is `grant`'s.

use crate::user::{is_date, is_text};
use crate::{CouponId, Decider, Event, ShopId};
use serde::{Deserialize, Serialize};

/// A shop offers a coupon.
///
/// `{"coupon_id":"50a1…","shop_id":1,"name":"半价","desc":"…","rule":0,"valid_until":"2013-12-31",
/// "image":true}`; source: seed §31.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponOffered {
    /// Which coupon.
    pub coupon_id: CouponId,
    /// Whose.
    pub shop_id: ShopId,
    /// 1 to 63 characters on one line.
    pub name: String,
    /// Up to 500 characters.
    pub desc: String,
    /// Who gets a copy, and how often.
    pub rule: Rule,
    /// The last day on which it is given out and can be used, `YYYY-MM-DD`; none: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
    /// The shop's own picture lies in the blob store.
    pub image: bool,
}

/// A shop gives out a coupon no longer; the copies that people have stay good.
///
/// `{"coupon_id":"50a1…","shop_id":1}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponWithdrawn {
    /// Which coupon.
    pub coupon_id: CouponId,
    /// Whose.
    pub shop_id: ShopId,
}

/// Who gets a copy, and how often (contract §31).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Rule {
    /// Each person once, for ever.
    Once = 0,
    /// Each person who has no unused copy.
    OneUnused = 1,
    /// Each person at every check-in.
    EveryCheckin = 2,
}

/// The refusal of a number that is no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 0, 1 or 2")]
pub struct NoRule;

impl TryFrom<u8> for Rule {
    type Error = NoRule;

    fn try_from(number: u8) -> Result<Self, NoRule> {
        match number {
            0 => Ok(Self::Once),
            1 => Ok(Self::OneUnused),
            2 => Ok(Self::EveryCheckin),
            _ => Err(NoRule),
        }
    }
}

impl From<Rule> for u8 {
    fn from(rule: Rule) -> u8 {
        rule as u8
    }
}

/// What an operator wants with a coupon.
#[derive(Clone, Debug)]
pub enum Command {
    /// Offers it. That the shop is open was found out before.
    Offer(CouponOffered),
    /// Gives it out no longer.
    Withdraw,
}

/// Why the rules refuse a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such coupon.
    #[error("unknown coupon")]
    UnknownCoupon,
    /// There is no such shop, or it is closed.
    #[error("unknown shop")]
    UnknownShop,
    /// See [`CouponOffered::name`].
    #[error("name must have 1 to 63 characters on one line")]
    Name,
    /// See [`CouponOffered::desc`].
    #[error("desc must have at most 500 characters")]
    Desc,
    /// See [`CouponOffered::valid_until`].
    #[error("valid_until must be a date like 2013-12-31")]
    ValidUntil,
}

/// A coupon as its stream tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// What was offered.
    pub offer: CouponOffered,
    /// It is given out no longer.
    pub withdrawn: bool,
}

impl Offered {
    /// Whether its last day is over on the day `today`, `YYYY-MM-DD`.
    #[must_use]
    pub fn expired(&self, today: &str) -> bool {
        // Days written so sort as they follow each other.
        self.offer
            .valid_until
            .as_deref()
            .is_some_and(|last| last < today)
    }
}

/// The rules of `coupon-<id>`.
#[derive(Debug)]
pub struct Coupon;

impl Decider for Coupon {
    type Command = Command;
    type Rejection = Rejection;
    type State = Option<Offered>;

    fn decide(coupon: &Option<Offered>, command: &Command) -> Result<Vec<Event>, Rejection> {
        match (coupon, command) {
            (None, Command::Offer(offer)) => {
                offer.check()?;
                Ok(vec![offer.clone().into()])
            }
            (Some(_), Command::Offer(_)) => Ok(Vec::new()),
            (None, Command::Withdraw) => Err(Rejection::UnknownCoupon),
            (Some(coupon), Command::Withdraw) if coupon.withdrawn => Ok(Vec::new()),
            (Some(coupon), Command::Withdraw) => Ok(vec![
                CouponWithdrawn {
                    coupon_id: coupon.offer.coupon_id,
                    shop_id: coupon.offer.shop_id,
                }
                .into(),
            ]),
        }
    }

    fn evolve(coupon: &mut Option<Offered>, event: &Event) {
        match (coupon.as_mut(), event) {
            (None, Event::CouponOffered(offer)) => {
                *coupon = Some(Offered {
                    offer: offer.clone(),
                    withdrawn: false,
                });
            }
            (Some(coupon), Event::CouponWithdrawn(_)) => coupon.withdrawn = true,
            _ => {}
        }
    }
}

impl CouponOffered {
    /// Refuses texts that do not fit on a coupon, and days that are in no calendar.
    ///
    /// # Errors
    /// The rejection that names the first bad field.
    pub fn check(&self) -> Result<(), Rejection> {
        let name = &self.name;
        let controls = name.chars().any(char::is_control);
        if name.trim().is_empty() || controls || name.chars().count() > 63 {
            return Err(Rejection::Name);
        }
        if !is_text(&self.desc, 500) {
            return Err(Rejection::Desc);
        }
        match &self.valid_until {
            Some(day) if !is_date(day) => Err(Rejection::ValidUntil),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::given;

    fn offer() -> CouponOffered {
        CouponOffered {
            coupon_id: CouponId::new(1, [1; 8]),
            shop_id: ShopId::new(7).expect("an id"),
            name: "第二杯半价".into(),
            desc: "每桌限用一张\n不与其他优惠同享".into(),
            rule: Rule::Once,
            valid_until: Some("2013-12-31".into()),
            image: false,
        }
    }

    fn withdrawn() -> Event {
        CouponWithdrawn {
            coupon_id: offer().coupon_id,
            shop_id: offer().shop_id,
        }
        .into()
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut CouponOffered), rejection: Rejection) {
        let mut bad = offer();
        change(&mut bad);
        given::<Coupon>([])
            .when(Command::Offer(bad))
            .then_rejected(rejection);
    }

    #[test]
    fn a_coupon_is_offered_and_withdrawn_once() {
        given::<Coupon>([])
            .when(Command::Offer(offer()))
            .then([offer().into()]);
        given::<Coupon>([offer().into()])
            .when(Command::Offer(offer()))
            .then_nothing();
        given::<Coupon>([offer().into()])
            .when(Command::Withdraw)
            .then([withdrawn()]);
        given::<Coupon>([offer().into(), withdrawn()])
            .when(Command::Withdraw)
            .then_nothing();
        given::<Coupon>([])
            .when(Command::Withdraw)
            .then_rejected(Rejection::UnknownCoupon);
    }

    #[test]
    fn texts_that_do_not_fit_are_refused() {
        refused(|offer| offer.name = " ".into(), Rejection::Name);
        refused(|offer| offer.name = "半\n价".into(), Rejection::Name);
        refused(|offer| offer.name = "半".repeat(64), Rejection::Name);
        refused(|offer| offer.desc = "字".repeat(501), Rejection::Desc);
        refused(|offer| offer.desc = "\0".into(), Rejection::Desc);
        let no_day = |offer: &mut CouponOffered| offer.valid_until = Some("2013-02-30".into());
        refused(no_day, Rejection::ValidUntil);
    }

    #[test]
    fn the_last_day_counts() {
        let coupon = Coupon::fold(&[offer().into()]).expect("an offer");
        assert!(!coupon.expired("2013-12-31"));
        assert!(coupon.expired("2014-01-01"));
    }
}
