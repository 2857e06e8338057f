//! Load, decide, append; and again when somebody else was quicker.

use crate::{Commands, StateError};
use domain::{Decider, Event, EventKind, Millis, Position, StreamName};
use eventlog::{Appended, EventLog, ExpectedRevision, Metadata, NewEvent};
use uuid::Uuid;

/// How often a command is decided anew when others append to its stream at the same moment.
const ATTEMPTS: usize = 16;

/// How many events of a stream are read at once.
const PAGE: usize = 1_000;

/// What a command wrote, for those who wait until it can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "an answer must wait until the read models have applied what was written"]
pub struct Receipt {
    /// The position of the last event; `None` when nothing changed.
    pub position: Option<Position>,
    /// The kinds of the events.
    pub kinds: Vec<EventKind>,
}

impl Receipt {
    /// The receipt of this and then `later`.
    pub fn and(mut self, later: Self) -> Self {
        self.position = self.position.max(later.position);
        self.kinds.extend(later.kinds);
        self
    }
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error<R: std::error::Error> {
    /// The rules refuse it.
    #[error(transparent)]
    Rejected(R),
    /// Others kept appending to the stream; trying again may help.
    #[error("too many changes at the same moment")]
    Busy,
    /// The log did not take it.
    #[error(transparent)]
    Log(eventlog::Error),
    /// The state database did not answer.
    #[error(transparent)]
    State(#[from] StateError),
}

impl<R: std::error::Error> Error<R> {
    /// The same error with another type of rejection.
    pub(crate) fn map<S: std::error::Error>(self, f: impl FnOnce(R) -> S) -> Error<S> {
        match self {
            Self::Rejected(rejection) => Error::Rejected(f(rejection)),
            Self::Busy => Error::Busy,
            Self::Log(error) => Error::Log(error),
            Self::State(error) => Error::State(error),
        }
    }
}

impl Commands {
    /// Carries out `command` on a stream whose history must be known first.
    pub(crate) async fn execute<D: Decider>(
        &self,
        stream: &StreamName,
        command: &D::Command,
        by: &Metadata,
    ) -> Result<Receipt, Error<D::Rejection>> {
        for _ in 0..ATTEMPTS {
            let (state, expected) = load::<D>(&*self.log, stream).await.map_err(Error::Log)?;
            let events = D::decide(&state, command).map_err(Error::Rejected)?;
            if let Some(receipt) = self.append(stream, expected, events, by).await? {
                return Ok(receipt);
            }
        }
        Err(Error::Busy)
    }

    /// Carries out `command` on a stream that is most likely new, which saves reading it.
    pub(crate) async fn execute_new<D: Decider>(
        &self,
        stream: &StreamName,
        command: &D::Command,
        by: &Metadata,
    ) -> Result<Receipt, Error<D::Rejection>> {
        match self.execute_first::<D>(stream, command, by).await? {
            Some(receipt) => Ok(receipt),
            None => self.execute::<D>(stream, command, by).await,
        }
    }

    /// Carries out `command` if the stream is new; `None` if it is not.
    pub(crate) async fn execute_first<D: Decider>(
        &self,
        stream: &StreamName,
        command: &D::Command,
        by: &Metadata,
    ) -> Result<Option<Receipt>, Error<D::Rejection>> {
        let events = D::decide(&D::State::default(), command).map_err(Error::Rejected)?;
        self.append(stream, ExpectedRevision::NoStream, events, by)
            .await
    }

    /// Carries out `command` on a stream whose history does not matter.
    pub(crate) async fn execute_any<D: Decider>(
        &self,
        stream: &StreamName,
        command: &D::Command,
        by: &Metadata,
    ) -> Result<Receipt, Error<D::Rejection>> {
        let events = D::decide(&D::State::default(), command).map_err(Error::Rejected)?;
        self.append(stream, ExpectedRevision::Any, events, by)
            .await?
            .ok_or(Error::Busy)
    }

    /// Carries out `command`, whose one event has this `id`: a stream that holds it stays as it
    /// is.
    pub(crate) async fn execute_once<D: Decider>(
        &self,
        stream: &StreamName,
        command: &D::Command,
        id: Uuid,
        by: &Metadata,
    ) -> Result<Receipt, Error<D::Rejection>> {
        for _ in 0..ATTEMPTS {
            let (state, expected) = load::<D>(&*self.log, stream).await.map_err(Error::Log)?;
            let events = D::decide(&state, command).map_err(Error::Rejected)?;
            let mut events = new_events(events, self.clock.now(), by);
            if let [event] = events.as_mut_slice() {
                event.id = id;
            }
            if let Some(receipt) = self.append_new(stream, expected, events).await? {
                return Ok(receipt);
            }
        }
        Err(Error::Busy)
    }

    /// `None` when the stream has moved on.
    async fn append<R: std::error::Error>(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: Vec<Event>,
        by: &Metadata,
    ) -> Result<Option<Receipt>, Error<R>> {
        let events = new_events(events, self.clock.now(), by);
        self.append_new(stream, expected, events).await
    }

    /// Likewise, of events that are ready to be appended.
    pub(crate) async fn append_new<R: std::error::Error>(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: Vec<NewEvent>,
    ) -> Result<Option<Receipt>, Error<R>> {
        if events.is_empty() {
            return Ok(Some(Receipt::default()));
        }
        let kinds = events.iter().map(|new| new.event.kind()).collect();
        match self.log.append(stream, expected, events).await {
            Ok(Appended { position, .. }) => Ok(Some(Receipt {
                position: Some(position),
                kinds,
            })),
            Err(eventlog::Error::Conflict { .. }) => Ok(None),
            Err(error) => Err(Error::Log(error)),
        }
    }
}

/// The state of a stream, and the revision at which it has it.
pub(crate) async fn load<D: Decider>(
    log: &dyn EventLog,
    stream: &StreamName,
) -> Result<(D::State, ExpectedRevision), eventlog::Error> {
    let (mut state, mut next) = (D::State::default(), 0);
    loop {
        let page = log.read_stream(stream, next, PAGE).await?;
        for recorded in &page {
            D::evolve(&mut state, &recorded.event);
            next = recorded.revision + 1;
        }
        if page.len() < PAGE {
            let expected = match next {
                0 => ExpectedRevision::NoStream,
                _ => ExpectedRevision::Exact(next - 1),
            };
            return Ok((state, expected));
        }
    }
}

/// Gives events what they need to be appended.
pub(crate) fn new_events(events: Vec<Event>, time: Millis, by: &Metadata) -> Vec<NewEvent> {
    let new = |event| NewEvent {
        id: Uuid::now_v7(),
        time,
        event,
        metadata: by.clone(),
    };
    events.into_iter().map(new).collect()
}

/// Metadata of what `actor` does: a user id, `admin`, `import`.
pub(crate) fn by(actor: impl ToString) -> Metadata {
    Metadata {
        actor: Some(actor.to_string()),
        ..Metadata::default()
    }
}
