//! The rooms of shops (XEP-0045): each open shop has one, from the first to the last of its days.
//!
//! What is said there is stored first, and told from the log; who is there is not stored.

mod history;
mod room;

use crate::Service;
use crate::disco::{self, INFO, ITEMS};
use crate::iq::PING;
use crate::message::{children, contents, delay};
use crate::session::Session;
use crate::stanza::{CLIENT, StanzaError};
use crate::xml::{Element, attribute, escape};
use commands::Circumstances;
use delivery::RecordedEvent;
use domain::chat::{Destination, MessageSent};
use domain::{EventKind, Millis, Party, ShopId};
use history::Wish;
use projections::chat_history::{Said, Stretch};
use room::{Farewell, MUC_USER, Room, Stanza};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

const MUC: &str = "http://jabber.org/protocol/muc";
const MUC_ADMIN: &str = "http://jabber.org/protocol/muc#admin";

/// How often the read models are waited for, two seconds each.
const ATTEMPTS: usize = 10;

/// How many rooms are listed.
const LISTED: usize = 100;

/// The rooms that somebody is in.
#[derive(Default)]
pub(crate) struct Rooms(RwLock<HashMap<ShopId, Arc<Room>>>);

impl Rooms {
    fn get(&self, shop: ShopId) -> Option<Arc<Room>> {
        let rooms = self.0.read().unwrap_or_else(PoisonError::into_inner);
        rooms.get(&shop).cloned()
    }

    /// Lets somebody into a room, which is there from now on, with `enter`.
    fn enter(&self, shop: ShopId, make: impl FnOnce() -> Room, enter: impl FnOnce(&Room)) {
        let mut rooms = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let room = rooms.entry(shop).or_insert_with(|| Arc::new(make()));
        enter(room);
    }

    /// Forgets a room that nobody is in.
    fn tidy(&self, shop: ShopId) {
        let mut rooms = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if rooms.get(&shop).is_some_and(|room| room.is_empty()) {
            rooms.remove(&shop);
        }
    }

    fn listed(&self) -> Vec<ShopId> {
        let rooms = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut shops: Vec<ShopId> = rooms.keys().copied().collect();
        shops.sort_unstable();
        shops.truncate(LISTED);
        shops
    }
}

/// A shop as its room shows it.
struct Host {
    name: String,
    notice: String,
    staff: Vec<Party>,
}

impl Service {
    /// The shop of a room, if it is open.
    fn host(&self, shop: ShopId) -> Option<Host> {
        self.projections.shop_index.read(|shops| {
            let shop = shops.get(shop)?;
            Some(Host {
                name: shop.details.name.clone(),
                notice: shop.notice.clone(),
                staff: shop.staff.iter().copied().map(Party::from).collect(),
            })
        })
    }

    /// Whether `party` is a moderator: works for the shop, or is it.
    fn is_staff(&self, shop: ShopId, party: Party) -> bool {
        let works_there = |host: Host| host.staff.contains(&party);
        party == Party::Shop(shop) || self.host(shop).is_some_and(works_there)
    }

    /// Takes a presence to a room, or to one of its occupants.
    pub(crate) async fn room_presence(
        &self,
        session: &Arc<Session>,
        stanza: &Element,
        shop: ShopId,
        nick: Option<&str>,
    ) -> Result<(), StanzaError> {
        let room = self.rooms.get(shop).filter(|room| room.holds(session));
        let mut presence = String::new();
        for child in stanza.children().filter(|child| !child.is("x", MUC)) {
            child.write(&mut presence, CLIENT);
        }
        match (stanza.attr("type"), room) {
            (Some("unavailable"), Some(room)) => {
                room.leave(session, Farewell::Leaves);
                session.leave(shop);
                self.rooms.tidy(shop);
                Ok(())
            }
            (None, Some(room)) if stanza.child("x", MUC).is_none() => {
                room.update(session, presence, self.is_staff(shop, session.party));
                Ok(())
            }
            (None, _) => {
                let nick = nick.ok_or(StanzaError::JID_MALFORMED)?;
                let renamed = nick != session.party.to_string();
                let wish = Wish::of(stanza, self.commands.clock().now());
                self.join(session, shop, presence, renamed, wish).await
            }
            _ => Ok(()),
        }
    }

