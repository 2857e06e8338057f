//! Saying something, clearing a history, and noting what has arrived (seed §28).
//!
//! Who is in a room and how much waits for a receiver are facts that the door stamps into the
//! command; who exists and who wants nothing of whom stand in streams of their own.

mod sending;

pub use sending::Sending;

use crate::Commands;
use crate::execute::{Error, Receipt, by, load, new_events};
use domain::block::Block;
use domain::chat::{ADMINISTRATOR, Chat, Command, Destination, HistoryCleared, MessageSent};
use domain::chat::{MAX_NAME, Rejection};
use domain::inbox::{self, Inbox, MessageDisplayed, MessagesDelivered};
use domain::shop::Shop;
use domain::{Decider, Party, StreamName, UserId};
use eventlog::{ExpectedRevision, Metadata};
use moka::sync::Cache;
use sending::{Fingerprint, Sent};
use std::convert::Infallible;
use std::time::Duration;
use uuid::Uuid;

/// How many people and shops are remembered.
const REMEMBERED: u64 = 100_000;

/// For how long a node may not know what another node's user has done to the blacklist.
const BLOCKS_LIVE: Duration = Duration::from_secs(1);

/// What the door has found out about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// The sender takes part: is in the room, or speaks to a person.
    pub present: bool,
    /// There is room for it in the receiver's inbox.
    pub fits: bool,
}

impl Default for Circumstances {
    /// Nothing stands in the way.
    fn default() -> Self {
        Self {
            present: true,
            fits: true,
        }
    }
}

/// What need not be read again for every message.
pub(crate) struct ChatMemory {
    sent: Sent,
    /// Those who are known to exist, which they do for ever.
    known: Cache<Party, ()>,
    /// Whether the first wants nothing of the second.
    blocks: Cache<(UserId, UserId), bool>,
}

impl Default for ChatMemory {
    fn default() -> Self {
        Self {
            sent: Sent::default(),
            known: Cache::new(REMEMBERED),
            blocks: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(BLOCKS_LIVE)
                .build(),
        }
    }
}

impl ChatMemory {
    /// `a` has changed how `b` stands on the blacklist.
    pub(crate) fn forget_block(&self, a: UserId, b: UserId) {
        self.blocks.invalidate(&(a, b));
    }
}

impl Commands {
    /// Says something; it is on disk when this returns. A message that is dropped, because it is
    /// not wanted or was sent before, leaves an empty receipt.
    ///
    /// The same sender, receiver, id and body within ten minutes are the same message, also across a
    /// restart and on another node.
    ///
    /// # Errors
    /// [`Rejection`]; [`Error::Log`].
    pub async fn send_message(
        &self,
        message: MessageSent,
        circumstances: Circumstances,
    ) -> Result<Receipt, Error<Rejection>> {
        self.submit_message(message, circumstances)
            .await?
            .stored()
            .await
    }

    /// The same in two steps: when this returns, the message has its place in the queue of the
    /// log, before all that are submitted later.
    ///
    /// # Errors
    /// [`Rejection`]; [`Error::Log`].
    pub async fn submit_message(
        &self,
        message: MessageSent,
        circumstances: Circumstances,
    ) -> Result<Sending, Error<Rejection>> {
        let unwanted = self.check_receiver(&message).await?;
        let now = self.clock.now();
        let fingerprint = Fingerprint::of(&message);
        if fingerprint.is_some_and(|fingerprint| self.chat.sent.has(&fingerprint, now)) {
            return Ok(Sending::nothing());
        }
        let (stream, actor) = (stream_of(&message), message.from);
        let command = Command::Send {
            message,
            unwanted,
            present: circumstances.present,
            fits: circumstances.fits,
        };
        let events = Chat::decide(&(), &command).map_err(Error::Rejected)?;
        let mut events = new_events(events, now, &by(actor));
        match events.pop() {
            None => Ok(Sending::nothing()),
            Some(event) => {
                let (log, sent) = (self.log.clone(), self.chat.sent.clone());
                let sending = Sending::submit(log, sent, stream, event, fingerprint).await;
                sending.map_err(Error::Log)
            }
        }
    }

    /// Says something that follows from what has happened, once for each `id`, however full the
    /// receiver's inbox is. What is not wanted leaves an empty receipt.
    ///
    /// # Errors
    /// [`Rejection`]; [`Error::Log`].
    pub async fn send_message_once(
        &self,
        message: MessageSent,
        id: Uuid,
        by: &Metadata,
    ) -> Result<Receipt, Error<Rejection>> {
        let unwanted = self.check_receiver(&message).await?;
        let stream = stream_of(&message);
        let Circumstances { present, fits } = Circumstances::default();
        let command = Command::Send {
            message,
            unwanted,
            present,
            fits,
        };
        let events = Chat::decide(&(), &command).map_err(Error::Rejected)?;
        let mut events = new_events(events, self.clock.now(), by);
        if let [event] = events.as_mut_slice() {
            event.id = id;
        }
        let appended = self.append_new(&stream, ExpectedRevision::Any, events);
        appended.await?.ok_or(Error::Busy)
    }

