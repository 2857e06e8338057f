//! What is to be written to one connection: filled by everybody, emptied by the connection's task.
//!
//! Nobody waits to fill it. It is bounded: whoever reads too slowly is disconnected, and what is
//! lost with the connection waits in the inbox.

use crate::stream_error::StreamError;
use domain::Party;
use futures_util::task::AtomicWaker;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Context;

/// How many bytes may wait.
const LIMIT: usize = 256 * 1024;

/// Which message of a conversation: who is on the other side, and its revision there.
pub(crate) type MessageKey = (Party, u64);

/// See the module.
#[derive(Default)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    waker: AtomicWaker,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// How many bytes were ever put in.
    pushed: u64,
    /// How many of them were handed to the connection's task, which has written them if it has
    /// nothing left to write.
    taken: u64,
    /// Messages whose arrival is not confirmed, with where they end among all bytes.
    unconfirmed: VecDeque<(u64, MessageKey)>,
    /// Why nothing more is taken.
    closed: Option<StreamError>,
}

impl Outbox {
    /// Adds `parts`, one after the other; `false` when it is closed, which it is from now on if
    /// they do not fit.
    pub(crate) fn push(&self, parts: &[&str]) -> bool {
        self.add(parts, None)
    }

    /// Adds a message whose arrival will be confirmed.
    pub(crate) fn push_message(&self, parts: &[&str], key: MessageKey) -> bool {
        self.add(parts, Some(key))
    }

    fn add(&self, parts: &[&str], key: Option<MessageKey>) -> bool {
        let mut state = self.state();
        if state.closed.is_some() {
            return false;
        }
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if state.bytes.len() + length > LIMIT {
            state.closed = Some(StreamError::ResourceConstraint);
            drop(state);
            self.waker.wake();
            return false;
        }
        let was_empty = state.bytes.is_empty();
        for part in parts {
            state.bytes.extend_from_slice(part.as_bytes());
        }
        state.pushed += length as u64;
        if let Some(key) = key {
            let end = state.pushed;
            state.unconfirmed.push_back((end, key));
        }
        drop(state);
        if was_empty {
            self.waker.wake();
        }
        true
    }

    /// Takes nothing more, and ends the connection with `why`; the first reason stands.
    pub(crate) fn close(&self, why: StreamError) {
        self.state().closed.get_or_insert(why);
        self.waker.wake();
    }

    /// Why it is closed, if it is.
    pub(crate) fn closed(&self) -> Option<StreamError> {
        self.state().closed
    }

    /// Wakes this task when there is something to do.
    pub(crate) fn register(&self, context: &Context<'_>) {
        self.waker.register(context.waker());
    }

    /// Moves everything that waits to `into`, which must be empty; `false` when there is nothing.
    pub(crate) fn take(&self, into: &mut Vec<u8>) -> bool {
        let mut state = self.state();
        state.taken = state.pushed;
        std::mem::swap(&mut state.bytes, into);
        !into.is_empty()
    }

    /// How many bytes wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state().bytes.len()
    }

    /// The messages whose bytes have been written, all but the last `unwritten` of those taken:
    /// the client has just shown that it lives, so they have arrived.
    pub(crate) fn confirm(&self, unwritten: usize) -> Vec<MessageKey> {
        let mut state = self.state();
        let written = state.taken - unwritten as u64;
        let mut arrived = Vec::new();
        while let Some((end, key)) = state.unconfirmed.front()
            && *end <= written
        {
            arrived.push(*key);
            state.unconfirmed.pop_front();
        }
        if state.unconfirmed.is_empty() {
            state.unconfirmed = VecDeque::new();
        }
        arrived
    }

    /// Whether the message is on its way to this connection already.
    pub(crate) fn holds(&self, key: MessageKey) -> bool {
        let state = self.state();
        state.unconfirmed.iter().any(|(_, held)| *held == key)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::UserId;

    fn key(revision: u64) -> MessageKey {
        (UserId::new(1, [1; 8]).into(), revision)
    }

    #[test]
    fn messages_are_confirmed_in_order_as_far_as_they_were_written() {
        let outbox = Outbox::default();
        assert!(outbox.push_message(&["abc"], key(1)));
        assert!(outbox.push(&["d"]));
        assert!(outbox.push_message(&["ef"], key(2)));
        assert!(outbox.confirm(0).is_empty(), "nothing was written");
        let mut bytes = Vec::new();
        assert!(outbox.take(&mut bytes));
        assert_eq!(bytes, b"abcdef");
        assert!(outbox.holds(key(1)));
        assert_eq!(outbox.confirm(2), [key(1)]);
        assert!(!outbox.holds(key(1)) && outbox.holds(key(2)));
        assert_eq!(outbox.confirm(0), [key(2)]);
        assert!(outbox.confirm(0).is_empty());
    }

    #[test]
    fn whoever_does_not_read_is_cut_off_and_costs_no_more() {
        let outbox = Outbox::default();
        let much = "x".repeat(LIMIT);
        assert!(outbox.push(&[&much]));
        assert!(!outbox.push(&["y"]));
        assert_eq!(outbox.closed(), Some(StreamError::ResourceConstraint));
        outbox.close(StreamError::Conflict);
        assert_eq!(outbox.closed(), Some(StreamError::ResourceConstraint));
        assert!(!outbox.push(&["y"]));
        assert_eq!(outbox.waiting(), LIMIT);
    }
}
