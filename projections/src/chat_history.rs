//! What was said: in the room of a shop, between two, and by or to somebody.
//!
//! How clients page through it stands in [`archive`]. Whether a message has arrived is not known here but in [`crate::inbox`].

pub mod archive;

use crate::Error;
use crate::sql::{Refusal, Rows, SqlProjection, Table, Value};
use crate::store::stored;
use domain::chat::{Destination, HistoryCleared, MessageSent};
use domain::{Event, EventKind, Millis, Party, Position, ShopId};
use eventlog::RecordedEvent;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row};
use std::collections::BTreeMap;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its place in the log.
    pub position: Position,
    /// When.
    pub at: Millis,
    /// What, by whom.
    pub message: MessageSent,
}

/// A stretch of a conversation, from its newest end.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// Not what was said later in the log than this.
    pub upto: Position,
    /// Not what was said before this moment.
    pub since: Millis,
    /// At most so many.
    pub limit: usize,
}

/// A part of something that was said, counted from its newest end.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Not what was said later in the log than this.
    pub upto: Position,
    /// Not so many of the newest.
    pub skip: usize,
    /// At most so many.
    pub count: usize,
}

/// Everything that was said.
#[derive(Clone, Debug)]
pub struct ChatHistory {
    reads: AnyPool,
}

impl ChatHistory {
    pub(crate) fn new(reads: AnyPool) -> Self {
        Self { reads }
    }

    /// The newest of what was said in a room, oldest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn in_room(&self, shop: ShopId, stretch: Stretch) -> Result<Vec<Said>, Error> {
        self.newest(&room(shop), "", stretch).await
    }

    /// The newest of what two said to each other, as `reader` has not cleared it, oldest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn between(
        &self,
        reader: Party,
        other: Party,
        stretch: Stretch,
    ) -> Result<Vec<Said>, Error> {
        let conversation = pair(reader, other);
        self.newest(&conversation, &reader.to_string(), stretch)
            .await
    }

    /// A part of what was said in a room, newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn page_of_room(&self, shop: ShopId, page: Page) -> Result<Vec<Said>, Error> {
        self.page("conversation = $1", room(shop), page).await
    }

    /// A part of what two said to each other, newest first, whatever either has cleared.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn page_of_two(&self, a: Party, b: Party, page: Page) -> Result<Vec<Said>, Error> {
        self.page("conversation = $1", pair(a, b), page).await
    }

    /// A part of what somebody said to others, not in rooms, newest first, whatever was cleared.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn page_of_sender(&self, sender: Party, page: Page) -> Result<Vec<Said>, Error> {
        let alone = "sender = $1 AND conversation NOT LIKE 'room %'";
        self.page(alone, sender.to_string(), page).await
    }

    async fn page(&self, which: &str, of: String, page: Page) -> Result<Vec<Said>, Error> {
        let whole = |number| i64::try_from(number).unwrap_or(i64::MAX);
        // What was cleared for everybody has no reader.
        let sql = format!(
            "SELECT position, at_ms, message FROM chat_history h \
             WHERE {which} AND position <= $2 AND position > \
             COALESCE((SELECT c.position FROM chat_cleared c \
                       WHERE c.conversation = h.conversation AND c.reader = ''), 0) \
             ORDER BY position DESC LIMIT $3 OFFSET $4"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(of)
            .bind(stored(page.upto))
            .bind(whole(page.count))
            .bind(whole(page.skip))
            .fetch_all(&self.reads)
            .await?;
        Ok(rows.iter().map(said).collect::<Result<_, _>>()?)
    }

    async fn newest(
        &self,
        conversation: &str,
        reader: &str,
        stretch: Stretch,
    ) -> Result<Vec<Said>, Error> {
        let rows = sqlx::query(
            "SELECT position, at_ms, message FROM chat_history h \
             WHERE conversation = $1 AND position <= $2 AND at_ms >= $3 AND position > \
             COALESCE((SELECT c.position FROM chat_cleared c \
                       WHERE c.conversation = h.conversation AND c.reader = $4), 0) \
             ORDER BY position DESC LIMIT $5",
        )
        .bind(conversation.to_owned())
        .bind(stored(stretch.upto))
        .bind(stretch.since.0)
        .bind(reader.to_owned())
        .bind(i64::try_from(stretch.limit).unwrap_or(i64::MAX))
        .fetch_all(&self.reads)
        .await?;
        Ok(rows.iter().rev().map(said).collect::<Result<_, _>>()?)
    }
}

/// The name of a conversation in a room.
fn room(shop: ShopId) -> String {
    format!("room {shop}")
}

/// The name of a conversation of two, from either side.
fn pair(a: Party, b: Party) -> String {
    let (first, second) = if a <= b { (a, b) } else { (b, a) };
    format!("{first} {second}")
}

fn said(row: &AnyRow) -> Result<Said, sqlx::Error> {
    let position: i64 = row.try_get("position")?;
    let message: String = row.try_get("message")?;
    let message = serde_json::from_str(&message).map_err(|error| sqlx::Error::ColumnDecode {
        index: "message".into(),
        source: Box::new(error),
    })?;
    Ok(Said {
        position: Position(u64::try_from(position).unwrap_or(0)),
        at: Millis(row.try_get("at_ms")?),
        message,
    })
}

