//! A log in memory, for tests of the layers above: it keeps the bytes that the others keep, and
//! nothing once it is gone.

use crate::bell::Bell;
use crate::plan::{Facts, Place, Prepared};
use crate::{Append, Appended, Error, EventLog, Filter, RecordedEvent, StoredEvent, codec};
use domain::{Position, StreamName};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// A log in memory.
#[derive(Debug)]
pub struct MemoryLog {
    book: Mutex<Book>,
    bell: Bell,
}

#[derive(Debug, Default)]
struct Book {
    /// The event at position `p` is `events[p - 1]`.
    events: Vec<StoredEvent>,
    /// Where the events of each stream lie in `events`, by revision.
    streams: HashMap<String, Vec<usize>>,
    ids: HashMap<(String, Uuid), Place>,
    closed: bool,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::holding([])
    }

    /// A log that holds `events` already, readable or not; they are given positions from 1 and the
    /// revisions of their streams from 0, whatever they say themselves.
    #[must_use]
    pub fn holding(events: impl IntoIterator<Item = StoredEvent>) -> Self {
        let mut book = Book::default();
        for event in events {
            book.push(event);
        }
        let bell = Bell::new(book.head());
        Self {
            book: Mutex::new(book),
            bell,
        }
    }

    fn book(&self) -> Result<MutexGuard<'_, Book>, Error> {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        if book.closed {
            Err(Error::closed())
        } else {
            Ok(book)
        }
    }
}

#[async_trait::async_trait]
impl EventLog for MemoryLog {
    async fn append_batch(
        &self,
        appends: Vec<Append>,
    ) -> Result<Vec<Result<Appended, Error>>, Error> {
        let mut answers = Vec::with_capacity(appends.len());
        let head = {
            let mut book = self.book()?;
            for append in appends {
                answers.push(Prepared::new(append).and_then(|append| book.append(append)));
            }
            book.head()
        };
        self.bell.ring(head);
        Ok(answers)
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from_revision: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        let book = self.book()?;
        let places = book
            .streams
            .get(stream.as_str())
            .map_or(&[][..], Vec::as_slice);
        let from = usize::try_from(from_revision).unwrap_or(usize::MAX);
        let wanted = places.iter().skip(from).take(limit);
        wanted
            .map(|&at| Ok(codec::decode(book.events[at].clone())?))
            .collect()
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, Error> {
        let book = self.book()?;
        let after = usize::try_from(after.0).unwrap_or(usize::MAX);
        let wanted = book.events.iter().skip(after).filter(|event| {
            (filter.types.is_empty() || filter.types.contains(&event.type_name))
                && event.stream.as_str().starts_with(&filter.stream_prefix)
        });
        Ok(wanted.take(limit).cloned().collect())
    }

    async fn head(&self) -> Result<Position, Error> {
        Ok(self.book()?.head())
    }

    async fn changed(&self, seen: Position) {
        self.bell.heard(seen).await;
    }

    async fn close(&self) {
        self.book
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed = true;
        self.bell.close();
    }
}

impl Book {
    fn head(&self) -> Position {
        Position(self.events.len() as u64)
    }

    fn append(&mut self, append: Prepared) -> Result<Appended, Error> {
        let batch = [append];
        let mut plan = self.facts(&batch[0]).plan(&batch);
        for row in plan.rows {
            self.push(row.to_stored());
        }
        plan.answers.remove(0)
    }

    fn facts<'a>(&self, append: &'a Prepared) -> Facts<'a> {
        let stream = append.stream.as_str();
        let last = self
            .streams
            .get(stream)
            .map(|places| places.len() as u64 - 1);
        let known = append.asked_ids().filter_map(|id| {
            let place = self.ids.get(&(stream.to_owned(), id))?;
            Some(((stream, id), *place))
        });
        Facts {
            head: self.head().0,
            streams: last
                .map(|revision| (stream, revision))
                .into_iter()
                .collect(),
            known: known.collect(),
        }
    }

    fn push(&mut self, mut event: StoredEvent) {
        let stream = event.stream.as_str().to_owned();
        let places = self.streams.entry(stream.clone()).or_default();
        let place = Place {
            position: self.events.len() as u64 + 1,
            revision: places.len() as u64,
        };
        places.push(self.events.len());
        self.ids.insert((stream, event.id), place);
        event.position = Position(place.position);
        event.revision = place.revision;
        self.events.push(event);
    }
}
