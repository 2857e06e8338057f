//! Following the log: first what is there, then what comes, without gap or double.
//!
//! Remembers nothing beyond the process: where to go on from is the subscriber's to keep.

use crate::{Error, EventLog, Filter, RecordedEvent, Undecodable, codec};
use domain::Position;
use std::fmt;
use std::sync::Arc;

/// How many events a batch has at most.
const PAGE: usize = 1_024;

/// An event, read; or why it could not be, so that the subscriber decides what to do about it.
pub type Delivery = Result<Arc<RecordedEvent>, Undecodable>;

/// The next events of a subscription.
#[derive(Clone, Debug)]
pub struct Batch {
    /// At least one, at most 1,024, in order.
    pub events: Vec<Delivery>,
    /// The position of the last of them: where to go on from.
    pub last: Position,
}

/// A reader of everything after a position.
pub struct Subscription {
    log: Arc<dyn EventLog>,
    position: Position,
}

impl Subscription {
    /// Follows `log` from after `after`.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, after: Position) -> Self {
        Self {
            log,
            position: after,
        }
    }

    /// The last event that was handed out, or where the subscription began.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Waits until there is an event, and hands out as many as there are, up to 1,024.
    ///
    /// May be cancelled: what was not handed out comes next time.
    ///
    /// # Errors
    /// Those of [`EventLog::read_all`]; the next call tries again at the same place.
    pub async fn next(&mut self) -> Result<Batch, Error> {
        loop {
            let mut recent = self.log.recent(self.position, PAGE);
            if recent.as_ref().is_some_and(Vec::is_empty) {
                self.log.changed(self.position).await;
                recent = self.log.recent(self.position, PAGE);
            }
            // Nothing new in spite of the change: then the log itself has to say why.
            let recent = recent.unwrap_or_default();
            if let Some(last) = recent.last().map(|event| event.position) {
                self.position = last;
                let events = recent.into_iter().map(Ok).collect();
                return Ok(Batch { events, last });
            }
            let page = self
                .log
                .read_all(self.position, &Filter::default(), PAGE)
                .await?;
            if let Some(last) = page.last().map(|event| event.position) {
                let events = page
                    .into_iter()
                    .map(|event| codec::decode(event).map(Arc::new));
                let events = events.collect();
                self.position = last;
                return Ok(Batch { events, last });
            }
            self.log.changed(self.position).await;
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
