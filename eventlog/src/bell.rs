//! Wakes those who wait for the log to grow.
//!
//! Knows how far the log has grown as far as this process has heard; the store is asked elsewhere.

use crate::EventLog;
use domain::Position;
use std::time::Duration;
use tokio::sync::watch;

/// How long nobody asks the store whether others have appended.
const POLL: Duration = Duration::from_millis(500);

/// The last position heard of, and whether the log is closed.
#[derive(Debug)]
pub(crate) struct Bell(watch::Sender<(Position, bool)>);

impl Bell {
    pub(crate) fn new(head: Position) -> Self {
        Self(watch::Sender::new((head, false)))
    }

    /// The log has grown up to `head`; old news wake nobody.
    pub(crate) fn ring(&self, head: Position) {
        self.0.send_if_modified(|(heard, _)| {
            let news = head > *heard;
            *heard = head.max(*heard);
            news
        });
    }

    /// Whether the log is known to have grown beyond `seen`, or is closed.
    pub(crate) fn has_news(&self, seen: Position) -> bool {
        let (heard, closed) = *self.0.borrow();
        heard > seen || closed
    }

    /// Nothing will come any more: whoever waits is woken, now and from now on.
    pub(crate) fn close(&self) {
        self.0.send_modify(|(_, closed)| *closed = true);
    }

    /// Returns once the log is known to have grown beyond `seen`, or is closed.
    pub(crate) async fn heard(&self, seen: Position) {
        let mut news = self.0.subscribe();
        // Fails when the sender is gone, which is this bell.
        let _ = news
            .wait_for(|(heard, closed)| *heard > seen || *closed)
            .await;
    }

    /// As [`Self::heard`], but asks `log` from time to time: other processes do not ring here.
    /// Returns early when the log cannot be asked.
    pub(crate) async fn heard_or_found(&self, seen: Position, log: &impl EventLog) {
        while tokio::time::timeout(POLL, self.heard(seen)).await.is_err() {
            match log.head().await {
                Ok(head) => self.ring(head),
                Err(_) => return,
            }
        }
    }
}
