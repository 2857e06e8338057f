//! The road of an event: one subscription decodes it once, the projections in memory apply it
//! here, and the writer gets it for those in SQL.
//!
//! What a projection makes of an event is not known here.

use crate::Error;
use crate::memory::{Applied, MemoryCopy, Slot};
use crate::next_copy::{Job, next_name};
use crate::rebuild::{self, Built, Patience};
use crate::snapshot::Snapshots;
use crate::sql::SqlProjection;
use crate::status::{Board, Card, Kind, Mode};
use crate::store::{self, Checkpoint, Store};
use crate::writer::{Inbox, Message, SqlSlot, Writer};
use domain::Position;
use eventlog::{Batch, EventLog};
use sqlx::Connection;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;

/// How many batches may wait for the projections in memory, and for the writer.
const WAITING: usize = 4;

/// The tasks behind the projections, and how to talk to them.
pub(crate) struct Runner {
    log: Arc<dyn EventLog>,
    board: Arc<Board>,
    /// How many of the cards belong to projections in memory; those come first.
    in_memory: usize,
    memory_orders: mpsc::UnboundedSender<usize>,
    sql_orders: mpsc::UnboundedSender<usize>,
    stopping: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Runner {
    /// Finds out how far everything has come, and starts the tasks.
    pub(crate) async fn start(
        log: Arc<dyn EventLog>,
        store: Store,
        snapshots: Snapshots,
        memory: Vec<Box<dyn Slot>>,
        sql: Vec<Arc<dyn SqlProjection>>,
    ) -> Result<Self, Error> {
        // Checkpoints first: none of a log that is whole can be ahead of a head found afterwards.
        let checkpoints = store.checkpoints().await?;
        let restored = restore(&memory, &snapshots).await;
        let head = log.head().await?;
        let usable = |position: &Position| *position <= head;
        let restored: Vec<Option<Position>> =
            restored.into_iter().map(|at| at.filter(usable)).collect();
        let served: Vec<Option<Position>> = sql
            .iter()
            .map(|projection| {
                let found = checkpoints.get(projection.name())?;
                (found.version == projection.version())
                    .then_some(found.position)
                    .filter(usable)
            })
            .collect();
        // Those that have to begin at the first event do not hold the others up: unless there are
        // no others, they are built aside.
        let after = restored.iter().chain(&served).flatten().min().copied();
        let after = after.unwrap_or(Position::START);

        let mut slots = Vec::with_capacity(memory.len());
        for (slot, restored) in memory.into_iter().zip(restored) {
            if restored.is_none() {
                // What was restored may be of a longer log.
                slot.clear();
                snapshots.discard(slot.name());
            }
            slots.push(MemorySlot::new(slot, restored, after));
        }
        let mut sql_slots = Vec::with_capacity(sql.len());
        let mut jobs = VecDeque::new();
        for (at, (projection, served)) in sql.into_iter().zip(served).enumerate() {
            let known = checkpoints.get(projection.name()).is_some();
            let served = match served {
                None if !known && after == Position::START => create(&store, &*projection).await?,
                served => served,
            };
            let slot = SqlSlot::new(projection, served);
            let half_built = checkpoints.get(&next_name(slot.projection.name()));
            let resumes = half_built.is_some_and(|copy| copy.version == slot.projection.version());
            if !slot.following || resumes {
                slot.card.begin_rebuild();
                jobs.push_back(Job::new(at));
            }
            sql_slots.push(slot);
        }

        let cards = slots.iter().map(|slot| Arc::clone(&slot.card));
        let cards: Vec<Arc<Card>> = cards
            .chain(sql_slots.iter().map(|slot| Arc::clone(&slot.card)))
            .collect();
        let in_memory = slots.len();
        let board = Board::new(cards, head);
        let (stopping, stop) = watch::channel(false);
        let (memory_orders, memory_inbox) = mpsc::unbounded_channel();
        let (sql_orders, sql_inbox) = mpsc::unbounded_channel();
        let (decoded, batches) = mpsc::channel(WAITING);
        let (to_writer, from_host) = mpsc::channel(WAITING);
        let healthy = watch::Sender::new(true);
        let lost = watch::Sender::new(Position::START);
        let inbox = Inbox {
            batches: from_host,
            orders: sql_inbox,
            lost: lost.subscribe(),
            stopping: stop.clone(),
        };
        let host = Host {
            log: Arc::clone(&log),
            board: Arc::clone(&board),
            slots,
            live: after,
            snapshots,
            feed: Feed {
                batches: to_writer,
                healthy: healthy.subscribe(),
                lost,
            },
            writing: None,
        };
        let writer = Writer {
            log: Arc::clone(&log),
            store,
            connection: None,
            slots: sql_slots,
            live: after,
            stream: after,
            jobs,
            stopping: stop.clone(),
            healthy,
            patience: Patience::default(),
        };
        let tasks = vec![
            tokio::spawn(read(Arc::clone(&log), after, decoded, stop.clone())),
            tokio::spawn(host.run(batches, memory_inbox, stop)),
            tokio::spawn(writer.run(inbox)),
        ];
        Ok(Self {
            log,
            board,
            in_memory,
            memory_orders,
            sql_orders,
            stopping,
            tasks: Mutex::new(tasks),
        })
    }

    pub(crate) fn board(&self) -> &Board {
        &self.board
    }

    /// Waits until every projection that is not paused has applied the head as it is now.
    pub(crate) async fn caught_up(&self) {
        let mut patience = Patience::default();
        let head = loop {
            match self.log.head().await {
                Ok(head) => break head,
                Err(_) => patience.wait().await,
            }
        };
        self.board.saw(head);
        for card in self.board.cards() {
            card.reached(head).await;
        }
    }

    /// See [`crate::Projections::rebuild`].
    pub(crate) async fn rebuild(&self, name: &str) -> Result<(), Error> {
        let at = self.board.cards().iter().position(|card| card.name == name);
        let at = at.ok_or_else(|| Error::UnknownProjection(name.into()))?;
        let card = &self.board.cards()[at];
        if !card.begin_rebuild() {
            return Ok(());
        }
        let sent = match card.kind {
            Kind::Memory => self.memory_orders.send(at),
            Kind::Sql => self.sql_orders.send(at - self.in_memory),
        };
        sent.map_err(|_| {
            card.update(|view| view.rebuild = None);
            Error::Stopped
        })
    }

    /// See [`crate::Projections::rebuilt`].
    pub(crate) async fn rebuilt(&self, name: &str) -> Result<(), Error> {
        let card = self.board.card(name);
        let card = card.ok_or_else(|| Error::UnknownProjection(name.into()))?;
        let mut stop = self.stopping.subscribe();
        tokio::select! {
            biased;
            () = card.until(|view| view.rebuild.is_none()) => {}
            () = stopped(&mut stop) => return Err(Error::Stopped),
        }
        match card.view().refused {
            None => Ok(()),
            Some(at) => Err(Error::RebuildRefused {
                name: card.name,
                at,
            }),
        }
    }

    pub(crate) async fn stop(&self) {
        self.stopping.send_replace(true);
        for task in self.tasks.lock().await.drain(..) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the projections broke off");
            }
        }
    }
}

