//! Messages (RFC 6121 §5, §8.5): those with a body are stored and then handed on; what accompanies
//! a conversation (typing, receipts) is handed on to whoever is there.

use crate::Service;
use crate::address::Address;
use crate::session::Session;
use crate::stanza::{CLIENT, StanzaError, passed_on};
use crate::stanza_id::stanza_id;
use crate::xml::{Element, attribute, escape};
use commands::{Circumstances, Sending};
use domain::chat::{Destination, MessageSent};
use domain::inbox::MessageDisplayed;
use domain::{Millis, Party, Position};
use jiff::Timestamp;
use std::sync::Arc;

/// XEP-0203
pub(crate) const DELAY: &str = "urn:xmpp:delay";
/// XEP-0091
pub(crate) const OLD_DELAY: &str = "jabber:x:delay";
/// XEP-0022
const OLD_EVENT: &str = "jabber:x:event";
/// XEP-0333
const MARKERS: &str = "urn:xmpp:chat-markers:0";

impl Service {
    /// Takes a message from `session`. What is to be stored has its place in the log when this
    /// returns.
    pub(crate) async fn message(
        &self,
        session: &Arc<Session>,
        stanza: &Element,
    ) -> Result<Option<Sending>, StanzaError> {
        let (party, resource) = match self.address(session, stanza)? {
            Address::Party(party, resource) => (party, resource),
            Address::Elsewhere => return Err(StanzaError::REMOTE_SERVER_NOT_FOUND),
            Address::NoRoom => return Err(StanzaError::ITEM_NOT_FOUND),
            Address::Room(shop, nick) => {
                return self
                    .room_message(session, stanza, shop, nick.as_deref())
                    .await;
            }
            Address::House | Address::Nobody | Address::Rooms => {
                return Err(StanzaError::SERVICE_UNAVAILABLE);
            }
        };
        let kind = stanza.attr("type").unwrap_or("normal");
        if kind == "groupchat" {
            return Err(StanzaError::SERVICE_UNAVAILABLE);
        }
        let passing = matches!(kind, "error" | "headline");
        match stanza.child("body", CLIENT) {
            Some(body) if !passing => {
                let message = MessageSent {
                    from_resource: Some(session.resource.clone()),
                    to_resource: resource,
                    normal: kind != "chat",
                    id: stanza.attr("id").map(str::to_owned),
                    children: self.children(stanza),
                    ..MessageSent::new(session.party, Destination::To(party), body.text())
                };
                let circumstances = Circumstances {
                    present: true,
                    fits: self.fits(party).await?,
                };
                let sending = self.commands.submit_message(message, circumstances);
                Ok(Some(sending.await?))
            }
            _ => {
                self.pass_on(session, stanza, party, resource).await?;
                Ok(None)
            }
        }
    }

    /// Whether there is room in somebody's inbox: always, while somebody empties it.
    pub(crate) async fn fits(&self, party: Party) -> Result<bool, StanzaError> {
        let listening = self
            .sessions
            .of(party)
            .iter()
            .any(|one| one.empties_the_inbox());
        if listening {
            return Ok(true);
        }
        let count = self.projections.inbox.count(party).await;
        let count = count.map_err(|error| StanzaError::away(&error))?;
        Ok(count < self.settings.inbox_limit)
    }

    /// Hands on what is not worth storing, to whoever is there.
    async fn pass_on(
        &self,
        session: &Arc<Session>,
        stanza: &Element,
        party: Party,
        resource: Option<String>,
    ) -> Result<(), StanzaError> {
        let unwanted = self.commands.is_unwanted(session.party, party).await;
        if unwanted.map_err(|error| StanzaError::away(&error))? {
            return Ok(());
        }
        self.note_displayed(session, stanza, party).await;
        let one = resource.and_then(|resource| self.sessions.find(party, &resource));
        let to_all = || {
            let all = self.sessions.of(party).into_iter();
            all.filter(|one| one.listens()).collect()
        };
        let receivers: Vec<_> = one.map_or_else(to_all, |one| vec![one]);
        for receiver in &receivers {
            let stanza = self.passed(stanza, &session.jid, &receiver.jid);
            receiver.outbox.offer(&[&stanza]);
        }
        self.copy_passed(session, stanza, party, &receivers);
        Ok(())
    }

    /// Notes that somebody has looked at a message of `peer`, where `stanza` says so.
    async fn note_displayed(&self, session: &Arc<Session>, stanza: &Element, peer: Party) {
        let Some(id) = displayed(stanza) else { return };
        let displayed = MessageDisplayed {
            owner: session.party,
            peer,
            id,
        };
        if let Err(error) = self.commands.note_displayed(displayed).await {
            tracing::warn!(%error, "a look at a message cannot be noted");
        }
    }

