//! What is said in a room, to everybody or to one occupant alone (XEP-0045 §7.4, §7.5, §8.1).
//!
//! What has a body is stored first, and told from the log.

use super::MUC_USER;
use super::room::{Room, Stanza};
use crate::Service;
use crate::message::{contents, delay};
use crate::session::Session;
use crate::stanza::{CLIENT, StanzaError};
use crate::stanza_id::stanza_id;
use crate::xml::{Element, attribute, escape};
use commands::{Circumstances, Sending};
use delivery::RecordedEvent;
use domain::chat::{Destination, MessageSent};
use domain::{Millis, Party, Position, ShopId};
use std::sync::Arc;

impl Service {
    /// Takes a message to a room, or to one of its occupants.
    pub(crate) async fn room_message(
        &self,
        session: &Arc<Session>,
        stanza: &Element,
        shop: ShopId,
        nick: Option<&str>,
    ) -> Result<Option<Sending>, StanzaError> {
        if stanza.attr("type") == Some("error") {
            return Ok(None);
        }
        if self.host(shop).is_none() {
            return Err(StanzaError::ITEM_NOT_FOUND);
        }
        let room = self.rooms.get(shop).filter(|room| room.holds(session));
        let room = room.ok_or(StanzaError::from(domain::chat::Rejection::NotInTheRoom))?;
        match nick {
            Some(nick) => self.whisper(session, stanza, shop, &room, nick).await,
            None if stanza.attr("type") != Some("groupchat") => Err(StanzaError::BAD_REQUEST),
            None => self.say(session, stanza, shop, &room).await,
        }
    }

    /// XEP-0045 §7.4
    async fn say(
        &self,
        session: &Arc<Session>,
        stanza: &Element,
        shop: ShopId,
        room: &Room,
    ) -> Result<Option<Sending>, StanzaError> {
        if let Some(body) = stanza.child("body", CLIENT) {
            let message = MessageSent {
                from_resource: Some(session.resource.clone()),
                id: stanza.attr("id").map(str::to_owned),
                children: self.room_children(stanza),
                ..MessageSent::new(session.party, Destination::Room(shop), body.text())
            };
            // Everybody in the room, the sender too, hears it from the log.
            let sending = self
                .commands
                .submit_message(message, Circumstances::default());
            return Ok(Some(sending.await?));
        }
        if let Some(subject) = stanza.child("subject", CLIENT) {
            self.post_notice(session, shop, subject.text()).await?;
            return Ok(None);
        }
        let mut head = String::from("<message type='groupchat'");
        if let Some(id) = stanza.attr("id") {
            attribute(&mut head, "id", id);
        }
        attribute(
            &mut head,
            "from",
            &format!("{}/{}", room.jid(), session.party),
        );
        let tail = format!(">{}</message>", self.room_children(stanza));
        room.pass_on(&Stanza { head, tail });
        Ok(None)
    }

    /// The subject of a room is the notice of its shop (XEP-0045 §8.1).
    async fn post_notice(
        &self,
        session: &Session,
        shop: ShopId,
        title: String,
    ) -> Result<(), StanzaError> {
        if !self.is_staff(shop, session.party) {
            return Err(StanzaError::FORBIDDEN);
        }
        let posted = self.commands.post_notice(shop, title, session.party);
        match posted.await {
            Ok(_) => Ok(()),
            Err(commands::Error::Rejected(_)) => Err(StanzaError::NOT_ACCEPTABLE),
            Err(error) => Err(StanzaError::away(&error)),
        }
    }

    /// From one occupant to another alone (XEP-0045 §7.5).
    async fn whisper(
        &self,
        session: &Arc<Session>,
        stanza: &Element,
        shop: ShopId,
        room: &Room,
        nick: &str,
    ) -> Result<Option<Sending>, StanzaError> {
        if stanza.attr("type") == Some("groupchat") {
            return Err(StanzaError::BAD_REQUEST);
        }
        let party: Party = nick.parse().map_err(|_| StanzaError::ITEM_NOT_FOUND)?;
        let connections = room.connections(party);
        if connections.is_empty() {
            return Err(StanzaError::ITEM_NOT_FOUND);
        }
        if let Some(body) = stanza.child("body", CLIENT) {
            let message = MessageSent {
                from_resource: Some(session.resource.clone()),
                via: Some(shop),
                id: stanza.attr("id").map(str::to_owned),
                children: self.room_children(stanza),
                ..MessageSent::new(session.party, Destination::To(party), body.text())
            };
            let sending = self
                .commands
                .submit_message(message, Circumstances::default());
            return Ok(Some(sending.await?));
        }
        let unwanted = self.commands.is_unwanted(session.party, party).await;
        if unwanted.map_err(|error| StanzaError::away(&error))? {
            return Ok(None);
        }
        let from = format!("{}/{}", room.jid(), session.party);
        for to in connections {
            let stanza = self.passed(stanza, &from, &to.jid);
            to.outbox.offer(&[&stanza]);
        }
        Ok(None)
    }

