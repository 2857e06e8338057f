//! The blacklist: one person wants nothing of another, and may report them to the operators.

use crate::{Decider, Event, UserId};
use serde::{Deserialize, Serialize};

/// A person put another on the blacklist, or reported one who was on it.
///
/// `{"user_id":"502e…","block_id":"5044…","report":false}`; source: seed §26.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// Whose blacklist it is.
    pub user_id: UserId,
    /// Who is on it.
    pub block_id: UserId,
    /// The operators shall look at this.
    pub report: bool,
}

/// A person took another off the blacklist; a report stays.
///
/// `{"user_id":"502e…","block_id":"5044…"}`; source: seed §27.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unblocked {
    /// Whose blacklist it is.
    pub user_id: UserId,
    /// Who was on it.
    pub block_id: UserId,
}

/// What somebody wants with the blacklist. That the other exists was found out before.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// Puts somebody on it.
    Block {
        /// Whose blacklist it is.
        user_id: UserId,
        /// Who is put on it.
        block_id: UserId,
        /// The operators shall look at this.
        report: bool,
    },
    /// Takes somebody off it.
    Unblock {
        /// Whose blacklist it is.
        user_id: UserId,
        /// Who is taken off it.
        block_id: UserId,
    },
}

/// Why the rules refuse a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Nobody blocks themselves.
    #[error("you cannot block yourself")]
    Yourself,
    /// There is no such person.
    #[error("unknown user")]
    UnknownUser,
}

/// How one person stands on another's blacklist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// On it.
    pub blocked: bool,
    /// Reported since being put on it.
    pub reported: bool,
}

/// The rules of `block-<a>-<b>`: how `b` stands on the blacklist of `a`.
#[derive(Debug)]
pub struct Block;

impl Decider for Block {
    type Command = Command;
    type Rejection = Rejection;
    type State = Standing;

    fn decide(standing: &Standing, command: &Command) -> Result<Vec<Event>, Rejection> {
        Ok(match *command {
            Command::Block {
                user_id, block_id, ..
            } if user_id == block_id => {
                return Err(Rejection::Yourself);
            }
            Command::Block {
                user_id,
                block_id,
                report,
            } => {
                // Somebody who is blocked already can still be reported.
                if standing.blocked && (standing.reported || !report) {
                    Vec::new()
                } else {
                    vec![
                        Blocked {
                            user_id,
                            block_id,
                            report,
                        }
                        .into(),
                    ]
                }
            }
            Command::Unblock { user_id, block_id } if standing.blocked => {
                vec![Unblocked { user_id, block_id }.into()]
            }
            Command::Unblock { .. } => Vec::new(),
        })
    }

    fn evolve(standing: &mut Standing, event: &Event) {
        match event {
            Event::Blocked(blocked) => {
                standing.blocked = true;
                standing.reported |= blocked.report;
            }
            Event::Unblocked(_) => *standing = Standing::default(),
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

    fn blocked(report: bool) -> Event {
        Blocked {
            user_id: ANA,
            block_id: BO,
            report,
        }
        .into()
    }

    fn unblocked() -> Event {
        Unblocked {
            user_id: ANA,
            block_id: BO,
        }
        .into()
    }

    fn block(report: bool) -> Command {
        Command::Block {
            user_id: ANA,
            block_id: BO,
            report,
        }
    }

    #[test]
    fn blocking_twice_is_blocking_once() {
        given::<Block>([]).when(block(false)).then([blocked(false)]);
        given::<Block>([blocked(false)])
            .when(block(false))
            .then_nothing();
        given::<Block>([blocked(true)])
            .when(block(false))
            .then_nothing();
    }

    #[test]
    fn somebody_on_the_blacklist_can_still_be_reported_once() {
        given::<Block>([blocked(false)])
            .when(block(true))
            .then([blocked(true)]);
        given::<Block>([blocked(false), blocked(true)])
            .when(block(true))
            .then_nothing();
    }

    #[test]
    fn unblocking_undoes_blocking_and_nothing_else() {
        let unblock = || Command::Unblock {
            user_id: ANA,
            block_id: BO,
        };
        given::<Block>([blocked(true)])
            .when(unblock())
            .then([unblocked()]);
        given::<Block>([]).when(unblock()).then_nothing();
        given::<Block>([blocked(true), unblocked()])
            .when(block(true))
            .then([blocked(true)]);
    }

    #[test]
    fn nobody_blocks_themselves() {
        given::<Block>([])
            .when(Command::Block {
                user_id: ANA,
                block_id: ANA,
                report: true,
            })
            .then_rejected(Rejection::Yourself);
    }
}
