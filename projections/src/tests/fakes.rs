//! Projections that stop when they are told to, and a log that fails when it is told to.

use crate::memory::{Live, MemoryProjection, Poison};
use crate::runner::Runner;
use crate::snapshot::Snapshots;
use crate::sql::{Refusal, Rows, SqlProjection, Table};
use crate::store::stored;
use crate::tests::{Place, in_time, rows, shop};
use crate::{Error, Paused, State, Status};
use domain::shop::ShopClosed;
use domain::{Event, EventKind, Position, ShopId, StreamName};
use eventlog::{
    Append, Appended, Error as LogError, EventLog, Filter, MemoryLog, RecordedEvent, StoredEvent,
};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Closings of this shop are refused by [`Ledger`] and [`Register`].
pub(crate) const CURSED: u64 = 13;
/// Closings of this shop make them panic.
pub(crate) const CRASHING: u64 = 14;
/// Closings of this shop give [`Register`] a row that its table does not take.
pub(crate) const TWOFOLD: u64 = 15;

/// A shop closed: all that the projections here look at.
pub(crate) fn closed(id: u64) -> Event {
    ShopClosed { shop_id: shop(id) }.into()
}

/// In memory: the closed shops, in order.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ledger(pub(crate) Vec<ShopId>);

impl MemoryProjection for Ledger {
    const NAME: &'static str = "ledger";
    const VERSION: u32 = 1;
    const KINDS: &'static [EventKind] = &[EventKind::ShopClosed];

    fn apply(&mut self, event: &RecordedEvent) -> Result<(), Poison> {
        if let Event::ShopClosed(ShopClosed { shop_id }) = &event.event {
            match shop_id.get() {
                CURSED => return Err(Poison("the shop is cursed".into())),
                CRASHING => panic!("the shop crashes folds"),
                _ => self.0.push(*shop_id),
            }
        }
        Ok(())
    }
}

/// In SQL: the closed shops by position.
#[derive(Debug)]
pub(crate) struct Register {
    pub(crate) version: u32,
    /// Whether cursed shops are refused.
    pub(crate) strict: AtomicBool,
    /// As long as this is set, it finds the store away.
    pub(crate) away: AtomicBool,
    /// How often it was asked to fold something.
    pub(crate) asked: AtomicU32,
}

impl Register {
    pub(crate) fn of_version(version: u32) -> Arc<Self> {
        Arc::new(Self {
            version,
            strict: AtomicBool::new(true),
            away: AtomicBool::new(false),
            asked: AtomicU32::new(0),
        })
    }
}

#[async_trait::async_trait]
impl SqlProjection for Register {
    fn name(&self) -> &'static str {
        "register"
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::ShopClosed]
    }

    fn shape(&self) -> &'static [Table] {
        // The shape differs from version to version, as it would.
        match self.version {
            1 => &[Table {
                name: "register",
                columns: "position BIGINT NOT NULL PRIMARY KEY, shop BIGINT NOT NULL",
            }],
            _ => &[Table {
                name: "register",
                columns: "position BIGINT NOT NULL PRIMARY KEY, shop BIGINT NOT NULL, \
                          note TEXT NOT NULL DEFAULT 'new'",
            }],
        }
    }

    async fn apply(&self, rows: &mut Rows<'_>, events: &[&RecordedEvent]) -> Result<(), Refusal> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        for event in events {
            let Event::ShopClosed(ShopClosed { shop_id }) = &event.event else {
                continue;
            };
            let times = match shop_id.get() {
                _ if self.away.load(Ordering::SeqCst) => {
                    return Err(sqlx::Error::PoolTimedOut.into());
                }
                CURSED if self.strict.load(Ordering::SeqCst) => {
                    return Err(Poison("the shop is cursed".into()).into());
                }
                CRASHING => panic!("the shop crashes folds"),
                TWOFOLD => 2,
                _ => 1,
            };
            for _ in 0..times {
                rows.statement(
                    "INSERT INTO {} (position, shop) VALUES ($1, $2)",
                    "register",
                )
                .bind(stored(event.position))
                .bind(stored(Position(shop_id.get())))
                .execute(&mut *rows.connection)
                .await?;
            }
        }
        Ok(())
    }
}

/// In SQL: how many shops are closed. It refuses nothing.
#[derive(Debug, Default)]
pub(crate) struct Counter;

#[async_trait::async_trait]
impl SqlProjection for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn version(&self) -> u32 {
        1
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::ShopClosed]
    }

    fn shape(&self) -> &'static [Table] {
        &[Table {
            name: "counter",
            columns: "one BIGINT NOT NULL PRIMARY KEY, closed BIGINT NOT NULL",
        }]
    }

    async fn apply(&self, rows: &mut Rows<'_>, events: &[&RecordedEvent]) -> Result<(), Refusal> {
        rows.statement(
            "INSERT INTO {} (one, closed) VALUES (1, $1) \
             ON CONFLICT (one) DO UPDATE SET closed = {}.closed + excluded.closed",
            "counter",
        )
        .bind(i64::try_from(events.len()).expect("few events"))
        .execute(&mut *rows.connection)
        .await?;
        Ok(())
    }
}

/// A runner with the projections of this file.
pub(crate) struct Trio {
    pub(crate) runner: Runner,
    pub(crate) ledger: Live<Ledger>,
    pub(crate) register: Arc<Register>,
    place_store: crate::store::Store,
}

impl Trio {
    pub(crate) async fn start(place: &Place, log: Arc<dyn EventLog>) -> Self {
        Self::start_with(place, log, Register::of_version(1)).await
    }

