//! What an inactive client need not be woken for (XEP-0352): presences, of which the last counts,
//! and who is typing. It is held back until something comes that is worth it.

use std::collections::VecDeque;

/// How many stanzas are held back.
const MOST: usize = 256;

/// How many bytes are held back.
const MOST_BYTES: usize = 64 * 1024;

/// XEP-0085
const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";
/// XEP-0334
const HINTS: &str = "urn:xmpp:hints";

/// See the module.
#[derive(Default)]
pub(super) struct HeldBack {
    /// By what they replace each other, in order.
    stanzas: VecDeque<(String, String)>,
    bytes: usize,
}

impl HeldBack {
    /// Holds back the stanza of `parts`; `false` when it must not wait, or there is no room.
    pub(super) fn hold(&mut self, parts: &[&str]) -> bool {
        let stanza = parts.concat();
        let Some(key) = key(&stanza) else {
            return false;
        };
        let before = self.stanzas.iter().position(|(held, _)| *held == key);
        if let Some((_, old)) = before.and_then(|at| self.stanzas.remove(at)) {
            self.bytes -= old.len();
        }
        self.bytes += stanza.len();
        self.stanzas.push_back((key, stanza));
        if self.stanzas.len() <= MOST && self.bytes <= MOST_BYTES {
            return true;
        }
        // The newest goes the way of what does not wait, behind the others.
        if let Some((_, newest)) = self.stanzas.pop_back() {
            self.bytes -= newest.len();
        }
        false
    }

    /// What is held back, which it is no longer.
    pub(super) fn take(&mut self) -> impl Iterator<Item = String> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.stanzas)
            .into_iter()
            .map(|(_, stanza)| stanza)
    }
}

/// Which stanza of its kind this is, if it may wait. Stanzas are as this server writes them.
fn key(stanza: &str) -> Option<String> {
    let (head, inside) = stanza.split_once('>')?;
    let (_, from) = head.split_once(" from='")?;
    let (from, _) = from.split_once('\'')?;
    let is_error = head.contains(" type='error'");
    if head.starts_with("<presence") {
        // One's own in a room says that one is in.
        let waits = !is_error && !inside.contains("<status code=");
        return waits.then(|| format!("presence {from}"));
    }
    let mut namespaces = inside.split("xmlns='").skip(1);
    let types = head.starts_with("<message")
        && !is_error
        && inside.contains(CHAT_STATES)
        && !["<body", "<subject"].iter().any(|it| inside.contains(it))
        && namespaces.all(|rest| {
            let ns = rest.split('\'').next();
            ns == Some(CHAT_STATES) || ns == Some(HINTS)
        });
    types.then(|| format!("message {from}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stanza: &str, expected: Option<&str>) {
        assert_eq!(key(stanza).as_deref(), expected, "{stanza}");
    }

    #[test]
    fn only_presences_and_who_is_typing_may_wait() {
        check(
            "<presence from='a@b/c' to='d'></presence>",
            Some("presence a@b/c"),
        );
        check(
            "<presence type='unavailable' from='a' to='d'/>",
            Some("presence a"),
        );
        check(
            "<presence type='error' from='a' to='d'><error/></presence>",
            None,
        );
        check(
            "<presence from='a' to='d'><x xmlns='m'><status code='110'/></x></presence>",
            None,
        );
        let message = |inside: &str| format!("<message from='a' to='d'>{inside}</message>");
        let typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
        let hint = "<no-store xmlns='urn:xmpp:hints'/>";
        check(&message(typing), Some("message a"));
        check(&message(&format!("{typing}{hint}")), Some("message a"));
        for more in [
            "<body>hi</body>",
            "<received xmlns='urn:xmpp:receipts' id='1'/>",
            "<subject/>",
        ] {
            check(&message(&format!("{typing}{more}")), None);
        }
        check(&message(hint), None);
        check("<iq from='a' to='d' type='result'/>", None);
    }

    #[test]
    fn the_last_of_each_is_kept_in_order() {
        let mut held = HeldBack::default();
        for (from, says) in [("a", "1"), ("b", "2"), ("a", "3")] {
            let stanza = format!("<presence from='{from}'>{says}</presence>");
            assert!(held.hold(&[&stanza]));
        }
        let all: String = held.take().collect();
        assert_eq!(
            all,
            "<presence from='b'>2</presence><presence from='a'>3</presence>"
        );
        assert_eq!(held.take().count(), 0);
    }

    #[test]
    fn no_more_than_so_much_is_held_back() {
        let mut held = HeldBack::default();
        let long = "x".repeat(MOST_BYTES / 2);
        for from in ["a", "b"] {
            let stanza = format!("<presence from='{from}'>{long}</presence>");
            assert_eq!(held.hold(&[&stanza]), from == "a");
        }
        for n in 1..=MOST {
            let stanza = format!("<presence from='{n}'></presence>");
            assert_eq!(held.hold(&[&stanza]), n < MOST);
        }
        assert_eq!(held.take().count(), MOST);
    }
}
