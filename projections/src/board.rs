//! How far each projection has come: waited for by whoever must read its own writes, and the source
//! of what operators are told. Nothing here folds anything.

use crate::status::{Kind, Paused, State, Status, UnknownEvents};
use domain::{EventKind, Position};
use eventlog::Undecodable;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long a writer waits for its own write at most.
const READ_YOUR_WRITES: Duration = Duration::from_secs(2);

/// What a projection tells of itself, for whoever watches.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// What is served contains every event up to this one.
    pub(crate) position: Position,
    pub(crate) mode: Mode,
    /// The rebuild that is under way.
    pub(crate) rebuild: Option<Progress>,
    /// How the last rebuild ended, if it did not succeed.
    pub(crate) refused: Option<Paused>,
    /// The technical failure that is being retried.
    pub(crate) failing: Option<String>,
}

/// Whether a projection takes part in the live stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mode {
    /// It does.
    Following,
    /// It serves nothing yet: the first copy of this version is being made.
    Building,
    /// It has met an event that it cannot fold.
    Paused(Paused),
}

/// How far a rebuild has come.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) since: Instant,
    /// Where this run of it began; not the first event when it was resumed.
    pub(crate) from: Position,
    pub(crate) done: Position,
    /// Events folded in this run.
    pub(crate) events: u64,
}

/// One projection's place on the [`Board`].
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) version: u32,
    pub(crate) kinds: &'static [EventKind],
    view: watch::Sender<View>,
}

/// All projections, and the head of the log as far as it is known.
#[derive(Debug)]
pub(crate) struct Board {
    cards: Vec<Arc<Card>>,
    /// The head at the start.
    start_head: Position,
    head: AtomicU64,
    unknown: Mutex<Option<UnknownEvents>>,
    /// What keeps events from everybody, as long as it does.
    trouble: Mutex<Option<String>>,
}

impl Progress {
    pub(crate) fn starting_at(from: Position) -> Self {
        Self {
            since: Instant::now(),
            from,
            done: from,
            events: 0,
        }
    }

    fn state(&self, of: Position) -> State {
        let elapsed = self.since.elapsed().as_secs_f64().max(1e-3);
        let done = self.done.0.saturating_sub(self.from.0);
        let left = of.0.saturating_sub(self.done.0);
        State::Rebuilding {
            done: self.done,
            of,
            per_second: (self.events as f64 / elapsed) as u64,
            seconds_left: (done > 0).then(|| (elapsed * left as f64 / done as f64).ceil() as u64),
        }
    }
}

impl Card {
    pub(crate) fn new(
        name: &'static str,
        kind: Kind,
        version: u32,
        kinds: &'static [EventKind],
        position: Position,
        mode: Mode,
    ) -> Arc<Self> {
        let view = View {
            position,
            mode,
            rebuild: None,
            refused: None,
            failing: None,
        };
        Arc::new(Self {
            name,
            kind,
            version,
            kinds,
            view: watch::Sender::new(view),
        })
    }

    /// Changes what is seen of the projection, and wakes those who wait for it.
    pub(crate) fn update(&self, change: impl FnOnce(&mut View)) {
        self.view.send_modify(change);
    }

    /// What is served contains every event up to `position` from now on.
    pub(crate) fn moved(&self, position: Position) {
        self.update(|view| view.position = position);
    }

    /// It takes part in the live stream (again), from `position` on.
    pub(crate) fn followed(&self, position: Position) {
        self.update(|view| {
            view.position = position;
            view.mode = Mode::Following;
        });
    }

    /// Says once, in the log and here, that the projection stops before an event.
    pub(crate) fn paused(&self, position: Position, paused: Paused) {
        tracing::error!(
            projection = self.name,
            position = paused.position.0,
            event_type = paused.type_name,
            error = paused.error,
            "projection paused before an event that it cannot fold"
        );
        self.update(|view| {
            view.position = position;
            view.mode = Mode::Paused(paused);
        });
    }

    /// Notes that a rebuild is wanted; `false` when there is one already.
    pub(crate) fn begin_rebuild(&self) -> bool {
        self.view.send_if_modified(|view| {
            let begins = view.rebuild.is_none();
            if begins {
                view.rebuild = Some(Progress::starting_at(Position::START));
                view.refused = None;
            }
            begins
        })
    }

    /// The copy contains every event up to `done`, `events` of which were folded now.
    pub(crate) fn progressed(&self, done: Position, events: u64) {
        self.update(|view| {
            if let Some(progress) = &mut view.rebuild {
                progress.done = done;
                progress.events += events;
            }
        });
    }

