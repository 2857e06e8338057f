//! The queue before a store that writes in batches, and the one task that empties it.
//!
//! No timer: a batch is whatever has come together while the one before it went to disk. How a
//! batch is written is the engine's business.

use crate::bell::Bell;
use crate::plan::{MAX_EVENTS, Prepared};
use crate::recent::Recent;
use crate::{Answer, Append, Appended, Error, RecordedEvent};
use domain::Position;
use std::future::Future;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};

/// How many appends are taken from the queue at once.
const MAX_APPENDS: usize = 1_024;

/// How many appends may wait in the queue before callers wait in front of it.
const QUEUE: usize = 4_096;

/// A store that writes a batch of appends in one transaction.
pub(crate) trait Engine: Send + 'static {
    /// Writes the batch and returns once it is on disk. After an error nobody knows whether the
    /// batch was written, and the engine is ready for the next one all the same.
    fn commit(
        &mut self,
        batch: &[Prepared],
    ) -> impl Future<Output = Result<Committed, Error>> + Send;

    /// Lets go of the store.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) struct Committed {
    /// One for each append, in order.
    pub(crate) answers: Vec<Result<Appended, Error>>,
    /// What was written, in order, each with the length of its data.
    pub(crate) recorded: Vec<(usize, Arc<RecordedEvent>)>,
    /// The last position of the log.
    pub(crate) head: Position,
}

/// The near end of the queue.
#[derive(Debug)]
pub(crate) struct Writer {
    /// `None` once closed.
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    /// Ends when the task has ended.
    running: watch::Receiver<()>,
}

#[derive(Debug)]
struct Job {
    append: Prepared,
    answer: oneshot::Sender<Result<Appended, Error>>,
}

impl Writer {
    /// Starts the task; it ends when the writer is closed or dropped, after what was accepted.
    /// What it has written is kept in `recent`, and `bell` rings.
    pub(crate) fn start(engine: impl Engine, bell: Arc<Bell>, recent: Arc<Recent>) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (ended, running) = watch::channel(());
        tokio::spawn(async move {
            run(engine, jobs, &bell, &recent).await;
            drop(ended);
        });
        Self {
            queue: Mutex::new(Some(queue)),
            running,
        }
    }

    /// See [`crate::EventLog::submit`].
    pub(crate) async fn submit(&self, append: Append) -> Result<Answer, Error> {
        let queue = self.queue().ok_or_else(Error::closed)?;
        let append = Prepared::new(append)?;
        let (answer, answered) = oneshot::channel();
        let job = Job { append, answer };
        queue.send(job).await.map_err(|_| Error::closed())?;
        Ok(Box::pin(async {
            answered.await.map_err(|_| Error::closed())?
        }))
    }

    /// See [`crate::EventLog::append_batch`]. A caller that goes away leaves behind what is in the
    /// queue already, which is written whole or not at all, append by append.
    pub(crate) async fn append_batch(
        &self,
        appends: Vec<Append>,
    ) -> Result<Vec<Result<Appended, Error>>, Error> {
        let queue = self.queue().ok_or_else(Error::closed)?;
        let mut waiting = Vec::with_capacity(appends.len());
        for append in appends {
            waiting.push(match Prepared::new(append) {
                Ok(append) => {
                    let (answer, answered) = oneshot::channel();
                    let job = Job { append, answer };
                    queue.send(job).await.map_err(|_| Error::closed())?;
                    Ok(answered)
                }
                Err(error) => Err(error),
            });
        }
        let mut answers = Vec::with_capacity(waiting.len());
        for answered in waiting {
            let answer = match answered {
                Ok(answered) => answered.await.map_err(|_| Error::closed())?,
                Err(error) => Err(error),
            };
            if let Err(Error::Unavailable(reason)) = answer {
                return Err(Error::Unavailable(reason));
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    /// Takes no more, and returns when what was accepted is done with.
    pub(crate) async fn close(&self) {
        drop(
            self.queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let mut running = self.running.clone();
        while running.changed().await.is_ok() {}
    }

    fn queue(&self) -> Option<mpsc::Sender<Job>> {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn run(
    mut engine: impl Engine,
    mut queue: mpsc::Receiver<Job>,
    bell: &Bell,
    recent: &Recent,
) {
    let mut jobs = Vec::with_capacity(MAX_APPENDS);
    while queue.recv_many(&mut jobs, MAX_APPENDS).await > 0 {
        let (mut batch, mut answers) = (
            Vec::with_capacity(jobs.len()),
            Vec::with_capacity(jobs.len()),
        );
        let mut events = 0;
        for Job { append, answer } in jobs.drain(..) {
            if events + append.len() > MAX_EVENTS {
                write(
                    &mut engine,
                    mem::take(&mut batch),
                    mem::take(&mut answers),
                    bell,
                    recent,
                )
                .await;
                events = 0;
            }
            events += append.len();
            batch.push(append);
            answers.push(answer);
        }
        write(&mut engine, batch, answers, bell, recent).await;
    }
    engine.close().await;
}

async fn write(
    engine: &mut impl Engine,
    batch: Vec<Prepared>,
    answers: Vec<oneshot::Sender<Result<Appended, Error>>>,
    bell: &Bell,
    recent: &Recent,
) {
    // A caller that has gone away needs no answer.
    match engine.commit(&batch).await {
        Ok(committed) => {
            // First, so that whoever is woken finds it.
            recent.add(committed.recorded);
            bell.ring(committed.head);
            for (to, answer) in answers.into_iter().zip(committed.answers) {
                let _ = to.send(answer);
            }
        }
        Err(error) => {
            tracing::warn!(appends = batch.len(), %error, "a batch of appends failed");
            for to in answers {
                let _ = to.send(Err(error.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
