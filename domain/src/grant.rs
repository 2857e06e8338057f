//! A person's copies of a coupon: given by the coupon's rule, each used once.

use crate::coupon::Rule;
use crate::{CheckinId, CouponId, Decider, Event, Millis, ShopId, UserId};
use serde::{Deserialize, Serialize};

/// How far apart two copies of one person are at least: a client tells copies by their time, which
/// it is told in seconds (seed §31.1).
const APART_MS: i64 = 1_000;

/// A person was given a copy of a coupon.
///
/// `{"coupon_id":"50a1…","user_id":"502e…","shop_id":1,"checkin_id":"50b7…","occasion":"checkin",
/// "at":1357948800000}`; source: seed §31.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponGranted {
    /// Of which coupon.
    pub coupon_id: CouponId,
    /// Who.
    pub user_id: UserId,
    /// Whose coupon.
    pub shop_id: ShopId,
    /// During which check-in.
    pub checkin_id: CheckinId,
    /// What for.
    pub occasion: Occasion,
    /// When: what the client is told, and what tells this copy from the person's others.
    pub at: Millis,
}

/// A person used a copy of a coupon.
///
/// `{"coupon_id":"50a1…","user_id":"502e…","shop_id":1,"granted_at":1357948800000}`; source: seed
/// §31.3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponUsed {
    /// Of which coupon.
    pub coupon_id: CouponId,
    /// Who.
    pub user_id: UserId,
    /// Whose coupon.
    pub shop_id: ShopId,
    /// Which copy: [`CouponGranted::at`].
    pub granted_at: Millis,
}

/// What a copy was given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// A check-in.
    Checkin,
    /// A shake in the shop's room (seed §28.3).
    Shake,
}

/// What is wanted with a person's copies.
#[derive(Clone, Debug)]
pub enum Command {
    /// Gives one, if the rule allows it. That the coupon is given out was found out before.
    Grant {
        /// The copy; its time moves on where it would be too near to another's.
        copy: CouponGranted,
        /// The coupon's rule.
        rule: Rule,
    },
    /// Uses the oldest unused one. That the coupon is good was found out before.
    Use,
}

/// Why the rules refuse a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such coupon.
    #[error("unknown coupon")]
    UnknownCoupon,
    /// The person never had a copy.
    #[error("you have no such coupon")]
    NoCopy,
    /// All copies of the person are used.
    #[error("the coupon is used already")]
    Used,
    /// Its last day is over.
    #[error("the coupon has expired")]
    Expired,
}

/// A person's copies of one coupon, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Copies(Vec<Copy>);

#[derive(Clone, Debug)]
struct Copy {
    granted: CouponGranted,
    used: bool,
}

impl Copies {
    fn unused(&self) -> Option<&Copy> {
        self.0.iter().find(|copy| !copy.used)
    }

    /// Whether the rule gives a copy for this occasion of this check-in.
    fn may_have(&self, rule: Rule, copy: &CouponGranted) -> bool {
        let same = |other: &Copy| {
            other.granted.checkin_id == copy.checkin_id && other.granted.occasion == copy.occasion
        };
        !self.0.iter().any(same)
            && match rule {
                Rule::Once => self.0.is_empty(),
                Rule::OneUnused => self.unused().is_none(),
                Rule::EveryCheckin => true,
            }
    }
}

/// The rules of `grant-<coupon>-<user>`.
#[derive(Debug)]
pub struct Grant;

impl Decider for Grant {
    type Command = Command;
    type Rejection = Rejection;
    type State = Copies;

