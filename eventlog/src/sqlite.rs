//! The log in one SQLite file: the embedded default.
//!
//! One connection writes, a few read. Another process may append to the same file at the same time
//! (an import beside a running server): whoever holds SQLite's write lock looks first whether the
//! log is where it left it.

mod checkpoints;
mod connect;
mod readers;
mod writer;

use crate::bell::Bell;
use crate::recent::Recent;
use crate::sql::{self, EventRow};
use crate::writer::Writer;
use crate::{Answer, Append, Appended, Error, EventLog, Filter, RecordedEvent, StoredEvent, codec};
use connect::{BUSY, connect};
use domain::{Position, StreamName};
use readers::Readers;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use writer::SqliteWriter;

const BEGIN: &str = "BEGIN IMMEDIATE";

const READ_STREAM: &str = "\
SELECT position, stream, revision, id, type, schema_version, time, data, metadata FROM events \
WHERE stream = ?1 AND revision >= ?2 ORDER BY revision LIMIT ?3";

const READ_ALL: &str = "\
SELECT position, stream, revision, id, type, schema_version, time, data, metadata FROM events \
WHERE position > ?1 ORDER BY position LIMIT ?2";

const READ_FILTERED: &str = "\
SELECT position, stream, revision, id, type, schema_version, time, data, metadata FROM events \
WHERE position > ?1 AND substr(stream, 1, length(?3)) = ?3 \
    AND (json_array_length(?4) = 0 OR type IN (SELECT value FROM json_each(?4))) \
ORDER BY position LIMIT ?2";

/// A log in one SQLite file.
#[derive(Debug)]
pub struct SqliteLog {
    readers: Readers,
    writer: Writer,
    bell: Arc<Bell>,
    recent: Arc<Recent>,
}

impl SqliteLog {
    /// Opens the file, making it when it is not there; its folder must be.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be opened, or is no log.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let unavailable = |error| sql::unavailable(&error);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .thread_name(|number| format!("log {number}"))
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let writing = options
            .clone()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", "4000")
            .pragma("journal_size_limit", "67108864");
        let mut connection = connect(&writing).await.map_err(unavailable)?;
        migrate(&mut connection).await?;
        sync_folder(path).map_err(|error| Error::Unavailable(error.to_string()))?;
        let readers = Readers::open(options.read_only(true)).await?;
        let bell = Arc::new(Bell::new(head(&readers).await?));
        let engine = SqliteWriter::new(writing, connection);
        let recent = Arc::<Recent>::default();
        let writer = Writer::start(engine, Arc::clone(&bell), Arc::clone(&recent));
        Ok(Self {
            readers,
            writer,
            bell,
            recent,
        })
    }
}

#[async_trait::async_trait]
impl EventLog for SqliteLog {
    async fn append_batch(
        &self,
        appends: Vec<Append>,
    ) -> Result<Vec<Result<Appended, Error>>, Error> {
        self.writer.append_batch(appends).await
    }

    async fn submit(&self, append: Append) -> Result<Answer, Error> {
        self.writer.submit(append).await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from_revision: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        let query = sqlx::query_as::<_, EventRow>(READ_STREAM)
            .bind(stream.as_str())
            .bind(sql::sql(from_revision))
            .bind(sql::sql(limit));
        let rows = self.readers.all(query).await?;
        rows.into_iter()
            .map(|row| Ok(codec::decode(sql::stored(row)?)?))
            .collect()
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, Error> {
        let query = if filter.types.is_empty() && filter.stream_prefix.is_empty() {
            sqlx::query_as::<_, EventRow>(READ_ALL)
                .bind(sql::sql(after.0))
                .bind(sql::sql(limit))
        } else {
            sqlx::query_as(READ_FILTERED)
                .bind(sql::sql(after.0))
                .bind(sql::sql(limit))
                .bind(&filter.stream_prefix)
                .bind(json(&filter.types))
        };
        let rows = self.readers.all(query).await?;
        rows.into_iter().map(sql::stored).collect()
    }

    fn recent(&self, after: Position, limit: usize) -> Option<Vec<Arc<RecordedEvent>>> {
        let events = self.recent.after(after, limit)?;
        // Others may have written what is not in memory.
        (!events.is_empty() || !self.bell.has_news(after)).then_some(events)
    }

    async fn head(&self) -> Result<Position, Error> {
        head(&self.readers).await
    }

    async fn changed(&self, seen: Position) {
        self.bell.heard_or_found(seen, self).await;
    }

    async fn close(&self) {
        // The writing connection goes last: it tidies up, so that the log is a single file.
        self.readers.close().await;
        self.writer.close().await;
        self.bell.close();
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers have a JSON form")
}

async fn head(readers: &Readers) -> Result<Position, Error> {
    let query = sqlx::query_as("SELECT coalesce(max(position), 0) FROM events");
    let heads: Vec<(i64,)> = readers.all(query).await?;
    let head = heads.first().map_or(0, |(head,)| sql::number(*head));
    Ok(Position(head))
}

/// Under the write lock, because SQLite has no other to keep two processes from migrating at once.
async fn migrate(connection: &mut SqliteConnection) -> Result<(), Error> {
    let mut migrator = sqlx::migrate!("../migrations/log/sqlite");
    migrator.set_ignore_missing(true);
    let unavailable = |error| sql::unavailable(&error);
    let mut transaction = connection.begin_with(BEGIN).await.map_err(unavailable)?;
    let migrated = migrator.run(&mut *transaction).await;
    migrated.map_err(|error| Error::Unavailable(error.to_string()))?;
    transaction.commit().await.map_err(unavailable)
}

/// A new file is only there for good once its folder is on disk.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