    /// XEP-0045 §7.2
    async fn join(
        &self,
        session: &Arc<Session>,
        shop: ShopId,
        presence: String,
        renamed: bool,
        wish: Wish,
    ) -> Result<(), StanzaError> {
        let host = self.host(shop).ok_or(StanzaError::ITEM_NOT_FOUND)?;
        if !session.enter(shop) {
            return Err(StanzaError::RESOURCE_CONSTRAINT);
        }
        let make = || {
            let limit = self.settings.room_presence;
            Room::new(shop, &self.settings.rooms(), limit)
        };
        let is_staff = |party| party == Party::Shop(shop) || host.staff.contains(&party);
        self.rooms.enter(shop, make, |room| {
            room.enter(session, presence, renamed, is_staff);
        });
        // From here on it hears nothing that is not behind this position.
        let upto = self.dispatcher.position();
        let told = self.said_before(shop, upto, wish).await;
        let Some(room) = self.rooms.get(shop) else {
            return Ok(());
        };
        let said = match told {
            Ok(said) => said,
            Err(error) => {
                room.leave(session, Farewell::Leaves);
                session.leave(shop);
                self.rooms.tidy(shop);
                return Err(error);
            }
        };
        // A notice that was posted meanwhile is behind the position, and comes as an event.
        room.open(session, upto, || {
            for said in said {
                let Stanza { head, tail } = self.render_said(&said.message, Some(said.at));
                session.outbox.push(&[&head, &session.to, &tail]);
            }
            let Stanza { head, tail } = subject(room.jid(), &host.notice);
            session.outbox.push(&[&head, &session.to, &tail]);
        });
        Ok(())
    }

    /// What a newcomer is told, oldest first.
    async fn said_before(
        &self,
        shop: ShopId,
        upto: domain::Position,
        wish: Wish,
    ) -> Result<Vec<Said>, StanzaError> {
        let kinds = [EventKind::MessageSent, EventKind::HistoryCleared];
        let mut attempts = 0;
        while !self.projections.wait(upto, &kinds).await {
            attempts += 1;
            if attempts == ATTEMPTS {
                return Err(StanzaError::INTERNAL);
            }
        }
        let stretch = Stretch {
            upto,
            since: wish.since,
            limit: wish.messages,
        };
        let said = self.projections.chat_history.in_room(shop, stretch).await;
        let mut said = said.map_err(|error| StanzaError::away(&error))?;
        let mut bytes = 0;
        let fitting = said.iter().rev().take_while(|said| {
            bytes += said.message.body.len() + said.message.children.len();
            bytes <= wish.bytes
        });
        let fitting = fitting.count();
        Ok(said.split_off(said.len() - fitting))
    }

