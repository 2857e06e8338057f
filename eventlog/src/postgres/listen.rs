//! Hears of the commits of other nodes, through `LISTEN`.
//!
//! Only makes waiting shorter: whoever waits asks the database from time to time all the same.

use crate::bell::Bell;
use domain::Position;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// The channel of every log of a database.
pub(super) const CHANNEL: &str = "lianlian_log";

/// How long to wait before connecting again.
const RETRY: Duration = Duration::from_secs(1);

/// What names the table of this log among those of other schemas.
pub(super) async fn table(pool: &PgPool) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("SELECT 'events'::regclass::oid::text")
        .fetch_one(pool)
        .await
}

/// What a node tells the others: `<table> <head>`.
pub(super) fn message(table: &str, head: Position) -> String {
    format!("{table} {head}")
}

/// Rings `bell` for every commit to `table`, until aborted.
pub(super) fn start(options: PgConnectOptions, table: String, bell: Arc<Bell>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_lazy_with(options);
        loop {
            let Err(error) = listen(&pool, &table, &bell).await;
            tracing::debug!(%error, "not listening for other nodes");
            sleep(RETRY).await;
        }
    })
}

async fn listen(pool: &PgPool, table: &str, bell: &Bell) -> Result<Infallible, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // A connection that was lost and is back has missed something; polling finds it.
        if let Some(notification) = listener.try_recv().await?
            && let Some(head) = heard(notification.payload(), table)
        {
            bell.ring(head);
        }
    }
}

fn heard(message: &str, table: &str) -> Option<Position> {
    let (of, head) = message.split_once(' ')?;
    (of == table)
        .then(|| head.parse().ok().map(Position))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_about_the_own_table_count() {
        assert_eq!(
            heard(&message("16385", Position(7)), "16385"),
            Some(Position(7))
        );
        assert_eq!(heard(&message("16385", Position(7)), "1638"), None);
        assert_eq!(heard("", "16385"), None);
        assert_eq!(heard("16385 x", "16385"), None);
    }
}
