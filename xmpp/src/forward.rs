//! A message inside another (XEP-0297): in copies for a person's other connections, and in pages
//! of an archive.

use crate::message::{DELAY, stamp};
use crate::stanza::CLIENT;
use crate::xml::attribute;
use domain::Millis;

const FORWARD: &str = "urn:xmpp:forward:0";

/// Writes `message`, a stanza of ours, as something that was said to somebody else or earlier; `at`
/// says when.
pub(crate) fn forwarded(out: &mut String, message: &str, at: Option<Millis>) {
    out.push_str(&format!("<forwarded xmlns='{FORWARD}'>"));
    if let Some(stamp) = at.and_then(stamp) {
        out.push_str(&format!("<delay xmlns='{DELAY}'"));
        attribute(out, "stamp", &stamp);
        out.push_str("/>");
    }
    // It stands in a foreign element, so it must say what it is.
    out.push_str(&format!("<message xmlns='{CLIENT}'"));
    out.push_str(message.strip_prefix("<message").unwrap_or(message));
    out.push_str("</forwarded>");
}
