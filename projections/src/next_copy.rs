//! The making of a new copy of an SQL projection beside the one that serves, in short slices
//! between live batches, and the step in which it takes the other one's place.
//!
//! The copy's tables and its checkpoint bear a suffix. Every slice is one transaction, so a copy
//! can be gone on with after a kill, and several nodes may work on the same one.

use crate::Error;
use crate::memory::{Portion, position};
use crate::rebuild::{self, Chunk};
use crate::runner::is_stopping;
use crate::sql::{Outcome, Target, fold_version};
use crate::status::Paused;
use crate::store::{self, NEXT};
use crate::writer::{Message, Writer, open};
use domain::Position;
use sqlx::Connection;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

/// How long a slice holds up the live stream.
const SLICE: Duration = Duration::from_millis(20);

/// How long a slice may go on while nothing is waiting: the larger its transaction, the less is
/// written for each row.
const QUIET_SLICE: Duration = Duration::from_millis(250);

/// How many events are applied between two looks at the clock.
const STEP: usize = 200;

/// A copy in the making.
pub(crate) struct Job {
    /// Of which projection, by its place in [`Writer::slots`].
    slot: usize,
    stage: Stage,
    /// Whether the copy was there once: if it is gone then, another node has adopted it.
    opened: bool,
}

enum Stage {
    /// It is not known how far the copy has come.
    Opening,
    /// The log is being read.
    Reading {
        /// The copy contains every event up to here.
        position: Position,
        chunks: mpsc::Receiver<Chunk>,
        /// The chunk at hand, and how many of its events are applied.
        current: Option<(Chunk, usize)>,
    },
    /// What the log held when it was read is applied.
    Finishing { position: Position },
}

/// What a slice led to.
enum Step {
    Goes(Stage),
    Ended,
}

impl Job {
    pub(crate) fn new(slot: usize) -> Self {
        Self {
            slot,
            stage: Stage::Opening,
            opened: false,
        }
    }

    /// Waits until there is something to do for the copy; for ever, when there is no copy.
    pub(crate) async fn ready(job: Option<&mut Self>) {
        let Some(job) = job else {
            return std::future::pending().await;
        };
        if let Stage::Reading {
            position,
            chunks,
            current: current @ None,
        } = &mut job.stage
        {
            match chunks.recv().await {
                Some(chunk) => *current = Some((chunk, 0)),
                None => {
                    job.stage = Stage::Finishing {
                        position: *position,
                    }
                }
            }
        }
    }

    /// Whether a slice would only wait.
    fn waits(&mut self) -> bool {
        if let Stage::Reading {
            position,
            chunks,
            current: current @ None,
        } = &mut self.stage
        {
            match chunks.try_recv() {
                Ok(chunk) => *current = Some((chunk, 0)),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => {
                    self.stage = Stage::Finishing {
                        position: *position,
                    };
                }
            }
        }
        false
    }
}

impl Writer {
    /// Works on the first of the copies for a little while; `waiting` is the live stream.
    pub(crate) async fn slice(&mut self, waiting: &mpsc::Receiver<Message>) {
        if self.jobs.front_mut().is_none_or(Job::waits) || is_stopping(&self.stopping) {
            return;
        }
        let Some(mut job) = self.jobs.pop_front() else {
            return;
        };
        match self.step(&mut job, waiting).await {
            Ok(Step::Goes(stage)) => {
                job.stage = stage;
                self.jobs.push_front(job);
                self.recovered();
            }
            Ok(Step::Ended) => self.recovered(),
            Err(error) => {
                // Whether the slice was committed is not known: the checkpoint will tell.
                job.stage = Stage::Opening;
                self.jobs.push_front(job);
                self.failed(&error).await;
            }
        }
    }

