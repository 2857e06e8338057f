//! Writing batches into the file: what is decided about each append, and the one statement that
//! writes them all.

use super::checkpoints::Checkpoints;
use super::connect::connect;
use super::{BEGIN, json};
use crate::plan::{Facts, Plan, Prepared, Row};
use crate::sql::{self, Question};
use crate::writer::{Committed, Engine};
use crate::{Error, ExpectedRevision};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::collections::HashMap;

/// How many streams' last revisions are kept in memory: about 10 MB.
const CACHED_STREAMS: usize = 65_536;

const FACTS: &str = "\
SELECT 0, 0, 0, (SELECT coalesce(max(position), 0) FROM events) \
UNION ALL SELECT 1, asked.key, \
    coalesce((SELECT max(revision) FROM events WHERE stream = asked.value), -1), 0 \
    FROM json_each(?1) AS asked \
UNION ALL SELECT 2, asked.key, events.revision, events.position \
    FROM jsonb_each(?2) AS asked CROSS JOIN events \
    ON events.stream = asked.value->>0 AND events.id = asked.value->>1";

/// Inserts only when the log is still where it was when the batch was decided, and streams have the
/// revisions that were taken for granted.
const INSERT: &str = "\
INSERT INTO events (position, stream, revision, id, type, schema_version, time, data, metadata) \
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, \
    value->>8 FROM jsonb_each(?1) \
WHERE (SELECT coalesce(max(position), 0) FROM events) = ?2 \
    AND NOT EXISTS (SELECT 1 FROM json_each(?3) AS granted WHERE NOT EXISTS (\
        SELECT 1 FROM events WHERE stream = granted.value->>0 AND revision = granted.value->>1))";

/// The one who writes, with what it remembers of the log as long as nobody else writes.
pub(super) struct SqliteWriter {
    options: SqliteConnectOptions,
    /// `None` after a failure, until the next batch.
    connection: Option<SqliteConnection>,
    checkpoints: Checkpoints,
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
                self.checkpoints.go_on().await;
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
        self.checkpoints.close().await;
        if let Some(connection) = self.connection {
            // All that was answered is on disk; what fails here is only tidying up.
            let _ = connection.close().await;
        }
    }
}

impl SqliteWriter {
    /// Writes with `connection`, and with further ones like it when that fails.
    pub(super) fn new(options: SqliteConnectOptions, connection: SqliteConnection) -> Self {
        Self {
            checkpoints: Checkpoints::new(options.clone()),
            options,
            connection: Some(connection),
            head: 0,
            heads: HashMap::new(),
        }
    }

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
    /// it go through: that its ids are new, and that streams are as they should be. The table's keys
    /// refuse ids and revisions that are not new, the statement those that do not follow the one
    /// before. `None`, and nothing written, when it has to be found out.
    async fn guess<'a>(
        &mut self,
        connection: &mut SqliteConnection,
        batch: &'a [Prepared],
    ) -> Result<Option<Plan<'a>>, sqlx::Error> {
        let mut facts = Facts {
            head: self.head,
            ..Facts::default()
        };
        let mut granted = Vec::new();
        for append in batch {
            let stream = append.stream.as_str();
            match (self.heads.get(stream), append.expected) {
                (Some(&revision), _) => {
                    facts.streams.insert(stream, revision);
                }
                (None, ExpectedRevision::NoStream) => {}
                (None, ExpectedRevision::Exact(_)) if facts.streams.contains_key(stream) => {}
                (None, ExpectedRevision::Exact(revision)) if i64::try_from(revision).is_ok() => {
                    facts.streams.insert(stream, revision);
                    granted.push((stream, revision));
                }
                (None, _) => return Ok(None),
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
        match insert(connection, &plan, self.head, &granted).await {
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
        if !plan.rows.is_empty() && !insert(connection, &plan, head, &[]).await? {
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

/// Writes the rows of a plan; `false`, and nothing written, when the log is not at `head`, or a stream
/// has no such revision as is taken for `granted`.
async fn insert(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
    head: u64,
    granted: &[(&str, u64)],
) -> Result<bool, sqlx::Error> {
    let insert = sqlx::query(INSERT)
        .bind(rows(&plan.rows))
        .bind(sql::sql(head))
        .bind(json(&granted));
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
