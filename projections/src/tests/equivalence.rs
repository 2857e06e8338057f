//! What holds for every projection: however a history reaches it (one by one, in batches, twice,
//! from a snapshot, rebuilt), it ends up the same.

mod events;

use crate::albums::Albums;
use crate::blacklist::Blacklist;
use crate::chat_history::ChatHistory;
use crate::coupons::Coupons;
use crate::device_starts::DeviceStarts;
use crate::followers::Followers;
use crate::inbox::Inbox;
use crate::memory::{Applied, MemoryProjection, Poison, Portion};
use crate::occupancy::Occupancy;
use crate::photos::Photos;
use crate::place_ranker::{Asked, Bssid, PlaceRanker};
use crate::profiles::Profiles;
use crate::push_tokens::PushTokens;
use crate::shop_index::ShopIndex;
use crate::snapshot;
use crate::sql::{Outcome, SqlProjection, Target};
use crate::store::{self, NEXT, Store};
use crate::tests::{Place, in_time, point, rows, shop, user};
use crate::traces::Traces;
use domain::geo::Fix;
use domain::{Millis, Position};
use eventlog::{Delivery, EventLog, MemoryLog};
use events::event;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sqlx::Connection;
use std::sync::Arc;

const DAY_MS: i64 = 24 * 3_600_000;

/// A history with gaps between its positions, and a way to cut it into batches.
fn history() -> impl Strategy<Value = (Vec<Delivery>, Vec<Vec<Delivery>>)> {
    let passed = prop_oneof![4 => -5..50_i64, 1 => 0..60 * DAY_MS];
    let entry = (event(), 1..4_u64, passed, prop::bool::weighted(0.2));
    prop::collection::vec(entry, 0..120).prop_map(|entries| {
        let (mut position, mut time) = (0, 0);
        let mut whole: Vec<Delivery> = Vec::new();
        let mut batches: Vec<Vec<Delivery>> = vec![Vec::new()];
        for (event, gap, passed, cut) in entries {
            position += gap;
            time += passed;
            let event = crate::tests::recorded(position, time, event);
            let delivery = Ok(Arc::new(event));
            whole.push(delivery.clone());
            if let Some(batch) = batches.last_mut() {
                batch.push(delivery);
            }
            if cut {
                batches.push(Vec::new());
            }
        }
        (whole, batches)
    })
}

fn end(batch: &[Delivery], after: Position) -> Position {
    batch.last().map_or(after, crate::memory::position)
}

/// What a model in memory is after these batches, each of which comes twice.
fn folded<P: MemoryProjection>(batches: &[&[Delivery]]) -> Vec<u8> {
    let live = crate::Live::<P>::default();
    let slot = crate::memory::slot(&live);
    let mut position = Position::START;
    for batch in batches {
        for _ in 0..2 {
            let applied = slot.apply(batch, position);
            assert!(matches!(applied, Applied::All { .. }), "{applied:?}");
            position = end(batch, position);
        }
    }
    slot.snapshot(Position::START).expect("a snapshot")
}

/// The same, with a snapshot written and read after every batch.
fn folded_with_snapshots<P: MemoryProjection>(batches: &[Vec<Delivery>]) -> Vec<u8> {
    let mut state = P::default();
    let mut position = Position::START;
    for batch in batches {
        for event in Portion::of(batch, P::KINDS, position).events {
            assert_eq!(state.apply(event), Ok::<(), Poison>(()));
        }
        position = end(batch, position);
        let file = snapshot::write(P::NAME, P::VERSION, position, &state).expect("a file");
        let (read, restored) = snapshot::read(P::NAME, P::VERSION, &file).expect("a snapshot");
        assert_eq!(read, position);
        state = restored;
    }
    snapshot::write(P::NAME, P::VERSION, Position::START, &state).expect("a file")
}

fn check_memory<P: MemoryProjection>(whole: &[Delivery], batches: &[Vec<Delivery>]) {
    let at_once = folded::<P>(&[whole]);
    let singly: Vec<&[Delivery]> = whole.chunks(1).collect();
    assert_eq!(folded::<P>(&singly), at_once, "{}: one by one", P::NAME);
    let in_batches: Vec<&[Delivery]> = batches.iter().map(Vec::as_slice).collect();
    assert_eq!(folded::<P>(&in_batches), at_once, "{}: in batches", P::NAME);
    let snapshots = folded_with_snapshots::<P>(batches);
    assert_eq!(snapshots, at_once, "{}: through snapshots", P::NAME);
}