/// Reads the log and decodes it, ahead of those who apply it.
async fn read(
    log: Arc<dyn EventLog>,
    after: Position,
    decoded: mpsc::Sender<Batch>,
    mut stop: watch::Receiver<bool>,
) {
    let mut subscription = eventlog::subscribe(log, after);
    let mut patience = Patience::default();
    loop {
        let next = tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            next = subscription.next() => next,
        };
        match next {
            Ok(batch) => {
                patience = Patience::default();
                tokio::select! {
                    biased;
                    () = stopped(&mut stop) => return,
                    sent = decoded.send(batch) => if sent.is_err() { return },
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the log cannot be followed, trying again");
                tokio::select! {
                    () = stopped(&mut stop) => return,
                    () = patience.wait() => {}
                }
            }
        }
    }
}

/// One projection in memory.
struct MemorySlot {
    slot: Box<dyn Slot>,
    card: Arc<Card>,
    /// Whether it takes part in the live stream.
    following: bool,
    position: Position,
    /// How many events have passed since the last snapshot.
    unsaved: u64,
}

/// The task that owns the projections in memory.
struct Host {
    log: Arc<dyn EventLog>,
    board: Arc<Board>,
    slots: Vec<MemorySlot>,
    /// Everything up to here has been shown to all projections that follow.
    live: Position,
    snapshots: Snapshots,
    feed: Feed,
    /// The snapshot that is being written.
    writing: Option<JoinHandle<()>>,
}

/// The way to the writer.
struct Feed {
    batches: mpsc::Sender<Message>,
    healthy: watch::Receiver<bool>,
    lost: watch::Sender<Position>,
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
    fn new(slot: Box<dyn Slot>, restored: Option<Position>, after: Position) -> Self {
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
        Self {
            card: slot.card(position, mode),
            slot,
            following,
            position,
            unsaved: 0,
        }
    }
}