    /// Takes a message to a room, or to one of its occupants.
    pub(crate) async fn room_message(
        &self,
        session: &Arc<Session>,
        stanza: &Element,
        shop: ShopId,
        nick: Option<&str>,
    ) -> Result<(), StanzaError> {
        if stanza.attr("type") == Some("error") {
            return Ok(());
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
    ) -> Result<(), StanzaError> {
        if let Some(body) = stanza.child("body", CLIENT) {
            let message = MessageSent {
                from_resource: Some(session.resource.clone()),
                id: stanza.attr("id").map(str::to_owned),
                children: children(stanza),
                ..MessageSent::new(session.party, Destination::Room(shop), body.text())
            };
            let sent = self
                .commands
                .send_message(message, Circumstances::default());
            // Everybody in the room, the sender too, hears it from the log.
            drop(sent.await?);
            return Ok(());
        }
        if let Some(subject) = stanza.child("subject", CLIENT) {
            return self.post_notice(session, shop, subject.text()).await;
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
        let tail = format!(">{}</message>", children(stanza));
        room.pass_on(&Stanza { head, tail });
        Ok(())
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
    ) -> Result<(), StanzaError> {
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
                children: children(stanza),
                ..MessageSent::new(session.party, Destination::To(party), body.text())
            };
            let sent = self
                .commands
                .send_message(message, Circumstances::default());
            drop(sent.await?);
            return Ok(());
        }
        let unwanted = self.commands.is_unwanted(session.party, party).await;
        if unwanted.map_err(|error| StanzaError::away(&error))? {
            return Ok(());
        }
        let from = format!("{}/{}", room.jid(), session.party);
        for to in connections {
            let stanza = crate::stanza::forwarded(stanza, &from, &to.jid);
            to.outbox.push(&[&stanza]);
        }
        Ok(())
    }

    /// The connections of `party` in a room, for a message that comes by way of it, and the
    /// message as they see it.
    pub(crate) fn whispered(
        &self,
        message: &MessageSent,
        party: Party,
        shop: ShopId,
    ) -> Vec<(Arc<Session>, Arc<str>)> {
        let Some(room) = self.rooms.get(shop) else {
            return Vec::new();
        };
        let mut head = String::from("<message type='chat'");
        if let Some(id) = &message.id {
            attribute(&mut head, "id", id);
        }
        attribute(
            &mut head,
            "from",
            &format!("{}/{}", room.jid(), message.from),
        );
        let mut tail = String::from(">");
        contents(&mut tail, message);
        tail.push_str(&format!("<x xmlns='{MUC_USER}'/></message>"));
        let connections = room.connections(party).into_iter();
        connections
            .map(|session| {
                let stanza = format!("{head}{}{tail}", session.to).into();
                (session, stanza)
            })
            .collect()
    }

    /// Takes a question to the service of rooms.
    pub(crate) fn rooms_iq(&self, iq: &Element) -> Result<String, StanzaError> {
        let (payload, is_get) = crate::iq::payload(iq)?;
        match (payload.name(), payload.ns()) {
            ("ping", PING) if is_get => Ok(String::new()),
            ("query", INFO) if is_get => Ok(disco::info(
                "conference",
                "text",
                "rooms of shops",
                &[INFO, ITEMS, MUC],
            )),
            ("query", ITEMS) if is_get => {
                let rooms = self.settings.rooms();
                let item = |shop: ShopId| {
                    let name = self.host(shop).map(|host| host.name).unwrap_or_default();
                    (format!("{shop}@{rooms}"), name)
                };
                Ok(disco::items(self.rooms.listed().into_iter().map(item)))
            }
            _ => Err(StanzaError::SERVICE_UNAVAILABLE),
        }
    }

    /// Takes a question or an order to a room or one of its occupants.
    pub(crate) fn room_iq(
        &self,
        session: &Arc<Session>,
        iq: &Element,
        shop: ShopId,
        nick: Option<&str>,
    ) -> Result<String, StanzaError> {
        let host = self.host(shop).ok_or(StanzaError::ITEM_NOT_FOUND)?;
        let room = self.rooms.get(shop).filter(|room| room.holds(session));
        let (payload, is_get) = crate::iq::payload(iq)?;
        match (payload.name(), payload.ns(), nick) {
            // XEP-0410: whether one is still in the room.
            ("ping", PING, Some(nick)) if is_get => match room {
                Some(_) if nick == session.party.to_string() => Ok(String::new()),
                Some(_) => Err(StanzaError::SERVICE_UNAVAILABLE),
                None => Err(StanzaError::NOT_ACCEPTABLE),
            },
            ("ping", PING, None) if is_get => Ok(String::new()),
            ("query", INFO, None) if is_get => {
                let features = [
                    INFO,
                    ITEMS,
                    MUC,
                    "muc_open",
                    "muc_persistent",
                    "muc_public",
                    "muc_semianonymous",
                    "muc_unmoderated",
                    "muc_unsecured",
                ];
                Ok(disco::info("conference", "text", &host.name, &features))
            }
            ("query", ITEMS, None) if is_get => Ok(disco::no_items()),
            ("query", MUC_ADMIN, None) if !is_get => {
                if !host.staff.contains(&session.party) {
                    return Err(StanzaError::FORBIDDEN);
                }
                self.kick(payload, shop)
            }
            _ => Err(StanzaError::SERVICE_UNAVAILABLE),
        }
    }