    pub(crate) async fn start_with(
        place: &Place,
        log: Arc<dyn EventLog>,
        register: Arc<Register>,
    ) -> Self {
        let ledger = Live::<Ledger>::default();
        let memory = vec![crate::memory::slot(&ledger)];
        let sql: Vec<Arc<dyn SqlProjection>> = vec![register.clone(), Arc::new(Counter)];
        let snapshots = Snapshots::new(Some(place.snapshots()), 1_000_000);
        let store = place.store().await;
        let runner = Runner::start(log, store.clone(), snapshots, memory, sql);
        Self {
            runner: runner.await.expect("a runner that starts"),
            ledger,
            register,
            place_store: store,
        }
    }

    pub(crate) async fn caught_up(&self) {
        in_time(self.runner.caught_up()).await;
    }

    pub(crate) async fn stop(self) {
        in_time(self.runner.stop()).await;
    }

    pub(crate) fn status(&self, name: &str) -> Status {
        let status = self.runner.board().status();
        let found = status.into_iter().find(|status| status.name == name);
        found.expect("a projection of this name")
    }

    pub(crate) fn paused(&self, name: &str) -> Option<Paused> {
        match self.status(name).state {
            State::Paused(paused) => Some(paused),
            _ => None,
        }
    }

    /// Waits until a projection looks like this.
    pub(crate) async fn until(&self, name: &str, what: impl Fn(&crate::board::View) -> bool) {
        let card = self
            .runner
            .board()
            .card(name)
            .expect("a projection of this name");
        in_time(card.until(what)).await;
    }

    pub(crate) async fn rebuild(&self, name: &str) -> Result<(), Error> {
        self.runner.rebuild(name).await?;
        in_time(self.runner.rebuilt(name)).await
    }

    pub(crate) fn in_ledger(&self) -> Vec<u64> {
        self.ledger
            .read(|ledger| ledger.0.iter().map(|shop| shop.get()).collect())
    }

    pub(crate) async fn in_register(&self) -> Vec<u64> {
        let found = sqlx::query_scalar("SELECT shop FROM register ORDER BY position")
            .fetch_all(&self.place_store.reads())
            .await;
        let found: Vec<i64> = found.expect("rows");
        found
            .into_iter()
            .map(|id| u64::try_from(id).expect("an id"))
            .collect()
    }

    pub(crate) async fn counted(&self) -> i64 {
        sqlx::query_scalar("SELECT closed FROM counter")
            .fetch_optional(&self.place_store.reads())
            .await
            .expect("rows")
            .unwrap_or(0)
    }

    pub(crate) async fn register_rows(&self) -> Vec<String> {
        rows(&self.place_store, &*self.register, "").await
    }

    /// Everything shows exactly these closings.
    #[track_caller]
    pub(crate) fn check(&self, closings: &[u64]) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            assert_eq!(self.in_ledger(), closings, "ledger, at {caller}");
            assert_eq!(self.in_register().await, closings, "register, at {caller}");
            let counted = usize::try_from(self.counted().await).expect("a count");
            assert_eq!(counted, closings.len(), "counter, at {caller}");
        }
    }
}

/// A log in memory that can be told to fail, or to hold readers of old events up.
#[derive(Debug)]
pub(crate) struct Moody {
    pub(crate) inner: Arc<MemoryLog>,
    /// Readers for copies that have come to this position wait.
    pub(crate) gate: watch::Sender<Position>,
    /// So many readings of everything fail first.
    pub(crate) failures: AtomicUsize,
    /// Where readers for copies began, and went on.
    pub(crate) copied_after: Mutex<Vec<Position>>,
    /// Where everybody else began, and went on.
    pub(crate) followed_after: Mutex<Vec<Position>>,
}

impl Moody {
    pub(crate) fn over(inner: &Arc<MemoryLog>) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            gate: watch::Sender::new(Position(u64::MAX)),
            failures: AtomicUsize::new(0),
            copied_after: Mutex::default(),
            followed_after: Mutex::default(),
        })
    }

    pub(crate) fn gated(inner: &Arc<MemoryLog>, gate: u64) -> Arc<Self> {
        let moody = Self::over(inner);
        moody.gate.send_replace(Position(gate));
        moody
    }

    pub(crate) fn open(&self) {
        self.gate.send_replace(Position(u64::MAX));
    }

    pub(crate) fn first_followed(&self) -> Option<Position> {
        self.followed_after.lock().expect("a lock").first().copied()
    }

    pub(crate) fn first_copied(&self) -> Option<Position> {
        self.copied_after.lock().expect("a lock").first().copied()
    }
}

#[async_trait::async_trait]
impl EventLog for Moody {
    async fn append_batch(
        &self,
        appends: Vec<Append>,
    ) -> Result<Vec<Result<Appended, LogError>>, LogError> {
        self.inner.append_batch(appends).await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from_revision: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, LogError> {
        self.inner.read_stream(stream, from_revision, limit).await
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, LogError> {
        let fails = |left: usize| left.checked_sub(1);
        if self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails)
            .is_ok()
        {
            return Err(LogError::Unavailable("the test says so".into()));
        }
        // Only copies are fed from readings of some types.
        let copying = !filter.types.is_empty();
        let seen = if copying {
            &self.copied_after
        } else {
            &self.followed_after
        };
        seen.lock().expect("a lock").push(after);
        if copying {
            let mut gate = self.gate.subscribe();
            let _ = gate.wait_for(|gate| *gate > after).await;
        }
        self.inner.read_all(after, filter, limit).await
    }

    async fn head(&self) -> Result<Position, LogError> {
        self.inner.head().await
    }

    async fn changed(&self, seen: Position) {
        self.inner.changed(seen).await;
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
