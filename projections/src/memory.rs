//! Projections in memory: what they must be able to do, and how one is read while it is fed.
//!
//! Which events come, and when, is the runner's business.

use crate::Error;
use crate::board::{Card, Mode};
use crate::idle;
use crate::snapshot;
use crate::status::{Kind, Paused};
use domain::{EventKind, Position};
use eventlog::{Delivery, RecordedEvent};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::thread;

/// A read model in memory. Its serialised form is its snapshot.
pub(crate) trait MemoryProjection:
    Default + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The name that operators use.
    const NAME: &'static str;
    /// Raised whenever the shape, the fold or what the fold depends on changes.
    const VERSION: u32;
    /// The kinds of events that the fold looks at; it is shown no others.
    const KINDS: &'static [EventKind];

    /// Folds one event. Each is applied once: the runner skips what has been applied.
    ///
    /// # Errors
    /// [`Poison`] when the event cannot be folded; the projection then stops before it.
    fn apply(&mut self, event: &RecordedEvent) -> Result<(), Poison>;

    /// What must be done aside to keep the model small and fast, if it is worth it by now; asked
    /// for after every batch.
    fn chore(&mut self) -> Option<Box<dyn Chore<Self>>> {
        None
    }

    /// What could be done where there is time for it; asked for every second.
    fn upkeep(&mut self) -> Option<Box<dyn Chore<Self>>> {
        None
    }

    /// The model as it is now, where that is made sooner than its snapshot.
    fn frozen(&self) -> Option<Self> {
        None
    }

    /// A model without events that folds as this one does.
    fn empty(&self) -> Self {
        Self::default()
    }

    /// Whether `other`, of the same version, was folded as this one would be: a fold may depend on
    /// settings too.
    fn folds_like(&self, _other: &Self) -> bool {
        true
    }
}

/// Work on a model that goes on being read and fed meanwhile.
pub(crate) trait Chore<P>: Send {
    /// Does what takes long.
    fn work(&mut self);

    /// Lets the model take over what came of it, whatever has become of the model; short. What the
    /// model has no use for any more goes with the chore.
    fn finish(&mut self, model: &mut P);
}

/// The refusal of an event that a fold cannot make sense of; the text says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Poison(pub(crate) String);

/// A read model in memory that goes on changing while it is read.
#[derive(Debug)]
pub struct Live<P> {
    /// What is served. Written by the runner only, a batch at a time.
    state: Arc<RwLock<P>>,
}

impl<P> Live<P> {
    /// Serves `state`, to begin with.
    pub(crate) fn new(state: P) -> Self {
        let state = Arc::new(RwLock::new(state));
        Self { state }
    }

