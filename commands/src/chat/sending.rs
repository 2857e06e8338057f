//! A message on its way into the log, and how it is told from those that were sent before.
//!
//! What may be said is decided before.

use crate::execute::{Error, Receipt};
use domain::chat::{DUPLICATE_MS, Destination, MessageSent, Rejection};
use domain::{EventKind, Millis, StreamName};
use eventlog::{Answer, Append, EventLog, ExpectedRevision, NewEvent};
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// What ids of messages are derived under; never changed, or duplicates would not be recognised.
const NAMESPACE: Uuid = Uuid::from_u128(0x6c69_616e_6c69_616e_8000_006d_6573_7361);

/// How many messages are remembered, so that their duplicates are recognised.
const REMEMBERED: u64 = 100_000;

/// A message that has its place in the queue of the log; it is on disk once this is
/// [`Self::stored`]. Dropping it does not call it back.
#[must_use = "the sender wants to know what became of it"]
pub struct Sending(Option<Underway>);

struct Underway {
    answer: Answer,
    recognised: Option<Recognised>,
}

/// A message that can be told from others.
struct Recognised {
    fingerprint: Fingerprint,
    stream: StreamName,
    /// The event that is on its way.
    event: NewEvent,
    log: Arc<dyn EventLog>,
    sent: Sent,
}

/// What makes a message the same as another: everything but when it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

/// When a message was first sent, of those that were sent last.
#[derive(Clone)]
pub(super) struct Sent(Cache<Fingerprint, Millis>);

impl Sending {
    /// One that is not wanted, or was sent before.
    pub(super) fn nothing() -> Self {
        Self(None)
    }

    /// Gives `event` its place in the queue. One with a fingerprint is recognised when it comes again.
    ///
    /// # Errors
    /// When the log is away.
    pub(super) async fn submit(
        log: Arc<dyn EventLog>,
        sent: Sent,
        stream: StreamName,
        mut event: NewEvent,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Self, eventlog::Error> {
        let mut formerly = None;
        let mut recognised = None;
        if let Some(fingerprint) = fingerprint {
            event.id = fingerprint.event_id(event.time);
            formerly = Some(fingerprint.event_id(Millis(event.time.0 - DUPLICATE_MS)));
            recognised = Some(Recognised {
                fingerprint,
                stream: stream.clone(),
                event: event.clone(),
                log: log.clone(),
                sent,
            });
        }
        let append = Append {
            formerly,
            ..Append::new(stream, ExpectedRevision::Any, vec![event])
        };
        let answer = log.submit(append).await?;
        Ok(Self(Some(Underway { answer, recognised })))
    }

    /// Waits until it is on disk. A message that was dropped leaves an empty receipt.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub async fn stored(self) -> Result<Receipt, Error<Rejection>> {
        let Some(Underway { answer, recognised }) = self.0 else {
            return Ok(Receipt::default());
        };
        let mut appended = answer.await.map_err(unstored)?;
        if let Some(Recognised {
            fingerprint,
            stream,
            event,
            log,
            sent,
        }) = recognised
        {
            let mut first = event.time;
            if appended.repeated {
                let found = log.read_stream(&stream, appended.revision, 1).await;
                let found = found.map_err(Error::Log)?;
                first = found.first().map_or(first, |found| found.time);
                if !is_duplicate(first, event.time) {
                    // The log has found it by its former id, but that was long ago.
                    first = event.time;
                    let again = log.append(&stream, ExpectedRevision::Any, vec![event]);
                    appended = again.await.map_err(unstored)?;
                }
            }
            sent.0.insert(fingerprint, first);
        }
        Ok(Receipt {
            position: Some(appended.position),
            kinds: vec![EventKind::MessageSent],
        })
    }
}

impl Fingerprint {
    /// That of `message`; none without an id, for people do say the same again.
    pub(super) fn of(message: &MessageSent) -> Option<Self> {
        let id = message.id.as_ref()?;
        let to = match message.to {
            Destination::To(to) => to.to_string(),
            Destination::Room(room) => format!("room {room}"),
        };
        let mut digest = Sha256::new();
        for part in [&message.from.to_string(), &to, id, &message.body] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        Some(Self(digest.finalize().into()))
    }

    /// The id of the event: the same for a duplicate, as long as the clock shows the same ten minutes.
    fn event_id(&self, now: Millis) -> Uuid {
        let mut name = self.0.to_vec();
        name.extend(now.0.div_euclid(DUPLICATE_MS).to_be_bytes());
        Uuid::new_v5(&NAMESPACE, &name)
    }
}

impl Sent {
    /// Whether the same was sent within ten minutes before `now`, as far as that is remembered here.
    pub(super) fn has(&self, fingerprint: &Fingerprint, now: Millis) -> bool {
        let first = self.0.get(fingerprint);
        first.is_some_and(|first| is_duplicate(first, now))
    }

    /// As after a restart, or on another node.
    #[cfg(test)]
    pub(super) fn forget(&self) {
        self.0.invalidate_all();
    }
}

impl Default for Sent {
    fn default() -> Self {
        let lives = Duration::from_millis(DUPLICATE_MS.unsigned_abs());
        let sent = Cache::builder().max_capacity(REMEMBERED);
        Self(sent.time_to_live(lives).build())
    }
}

/// Whether a message that is the same as one sent at `first` is that one still.
fn is_duplicate(first: Millis, now: Millis) -> bool {
    now.0.abs_diff(first.0) < DUPLICATE_MS.unsigned_abs()
}

fn unstored(error: eventlog::Error) -> Error<Rejection> {
    match error {
        eventlog::Error::Conflict { .. } => Error::Busy,
        error => Error::Log(error),
    }
}
