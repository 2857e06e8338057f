//! What is to be written to one connection: filled by everybody, emptied by the connection's task.
//!
//! Nobody waits to fill it. It is bounded: whoever reads too slowly is disconnected, and what is
//! lost with the connection waits in the inbox. Stream management keeps what was written, too,
//! until the client says that it has come.

mod held_back;
mod management;

use crate::stream_error::StreamError;
use domain::Party;
use futures_util::task::AtomicWaker;
use held_back::HeldBack;
use management::Managed;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Context;

/// How many bytes may wait, those included that were written and must be kept.
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
    /// What waits to be written.
    bytes: Vec<u8>,
    /// How many bytes were ever put in.
    pushed: u64,
    /// How many of them were handed to the connection's task, which has written them if it has
    /// nothing left to write.
    taken: u64,
    /// Where elements end that must be known one by one, oldest first: messages whose arrival is
    /// not confirmed; under management everything that may have to be sent again; for frames
    /// everything that waits.
    marks: VecDeque<Mark>,
    /// Every element is written in a frame of its own.
    framed: bool,
    managed: Option<Box<Managed>>,
    /// What waits while the client is inactive.
    held_back: Option<Box<HeldBack>>,
    /// Another connection wants to go on with this session.
    summoned: bool,
    /// The inbox holds something that another session was given in vain.
    recheck: bool,
    /// Why nothing more is taken.
    closed: Option<StreamError>,
}

/// An element among all bytes.
struct Mark {
    /// How many bytes were put in up to its end.
    end: u64,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of the stream itself; never sent again.
    Nonza,
    Stanza,
    /// A stanza whose arrival is confirmed.
    Message(MessageKey),
}

/// How an outbox is, at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Status {
    /// Why it is closed, if it is.
    pub(crate) closed: Option<StreamError>,
    /// Another connection wants to go on with this session.
    pub(crate) summoned: bool,
    /// The inbox must be looked at again.
    pub(crate) recheck: bool,
    /// How many bytes wait.
    pub(crate) waiting: usize,
    /// How many bytes were written, but must be kept.
    pub(crate) kept: usize,
    /// The client has been asked what has come (under management), or has been sent messages whose
    /// arrival it has not shown.
    pub(crate) awaits: bool,
}

impl Outbox {
    /// One whose elements are written in frames of their own, if it is `framed`.
    pub(crate) fn new(framed: bool) -> Self {
        let outbox = Self::default();
        outbox.state().framed = framed;
        outbox
    }

    /// Adds a stanza of `parts`, one after the other; `false` when it is closed, which it is from
    /// now on if they do not fit.
    pub(crate) fn push(&self, parts: &[&str]) -> bool {
        self.add(parts, Kind::Stanza)
    }

    /// Adds an element that is no stanza.
    pub(crate) fn push_nonza(&self, parts: &[&str]) -> bool {
        self.add(parts, Kind::Nonza)
    }

    /// Adds `parts`, which may be missed, unless half of the room is taken: whoever sends many such
    /// things to a slow reader must not get it cut off.
    pub(crate) fn offer(&self, parts: &[&str]) -> bool {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let status = self.status();
        status.waiting + status.kept + length <= LIMIT / 2 && self.push(parts)
    }

    /// Whether more than half of the room is taken, also by what was written and must be kept.
    pub(crate) fn is_half_full(&self) -> bool {
        let status = self.status();
        status.waiting + status.kept > LIMIT / 2
    }

    /// Adds a message whose arrival will be confirmed.
    pub(crate) fn push_message(&self, parts: &[&str], key: MessageKey) -> bool {
        self.add(parts, Kind::Message(key))
    }

    fn add(&self, parts: &[&str], kind: Kind) -> bool {
        let mut state = self.state();
        if state.closed.is_some() {
            return false;
        }
        let was_empty = state.bytes.is_empty();
        let fits = state.hold_or_add(parts, kind);
        let is_more = was_empty && !state.bytes.is_empty();
        drop(state);
        if is_more || !fits {
            self.waker.wake();
        }
        fits
    }

    /// The client looks at what comes, or does not: then what need not wake it waits.
    pub(crate) fn set_active(&self, active: bool) {
        let mut state = self.state();
        if !active {
            state.held_back.get_or_insert_default();
            return;
        }
        if let Some(mut held_back) = state.held_back.take() {
            state.add_all(held_back.take());
            drop(state);
            self.waker.wake();
        }
    }

    /// Takes nothing more, and ends the connection with `why`; the first reason stands.
    pub(crate) fn close(&self, why: StreamError) {
        self.state().closed.get_or_insert(why);
        self.waker.wake();
    }

    /// Asks whoever holds the session to hand it over.
    pub(crate) fn summon(&self) {
        self.state().summoned = true;
        self.waker.wake();
    }

    /// Nobody asks any more.
    pub(crate) fn dismiss(&self) {
        self.state().summoned = false;
    }

    /// Has the inbox looked at again.
    pub(crate) fn recheck(&self) {
        self.state().recheck = true;
        self.waker.wake();
    }

    /// Whether the inbox is to be looked at again; not again after this.
    pub(crate) fn take_recheck(&self) -> bool {
        std::mem::take(&mut self.state().recheck)
    }

