//! The connections that read, each by one question at a time.
//!
//! They are lent out here rather than by sqlx's pool, which asks each connection whether it is well
//! before it lends it and once more when it comes back: for a file in this process that is two
//! further trips to another thread with every question.

use super::connect::connect;
use crate::Error;
use crate::sql;
use sqlx::query::QueryAs;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{Connection, FromRow};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How many there are.
const READERS: u32 = 4;

/// How long to wait for one of them.
const ACQUIRE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub(super) struct Readers {
    options: SqliteConnectOptions,
    /// Those that nobody uses; one that failed, or whose question was given up, is gone and made
    /// anew.
    idle: Mutex<Vec<SqliteConnection>>,
    /// One for each, whether it is there or not.
    free: Semaphore,
}

impl Readers {
    /// Connects the first one.
    pub(super) async fn open(options: SqliteConnectOptions) -> Result<Self, Error> {
        let first = connect(&options).await;
        let first = first.map_err(|error| sql::unavailable(&error))?;
        Ok(Self {
            options,
            idle: Mutex::new(vec![first]),
            free: Semaphore::new(READERS as usize),
        })
    }

    /// All rows that answer `query`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be answered, all are busy for long, or after
    /// [`Self::close`].
    pub(super) async fn all<O>(
        &self,
        query: QueryAs<'_, Sqlite, O, SqliteArguments>,
    ) -> Result<Vec<O>, Error>
    where
        O: for<'row> FromRow<'row, SqliteRow> + Send + Unpin,
    {
        let unavailable = |reason: &str| Error::Unavailable(reason.into());
        let failed = |error| sql::unavailable(&error);
        let _free = timeout(ACQUIRE, self.free.acquire())
            .await
            .map_err(|_| unavailable("all reading connections are busy"))?
            .map_err(|_| unavailable("the log is closed"))?;
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => connect(&self.options).await.map_err(failed)?,
        };
        let rows = query.fetch_all(&mut connection).await.map_err(failed)?;
        self.idle().push(connection);
        Ok(rows)
    }

    /// Closes them once nobody uses them any more.
    pub(super) async fn close(&self) {
        let Ok(_all) = self.free.acquire_many(READERS).await else {
            return;
        };
        self.free.close();
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            // All they did is read.
            let _ = connection.close().await;
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
