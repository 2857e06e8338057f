//! Tests of the runner and of what holds for every projection; and what all tests here share:
//! people, shops, events, and the two engines.
//!
//! The tests of a model's own questions are beside the model.

mod equivalence;
mod fakes;
mod following;
mod nodes;
pub(crate) mod pictures;
mod rebuilding;
mod starting;

use crate::sql::SqlProjection;
use crate::store::Store;
use crate::{Options, Projections};
use domain::checkin::{CheckedIn, CheckinDeleted};
use domain::geo::Point;
use domain::shop::{Category, ShopDetails, ShopRegistered};
use domain::user::{Gender, UserRegistered};
use domain::{CheckinId, CouponId, Event, Millis, Position, ShopId, StreamName, UserId};
use eventlog::{EventLog, ExpectedRevision, MemoryLog, Metadata, NewEvent, RecordedEvent};
use jiff::tz::TimeZone;
use sqlx::any::AnyTypeInfoKind;
use sqlx::{AssertSqlSafe, Column, Row, ValueRef};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

/// Somebody.
pub(crate) fn user(number: u8) -> UserId {
    UserId::new(1, [number; 8])
}

pub(crate) fn shop(id: u64) -> ShopId {
    ShopId::new(id).expect("an id of a shop")
}

pub(crate) fn checkin(number: u8) -> CheckinId {
    CheckinId::new(2, [number; 8])
}

pub(crate) fn coupon(number: u8) -> CouponId {
    CouponId::new(4, [number; 8])
}

pub(crate) fn point(lat: f64, lng: f64) -> Point {
    Point::new(lat, lng).expect("a point on the globe")
}

pub(crate) fn registered(person: UserId, gender: Gender) -> Event {
    UserRegistered {
        user_id: person,
        name: "Ana".into(),
        gender,
        wb_uid: None,
    }
    .into()
}

pub(crate) fn opened(id: ShopId, name: &str, place: Point) -> Event {
    ShopRegistered {
        shop_id: id,
        details: details(name, place),
        source: None,
    }
    .into()
}

pub(crate) fn details(name: &str, place: Point) -> ShopDetails {
    ShopDetails {
        name: name.into(),
        point: place,
        category: Category::Cafe,
        address: String::new(),
        phone: String::new(),
        points: Vec::new(),
    }
}

pub(crate) fn checked_in(id: CheckinId, person: UserId, place: ShopId) -> Event {
    check_in(id, person, place, false)
}

pub(crate) fn check_in(id: CheckinId, person: UserId, place: ShopId, hidden: bool) -> Event {
    made(id, person, place, hidden).into()
}

pub(crate) fn made(id: CheckinId, person: UserId, place: ShopId, hidden: bool) -> CheckedIn {
    CheckedIn {
        checkin_id: id,
        user_id: person,
        shop_id: place,
        point: point(30.28, 120.12),
        accuracy: 65.0,
        od: 1,
        altitude: None,
        altacc: None,
        bssid: None,
        hidden,
    }
}

pub(crate) fn taken_back(id: CheckinId, person: UserId, place: ShopId) -> Event {
    CheckinDeleted {
        checkin_id: id,
        user_id: person,
        shop_id: place,
    }
    .into()
}

/// An event at a place in the log; it happened at `at`.
pub(crate) fn recorded(position: u64, at: i64, event: Event) -> RecordedEvent {
    RecordedEvent {
        position: Position(position),
        stream: StreamName::from_stored("a-stream".into()),
        revision: position,
        id: Uuid::from_u128(position.into()),
        time: Millis(at),
        event,
        metadata: Metadata::default(),
    }
}

/// Appends events that happen at `at`, and gives the position of the last one.
pub(crate) async fn append_at(
    log: &dyn EventLog,
    at: i64,
    events: impl IntoIterator<Item = Event>,
) -> Position {
    let events = events.into_iter().map(|event| NewEvent {
        id: Uuid::now_v7(),
        time: Millis(at),
        event,
        metadata: Metadata::default(),
    });
    // One stream for all: whose an event is stands in its data too.
    let stream = StreamName::from_stored("a-stream".into());
    let events: Vec<NewEvent> = events.collect();
    let mut last = Position::START;
    for chunk in events.chunks(1_000) {
        let appended = log.append(&stream, ExpectedRevision::Any, chunk.to_vec());
        last = appended.await.expect("an append").position;
    }
    last
}

pub(crate) async fn append(
    log: &dyn EventLog,
    events: impl IntoIterator<Item = Event>,
) -> Position {
    append_at(log, 0, events).await
}

/// A place for a read store, and for snapshots.
pub(crate) struct Place {
    pub(crate) url: String,
    dir: TempDir,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", dir.path().join("read.db").display());
        Self { url, dir }
    }

    pub(crate) fn postgres() -> Self {
        Self {
            url: test_postgres::database().url().into(),
            dir: tempfile::tempdir().expect("a folder"),
        }
    }

    pub(crate) fn both() -> [Self; 2] {
        [Self::sqlite(), Self::postgres()]
    }

    pub(crate) fn snapshots(&self) -> std::path::PathBuf {
        self.dir.path().join("snapshots")
    }

    pub(crate) async fn store(&self) -> Store {
        Store::open(&self.url).await.expect("a read store")
    }

    /// All projections of the house, with everything that `log` holds applied.
    pub(crate) async fn projections(&self, log: &Arc<MemoryLog>) -> Arc<Projections> {
        let options = Options {
            read_url: self.url.clone(),
            snapshot_dir: Some(self.snapshots()),
            snapshot_every: 1_000,
            timezone: TimeZone::UTC,
        };
        let log: Arc<dyn EventLog> = Arc::clone(log) as _;
        let projections = Projections::start(log, options).await;
        let projections = projections.expect("projections that start");
        in_time(projections.caught_up()).await;
        projections
    }
}

/// A log that holds `events`, which happened a second apart.
pub(crate) async fn log_of(events: impl IntoIterator<Item = Event>) -> Arc<MemoryLog> {
    let log = Arc::new(MemoryLog::new());
    for (second, event) in (0..).zip(events) {
        append_at(&*log, second * 1_000, [event]).await;
    }
    log
}

/// What a future gives, unless it takes so long that the test should fail.
#[track_caller]
pub(crate) fn in_time<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(Duration::from_secs(60), future).await {
            Ok(output) => output,
            Err(_) => panic!("nothing happened for a minute at {caller}"),
        }
    }
}

/// All rows of a projection, in an order of their own, as text.
pub(crate) async fn rows(
    store: &Store,
    projection: &dyn SqlProjection,
    suffix: &str,
) -> Vec<String> {
    let mut rows = Vec::new();
    for table in projection.shape() {
        let sql = format!("SELECT * FROM {}{suffix}", table.name);
        let found = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&store.reads())
            .await;
        for row in found.expect("rows") {
            let cells = row.columns().iter().map(|column| {
                let at = column.ordinal();
                let value = row.try_get_raw(at).expect("a value");
                let text = match value.type_info().kind() {
                    _ if value.is_null() => "-".into(),
                    AnyTypeInfoKind::Text => row.get::<String, _>(at),
                    AnyTypeInfoKind::BigInt => row.get::<i64, _>(at).to_string(),
                    other => panic!("a column of type {other:?}"),
                };
                format!("{}={text}", column.name())
            });
            let cells: Vec<String> = cells.collect();
            rows.push(format!("{}: {}", table.name, cells.join(", ")));
        }
    }
    rows.sort();
    rows
}
