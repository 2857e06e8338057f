//! Which appends of a batch go through, and at which places: the one rule for every engine.
//!
//! Pure: an engine brings what it knows about the streams, and writes the rows it gets back.

use crate::codec::{self, EncodedEvent};
use crate::{Append, Appended, Error, ExpectedRevision, NewEvent, RecordedEvent, StoredEvent};
use domain::{Position, StreamName};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// How many events one append may have.
pub(crate) const MAX_EVENTS: usize = 1_024;

/// An append whose events are bytes already.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) stream: StreamName,
    pub(crate) expected: ExpectedRevision,
    /// See [`Append::formerly`].
    formerly: Option<Uuid>,
    events: Vec<EncodedEvent>,
    /// The same, as they were before.
    originals: Vec<NewEvent>,
}

impl Prepared {
    /// Encodes `append`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is empty or too large, repeats an id within itself, or holds an
    /// event that cannot be stored.
    pub(crate) fn new(append: Append) -> Result<Self, Error> {
        if append.events.is_empty() {
            return Err(Error::Invalid("an append needs an event"));
        }
        if append.events.len() > MAX_EVENTS {
            return Err(Error::Invalid("an append has at most 1024 events"));
        }
        let mut ids = HashSet::new();
        if append.events.len() > 1 && !append.events.iter().all(|event| ids.insert(event.id)) {
            return Err(Error::Invalid("two events of an append have the same id"));
        }
        Ok(Self {
            stream: append.stream,
            expected: append.expected,
            formerly: append.formerly,
            events: append
                .events
                .iter()
                .map(codec::encode)
                .collect::<Result<_, _>>()?,
            originals: append.events,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The ids of its events.
    fn ids(&self) -> impl Iterator<Item = Uuid> {
        self.events.iter().map(|event| event.id)
    }

    /// The id that the stream may hold its first event by, besides its own.
    pub(crate) fn former_id(&self) -> Option<Uuid> {
        self.formerly
    }

    /// The ids that the stream may hold already.
    pub(crate) fn asked_ids(&self) -> impl Iterator<Item = Uuid> {
        self.ids().chain(self.formerly)
    }
}

/// Where an event lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) position: u64,
    pub(crate) revision: u64,
}

/// What the store holds, as far as a batch asks; it grows by what the batch itself appends.
#[derive(Debug, Default)]
pub(crate) struct Facts<'a> {
    /// The last position in the whole log.
    pub(crate) head: u64,
    /// The last revision of each stream of the batch that exists.
    pub(crate) streams: HashMap<&'a str, u64>,
    /// The events of the batch that their streams hold already.
    pub(crate) known: HashMap<(&'a str, Uuid), Place>,
}

/// What is to be written, and what to answer once it is on disk.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) rows: Vec<Row<'a>>,
    /// One for each append of the batch, in order.
    pub(crate) answers: Vec<Result<Appended, Error>>,
    /// The last position once the rows are written.
    pub(crate) head: Position,
}

/// One event at its place.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) place: Place,
    pub(crate) stream: &'a StreamName,
    pub(crate) event: &'a EncodedEvent,
    pub(crate) original: &'a NewEvent,
}

impl Row<'_> {
    /// The event as a reader will have it, with the length of its data.
    pub(crate) fn to_recorded(&self) -> (usize, Arc<RecordedEvent>) {
        let NewEvent {
            id,
            time,
            event,
            metadata,
        } = self.original.clone();
        let recorded = RecordedEvent {
            position: Position(self.place.position),
            stream: self.stream.clone(),
            revision: self.place.revision,
            id,
            time,
            event,
            metadata,
        };
        (self.event.data.len(), Arc::new(recorded))
    }

    pub(crate) fn to_stored(&self) -> StoredEvent {
        StoredEvent {
            position: Position(self.place.position),
            stream: self.stream.clone(),
            revision: self.place.revision,
            id: self.event.id,
            type_name: self.event.type_name.to_owned(),
            schema_version: self.event.schema_version,
            time: self.event.time,
            data: self.event.data.clone(),
            metadata: self.event.metadata.clone(),
        }
    }
}

impl Plan<'_> {
    /// What has been written once this is.
    pub(crate) fn recorded(&self) -> Vec<(usize, Arc<RecordedEvent>)> {
        self.rows.iter().map(Row::to_recorded).collect()
    }
}

impl<'a> Facts<'a> {
    /// Decides a batch, append by append in order, each seeing those before it.
    pub(crate) fn plan(mut self, batch: &'a [Prepared]) -> Plan<'a> {
        let mut rows = Vec::with_capacity(batch.iter().map(Prepared::len).sum());
        let answers = batch
            .iter()
            .map(|append| self.decide(append, &mut rows))
            .collect();
        Plan {
            rows,
            answers,
            head: Position(self.head),
        }
    }

    fn decide(&mut self, append: &'a Prepared, rows: &mut Vec<Row<'a>>) -> Result<Appended, Error> {
        if let Some(repeated) = self.repetition(append) {
            return Ok(repeated);
        }
        let stream = append.stream.as_str();
        let actual = self.streams.get(stream).copied();
        let as_expected = match append.expected {
            ExpectedRevision::Any => true,
            ExpectedRevision::NoStream => actual.is_none(),
            ExpectedRevision::Exact(revision) => actual == Some(revision),
        };
        if !as_expected {
            return Err(Error::Conflict {
                expected: append.expected,
                actual,
            });
        }
        if append
            .ids()
            .any(|id| self.known.contains_key(&(stream, id)))
        {
            return Err(Error::Invalid(
                "the stream holds a later event of the append already",
            ));
        }
        let mut place = Place {
            position: self.head,
            revision: 0,
        };
        let revisions = actual.map_or(0, |revision| revision + 1)..;
        let events = append.events.iter().zip(&append.originals);
        for (revision, (event, original)) in revisions.zip(events) {
            let position = place.position + 1;
            place = Place { position, revision };
            self.known.insert((stream, event.id), place);
            rows.push(Row {
                place,
                stream: &append.stream,
                event,
                original,
            });
        }
        self.head = place.position;
        self.streams.insert(stream, place.revision);
        Ok(answer(place, false))
    }

    /// The answer of the first time, when the stream holds the append's first event, by whichever
    /// id. Should the first time have had fewer events than this one, it is the last of those.
    fn repetition(&self, append: &Prepared) -> Option<Appended> {
        let place = |id| self.known.get(&(append.stream.as_str(), id)).copied();
        let mut ids = append.ids();
        let first = ids.next().and_then(place);
        let first = first.or_else(|| append.formerly.and_then(place))?;
        let last = ids.map_while(place).last().unwrap_or(first);
        Some(answer(last, true))
    }
}

fn answer(last: Place, repeated: bool) -> Appended {
    Appended {
        position: Position(last.position),
        revision: last.revision,
        repeated,
    }
}

#[cfg(test)]
mod tests;
