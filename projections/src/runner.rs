//! The road of an event: one subscription decodes it once, here; the [`crate::host`] applies it to
//! the projections in memory and hands it on to the [`crate::writer`] for those in SQL.
//!
//! What a projection makes of an event is not known here.

use crate::Error;
use crate::board::{Board, Card, Mode};
use crate::host::{Feed, Host, MemorySlot};
use crate::memory::Slot;
use crate::next_copy::{Job, next_name};
use crate::rebuild::Patience;
use crate::snapshot::Snapshots;
use crate::sql::{SqlProjection, fold_version};
use crate::status::Kind;
use crate::store::{self, Checkpoint, Store};
use crate::writer::{Inbox, SqlSlot, Writer};
use domain::Position;
use eventlog::{Batch, EventLog};
use futures_util::FutureExt;
use sqlx::Connection;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
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
            let known = checkpoints.contains_key(projection.name());
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
            spawn(
                &board,
                read(
                    Arc::clone(&log),
                    Arc::clone(&board),
                    after,
                    decoded,
                    stop.clone(),
                ),
            ),
            spawn(&board, host.run(batches, memory_inbox, stop)),
            spawn(&board, writer.run(inbox)),
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
            // Why it broke off, if it did, has been said.
            let _ = task.await;
        }
    }
}

/// Starts a task that must not break off unnoticed.
fn spawn(board: &Arc<Board>, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let board = Arc::clone(board);
    tokio::spawn(async move {
        if AssertUnwindSafe(task).catch_unwind().await.is_err() {
            tracing::error!("a task of the projections broke off: they stand still");
            board.stumbled(Some("a task broke off".into()));
        }
    })
}

/// Reads the log and decodes it, ahead of those who apply it.
async fn read(
    log: Arc<dyn EventLog>,
    board: Arc<Board>,
    after: Position,
    decoded: mpsc::Sender<Batch>,
    mut stop: watch::Receiver<bool>,
) {
    let mut subscription = eventlog::subscribe(log, after);
    let mut patience = Patience::default();
    let mut failing = false;
    loop {
        let next = tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            next = subscription.next() => next,
        };
        match next {
            Ok(batch) => {
                if failing {
                    failing = false;
                    patience = Patience::default();
                    board.stumbled(None);
                }
                tokio::select! {
                    biased;
                    () = stopped(&mut stop) => return,
                    sent = decoded.send(batch) => if sent.is_err() { return },
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the log cannot be followed, trying again");
                failing = true;
                board.stumbled(Some(error.to_string()));
                tokio::select! {
                    () = stopped(&mut stop) => return,
                    () = patience.wait() => {}
                }
            }
        }
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
            card: Card::new(
                name,
                Kind::Sql,
                fold_version(version),
                kinds,
                position,
                mode,
            ),
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
                    "snapshot discarded: another version or other settings, or broken"
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
