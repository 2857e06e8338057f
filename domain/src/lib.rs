//! What may happen in the house, and by which rules: pure functions from history to new events.
//!
//! No clock, disk, network or randomness here: whoever calls brings time and ids along. One file a
//! feature: its commands, events, state, decision and refusals, with the tests of the rules.

pub mod album;
pub mod block;
pub mod chat;
pub mod checkin;
pub mod china;
pub mod coupon;
pub mod device;
pub mod event;
pub mod follow;
pub mod gcj02;
pub mod geo;
pub mod grant;
pub mod identity;
pub mod ids;
pub mod inbox;
pub mod photo;
pub mod push;
pub mod share;
pub mod shop;
#[cfg(test)]
mod spec;
pub mod user;
pub mod visibility;

pub use event::{Event, EventKind, Millis, Position};
pub use ids::{CheckinId, CouponId, InvalidId, Party, PhotoId, ShopId, StreamName, UserId};

/// A feature's rules: what a command does, given what has happened in its stream.
pub trait Decider {
    /// What somebody wants.
    type Command;
    /// Why it is refused; never a technical reason.
    type Rejection: std::error::Error + Send + Sync + 'static;
    /// What the stream's events add up to; the default is the state of an empty stream.
    type State: Default + Send;

    /// The events that `command` causes; none when nothing changes.
    ///
    /// # Errors
    /// The rejection, when the rules forbid the command.
    fn decide(state: &Self::State, command: &Self::Command) -> Result<Vec<Event>, Self::Rejection>;

    /// The state after `event`. Never fails: history has happened; an event of another feature
    /// changes nothing.
    fn evolve(state: &mut Self::State, event: &Event);

    /// The state after `events`, from the beginning of the stream.
    fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self::State {
        let mut state = Self::State::default();
        for event in events {
            Self::evolve(&mut state, event);
        }
        state
    }
}