    fn decide(copies: &Copies, command: &Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Grant { copy, rule } if !copies.may_have(*rule, copy) => Ok(Vec::new()),
            Command::Grant { copy, .. } => {
                let last = copies.0.last();
                let earliest = last.map(|last| last.granted.at.0.saturating_add(APART_MS));
                let at = Millis(earliest.map_or(copy.at.0, |earliest| copy.at.0.max(earliest)));
                Ok(vec![CouponGranted { at, ..copy.clone() }.into()])
            }
            Command::Use => match copies.unused() {
                Some(Copy { granted, .. }) => Ok(vec![
                    CouponUsed {
                        coupon_id: granted.coupon_id,
                        user_id: granted.user_id,
                        shop_id: granted.shop_id,
                        granted_at: granted.at,
                    }
                    .into(),
                ]),
                None if copies.0.is_empty() => Err(Rejection::NoCopy),
                None => Err(Rejection::Used),
            },
        }
    }

    fn evolve(copies: &mut Copies, event: &Event) {
        match event {
            Event::CouponGranted(granted) => copies.0.push(Copy {
                granted: granted.clone(),
                used: false,
            }),
            Event::CouponUsed(used) => {
                for copy in &mut copies.0 {
                    copy.used |= copy.granted.at == used.granted_at;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::given;

    const NOON: i64 = 1_357_948_800_000;

    fn granted(checkin: u8, at: i64) -> CouponGranted {
        CouponGranted {
            coupon_id: CouponId::new(1, [1; 8]),
            user_id: UserId::new(1, [2; 8]),
            shop_id: ShopId::new(7).expect("an id"),
            checkin_id: CheckinId::new(1, [checkin; 8]),
            occasion: Occasion::Checkin,
            at: Millis(at),
        }
    }

    fn grant(rule: Rule, checkin: u8, at: i64) -> Command {
        Command::Grant {
            copy: granted(checkin, at),
            rule,
        }
    }

    fn used(at: i64) -> Event {
        let copy = granted(1, at);
        CouponUsed {
            coupon_id: copy.coupon_id,
            user_id: copy.user_id,
            shop_id: copy.shop_id,
            granted_at: copy.at,
        }
        .into()
    }

    #[test]
    fn once_is_once_for_ever() {
        given::<Grant>([])
            .when(grant(Rule::Once, 1, NOON))
            .then([granted(1, NOON).into()]);
        given::<Grant>([granted(1, NOON).into(), used(NOON)])
            .when(grant(Rule::Once, 2, 2 * NOON))
            .then_nothing();
    }

    #[test]
    fn one_unused_at_a_time() {
        given::<Grant>([granted(1, NOON).into()])
            .when(grant(Rule::OneUnused, 2, 2 * NOON))
            .then_nothing();
        given::<Grant>([granted(1, NOON).into(), used(NOON)])
            .when(grant(Rule::OneUnused, 2, 2 * NOON))
            .then([granted(2, 2 * NOON).into()]);
    }

    #[test]
    fn every_check_in_brings_one_and_a_repeated_one_none() {
        given::<Grant>([granted(1, NOON).into()])
            .when(grant(Rule::EveryCheckin, 2, 2 * NOON))
            .then([granted(2, 2 * NOON).into()]);
        for rule in [Rule::EveryCheckin, Rule::OneUnused] {
            given::<Grant>([granted(1, NOON).into(), used(NOON)])
                .when(grant(rule, 1, 2 * NOON))
                .then_nothing();
        }
    }

    #[test]
    fn a_shake_brings_another_one_once_for_each_check_in() {
        let shaken = |at| CouponGranted {
            occasion: Occasion::Shake,
            ..granted(1, at)
        };
        let shake = |at| Command::Grant {
            copy: shaken(at),
            rule: Rule::EveryCheckin,
        };
        given::<Grant>([granted(1, NOON).into()])
            .when(shake(2 * NOON))
            .then([shaken(2 * NOON).into()]);
        given::<Grant>([granted(1, NOON).into(), shaken(2 * NOON).into()])
            .when(shake(3 * NOON))
            .then_nothing();
    }

    #[test]
    fn copies_of_one_person_are_a_second_apart() {
        given::<Grant>([granted(1, NOON).into()])
            .when(grant(Rule::EveryCheckin, 2, NOON))
            .then([granted(2, NOON + 1_000).into()]);
    }

    #[test]
    fn the_oldest_unused_copy_is_used_once() {
        let both = || [granted(1, NOON).into(), granted(2, 2 * NOON).into()];
        given::<Grant>(both()).when(Command::Use).then([used(NOON)]);
        given::<Grant>(both().into_iter().chain([used(NOON)]))
            .when(Command::Use)
            .then([used(2 * NOON)]);
        given::<Grant>(both().into_iter().chain([used(NOON), used(2 * NOON)]))
            .when(Command::Use)
            .then_rejected(Rejection::Used);
        given::<Grant>([])
            .when(Command::Use)
            .then_rejected(Rejection::NoCopy);
    }
}
