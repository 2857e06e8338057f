//! What people and shops say: to each other, and in the rooms of shops.
//!
//! Who is online, and whether a message has arrived, is none of this file's business.

use crate::{Decider, Event, Party, ShopId, UserId};
use serde::{Deserialize, Serialize};

/// Who speaks for the house, `502e6303421aa918ba000001` for ever (seed §28.2); needs no account.
pub const ADMINISTRATOR: UserId = UserId::from_bytes([
    0x50, 0x2e, 0x63, 0x03, 0x42, 0x1a, 0xa9, 0x18, 0xba, 0, 0, 1,
]);

/// The longest body in bytes.
pub const MAX_BODY: usize = 16 * 1024;

/// The most that may accompany a body, in bytes.
pub const MAX_CHILDREN: usize = 8 * 1024;

/// The longest id of a stanza and the longest resource, in bytes.
pub const MAX_NAME: usize = 256;

/// For how long the same id and body from the same sender are the same message, in milliseconds.
///
/// Ids of stanzas are unique in a stream of XML only, and old clients begin to count anew.
pub const DUPLICATE_MS: i64 = 10 * 60 * 1000;

/// Somebody said something: to somebody, or to everybody in the room of a shop.
///
/// `{"from":"502e…","from_resource":"phone","to":"5044…","id":"m1","body":"hi"}`, or with
/// `"room":4928288` in the place of `to`; what is not there is absent. Source: seed §28.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageSent {
    /// Who says it.
    pub from: Party,
    /// The resource that the sender wrote from, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_resource: Option<String>,
    /// To whom.
    #[serde(flatten)]
    pub to: Destination,
    /// The resource that it is for, if it is for one of them only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_resource: Option<String>,
    /// The room through which one occupant speaks to another alone (XEP-0045 §7.5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<ShopId>,
    /// It is a message by itself, not part of a conversation (RFC 6121 §5.2.2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub normal: bool,
    /// The id that the sender gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is said.
    pub body: String,
    /// What else the stanza held, as XML whose default namespace is `jabber:client`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub children: String,
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Destination {
    /// To a person or a shop. `{"to":"5044…"}`
    To(Party),
    /// To everybody in the room of a shop. `{"room":4928288}`
    Room(ShopId),
}

/// What was said before is shown no longer: to `by` alone, or, of a room, to nobody.
///
/// `{"by":"502e…","to":"5044…"}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryCleared {
    /// Who cleared it.
    pub by: Party,
    /// The conversation, seen from `by`.
    #[serde(flatten)]
    pub of: Destination,
}

/// What somebody wants with a conversation.
#[derive(Clone, Debug)]
pub enum Command {
    /// Says something. That the receiver exists was found out before.
    Send {
        /// What, to whom.
        message: MessageSent,
        /// The receiver wants nothing of the sender.
        unwanted: bool,
        /// The sender takes part: is in the room, or speaks to a person.
        present: bool,
        /// There is room for it in the receiver's inbox.
        fits: bool,
    },
    /// Shows what was said before no longer.
    ClearHistory {
        /// To whom, of which conversation.
        history: HistoryCleared,
        /// Something of it is shown still.
        shown: bool,
    },
}

/// Why the rules refuse a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such person or shop.
    #[error("there is nobody of this name")]
    UnknownParty,
    /// See [`MAX_BODY`].
    #[error("the body must have at most 16384 bytes, without control characters")]
    Body,
    /// See [`MAX_CHILDREN`].
    #[error("what accompanies the body must have at most 8192 bytes")]
    Children,
    /// See [`MAX_NAME`].
    #[error("the id must have at most 256 bytes, without control characters")]
    Id,
    /// Who is not in a room cannot speak there (XEP-0045 §7.4).
    #[error("only those who are in the room can speak there")]
    NotInTheRoom,
    /// Too much waits for the receiver already.
    #[error("the inbox of the receiver is full")]
    InboxFull,
}

/// The rules of `chat-<a>-<b>` and `room-<shop>`, which do not depend on what was said before.
#[derive(Debug)]
pub struct Chat;

impl Decider for Chat {
    type Command = Command;
    type Rejection = Rejection;
    type State = ();

    fn decide((): &(), command: &Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Send {
                message,
                unwanted,
                present,
                fits,
            } => {
                message.check()?;
                if !present {
                    return Err(Rejection::NotInTheRoom);
                }
                if *unwanted {
                    // Nobody is told that they are on somebody's blacklist.
                    return Ok(Vec::new());
                }
                if !fits {
                    return Err(Rejection::InboxFull);
                }
                Ok(vec![message.clone().into()])
            }
            Command::ClearHistory { shown: false, .. } => Ok(Vec::new()),
            Command::ClearHistory { history, .. } => Ok(vec![history.clone().into()]),
        }
    }

    fn evolve((): &mut (), _: &Event) {}
}