    /// Shows what was said before no longer. Where nothing of it is `shown`, nothing happens.
    ///
    /// # Errors
    /// [`Rejection::UnknownParty`]; [`Error::Log`].
    pub async fn clear_history(
        &self,
        history: HistoryCleared,
        shown: bool,
    ) -> Result<Receipt, Error<Rejection>> {
        self.check_party(history.by).await?;
        let stream = match history.of {
            Destination::To(to) => {
                self.check_party(to).await?;
                StreamName::chat(history.by, to)
            }
            Destination::Room(shop) => StreamName::room(shop),
        };
        let actor = by(history.by);
        let command = Command::ClearHistory { history, shown };
        self.execute_any::<Chat>(&stream, &command, &actor).await
    }

    /// Notes that messages have arrived.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub async fn note_delivered(
        &self,
        delivered: MessagesDelivered,
    ) -> Result<Receipt, Error<Infallible>> {
        let (stream, actor) = (StreamName::inbox(delivered.owner), by(delivered.owner));
        let command = inbox::Command::Deliver(delivered);
        self.execute_any::<Inbox>(&stream, &command, &actor).await
    }

    /// Notes that a message was looked at. An id that is too long is not worth an event.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub async fn note_displayed(
        &self,
        displayed: MessageDisplayed,
    ) -> Result<Receipt, Error<Infallible>> {
        if displayed.id.len() > MAX_NAME {
            return Ok(Receipt::default());
        }
        let (stream, actor) = (StreamName::inbox(displayed.owner), by(displayed.owner));
        let command = inbox::Command::Display(displayed);
        self.execute_any::<Inbox>(&stream, &command, &actor).await
    }

    /// Whether the receiver, who must be there, wants nothing of the sender.
    async fn check_receiver(&self, message: &MessageSent) -> Result<bool, Error<Rejection>> {
        match message.to {
            Destination::To(to) => {
                self.check_party(to).await?;
                let unwanted = self.is_unwanted(message.from, to).await;
                unwanted.map_err(Error::Log)
            }
            Destination::Room(_) => Ok(false),
        }
    }

    async fn check_party(&self, party: Party) -> Result<(), Error<Rejection>> {
        if self.exists(party).await.map_err(Error::Log)? {
            Ok(())
        } else {
            Err(Error::Rejected(Rejection::UnknownParty))
        }
    }

    /// Whether there is, or was, such a person or shop. The administrator needs no account.
    ///
    /// # Errors
    /// When the log is away.
    pub async fn exists(&self, party: Party) -> Result<bool, eventlog::Error> {
        if party == Party::User(ADMINISTRATOR) || self.chat.known.contains_key(&party) {
            return Ok(true);
        }
        let exists = match party {
            Party::User(user) => self.account(user).await?.is_some(),
            Party::Shop(shop) => {
                let stream = StreamName::shop(shop);
                let (shop, _) = load::<Shop>(&*self.log, &stream).await?;
                shop.is_some()
            }
        };
        if exists {
            self.chat.known.insert(party, ());
        }
        Ok(exists)
    }

    /// Whether `to` has `from` on the blacklist. Nobody blocks a shop, and a shop nobody.
    ///
    /// # Errors
    /// When the log is away.
    pub async fn is_unwanted(&self, from: Party, to: Party) -> Result<bool, eventlog::Error> {
        let (Some(from), Some(to)) = (from.user(), to.user()) else {
            return Ok(false);
        };
        if let Some(blocked) = self.chat.blocks.get(&(to, from)) {
            return Ok(blocked);
        }
        let stream = StreamName::block(to, from);
        let (standing, _) = load::<Block>(&*self.log, &stream).await?;
        self.chat.blocks.insert((to, from), standing.blocked);
        Ok(standing.blocked)
    }
}