    /// The connections of `party` in a room, for a message that comes by way of it, and the
    /// message as they see it.
    pub(crate) fn whispered(
        &self,
        message: &MessageSent,
        party: Party,
        shop: ShopId,
        place: Position,
    ) -> Vec<(Arc<Session>, Arc<str>)> {
        let Some(room) = self.rooms.get(shop) else {
            return Vec::new();
        };
        let from = format!("{}/{}", room.jid(), message.from);
        let Stanza { head, tail } = self.whisper_of(message, party, &from, place);
        let connections = room.connections(party).into_iter();
        connections
            .map(|session| {
                let stanza = format!("{head}{}{tail}", session.to).into();
                (session, stanza)
            })
            .collect()
    }

    /// A message that went from one occupant of a room to another, as `reader`, who is one of
    /// them, finds it afterwards.
    pub(crate) fn render_whisper(
        &self,
        message: &MessageSent,
        reader: Party,
        shop: ShopId,
        place: Position,
    ) -> String {
        let room = format!("{shop}@{}", self.settings.rooms());
        let own = self.bare(reader);
        let (from, to) = match message.peer_of(reader) {
            Some(peer) if message.from == reader => {
                let resource = message.from_resource.as_deref().unwrap_or_default();
                (format!("{own}/{resource}"), format!("{room}/{peer}"))
            }
            _ => (format!("{room}/{}", message.from), own),
        };
        let from = from.trim_end_matches('/');
        let Stanza { mut head, tail } = self.whisper_of(message, reader, from, place);
        attribute(&mut head, "to", &to);
        head + &tail
    }

    fn whisper_of(
        &self,
        message: &MessageSent,
        reader: Party,
        from: &str,
        place: Position,
    ) -> Stanza {
        let mut head = String::from("<message type='chat'");
        if let Some(id) = &message.id {
            attribute(&mut head, "id", id);
        }
        attribute(&mut head, "from", from);
        let mut tail = String::from(">");
        contents(&mut tail, message);
        tail.push_str(&format!("<x xmlns='{MUC_USER}'/>"));
        stanza_id(&mut tail, &self.bare(reader), place);
        tail.push_str("</message>");
        Stanza { head, tail }
    }

    /// What accompanies something that is said in a room; who its occupants are, is the room's to
    /// say (XEP-0313 §8.4).
    fn room_children(&self, stanza: &Element) -> String {
        self.children_but(stanza, |child| child.is("x", MUC_USER))
    }

    /// Something was said in a room.
    pub(crate) fn said(&self, shop: ShopId, message: &MessageSent, event: &RecordedEvent) {
        if let Some(room) = self.rooms.get(shop) {
            room.tell(event, self.render_said(message, event.position, None));
        }
    }

    /// A shop has another notice.
    pub(crate) fn notice_posted(&self, shop: ShopId, title: &str, event: &RecordedEvent) {
        if let Some(room) = self.rooms.get(shop) {
            room.tell(event, subject(room.jid(), title));
        }
    }

    /// The same as it stands in the room's archive.
    pub(crate) fn render_archived(&self, message: &MessageSent, place: Position) -> String {
        let Stanza { head, tail } = self.render_said(message, place, None);
        head + &tail
    }

    /// Something that was said in a room; `sent` says when, if that was before one came.
    pub(super) fn render_said(
        &self,
        message: &MessageSent,
        place: Position,
        sent: Option<Millis>,
    ) -> Stanza {
        let room = match message.to {
            Destination::Room(shop) => format!("{shop}@{}", self.settings.rooms()),
            Destination::To(_) => self.settings.rooms(),
        };
        let mut head = String::from("<message type='groupchat'");
        if let Some(id) = &message.id {
            attribute(&mut head, "id", id);
        }
        attribute(&mut head, "from", &format!("{room}/{}", message.from));
        let mut tail = String::from(">");
        contents(&mut tail, message);
        stanza_id(&mut tail, &room, place);
        if let Some(at) = sent {
            delay(&mut tail, &room, at);
        }
        tail.push_str("</message>");
        Stanza { head, tail }
    }
}

/// The subject of a room, which ends what a newcomer is told (XEP-0045 §7.2.15).
pub(super) fn subject(room: &str, notice: &str) -> Stanza {
    let mut head = String::from("<message type='groupchat'");
    attribute(&mut head, "from", room);
    let mut tail = String::from("><subject>");
    escape(&mut tail, notice);
    tail.push_str("</subject></message>");
    Stanza { head, tail }
}
