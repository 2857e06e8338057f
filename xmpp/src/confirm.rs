//! Noting which messages have arrived: gathered for a moment, so that one event tells of many.

use crate::Service;
use crate::outbox::MessageKey;
use domain::inbox::MessagesDelivered;
use domain::{EventKind, Party};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How long news are gathered, unless somebody waits.
const GATHER: Duration = Duration::from_millis(100);

/// How long to wait before telling a log again that was away.
const BREATHER: Duration = Duration::from_millis(500);

/// See the module.
pub(crate) struct Confirmations {
    news: Mutex<News>,
    /// There are news.
    arrived: Notify,
    /// Somebody waits.
    hurry: Notify,
    /// Raised whenever news were noted.
    noted: watch::Sender<u64>,
}

#[derive(Default)]
struct News {
    /// By receiver and the other side, the revisions.
    gathered: BTreeMap<Party, BTreeMap<Party, Vec<u64>>>,
    /// Whose news are being noted.
    underway: HashSet<Party>,
}

impl Confirmations {
    pub(crate) fn new() -> Self {
        Self {
            news: Mutex::default(),
            arrived: Notify::new(),
            hurry: Notify::new(),
            noted: watch::Sender::new(0),
        }
    }

    /// These messages have reached `owner`.
    pub(crate) fn confirm(&self, owner: Party, messages: Vec<MessageKey>) {
        if messages.is_empty() {
            return;
        }
        let mut news = self.news();
        let of_owner = news.gathered.entry(owner).or_default();
        for (peer, revision) in messages {
            of_owner.entry(peer).or_default().push(revision);
        }
        drop(news);
        self.arrived.notify_one();
    }

    /// Returns when everything that has reached `owner` can be read from the inbox.
    pub(crate) async fn settled(&self, owner: Party) {
        let settled = |_: &u64| {
            let news = self.news();
            !news.gathered.contains_key(&owner) && !news.underway.contains(&owner)
        };
        let mut noted = self.noted.subscribe();
        if !settled(&0) {
            self.hurry.notify_one();
            // The sender lives in `self`.
            let _ = noted.wait_for(settled).await;
        }
    }

    /// Notes what arrives, until `stop` says so and all is noted.
    pub(crate) async fn run(&self, service: &Service, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = self.arrived.notified() => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
            if !*stop.borrow() {
                tokio::select! {
                    () = tokio::time::sleep(GATHER) => {}
                    () = self.hurry.notified() => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            }
            let all_noted = self.note(service).await;
            if *stop.borrow() {
                return;
            }
            if !all_noted {
                tokio::time::sleep(BREATHER).await;
                self.arrived.notify_one();
            }
        }
    }

    /// Notes what was gathered; `false` when some of it could not be, and stays.
    async fn note(&self, service: &Service) -> bool {
        let gathered = {
            let mut news = self.news();
            let gathered = std::mem::take(&mut news.gathered);
            news.underway.extend(gathered.keys());
            gathered
        };
        // All at once, so that they become one batch of the log.
        let notes = gathered.into_iter().map(|(owner, from)| async move {
            let delivered = MessagesDelivered { owner, from };
            match service.commands.note_delivered(delivered.clone()).await {
                Ok(receipt) => Ok((owner, receipt.position)),
                Err(error) => {
                    tracing::warn!(%error, "arrivals cannot be noted");
                    Err(delivered)
                }
            }
        });
        let outcomes = futures_util::future::join_all(notes).await;
        let last = outcomes.iter().flatten().filter_map(|(_, at)| *at).max();
        if let Some(position) = last {
            let kinds = [EventKind::MessagesDelivered];
            service.projections.wait(position, &kinds).await;
        }
        let all_noted = outcomes.iter().all(Result::is_ok);
        let mut news = self.news();
        for outcome in outcomes {
            match outcome {
                Ok((owner, _)) => {
                    news.underway.remove(&owner);
                }
                Err(delivered) => {
                    news.underway.remove(&delivered.owner);
                    let of_owner = news.gathered.entry(delivered.owner).or_default();
                    for (peer, revisions) in delivered.from {
                        of_owner.entry(peer).or_default().extend(revisions);
                    }
                }
            }
        }
        drop(news);
        self.noted.send_modify(|times| *times += 1);
        all_noted
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps noting what arrives; the task ends after `stop`.
pub(crate) fn spawn(
    service: Arc<Service>,
    stop: watch::Receiver<bool>,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move { service.confirmations.run(&service, stop).await })
}
