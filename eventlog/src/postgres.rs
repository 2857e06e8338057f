//! The log in a PostgreSQL database, for any number of nodes.
//!
//! A batch is written under a lock that all nodes share, from before it is decided until after it
//! is committed: so positions come in the order of commits and without gaps, and nothing that was
//! known before the lock is believed.

mod listen;

use crate::bell::Bell;
use crate::plan::{Facts, Plan, Prepared, Row};
use crate::recent::Recent;
use crate::sql::{self, EventRow, Question};
use crate::writer::{Committed, Engine, Writer};
use crate::{Answer, Append, Appended, Error, EventLog, Filter, RecordedEvent, StoredEvent, codec};
use domain::{Position, StreamName};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};
use std::collections::HashMap;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// How long a batch may take, waiting for other nodes included.
const PATIENCE: Duration = Duration::from_secs(10);

/// After how long the writing connection is tried before it is used.
const IDLE: Duration = Duration::from_secs(1);

/// How many connections read; one more listens and one writes.
const READERS: u32 = 4;

/// Every query here is answered by an index. A plan that was made while the table was small, and is
/// kept, would read all of it for ever after.
const BY_INDEX: [(&str, &str); 2] = [("enable_seqscan", "off"), ("enable_bitmapscan", "off")];

/// `READ COMMITTED`, whatever the database's default, so that what is read after the lock was
/// waited for is what the others have committed meanwhile. The number is ours alone.
const BEGIN: &str = "\
BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(5497853135693827)";

const FACTS: &str = "\
SELECT 0::bigint, 0::bigint, 0::bigint, (SELECT coalesce(max(position), 0) FROM events) \
UNION ALL SELECT 1, asked.ordinality - 1, \
    coalesce((SELECT max(revision) FROM events WHERE stream = asked.stream), -1), 0 \
    FROM unnest($1::text[]) WITH ORDINALITY AS asked (stream) \
UNION ALL SELECT 2, asked.ordinality - 1, found.revision, found.position \
    FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS asked (stream, id) \
    CROSS JOIN LATERAL (SELECT revision, position FROM events \
        WHERE stream = asked.stream AND id = asked.id::uuid LIMIT 1) AS found";

/// Inserts, and tells all nodes when it is committed.
const INSERT: &str = "\
WITH inserted AS ( \
    INSERT INTO events \
        (position, stream, revision, id, type, schema_version, time, data, metadata) \
    SELECT position, stream, revision, id::uuid, type, schema_version, time, data, metadata \
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], \
        $7::bigint[], $8::text[], $9::text[]) \
        AS new (position, stream, revision, id, type, schema_version, time, data, metadata) \
) SELECT pg_notify($10, $11)";

const READ_STREAM: &str = "\
SELECT position, stream, revision, id::text, type, schema_version, time, data, metadata \
FROM events WHERE stream = $1 AND revision >= $2 ORDER BY revision LIMIT $3";

const READ_ALL: &str = "\
SELECT position, stream, revision, id::text, type, schema_version, time, data, metadata \
FROM events WHERE position > $1 ORDER BY position LIMIT $2";

const READ_FILTERED: &str = "\
SELECT position, stream, revision, id::text, type, schema_version, time, data, metadata \
FROM events WHERE position > $1 AND starts_with(stream, $3) \
    AND (cardinality($4::text[]) = 0 OR type = ANY ($4)) \
ORDER BY position LIMIT $2";

/// A log in a PostgreSQL database, in the table `events` of the default schema.
#[derive(Debug)]
pub struct PostgresLog {
    readers: PgPool,
    writer: Writer,
    bell: Arc<Bell>,
    recent: Arc<Recent>,
    listener: JoinHandle<()>,
}

impl PostgresLog {
    /// Connects, and creates the table when it is not there.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the URL is none; [`Error::Unavailable`] when the database is away.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| Error::Invalid("the url of the event log is not one of postgres"))?
            .application_name("lianlian-log")
            .options(BY_INDEX)
            .disable_statement_logging();
        let mut connection = in_time(connect(&options)).await?;
        migrate(&mut connection).await?;
        let readers = PgPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(options.clone());
        let bell = Arc::new(Bell::new(head(&readers).await?));
        let table = listen::table(&readers)
            .await
            .map_err(|error| sql::unavailable(&error))?;
        let listener = listen::start(options.clone(), table.clone(), Arc::clone(&bell));
        let engine = PostgresWriter {
            options,
            connection: Some(connection),
            used: Instant::now(),
            table,
        };
        let recent = Arc::<Recent>::default();
        let writer = Writer::start(engine, Arc::clone(&bell), Arc::clone(&recent));
        Ok(Self {
            readers,
            writer,
            bell,
            recent,
            listener,
        })
    }
}

