//! What the two SQL engines share: rows, numbers and errors. Their queries are their own.

use crate::plan::{Facts, Place, Prepared};
use crate::{Error, StoredEvent};
use domain::{Millis, Position, StreamName};
use std::collections::HashMap;
use uuid::Uuid;

/// A row of `events`: position, stream, revision, id, type, schema version, time, data, metadata.
pub(crate) type EventRow = (i64, String, i64, String, String, i64, i64, String, String);

/// One thing that the store holds, out of a [`Question`]: which of the three kinds it is, which of
/// the asked streams or ids (from 0), and its revision and position.
pub(crate) type FactRow = (i64, i64, i64, i64);

/// The kind of the one row that gives the head of the log.
pub(crate) const HEAD: i64 = 0;
/// The kind of the rows that give the last revision of a stream, -1 when there is none.
pub(crate) const STREAM: i64 = 1;
// Any other kind: the place of an event.

/// What a batch asks of the store before it is decided.
#[derive(Debug, Default)]
pub(crate) struct Question<'a> {
    /// Streams whose last revision is wanted, each once.
    pub(crate) streams: Vec<&'a str>,
    /// The events of the batch, each with its stream.
    pub(crate) ids: Vec<(&'a str, Uuid)>,
}

impl<'a> Question<'a> {
    /// Asks about every event of the batch, and about its streams unless `known` has them.
    pub(crate) fn new(batch: &'a [Prepared], known: &HashMap<String, u64>) -> Self {
        let mut question = Self::default();
        let mut asked = HashMap::new();
        for append in batch {
            let stream = append.stream.as_str();
            if !known.contains_key(stream) && asked.insert(stream, ()).is_none() {
                question.streams.push(stream);
            }
            question
                .ids
                .extend(append.asked_ids().map(|id| (stream, id)));
        }
        question
    }

    /// Asks about former ids alone, which no key of the table refuses.
    pub(crate) fn of_former_ids(batch: &'a [Prepared]) -> Self {
        let former = |append: &'a Prepared| Some((append.stream.as_str(), append.former_id()?));
        Self {
            streams: Vec::new(),
            ids: batch.iter().filter_map(former).collect(),
        }
    }

    /// What the store answered.
    pub(crate) fn answered(&self, rows: Vec<FactRow>) -> Facts<'a> {
        let mut facts = Facts::default();
        for (kind, of, revision, position) in rows {
            let of = usize::try_from(of).unwrap_or_default();
            let place = Place {
                position: number(position),
                revision: number(revision),
            };
            match kind {
                HEAD => facts.head = place.position,
                STREAM if revision < 0 => {}
                STREAM => {
                    facts.streams.insert(self.streams[of], place.revision);
                }
                _ => {
                    facts.known.insert(self.ids[of], place);
                }
            }
        }
        facts
    }
}

/// The event of a row.
///
/// # Errors
/// [`Error::Corrupt`] when its id is no UUID.
pub(crate) fn stored(row: EventRow) -> Result<StoredEvent, Error> {
    let (position, stream, revision, id, type_name, schema_version, time, data, metadata) = row;
    let position = Position(number(position));
    let Ok(id) = Uuid::try_parse(&id) else {
        return Err(Error::Corrupt(crate::Undecodable {
            position,
            kind: domain::EventKind::from_name(&type_name),
            type_name,
            reason: "its id is no UUID".into(),
        }));
    };
    Ok(StoredEvent {
        position,
        stream: StreamName::from_stored(stream),
        revision: number(revision),
        id,
        type_name,
        // A version that is none is one that nobody knows.
        schema_version: u32::try_from(schema_version).unwrap_or(u32::MAX),
        time: Millis(time),
        data,
        metadata,
    })
}

/// What the engine said, for the callers.
pub(crate) fn unavailable(error: &sqlx::Error) -> Error {
    Error::Unavailable(error.to_string())
}

/// A number as SQL has it; none of ours is that large.
pub(crate) fn sql(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A number that the table's checks keep from being negative.
pub(crate) fn number(sql: i64) -> u64 {
    u64::try_from(sql).unwrap_or_default()
}