impl Host {
    async fn run(
        mut self,
        mut batches: mpsc::Receiver<Batch>,
        mut orders: mpsc::UnboundedReceiver<usize>,
        mut stop: watch::Receiver<bool>,
    ) {
        let (built, mut copies) = mpsc::channel::<(usize, Built)>(1);
        for at in 0..self.slots.len() {
            if !self.slots[at].following {
                self.slots[at].card.begin_rebuild();
                self.build(at, built.clone());
            }
        }
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => break,
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
        if self
            .writing
            .as_ref()
            .is_some_and(|task| !task.is_finished())
        {
            return;
        }
        let mut files = Vec::new();
        for at in 0..self.slots.len() {
            if self.slots[at].following && self.slots[at].unsaved >= self.snapshots.every {
                files.extend(self.snapshot(at).await);
            }
        }
        let snapshots = self.snapshots.clone();
        self.writing = Some(tokio::task::spawn_blocking(move || {
            for (name, file) in files {
                snapshots.store(name, &file);
            }
        }));
    }

    async fn save_all(&mut self) {
        if !self.snapshots.wanted() {
            return;
        }
        if let Some(writing) = self.writing.take() {
            let _ = writing.await;
        }
        for at in 0..self.slots.len() {
            // A projection that is paused may be half way into the event that it refused.
            if self.slots[at].following
                && let Some((name, file)) = self.snapshot(at).await
            {
                let snapshots = self.snapshots.clone();
                let write = move || snapshots.store(name, &file);
                let _ = tokio::task::spawn_blocking(write).await;
            }
        }
    }

    /// The model as a file. It stands still while it is written down, but can be read.
    async fn snapshot(&mut self, at: usize) -> Option<(&'static str, Vec<u8>)> {
        let slot = &mut self.slots[at];
        slot.unsaved = 0;
        let (shared, position) = (slot.slot.share(), slot.position);
        let file = tokio::task::spawn_blocking(move || shared.snapshot(position));
        Some((slot.slot.name(), file.await.ok()??))
    }
}

impl SqlSlot {
    fn new(projection: Arc<dyn SqlProjection>, served: Option<Position>) -> Self {
        let mode = if served.is_some() {
            Mode::Following
        } else {
            Mode::Building
        };
        let position = served.unwrap_or(Position::START);
        let (name, version, kinds) = (projection.name(), projection.version(), projection.kinds());
        Self {
            card: Card::new(name, Kind::Sql, version, kinds, position, mode),
            projection,
            following: served.is_some(),
            position,
            persisted: position,
            unsaved: 0,
        }
    }
}

/// Loads all snapshots, and says how far each reaches.
async fn restore(memory: &[Box<dyn Slot>], snapshots: &Snapshots) -> Vec<Option<Position>> {
    let mut restored = Vec::with_capacity(memory.len());
    for slot in memory {
        let (shared, snapshots) = (slot.share(), snapshots.clone());
        let load = move || {
            let file = snapshots.load(shared.name())?;
            let position = shared.restore(&file);
            if position.is_none() {
                tracing::info!(
                    projection = shared.name(),
                    "snapshot discarded: another version, or broken"
                );
            }
            position
        };
        restored.push(tokio::task::spawn_blocking(load).await.ok().flatten());
    }
    restored
}

/// Makes the tables of a projection that never ran; `None` when another node did so meanwhile, in
/// another version.
async fn create(
    store: &Store,
    projection: &dyn SqlProjection,
) -> Result<Option<Position>, sqlx::Error> {
    let mut connection = store.connect().await?;
    let mut transaction = connection.begin_with(store.begin()).await?;
    let (name, version) = (projection.name(), projection.version());
    if store::enter(&mut transaction, name, version).await? {
        store::create_tables(&mut transaction, projection.shape(), "").await?;
        transaction.commit().await?;
        connection.close().await?;
        return Ok(Some(Position::START));
    }
    let found = store::read_checkpoint(&mut transaction, name).await?;
    transaction.rollback().await?;
    connection.close().await?;
    let ours = |found: &Checkpoint| found.version == version;
    Ok(found.filter(ours).map(|found| found.position))
}

/// Returns when the tasks are to end, or nobody is left who could tell.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Whether the tasks are to end.
pub(crate) fn is_stopping(stopping: &watch::Receiver<bool>) -> bool {
    *stopping.borrow() || stopping.has_changed().is_err()
}
