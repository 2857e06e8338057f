//! Copying what stands in the write-ahead log into the file itself, while writing goes on.
//!
//! SQLite does that by itself, with the commit that finds the log too long; in a large file the pages
//! lie all over, and every write behind that commit waits for them. What was copied before, from
//! aside, is not copied then.

use super::connect::connect;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How often, at most.
const EVERY: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Debug)]
pub(super) struct Checkpoints {
    options: SqliteConnectOptions,
    last: Instant,
    /// The last one, which gives back its connection unless that failed.
    running: Option<JoinHandle<Option<SqliteConnection>>>,
}

impl Checkpoints {
    pub(super) fn new(options: SqliteConnectOptions) -> Self {
        Self {
            options: options.create_if_missing(false),
            last: Instant::now(),
            running: None,
        }
    }

    /// Begins another one if it is time for it; after every commit.
    pub(super) async fn go_on(&mut self) {
        if self.last.elapsed() < EVERY {
            return;
        }
        let connection = match self.running.take_if(|running| running.is_finished()) {
            Some(finished) => finished.await.ok().flatten(),
            None if self.running.is_some() => return,
            None => None,
        };
        self.last = Instant::now();
        self.running = Some(tokio::spawn(checkpoint(self.options.clone(), connection)));
    }

    /// Waits for the last one, and lets go of the file.
    pub(super) async fn close(self) {
        let Some(running) = self.running else { return };
        if let Some(connection) = running.await.ok().flatten() {
            // Whoever closes the file last tidies up.
            let _ = connection.close().await;
        }
    }
}

/// What cannot be copied now is copied the next time, or by SQLite itself.
async fn checkpoint(
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
) -> Option<SqliteConnection> {
    let mut connection = match connection {
        Some(connection) => connection,
        None => connect(&options).await.ok()?,
    };
    let passive = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)");
    passive.fetch_all(&mut connection).await.ok()?;
    Some(connection)
}
