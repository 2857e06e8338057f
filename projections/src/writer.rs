//! The one task that writes to the read store: applies what is waiting to all SQL projections, in
//! one transaction with a savepoint for each.
//!
//! The making of new copies, which it does between batches, is in [`crate::next_copy`].

use crate::Error;
use crate::board::Card;
use crate::memory::Portion;
use crate::next_copy::Job;
use crate::rebuild::{self, Patience};
use crate::runner::{is_stopping, stopped};
use crate::sql::{Outcome, SqlProjection, Target};
use crate::status::Paused;
use crate::store::{self, Checkpoint, Store};
use domain::{EventKind, Position};
use eventlog::{Batch, Delivery, EventLog};
use sqlx::{AnyConnection, Connection};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// How many events go into one transaction, when so many are waiting.
const MOST_EVENTS: usize = 2_000;

/// A projection that none of so many events concerned has its checkpoint moved nevertheless, so
/// that the next start does not read them again.
const SAVE_EVERY: usize = 10_000;

/// A batch of the live stream.
pub(crate) struct Message {
    /// Where the batch before ended.
    pub(crate) from: Position,
    pub(crate) batch: Arc<Batch>,
}

/// What the writer listens to.
pub(crate) struct Inbox {
    /// The live stream.
    pub(crate) batches: mpsc::Receiver<Message>,
    /// The projections to be rebuilt, by their place in [`Writer::slots`].
    pub(crate) orders: mpsc::UnboundedReceiver<usize>,
    /// The end of what was not sent because the writer was in trouble.
    pub(crate) lost: watch::Receiver<Position>,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// See the module.
pub(crate) struct Writer {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) store: Store,
    /// Opened when it is needed, given up when it fails.
    pub(crate) connection: Option<AnyConnection>,
    pub(crate) slots: Vec<SqlSlot>,
    /// Everything up to here has been shown to all projections that follow.
    pub(crate) live: Position,
    /// The end of what has come in.
    pub(crate) stream: Position,
    pub(crate) jobs: VecDeque<Job>,
    pub(crate) stopping: watch::Receiver<bool>,
    /// `false` while the store or the log is away: whoever sends need not wait then.
    pub(crate) healthy: watch::Sender<bool>,
    pub(crate) patience: Patience,
}

/// One projection in SQL.
pub(crate) struct SqlSlot {
    pub(crate) projection: Arc<dyn SqlProjection>,
    pub(crate) card: Arc<Card>,
    /// Whether it takes part in the live stream.
    pub(crate) following: bool,
    /// The rows contain every event up to here.
    pub(crate) position: Position,
    /// Where its checkpoint is; behind `position` while nothing concerned it.
    pub(crate) persisted: Position,
    /// How many events have passed since the checkpoint was moved.
    pub(crate) unsaved: usize,
}

impl SqlSlot {
    pub(crate) fn at(&self, position: Position) -> Checkpoint {
        Checkpoint {
            version: self.projection.version(),
            position,
        }
    }

    fn target(&self) -> Target<'_> {
        Target {
            projection: &*self.projection,
            suffix: "",
            expected: self.persisted,
        }
    }

    /// The copy that serves is at `position`, in its rows and its checkpoint.
    pub(crate) fn saved(&mut self, position: Position) {
        self.position = position;
        self.persisted = position;
        self.unsaved = 0;
    }
}

impl Writer {
    /// Works until it is told to stop.
    pub(crate) async fn run(mut self, mut inbox: Inbox) {
        loop {
            if is_stopping(&inbox.stopping) {
                break;
            }
            tokio::select! {
                biased;
                () = stopped(&mut inbox.stopping) => break,
                Some(slot) = inbox.orders.recv() => self.jobs.push_back(Job::new(slot)),
                message = inbox.batches.recv() => match message {
                    Some(message) => self.take(message, &mut inbox.batches).await,
                    None => break,
                },
                Ok(()) = inbox.lost.changed() => {
                    let lost = *inbox.lost.borrow_and_update();
                    self.advance(lost, &[], lost).await;
                }
                () = Job::ready(self.jobs.front_mut()) => {}
            }
            self.slice(&inbox.batches).await;
        }
        self.save().await;
    }