impl MessageSent {
    /// A message without anything but its words.
    #[must_use]
    pub fn new(from: Party, to: Destination, body: impl Into<String>) -> Self {
        Self {
            from,
            from_resource: None,
            to,
            to_resource: None,
            via: None,
            normal: false,
            id: None,
            body: body.into(),
            children: String::new(),
        }
    }

    /// Whoever is on the other side of the conversation from `party`; `None` in a room.
    #[must_use]
    pub fn peer_of(&self, party: Party) -> Option<Party> {
        match self.to {
            Destination::To(to) if to == party => Some(self.from),
            Destination::To(to) => Some(to),
            Destination::Room(_) => None,
        }
    }

    fn check(&self) -> Result<(), Rejection> {
        if self.body.len() > MAX_BODY || !is_xml_text(&self.body) {
            return Err(Rejection::Body);
        }
        if self.children.len() > MAX_CHILDREN || !is_xml_text(&self.children) {
            return Err(Rejection::Children);
        }
        let names = [&self.id, &self.from_resource, &self.to_resource];
        for name in names.into_iter().flatten() {
            if name.len() > MAX_NAME || !is_xml_text(name) {
                return Err(Rejection::Id);
            }
        }
        Ok(())
    }
}

/// Whether XML can carry `text` (XML 1.0 §2.2).
#[must_use]
pub fn is_xml_text(text: &str) -> bool {
    text.chars()
        .all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::given;

    const ANA: Party = Party::User(UserId::from_bytes([1; 12]));
    const BO: Party = Party::User(UserId::from_bytes([2; 12]));

    fn hello() -> MessageSent {
        MessageSent::new(ANA, Destination::To(BO), "你好 <&> 🌊")
    }

    fn send(message: MessageSent) -> Command {
        Command::Send {
            message,
            unwanted: false,
            present: true,
            fits: true,
        }
    }

    #[test]
    fn what_is_said_is_kept_as_it_was_said() {
        given::<Chat>([]).when(send(hello())).then([hello().into()]);
        given::<Chat>([hello().into()])
            .when(send(hello()))
            .then([hello().into()]);
    }

    #[test]
    fn what_is_not_wanted_is_dropped_without_a_word() {
        let command = Command::Send {
            message: hello(),
            unwanted: true,
            present: true,
            fits: false,
        };
        given::<Chat>([]).when(command).then_nothing();
    }

    #[test]
    fn a_full_inbox_and_a_room_that_one_is_not_in_refuse() {
        for (present, fits, rejection) in [
            (true, false, Rejection::InboxFull),
            (false, true, Rejection::NotInTheRoom),
        ] {
            let command = Command::Send {
                message: hello(),
                unwanted: false,
                present,
                fits,
            };
            given::<Chat>([]).when(command).then_rejected(rejection);
        }
    }

    #[test]
    fn a_history_that_shows_nothing_is_not_cleared_again() {
        let history = HistoryCleared {
            by: ANA,
            of: Destination::To(BO),
        };
        let clear = |shown| Command::ClearHistory {
            history: history.clone(),
            shown,
        };
        given::<Chat>([hello().into()])
            .when(clear(true))
            .then([history.clone().into()]);
        given::<Chat>([hello().into(), history.clone().into()])
            .when(clear(false))
            .then_nothing();
    }

    #[test]
    fn what_is_too_long_or_cannot_be_written_in_xml_is_refused() {
        let refused = |change: fn(&mut MessageSent), rejection| {
            let mut message = hello();
            change(&mut message);
            given::<Chat>([])
                .when(send(message))
                .then_rejected(rejection);
        };
        refused(|m| m.body = "x".repeat(MAX_BODY + 1), Rejection::Body);
        refused(|m| m.body = "\u{0}".into(), Rejection::Body);
        refused(|m| m.body = "\u{ffff}".into(), Rejection::Body);
        refused(
            |m| m.children = "x".repeat(MAX_CHILDREN + 1),
            Rejection::Children,
        );
        refused(|m| m.id = Some("\u{1b}".into()), Rejection::Id);
        refused(
            |m| m.to_resource = Some("x".repeat(MAX_NAME + 1)),
            Rejection::Id,
        );
    }

    #[test]
    fn the_peer_is_whoever_is_on_the_other_side() {
        assert_eq!(hello().peer_of(ANA), Some(BO));
        assert_eq!(hello().peer_of(BO), Some(ANA));
    }
}
