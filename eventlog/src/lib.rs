//! The book of everything that happened: append, read, subscribe.
//!
//! [`EventLog`] is the port; [`sqlite`], [`postgres`] and [`memory`] are its engines, all held to
//! the one suite in `tests/conformance.rs`. What events mean is none of this crate's business.

mod bell;
pub mod codec;
pub mod memory;
mod plan;
pub mod postgres;
mod recent;
mod sql;
pub mod sqlite;
pub mod subscription;
mod writer;

use domain::{Event, EventKind, Millis, Position, StreamName};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use uuid::Uuid;

pub use memory::MemoryLog;
pub use postgres::PostgresLog;
pub use sqlite::SqliteLog;
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
    /// store is away (the events may or may not be there: repeat with the same ids);
    /// [`Error::Invalid`] when `events` is empty or has more than 1,024, when two of them have the
    /// same id or the stream holds a later one of them but not the first, and when one could not
    /// be read back.
    async fn append(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: Vec<NewEvent>,
    ) -> Result<Appended, Error> {
        let append = Append::new(stream.clone(), expected, events);
        let mut results = self.append_batch(vec![append]).await?;
        results.pop().unwrap_or(Err(Error::silent()))
    }

    /// As [`Self::append`] in two steps: when this returns, the append has its place in the queue,
    /// and what is submitted later comes later in the log; the answer is what is on its way.
    /// Dropping it changes nothing.
    ///
    /// # Errors
    /// What can be said at once of those of [`Self::append`].
    async fn submit(&self, append: Append) -> Result<Answer, Error> {
        let mut results = self.append_batch(vec![append]).await?;
        Ok(Box::pin(async move {
            results.pop().unwrap_or(Err(Error::silent()))
        }))
    }

    /// Many appends at once, for imports: each is all or none and has its own answer, in order.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store is away: some of the appends may be there, so repeat
    /// them all with the same ids.
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
    /// [`Error::Unavailable`]; [`Error::Corrupt`] only when an event's id is damaged.
    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, Error>;

    /// The next events after `after`, in order, as far as this process has them in memory; empty
    /// when there are none up to the head as far as it has heard. `None` when it does not know:
    /// [`Self::read_all`] does.
    fn recent(&self, _after: Position, _limit: usize) -> Option<Vec<Arc<RecordedEvent>>> {
        None
    }

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

/// What became of an append, once it is on disk.
pub type Answer = Pin<Box<dyn Future<Output = Result<Appended, Error>> + Send>>;

/// Opens the log that `url` names: `sqlite:/path/to/file` (or `sqlite:///path/to/file`; made when
/// it is not there) or `postgres://user:password@host:port/database`.
///
/// # Errors
/// [`Error::Invalid`] for another kind of URL; [`Error::Unavailable`] when the store is away. The
/// URL, which may hold a password, is never part of the text.
pub async fn open(url: &str) -> Result<Arc<dyn EventLog>, Error> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(':') {
            return Err(Error::Invalid("the url of the event log names no file"));
        }
        return Ok(Arc::new(SqliteLog::open(Path::new(path)).await?));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Arc::new(PostgresLog::connect(url).await?));
    }
    Err(Error::Invalid(
        "the url of the event log must begin with sqlite: or postgres://",
    ))
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
    /// Another id that the first event may have in the stream: this is a repetition then too. For
    /// ids that change as time goes by.
    pub formerly: Option<Uuid>,
}

impl Append {
    /// One whose first event is known by its id alone.
    #[must_use]
    pub fn new(stream: StreamName, expected: ExpectedRevision, events: Vec<NewEvent>) -> Self {
        Self {
            stream,
            expected,
            events,
            formerly: None,
        }
    }
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
    /// What was asked makes no sense for any store: a mistake of the caller or in a setting.
    #[error("{0}")]
    Invalid(&'static str),
}

impl Error {
    fn closed() -> Self {
        Self::Unavailable("the log is closed".into())
    }

    fn silent() -> Self {
        Self::Unavailable("the store gave no answer".into())
    }
}
