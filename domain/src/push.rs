//! Which device of a person can be woken: at most one, and each device for one person only.
//!
//! Sending what wakes it is none of this file's business.

use crate::{Decider, Event, UserId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many characters a device's token has.
pub const TOKEN_LENGTH: usize = 64;

/// A person's device can be woken, in the place of the one before; should the device have been
/// another person's, it is that person's no longer.
///
/// `{"user_id":"502e…","state":2,"token":"a1b2…"}`; source: seed §33.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushTokenBound {
    /// Whose device it is from now on.
    pub user_id: UserId,
    /// The device.
    #[serde(flatten)]
    pub device: Device,
}

/// A person's device is woken no longer.
///
/// `{"user_id":"502e…","state":2,"token":"a1b2…"}`; source: seed §33.2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushTokenUnbound {
    /// Whose device it was.
    pub user_id: UserId,
    /// The device.
    #[serde(flatten)]
    pub device: Device,
}

/// A device, as the gateway that wakes it knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Which gateway.
    pub state: Gateway,
    /// The name that the gateway gave it.
    pub token: Token,
}

/// Which of Apple's gateways knows a token; written as a digit (seed §33.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Gateway {
    /// 1: that of apps under development.
    Development,
    /// 2: that of the app store.
    Distribution,
}

/// A device's token: 64 letters and digits. Shown in no log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token(String);

/// The refusal of something that is no device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a device's token")]
pub struct InvalidToken;

impl From<Gateway> for u8 {
    fn from(gateway: Gateway) -> Self {
        match gateway {
            Gateway::Development => 1,
            Gateway::Distribution => 2,
        }
    }
}

impl TryFrom<u8> for Gateway {
    type Error = InvalidToken;

    fn try_from(digit: u8) -> Result<Self, InvalidToken> {
        match digit {
            1 => Ok(Self::Development),
            2 => Ok(Self::Distribution),
            _ => Err(InvalidToken),
        }
    }
}

impl Token {
    /// The token from its text.
    ///
    /// # Errors
    /// [`InvalidToken`] for anything but 64 letters and digits.
    pub fn new(text: &str) -> Result<Self, InvalidToken> {
        let fits = text.len() == TOKEN_LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric());
        fits.then(|| Self(text.to_owned())).ok_or(InvalidToken)
    }

    /// The token as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl TryFrom<String> for Token {
    type Error = InvalidToken;

    fn try_from(text: String) -> Result<Self, InvalidToken> {
        Self::new(&text)
    }
}

impl From<Token> for String {
    fn from(token: Token) -> String {
        token.0
    }
}

impl Device {
    /// What stands behind the password at a login: a digit and a token (seed §33.1).
    ///
    /// # Errors
    /// [`InvalidToken`] for anything else.
    pub fn from_suffix(suffix: &str) -> Result<Self, InvalidToken> {
        let (digit, token) = suffix.split_at_checked(1).ok_or(InvalidToken)?;
        let digit: u8 = digit.parse().map_err(|_| InvalidToken)?;
        Ok(Self {
            state: digit.try_into()?,
            token: Token::new(token)?,
        })
    }
}

/// What somebody wants with a person's device.
#[derive(Clone, Debug)]
pub enum Command {
    /// Wakes it from now on.
    Bind {
        /// Which device.
        device: Device,
        /// It is known to be this person's already, and nobody else's.
        held: bool,
    },
    /// Wakes it no longer, if it is the person's.
    Unbind {
        /// Which device.
        token: Token,
    },
    /// Wakes it no longer, if it is the person's and known to this gateway: the same token may be
    /// good at the other.
    LetGo {
        /// Which device, at which gateway.
        device: Device,
    },
}

/// Why the rules refuse a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such account.
    #[error("unknown user")]
    UnknownUser,
}

/// What a person's stream tells of devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    person: Option<UserId>,
    device: Option<Device>,
}

/// The rules of devices in `user-<id>`.
#[derive(Debug)]
pub struct Push;

impl Decider for Push {
    type Command = Command;
    type Rejection = Rejection;
    type State = Bound;

    fn decide(bound: &Bound, command: &Command) -> Result<Vec<Event>, Rejection> {
        let user_id = bound.person.ok_or(Rejection::UnknownUser)?;
        Ok(match command {
            // Somebody else may have taken the device over meanwhile, which this stream does not
            // tell: so it counts only together with what is known outside.
            Command::Bind { device, held: true } if bound.device.as_ref() == Some(device) => {
                Vec::new()
            }
            Command::Bind { device, .. } => vec![
                PushTokenBound {
                    user_id,
                    device: device.clone(),
                }
                .into(),
            ],
            Command::Unbind { token } => {
                let device = bound.device.as_ref();
                unbound(user_id, device.filter(|device| device.token == *token))
            }
            Command::LetGo { device: dead } => {
                let device = bound.device.as_ref();
                unbound(user_id, device.filter(|device| *device == dead))
            }
        })
    }

