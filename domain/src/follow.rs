//! Following: one person wants to hear of another. One direction, nobody's permission needed.

use crate::{Decider, Event, UserId};
use serde::{Deserialize, Serialize};

/// A person follows another from now on.
///
/// `{"user_id":"502e…","follow_id":"5044…"}`; source: seed §21.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// Who follows.
    pub user_id: UserId,
    /// Who is followed.
    pub follow_id: UserId,
}

/// A person no longer follows another.
///
/// `{"user_id":"502e…","follow_id":"5044…"}`; source: seed §22.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfollowed {
    /// Who followed.
    pub user_id: UserId,
    /// Who was followed.
    pub follow_id: UserId,
}

/// What somebody wants with following another. That the other exists was found out before.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// Follows.
    Follow {
        /// Who follows.
        user_id: UserId,
        /// Who is followed.
        follow_id: UserId,
    },
    /// Follows no more.
    Unfollow {
        /// Who followed.
        user_id: UserId,
        /// Who was followed.
        follow_id: UserId,
    },
}

/// Why the rules refuse a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Nobody follows themselves.
    #[error("you cannot follow yourself")]
    Yourself,
    /// There is no such person.
    #[error("unknown user")]
    UnknownUser,
}

/// The rules of `follow-<a>-<b>`: what `a` wants of `b`. The state is whether `a` follows.
#[derive(Debug)]
pub struct Follow;

impl Decider for Follow {
    type Command = Command;
    type Rejection = Rejection;
    type State = bool;

    fn decide(following: &bool, command: &Command) -> Result<Vec<Event>, Rejection> {
        Ok(match *command {
            Command::Follow { user_id, follow_id } if user_id == follow_id => {
                return Err(Rejection::Yourself);
            }
            Command::Follow { user_id, follow_id } if !following => {
                vec![Followed { user_id, follow_id }.into()]
            }
            Command::Unfollow { user_id, follow_id } if *following => {
                vec![Unfollowed { user_id, follow_id }.into()]
            }
            Command::Follow { .. } | Command::Unfollow { .. } => Vec::new(),
        })
    }

    fn evolve(following: &mut bool, event: &Event) {
        match event {
            Event::Followed(_) => *following = true,
            Event::Unfollowed(_) => *following = false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::given;

    const ANA: UserId = UserId::from_bytes([1; 12]);
    const BO: UserId = UserId::from_bytes([2; 12]);

    fn followed() -> Event {
        Followed {
            user_id: ANA,
            follow_id: BO,
        }
        .into()
    }

    fn unfollowed() -> Event {
        Unfollowed {
            user_id: ANA,
            follow_id: BO,
        }
        .into()
    }

    fn follow() -> Command {
        Command::Follow {
            user_id: ANA,
            follow_id: BO,
        }
    }

    fn unfollow() -> Command {
        Command::Unfollow {
            user_id: ANA,
            follow_id: BO,
        }
    }

    #[test]
    fn following_twice_is_following_once() {
        given::<Follow>([]).when(follow()).then([followed()]);
        given::<Follow>([followed()]).when(follow()).then_nothing();
    }

    #[test]
    fn unfollowing_undoes_following_and_nothing_else() {
        given::<Follow>([followed()])
            .when(unfollow())
            .then([unfollowed()]);
        given::<Follow>([]).when(unfollow()).then_nothing();
        given::<Follow>([followed(), unfollowed()])
            .when(unfollow())
            .then_nothing();
        given::<Follow>([followed(), unfollowed()])
            .when(follow())
            .then([followed()]);
    }

    #[test]
    fn nobody_follows_themselves() {
        given::<Follow>([])
            .when(Command::Follow {
                user_id: ANA,
                follow_id: ANA,
            })
            .then_rejected(Rejection::Yourself);
    }
}