    /// Applies a batch, together with everything else that is waiting.
    async fn take(&mut self, first: Message, batches: &mut mpsc::Receiver<Message>) {
        let mut next = Some(first);
        while let Some(Message { from, batch }) = next.take() {
            let mut events = batch.events.clone();
            let mut last = batch.last;
            while events.len() < MOST_EVENTS {
                let Ok(message) = batches.try_recv() else {
                    break;
                };
                if message.from != last {
                    // Something in between was not sent: that is read from the log first.
                    next = Some(message);
                    break;
                }
                events.extend_from_slice(&message.batch.events);
                last = message.batch.last;
            }
            self.advance(from, &events, last).await;
        }
    }

    /// Applies `events`, which reach from `from` to `last`, trying until it succeeds or the writer
    /// is stopped.
    async fn advance(&mut self, from: Position, events: &[Delivery], last: Position) {
        self.stream = self.stream.max(last);
        loop {
            match self.try_advance(from, events, last).await {
                Ok(()) => return self.recovered(),
                Err(error) => {
                    if !self.failed(&error).await {
                        return;
                    }
                }
            }
        }
    }

    async fn try_advance(
        &mut self,
        from: Position,
        events: &[Delivery],
        last: Position,
    ) -> Result<(), Error> {
        if self.live < from {
            self.fill(from).await?;
        }
        if self.live < last {
            self.feed(events, last).await?;
        }
        self.settle().await
    }

    /// Reads again what a projection has missed, because another node put its checkpoint back.
    pub(crate) async fn settle(&mut self) -> Result<(), Error> {
        let stream = self.stream;
        self.fill(stream).await
    }

    /// Reads everything up to `to` from the log, and applies it.
    async fn fill(&mut self, to: Position) -> Result<(), Error> {
        while self.live < to && !is_stopping(&self.stopping) {
            let mut kinds: Vec<EventKind> = Vec::new();
            for slot in self.slots.iter().filter(|slot| slot.following) {
                kinds.extend(slot.projection.kinds());
            }
            if kinds.is_empty() {
                self.live = to;
                return Ok(());
            }
            let chunk = rebuild::read(&*self.log, &kinds, self.live).await?;
            // What is not full has reached the head, which is not before `to`.
            let upto = if chunk.full {
                chunk.last
            } else {
                chunk.last.max(to)
            };
            self.feed(&chunk.events, upto).await?;
        }
        Ok(())
    }

    /// Applies `batch` to all projections that follow, and moves them to `upto`.
    async fn feed(&mut self, batch: &[Delivery], upto: Position) -> Result<(), Error> {
        let outcomes = self.transact(batch, upto).await?;
        let mut fenced = Vec::new();
        for (at, (slot, outcome)) in self.slots.iter_mut().zip(outcomes).enumerate() {
            match outcome {
                Concerned::Not => {}
                Concerned::Passed => {
                    slot.position = upto;
                    slot.unsaved += batch.len();
                    slot.card.moved(upto);
                }
                Concerned::By(Outcome::Applied { position, paused }) => {
                    slot.saved(position);
                    match paused {
                        None => slot.card.moved(position),
                        Some(paused) => {
                            slot.following = false;
                            slot.card.paused(position, paused);
                        }
                    }
                }
                Concerned::By(Outcome::Fenced) => fenced.push(at),
            }
        }
        self.live = upto;
        for at in fenced {
            self.reread(at).await?;
        }
        Ok(())
    }

