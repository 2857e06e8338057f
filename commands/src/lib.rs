//! From intent to appended events: gather the facts, ask the rules, append.
//!
//! One file a feature. A command decides from the streams that own the facts, or from facts that
//! the door stamped into it; it never reads a read model, and it knows no protocol.

mod album;
mod block;
mod chat;
mod checkin;
mod clock;
mod coupon;
mod device;
mod execute;
mod follow;
pub mod identity;
mod login_guard;
mod photo;
mod policy_board;
mod push;
mod secret;
mod share;
pub mod shop;
mod state;
#[cfg(test)]
mod testing;
mod user;

pub use album::AddRejection;
pub use chat::{Circumstances, Sending};
pub use checkin::CheckIn;
pub use clock::Clock;
pub use execute::{Error, Receipt};
pub use login_guard::{Attempt, LoginGuard, LoginLimits, Verdict};
pub use policy_board::{Failing, PolicyBoard, PolicyStatus};
pub use secret::Secret;
pub use share::PostError;
pub use state::{Lead, Session, SessionToken, State, StateError};

use domain::Millis;
use eventlog::EventLog;
use identity::Provider;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Everything that can be done in the house; cheap to share behind an [`Arc`].
pub struct Commands {
    log: Arc<dyn EventLog>,
    state: State,
    secret: Secret,
    clock: Clock,
    /// How many passwords are hashed at once: each takes 19 MiB and tens of milliseconds.
    hashing: Semaphore,
    provider: Provider,
    /// Where days begin.
    timezone: TimeZone,
    policies: PolicyBoard,
    chat: chat::ChatMemory,
    admissions: identity::Admissions,
}

impl Commands {
    /// Commands that append to `log`, keep secrets in `state` and tell the time by `clock`.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, state: State, secret: Secret, clock: Clock) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            log,
            state,
            secret,
            clock,
            hashing: Semaphore::new(cores),
            provider: Provider::default(),
            timezone: TimeZone::UTC,
            policies: PolicyBoard::default(),
            chat: chat::ChatMemory::default(),
            admissions: identity::Admissions::default(),
        }
    }

    /// The same, with people whose names and passwords `provider` knows.
    #[must_use]
    pub fn with_provider(self, provider: Provider) -> Self {
        Self { provider, ..self }
    }

    /// The same, with days that begin where `timezone` says; without this they are those of UTC.
    #[must_use]
    pub fn with_timezone(self, timezone: TimeZone) -> Self {
        Self { timezone, ..self }
    }

    /// The day of the calendar, `YYYY-MM-DD`, that `time` lies in.
    #[must_use]
    pub fn day_of(&self, time: Millis) -> String {
        let moment = Timestamp::from_millisecond(time.0).unwrap_or_default();
        self.timezone.to_datetime(moment).date().to_string()
    }

    /// The moment `time` as a clock on the wall shows it, `YYYY-MM-DD HH:MM:SS`.
    #[must_use]
    pub fn local_time(&self, time: Millis) -> String {
        let moment = Timestamp::from_millisecond(time.0).unwrap_or_default();
        let local = self.timezone.to_datetime(moment);
        local.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// The log that the commands append to.
    #[must_use]
    pub fn log(&self) -> &Arc<dyn EventLog> {
        &self.log
    }

    /// The database of sessions and hashes.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// How the policies are doing, written by those who run them.
    #[must_use]
    pub fn policies(&self) -> &PolicyBoard {
        &self.policies
    }

    /// The time by which the house runs.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}