/// The rows that a projection has after these batches, each of which comes twice.
async fn filled(
    store: &Store,
    projection: &dyn SqlProjection,
    suffix: &'static str,
    batches: &[&[Delivery]],
) -> Vec<String> {
    let mut connection = store.connect().await.expect("a connection");
    let target = |expected| Target {
        projection,
        suffix,
        expected,
    };
    let name = target(Position::START).checkpoint();
    let shape = projection.shape();
    store::create_tables(&mut connection, shape, suffix)
        .await
        .expect("tables");
    let start = store::Checkpoint {
        version: projection.version(),
        position: Position::START,
    };
    store::overwrite(&mut connection, &name, start)
        .await
        .expect("a checkpoint");
    let mut position = Position::START;
    for batch in batches {
        for _ in 0..2 {
            let mut transaction = connection.begin().await.expect("a transaction");
            let upto = end(batch, position);
            let portion = Portion::of(batch, projection.kinds(), position);
            let outcome = target(position)
                .apply(&mut transaction, batch, portion, position, upto)
                .await
                .expect("no technical failure");
            assert_eq!(
                outcome,
                Outcome::Applied {
                    position: upto,
                    paused: None
                }
            );
            transaction.commit().await.expect("a commit");
            position = upto;
        }
    }
    connection.close().await.expect("an end");
    rows(store, projection, suffix).await
}

async fn check_sql(
    store: &Store,
    projection: &dyn SqlProjection,
    whole: &[Delivery],
    batches: &[Vec<Delivery>],
) {
    let name = projection.name();
    let singly: Vec<&[Delivery]> = whole.chunks(1).collect();
    let in_batches: Vec<&[Delivery]> = batches.iter().map(Vec::as_slice).collect();
    let at_once = filled(store, projection, "", &[whole]).await;
    let one_by_one = filled(store, projection, NEXT, &singly).await;
    assert_eq!(one_by_one, at_once, "{name}: one by one");
    let in_batches = filled(store, projection, "", &in_batches).await;
    assert_eq!(in_batches, at_once, "{name}: in batches");
}

/// Every projection in SQL.
fn in_sql(store: &Store) -> Vec<Box<dyn SqlProjection>> {
    vec![
        Box::new(Followers::new(store.reads())),
        Box::new(Blacklist::new(store.reads())),
        Box::new(Profiles::new(store.reads())),
        Box::new(Traces::new(store.reads())),
        Box::new(ChatHistory::new(store.reads())),
        Box::new(Inbox::new(store.reads())),
        Box::new(PushTokens::new(store.reads())),
        Box::new(Photos::new(store.reads())),
        Box::new(Albums::new(store.reads())),
        Box::new(Coupons::new(store.reads())),
        Box::new(DeviceStarts::new(store.reads(), TimeZone::UTC)),
    ]
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Runs `check` for many histories. None is kept in a file: a failure prints the smallest one.
fn for_histories(cases: u32, check: impl Fn(Vec<Delivery>, Vec<Vec<Delivery>>)) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&history(), |(whole, batches)| {
            check(whole, batches);
            Ok(())
        })
        .expect("the same, whichever way");
}

#[test]
fn every_model_in_memory_is_the_same_whichever_way_it_was_fed() {
    for_histories(256, |whole, batches| {
        check_memory::<ShopIndex>(&whole, &batches);
        check_memory::<Occupancy>(&whole, &batches);
        check_memory::<PlaceRanker>(&whole, &batches);
    });
}

#[test]
fn every_model_in_sql_is_the_same_whichever_way_it_was_fed() {
    let runtime = runtime();
    for place in Place::both() {
        let store = runtime.block_on(place.store());
        for_histories(24, |whole, batches| {
            runtime.block_on(async {
                for projection in in_sql(&store) {
                    check_sql(&store, &*projection, &whole, &batches).await;
                }
            });
        });
    }
}

