//! The rooms of shops (XEP-0045): each open shop has one, from the first to the last of its days.
//! Here: who comes and goes.
//!
//! What is said there is stored first, and told from the log; who is there is not stored.

mod history;
mod questions;
mod room;
mod speech;

use crate::Service;
use crate::presence::contents;
use crate::session::Session;
use crate::stanza::StanzaError;
use crate::xml::{Element, escaped_length};
use domain::{Party, ShopId};
use history::Wish;
use projections::chat_history::{Said, Stretch};
use room::{Farewell, MUC_USER, Room, Stanza};
use speech::subject;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

const MUC: &str = "http://jabber.org/protocol/muc";

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
                name: shop.name().to_owned(),
                notice: shop.notice().to_owned(),
                staff: shop.staff().iter().copied().map(Party::from).collect(),
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
        let presence = || contents(stanza.children().filter(|child| !child.is("x", MUC)));
        match (stanza.attr("type"), room) {
            (Some("unavailable"), Some(room)) => {
                room.leave(session, Farewell::Leaves);
                session.leave(shop);
                self.rooms.tidy(shop);
                Ok(())
            }
            (None, Some(room)) if stanza.child("x", MUC).is_none() => {
                room.update(session, presence()?, self.is_staff(shop, session.party));
                Ok(())
            }
            (None, _) => {
                let nick = nick.ok_or(StanzaError::JID_MALFORMED)?;
                let renamed = nick != session.party.to_string();
                let wish = Wish::of(stanza, self.commands.clock().now());
                self.join(session, shop, presence()?, renamed, wish).await
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
                let Stanza { head, tail } =
                    self.render_said(&said.message, said.position, Some(said.at));
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
        self.readable(upto).await?;
        let stretch = Stretch {
            upto,
            since: wish.since,
            limit: wish.messages,
        };
        let said = self.projections.chat_history.in_room(shop, stretch).await;
        let mut said = said.map_err(|error| StanzaError::away(&error))?;
        let mut bytes = 0;
        let fitting = said.iter().rev().take_while(|said| {
            // As it will be written: all of it must fit into an outbox.
            bytes += escaped_length(&said.message.body) + said.message.children.len();
            bytes <= wish.bytes
        });
        let fitting = fitting.count();
        Ok(said.split_off(said.len() - fitting))
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
}
