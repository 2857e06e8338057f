//! The book of everything that happened: append, read, subscribe.
//!
//! [`EventLog`] is the port; [`sqlite`], [`postgres`] and [`memory`] are its engines, all held to
//! the one suite in `tests/conformance.rs`. What events mean is none of this crate's business.

pub mod codec;
pub mod memory;
pub mod postgres;
pub mod sqlite;
pub mod subscription;
mod writer;

use domain::{Event, EventKind, Millis, Position, StreamName};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

pub use subscription::{Batch, Delivery, Subscription};

/// An append-only log of events, split into streams and ordered as a whole.
///
/// Positions come in the order of commits, so that a reader who has seen position `p` will never
/// be shown an earlier one later. An answered append is on disk.
#[async_trait::async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Appends `events` to one stream, all or none.
    ///
    /// If the stream already holds the id of the first event, this is a repetition: nothing is
    /// appended and the answer is that of the first time, whatever `expected` says.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the stream is not at `expected`; [`Error::Unavailable`] when the
    /// store is away (the events may or may not be there: repeat with the same ids).
    async fn append(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: Vec<NewEvent>,
    ) -> Result<Appended, Error> {
        let append = Append { stream: stream.clone(), expected, events };
        let mut results = self.append_batch(vec![append]).await?;
        results.pop().unwrap_or(Err(Error::Unavailable("the store gave no answer".into())))
    }

    /// Many appends at once, for imports: each is all or none and has its own answer, in order.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store is away.
    async fn append_batch(
        &self,
        appends: Vec<Append>,
    ) -> Result<Vec<Result<Appended, Error>>, Error>;

    /// The events of one stream from `from_revision` on, in order, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when one cannot be read; [`Error::Unavailable`].
    async fn read_stream(
        &self,
        stream: &StreamName,
        from_revision: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error>;

    /// The events after `after` that `filter` lets through, in order, at most `limit`, as they are
    /// stored. An empty answer means that there are none up to the head.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, Error>;

    /// The position of the last event; [`Position::START`] when there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn head(&self) -> Result<Position, Error>;

    /// Returns when there may be events after `seen`, which is at once when there are some; it may
    /// also return early. Appends of this process wake it immediately, those of others within a
    /// second.
    async fn changed(&self, seen: Position);

    /// Finishes what was accepted and lets go of the store; later calls are
    /// [`Error::Unavailable`].
    async fn close(&self);
}

/// Follows `log` from after `after`: what is there, then what comes, without gap or double.
#[must_use]
pub fn subscribe(log: Arc<dyn EventLog>, after: Position) -> Subscription {
    Subscription::new(log, after)
}

/// Which events a reader wants: those of any of the `types` in streams whose name begins with
/// `stream_prefix`.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Stored names of types, like `checkin.checked-in.v1`; empty for all.
    pub types: Vec<String>,
    /// A name of a stream or the beginning of one; empty for all.
    pub stream_prefix: String,
}

/// What the stream must look like for an append to go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedRevision {
    /// Anything.
    Any,
    /// It does not exist yet.
    NoStream,
    /// Its last event has this revision (the first one has 0).
    Exact(u64),
}

/// One append of a batch.
#[derive(Clone, Debug)]
pub struct Append {
    /// To which stream.
    pub stream: StreamName,
    /// What it must look like.
    pub expected: ExpectedRevision,
    /// At least one event.
    pub events: Vec<NewEvent>,
}

/// An event that is to be appended.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Makes a repeated append recognisable; derived from the cause where there is one.
    pub id: Uuid,
    /// When it happened.
    pub time: Millis,
    /// What happened.
    pub event: Event,
    /// Why, and by whom.
    pub metadata: Metadata,
}

/// Why an event happened, and by whom: `{"causation":"…","correlation":"…","actor":"…"}`, what is
/// not known being absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The id of the event that led to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<Uuid>,
    /// The id that everything belonging to one request shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<Uuid>,
    /// Who did it: a user id, `admin`, `import`, or a policy's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

/// The answer to an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The position of the last of the events.
    pub position: Position,
    /// The revision of the last of the events.
    pub revision: u64,
    /// The events had been appended before; nothing was appended now.
    pub repeated: bool,
}

/// An event as it lies in the store, unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place in the whole log.
    pub position: Position,
    /// Whose it is.
    pub stream: StreamName,
    /// Its place in the stream, from 0.
    pub revision: u64,
    /// Its id.
    pub id: Uuid,
    /// The pinned name of its type.
    pub type_name: String,
    /// The version of the shape of `data` within that name; old ones are upcast when read.
    pub schema_version: u32,
    /// When it happened.
    pub time: Millis,
    /// A JSON object.
    pub data: String,
    /// A JSON object.
    pub metadata: String,
}

/// An event that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedEvent {
    /// Its place in the whole log.
    pub position: Position,
    /// Whose it is.
    pub stream: StreamName,
    /// Its place in the stream, from 0.
    pub revision: u64,
    /// Its id.
    pub id: Uuid,
    /// When it happened.
    pub time: Millis,
    /// What happened.
    pub event: Event,
    /// Why, and by whom.
    pub metadata: Metadata,
}

/// An event that could not be read: its contents do not fit its type, or nobody knows the type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {position} of type {type_name} cannot be read: {reason}")]
pub struct Undecodable {
    /// Its place in the whole log.
    pub position: Position,
    /// The name of its type, as stored.
    pub type_name: String,
    /// The kind, where the type is known.
    pub kind: Option<EventKind>,
    /// What is wrong, without the contents.
    pub reason: String,
}

/// What the store did instead of what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The stream is not where the caller believed it to be.
    #[error("the stream is at {actual:?}, expected {expected:?}")]
    Conflict {
        /// What the caller expected.
        expected: ExpectedRevision,
        /// The revision of its last event; `None` when it does not exist.
        actual: Option<u64>,
    },
    /// The store is away, or full; the text says what the engine said.
    #[error("the event store is unavailable: {0}")]
    Unavailable(String),
    /// An event cannot be read.
    #[error(transparent)]
    Corrupt(#[from] Undecodable),
}