    /// A rebuild that was begun before goes on from `from`.
    pub(crate) fn resumed(&self, from: Position) {
        self.update(|view| view.rebuild = Some(Progress::starting_at(from)));
    }

    /// The copy has been adopted, and contains every event up to `position`.
    pub(crate) fn adopted(&self, position: Position) {
        tracing::info!(projection = self.name, position = position.0, "rebuilt");
        self.update(|view| {
            view.position = position;
            view.mode = Mode::Following;
            view.rebuild = None;
            view.refused = None;
        });
    }

    /// The rebuild ended before an event that the fold refuses.
    pub(crate) fn rebuild_refused(&self, paused: Paused) {
        tracing::error!(
            projection = self.name,
            position = paused.position.0,
            event_type = paused.type_name,
            error = paused.error,
            "rebuild ended before an event that it cannot fold"
        );
        self.update(|view| {
            if view.mode == Mode::Building {
                view.mode = Mode::Paused(paused.clone());
            }
            view.rebuild = None;
            view.refused = Some(paused);
        });
    }

    /// Waits for a state of the projection; at once when it is there already.
    pub(crate) async fn until(&self, condition: impl FnMut(&View) -> bool) {
        // The sender lives in `self`, so it cannot go away while we wait.
        let _ = self.view.subscribe().wait_for(condition).await;
    }

    /// Waits until `position` is applied, or will not be because the projection is paused.
    pub(crate) async fn reached(&self, position: Position) {
        self.until(|view| view.has(position)).await;
    }

    pub(crate) fn view(&self) -> View {
        self.view.borrow().clone()
    }
}

impl View {
    fn has(&self, position: Position) -> bool {
        matches!(self.mode, Mode::Paused(_)) || self.position >= position
    }
}

impl Board {
    pub(crate) fn new(cards: Vec<Arc<Card>>, head: Position) -> Arc<Self> {
        Arc::new(Self {
            cards,
            start_head: head,
            head: AtomicU64::new(head.0),
            unknown: Mutex::new(None),
            trouble: Mutex::new(None),
        })
    }

    pub(crate) fn cards(&self) -> &[Arc<Card>] {
        &self.cards
    }

    pub(crate) fn card(&self, name: &str) -> Option<&Arc<Card>> {
        self.cards.iter().find(|card| card.name == name)
    }

    /// The log holds at least this event.
    pub(crate) fn saw(&self, head: Position) {
        self.head.fetch_max(head.0, Ordering::Relaxed);
    }

    /// No events come, for this reason; or they come again.
    pub(crate) fn stumbled(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Counts and reports an event whose type nobody knows.
    pub(crate) fn saw_unknown(&self, event: &Undecodable) {
        tracing::error!(
            position = event.position.0,
            event_type = event.type_name,
            "event of an unknown type"
        );
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        *unknown = Some(UnknownEvents {
            count: unknown.as_ref().map_or(0, |before| before.count) + 1,
            position: event.position,
            type_name: event.type_name.clone(),
        });
    }

    pub(crate) fn unknown(&self) -> Option<UnknownEvents> {
        self.unknown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) async fn wait(&self, position: Position, kinds: &[EventKind]) -> bool {
        let folding = self
            .cards
            .iter()
            .filter(|card| kinds.iter().any(|kind| card.kinds.contains(kind)));
        let all = async {
            for card in folding {
                card.reached(position).await;
            }
        };
        tokio::time::timeout(READ_YOUR_WRITES, all).await.is_ok()
    }

    pub(crate) fn is_caught_up(&self) -> bool {
        self.cards
            .iter()
            .all(|card| card.view.borrow().has(self.start_head))
    }

    pub(crate) fn status(&self) -> Vec<Status> {
        let known = Position(self.head.load(Ordering::Relaxed));
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        self.cards
            .iter()
            .map(|card| {
                let mut status = card.status(known, self.start_head);
                status.failing = status.failing.or_else(|| trouble.clone());
                status
            })
            .collect()
    }
}

impl Card {
    fn status(&self, known: Position, start_head: Position) -> Status {
        let view = self.view();
        let head = known.max(view.position);
        let state = match (&view.rebuild, view.mode) {
            (Some(progress), _) => progress.state(head.max(progress.done)),
            (None, Mode::Paused(paused)) => State::Paused(paused),
            (None, _) if view.position < start_head => State::CatchingUp,
            (None, _) => State::Running,
        };
        Status {
            name: self.name,
            kind: self.kind,
            version: self.version,
            position: view.position,
            head,
            lag: head.0 - view.position.0,
            state,
            failing: view.failing,
        }
    }
}