fn stream_of(message: &MessageSent) -> StreamName {
    match message.to {
        Destination::To(to) => StreamName::chat(message.from, to),
        Destination::Room(shop) => StreamName::room(shop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clock;
    use crate::testing::House;
    use domain::Millis;
    use domain::chat::DUPLICATE_MS;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    const NOON: i64 = 1_357_948_800_000;

    /// Two people with accounts, and a clock that can be moved.
    struct Pair {
        house: House,
        ana: UserId,
        bo: UserId,
        now: Arc<AtomicI64>,
    }

    impl Pair {
        async fn new() -> Self {
            let now = Arc::new(AtomicI64::new(NOON));
            let clock = {
                let now = now.clone();
                Clock::new(move || Millis(now.load(Ordering::SeqCst)))
            };
            let house = House::at(clock).await;
            let mut people = Vec::new();
            for name in ["ana", "bo"] {
                let login = house.commands.log_in(name, "secret").await;
                people.push(login.expect("a login").account.user_id);
            }
            Self {
                house,
                ana: people[0],
                bo: people[1],
                now,
            }
        }

        async fn says(&self, id: &str, body: &str) -> Result<Receipt, Error<Rejection>> {
            let to = Destination::To(self.bo.into());
            let message = MessageSent {
                id: Some(id.into()),
                ..MessageSent::new(self.ana.into(), to, body)
            };
            let commands = &self.house.commands;
            commands
                .send_message(message, Circumstances::default())
                .await
        }

        async fn messages(&self) -> usize {
            let events = self.house.events().await;
            let sent = events.iter().filter(|name| *name == "chat.message-sent.v1");
            sent.count()
        }
    }

    #[tokio::test]
    async fn the_same_id_and_body_within_ten_minutes_are_one_message() {
        let pair = Pair::new().await;
        for (id, body) in [("1", "hi"), ("1", "hi"), ("1", "ho"), ("2", "hi")] {
            let _ = pair.says(id, body).await.expect("taken");
        }
        assert_eq!(pair.messages().await, 3);
        pair.now.fetch_add(DUPLICATE_MS - 1, Ordering::SeqCst);
        let _ = pair.says("1", "hi").await.expect("taken");
        assert_eq!(pair.messages().await, 3);
        pair.now.fetch_add(1, Ordering::SeqCst);
        let _ = pair.says("1", "hi").await.expect("taken");
        assert_eq!(pair.messages().await, 4);
    }

    #[tokio::test]
    async fn a_duplicate_is_recognised_by_another_node_too() {
        let pair = Pair::new().await;
        let first = pair.says("1", "hi").await.expect("taken");
        pair.house.commands.chat.sent.forget();
        let again = pair.says("1", "hi").await.expect("taken");
        assert_eq!(again.position, first.position);
        assert_eq!(pair.messages().await, 1);
    }

    /// Says the same at these times after noon, each time as a node that remembers nothing, and
    /// counts what is kept.
    async fn check_spoken(after_ms: &[i64], kept: usize) {
        let pair = Pair::new().await;
        for after in after_ms {
            pair.now.store(NOON + after, Ordering::SeqCst);
            pair.house.commands.chat.sent.forget();
            let _ = pair.says("1", "hi").await.expect("taken");
        }
        assert_eq!(pair.messages().await, kept, "{after_ms:?}");
    }

    #[tokio::test]
    async fn what_is_sent_again_after_a_restart_is_the_same_for_exactly_ten_minutes() {
        const HALF: i64 = DUPLICATE_MS / 2;
        check_spoken(&[HALF, DUPLICATE_MS, DUPLICATE_MS + HALF - 1], 1).await;
        check_spoken(&[HALF, DUPLICATE_MS + HALF], 2).await;
        check_spoken(&[0, 2 * DUPLICATE_MS - 1], 2).await;
        check_spoken(&[0, 2 * DUPLICATE_MS - 1, 2 * DUPLICATE_MS], 2).await;
        check_spoken(&[0, 5 * DUPLICATE_MS], 2).await;
    }

    #[tokio::test]
    async fn the_blacklist_counts_at_once_and_until_it_is_changed() {
        let pair = Pair::new().await;
        let commands = &pair.house.commands;
        let _ = pair.says("1", "hi").await.expect("taken");
        let blocked = commands.block(pair.bo, pair.ana, false).await;
        let _ = blocked.expect("blocked");
        let dropped = pair.says("2", "hello?").await.expect("taken");
        assert_eq!(dropped, Receipt::default());
        let _ = commands
            .unblock(pair.bo, pair.ana)
            .await
            .expect("unblocked");
        let _ = pair.says("3", "hello!").await.expect("taken");
        assert_eq!(pair.messages().await, 2);
    }

    #[tokio::test]
    async fn nobody_speaks_to_nobody() {
        let pair = Pair::new().await;
        let stranger = UserId::new(1, [9; 8]);
        let shop = domain::ShopId::new(7).expect("an id");
        for to in [Party::User(stranger), Party::Shop(shop)] {
            let message = MessageSent::new(pair.ana.into(), Destination::To(to), "hi");
            let refused = pair
                .house
                .commands
                .send_message(message, Circumstances::default());
            let refused = refused.await.expect_err("nobody is there");
            assert!(matches!(refused, Error::Rejected(Rejection::UnknownParty)));
        }
        assert_eq!(pair.messages().await, 0);
    }
}