    /// Answers a question from the model as it is now. The model stands still meanwhile, so
    /// `query` should be short, and must not ask this same model again.
    pub fn read<R>(&self, query: impl FnOnce(&P) -> R) -> R {
        query(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does `chore` aside, if there is one, and whatever is worth doing then; if that does not
    /// succeed, the model is as good as before.
    fn aside(&self, chore: Option<Box<dyn Chore<P>>>)
    where
        P: MemoryProjection,
    {
        if chore.is_none() {
            return;
        }
        let state = Arc::downgrade(&self.state);
        let work = move || {
            let mut next = chore;
            while let Some(mut chore) = next {
                if !idle::work(P::NAME, || chore.work()) {
                    return;
                }
                // Nobody may be there any more to take it over.
                let Some(state) = state.upgrade() else { return };
                let mut model = state.write().unwrap_or_else(PoisonError::into_inner);
                chore.finish(&mut model);
                next = model.chore();
            }
        };
        if let Err(error) = thread::Builder::new().name(P::NAME.into()).spawn(work) {
            tracing::warn!(projection = P::NAME, %error, "a chore was not begun");
        }
    }

    fn write(&self) -> RwLockWriteGuard<'_, P> {
        // A fold that panicked is a pause of its projection: the lock is as good as before.
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(private_bounds, reason = "which models there are is decided here")]
impl<P: MemoryProjection> Live<P> {
    /// Folds one event into a model that no runner feeds: for programs that want this one model and
    /// no log. Events must come in the order of their positions, each once.
    ///
    /// # Errors
    /// [`Error::Refused`] when the fold can make nothing of it.
    pub fn fold(&self, event: &RecordedEvent) -> Result<(), Error> {
        let mut state = self.write();
        let applied = state.apply(event);
        let chore = state.chore();
        drop(state);
        self.aside(chore);
        applied.map_err(|Poison(reason)| Error::Refused {
            at: event.position,
            reason,
        })
    }

    /// The model as a file, complete up to `position`; `None` when it cannot be written down.
    #[must_use]
    pub fn to_snapshot(&self, position: Position) -> Option<Vec<u8>> {
        self.read(|state| snapshot::write(P::NAME, P::VERSION, position, state))
    }

    /// A model as such a file has it, if it is one of this version; and how far it reaches.
    #[must_use]
    pub fn from_snapshot(file: &[u8]) -> Option<(Self, Position)> {
        let (position, state) = snapshot::read(P::NAME, P::VERSION, file)?;
        Some((Self::new(state), position))
    }
}

impl<P> Clone for Live<P> {
    fn clone(&self) -> Self {
        let state = Arc::clone(&self.state);
        Self { state }
    }
}

impl<P: Default> Default for Live<P> {
    fn default() -> Self {
        let state = Arc::default();
        Self { state }
    }
}

/// The model as the runner sees it.
pub(crate) fn slot<P: MemoryProjection>(live: &Live<P>) -> Box<dyn Slot> {
    Box::new(live.clone())
}

/// A projection in memory, whichever it is.
pub(crate) trait Slot: Send + Sync {
    /// Its name, version and kinds of events.
    fn card(&self, position: Position, mode: Mode) -> Arc<Card>;

    /// The name alone.
    fn name(&self) -> &'static str;

    /// Applies what is after `after` and says how far that went.
    fn apply(&self, events: &[Delivery], after: Position) -> Applied;

    /// Begins what there is time for.
    fn tend(&self);

    /// An empty copy, to be fed and adopted.
    fn copy(&self) -> Box<dyn MemoryCopy>;

    /// The model as a file, complete up to `position`; `None` when it cannot be written down.
    fn snapshot(&self, position: Position) -> Option<Vec<u8>>;

    /// The model as it is now, where that is made sooner than its snapshot.
    fn frozen(&self) -> Option<Box<dyn Slot>>;

    /// Takes over a snapshot, if it is one of this version and these settings, and says how far it
    /// reaches.
    fn restore(&self, file: &[u8]) -> Option<Position>;

    /// Forgets everything.
    fn clear(&self);

    /// The same projection, for another task.
    fn share(&self) -> Box<dyn Slot>;
}

/// A new copy of a projection in memory, not yet served.
pub(crate) trait MemoryCopy: Send {
    /// As [`Slot::apply`].
    fn apply(&mut self, events: &[Delivery], after: Position) -> Applied;

    /// Does what keeps the copy small and fast; takes long.
    fn tidy(&mut self);

    /// Serves this copy from now on.
    fn adopt(self: Box<Self>);
}

/// How far a batch was applied.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Applied {
    /// All of it.
    All {
        /// How many events were folded.
        folded: u64,
    },
    /// Everything up to `position`; the next event is refused.
    Until {
        /// The event before the refused one.
        position: Position,
        /// The refused event.
        paused: Paused,
    },
}

/// The events of a batch that one projection has to fold.
pub(crate) struct Portion<'a> {
    /// In order.
    pub(crate) events: Vec<&'a RecordedEvent>,
    /// An event behind them that should be folded but cannot be read.
    pub(crate) undecodable: Option<Paused>,
}

impl<'a> Portion<'a> {
    /// Those after `after` that are of one of `kinds`.
    pub(crate) fn of(events: &'a [Delivery], kinds: &[EventKind], after: Position) -> Self {
        let mut portion = Self {
            events: Vec::new(),
            undecodable: None,
        };
        for delivery in events {
            match delivery {
                Ok(event) if event.position > after && kinds.contains(&event.event.kind()) => {
                    portion.events.push(event);
                }
                Err(event)
                    if event.position > after
                        && event.kind.is_some_and(|kind| kinds.contains(&kind)) =>
                {
                    portion.undecodable = Some(Paused::undecodable(event));
                    break;
                }
                _ => {}
            }
        }
        portion
    }

