//! The blacklist (XEP-0191), which is the same as over HTTP.
//!
//! Only people of this server stand on it, and always as a whole, whatever their resource.

use crate::Service;
use crate::address::Address;
use crate::session::Session;
use crate::stanza::StanzaError;
use crate::xml::{Element, attribute};
use commands::Receipt;
use domain::{Party, UserId};
use std::sync::Arc;

pub(crate) const BLOCKING: &str = "urn:xmpp:blocking";

/// How many people are named in an order.
const MOST: usize = 1_000;

/// How many people are told in an answer, which cannot be parted (§3.2): what waits for a connection
/// is bounded.
const TOLD: usize = 3_000;

impl Service {
    /// Answers who is on the list; from now on the connection is told of changes (§3.2).
    pub(crate) async fn blocklist(&self, session: &Arc<Session>) -> Result<String, StanzaError> {
        let owner = session.party.user().ok_or(StanzaError::NOT_ALLOWED)?;
        session.follow_blocks();
        let blocked = self.blocked(owner, TOLD + 1).await?;
        if blocked.len() > TOLD {
            return Err(StanzaError::RESOURCE_CONSTRAINT
                .saying("the list is too long for one answer: it is told in pages over HTTP"));
        }
        let mut out = format!("<blocklist xmlns='{BLOCKING}'>");
        for user in blocked {
            self.write_item(&mut out, user);
        }
        out.push_str("</blocklist>");
        Ok(out)
    }

    /// Puts people on the list (§3.3).
    pub(crate) async fn block(
        &self,
        session: &Session,
        order: &Element,
    ) -> Result<String, StanzaError> {
        let owner = session.party.user().ok_or(StanzaError::NOT_ALLOWED)?;
        let users = self.named(order)?;
        if users.is_empty() {
            return Err(StanzaError::BAD_REQUEST);
        }
        let mut all = Receipt::default();
        for user in users {
            let blocked = self.commands.block(owner, user, false).await;
            all = all.and(blocked.map_err(|error| match error {
                commands::Error::Rejected(_) => StanzaError::ITEM_NOT_FOUND,
                error => StanzaError::away(&error),
            })?);
        }
        self.settle(all).await;
        Ok(String::new())
    }

    /// Takes people off the list, or everybody when nobody is named (§3.4, §3.5).
    pub(crate) async fn unblock(
        &self,
        session: &Session,
        order: &Element,
    ) -> Result<String, StanzaError> {
        let owner = session.party.user().ok_or(StanzaError::NOT_ALLOWED)?;
        let users = self.named(order)?;
        if !users.is_empty() {
            self.unblock_these(owner, users).await?;
            return Ok(String::new());
        }
        loop {
            let users = self.blocked(owner, MOST).await?;
            let last = users.len() < MOST;
            self.unblock_these(owner, users).await?;
            if last {
                return Ok(String::new());
            }
        }
    }

    /// Tells the connections of `owner` that follow the list what has changed in it: `change` is
    /// `block` or `unblock`.
    pub(crate) fn push_block(&self, owner: UserId, change: &str, user: UserId) {
        for session in self.sessions.of(owner.into()) {
            if !session.follows_blocks() {
                continue;
            }
            let id = hex::encode(rand::random::<[u8; 4]>());
            let mut out = format!("<iq type='set' id='push-{id}'{}>", session.to);
            out.push_str(&format!("<{change} xmlns='{BLOCKING}'>"));
            self.write_item(&mut out, user);
            out.push_str(&format!("</{change}></iq>"));
            session.outbox.push(&[&out]);
        }
    }

    /// The people whom an order names; all of them must be ours, or nothing is done.
    fn named(&self, order: &Element) -> Result<Vec<UserId>, StanzaError> {
        let rooms = self.settings.rooms();
        let items = order.children().filter(|item| item.is("item", BLOCKING));
        let items: Vec<_> = items.collect();
        if items.len() > MOST {
            return Err(StanzaError::NOT_ACCEPTABLE.saying("too many people are named at once"));
        }
        let users = items.into_iter().map(|item| {
            let jid = item.attr("jid").ok_or(StanzaError::BAD_REQUEST)?;
            match Address::parse(jid, &self.settings.domain, &rooms)? {
                Address::Party(Party::User(user), _) => Ok(user),
                _ => Err(StanzaError::ITEM_NOT_FOUND),
            }
        });
        users.collect()
    }

    async fn unblock_these(&self, owner: UserId, users: Vec<UserId>) -> Result<(), StanzaError> {
        let mut all = Receipt::default();
        for user in users {
            let unblocked = self.commands.unblock(owner, user).await;
            all = all.and(unblocked.map_err(|error| StanzaError::away(&error))?);
        }
        self.settle(all).await;
        Ok(())
    }

    /// The people on the list, at most `limit` of them.
    async fn blocked(&self, owner: UserId, limit: usize) -> Result<Vec<UserId>, StanzaError> {
        let people = self.projections.blacklist.page(owner, None, 0, limit).await;
        Ok(people.map_err(|error| StanzaError::away(&error))?.users)
    }

    /// Waits until everybody on this node can read what was written.
    async fn settle(&self, receipt: Receipt) {
        if let Some(position) = receipt.position {
            self.projections.wait(position, &receipt.kinds).await;
        }
    }

    fn write_item(&self, out: &mut String, user: UserId) {
        out.push_str("<item");
        attribute(out, "jid", &format!("{user}@{}", self.settings.domain));
        out.push_str("/>");
    }
}
