//! Telling one's friends on Weibo about the app, under one's own name: asked for, then posted or
//! given up (seed §3).
//!
//! The posting itself is a policy's; these are the rules of how often it may be asked for.

use crate::{Decider, Event, Millis, UserId};
use serde::{Deserialize, Serialize};

/// How long after one request the next one changes nothing, in milliseconds: nobody's friends
/// want to hear of it every minute.
pub const PAUSE_MS: i64 = 10 * 60 * 1000;

/// A person wants a post about the app on Weibo.
///
/// `{"user_id":"502e…","ver":"1.0","at":1357948800000}`; source: seed §3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareRequested {
    /// Who.
    pub user_id: UserId,
    /// The version of the app, as the client says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ver: Option<String>,
    /// When, which is part of the rules.
    pub at: Millis,
}

/// The post that a person wanted is on Weibo.
///
/// `{"user_id":"502e…"}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// Who.
    pub user_id: UserId,
}

/// The post that a person wanted was given up.
///
/// `{"user_id":"502e…","reason":"refused"}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareFailed {
    /// Who.
    pub user_id: UserId,
    /// Why.
    pub reason: Failure,
}

/// Why a post was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// Weibo refused it, and would again.
    Refused,
    /// Weibo was away, each time it was tried.
    Away,
    /// The person's token had ended, or was never there.
    NoToken,
}

/// What somebody wants with a person's post.
#[derive(Clone, Debug)]
pub enum Command {
    /// Asks for it.
    Request {
        /// The version of the app.
        ver: Option<String>,
        /// Whether we may post in the person's name.
        has_token: bool,
        /// Now.
        at: Millis,
    },
    /// Ends it.
    Finish(Outcome),
}

/// How a post ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is on Weibo.
    Posted,
    /// It never will be.
    GivenUp(Failure),
}

/// Why the rules refuse a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such account.
    #[error("unknown user")]
    UnknownUser,
    /// Nobody can post in the person's name.
    #[error("log in with weibo first")]
    NoToken,
}

/// What a person's stream tells of posts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sharing {
    /// There is such an account.
    person: Option<UserId>,
    /// The last request has not ended.
    pending: bool,
    /// When the last request was.
    last: Option<Millis>,
}

/// The rules of posts in `user-<id>`.
#[derive(Debug)]
pub struct Share;

impl Decider for Share {
    type Command = Command;
    type Rejection = Rejection;
    type State = Sharing;

    fn decide(sharing: &Sharing, command: &Command) -> Result<Vec<Event>, Rejection> {
        let user_id = sharing.person.ok_or(Rejection::UnknownUser)?;
        match command {
            Command::Request {
                has_token: false, ..
            } => Err(Rejection::NoToken),
            Command::Request { at, .. } if !sharing.may_ask(*at) => Ok(Vec::new()),
            Command::Request { ver, at, .. } => Ok(vec![
                ShareRequested {
                    user_id,
                    ver: ver.clone(),
                    at: *at,
                }
                .into(),
            ]),
            Command::Finish(_) if !sharing.pending => Ok(Vec::new()),
            Command::Finish(Outcome::Posted) => Ok(vec![Shared { user_id }.into()]),
            Command::Finish(Outcome::GivenUp(reason)) => Ok(vec![
                ShareFailed {
                    user_id,
                    reason: *reason,
                }
                .into(),
            ]),
        }
    }

    fn evolve(sharing: &mut Sharing, event: &Event) {
        match event {
            Event::UserRegistered(registered) => sharing.person = Some(registered.user_id),
            Event::ShareRequested(requested) => {
                sharing.pending = true;
                sharing.last = Some(requested.at);
            }
            Event::Shared(_) | Event::ShareFailed(_) => sharing.pending = false,
            _ => {}
        }
    }
}

impl Sharing {
    /// Whether a request at `at` would be a new one. A clock that was put back keeps nobody out.
    fn may_ask(&self, at: Millis) -> bool {
        let soon = |last: Millis| (last.0..last.0.saturating_add(PAUSE_MS)).contains(&at.0);
        !self.pending && !self.last.is_some_and(soon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::given;
    use crate::user::{Gender, UserRegistered};

    const NOON: Millis = Millis(1_357_948_800_000);

    fn ana() -> UserId {
        UserId::new(1, [7; 8])
    }

    fn registered() -> Event {
        UserRegistered {
            user_id: ana(),
            name: "Ana".into(),
            gender: Gender::Unset,
            wb_uid: Some("1884834632".into()),
        }
        .into()
    }

    fn requested(at: Millis) -> Event {
        ShareRequested {
            user_id: ana(),
            ver: Some("1.0".into()),
            at,
        }
        .into()
    }

    fn shared() -> Event {
        Shared { user_id: ana() }.into()
    }

    fn request(at: Millis) -> Command {
        Command::Request {
            ver: Some("1.0".into()),
            has_token: true,
            at,
        }
    }

    fn later(ms: i64) -> Millis {
        Millis(NOON.0 + ms)
    }

    #[test]
    fn a_request_is_recorded_once_until_it_has_ended() {
        given::<Share>([registered()])
            .when(request(NOON))
            .then([requested(NOON)]);
        given::<Share>([registered(), requested(NOON)])
            .when(request(later(100 * PAUSE_MS)))
            .then_nothing();
    }

    #[test]
    fn the_next_request_waits_for_its_time_whatever_became_of_the_last() {
        let failed = ShareFailed {
            user_id: ana(),
            reason: Failure::Away,
        };
        for ended in [shared(), failed.into()] {
            let history = || [registered(), requested(NOON), ended.clone()];
            given::<Share>(history())
                .when(request(later(PAUSE_MS - 1)))
                .then_nothing();
            given::<Share>(history())
                .when(request(later(PAUSE_MS)))
                .then([requested(later(PAUSE_MS))]);
        }
    }

    #[test]
    fn a_clock_that_was_put_back_keeps_nobody_out() {
        given::<Share>([registered(), requested(NOON), shared()])
            .when(request(later(-PAUSE_MS)))
            .then([requested(later(-PAUSE_MS))]);
    }

    #[test]
    fn nobody_asks_without_a_token_or_an_account() {
        let without = Command::Request {
            ver: None,
            has_token: false,
            at: NOON,
        };
        given::<Share>([registered()])
            .when(without)
            .then_rejected(Rejection::NoToken);
        given::<Share>([])
            .when(request(NOON))
            .then_rejected(Rejection::UnknownUser);
    }

    #[test]
    fn a_post_ends_once() {
        let posted = || Command::Finish(Outcome::Posted);
        let given_up = || Command::Finish(Outcome::GivenUp(Failure::Refused));
        let pending = || [registered(), requested(NOON)];
        given::<Share>(pending()).when(posted()).then([shared()]);
        let failed = ShareFailed {
            user_id: ana(),
            reason: Failure::Refused,
        };
        given::<Share>(pending())
            .when(given_up())
            .then([failed.into()]);
        for again in [posted(), given_up()] {
            given::<Share>([registered(), requested(NOON), shared()])
                .when(again)
                .then_nothing();
        }
        given::<Share>([registered()]).when(posted()).then_nothing();
    }
}
