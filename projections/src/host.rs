//! The one task that owns the projections in memory: applies each batch to them, hands it on to the
//! writer, takes new copies over, and writes snapshots.
//!
//! Queries go around it, straight to the models.

use crate::board::{Board, Card, Mode};
use crate::idle;
use crate::memory::{Applied, MemoryCopy, Slot};
use crate::rebuild::{self, Built, Patience};
use crate::runner::stopped;
use crate::snapshot::Snapshots;
use crate::writer::Message;
use domain::Position;
use eventlog::{Batch, EventLog};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

/// How often the models are tended, when nothing happens as well.
const TENDED: Duration = Duration::from_secs(1);

/// How long the end waits for snapshots that are being written: where the processor is busy through
/// and through, that may be long. The next start then begins with older ones.
const PATIENCE: Duration = Duration::from_secs(10);

/// One projection in memory.
pub(crate) struct MemorySlot {
    slot: Box<dyn Slot>,
    pub(crate) card: Arc<Card>,
    /// Whether it takes part in the live stream.
    following: bool,
    position: Position,
    /// How many events have passed since the last snapshot.
    unsaved: u64,
}

/// The task that owns the projections in memory.
pub(crate) struct Host {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) board: Arc<Board>,
    pub(crate) slots: Vec<MemorySlot>,
    /// Everything up to here has been shown to all projections that follow.
    pub(crate) live: Position,
    pub(crate) snapshots: Snapshots,
    pub(crate) feed: Feed,
    /// Ends when the snapshots that are being written are.
    pub(crate) writing: Option<oneshot::Receiver<()>>,
}

/// The way to the writer.
pub(crate) struct Feed {
    pub(crate) batches: mpsc::Sender<Message>,
    pub(crate) healthy: watch::Receiver<bool>,
    pub(crate) lost: watch::Sender<Position>,
}

impl Feed {
    /// Waits while the writer is busy, but not while the store is away: the projections in memory
    /// go on then, and the writer reads from the log what it has missed.
    async fn send(&mut self, from: Position, batch: Arc<Batch>) {
        let last = batch.last;
        tokio::select! {
            biased;
            permit = self.batches.reserve() => match permit {
                Ok(permit) => permit.send(Message { from, batch }),
                Err(_) => tracing::debug!("the writer has ended"),
            },
            _ = self.healthy.wait_for(|healthy| !healthy) => {
                self.lost.send_replace(last);
            }
        }
    }
}

impl MemorySlot {
    pub(crate) fn new(slot: Box<dyn Slot>, restored: Option<Position>, after: Position) -> Self {
        // With nothing restored anywhere the stream begins at the first event.
        let (following, position) = match restored {
            Some(position) => (true, position),
            None => (after == Position::START, Position::START),
        };
        let mode = if following {
            Mode::Following
        } else {
            Mode::Building
        };
        let card = slot.card(position, mode);
        if !following {
            // Before anybody can order one: see `Host::run`.
            card.begin_rebuild();
        }
        Self {
            card,
            slot,
            following,
            position,
            unsaved: 0,
        }
    }
}

