//! Which messages still wait for their receiver, in the order in which they were sent.
//!
//! A message waits until its delivery was confirmed, whether or not it is on its way already.

use crate::Error;
use crate::sql::{Refusal, Rows, SqlProjection, Table, Value};
use crate::store::stored;
use domain::chat::{Destination, MessageSent};
use domain::{Event, EventKind, Millis, Party, Position};
use eventlog::RecordedEvent;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};
use std::collections::BTreeMap;

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its place in the log.
    pub position: Position,
    /// Its place in the conversation.
    pub revision: u64,
    /// When it was sent.
    pub at: Millis,
    /// What was said, by whom.
    pub message: MessageSent,
}

/// Everybody's inbox.
#[derive(Clone, Debug)]
pub struct Inbox {
    reads: AnyPool,
}

impl Inbox {
    pub(crate) fn new(reads: AnyPool) -> Self {
        Self { reads }
    }

    /// What waits for `owner` behind `after`, up to `upto`, oldest first; at most `limit`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn waiting(
        &self,
        owner: Party,
        after: Position,
        upto: Position,
        limit: usize,
    ) -> Result<Vec<Waiting>, Error> {
        let rows = sqlx::query(
            "SELECT position, revision, at_ms, message FROM inbox \
             WHERE owner = $1 AND position > $2 AND position <= $3 ORDER BY position LIMIT $4",
        )
        .bind(owner.to_string())
        .bind(stored(after))
        .bind(stored(upto))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.reads)
        .await?;
        Ok(rows.iter().map(waiting).collect::<Result<_, _>>()?)
    }

    /// Whether the message at `position` waits for `owner`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn waits(&self, owner: Party, position: Position) -> Result<bool, Error> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT position FROM inbox WHERE owner = $1 AND position = $2")
                .bind(owner.to_string())
                .bind(stored(position))
                .fetch_optional(&self.reads)
                .await?;
        Ok(found.is_some())
    }

    /// How many messages wait for `owner`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn count(&self, owner: Party) -> Result<u64, Error> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM inbox WHERE owner = $1")
            .bind(owner.to_string())
            .fetch_one(&self.reads)
            .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

fn waiting(row: &AnyRow) -> Result<Waiting, sqlx::Error> {
    let position: i64 = row.try_get("position")?;
    let revision: i64 = row.try_get("revision")?;
    let message: String = row.try_get("message")?;
    let message = serde_json::from_str(&message).map_err(|error| sqlx::Error::ColumnDecode {
        index: "message".into(),
        source: Box::new(error),
    })?;
    Ok(Waiting {
        position: Position(u64::try_from(position).unwrap_or(0)),
        revision: u64::try_from(revision).unwrap_or(0),
        at: Millis(row.try_get("at_ms")?),
        message,
    })
}

/// Which message: whose inbox, who is on the other side, and its place in the conversation.
type Key = (Party, Party, u64);

#[async_trait::async_trait]
impl SqlProjection for Inbox {
    fn name(&self) -> &'static str {
        "inbox"
    }

    fn version(&self) -> u32 {
        1
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::MessageSent, EventKind::MessagesDelivered]
    }

    fn shape(&self) -> &'static [Table] {
        &[Table {
            name: "inbox",
            columns: "owner TEXT NOT NULL, \
                      position BIGINT NOT NULL, \
                      peer TEXT NOT NULL, \
                      revision BIGINT NOT NULL, \
                      at_ms BIGINT NOT NULL, \
                      message TEXT NOT NULL, \
                      PRIMARY KEY (owner, position), \
                      UNIQUE (owner, peer, revision)",
        }]
    }

    async fn apply(&self, rows: &mut Rows<'_>, events: &[&RecordedEvent]) -> Result<(), Refusal> {
        // Most messages arrive within the slice that they are sent in, and never become rows.
        let mut sent: BTreeMap<Key, (&RecordedEvent, &MessageSent)> = BTreeMap::new();
        for event in events {
            match &event.event {
                Event::MessageSent(message) => {
                    if let Destination::To(owner) = message.to {
                        // A message between two stands in the stream of the two.
                        sent.insert((owner, message.from, event.revision), (event, message));
                    }
                }
                Event::MessagesDelivered(delivered) => {
                    let owner = delivered.owner;
                    for (peer, revisions) in &delivered.from {
                        let mut rest = revisions.clone();
                        rest.retain(|revision| sent.remove(&(owner, *peer, *revision)).is_none());
                        remove(rows, owner, *peer, rest).await?;
                    }
                }
                _ => {}
            }
        }
        let waiting: Result<Vec<_>, _> = sent.into_iter().map(row).collect();
        rows.insert("inbox", COLUMNS, waiting?).await?;
        Ok(())
    }
}

const COLUMNS: [&str; 6] = ["owner", "position", "peer", "revision", "at_ms", "message"];

fn row(
    ((owner, peer, revision), (event, message)): (Key, (&RecordedEvent, &MessageSent)),
) -> Result<[Value; 6], sqlx::Error> {
    let message =
        serde_json::to_string(message).map_err(|error| sqlx::Error::Encode(error.into()))?;
    Ok([
        owner.to_string().into(),
        stored(event.position).into(),
        peer.to_string().into(),
        number(revision).into(),
        event.time.0.into(),
        message.into(),
    ])
}

async fn remove(
    rows: &mut Rows<'_>,
    owner: Party,
    peer: Party,
    revisions: Vec<u64>,
) -> Result<(), sqlx::Error> {
    let key = [
        ("owner", owner.to_string().into()),
        ("peer", peer.to_string().into()),
    ];
    let revisions = revisions.into_iter().map(|one| number(one).into());
    rows.delete("inbox", &key, "revision", revisions.collect())
        .await
}

fn number(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