#[async_trait::async_trait]
impl SqlProjection for ChatHistory {
    fn name(&self) -> &'static str {
        "chat_history"
    }

    fn version(&self) -> u32 {
        2
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::MessageSent, EventKind::HistoryCleared]
    }

    /// Every question is a range of a key: of a conversation, of what somebody has said, of what
    /// somebody has said or heard alone. What was said when is a range of positions as well, found
    /// by the hour: clocks may disagree about the order of two messages, the log does not.
    fn shape(&self) -> &'static [Table] {
        &[
            Table {
                name: "chat_history",
                columns: "conversation TEXT NOT NULL, \
                          position BIGINT NOT NULL, \
                          sender TEXT NOT NULL, \
                          from_resource TEXT, \
                          to_resource TEXT, \
                          via TEXT NOT NULL, \
                          at_ms BIGINT NOT NULL, \
                          message TEXT NOT NULL, \
                          PRIMARY KEY (conversation, position), \
                          UNIQUE (sender, position)",
            },
            Table {
                name: "chat_archive",
                columns: "owner TEXT NOT NULL, \
                          position BIGINT NOT NULL, \
                          conversation TEXT NOT NULL, \
                          PRIMARY KEY (owner, position)",
            },
            Table {
                name: "chat_hours",
                columns: "hour BIGINT PRIMARY KEY, \
                          first_position BIGINT NOT NULL, \
                          last_position BIGINT NOT NULL",
            },
            Table {
                name: "chat_cleared",
                columns: "conversation TEXT NOT NULL, \
                          reader TEXT NOT NULL, \
                          position BIGINT NOT NULL, \
                          PRIMARY KEY (conversation, reader)",
            },
        ]
    }

    async fn apply(&self, rows: &mut Rows<'_>, events: &[&RecordedEvent]) -> Result<(), Refusal> {
        let mut hours = BTreeMap::new();
        let (mut said, mut archived) = (Vec::new(), Vec::new());
        for event in events {
            match &event.event {
                Event::MessageSent(message) => {
                    said.push(history_row(event, message)?);
                    archived.extend(archive_rows(event, message));
                    let hour = event.time.0.div_euclid(HOUR_MS);
                    let (_, last) = hours
                        .entry(hour)
                        .or_insert((event.position, event.position));
                    *last = event.position;
                }
                Event::HistoryCleared(cleared) => clear(rows, event, cleared).await?,
                _ => {}
            }
        }
        rows.insert("chat_history", HISTORY, said).await?;
        rows.insert("chat_archive", ARCHIVE, archived).await?;
        for (hour, (first, last)) in hours {
            note_hour(rows, hour, first, last).await?;
        }
        Ok(())
    }
}

const HISTORY: [&str; 8] = [
    "conversation",
    "position",
    "sender",
    "from_resource",
    "to_resource",
    "via",
    "at_ms",
    "message",
];

const ARCHIVE: [&str; 3] = ["owner", "position", "conversation"];

fn history_row(event: &RecordedEvent, message: &MessageSent) -> Result<[Value; 8], sqlx::Error> {
    let text = serde_json::to_string(message).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let via = message.via.map(|shop| shop.to_string()).unwrap_or_default();
    Ok([
        conversation(message).into(),
        stored(event.position).into(),
        message.from.to_string().into(),
        Value::Text(message.from_resource.clone()),
        Value::Text(message.to_resource.clone()),
        via.into(),
        event.time.0.into(),
        text.into(),
    ])
}

/// In whose archives a message is. Who speaks to themselves has it once, for the second row is
/// there already.
fn archive_rows(event: &RecordedEvent, message: &MessageSent) -> Vec<[Value; 3]> {
    let Destination::To(to) = message.to else {
        return Vec::new();
    };
    let row = |owner: Party| {
        let position = stored(event.position);
        [
            owner.to_string().into(),
            position.into(),
            conversation(message).into(),
        ]
    };
    vec![row(message.from), row(to)]
}

fn conversation(message: &MessageSent) -> String {
    match message.to {
        Destination::To(to) => pair(message.from, to),
        Destination::Room(shop) => room(shop),
    }
}

/// Between which positions everything lies that was said in an hour.
async fn note_hour(
    rows: &mut Rows<'_>,
    hour: i64,
    first: Position,
    last: Position,
) -> Result<(), sqlx::Error> {
    rows.statement(
        "INSERT INTO {} (hour, first_position, last_position) VALUES ($1, $2, $3) \
         ON CONFLICT (hour) DO UPDATE SET last_position = excluded.last_position",
        "chat_hours",
    )
    .bind(hour)
    .bind(stored(first))
    .bind(stored(last))
    .execute(&mut *rows.connection)
    .await
    .map(drop)
}

/// A room is cleared for everybody: its reader is nobody in particular.
async fn clear(
    rows: &mut Rows<'_>,
    event: &RecordedEvent,
    cleared: &HistoryCleared,
) -> Result<(), sqlx::Error> {
    let (conversation, reader) = match cleared.of {
        Destination::To(to) => (pair(cleared.by, to), cleared.by.to_string()),
        Destination::Room(shop) => (room(shop), String::new()),
    };
    rows.statement(
        "INSERT INTO {} (conversation, reader, position) VALUES ($1, $2, $3) \
         ON CONFLICT (conversation, reader) DO UPDATE SET position = excluded.position",
        "chat_cleared",
    )
    .bind(conversation)
    .bind(reader)
    .bind(stored(event.position))
    .execute(&mut *rows.connection)
    .await
    .map(drop)
}

#[cfg(test)]
mod tests;