impl Drop for PostgresLog {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

#[async_trait::async_trait]
impl EventLog for PostgresLog {
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
                .bind(&filter.types)
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
        self.writer.close().await;
        self.listener.abort();
        self.readers.close().await;
        self.bell.close();
    }
}

struct PostgresWriter {
    options: PgConnectOptions,
    /// `None` after a failure, until the next batch.
    connection: Option<PgConnection>,
    /// When the connection was last used.
    used: Instant,
    table: String,
}

impl Engine for PostgresWriter {
    async fn commit(&mut self, batch: &[Prepared]) -> Result<Committed, Error> {
        let mut connection = self.connection.take();
        let plan = in_time(async {
            // The server may have closed a connection that was idle; nothing is lost by beginning
            // on another one.
            if let Some(idle) = &mut connection
                && self.used.elapsed() > IDLE
                && idle.ping().await.is_err()
            {
                connection = None;
            }
            let connection = match &mut connection {
                Some(connection) => connection,
                None => connection.insert(connect(&self.options).await?),
            };
            write(connection, batch, &self.table).await
        })
        .await?;
        // After an error it is dropped instead, and with it whatever is open.
        self.connection = connection;
        self.used = Instant::now();
        Ok(Committed {
            recorded: plan.recorded(),
            answers: plan.answers,
            head: plan.head,
        })
    }

    async fn close(self) {
        if let Some(connection) = self.connection {
            // All that was answered is on disk; what fails here is only a farewell.
            let _ = connection.close().await;
        }
    }
}

async fn write<'a>(
    connection: &mut PgConnection,
    batch: &'a [Prepared],
    table: &str,
) -> Result<Plan<'a>, sqlx::Error> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let facts = ask(&mut transaction, batch).await?;
    let plan = facts.plan(batch);
    if plan.rows.is_empty() {
        transaction.rollback().await?;
    } else {
        insert(&mut transaction, &plan, table).await?;
        transaction.commit().await?;
    }
    Ok(plan)
}

async fn ask<'a>(
    connection: &mut PgConnection,
    batch: &'a [Prepared],
) -> Result<Facts<'a>, sqlx::Error> {
    let question = Question::new(batch, &HashMap::new());
    let (streams, ids): (Vec<_>, Vec<_>) = question
        .ids
        .iter()
        .map(|(stream, id)| (*stream, id.to_string()))
        .unzip();
    let rows = sqlx::query_as(FACTS)
        .bind(&question.streams)
        .bind(streams)
        .bind(ids)
        .fetch_all(connection)
        .await?;
    Ok(question.answered(rows))
}

async fn insert(
    connection: &mut PgConnection,
    plan: &Plan<'_>,
    table: &str,
) -> Result<(), sqlx::Error> {
    fn column<'p, T>(plan: &'p Plan<'_>, of: impl Fn(&'p Row<'_>) -> T) -> Vec<T> {
        plan.rows.iter().map(of).collect()
    }
    sqlx::query(INSERT)
        .bind(column(plan, |row| sql::sql(row.place.position)))
        .bind(column(plan, |row| row.stream.as_str()))
        .bind(column(plan, |row| sql::sql(row.place.revision)))
        .bind(column(plan, |row| row.event.id.to_string()))
        .bind(column(plan, |row| row.event.type_name))
        .bind(column(plan, |row| i64::from(row.event.schema_version)))
        .bind(column(plan, |row| row.event.time.0))
        .bind(column(plan, |row| row.event.data.as_str()))
        .bind(column(plan, |row| row.event.metadata.as_str()))
        .bind(listen::CHANNEL)
        .bind(listen::message(table, plan.head))
        .execute(connection)
        .await?;
    Ok(())
}

async fn head(readers: &PgPool) -> Result<Position, Error> {
    let head = sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM events");
    let head = head
        .fetch_one(readers)
        .await
        .map_err(|error| sql::unavailable(&error))?;
    Ok(Position(sql::number(head)))
}

/// A connection whose commits are on disk when they are answered, whatever the database's default.
async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::query(
        "SELECT set_config('synchronous_commit', 'on', false) \
         WHERE current_setting('synchronous_commit') = 'off'",
    )
    .execute(&mut connection)
    .await?;
    Ok(connection)
}

/// Two nodes that start at once take turns: sqlx holds a lock of the database meanwhile.
async fn migrate(connection: &mut PgConnection) -> Result<(), Error> {
    let mut migrator = sqlx::migrate!("../migrations/log/postgres");
    migrator.set_ignore_missing(true);
    let migrated = migrator.run(connection).await;
    migrated.map_err(|error| Error::Unavailable(error.to_string()))
}

async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Error> {
    match timeout(PATIENCE, work).await {
        Ok(result) => result.map_err(|error| sql::unavailable(&error)),
        Err(_) => Err(Error::Unavailable(
            "the database does not answer in time".into(),
        )),
    }
}
