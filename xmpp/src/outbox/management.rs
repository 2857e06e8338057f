//! What stream management (XEP-0198) keeps of what was written: every stanza, until the client has
//! said that it has come.

use super::{Kind, Mark, MessageKey, Outbox, State};
use crate::stream_error::StreamError;
use std::collections::VecDeque;

/// The server's question how much has come.
const ASK: &str = "<r xmlns='urn:xmpp:sm:3'/>";

/// See the module. Offsets count all bytes that were ever put into the outbox.
pub(super) struct Managed {
    /// Stanzas that end behind here are counted.
    base: u64,
    /// How many stanzas have come, modulo 2^32.
    acknowledged: u32,
    /// What was handed to a connection since `kept_from`.
    kept: Vec<u8>,
    kept_from: u64,
    /// The end of the last stanza.
    counted_upto: u64,
    /// How much there was when the client was asked last.
    asked_upto: u64,
    /// The client was asked, and has not answered.
    asked: bool,
}

impl Managed {
    fn new(base: u64, acknowledged: u32) -> Self {
        Self {
            base,
            acknowledged,
            kept: Vec::new(),
            kept_from: base,
            counted_upto: base,
            asked_upto: base,
            asked: false,
        }
    }

    /// How many bytes are kept.
    pub(super) fn kept(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked
    }

    /// An element that ends here was put in.
    pub(super) fn added(&mut self, end: u64, kind: Kind) {
        if kind != Kind::Nonza {
            self.counted_upto = end;
        }
    }

    /// These bytes are handed to a connection, the first of which is the one at `from`.
    pub(super) fn keep(&mut self, from: u64, bytes: &[u8]) {
        let before = self.base.saturating_sub(from);
        let before = usize::try_from(before).unwrap_or(usize::MAX);
        self.kept
            .extend_from_slice(bytes.get(before..).unwrap_or_default());
    }

    /// Forgets what ends at `upto`, or before.
    fn forget(&mut self, upto: u64) {
        if upto > self.kept_from {
            let gone = usize::try_from(upto - self.kept_from).unwrap_or(usize::MAX);
            self.kept.drain(..gone.min(self.kept.len()));
            self.kept_from = upto;
        }
        if self.kept.is_empty() {
            self.kept = Vec::new();
        }
    }
}

impl Outbox {
    /// Begins to keep and count what is put in behind `enabled`, which says so.
    pub(crate) fn manage(&self, enabled: &str) {
        let mut state = self.state();
        if state.closed.is_none() && state.add(&[enabled], Kind::Nonza) {
            let base = state.pushed;
            state.managed = Some(Box::new(Managed::new(base, 0)));
        }
        drop(state);
        self.waker.wake();
    }

    /// Asks the client what has come, once everything was written: if anything new was, or, if
    /// `anyway`, to hear whether it is there. `true` when there is a question to write.
    pub(crate) fn ask(&self, anyway: bool) -> bool {
        let mut state = self.state();
        let State { managed, bytes, .. } = &mut *state;
        let Some(managed) = managed else { return false };
        let known = managed.asked_upto.max(managed.kept_from);
        let is_due = anyway || managed.counted_upto > known;
        if managed.asked || !is_due || !bytes.is_empty() {
            return false;
        }
        managed.asked = true;
        state.add(&[ASK], Kind::Nonza);
        let upto = state.pushed;
        if let Some(managed) = &mut state.managed {
            managed.asked_upto = upto;
        }
        true
    }

    /// The client says that `h` stanzas have come; the messages among those that are new.
    ///
    /// # Errors
    /// When so many were not sent.
    pub(crate) fn acknowledge(&self, h: u32) -> Result<Vec<MessageKey>, StreamError> {
        self.state().acknowledge(h)
    }

    /// Goes on with another connection, whose client says that `h` stanzas have come: first
    /// `resumed`, then everything else, in order; all of it in frames, if it is `framed`. The
    /// messages among those that had come.
    ///
    /// # Errors
    /// As above, and when it is closed.
    pub(crate) fn resume(
        &self,
        h: u32,
        resumed: &str,
        framed: bool,
    ) -> Result<Vec<MessageKey>, StreamError> {
        let mut state = self.state();
        if let Some(why) = state.closed {
            return Err(why);
        }
        let arrived = state.acknowledge(h)?;
        state.framed = framed;
        state.start_again(resumed);
        Ok(arrived)
    }
}

