//! Questions and orders (RFC 6120 §8.2.3): those to the server or to one's own account are
//! answered here, those to somebody's connection are handed on.

use crate::Service;
use crate::address::Address;
use crate::blocking::BLOCKING;
use crate::carbons::CARBONS;
use crate::mam::MAM;
use crate::session::Session;
use crate::stanza::{StanzaError, error_to, passed_on, result_of};
use crate::vcard::VCARD;
use crate::xml::Element;
use domain::Party;
use projections::chat_history::archive::Archive;
use std::sync::Arc;

/// Payloads that are answered here.
pub(crate) const PING: &str = "urn:xmpp:ping";
pub(crate) const VERSION: &str = "jabber:iq:version";
const ROSTER: &str = "jabber:iq:roster";
const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";

impl Service {
    /// Takes a question, an order or an answer from `session`.
    pub(crate) async fn iq(&self, session: &Arc<Session>, iq: &Element) {
        let answer = match self.try_iq(session, iq).await {
            Ok(None) => return,
            Ok(Some(payload)) => Some(result_of(iq, &session.jid, &payload)),
            Err(error) => error_to(iq, &session.jid, error),
        };
        session.outbox.push(&[&answer.unwrap_or_default()]);
    }

    /// The payload of the answer, where it is given here.
    async fn try_iq(
        &self,
        session: &Arc<Session>,
        iq: &Element,
    ) -> Result<Option<String>, StanzaError> {
        let is_question = match iq.attr("type") {
            Some("get" | "set") => true,
            Some("result" | "error") => false,
            _ => return Err(StanzaError::BAD_REQUEST),
        };
        if is_question && (iq.attr("id").is_none() || iq.children().count() != 1) {
            return Err(StanzaError::BAD_REQUEST);
        }
        match self.address(session, iq)? {
            Address::Party(party, Some(resource)) => {
                self.hand_on(session, iq, party, &resource).await?;
                Ok(None)
            }
            _ if !is_question => Ok(None),
            Address::Party(party, None) if party == session.party => {
                self.own_account(session, iq).await.map(Some)
            }
            Address::Party(party, None) => self.anothers_account(iq, party).await.map(Some),
            Address::House => self.house(iq).map(Some),
            Address::Elsewhere => Err(StanzaError::REMOTE_SERVER_NOT_FOUND),
            Address::Rooms => self.rooms_iq(iq).map(Some),
            Address::Room(shop, nick) => {
                let answer = self.room_iq(session, iq, shop, nick.as_deref());
                answer.await.map(Some)
            }
            Address::Nobody => Err(StanzaError::SERVICE_UNAVAILABLE),
            Address::NoRoom => Err(StanzaError::ITEM_NOT_FOUND),
        }
    }

    /// To one connection of somebody (RFC 6121 §8.5.3.1).
    async fn hand_on(
        &self,
        session: &Session,
        iq: &Element,
        party: Party,
        resource: &str,
    ) -> Result<(), StanzaError> {
        let unwanted = self.commands.is_unwanted(session.party, party).await;
        let unwanted = unwanted.map_err(|error| StanzaError::away(&error))?;
        match self.sessions.find(party, resource) {
            Some(receiver) if !unwanted => {
                let iq = passed_on(iq, &session.jid, &receiver.jid, |_| false);
                let taken = receiver.outbox.offer(&[&iq]);
                taken.then_some(()).ok_or(StanzaError::RESOURCE_CONSTRAINT)
            }
            _ => Err(StanzaError::SERVICE_UNAVAILABLE),
        }
    }

    /// To one's own account.
    async fn own_account(
        &self,
        session: &Arc<Session>,
        iq: &Element,
    ) -> Result<String, StanzaError> {
        let (payload, is_get) = payload(iq)?;
        match (payload.name(), payload.ns()) {
            ("vCard", VCARD) if is_get => self.vcard(session.party).await,
            ("vCard", VCARD) => Err(StanzaError::NOT_ALLOWED),
            ("blocklist", BLOCKING) if is_get => self.blocklist(session).await,
            ("block", BLOCKING) if !is_get => self.block(session, payload).await,
            ("unblock", BLOCKING) if !is_get => self.unblock(session, payload).await,
            // The people around are found over HTTP; nobody is kept in a list here.
            ("query", ROSTER) if is_get => Ok(format!("<query xmlns='{ROSTER}'/>")),
            ("query", ROSTER) => Err(StanzaError::NOT_ALLOWED),
            ("enable" | "disable", CARBONS) if !is_get => {
                session.want_copies(payload.name() == "enable");
                Ok(String::new())
            }
            (_, MAM) => {
                let own = Archive::Of(session.party);
                self.archive(session, own, payload, is_get).await
            }
            ("query", crate::disco::INFO) if is_get => Ok(crate::disco::account()),
            ("query", crate::disco::ITEMS) if is_get => Ok(crate::disco::no_items()),
            _ => self.house(iq),
        }
    }

    /// To the account of somebody else, on whose behalf the server answers.
    async fn anothers_account(&self, iq: &Element, party: Party) -> Result<String, StanzaError> {
        let (payload, is_get) = payload(iq)?;
        match (payload.name(), payload.ns()) {
            ("vCard", VCARD) if is_get => self.vcard(party).await,
            // XEP-0313 §8.1, whether or not there is anybody.
            (_, MAM) => Err(StanzaError::FORBIDDEN),
            _ => Err(StanzaError::SERVICE_UNAVAILABLE),
        }
    }

    /// To the server.
    fn house(&self, iq: &Element) -> Result<String, StanzaError> {
        let (payload, is_get) = payload(iq)?;
        match (payload.name(), payload.ns()) {
            ("ping", PING) if is_get => Ok(String::new()),
            // RFC 3921 §3, which RFC 6121 made a formality.
            ("session", SESSION) if !is_get => Ok(String::new()),
            ("bind", BIND) => Err(StanzaError::NOT_ALLOWED),
            ("query", crate::disco::INFO) if is_get => Ok(crate::disco::house()),
            ("query", crate::disco::ITEMS) if is_get => {
                Ok(crate::disco::services(&self.settings.rooms()))
            }
            // XEP-0092
            ("query", VERSION) if is_get => Ok(format!(
                "<query xmlns='{VERSION}'><name>lianlian</name><version>{}</version></query>",
                env!("CARGO_PKG_VERSION")
            )),
            _ => Err(StanzaError::SERVICE_UNAVAILABLE),
        }
    }
}

/// The one child of a question, and whether it only asks.
pub(crate) fn payload(iq: &Element) -> Result<(&Element, bool), StanzaError> {
    let payload = iq.children().next().ok_or(StanzaError::BAD_REQUEST)?;
    Ok((payload, iq.attr("type") == Some("get")))
}
