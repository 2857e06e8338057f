//! The one task that follows the log and shows every event to all doors, in order.

use crate::RecordedEvent;
use domain::Position;
use eventlog::EventLog;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;

/// How long to wait before asking a log again that was away.
const BREATHER: Duration = Duration::from_millis(500);

/// A way in which people are connected.
pub trait Door: Send + Sync + 'static {
    /// Something has happened. Must not wait: whoever cannot take it at once is disconnected and
    /// finds it later.
    fn happened(&self, event: &Arc<RecordedEvent>);
}

/// Follows the log, from where it was at the start.
pub struct Dispatcher {
    /// Everything up to here has been shown to all doors, or is being shown now.
    position: AtomicU64,
    doors: RwLock<Vec<Arc<dyn Door>>>,
    stop: watch::Sender<bool>,
}

impl Dispatcher {
    /// Begins to follow `log`.
    ///
    /// # Errors
    /// When the log is away.
    pub async fn start(log: Arc<dyn EventLog>) -> Result<Arc<Self>, eventlog::Error> {
        let head = log.head().await?;
        let dispatcher = Arc::new(Self {
            position: AtomicU64::new(head.0),
            doors: RwLock::default(),
            stop: watch::Sender::new(false),
        });
        tokio::spawn(dispatcher.clone().run(log, head));
        Ok(dispatcher)
    }

    /// Shows every event from now on to `door` too.
    pub fn open(&self, door: Arc<dyn Door>) {
        self.doors
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(door);
    }

    /// Where the hand-over is: whoever was known to a door before asking will be shown everything
    /// behind this position, and must look for the rest elsewhere.
    #[must_use]
    pub fn position(&self) -> Position {
        Position(self.position.load(Ordering::SeqCst))
    }

    /// Shows nothing more.
    pub fn stop(&self) {
        self.stop.send_replace(true);
        self.doors
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    async fn run(self: Arc<Self>, log: Arc<dyn EventLog>, head: Position) {
        let mut events = eventlog::subscribe(log, head);
        let mut stopped = self.stop.subscribe();
        loop {
            let batch = tokio::select! {
                batch = events.next() => batch,
                _ = stopped.wait_for(|stop| *stop) => return,
            };
            match batch {
                // What cannot be read is reported by the read models.
                Ok(batch) => batch
                    .events
                    .iter()
                    .flatten()
                    .for_each(|event| self.show(event)),
                Err(error) => {
                    tracing::warn!(%error, "the log cannot be followed");
                    tokio::time::sleep(BREATHER).await;
                }
            }
        }
    }

    fn show(&self, event: &Arc<RecordedEvent>) {
        // Before it is shown: whoever comes now and sees this position may be shown the event as
        // well, but never misses it.
        self.position.store(event.position.0, Ordering::SeqCst);
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        for door in doors.iter() {
            door.happened(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::shop::ShopClosed;
    use domain::{Millis, ShopId, StreamName};
    use eventlog::{ExpectedRevision, MemoryLog, Metadata, NewEvent};
    use tokio::sync::mpsc;

    struct Ears(mpsc::UnboundedSender<Position>);

    impl Door for Ears {
        fn happened(&self, event: &Arc<RecordedEvent>) {
            let _ = self.0.send(event.position);
        }
    }

    async fn append(log: &MemoryLog) {
        let shop_id = ShopId::new(7).expect("an id");
        let event = NewEvent {
            id: uuid::Uuid::now_v7(),
            time: Millis(0),
            event: ShopClosed { shop_id }.into(),
            metadata: Metadata::default(),
        };
        let stream = StreamName::shop(shop_id);
        let appended = log.append(&stream, ExpectedRevision::Any, vec![event]);
        appended.await.expect("an append");
    }

    #[tokio::test]
    async fn a_door_is_shown_what_happens_and_not_what_has_happened() {
        let log = Arc::new(MemoryLog::new());
        append(&log).await;
        let dispatcher = Dispatcher::start(log.clone()).await.expect("a start");
        let (ears, mut heard) = mpsc::unbounded_channel();
        dispatcher.open(Arc::new(Ears(ears)));
        assert_eq!(dispatcher.position(), Position(1));
        for position in 2..5 {
            append(&log).await;
            assert_eq!(heard.recv().await, Some(Position(position)));
            assert_eq!(dispatcher.position(), Position(position));
        }
        dispatcher.stop();
        assert_eq!(heard.recv().await, None, "the door is let go");
    }
}
