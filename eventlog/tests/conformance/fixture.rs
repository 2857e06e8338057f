//! An empty place for a log, and what the tests write there.

use domain::shop::NoticePosted;
use domain::{Millis, Position, ShopId, StreamName};
use eventlog::{
    Append, Appended, Error, EventLog, ExpectedRevision, Filter, MemoryLog, Metadata, NewEvent,
    StoredEvent,
};
use sqlx::{AssertSqlSafe, Connection};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use test_postgres::Database;
use uuid::Uuid;

/// Where a log lies.
pub(crate) enum Fixture {
    Memory(Mutex<Arc<MemoryLog>>),
    Sqlite(TempDir),
    Postgres(Database),
}

impl Fixture {
    pub(crate) fn memory() -> Self {
        Self::Memory(Mutex::default())
    }

    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn postgres() -> Self {
        Self::Postgres(test_postgres::database())
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Memory(_) => panic!("a log in memory has no address"),
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("log.db").display()),
            Self::Postgres(database) => database.url().to_owned(),
        }
    }

    /// Opens the log; again and again it is the same one.
    pub(crate) async fn open(&self) -> Arc<dyn EventLog> {
        match self {
            Self::Memory(log) => log.lock().expect("whole").clone(),
            _ => eventlog::open(&self.url()).await.expect("opened"),
        }
    }

    /// Opens an empty log into which somebody put `events`, without asking the log.
    pub(crate) async fn open_with(&self, events: Vec<StoredEvent>) -> Arc<dyn EventLog> {
        if let Self::Memory(log) = self {
            *log.lock().expect("whole") = Arc::new(MemoryLog::holding(events));
            return self.open().await;
        }
        let log = self.open().await;
        for event in events {
            self.execute(&format!(
                "INSERT INTO events VALUES ({}, '{}', {}, '{}', '{}', {}, {}, '{}', '{}')",
                event.position,
                event.stream,
                event.revision,
                event.id,
                event.type_name,
                event.schema_version,
                event.time.0,
                event.data,
                event.metadata,
            ))
            .await;
        }
        log
    }

    /// Does something in the store behind the log's back.
    pub(crate) async fn execute(&self, sql: &str) {
        sqlx::any::install_default_drivers();
        let mut connection = sqlx::AnyConnection::connect(&self.url())
            .await
            .expect("connected");
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .expect("executed");
        connection.close().await.expect("closed");
    }
}

pub(crate) fn stream(name: impl Into<String>) -> StreamName {
    StreamName::from_stored(name.into())
}

/// An event with a fresh id that says `text`.
pub(crate) fn event(text: &str) -> NewEvent {
    NewEvent {
        id: Uuid::now_v7(),
        time: Millis(1_354_232_290_123),
        event: NoticePosted {
            shop_id: ShopId::new(7).expect("an id"),
            title: text.into(),
        }
        .into(),
        metadata: Metadata::default(),
    }
}

pub(crate) fn append(name: &str, expected: ExpectedRevision, events: Vec<NewEvent>) -> Append {
    Append::new(stream(name), expected, events)
}

/// Appends one event with a fresh id, whatever the stream looks like.
pub(crate) async fn append_one(log: &Arc<dyn EventLog>, name: &str) -> (Uuid, Appended) {
    let event = event("one");
    let id = event.id;
    let appended = log
        .append(&stream(name), ExpectedRevision::Any, vec![event])
        .await;
    (id, appended.expect("appended"))
}

/// Everything in the log, which must have its positions from 1 on without gaps, its revisions
/// likewise in every stream, and no id twice in a stream.
#[track_caller]
pub(crate) fn check_sound(events: &[StoredEvent]) {
    let mut revisions = std::collections::HashMap::new();
    let mut ids = HashSet::new();
    for (event, position) in events.iter().zip(1..) {
        assert_eq!(event.position, Position(position));
        let next = revisions.entry(&event.stream).or_insert(0);
        assert_eq!(event.revision, *next, "in {}", event.stream);
        *next += 1;
        assert!(
            ids.insert((&event.stream, event.id)),
            "{} is there twice",
            event.id
        );
    }
}

/// Everything in the log, checked by [`check_sound`].
pub(crate) async fn everything(log: &Arc<dyn EventLog>) -> Vec<StoredEvent> {
    let mut events: Vec<StoredEvent> = Vec::new();
    loop {
        let after = events
            .last()
            .map_or(Position::START, |event| event.position);
        let page = log
            .read_all(after, &Filter::default(), 500)
            .await
            .expect("read");
        if page.is_empty() {
            check_sound(&events);
            assert_eq!(log.head().await.expect("read"), after);
            return events;
        }
        events.extend(page);
    }
}

/// Every acknowledged event must lie where it was said to.
#[track_caller]
pub(crate) fn check_acknowledged(events: &[StoredEvent], acknowledged: &[(Uuid, Position)]) {
    for &(id, position) in acknowledged {
        let at = usize::try_from(position.0).expect("small") - 1;
        assert_eq!(
            events.get(at).map(|event| event.id),
            Some(id),
            "at {position}"
        );
    }
}

#[track_caller]
pub(crate) fn check_unavailable<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
}
