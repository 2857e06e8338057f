//! Copies of what a person says and hears, for their other connections (XEP-0280).
//!
//! What is stored is copied from the log, so that it is on disk before anybody sees it and reaches
//! connections to other nodes, too. A copy confirms nothing: until the connection that a message is
//! for has it, the message waits in the inbox.

use crate::Service;
use crate::forward::forwarded;
use crate::session::Session;
use crate::stanza::CLIENT;
use crate::xml::{Element, attribute};
use delivery::RecordedEvent;
use domain::chat::{Destination, MessageSent};
use domain::{Party, ShopId};
use std::sync::Arc;

pub(crate) const CARBONS: &str = "urn:xmpp:carbons:2";

/// XEP-0334
const HINTS: &str = "urn:xmpp:hints";

/// What accompanies conversations without a body: XEP-0184, XEP-0085, XEP-0333, XEP-0022, XEP-0249.
const ACCOMPANIMENTS: [&str; 5] = [
    "urn:xmpp:receipts",
    "http://jabber.org/protocol/chatstates",
    "urn:xmpp:chat-markers:0",
    "jabber:x:event",
    "jabber:x:conference",
];

/// Which side of a conversation is copied.
#[derive(Clone, Copy)]
enum Side {
    Sent,
    Received,
}

impl Service {
    /// Copies what was said to the other connections of whoever said it. A whisper is only for
    /// those that are in the room, too.
    pub(crate) fn copy_sent(&self, message: &MessageSent, event: &Arc<RecordedEvent>) {
        let owner = message.from;
        if message.to == Destination::To(owner) {
            // They hear it anyway.
            return;
        }
        let own = message.from_resource.as_deref();
        let elsewhere = |one: &Arc<Session>| Some(&*one.resource) != own;
        let copied = |one: &Arc<Session>| match message.via {
            Some(shop) => self.is_in_room(shop, one),
            None => true,
        };
        let others = self.takers(owner).filter(elsewhere).filter(copied);
        self.copy(others, message, owner, Side::Sent, event);
    }

    /// Copies a message to those connections of its receiver that it did not go to.
    pub(crate) fn copy_received(
        &self,
        message: &MessageSent,
        owner: Party,
        went_to: impl Fn(&Arc<Session>) -> bool,
        event: &Arc<RecordedEvent>,
    ) {
        let said_it = |one: &Session| {
            message.from == owner && Some(&one.resource) == message.from_resource.as_ref()
        };
        let others = self
            .takers(owner)
            .filter(|one| !went_to(one) && !said_it(one));
        self.copy(others, message, owner, Side::Received, event);
    }

    fn copy(
        &self,
        others: impl Iterator<Item = Arc<Session>>,
        message: &MessageSent,
        owner: Party,
        side: Side,
        event: &Arc<RecordedEvent>,
    ) {
        let mut others = others.peekable();
        if others.peek().is_none() || forbids_copies(&message.children) {
            return;
        }
        let place = event.position;
        let inside = match message.via {
            Some(shop) => self.render_whisper(message, owner, shop, place),
            None => self.render(message, owner, place, None),
        };
        let kind = if message.normal { None } else { Some("chat") };
        for one in others {
            let copy = self.wrapped(&inside, kind, side, &one);
            one.receive_copy(event, &copy.into());
        }
    }

    /// Copies what is not stored, as it went from `session` to `receivers` of `party`.
    pub(crate) fn copy_passed(
        &self,
        session: &Arc<Session>,
        stanza: &Element,
        party: Party,
        receivers: &[Arc<Session>],
    ) {
        if !is_copied(stanza) {
            return;
        }
        let to = stanza.attr("to").unwrap_or_default();
        let went_to = |one: &Arc<Session>| {
            Arc::ptr_eq(one, session) || receivers.iter().any(|other| Arc::ptr_eq(one, other))
        };
        let inside = || self.passed(stanza, &session.jid, to);
        let kind = stanza.attr("type");
        let sent = self
            .takers(session.party)
            .filter(|_| party != session.party);
        for one in sent.filter(|one| !went_to(one)) {
            one.outbox
                .offer(&[&self.wrapped(&inside(), kind, Side::Sent, &one)]);
        }
        let received = self.takers(party).filter(|_| !receivers.is_empty());
        for one in received.filter(|one| !went_to(one)) {
            one.outbox
                .offer(&[&self.wrapped(&inside(), kind, Side::Received, &one)]);
        }
    }

    /// The connections of somebody that want copies, and have said that they are there.
    fn takers(&self, owner: Party) -> impl Iterator<Item = Arc<Session>> + use<> {
        let all = self.sessions.of(owner).into_iter();
        all.filter(|one| one.takes_copies())
    }

    fn is_in_room(&self, shop: ShopId, session: &Arc<Session>) -> bool {
        session.rooms().contains(&shop)
    }

    fn wrapped(&self, inside: &str, kind: Option<&str>, side: Side, to: &Session) -> String {
        let name = match side {
            Side::Sent => "sent",
            Side::Received => "received",
        };
        let mut out = String::from("<message");
        if let Some(kind) = kind {
            attribute(&mut out, "type", kind);
        }
        attribute(&mut out, "from", &self.bare(to.party));
        out.push_str(&to.to);
        out.push_str(&format!("><{name} xmlns='{CARBONS}'>"));
        forwarded(&mut out, inside, None);
        out.push_str(&format!("</{name}></message>"));
        out
    }
}

/// Whether what accompanies a stored message asks for no copies. It was written by us, and begins
/// elements with their namespace.
fn forbids_copies(children: &str) -> bool {
    let asks = |name, ns| children.contains(&format!("<{name} xmlns='{ns}'"));
    asks("private", CARBONS) || asks("no-copy", HINTS)
}

/// Whether a message that is not stored belongs to a conversation (XEP-0280 §6.1).
fn is_copied(stanza: &Element) -> bool {
    let has = |name, ns| stanza.child(name, ns).is_some();
    if has("private", CARBONS) || has("no-copy", HINTS) {
        return false;
    }
    match stanza.attr("type") {
        Some("chat") => true,
        Some("error" | "headline" | "groupchat") => false,
        _ => stanza
            .children()
            .any(|child| child.ns() != CLIENT && ACCOMPANIMENTS.contains(&child.ns())),
    }
}
