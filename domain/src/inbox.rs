//! What has reached its receiver, and what the receiver has looked at.
//!
//! Which messages still wait follows from this and from what was sent; it is a read model's.

use crate::{Decider, Event, Party};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// Messages have reached their receiver, who will not be sent them again.
///
/// `{"owner":"5044…","from":{"502e…":[0,1]}}`: by sender, the revisions that the messages have in
/// the stream of the conversation. Many at once, because one event for each would double the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagesDelivered {
    /// Who received them.
    pub owner: Party,
    /// Which messages, by who is on the other side.
    pub from: BTreeMap<Party, Vec<u64>>,
}

/// The receiver has looked at a message, and so at those before it.
///
/// `{"owner":"5044…","peer":"502e…","id":"m1"}`; source: seed §28.4, XEP-0022.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageDisplayed {
    /// Who looked at it.
    pub owner: Party,
    /// Whose message it is.
    pub peer: Party,
    /// The id that its sender gave it.
    pub id: String,
}

/// What is to be noted in an inbox.
#[derive(Clone, Debug)]
pub enum Command {
    /// Messages have arrived.
    Deliver(MessagesDelivered),
    /// A message was looked at.
    Display(MessageDisplayed),
}

/// The rules of `inbox-<party>`.
#[derive(Debug)]
pub struct Inbox;

impl Decider for Inbox {
    type Command = Command;
    type Rejection = Infallible;
    type State = ();

    fn decide((): &(), command: &Command) -> Result<Vec<Event>, Infallible> {
        Ok(match command {
            Command::Deliver(delivered) if delivered.from.values().all(Vec::is_empty) => Vec::new(),
            Command::Deliver(delivered) => vec![delivered.clone().into()],
            Command::Display(displayed) => vec![displayed.clone().into()],
        })
    }

    fn evolve((): &mut (), _: &Event) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserId;
    use crate::spec::given;

    #[test]
    fn nothing_delivered_is_nothing_to_note() {
        let owner = Party::User(UserId::from_bytes([1; 12]));
        let peer = Party::User(UserId::from_bytes([2; 12]));
        let deliver = |from| MessagesDelivered { owner, from };
        let nothing = deliver(BTreeMap::from([(peer, Vec::new())]));
        given::<Inbox>([])
            .when(Command::Deliver(nothing))
            .then_nothing();
        let two = deliver(BTreeMap::from([(peer, vec![0, 1])]));
        given::<Inbox>([])
            .when(Command::Deliver(two.clone()))
            .then([two.into()]);
    }
}
