//! Finding out what is where (XEP-0030).

use crate::blocking::BLOCKING;
use crate::carbons::CARBONS;
use crate::iq::{PING, VERSION};
use crate::mam::{MAM, MAM_EXTENDED};
use crate::stanza_id::SID;
use crate::vcard::VCARD;
use crate::xml::attribute;

pub(crate) const INFO: &str = "http://jabber.org/protocol/disco#info";
pub(crate) const ITEMS: &str = "http://jabber.org/protocol/disco#items";

/// What this server is and can do.
pub(crate) fn house() -> String {
    let features = [
        INFO,
        ITEMS,
        PING,
        VERSION,
        VCARD,
        BLOCKING,
        CARBONS,
        "msgoffline",
    ];
    info("server", "im", "lianlian", &features)
}

/// What one's own account is.
pub(crate) fn account() -> String {
    let features = [INFO, ITEMS, VCARD, MAM, MAM_EXTENDED, SID, CARBONS];
    info("account", "registered", "", &features)
}

/// Where the rooms are.
pub(crate) fn services(rooms: &str) -> String {
    let item = (rooms.to_owned(), "rooms of shops".to_owned());
    items(std::iter::once(item))
}

/// Names of things, by their JIDs.
pub(crate) fn items(all: impl Iterator<Item = (String, String)>) -> String {
    let mut out = format!("<query xmlns='{ITEMS}'>");
    for (jid, name) in all {
        out.push_str("<item");
        attribute(&mut out, "jid", &jid);
        attribute(&mut out, "name", &name);
        out.push_str("/>");
    }
    out.push_str("</query>");
    out
}

/// That there is nothing more.
pub(crate) fn no_items() -> String {
    format!("<query xmlns='{ITEMS}'/>")
}

/// An identity and features.
pub(crate) fn info(category: &str, kind: &str, name: &str, features: &[&str]) -> String {
    let mut out = format!("<query xmlns='{INFO}'><identity");
    attribute(&mut out, "category", category);
    attribute(&mut out, "type", kind);
    if !name.is_empty() {
        attribute(&mut out, "name", name);
    }
    out.push_str("/>");
    for feature in features {
        out.push_str("<feature");
        attribute(&mut out, "var", feature);
        out.push_str("/>");
    }
    out.push_str("</query>");
    out
}
