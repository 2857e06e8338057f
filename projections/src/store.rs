//! The database of the read models, on SQLite or PostgreSQL: connections, checkpoints, and the
//! making, dropping and swapping of tables.
//!
//! What stands in the tables is each projection's own business.

use crate::Error;
use crate::sql::Table;
use domain::Position;
use sqlx::any::{AnyPoolOptions, AnyQueryResult, AnyRow};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection, Row};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is appended to the names of a table and of a checkpoint for the copy that a rebuild makes.
pub(crate) const NEXT: &str = "__next";

/// How many queries may read at once.
const READERS: u32 = 8;

/// The database of the read models.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    url: String,
    engine: Engine,
    reads: AnyPool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// What a connection is told first.
    fn greeting(self, writer: bool) -> &'static str {
        match (self, writer) {
            // What is lost in a power cut is folded again, so nobody waits for the disk.
            (Self::Postgres, _) => "SET synchronous_commit TO OFF",
            (Self::Sqlite, false) => {
                "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL"
            }
            // Rows lie scattered by user: their pages had better be kept, and be copied from the
            // journal less often than after every 4 MB.
            (Self::Sqlite, true) => {
                "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
                 PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 8000"
            }
        }
    }
}

/// How far a copy of a projection has come, as the store knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) version: u32,
    pub(crate) position: Position,
}

impl Store {
    /// Opens the database and brings the bookkeeping up to date.
    pub(crate) async fn open(url: &str) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let (engine, url) = match url.split_once(':') {
            Some(("sqlite", _)) => (Engine::Sqlite, creating(url)),
            Some(("postgres" | "postgresql", _)) => (Engine::Postgres, url.to_owned()),
            _ => return Err(Error::Address),
        };
        let reads = AnyPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(Duration::from_secs(5))
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    sqlx::raw_sql(engine.greeting(false))
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .connect(&url)
            .await
            .map_err(without_address)?;
        // The log and the state have their own steps in the same database on PostgreSQL.
        let mut steps = sqlx::migrate!("../migrations/read");
        steps.set_ignore_missing(true);
        if let Err(error) = steps.run(&reads).await {
            // SQLite has no lock around them: another program may have taken them just now.
            tracing::debug!(%error, "migration failed, looking again");
            steps.run(&reads).await?;
        }
        Ok(Self { url, engine, reads })
    }

    /// For queries.
    pub(crate) fn reads(&self) -> AnyPool {
        self.reads.clone()
    }

    /// A connection that is not shared, for the writer.
    pub(crate) async fn connect(&self) -> Result<AnyConnection, sqlx::Error> {
        let mut connection = AnyConnection::connect(&self.url)
            .await
            .map_err(without_address)?;
        sqlx::raw_sql(self.engine.greeting(true))
            .execute(&mut connection)
            .await?;
        Ok(connection)
    }

    /// How a transaction that writes begins. On SQLite it must say so at once: one that has read
    /// before it writes is refused when somebody else has written meanwhile.
    pub(crate) fn begin(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        }
    }

    /// All checkpoints, those of copies too, by name.
    pub(crate) async fn checkpoints(&self) -> Result<BTreeMap<String, Checkpoint>, sqlx::Error> {
        let rows = sqlx::query("SELECT name, version, position FROM checkpoints")
            .fetch_all(&self.reads)
            .await?;
        rows.iter()
            .map(|row| Ok((row.try_get("name")?, checkpoint(row)?)))
            .collect()
    }
}

/// How far a copy has come; `None` when there is no such copy.
pub(crate) async fn read_checkpoint(
    connection: &mut AnyConnection,
    name: &str,
) -> Result<Option<Checkpoint>, sqlx::Error> {
    sqlx::query("SELECT version, position FROM checkpoints WHERE name = $1")
        .bind(name.to_owned())
        .fetch_optional(connection)
        .await?
        .as_ref()
        .map(checkpoint)
        .transpose()
}

/// Moves a checkpoint from where we believe it to be; `false` when it is not there, because
/// another node has moved it. Whoever moved it holds it until the transaction ends.
pub(crate) async fn claim(
    connection: &mut AnyConnection,
    name: &str,
    from: Checkpoint,
    to: Position,
) -> Result<bool, sqlx::Error> {
    sqlx::query(
        "UPDATE checkpoints SET position = $1 WHERE name = $2 AND version = $3 AND position = $4",
    )
    .bind(stored(to))
    .bind(name.to_owned())
    .bind(i64::from(from.version))
    .bind(stored(from.position))
    .execute(connection)
    .await
    .map(|result| changed(&result))
}

