//! Ids by which clients find in the archive what they have heard, and the other way round
//! (XEP-0359).
//!
//! Such an id is the message's place in the log, as `mam` and port 5280 give it, too.

use crate::Service;
use crate::address::Address;
use crate::message::{DELAY, OLD_DELAY};
use crate::xml::{Element, attribute};
use domain::Position;

pub(crate) const SID: &str = "urn:xmpp:sid:0";

/// Writes where the archive of `by` holds a message.
pub(crate) fn stanza_id(out: &mut String, by: &str, place: Position) {
    out.push_str(&format!("<stanza-id xmlns='{SID}'"));
    attribute(out, "by", by);
    attribute(out, "id", &place.0.to_string());
    out.push_str("/>");
}

impl Service {
    /// Whether `child` of a client's message says something that only this server may say: when
    /// the message was sent, or where one of our archives holds it.
    pub(crate) fn is_ours_to_say(&self, child: &Element) -> bool {
        if child.is("stanza-id", SID) {
            let by = child.attr("by").unwrap_or_default();
            let by = Address::parse(by, &self.settings.domain, &self.settings.rooms());
            return !matches!(by, Ok(Address::Elsewhere));
        }
        child.is("delay", DELAY) || child.is("x", OLD_DELAY)
    }
}
