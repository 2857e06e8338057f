//! The log in one SQLite file: the embedded default.
//!
//! One connection writes, a few read. Another process may append to the same file at the same time
//! (an import beside a running server): whoever holds SQLite's write lock looks first whether the
//! log is where it left it.

use crate::bell::Bell;
use crate::plan::{Facts, Plan, Prepared, Row};
use crate::recent::Recent;
use crate::sql::{self, EventRow, Question};
use crate::writer::{Committed, Engine, Writer};
use crate::{
    Answer, Append, Appended, Error, EventLog, ExpectedRevision, Filter, RecordedEvent,
    StoredEvent, codec,
};
use domain::{Position, StreamName};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(10);

/// How long to wait for one of the reading connections.
const ACQUIRE: Duration = Duration::from_secs(10);

/// How many connections read.
const READERS: u32 = 4;

/// How many streams' last revisions are kept in memory: about 10 MB.
const CACHED_STREAMS: usize = 65_536;

const BEGIN: &str = "BEGIN IMMEDIATE";

const FACTS: &str = "\
SELECT 0, 0, 0, (SELECT coalesce(max(position), 0) FROM events) \
UNION ALL SELECT 1, asked.key, \
    coalesce((SELECT max(revision) FROM events WHERE stream = asked.value), -1), 0 \
    FROM json_each(?1) AS asked \
UNION ALL SELECT 2, asked.key, events.revision, events.position \
    FROM jsonb_each(?2) AS asked CROSS JOIN events \
    ON events.stream = asked.value->>0 AND events.id = asked.value->>1";

/// Inserts only when the log is still where it was when the batch was decided.
const INSERT: &str = "\
INSERT INTO events (position, stream, revision, id, type, schema_version, time, data, metadata) \
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, \
    value->>8 FROM jsonb_each(?1) \
WHERE (SELECT coalesce(max(position), 0) FROM events) = ?2";

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
    readers: SqlitePool,
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
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let writing = options
            .clone()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", "-65536")
            .pragma("wal_autocheckpoint", "4000")
            .pragma("journal_size_limit", "67108864");
        let mut connection = connect(&writing).await.map_err(unavailable)?;
        migrate(&mut connection).await?;
        sync_folder(path).map_err(|error| Error::Unavailable(error.to_string()))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE)
            .connect_with(options.read_only(true))
            .await
            .map_err(unavailable)?;
        let bell = Arc::new(Bell::new(head(&readers).await?));
        let engine = SqliteWriter {
            options: writing,
            connection: Some(connection),
            head: 0,
            heads: HashMap::new(),
        };
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
        let rows: Vec<EventRow> = sqlx::query_as(READ_STREAM)
            .bind(stream.as_str())
            .bind(sql::sql(from_revision))
            .bind(sql::sql(limit))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| sql::unavailable(&error))?;
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
            sqlx::query_as(READ_ALL)
                .bind(sql::sql(after.0))
                .bind(sql::sql(limit))
        } else {
            sqlx::query_as(READ_FILTERED)
                .bind(sql::sql(after.0))
                .bind(sql::sql(limit))
                .bind(&filter.stream_prefix)
                .bind(json(&filter.types))
        };
        let rows: Vec<EventRow> = query
            .fetch_all(&self.readers)
            .await
            .map_err(|error| sql::unavailable(&error))?;
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

/// The one who writes, with what it remembers of the log as long as nobody else writes.
struct SqliteWriter {
    options: SqliteConnectOptions,
    /// `None` after a failure, until the next batch.
    connection: Option<SqliteConnection>,
    /// The last position when this connection last wrote.
    head: u64,
    /// The last revisions of streams, at `head`.
    heads: HashMap<String, u64>,
}

impl Engine for SqliteWriter {
    async fn commit(&mut self, batch: &[Prepared]) -> Result<Committed, Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.options)
                .await
                .map_err(|error| sql::unavailable(&error))?,
        };
        match self.write(&mut connection, batch).await {
            Ok(plan) => {
                self.connection = Some(connection);
                Ok(Committed {
                    recorded: plan.recorded(),
                    answers: plan.answers,
                    head: plan.head,
                })
            }
            Err(error) => {
                self.heads.clear();
                // Rolls back whatever is open; a connection that cannot even close is gone too.
                let _ = connection.close_hard().await;
                Err(sql::unavailable(&error))
            }
        }
    }

    async fn close(self) {
        if let Some(connection) = self.connection {
            // All that was answered is on disk; what fails here is only tidying up.
            let _ = connection.close().await;
        }
    }
}