/// Enters a copy that does not exist; `false` when another node was faster.
pub(crate) async fn enter(
    connection: &mut AnyConnection,
    name: &str,
    version: u32,
) -> Result<bool, sqlx::Error> {
    sqlx::query(
        "INSERT INTO checkpoints (name, version, position) VALUES ($1, $2, 0) \
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(name.to_owned())
    .bind(i64::from(version))
    .execute(connection)
    .await
    .map(|result| changed(&result))
}

/// Enters or overwrites a checkpoint, wherever it is.
pub(crate) async fn overwrite(
    connection: &mut AnyConnection,
    name: &str,
    to: Checkpoint,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO checkpoints (name, version, position) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET version = excluded.version, position = excluded.position",
    )
    .bind(name.to_owned())
    .bind(i64::from(to.version))
    .bind(stored(to.position))
    .execute(connection)
    .await
    .map(drop)
}

/// Removes the checkpoint of a copy; `false` when it is not where we believe it to be.
pub(crate) async fn remove(
    connection: &mut AnyConnection,
    name: &str,
    from: Checkpoint,
) -> Result<bool, sqlx::Error> {
    sqlx::query("DELETE FROM checkpoints WHERE name = $1 AND version = $2 AND position = $3")
        .bind(name.to_owned())
        .bind(i64::from(from.version))
        .bind(stored(from.position))
        .execute(connection)
        .await
        .map(|result| changed(&result))
}

/// Makes the tables of a copy, empty, in the place of what was there.
pub(crate) async fn create_tables(
    connection: &mut AnyConnection,
    shape: &[Table],
    suffix: &str,
) -> Result<(), sqlx::Error> {
    drop_tables(connection, shape, suffix).await?;
    for Table { name, columns } in shape {
        run(
            connection,
            format!("CREATE TABLE {name}{suffix} ({columns})"),
        )
        .await?;
    }
    Ok(())
}

/// Removes the tables of a copy.
pub(crate) async fn drop_tables(
    connection: &mut AnyConnection,
    shape: &[Table],
    suffix: &str,
) -> Result<(), sqlx::Error> {
    for Table { name, .. } in shape {
        run(connection, format!("DROP TABLE IF EXISTS {name}{suffix}")).await?;
    }
    Ok(())
}

/// Puts the next copy in the place of the one that serves.
pub(crate) async fn swap_tables(
    connection: &mut AnyConnection,
    shape: &[Table],
) -> Result<(), sqlx::Error> {
    drop_tables(connection, shape, "").await?;
    for Table { name, .. } in shape {
        run(
            connection,
            format!("ALTER TABLE {name}{NEXT} RENAME TO {name}"),
        )
        .await?;
    }
    Ok(())
}

async fn run(connection: &mut AnyConnection, sql: String) -> Result<(), sqlx::Error> {
    // Not kept as a prepared statement: each is run once.
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await?;
    Ok(())
}

fn checkpoint(row: &AnyRow) -> Result<Checkpoint, sqlx::Error> {
    let version: i64 = row.try_get("version")?;
    let position: i64 = row.try_get("position")?;
    Ok(Checkpoint {
        // A version that we cannot count to is one that we do not know.
        version: u32::try_from(version).unwrap_or(u32::MAX),
        position: Position(u64::try_from(position).unwrap_or(0)),
    })
}

fn changed(result: &AnyQueryResult) -> bool {
    result.rows_affected() > 0
}

/// A position as SQL stores it. The engines of the log count in 64 signed bits too.
pub(crate) fn stored(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

/// The address of a SQLite file that is made when it is not there.
fn creating(url: &str) -> String {
    match url.split_once('?') {
        None => format!("{url}?mode=rwc"),
        Some((_, options)) if options.contains("mode=") => url.to_owned(),
        Some(_) => format!("{url}&mode=rwc"),
    }
}

/// The error, without what it may quote of the address.
fn without_address(error: sqlx::Error) -> sqlx::Error {
    match error {
        sqlx::Error::Configuration(_) => {
            sqlx::Error::Configuration("the address cannot be understood".into())
        }
        other => other,
    }
}