    /// Writes what a batch leads to. Nothing in memory is changed here, so that a failure at any
    /// point can be followed by another attempt.
    async fn transact(
        &mut self,
        batch: &[Delivery],
        upto: Position,
    ) -> Result<Vec<Concerned>, Error> {
        let portions: Vec<Option<Portion<'_>>> = self
            .slots
            .iter()
            .map(|slot| {
                (slot.following && slot.position < upto)
                    .then(|| Portion::of(batch, slot.projection.kinds(), slot.position))
            })
            .collect();
        let writes = |slot: &SqlSlot, portion: &Portion<'_>| {
            !portion.is_empty() || slot.unsaved + batch.len() >= SAVE_EVERY
        };
        let quiet = self.slots.iter().zip(&portions).all(|(slot, portion)| {
            portion
                .as_ref()
                .is_none_or(|portion| !writes(slot, portion))
        });
        if quiet {
            let passed = |portion: Option<_>| portion.map_or(Concerned::Not, |_| Concerned::Passed);
            return Ok(portions.into_iter().map(passed).collect());
        }
        let begin = self.store.begin();
        let connection = open(&mut self.connection, &self.store).await?;
        let mut transaction = connection.begin_with(begin).await?;
        let mut outcomes = Vec::with_capacity(self.slots.len());
        for (slot, portion) in self.slots.iter().zip(portions) {
            outcomes.push(match portion {
                None => Concerned::Not,
                Some(portion) if !writes(slot, &portion) => Concerned::Passed,
                Some(portion) => {
                    let after = slot.position;
                    let target = slot.target();
                    let outcome = target.apply(&mut transaction, batch, portion, after, upto);
                    Concerned::By(outcome.await?)
                }
            });
        }
        transaction.commit().await?;
        Ok(outcomes)
    }

    /// Finds out where another node has moved a checkpoint to, and goes on from there.
    pub(crate) async fn reread(&mut self, at: usize) -> Result<(), Error> {
        let slot = &mut self.slots[at];
        let connection = open(&mut self.connection, &self.store).await?;
        let found = store::read_checkpoint(connection, slot.projection.name()).await?;
        match found {
            Some(Checkpoint { version, position }) if version == slot.projection.version() => {
                if slot.following && position >= slot.persisted {
                    slot.persisted = position;
                    slot.position = slot.position.max(position);
                } else {
                    slot.saved(position);
                }
                slot.following = true;
                slot.card.followed(slot.position);
                self.live = self.live.min(slot.position);
            }
            _ => {
                slot.following = false;
                let paused = Paused {
                    position: slot.position,
                    type_name: String::new(),
                    error: "a program of another version has taken the tables over".into(),
                };
                slot.card.paused(slot.position, paused);
            }
        }
        Ok(())
    }

    /// Moves the checkpoints of projections that nothing has concerned for a while, so that the
    /// next start begins here.
    async fn save(&mut self) {
        let Ok(connection) = open(&mut self.connection, &self.store).await else {
            return;
        };
        for slot in self.slots.iter_mut().filter(|slot| slot.following) {
            let (from, to) = (slot.at(slot.persisted), slot.position);
            if from.position < to {
                // Whatever goes wrong, the next start reads a little more.
                let name = slot.projection.name();
                if let Ok(true) = store::claim(connection, name, from, to).await {
                    slot.persisted = to;
                }
            }
        }
        if let Some(connection) = self.connection.take() {
            let _ = connection.close().await;
        }
    }

    /// Reports a technical failure and waits before the next attempt; `false` when there is to be
    /// none, because the writer is stopped.
    pub(crate) async fn failed(&mut self, error: &Error) -> bool {
        tracing::warn!(%error, "the SQL projections cannot go on, trying again");
        // What state it is in nobody knows: another one is opened.
        self.connection = None;
        self.healthy.send_replace(false);
        for slot in &self.slots {
            slot.card
                .update(|view| view.failing = Some(error.to_string()));
        }
        tokio::select! {
            () = self.patience.wait() => true,
            () = stopped(&mut self.stopping) => false,
        }
    }

    pub(crate) fn recovered(&mut self) {
        if !self.healthy.send_replace(true) {
            self.patience = Patience::default();
            for slot in &self.slots {
                slot.card.update(|view| view.failing = None);
            }
        }
    }
}

/// What a batch was to one projection.
enum Concerned {
    /// It does not follow, or has applied the batch before.
    Not,
    /// There was nothing to write.
    Passed,
    By(Outcome),
}

/// The writer's connection.
pub(crate) async fn open<'a>(
    connection: &'a mut Option<AnyConnection>,
    store: &Store,
) -> Result<&'a mut AnyConnection, sqlx::Error> {
    match connection {
        Some(connection) => Ok(connection),
        none => Ok(none.insert(store.connect().await?)),
    }
}