    /// Whom a stanza is for; without an address it is for its sender.
    pub(crate) fn address(
        &self,
        session: &Session,
        stanza: &Element,
    ) -> Result<Address, StanzaError> {
        match stanza.attr("to") {
            None => Ok(Address::Party(session.party, None)),
            Some(to) => Address::parse(to, &self.settings.domain, &self.settings.rooms()),
        }
    }

    /// A message of a client that is not stored, as it is passed on.
    pub(crate) fn passed(&self, stanza: &Element, from: &str, to: &str) -> String {
        passed_on(stanza, from, to, |child| self.is_ours_to_say(child))
    }

    /// A message between two as `reader`, who is one of them, sees it; `sent` says when, if that
    /// was some time ago.
    pub(crate) fn render(
        &self,
        message: &MessageSent,
        reader: Party,
        place: Position,
        sent: Option<Millis>,
    ) -> String {
        let domain = &self.settings.domain;
        let with = |party: String, resource: &Option<String>| match resource {
            Some(resource) => format!("{party}@{domain}/{resource}"),
            None => format!("{party}@{domain}"),
        };
        let to = match message.to {
            Destination::To(to) => to.to_string(),
            Destination::Room(shop) => shop.to_string(),
        };
        let mut out = String::from("<message");
        if !message.normal {
            attribute(&mut out, "type", "chat");
        }
        if let Some(id) = &message.id {
            attribute(&mut out, "id", id);
        }
        let from = with(message.from.to_string(), &message.from_resource);
        attribute(&mut out, "from", &from);
        attribute(&mut out, "to", &with(to, &message.to_resource));
        out.push('>');
        contents(&mut out, message);
        stanza_id(&mut out, &self.bare(reader), place);
        if let Some(at) = sent {
            delay(&mut out, domain, at);
        }
        out.push_str("</message>");
        out
    }

    /// The bare JID of somebody.
    pub(crate) fn bare(&self, party: Party) -> String {
        format!("{party}@{}", self.settings.domain)
    }

    /// What accompanies the body, but for what only we may say.
    pub(crate) fn children(&self, stanza: &Element) -> String {
        self.children_but(stanza, |_| false)
    }

    /// The same, but for other things as well.
    pub(crate) fn children_but(
        &self,
        stanza: &Element,
        without: impl Fn(&Element) -> bool,
    ) -> String {
        let mut out = String::new();
        let mut bodies = 0;
        for child in stanza.children() {
            if child.is("body", CLIENT) {
                bodies += 1;
                // The first is the body; others are translations of it.
                if bodies == 1 {
                    continue;
                }
            }
            if !self.is_ours_to_say(child) && !without(child) {
                child.write(&mut out, CLIENT);
            }
        }
        out
    }
}

/// What is said, and what accompanies it.
pub(crate) fn contents(out: &mut String, message: &MessageSent) {
    out.push_str("<body>");
    escape(out, &message.body);
    out.push_str("</body>");
    out.push_str(&message.children);
}

/// A moment as XEP-0082 writes it.
pub(crate) fn stamp(at: Millis) -> Option<String> {
    let at = Timestamp::from_millisecond(at.0).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// When something was said, in the new way and in the old one; `from` says so.
pub(crate) fn delay(out: &mut String, from: &str, at: Millis) {
    let (Some(stamp), Ok(at)) = (stamp(at), Timestamp::from_millisecond(at.0)) else {
        return;
    };
    out.push_str(&format!("<delay xmlns='{DELAY}'"));
    attribute(out, "from", from);
    attribute(out, "stamp", &stamp);
    out.push_str("/>");
    // COMPAT: the clients of 2013 read only this one.
    out.push_str(&format!("<x xmlns='{OLD_DELAY}'"));
    attribute(out, "from", from);
    attribute(out, "stamp", &at.strftime("%Y%m%dT%H:%M:%S").to_string());
    out.push_str("/>");
}

/// The id of the message that a notice says was looked at.
fn displayed(stanza: &Element) -> Option<String> {
    if let Some(marker) = stanza.child("displayed", MARKERS) {
        return marker.attr("id").map(str::to_owned);
    }
    let event = stanza.child("x", OLD_EVENT)?;
    event.child("displayed", OLD_EVENT)?;
    let id = event.child("id", OLD_EVENT)?.text();
    (!id.is_empty()).then_some(id)
}