impl State {
    fn acknowledge(&mut self, h: u32) -> Result<Vec<MessageKey>, StreamError> {
        let mut arrived = Vec::new();
        let Some(managed) = &mut self.managed else {
            return Ok(arrived);
        };
        let new = h.wrapping_sub(managed.acknowledged);
        let mut left = new;
        while let Some(mark) = self.marks.front()
            && mark.end <= self.taken
        {
            if mark.end <= managed.base {
                // From before management: an answer came behind it.
                if new == 0 && !managed.asked {
                    break;
                }
            } else if mark.kind != Kind::Nonza {
                if left == 0 {
                    break;
                }
                left -= 1;
            }
            arrived.extend(mark.key());
            managed.forget(mark.end);
            self.marks.pop_front();
        }
        if left > 0 {
            let sent = managed.acknowledged.wrapping_add(new - left);
            return Err(StreamError::HandledCountTooHigh { h, sent });
        }
        managed.acknowledged = h;
        managed.asked = false;
        if self.marks.is_empty() {
            self.marks = VecDeque::new();
        }
        Ok(arrived)
    }

    /// Has everything that is kept or waits written to another connection, behind `resumed`.
    fn start_again(&mut self, resumed: &str) {
        let Some(old) = self.managed.take() else {
            return;
        };
        let origin = self.pushed;
        let mut bytes = resumed.as_bytes().to_vec();
        let base = origin + bytes.len() as u64;
        let mut managed = Managed::new(base, old.acknowledged);
        let mut marks = VecDeque::new();
        if self.framed {
            let kind = Kind::Nonza;
            marks.push_back(Mark { end: base, kind });
        }
        let mut start = old.kept_from;
        for mark in std::mem::take(&mut self.marks) {
            if mark.end <= old.base {
                // Nothing of it was kept, but the inbox has it.
                self.recheck |= mark.key().is_some();
                continue;
            }
            let (source, first) = if mark.end <= self.taken {
                (&old.kept, old.kept_from)
            } else {
                (&self.bytes, self.taken)
            };
            let at = |offset: u64| usize::try_from(offset.saturating_sub(first)).unwrap_or(0);
            let element = source.get(at(start)..at(mark.end)).unwrap_or_default();
            start = mark.end;
            if mark.kind != Kind::Nonza {
                bytes.extend_from_slice(element);
                let (end, kind) = (origin + bytes.len() as u64, mark.kind);
                managed.added(end, kind);
                marks.push_back(Mark { end, kind });
            }
        }
        self.taken = origin;
        self.pushed = origin + bytes.len() as u64;
        self.bytes = bytes;
        self.marks = marks;
        self.managed = Some(Box::new(managed));
        self.summoned = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::UserId;

    fn key(revision: u64) -> MessageKey {
        (UserId::new(1, [1; 8]).into(), revision)
    }

    /// Everything that waits, as it would be written.
    fn written(outbox: &Outbox) -> String {
        let mut bytes = Vec::new();
        outbox.take(&mut bytes, None);
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn what_has_not_come_is_written_again_in_order_without_what_was_of_the_stream() {
        let outbox = Outbox::default();
        outbox.push(&["<before/>"]);
        outbox.manage("<enabled/>");
        outbox.push_message(&["<m1/>"], key(1));
        assert_eq!(written(&outbox), "<before/><enabled/><m1/>");
        assert!(outbox.ask(false));
        assert!(!outbox.ask(false), "asked once");
        outbox.push(&["<p/>"]);
        outbox.push_message(&["<m2/>"], key(2));
        assert_eq!(written(&outbox), format!("{ASK}<p/><m2/>"));
        outbox.push_message(&["<m3/>"], key(3));
        assert_eq!(outbox.status().waiting, 5);
        assert_eq!(outbox.resume(1, "<resumed/>", false), Ok(vec![key(1)]));
        assert_eq!(written(&outbox), "<resumed/><p/><m2/><m3/>");
        assert!(outbox.ask(false));
        assert_eq!(written(&outbox), ASK);
        assert_eq!(outbox.acknowledge(3), Ok(vec![key(2)]));
        // And again, from the middle.
        assert_eq!(outbox.resume(3, "<resumed/>", false), Ok(vec![]));
        assert_eq!(written(&outbox), "<resumed/><m3/>");
        assert_eq!(outbox.acknowledge(4), Ok(vec![key(3)]));
        assert_eq!(outbox.status().kept, 0);
        assert!(!outbox.ask(false), "everything has come");
        assert!(outbox.ask(true));
    }

    #[test]
    fn the_client_is_asked_once_for_all_that_was_written() {
        let outbox = Outbox::default();
        assert!(!outbox.ask(true), "without management it cannot be");
        outbox.manage("<enabled/>");
        written(&outbox);
        assert!(!outbox.ask(false));
        outbox.push(&["<a/>"]);
        assert!(!outbox.ask(false), "something still waits");
        outbox.push(&["<b/>"]);
        written(&outbox);
        assert!(outbox.ask(false) && outbox.status().awaits);
        written(&outbox);
        outbox.push(&["<c/>"]);
        written(&outbox);
        assert!(!outbox.ask(false), "it has not answered");
        assert_eq!(outbox.acknowledge(2), Ok(vec![]));
        assert!(!outbox.status().awaits && outbox.ask(false));
        written(&outbox);
        // A client that has lost count is not asked for ever.
        assert_eq!(outbox.acknowledge(2), Ok(vec![]));
        assert!(!outbox.ask(false));
    }

    #[test]
    fn more_than_was_sent_has_not_come() {
        let outbox = Outbox::default();
        outbox.manage("<enabled/>");
        outbox.push(&["<a/>"]);
        let too_high = |h, sent| Err(StreamError::HandledCountTooHigh { h, sent });
        assert_eq!(outbox.acknowledge(1), too_high(1, 0), "not yet written");
        written(&outbox);
        assert_eq!(outbox.acknowledge(2), too_high(2, 1));
        let outbox = Outbox::default();
        outbox.manage("<enabled/>");
        outbox.push(&["<a/>"]);
        written(&outbox);
        assert_eq!(outbox.acknowledge(1), Ok(vec![]));
        assert_eq!(outbox.acknowledge(0), too_high(0, 1), "nor less");
    }

    #[test]
    fn counting_goes_on_behind_the_largest_number() {
        let outbox = Outbox::default();
        outbox.manage("<enabled/>");
        if let Some(managed) = &mut outbox.state().managed {
            managed.acknowledged = u32::MAX;
        }
        outbox.push_message(&["<a/>"], key(1));
        outbox.push_message(&["<b/>"], key(2));
        written(&outbox);
        assert_eq!(outbox.acknowledge(0), Ok(vec![key(1)]));
        assert_eq!(outbox.acknowledge(1), Ok(vec![key(2)]));
    }

    #[test]
    fn what_is_kept_counts_into_the_bound() {
        let outbox = Outbox::default();
        outbox.manage("<enabled/>");
        let half = "x".repeat(super::super::LIMIT / 2);
        assert!(outbox.push(&[&half]));
        written(&outbox);
        assert!(outbox.push(&[&half]));
        assert!(!outbox.push(&["y"]));
        assert_eq!(
            outbox.resume(0, "<resumed/>", false),
            Err(StreamError::ResourceConstraint)
        );
    }

    #[test]
    fn messages_from_before_management_come_with_an_answer_or_from_the_inbox() {
        let outbox = Outbox::default();
        outbox.push_message(&["<m1/>"], key(1));
        outbox.manage("<enabled/>");
        written(&outbox);
        assert_eq!(outbox.confirm(0), [], "only an answer confirms");
        assert_eq!(outbox.acknowledge(0), Ok(vec![]), "which this is not");
        assert!(outbox.is_owed());
        assert!(outbox.ask(true));
        written(&outbox);
        assert_eq!(outbox.acknowledge(0), Ok(vec![key(1)]));
        let outbox = Outbox::default();
        outbox.push_message(&["<m1/>"], key(1));
        outbox.manage("<enabled/>");
        assert_eq!(outbox.resume(0, "<resumed/>", false), Ok(vec![]));
        assert_eq!(written(&outbox), "<resumed/>");
        assert!(outbox.take_recheck() && !outbox.holds(key(1)));
    }
}