    /// How it is now.
    pub(crate) fn status(&self) -> Status {
        let state = self.state();
        Status {
            closed: state.closed,
            summoned: state.summoned,
            recheck: state.recheck,
            waiting: state.bytes.len(),
            kept: state.managed.as_ref().map_or(0, |managed| managed.kept()),
            awaits: match &state.managed {
                Some(managed) => managed.is_asked(),
                None => {
                    let first = state.marks.front();
                    first.is_some_and(|mark| mark.end <= state.taken)
                }
            },
        }
    }

    /// Wakes this task when there is something to do.
    pub(crate) fn register(&self, context: &Context<'_>) {
        self.waker.register(context.waker());
    }

    /// Moves everything that waits to `into`, which must be empty, and where its elements end there
    /// to `ends`, if it is for frames; `false` when there is nothing.
    pub(crate) fn take(&self, into: &mut Vec<u8>, ends: Option<&mut VecDeque<usize>>) -> bool {
        let mut guard = self.state();
        let state = &mut *guard;
        if state.bytes.is_empty() {
            return false;
        }
        let from = state.taken;
        state.taken = state.pushed;
        std::mem::swap(&mut state.bytes, into);
        if let Some(managed) = &mut state.managed {
            managed.keep(from, into);
        }
        if let Some(ends) = ends {
            let new = state.marks.iter().filter(|mark| mark.end > from);
            ends.extend(new.filter_map(|mark| usize::try_from(mark.end - from).ok()));
        }
        if state.framed && state.managed.is_none() {
            state.marks.retain(|mark| mark.key().is_some());
        }
        true
    }

    /// The messages whose bytes have been written, all but the last `unwritten` of those taken:
    /// the client has just shown that it lives, so they have arrived. Under management it must say
    /// so itself.
    pub(crate) fn confirm(&self, unwritten: usize) -> Vec<MessageKey> {
        let mut state = self.state();
        let mut arrived = Vec::new();
        if state.managed.is_some() {
            return arrived;
        }
        let written = state.taken - unwritten as u64;
        while let Some(mark) = state.marks.front()
            && mark.end <= written
        {
            arrived.extend(mark.key());
            state.marks.pop_front();
        }
        if state.marks.is_empty() {
            state.marks = VecDeque::new();
        }
        arrived
    }

    /// Whether the message is on its way to this connection already.
    pub(crate) fn holds(&self, key: MessageKey) -> bool {
        let state = self.state();
        let mut marks = state.marks.iter();
        marks.any(|mark| mark.kind == Kind::Message(key))
    }

    /// Whether messages are on their way whose arrival is not confirmed.
    pub(crate) fn is_owed(&self) -> bool {
        let state = self.state();
        let mut marks = state.marks.iter();
        marks.any(|mark| mark.key().is_some())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds an element and what was held back before, or holds it back itself; `false` when it does
    /// not fit, which closes the outbox.
    fn hold_or_add(&mut self, parts: &[&str], kind: Kind) -> bool {
        if let Some(held_back) = &mut self.held_back
            && kind != Kind::Nonza
        {
            if kind == Kind::Stanza && held_back.hold(parts) {
                return true;
            }
            let stanzas = held_back.take();
            self.add_all(stanzas);
        }
        self.closed.is_none() && self.add(parts, kind)
    }

    fn add_all(&mut self, stanzas: impl Iterator<Item = String>) {
        for stanza in stanzas {
            if self.closed.is_some() || !self.add(&[&stanza], Kind::Stanza) {
                return;
            }
        }
    }

    /// Adds an element; `false` when it does not fit, which closes the outbox.
    fn add(&mut self, parts: &[&str], kind: Kind) -> bool {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let kept = self.managed.as_ref().map_or(0, |managed| managed.kept());
        if kept + self.bytes.len() + length > LIMIT {
            self.closed = Some(StreamError::ResourceConstraint);
            return false;
        }
        for part in parts {
            self.bytes.extend_from_slice(part.as_bytes());
        }
        self.pushed += length as u64;
        let end = self.pushed;
        if let Some(managed) = &mut self.managed {
            managed.added(end, kind);
        }
        if self.framed || self.managed.is_some() || matches!(kind, Kind::Message(_)) {
            self.marks.push_back(Mark { end, kind });
        }
        true
    }
}

impl Mark {
    fn key(&self) -> Option<MessageKey> {
        match self.kind {
            Kind::Message(key) => Some(key),
            Kind::Nonza | Kind::Stanza => None,
        }
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
        assert!(outbox.take(&mut bytes, None));
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
        let why = || outbox.status().closed;
        assert_eq!(why(), Some(StreamError::ResourceConstraint));
        outbox.close(StreamError::Conflict);
        assert_eq!(why(), Some(StreamError::ResourceConstraint));
        assert!(!outbox.push(&["y"]));
        assert_eq!(outbox.status().waiting, LIMIT);
    }

    #[test]
    fn what_may_be_missed_cuts_nobody_off() {
        let outbox = Outbox::default();
        let half = "x".repeat(LIMIT / 2);
        assert!(outbox.offer(&[&half]));
        assert!(!outbox.offer(&["y"]));
        assert_eq!(outbox.status().closed, None);
        assert!(outbox.push(&["y"]));
    }
}
