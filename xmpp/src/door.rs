//! What happens in the house, handed on to those whom it concerns.

use crate::Service;
use crate::stream_error::StreamError;
use delivery::{Door, RecordedEvent};
use domain::chat::{Destination, MessageSent};
use domain::{Event, Party};
use std::sync::Arc;

impl Door for Service {
    fn happened(&self, event: &Arc<RecordedEvent>) {
        match &event.event {
            Event::MessageSent(message) => match message.to {
                Destination::To(party) => {
                    self.deliver(party, message, event);
                    self.copy_sent(message, event);
                }
                Destination::Room(shop) => self.said(shop, message, event),
            },
            Event::UserBanned(banned) => {
                self.commands.admission_changed();
                self.end(banned.user_id.into(), StreamError::NotAuthorized);
            }
            // RFC 6120 §4.9.3.16: the key that opened the stream no longer does.
            Event::PasswordReset(reset) => {
                self.commands.admission_changed();
                self.end(reset.user_id.into(), StreamError::Reset);
            }
            Event::UserUnbanned(_) => self.commands.admission_changed(),
            Event::XmppSecretIssued(issued) => {
                self.end(Party::Shop(issued.shop_id), StreamError::Reset);
            }
            Event::XmppSecretRevoked(revoked) => {
                self.end(Party::Shop(revoked.shop_id), StreamError::NotAuthorized);
            }
            Event::Blocked(new) => self.push_block(new.user_id, "block", new.block_id),
            Event::Unblocked(old) => self.push_block(old.user_id, "unblock", old.block_id),
            Event::NoticePosted(posted) => {
                self.notice_posted(posted.shop_id, &posted.title, event);
            }
            Event::StaffAdded(added) => {
                self.staff_changed(added.shop_id, added.user_id.into(), true);
            }
            Event::StaffRemoved(removed) => {
                self.staff_changed(removed.shop_id, removed.user_id.into(), false);
            }
            Event::ShopClosed(closed) => {
                self.shop_closed(closed.shop_id);
                self.end(Party::Shop(closed.shop_id), StreamError::NotAuthorized);
            }
            _ => {}
        }
    }
}

impl Service {
    /// To the connection that a message is for, or, should that be gone, to all that listen
    /// (RFC 6121 §8.5.2, §8.5.3).
    fn deliver(&self, party: Party, message: &MessageSent, event: &Arc<RecordedEvent>) {
        let sessions = self.sessions.of(party);
        if sessions.is_empty() {
            return;
        }
        if let Some(shop) = message.via {
            let in_the_room = self.whispered(message, party, shop, event.position);
            if !in_the_room.is_empty() {
                for (session, stanza) in in_the_room {
                    session.receive(event, &stanza, true);
                }
                return;
            }
        }
        let stanza: Arc<str> = self.render(message, party, event.position, None).into();
        let wanted = message.to_resource.as_deref();
        if let Some(one) = sessions.iter().find(|one| Some(&*one.resource) == wanted) {
            one.receive(event, &stanza, true);
            return self.copy_received(message, party, |other| Arc::ptr_eq(other, one), event);
        }
        let is_heard = sessions.iter().any(|one| one.listens());
        for session in sessions {
            session.receive(event, &stanza, false);
        }
        if is_heard {
            // Of the others that are there, none wants messages; but some may want copies.
            self.copy_received(message, party, |other| other.listens(), event);
        }
    }

    /// Ends all connections of a person or a shop.
    fn end(&self, party: Party, why: StreamError) {
        for session in self.sessions.of(party) {
            session.outbox.close(why);
        }
    }
}
