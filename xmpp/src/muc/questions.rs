//! Questions to rooms, and what moderators order there (XEP-0045 §6, §8.2).
//!
//! Who moderates is decided elsewhere: whoever works for the shop.

use super::MUC;
use super::room::Farewell;
use crate::Service;
use crate::disco::{self, INFO, ITEMS};
use crate::iq::PING;
use crate::mam::{MAM, MAM_EXTENDED};
use crate::session::Session;
use crate::stanza::StanzaError;
use crate::stanza_id::SID;
use crate::xml::Element;
use domain::{Party, ShopId};
use projections::chat_history::archive::Archive;
use std::sync::Arc;

const MUC_ADMIN: &str = "http://jabber.org/protocol/muc#admin";
const MUC_OWNER: &str = "http://jabber.org/protocol/muc#owner";

impl Service {
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
    pub(crate) async fn room_iq(
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
                    MAM,
                    MAM_EXTENDED,
                    SID,
                ];
                Ok(disco::info("conference", "text", &host.name, &features))
            }
            ("query", ITEMS, None) if is_get => Ok(disco::no_items()),
            // Whoever may come in may read (XEP-0313 §6.1.2).
            (_, MAM, None) => {
                let archive = Archive::Room(shop);
                self.archive(session, archive, payload, is_get).await
            }
            ("query", MUC_ADMIN, None) if !is_get => {
                if !self.is_staff(shop, session.party) {
                    return Err(StanzaError::FORBIDDEN);
                }
                self.kick(payload, shop)
            }
            // XEP-0045 §10: no client owns a room, and what staff there is, operators say.
            ("query", MUC_OWNER | MUC_ADMIN, None) => Err(StanzaError::FORBIDDEN),
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
}
