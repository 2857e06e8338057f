//! given(history).when(command).then(events): how the tests of the rules are written.

use crate::{Decider, Event};
use std::fmt::Debug;

/// A stream in which `events` have happened.
pub(crate) fn given<D: Decider>(events: impl IntoIterator<Item = Event>) -> Given<D> {
    let events: Vec<Event> = events.into_iter().collect();
    Given(D::fold(&events))
}

pub(crate) struct Given<D: Decider>(D::State);

impl<D: Decider> Given<D> {
    pub(crate) fn when(self, command: D::Command) -> Outcome<D::Rejection> {
        Outcome(D::decide(&self.0, &command))
    }
}

pub(crate) struct Outcome<R>(Result<Vec<Event>, R>);

impl<R: Debug + PartialEq> Outcome<R> {
    #[track_caller]
    pub(crate) fn then(self, events: impl IntoIterator<Item = Event>) {
        assert_eq!(self.0, Ok(events.into_iter().collect()));
    }

    #[track_caller]
    pub(crate) fn then_nothing(self) {
        assert_eq!(self.0, Ok(Vec::new()));
    }

    #[track_caller]
    pub(crate) fn then_rejected(self, rejection: R) {
        assert_eq!(self.0, Err(rejection));
    }
}
