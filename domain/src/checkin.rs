//! Check-ins: a person says which shop they are at, and may take it back.

use crate::geo::Point;
use crate::{CheckinId, Decider, Event, ShopId, UserId};
use serde::{Deserialize, Serialize};

/// A person is at a shop, at the time of the event.
///
/// ```json
/// {"checkin_id":"50b7…","user_id":"502e…","shop_id":1,"lat":30.28,"lng":120.12,"accuracy":65.0,
///  "od":1,"altitude":null,"altacc":null,"bssid":null,"hidden":false}
/// ```
/// Source: seed §9.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckedIn {
    /// This check-in.
    pub checkin_id: CheckinId,
    /// Who is there.
    pub user_id: UserId,
    /// Where.
    pub shop_id: ShopId,
    /// The phone's position, WGS-84 degrees, as it was sent.
    #[serde(flatten)]
    pub point: Point,
    /// Radius in metres that holds the phone in 68 % of the cases, as it was sent.
    pub accuracy: f64,
    /// The rank, from 1, of the shop in the list that the person chose from.
    pub od: u32,
    /// Metres above the sea.
    pub altitude: Option<f64>,
    /// Accuracy of the altitude in metres.
    pub altacc: Option<f64>,
    /// The Wi-Fi access point that the phone is connected to.
    pub bssid: Option<String>,
    /// Made while invisible to everyone: it stands in the person's own trace and nowhere else.
    pub hidden: bool,
}

/// A person took a check-in back.
///
/// `{"checkin_id":"50b7…","user_id":"502e…","shop_id":1}`; source: seed §15.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckinDeleted {
    /// The check-in that is gone.
    pub checkin_id: CheckinId,
    /// Whose it was.
    pub user_id: UserId,
    /// Where it was.
    pub shop_id: ShopId,
}

/// What somebody wants with a check-in.
#[derive(Clone, Debug)]
pub enum Command {
    /// Records it. That the shop is there and whether the person hides was found out at the door.
    CheckIn(CheckedIn),
    /// Takes it back.
    Delete {
        /// Who asks.
        user_id: UserId,
    },
}

/// Why the rules refuse a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such check-in.
    #[error("unknown check-in")]
    UnknownCheckin,
    /// It is somebody else's.
    #[error("not your check-in")]
    NotYourCheckin,
}

/// A check-in as its stream tells it.
#[derive(Clone, Debug)]
pub struct Recorded {
    user_id: UserId,
    checkin_id: CheckinId,
    shop_id: ShopId,
    deleted: bool,
}

/// The rules of `checkin-<id>`.
#[derive(Debug)]
pub struct Checkin;

impl Decider for Checkin {
    type Command = Command;
    type Rejection = Rejection;
    type State = Option<Recorded>;

    fn decide(checkin: &Option<Recorded>, command: &Command) -> Result<Vec<Event>, Rejection> {
        match (checkin, command) {
            (None, Command::CheckIn(checked_in)) => Ok(vec![checked_in.clone().into()]),
            (Some(_), Command::CheckIn(_)) => Ok(Vec::new()),
            (None, Command::Delete { .. }) => Err(Rejection::UnknownCheckin),
            (Some(recorded), Command::Delete { user_id }) if recorded.user_id != *user_id => {
                Err(Rejection::NotYourCheckin)
            }
            (Some(recorded), Command::Delete { .. }) if recorded.deleted => Ok(Vec::new()),
            (Some(recorded), Command::Delete { user_id }) => Ok(vec![
                CheckinDeleted {
                    checkin_id: recorded.checkin_id,
                    user_id: *user_id,
                    shop_id: recorded.shop_id,
                }
                .into(),
            ]),
        }
    }

    fn evolve(checkin: &mut Option<Recorded>, event: &Event) {
        match (checkin.as_mut(), event) {
            (None, Event::CheckedIn(made)) => {
                *checkin = Some(Recorded {
                    user_id: made.user_id,
                    checkin_id: made.checkin_id,
                    shop_id: made.shop_id,
                    deleted: false,
                });
            }
            (Some(recorded), Event::CheckinDeleted(_)) => recorded.deleted = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::given;

    fn ana() -> UserId {
        UserId::new(1, [1; 8])
    }

    fn at_cafe() -> CheckedIn {
        CheckedIn {
            checkin_id: CheckinId::new(2, [2; 8]),
            user_id: ana(),
            shop_id: ShopId::new(7).expect("an id"),
            point: Point::new(30.28, 120.12).expect("a point"),
            accuracy: 65.0,
            od: 1,
            altitude: None,
            altacc: None,
            bssid: None,
            hidden: false,
        }
    }

    fn deleted() -> Event {
        let made = at_cafe();
        CheckinDeleted {
            checkin_id: made.checkin_id,
            user_id: made.user_id,
            shop_id: made.shop_id,
        }
        .into()
    }

    #[test]
    fn checking_in_is_recorded_once() {
        given::<Checkin>([])
            .when(Command::CheckIn(at_cafe()))
            .then([at_cafe().into()]);
        given::<Checkin>([at_cafe().into()])
            .when(Command::CheckIn(at_cafe()))
            .then_nothing();
    }

    #[test]
    fn deleting_twice_deletes_once() {
        let delete = || Command::Delete { user_id: ana() };
        given::<Checkin>([at_cafe().into()])
            .when(delete())
            .then([deleted()]);
        given::<Checkin>([at_cafe().into(), deleted()])
            .when(delete())
            .then_nothing();
    }

    #[test]
    fn nobody_deletes_a_strangers_check_in() {
        let stranger = || Command::Delete {
            user_id: UserId::new(1, [9; 8]),
        };
        given::<Checkin>([at_cafe().into()])
            .when(stranger())
            .then_rejected(Rejection::NotYourCheckin);
        given::<Checkin>([])
            .when(stranger())
            .then_rejected(Rejection::UnknownCheckin);
    }
}