#[test]
fn both_engines_hold_the_same_rows() {
    let runtime = runtime();
    let stores = Place::both().map(|place| (runtime.block_on(place.store()), place));
    for_histories(12, |whole, _| {
        let [sqlite, postgres] = [&stores[0].0, &stores[1].0].map(|store| {
            runtime.block_on(async {
                let mut all = Vec::new();
                for projection in in_sql(store) {
                    all.push(filled(store, &*projection, "", &[&whole]).await);
                }
                all
            })
        });
        assert_eq!(sqlite, postgres);
    });
}

/// Everything that all projections of the house show.
async fn everything(projections: &crate::Projections, store: &Store) -> Vec<Vec<String>> {
    let shops = projections.shop_index.read(|shops| {
        let open: Vec<_> = shops.iter().collect();
        let near = shops.nearest(point(1.0, 1.0), &Default::default(), 0, 9);
        format!("{:?} {open:?} {near:?}", shops.max_id())
    });
    let places = projections.shop_index.read(|shops| {
        projections.place_ranker.read(|ranker| {
            let asked = |caller| Asked {
                fix: Fix::new(point(1.0, 1.0), 5_000.0),
                caller: Some(user(caller)),
                hidden: true,
                bssid: Bssid::named("a"),
                now: Millis(1_000 * DAY_MS),
            };
            let of = |caller| format!("{:?}", ranker.explain(shops, &asked(caller), 9));
            let scores = format!("{:?}", ranker.scores());
            (1..5).map(of).chain([scores]).collect()
        })
    });
    let people = projections.occupancy.read(|occupancy| {
        (1..5)
            .map(|n| {
                let (person, place) = (user(n), shop(n.into()));
                format!(
                    "{:?} {:?} {:?} {:?} {:?}",
                    occupancy.banned(person),
                    occupancy.last_seen(person),
                    occupancy.gender(person),
                    occupancy.invisible(person),
                    occupancy.present(place, Millis(0), i64::MAX),
                )
            })
            .collect()
    });
    vec![
        vec![shops],
        people,
        places,
        rows(store, &projections.followers, "").await,
        rows(store, &projections.blacklist, "").await,
        rows(store, &projections.profiles, "").await,
        rows(store, &projections.traces, "").await,
        rows(store, &projections.chat_history, "").await,
        rows(store, &projections.inbox, "").await,
        rows(store, &projections.push_tokens, "").await,
        rows(store, &projections.photos, "").await,
        rows(store, &projections.albums, "").await,
        rows(store, &projections.coupons, "").await,
        rows(store, &projections.device_starts, "").await,
    ]
}

/// Through the whole runner: live in batches, rebuilt meanwhile, and from the start.
#[test]
fn the_whole_house_is_the_same_live_rebuilt_and_from_the_start() {
    let runtime = runtime();
    for_histories(4, |whole, batches| {
        runtime.block_on(async {
            for place in Place::both() {
                let log = Arc::new(MemoryLog::new());
                let live = place.projections(&log).await;
                for (at, batch) in batches.iter().enumerate() {
                    append_all(&*log, batch).await;
                    if at == batches.len() / 2 {
                        for status in live.status() {
                            live.rebuild(status.name).await.expect("an order");
                        }
                    }
                }
                for status in live.status() {
                    in_time(live.rebuilt(status.name)).await.expect("a rebuild");
                }
                in_time(live.caught_up()).await;
                let store = place.store().await;
                let shown = everything(&live, &store).await;
                in_time(live.stop()).await;

                let fresh_log = Arc::new(MemoryLog::new());
                append_all(&*fresh_log, &whole).await;
                let fresh = Place::sqlite();
                let from_start = fresh.projections(&fresh_log).await;
                let fresh_store = fresh.store().await;
                assert_eq!(everything(&from_start, &fresh_store).await, shown);
                in_time(from_start.stop()).await;

                // And from the snapshots and checkpoints of the stop.
                let again = place.projections(&log).await;
                assert_eq!(everything(&again, &store).await, shown);
                in_time(again.stop()).await;
            }
        });
    });
}

async fn append_all(log: &dyn EventLog, batch: &[Delivery]) {
    for event in batch.iter().flatten() {
        crate::tests::append_at(log, event.time.0, [event.event.clone()]).await;
    }
}