impl Host {
    pub(crate) async fn run(
        mut self,
        mut batches: mpsc::Receiver<Batch>,
        mut orders: mpsc::UnboundedReceiver<usize>,
        mut stop: watch::Receiver<bool>,
    ) {
        let (built, mut copies) = mpsc::channel::<(usize, Built)>(1);
        for at in 0..self.slots.len() {
            if !self.slots[at].following {
                self.build(at, built.clone());
            }
        }
        let mut tended = interval_at(Instant::now() + TENDED, TENDED);
        tended.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => break,
                _ = tended.tick() => self.slots.iter().for_each(|slot| slot.slot.tend()),
                Some(at) = orders.recv() => self.build(at, built.clone()),
                Some((at, copy)) = copies.recv() => self.take_over(at, copy, &mut stop).await,
                batch = batches.recv() => match batch {
                    Some(batch) => {
                        tokio::select! {
                            biased;
                            () = self.apply(batch) => {}
                            () = stopped(&mut stop) => break,
                        }
                    }
                    None => break,
                },
            }
        }
        self.save_all().await;
    }

    /// Applies a batch here and hands it on.
    async fn apply(&mut self, batch: Batch) {
        let Batch { events, last } = &batch;
        for event in events {
            if let Err(event) = event
                && event.kind.is_none()
            {
                self.board.saw_unknown(event);
            }
        }
        self.board.saw(*last);
        for slot in self.slots.iter_mut().filter(|slot| slot.following) {
            if slot.position >= *last {
                continue;
            }
            match slot.slot.apply(events, slot.position) {
                Applied::All { .. } => {
                    slot.position = *last;
                    slot.card.moved(*last);
                }
                Applied::Until { position, paused } => {
                    slot.position = position;
                    slot.following = false;
                    slot.card.paused(position, paused);
                }
            }
            slot.unsaved += events.len() as u64;
        }
        let from = std::mem::replace(&mut self.live, *last);
        self.feed.send(from, Arc::new(batch)).await;
        self.save_due().await;
    }

    /// Starts to make a new copy.
    fn build(&self, at: usize, built: mpsc::Sender<(usize, Built)>) {
        let slot = &self.slots[at];
        let (copy, card) = (slot.slot.copy(), Arc::clone(&slot.card));
        let log = Arc::clone(&self.log);
        tokio::spawn(async move {
            tokio::select! {
                copy = rebuild::build(copy, log, &card) => {
                    let _ = built.send((at, copy)).await;
                }
                // Nobody would take it over.
                () = built.closed() => {}
            }
        });
    }

    /// Lets a copy take the place of what serves, once it is as far.
    async fn take_over(&mut self, at: usize, built: Built, stop: &mut watch::Receiver<bool>) {
        let (copy, position) = match built {
            Built::Complete(copy, position) => (copy, position),
            Built::Refused(paused) => return self.slots[at].card.rebuild_refused(paused),
        };
        tokio::select! {
            biased;
            () = self.adopt(at, copy, position) => {}
            () = stopped(stop) => {}
        }
    }

    async fn adopt(&mut self, at: usize, mut copy: Box<dyn MemoryCopy>, mut position: Position) {
        let slot = &mut self.slots[at];
        // The live stream stands still meanwhile, so this is where the copy will serve from.
        let goal = if slot.following {
            slot.position
        } else {
            self.live
        };
        let mut patience = Patience::default();
        while position < goal {
            let chunk = match rebuild::read(&*self.log, slot.card.kinds, position).await {
                Ok(chunk) => chunk,
                Err(error) => {
                    tracing::warn!(%error, "cannot read the log for a rebuild, trying again");
                    patience.wait().await;
                    continue;
                }
            };
            match copy.apply(&chunk.events, position) {
                Applied::All { folded } => slot.card.progressed(chunk.last, folded),
                Applied::Until { paused, .. } => return slot.card.rebuild_refused(paused),
            }
            // What is not full has reached the head, which is not before the goal.
            position = if chunk.full {
                chunk.last
            } else {
                chunk.last.max(goal)
            };
        }
        copy.adopt();
        slot.position = position;
        slot.following = true;
        slot.card.adopted(position);
    }

    /// Writes the snapshots that are due, unless one is being written.
    async fn save_due(&mut self) {
        let due = |slot: &&MemorySlot| slot.following && slot.unsaved >= self.snapshots.every;
        if !self.snapshots.wanted() || !self.slots.iter().any(|slot| due(&slot)) {
            return;
        }
        if let Some(end) = &mut self.writing {
            if end.try_recv() == Err(TryRecvError::Empty) {
                return;
            }
            // What has ended must not be waited for again, should we be stopped below.
            self.writing = None;
        }
        let mut unwritten = Vec::new();
        for at in 0..self.slots.len() {
            if self.slots[at].following && self.slots[at].unsaved >= self.snapshots.every {
                unwritten.push(self.snapshot(at).await);
            }
        }
        let snapshots = self.snapshots.clone();
        self.writing = Some(idle::begin("snapshots", move || {
            for snapshot in unwritten {
                snapshot.store(&snapshots);
            }
        }));
    }

    async fn save_all(&mut self) {
        if !self.snapshots.wanted() {
            return;
        }
        if let Some(end) = self.writing.take()
            && timeout(PATIENCE, end).await.is_err()
        {
            tracing::warn!("snapshots were being written for too long; the last ones remain");
            return;
        }
        for at in 0..self.slots.len() {
            // A projection that is paused may be half way into the event that it refused.
            if self.slots[at].following {
                let (snapshot, snapshots) = (self.snapshot(at).await, self.snapshots.clone());
                let _ = tokio::task::spawn_blocking(move || snapshot.store(&snapshots)).await;
            }
        }
    }

    /// The model of a slot as it is now. While it is copied, or else written down, it stands still,
    /// but can be read.
    async fn snapshot(&mut self, at: usize) -> Snapshot {
        let slot = &mut self.slots[at];
        slot.unsaved = 0;
        let (shared, name, position) = (slot.slot.share(), slot.slot.name(), slot.position);
        let take = move || match shared.frozen() {
            Some(frozen) => Snapshot::Frozen(frozen, position),
            None => Snapshot::File(name, shared.snapshot(position)),
        };
        let taken = tokio::task::spawn_blocking(take).await;
        taken.unwrap_or(Snapshot::File(name, None))
    }
}

/// A model that is about to be stored.
enum Snapshot {
    /// As it was at a position; it is written down when it is stored.
    Frozen(Box<dyn Slot>, Position),
    /// Of this name, written down, if it could be.
    File(&'static str, Option<Vec<u8>>),
}

impl Snapshot {
    /// Blocks.
    fn store(self, snapshots: &Snapshots) {
        let (name, file) = match self {
            Self::Frozen(frozen, position) => (frozen.name(), frozen.snapshot(position)),
            Self::File(name, file) => (name, file),
        };
        if let Some(file) = file {
            snapshots.store(name, &file);
        }
    }
}
