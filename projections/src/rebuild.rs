//! Reading the log again for a copy that is made beside the one that serves, and the making of
//! copies in memory.
//!
//! Copies in SQL are made by the one writer: see [`crate::writer`].

use crate::board::Card;
use crate::memory::{Applied, MemoryCopy};
use crate::status::Paused;
use domain::{EventKind, Position};
use eventlog::{Delivery, EventLog, Filter, codec};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How many events are read at once.
pub(crate) const CHUNK: usize = 2_000;

/// How many chunks are read ahead.
const AHEAD: usize = 2;
/// After so many events a copy is tidied for the first time.
const TIDY: u64 = 100_000;

/// The longest time between two attempts at something that fails.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Events of some kinds, read from the log again.
pub(crate) struct Chunk {
    /// In order.
    pub(crate) events: Vec<Delivery>,
    /// No event of these kinds up to here is missing.
    pub(crate) last: Position,
    /// Whether there may be more; if not, the head of the log was reached.
    pub(crate) full: bool,
}

/// The next events after `after` of one of `kinds`.
///
/// # Errors
/// Those of the log.
pub(crate) async fn read(
    log: &dyn EventLog,
    kinds: &[EventKind],
    after: Position,
) -> Result<Chunk, eventlog::Error> {
    let filter = Filter {
        types: kinds.iter().map(|kind| kind.name().into()).collect(),
        ..Filter::default()
    };
    let stored = log.read_all(after, &filter, CHUNK).await?;
    Ok(Chunk {
        last: stored.last().map_or(after, |event| event.position),
        full: stored.len() >= CHUNK,
        events: stored
            .into_iter()
            .map(|event| codec::decode(event).map(Arc::new))
            .collect(),
    })
}

/// Reads ahead from `after` to the head of the log; the channel ends there. What happened after
/// that is for whoever takes the copy over.
pub(crate) fn read_ahead(
    log: Arc<dyn EventLog>,
    kinds: &'static [EventKind],
    after: Position,
) -> mpsc::Receiver<Chunk> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let mut after = after;
        let mut patience = Patience::default();
        loop {
            match read(&*log, kinds, after).await {
                Ok(chunk) => {
                    patience = Patience::default();
                    after = chunk.last;
                    let full = chunk.full;
                    if sender.send(chunk).await.is_err() || !full {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot read the log for a rebuild, trying again");
                    tokio::select! {
                        () = patience.wait() => {}
                        () = sender.closed() => return,
                    }
                }
            }
        }
    });
    receiver
}

/// What became of a copy in memory.
pub(crate) enum Built {
    /// It contains every event up to this one.
    Complete(Box<dyn MemoryCopy>, Position),
    /// Its fold refuses an event.
    Refused(Paused),
}

/// Feeds a new copy with everything that the log holds.
pub(crate) async fn build(
    mut copy: Box<dyn MemoryCopy>,
    log: Arc<dyn EventLog>,
    card: &Card,
) -> Built {
    let mut position = Position::START;
    let mut chunks = read_ahead(log, card.kinds, position);
    let (mut all, mut untidy) = (0, TIDY);
    while let Some(chunk) = chunks.recv().await {
        match copy.apply(&chunk.events, position) {
            Applied::All { folded } => {
                card.progressed(chunk.last, folded);
                all += folded;
            }
            Applied::Until { paused, .. } => return Built::Refused(paused),
        }
        position = chunk.last;
        if all >= untidy {
            // So seldom that all of it takes hardly longer than the last time.
            untidy = all.saturating_mul(2);
            copy = tidied(copy).await;
        }
        // Folding is all there is to do here: let the others have their turn.
        tokio::task::yield_now().await;
    }
    Built::Complete(tidied(copy).await, position)
}

async fn tidied(mut copy: Box<dyn MemoryCopy>) -> Box<dyn MemoryCopy> {
    let tidy = move || {
        copy.tidy();
        copy
    };
    match tokio::task::spawn_blocking(tidy).await {
        Ok(copy) => copy,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Everything is being stopped, and nobody waits for it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Growing pauses between attempts at something that fails.
#[derive(Debug)]
pub(crate) struct Patience {
    next: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let next = Duration::from_millis(50);
        Self { next }
    }
}

impl Patience {
    /// Waits until the next attempt is due.
    pub(crate) async fn wait(&mut self) {
        let now = self.next;
        self.next = (now * 2).min(LONGEST_WAIT);
        tokio::time::sleep(now).await;
    }
}
