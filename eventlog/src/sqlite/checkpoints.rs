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

/// From the beginning of one to that of the next goes by so many times what the one took: no write
/// waits long for the disk behind a few pages, and most of the time there are none to wait for.
const TIMES: u32 = 10;

/// But so long at least, and at most.
const LEAST: Duration = Duration::from_millis(20);
const MOST: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Debug)]
pub(super) struct Checkpoints {
    options: SqliteConnectOptions,
    /// When the last one began, and how long after it the next one may.
    begun: Instant,
    pause: Duration,
    running: Option<JoinHandle<Option<Done>>>,
    /// While none is running; made anew after a failure.
    connection: Option<SqliteConnection>,
}

/// What a checkpoint leaves, unless it failed.
#[derive(Debug)]
struct Done {
    connection: SqliteConnection,
    took: Duration,
}

impl Checkpoints {
    pub(super) fn new(options: SqliteConnectOptions) -> Self {
        Self {
            options: options.create_if_missing(false),
            begun: Instant::now(),
            pause: LEAST,
            running: None,
            connection: None,
        }
    }

    /// Begins another one if it is time for it; after every commit.
    pub(super) async fn go_on(&mut self) {
        if let Some(finished) = self.running.take_if(|running| running.is_finished()) {
            self.ended(finished).await;
        }
        if self.running.is_some() || self.begun.elapsed() < self.pause {
            return;
        }
        self.begun = Instant::now();
        let next = checkpoint(self.options.clone(), self.connection.take());
        self.running = Some(tokio::spawn(next));
    }

    /// Waits for the last one, and lets go of the file.
    pub(super) async fn close(mut self) {
        if let Some(running) = self.running.take() {
            self.ended(running).await;
        }
        if let Some(connection) = self.connection {
            // Whoever closes the file last tidies up.
            let _ = connection.close().await;
        }
    }

    async fn ended(&mut self, running: JoinHandle<Option<Done>>) {
        if let Some(Done { connection, took }) = running.await.ok().flatten() {
            self.connection = Some(connection);
            self.pause = (took * TIMES).clamp(LEAST, MOST);
        }
    }
}

/// What cannot be copied now is copied the next time, or by SQLite itself.
async fn checkpoint(
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
) -> Option<Done> {
    let mut connection = match connection {
        Some(connection) => connection,
        None => connect(&options).await.ok()?,
    };
    let begun = Instant::now();
    let passive = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)");
    passive.fetch_all(&mut connection).await.ok()?;
    let took = begun.elapsed();
    Some(Done { connection, took })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::sqlite::SqliteJournalMode;
    use std::fs;

    #[tokio::test]
    async fn what_was_written_is_copied_into_the_file_while_the_writer_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let mut checkpoints = Checkpoints::new(options.clone());
        let mut writer = connect(&options).await.expect("a connection");
        for said in ["the first words", "the second words"] {
            let write = format!("CREATE TABLE \"{said}\" (a)");
            let written = sqlx::query(sqlx::AssertSqlSafe(write)).execute(&mut writer);
            written.await.expect("written");
            let copied = || {
                let file = fs::read(&path).expect("a file");
                file.windows(said.len()).any(|part| part == said.as_bytes())
            };
            assert!(!copied(), "{said}");
            // None is begun once it is copied: that one would be in time for the words after these.
            for _ in 0..500 {
                checkpoints.go_on().await;
                tokio::time::sleep(LEAST).await;
                if copied() {
                    break;
                }
            }
            assert!(copied(), "{said}");
        }
        checkpoints.close().await;
        writer.close().await.expect("closed");
    }
}