    async fn step(
        &mut self,
        job: &mut Job,
        waiting: &mpsc::Receiver<Message>,
    ) -> Result<Step, Error> {
        match std::mem::replace(&mut job.stage, Stage::Opening) {
            Stage::Opening => self.open_copy(job).await,
            Stage::Reading {
                position,
                chunks,
                current: Some(current),
            } => {
                let reading = (position, chunks, current);
                self.apply_chunk(job, reading, waiting).await
            }
            waiting @ Stage::Reading { current: None, .. } => Ok(Step::Goes(waiting)),
            Stage::Finishing { position } => self.finish(job, position).await,
        }
    }

    /// Finds the copy, or makes an empty one.
    async fn open_copy(&mut self, job: &mut Job) -> Result<Step, Error> {
        let slot = &self.slots[job.slot];
        let (name, version) = (next_name(slot.projection.name()), slot.projection.version());
        let shape = slot.projection.shape();
        let begin = self.store.begin();
        let connection = open(&mut self.connection, &self.store).await?;
        let mut transaction = connection.begin_with(begin).await?;
        let found = store::read_checkpoint(&mut transaction, &name).await?;
        let position = match found {
            Some(found) if found.version == version => found.position,
            Some(found) if fold_version(found.version) > fold_version(version) => {
                transaction.rollback().await?;
                slot.card.rebuild_refused(Paused {
                    position: Position::START,
                    type_name: String::new(),
                    error: "a newer program is rebuilding it".into(),
                });
                return Ok(Step::Ended);
            }
            None if job.opened => {
                // Another node has finished it.
                transaction.rollback().await?;
                self.reread(job.slot).await?;
                self.settle().await?;
                let slot = &self.slots[job.slot];
                slot.card.update(|view| view.rebuild = None);
                return Ok(Step::Ended);
            }
            other => {
                if let Some(stale) = other {
                    store::remove(&mut transaction, &name, stale).await?;
                }
                if !store::enter(&mut transaction, &name, version).await? {
                    // Another node was faster.
                    transaction.rollback().await?;
                    return Ok(Step::Goes(Stage::Opening));
                }
                store::create_tables(&mut transaction, shape, NEXT).await?;
                Position::START
            }
        };
        transaction.commit().await?;
        job.opened = true;
        slot.card.resumed(position);
        let kinds = slot.projection.kinds();
        Ok(Step::Goes(Stage::Reading {
            position,
            chunks: rebuild::read_ahead(Arc::clone(&self.log), kinds, position),
            current: None,
        }))
    }

    /// Applies as much of a chunk as a slice allows.
    async fn apply_chunk(
        &mut self,
        job: &Job,
        (start, chunks, (chunk, mut done)): (Position, mpsc::Receiver<Chunk>, (Chunk, usize)),
        waiting: &mpsc::Receiver<Message>,
    ) -> Result<Step, Error> {
        let began = Instant::now();
        let slot = &self.slots[job.slot];
        let begin = self.store.begin();
        let connection = open(&mut self.connection, &self.store).await?;
        let mut transaction = connection.begin_with(begin).await?;
        let mut at = start;
        let from = done;
        while done < chunk.events.len() {
            let step = &chunk.events[done..chunk.events.len().min(done + STEP)];
            let upto = step.last().map_or(at, position);
            let target = Target {
                projection: &*slot.projection,
                suffix: NEXT,
                expected: at,
            };
            let portion = Portion::of(step, slot.projection.kinds(), at);
            match target
                .apply(&mut transaction, step, portion, at, upto)
                .await?
            {
                Outcome::Applied { paused: None, .. } => at = upto,
                Outcome::Applied {
                    paused: Some(paused),
                    ..
                } => {
                    transaction.rollback().await?;
                    return self.abandon(job, start, paused).await;
                }
                Outcome::Fenced => {
                    transaction.rollback().await?;
                    return Ok(Step::Goes(Stage::Opening));
                }
            }
            done += step.len();
            let longest = if waiting.is_empty() {
                QUIET_SLICE
            } else {
                SLICE
            };
            if began.elapsed() >= longest {
                break;
            }
        }
        transaction.commit().await?;
        slot.card.progressed(at, (done - from) as u64);
        Ok(Step::Goes(Stage::Reading {
            position: at,
            chunks,
            current: (done < chunk.events.len()).then_some((chunk, done)),
        }))
    }

