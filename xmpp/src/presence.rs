//! Presence (RFC 6121 §4): who wants messages. There are no subscriptions; only a person's own
//! connections hear of each other.

use crate::Service;
use crate::address::Address;
use crate::session::{Arrival, Session};
use crate::stanza::{CLIENT, StanzaError, error_to};
use crate::xml::{Element, attribute};
use std::sync::Arc;

/// The longest contents of a presence, in bytes: a newcomer is told those of a whole room at once.
const MOST: usize = 1024;

/// What a presence says beside whether one is there, as it is told to others.
pub(crate) fn contents<'a>(
    children: impl Iterator<Item = &'a Element>,
) -> Result<String, StanzaError> {
    let mut out = String::new();
    for child in children {
        child.write(&mut out, CLIENT);
    }
    if out.len() > MOST {
        return Err(StanzaError::NOT_ACCEPTABLE.saying("the presence is too long"));
    }
    Ok(out)
}

impl Service {
    /// Takes a presence from `session`; `true` when it has just come and wants its inbox.
    pub(crate) async fn presence(&self, session: &Arc<Session>, stanza: &Element) -> bool {
        if stanza.attr("to").is_some() {
            if let Err(error) = self.directed(session, stanza).await
                && let Some(answer) = error_to(stanza, &session.jid, error)
            {
                session.outbox.push(&[&answer]);
            }
            return false;
        }
        match stanza.attr("type") {
            None => match contents(stanza.children()) {
                Ok(contents) => self.available(session, stanza, contents) == Arrival::First,
                Err(error) => {
                    let answer = error_to(stanza, &session.jid, error);
                    session.outbox.push(&[&answer.unwrap_or_default()]);
                    false
                }
            },
            Some("unavailable") => {
                self.leave_rooms(session);
                if session.unavailable() {
                    self.tell(session, &unavailable(session));
                }
                false
            }
            // Subscriptions and probes: there is nobody to subscribe to.
            Some(_) => false,
        }
    }

    /// `children` are the contents of `stanza`.
    fn available(&self, session: &Arc<Session>, stanza: &Element, children: String) -> Arrival {
        let priority = stanza.child("priority", CLIENT).map(Element::text);
        let priority = priority.and_then(|text| text.trim().parse().ok());
        let is_new = session.presence().is_none();
        let arrival = session.available(children.clone(), priority.unwrap_or(0));
        self.tell(session, &available(session, &children));
        if is_new {
            for other in self.sessions.of(session.party) {
                if !Arc::ptr_eq(&other, session)
                    && let Some(children) = other.presence()
                {
                    let presence = available(&other, &children);
                    session.outbox.push(&[&addressed(&presence, session)]);
                }
            }
        }
        arrival
    }

    /// To somebody in particular.
    async fn directed(&self, session: &Arc<Session>, stanza: &Element) -> Result<(), StanzaError> {
        match self.address(session, stanza)? {
            Address::Room(shop, nick) => {
                self.room_presence(session, stanza, shop, nick.as_deref())
                    .await
            }
            Address::NoRoom => Err(StanzaError::ITEM_NOT_FOUND),
            Address::Elsewhere => Err(StanzaError::REMOTE_SERVER_NOT_FOUND),
            _ => Ok(()),
        }
    }

    /// Tells all connections of the person that are there, this one too.
    fn tell(&self, session: &Session, presence: &Presence) {
        for other in self.sessions.of(session.party) {
            if other.presence().is_some() {
                other.outbox.push(&[&addressed(presence, &other)]);
            }
        }
    }

    /// A connection has ended.
    pub(crate) fn left(&self, session: &Arc<Session>) {
        self.sessions.leave(session);
        self.pass_to_others(session);
        self.leave_rooms(session);
        if session.unavailable() {
            self.tell(session, &unavailable(session));
        }
    }
}

/// A presence without its addressee: the head of the stanza, and the rest.
type Presence = (String, String);

fn available(session: &Session, children: &str) -> Presence {
    let mut head = String::from("<presence");
    attribute(&mut head, "from", &session.jid);
    (head, format!(">{children}</presence>"))
}

fn unavailable(session: &Session) -> Presence {
    let mut head = String::from("<presence type='unavailable'");
    attribute(&mut head, "from", &session.jid);
    (head, "/>".to_owned())
}

fn addressed((head, rest): &Presence, to: &Session) -> String {
    let mut out = head.clone();
    attribute(&mut out, "to", &to.jid);
    out.push_str(rest);
    out
}