    fn evolve(bound: &mut Bound, event: &Event) {
        match event {
            Event::UserRegistered(registered) => bound.person = Some(registered.user_id),
            Event::PushTokenBound(new) => bound.device = Some(new.device.clone()),
            Event::PushTokenUnbound(_) => bound.device = None,
            _ => {}
        }
    }
}

/// `device` is woken no longer, if there is one.
fn unbound(user_id: UserId, device: Option<&Device>) -> Vec<Event> {
    let unbound = |device: &Device| PushTokenUnbound {
        user_id,
        device: device.clone(),
    };
    device
        .map(|device| unbound(device).into())
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::given;
    use crate::user::{Gender, UserRegistered};

    const ANA: UserId = UserId::from_bytes([1; 12]);

    fn registered() -> Event {
        UserRegistered {
            user_id: ANA,
            name: "Ana".into(),
            gender: Gender::Unset,
            wb_uid: None,
        }
        .into()
    }

    fn phone(state: Gateway, letter: &str) -> Device {
        Device {
            state,
            token: Token::new(&letter.repeat(TOKEN_LENGTH)).expect("a token"),
        }
    }

    fn bound(device: Device) -> Event {
        PushTokenBound {
            user_id: ANA,
            device,
        }
        .into()
    }

    #[test]
    fn the_last_device_wins() {
        let (old, new) = (
            phone(Gateway::Distribution, "a"),
            phone(Gateway::Distribution, "b"),
        );
        let bind = |device, held| Command::Bind { device, held };
        given::<Push>([registered(), bound(old.clone())])
            .when(bind(new.clone(), false))
            .then([bound(new.clone())]);
        given::<Push>([registered(), bound(new.clone())])
            .when(bind(new.clone(), true))
            .then_nothing();
        // Another person has had it in between.
        given::<Push>([registered(), bound(new.clone())])
            .when(bind(new.clone(), false))
            .then([bound(new.clone())]);
        let other_gateway = phone(Gateway::Development, "b");
        given::<Push>([registered(), bound(new)])
            .when(bind(other_gateway.clone(), true))
            .then([bound(other_gateway)]);
        given::<Push>([])
            .when(bind(old, false))
            .then_rejected(Rejection::UnknownUser);
    }

    #[test]
    fn only_the_device_that_is_bound_is_let_go() {
        let device = phone(Gateway::Development, "a");
        let unbind = |letter: &str| Command::Unbind {
            token: phone(Gateway::Development, letter).token,
        };
        given::<Push>([registered(), bound(device.clone())])
            .when(unbind("b"))
            .then_nothing();
        given::<Push>([registered(), bound(device.clone())])
            .when(unbind("a"))
            .then([PushTokenUnbound {
                user_id: ANA,
                device,
            }
            .into()]);
        given::<Push>([registered()])
            .when(unbind("a"))
            .then_nothing();
    }

    #[test]
    fn a_device_is_let_go_at_the_gateway_that_does_not_know_it_only() {
        let device = phone(Gateway::Development, "a");
        let let_go = |gateway| Command::LetGo {
            device: phone(gateway, "a"),
        };
        given::<Push>([registered(), bound(device.clone())])
            .when(let_go(Gateway::Distribution))
            .then_nothing();
        given::<Push>([registered(), bound(device.clone())])
            .when(let_go(Gateway::Development))
            .then([PushTokenUnbound {
                user_id: ANA,
                device: device.clone(),
            }
            .into()]);
        let another = phone(Gateway::Development, "b");
        given::<Push>([registered(), bound(device), bound(another)])
            .when(let_go(Gateway::Development))
            .then_nothing();
    }

    #[test]
    fn what_stands_behind_a_password_is_a_digit_and_a_token() {
        let token = "0f".repeat(32);
        let device = Device::from_suffix(&format!("2{token}")).expect("a device");
        assert_eq!(device.state, Gateway::Distribution);
        assert_eq!(device.token.as_str(), token);
        for suffix in ["", "2", &token, &format!("3{token}"), &format!("2{token}0")] {
            assert_eq!(Device::from_suffix(suffix), Err(InvalidToken), "{suffix}");
        }
        assert_eq!(Device::from_suffix("é"), Err(InvalidToken));
        assert_eq!(format!("{:?}", device.token), "Token(..)");
    }
}