impl SqliteWriter {
    /// Without a transaction of its own as long as nobody else writes: that is half the work for
    /// SQLite, which otherwise keeps a second journal to undo the one statement.
    async fn write<'a>(
        &mut self,
        connection: &mut SqliteConnection,
        batch: &'a [Prepared],
    ) -> Result<Plan<'a>, sqlx::Error> {
        if let Some(plan) = self.guess(connection, batch).await? {
            return Ok(plan);
        }
        if let Some(plan) = self.attempt(connection, batch).await? {
            return Ok(plan);
        }
        let mut transaction = connection.begin_with(BEGIN).await?;
        let plan = self.attempt(&mut transaction, batch).await?;
        transaction.commit().await?;
        plan.ok_or_else(|| sqlx::Error::Protocol("the log grew under its lock".into()))
    }

    /// Writes the batch without asking more than it must, if all that is remembered and likely lets
    /// it go through: that its ids are new, and that streams which should not exist do not. The
    /// table's keys refuse what is not so. `None`, and nothing written, when it has to be found out.
    async fn guess<'a>(
        &mut self,
        connection: &mut SqliteConnection,
        batch: &'a [Prepared],
    ) -> Result<Option<Plan<'a>>, sqlx::Error> {
        let mut facts = Facts {
            head: self.head,
            ..Facts::default()
        };
        for append in batch {
            let stream = append.stream.as_str();
            match self.heads.get(stream) {
                Some(&revision) => {
                    facts.streams.insert(stream, revision);
                }
                None if append.expected == ExpectedRevision::NoStream => {}
                None => return Ok(None),
            }
        }
        let former = Question::of_former_ids(batch);
        if !former.ids.is_empty() {
            let found = ask(connection, &former).await?;
            if found.head != self.head {
                return Ok(None);
            }
            facts.known = found.known;
        }
        let plan = facts.plan(batch);
        // A repetition would be told apart from a conflict.
        if plan.rows.is_empty() || !plan.answers.iter().all(Result::is_ok) {
            return Ok(None);
        }
        match insert(connection, &plan, self.head).await {
            Ok(true) => {
                self.remember(&plan);
                Ok(Some(plan))
            }
            Ok(false) => Ok(None),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Decides and writes the batch; `None`, and nothing written, when somebody else wrote between
    /// the two.
    async fn attempt<'a>(
        &mut self,
        connection: &mut SqliteConnection,
        batch: &'a [Prepared],
    ) -> Result<Option<Plan<'a>>, sqlx::Error> {
        let mut facts = ask(connection, &Question::new(batch, &self.heads)).await?;
        if facts.head != self.head {
            self.heads.clear();
            facts = ask(connection, &Question::new(batch, &self.heads)).await?;
        }
        for append in batch {
            let stream = append.stream.as_str();
            if let Some(&revision) = self.heads.get(stream) {
                facts.streams.insert(stream, revision);
            }
        }
        let head = facts.head;
        let plan = facts.plan(batch);
        if !plan.rows.is_empty() && !insert(connection, &plan, head).await? {
            return Ok(None);
        }
        self.remember(&plan);
        Ok(Some(plan))
    }

    fn remember(&mut self, plan: &Plan<'_>) {
        self.head = plan.head.0;
        if self.heads.len() + plan.rows.len() > CACHED_STREAMS {
            self.heads.clear();
        }
        for row in &plan.rows {
            match self.heads.get_mut(row.stream.as_str()) {
                Some(revision) => *revision = row.place.revision,
                None => {
                    self.heads
                        .insert(row.stream.as_str().to_owned(), row.place.revision);
                }
            }
        }
    }
}

/// Writes the rows of a plan; `false`, and nothing written, when the log is not at `head`.
async fn insert(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
    head: u64,
) -> Result<bool, sqlx::Error> {
    let insert = sqlx::query(INSERT)
        .bind(rows(&plan.rows))
        .bind(sql::sql(head));
    Ok(insert.execute(connection).await?.rows_affected() > 0)
}

async fn ask<'a>(
    connection: &mut SqliteConnection,
    question: &Question<'a>,
) -> Result<Facts<'a>, sqlx::Error> {
    let rows = sqlx::query_as(FACTS)
        .bind(json(&question.streams))
        .bind(json(&question.ids))
        .fetch_all(connection)
        .await?;
    Ok(question.answered(rows))
}

/// One JSON array for the whole batch: a single statement, whatever its size.
fn rows(rows: &[Row<'_>]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(
            |Row {
                 place,
                 stream,
                 event,
                 ..
             }| {
                let (position, revision) = (place.position, place.revision);
                let (version, time) = (event.schema_version, event.time);
                let (name, data, metadata) = (event.type_name, &event.data, &event.metadata);
                (
                    position,
                    stream.as_str(),
                    revision,
                    event.id,
                    name,
                    version,
                    time,
                    data,
                    metadata,
                )
            },
        )
        .collect();
    json(&rows)
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers have a JSON form")
}

async fn head(readers: &SqlitePool) -> Result<Position, Error> {
    let head = sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM events");
    let head = head
        .fetch_one(readers)
        .await
        .map_err(|error| sql::unavailable(&error))?;
    Ok(Position(sql::number(head)))
}

/// Connects, again and again while another process is turning the file into a log: that is the one
/// lock that SQLite does not wait for by itself.
async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let give_up = Instant::now() + BUSY;
    loop {
        match options.connect().await {
            Err(error) if is_busy(&error) && Instant::now() < give_up => {
                sleep(Duration::from_millis(10)).await;
            }
            result => return result,
        }
    }
}

fn is_busy(error: &sqlx::Error) -> bool {
    const SQLITE_BUSY: u32 = 5;
    let code = error
        .as_database_error()
        .and_then(|error| error.code()?.parse().ok());
    code.is_some_and(|code: u32| code & 0xff == SQLITE_BUSY)
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