    /// Brings the copy to where the other one is, and lets it take its place.
    async fn finish(&mut self, job: &Job, mut at: Position) -> Result<Step, Error> {
        loop {
            let slot = &self.slots[job.slot];
            // The live stream stands still meanwhile, so this is where the copy will serve from.
            let goal = if slot.following {
                slot.position
            } else {
                self.live
            };
            if at >= goal {
                return self.adopt(job, at).await;
            }
            if is_stopping(&self.stopping) {
                return Ok(Step::Goes(Stage::Finishing { position: at }));
            }
            let chunk = rebuild::read(&*self.log, slot.projection.kinds(), at).await?;
            let upto = if chunk.full {
                chunk.last
            } else {
                chunk.last.max(goal)
            };
            let begin = self.store.begin();
            let connection = open(&mut self.connection, &self.store).await?;
            let mut transaction = connection.begin_with(begin).await?;
            let target = Target {
                projection: &*slot.projection,
                suffix: NEXT,
                expected: at,
            };
            let portion = Portion::of(&chunk.events, slot.projection.kinds(), at);
            let outcome = target.apply(&mut transaction, &chunk.events, portion, at, upto);
            match outcome.await? {
                Outcome::Applied { paused: None, .. } => transaction.commit().await?,
                Outcome::Applied {
                    paused: Some(paused),
                    ..
                } => {
                    transaction.rollback().await?;
                    return self.abandon(job, at, paused).await;
                }
                Outcome::Fenced => {
                    transaction.rollback().await?;
                    return Ok(Step::Goes(Stage::Opening));
                }
            }
            slot.card.progressed(upto, chunk.events.len() as u64);
            at = upto;
        }
    }

    /// The one step: tables, checkpoint and what we know of them change together.
    async fn adopt(&mut self, job: &Job, at: Position) -> Result<Step, Error> {
        let slot = &mut self.slots[job.slot];
        let name = slot.projection.name();
        let begin = self.store.begin();
        let connection = open(&mut self.connection, &self.store).await?;
        let mut transaction = connection.begin_with(begin).await?;
        if !store::remove(&mut transaction, &next_name(name), slot.at(at)).await? {
            transaction.rollback().await?;
            return Ok(Step::Goes(Stage::Opening));
        }
        if !slot.following {
            store::overwrite(&mut transaction, name, slot.at(at)).await?;
        } else if !store::claim(&mut transaction, name, slot.at(slot.persisted), at).await? {
            transaction.rollback().await?;
            self.reread(job.slot).await?;
            self.settle().await?;
            return Ok(Step::Goes(Stage::Finishing { position: at }));
        }
        store::swap_tables(&mut transaction, slot.projection.shape()).await?;
        transaction.commit().await?;
        slot.saved(at);
        slot.following = true;
        slot.card.adopted(at);
        Ok(Step::Ended)
    }

    /// Throws the copy away: its fold refuses an event.
    async fn abandon(&mut self, job: &Job, at: Position, paused: Paused) -> Result<Step, Error> {
        let slot = &self.slots[job.slot];
        let begin = self.store.begin();
        let connection = open(&mut self.connection, &self.store).await?;
        let mut transaction = connection.begin_with(begin).await?;
        let name = next_name(slot.projection.name());
        if store::remove(&mut transaction, &name, slot.at(at)).await? {
            store::drop_tables(&mut transaction, slot.projection.shape(), NEXT).await?;
        }
        transaction.commit().await?;
        slot.card.rebuild_refused(paused);
        Ok(Step::Ended)
    }
}

/// The name of the checkpoint of a copy.
pub(crate) fn next_name(name: &str) -> String {
    format!("{name}{NEXT}")
}
