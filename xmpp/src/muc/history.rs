//! What a newcomer is told of what was said before (XEP-0045 §7.1.13-14).

use crate::xml::Element;
use domain::Millis;
use jiff::Timestamp;

const MUC: &str = "http://jabber.org/protocol/muc";

/// How many messages a newcomer is told who does not say.
const USUAL: usize = 20;

/// How many messages a newcomer is told at most.
const MOST: usize = 100;

/// How many bytes of what was said a newcomer is told at most.
const MOST_BYTES: usize = 64 * 1024;

/// How much a newcomer wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) messages: usize,
    pub(super) bytes: usize,
    pub(super) since: Millis,
}

impl Wish {
    /// The wish in a presence that asks to be let in at `now`.
    pub(super) fn of(presence: &Element, now: Millis) -> Self {
        let mut wish = Self {
            messages: USUAL,
            bytes: MOST_BYTES,
            since: Millis(i64::MIN),
        };
        let history = presence
            .child("x", MUC)
            .and_then(|x| x.child("history", MUC));
        let Some(history) = history else { return wish };
        let number = |name| {
            history
                .attr(name)
                .and_then(|text| text.parse::<usize>().ok())
        };
        if let Some(messages) = number("maxstanzas") {
            wish.messages = messages.min(MOST);
        }
        if let Some(bytes) = number("maxchars") {
            wish.bytes = bytes.min(MOST_BYTES);
            // Who names another limit is told as much as fits.
            wish.messages = number("maxstanzas").map_or(MOST, |_| wish.messages);
        }
        if let Some(seconds) = number("seconds").and_then(|s| i64::try_from(s).ok()) {
            wish.since = Millis(now.0.saturating_sub(seconds.saturating_mul(1_000)));
        }
        let since = history.attr("since").and_then(|text| text.parse().ok());
        if let Some(since) = since.map(Timestamp::as_millisecond) {
            wish.since = wish.since.max(Millis(since));
        }
        wish
    }
}