    /// Shows somebody out, who may come again (XEP-0045 §8.2).
    fn kick(&self, query: &Element, shop: ShopId) -> Result<String, StanzaError> {
        let item = query
            .child("item", MUC_ADMIN)
            .filter(|item| item.attr("role") == Some("none"))
            .ok_or(StanzaError::NOT_ALLOWED)?;
        let nick = item.attr("nick").ok_or(StanzaError::BAD_REQUEST)?;
        let party: Party = nick.parse().map_err(|_| StanzaError::ITEM_NOT_FOUND)?;
        if self.is_staff(shop, party) {
            return Err(StanzaError::NOT_ALLOWED);
        }
        let room = self.rooms.get(shop).ok_or(StanzaError::ITEM_NOT_FOUND)?;
        let connections = room.connections(party);
        if connections.is_empty() {
            return Err(StanzaError::ITEM_NOT_FOUND);
        }
        for session in connections {
            room.leave(&session, Farewell::Kicked);
            session.leave(shop);
        }
        Ok(String::new())
    }

    /// A connection has ended.
    pub(crate) fn leave_rooms(&self, session: &Arc<Session>) {
        for shop in session.rooms() {
            if let Some(room) = self.rooms.get(shop) {
                room.leave(session, Farewell::Leaves);
                session.leave(shop);
                self.rooms.tidy(shop);
            }
        }
    }

    /// Something was said in a room.
    pub(crate) fn said(&self, shop: ShopId, message: &MessageSent, event: &RecordedEvent) {
        if let Some(room) = self.rooms.get(shop) {
            room.tell(event, self.render_said(message, None));
        }
    }

    /// A shop has another notice.
    pub(crate) fn notice_posted(&self, shop: ShopId, title: &str, event: &RecordedEvent) {
        if let Some(room) = self.rooms.get(shop) {
            room.tell(event, subject(room.jid(), title));
        }
    }

    /// Somebody works for a shop, or does no longer.
    pub(crate) fn staff_changed(&self, shop: ShopId, party: Party, is_staff: bool) {
        if let Some(room) = self.rooms.get(shop) {
            room.reannounce(party, is_staff);
        }
    }

    /// A shop has closed, and its room with it.
    pub(crate) fn shop_closed(&self, shop: ShopId) {
        if let Some(room) = self.rooms.get(shop) {
            for session in room.destroy() {
                session.leave(shop);
            }
            self.rooms.tidy(shop);
        }
    }

    /// Something that was said in a room; `sent` says when, if that was before one came.
    fn render_said(&self, message: &MessageSent, sent: Option<Millis>) -> Stanza {
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
        if let Some(at) = sent {
            delay(&mut tail, &room, at);
        }
        tail.push_str("</message>");
        Stanza { head, tail }
    }
}

/// The subject of a room, which ends what a newcomer is told (XEP-0045 §7.2.15).
fn subject(room: &str, notice: &str) -> Stanza {
    let mut head = String::from("<message type='groupchat'");
    attribute(&mut head, "from", room);
    let mut tail = String::from("><subject>");
    escape(&mut tail, notice);
    tail.push_str("</subject></message>");
    Stanza { head, tail }
}