    /// Whether there is nothing to be done about it.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.undecodable.is_none()
    }
}

/// The last position in `events` before `refused`; `after` when there is none.
pub(crate) fn before(events: &[Delivery], refused: Position, after: Position) -> Position {
    events
        .iter()
        .map(position)
        .take_while(|position| *position < refused)
        .last()
        .map_or(after, |position| position.max(after))
}

/// The position of an event, whether it could be read or not.
pub(crate) fn position(delivery: &Delivery) -> Position {
    match delivery {
        Ok(event) => event.position,
        Err(event) => event.position,
    }
}

/// The pause that a refusal of `event` leads to.
pub(crate) fn pause(event: &RecordedEvent, error: String) -> Paused {
    Paused {
        position: event.position,
        type_name: event.event.kind().name().into(),
        error,
    }
}

fn fold<P: MemoryProjection>(
    state: &mut P,
    portion: Portion<'_>,
    events: &[Delivery],
    after: Position,
) -> Applied {
    let mut paused = portion.undecodable;
    let mut folded = 0;
    for event in portion.events {
        // A fold that panics must not take the other projections along; what it left half done
        // is no worse than the event it could not fold.
        let result = catch_unwind(AssertUnwindSafe(|| state.apply(event)))
            .unwrap_or_else(|_| Err(Poison("the fold panicked".into())));
        if let Err(Poison(error)) = result {
            paused = Some(pause(event, error));
            break;
        }
        folded += 1;
    }
    match paused {
        None => Applied::All { folded },
        Some(paused) => Applied::Until {
            position: before(events, paused.position, after),
            paused,
        },
    }
}

impl<P: MemoryProjection> Slot for Live<P> {
    fn card(&self, position: Position, mode: Mode) -> Arc<Card> {
        Card::new(P::NAME, Kind::Memory, P::VERSION, P::KINDS, position, mode)
    }

    fn name(&self) -> &'static str {
        P::NAME
    }

    fn apply(&self, events: &[Delivery], after: Position) -> Applied {
        let portion = Portion::of(events, P::KINDS, after);
        if portion.is_empty() {
            return Applied::All { folded: 0 };
        }
        let mut state = self.write();
        let applied = fold(&mut *state, portion, events, after);
        let chore = state.chore();
        drop(state);
        self.aside(chore);
        applied
    }

    fn tend(&self) {
        let chore = self.write().upkeep();
        self.aside(chore);
    }

    fn copy(&self) -> Box<dyn MemoryCopy> {
        Box::new(NextCopy {
            state: self.read(P::empty),
            live: self.clone(),
        })
    }

    fn snapshot(&self, position: Position) -> Option<Vec<u8>> {
        self.to_snapshot(position)
    }

    fn frozen(&self) -> Option<Box<dyn Slot>> {
        Some(Box::new(Self::new(self.read(P::frozen)?)))
    }

    fn restore(&self, file: &[u8]) -> Option<Position> {
        let (position, state) = snapshot::read(P::NAME, P::VERSION, file)?;
        let mut live = self.write();
        if !live.folds_like(&state) {
            return None;
        }
        *live = state;
        Some(position)
    }

    fn clear(&self) {
        let mut live = self.write();
        *live = live.empty();
    }

    fn share(&self) -> Box<dyn Slot> {
        slot(self)
    }
}

/// See [`MemoryCopy`].
struct NextCopy<P> {
    state: P,
    live: Live<P>,
}

impl<P: MemoryProjection> MemoryCopy for NextCopy<P> {
    fn apply(&mut self, events: &[Delivery], after: Position) -> Applied {
        let portion = Portion::of(events, P::KINDS, after);
        fold(&mut self.state, portion, events, after)
    }

    fn tidy(&mut self) {
        while let Some(mut chore) = self.state.chore() {
            chore.work();
            chore.finish(&mut self.state);
        }
    }

    fn adopt(mut self: Box<Self>) {
        std::mem::swap(&mut *self.live.write(), &mut self.state);
    }
}
