//! Following the log: read-your-writes, and what a bad event or a bad moment does to whom.

use crate::tests::fakes::{CRASHING, CURSED, Moody, TWOFOLD, Trio, closed};
use crate::tests::{Place, append, in_time, registered, user};
use crate::{Paused, State};
use domain::user::Gender;
use domain::{EventKind, Position, StreamName};
use eventlog::{MemoryLog, StoredEvent};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uuid::Uuid;

const CLOSED: &[EventKind] = &[EventKind::ShopClosed];

fn log() -> Arc<MemoryLog> {
    Arc::new(MemoryLog::new())
}

/// An event as some other program stored it.
fn stored(type_name: &str, data: &str) -> StoredEvent {
    StoredEvent {
        position: Position::START,
        stream: StreamName::from_stored("a-stream".into()),
        revision: 0,
        id: Uuid::now_v7(),
        type_name: type_name.into(),
        schema_version: 1,
        time: domain::Millis(0),
        data: data.into(),
        metadata: "{}".into(),
    }
}

#[tokio::test]
async fn whoever_waits_reads_their_own_write() {
    for place in Place::both() {
        let log = log();
        let trio = Trio::start(&place, log.clone()).await;
        let mut closings = Vec::new();
        for id in 101..=150 {
            let position = append(&*log, [closed(id)]).await;
            assert!(trio.runner.board().wait(position, CLOSED).await);
            closings.push(id);
            trio.check(&closings).await;
        }
        trio.stop().await;
    }
}

#[tokio::test]
async fn everybody_moves_past_events_that_concern_nobody() {
    let log = log();
    let place = Place::sqlite();
    let trio = Trio::start(&place, log.clone()).await;
    let position = append(&*log, [registered(user(1), Gender::Unset)]).await;
    trio.caught_up().await;
    for status in trio.runner.board().status() {
        assert_eq!(
            (status.position, status.lag),
            (position, 0),
            "{}",
            status.name
        );
        assert_eq!(status.state, State::Running, "{}", status.name);
    }
    assert!(trio.runner.board().is_caught_up());
}

/// After 1, 2 came an event that the ledger and the register do not take, then 3.
async fn check_paused(trio: &Trio, at: u64, type_name: &str, error: &str, paused: &[&str]) {
    trio.caught_up().await;
    for name in ["ledger", "register", "counter"] {
        let status = trio.status(name);
        if paused.contains(&name) {
            let Some(pause) = trio.paused(name) else {
                panic!("{name} is not paused: {status:?}");
            };
            assert_eq!(
                (pause.position, &*pause.type_name),
                (Position(at), type_name)
            );
            assert!(pause.error.contains(error), "{name}: {}", pause.error);
            assert_eq!(status.position, Position(at - 1), "{name}");
        } else {
            assert_eq!(status.state, State::Running, "{name}");
            assert_eq!(status.position, Position(4), "{name}");
        }
    }
}

#[tokio::test]
async fn a_poison_event_pauses_only_those_that_refuse_it() {
    for (shop, error, in_ledger) in [
        (CURSED, "the shop is cursed", vec![1, 2]),
        (CRASHING, "the fold panicked", vec![1, 2]),
    ] {
        for place in Place::both() {
            let log = log();
            // All in one batch: what comes before the poison must be applied all the same.
            append(&*log, [closed(1), closed(2), closed(shop), closed(3)]).await;
            let trio = Trio::start(&place, log.clone()).await;
            let name = "shop.closed.v1";
            check_paused(&trio, 3, name, error, &["ledger", "register"]).await;
            assert_eq!(trio.in_ledger(), in_ledger);
            assert_eq!(trio.in_register().await, [1, 2]);
            assert_eq!(trio.counted().await, 4);

            // And later, when events come one by one.
            let position = append(&*log, [closed(4)]).await;
            assert!(trio.runner.board().wait(position, CLOSED).await);
            assert_eq!(trio.counted().await, 5);
            assert_eq!(trio.in_register().await, [1, 2]);
            trio.stop().await;
        }
    }
}

#[tokio::test]
async fn a_row_that_the_store_refuses_is_poison_and_no_technical_failure() {
    for place in Place::both() {
        let log = log();
        append(&*log, [closed(1), closed(2), closed(TWOFOLD), closed(3)]).await;
        let trio = Trio::start(&place, log).await;
        check_paused(&trio, 3, "shop.closed.v1", "", &["register"]).await;
        assert_eq!(trio.in_register().await, [1, 2]);
        assert_eq!(trio.in_ledger(), [1, 2, TWOFOLD, 3]);
        trio.stop().await;
    }
}

#[tokio::test]
async fn a_paused_projection_is_tried_again_at_the_next_start() {
    let (place, log) = (Place::sqlite(), log());
    append(&*log, [closed(1), closed(CURSED), closed(2)]).await;
    let trio = Trio::start(&place, log.clone()).await;
    trio.caught_up().await;
    assert_eq!(trio.in_register().await, [1]);
    trio.stop().await;

    let fixed = crate::tests::fakes::Register::of_version(1);
    fixed.strict.store(false, Ordering::SeqCst);
    let trio = Trio::start_with(&place, log, fixed).await;
    trio.caught_up().await;
    assert_eq!(trio.paused("register"), None);
    assert_eq!(trio.in_register().await, [1, CURSED, 2]);
    assert_eq!(trio.counted().await, 3);
    trio.stop().await;
}

#[tokio::test]
async fn an_event_that_cannot_be_read_pauses_those_that_fold_its_kind() {
    for place in Place::both() {
        let events = [
            stored("shop.closed.v1", r#"{"shop_id":1}"#),
            stored("device.app-started.v1", "{}"),
            stored("shop.closed.v1", r#"{"shop_id":"seven"}"#),
            stored("shop.closed.v1", r#"{"shop_id":2}"#),
        ];
        let trio = Trio::start(&place, Arc::new(MemoryLog::holding(events))).await;
        let all = ["ledger", "register", "counter"];
        check_paused(&trio, 3, "shop.closed.v1", "its data does not fit", &all).await;
        // The one before it cannot be read either, but nobody folds its kind.
        trio.check(&[1]).await;
        assert_eq!(trio.runner.board().unknown(), None);
        trio.stop().await;
    }
}

#[tokio::test]
async fn an_event_of_an_unknown_type_is_reported_and_pauses_nobody() {
    let events = [
        stored("shop.closed.v1", r#"{"shop_id":1}"#),
        stored("shop.flew-away.v1", "{}"),
        stored("shop.closed.v1", r#"{"shop_id":2}"#),
        stored("shop.sank.v1", "{}"),
    ];
    let place = Place::sqlite();
    let trio = Trio::start(&place, Arc::new(MemoryLog::holding(events))).await;
    check_paused(&trio, 0, "", "", &[]).await;
    trio.check(&[1, 2]).await;
    let unknown = trio.runner.board().unknown().expect("a report");
    assert_eq!((unknown.count, unknown.position), (2, Position(4)));
    assert_eq!(unknown.type_name, "shop.sank.v1");
    trio.stop().await;
}

#[tokio::test]
async fn a_log_that_is_away_for_a_moment_loses_nothing() {
    let inner = log();
    append(&*inner, [closed(1), closed(2)]).await;
    let log = Moody::over(&inner);
    log.failures.store(2, Ordering::SeqCst);
    let place = Place::sqlite();
    let trio = Trio::start(&place, log.clone()).await;
    trio.caught_up().await;
    assert_eq!(log.failures.load(Ordering::SeqCst), 0);
    trio.check(&[1, 2]).await;
    trio.stop().await;
}

#[tokio::test]
async fn while_the_store_is_away_memory_goes_on_and_nothing_is_lost() {
    for place in Place::both() {
        let log = log();
        let trio = Trio::start(&place, log.clone()).await;
        trio.register.away.store(true, Ordering::SeqCst);
        let mut closings = Vec::new();
        // Many more batches than may wait for the writer.
        for id in 100..150 {
            let position = append(&*log, [closed(id)]).await;
            closings.push(id);
            trio.until("ledger", |view| view.position >= position).await;
        }
        trio.until("register", |view| view.failing.is_some()).await;
        assert_eq!(trio.in_ledger(), closings);
        assert!(trio.in_register().await.is_empty());
        assert_eq!(trio.paused("register"), None, "that is no poison");

        trio.register.away.store(false, Ordering::SeqCst);
        trio.caught_up().await;
        trio.check(&closings).await;
        trio.until("register", |view| view.failing.is_none()).await;
        trio.stop().await;
    }
}

#[tokio::test]
async fn a_lost_connection_loses_nothing() {
    let (place, log) = (Place::postgres(), log());
    let trio = Trio::start(&place, log.clone()).await;
    append(&*log, [closed(1)]).await;
    trio.caught_up().await;
    let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let store = place.store().await;
    let ended: i64 = sqlx::query_scalar(others)
        .fetch_one(&store.reads())
        .await
        .expect("a number");
    assert!(ended > 0);
    append(&*log, [closed(2)]).await;
    trio.caught_up().await;
    trio.check(&[1, 2]).await;
    trio.stop().await;
}

#[tokio::test]
async fn what_a_store_forgot_in_a_crash_is_applied_again() {
    for place in Place::both() {
        let log = log();
        let trio = Trio::start(&place, log.clone()).await;
        for id in 1..=5 {
            append(&*log, [closed(id)]).await;
        }
        trio.caught_up().await;
        // Rows and checkpoint go back together: they were written in one transaction.
        let store = place.store().await;
        for forget in [
            "DELETE FROM register WHERE position > 2",
            "UPDATE checkpoints SET position = 2 WHERE name = 'register'",
        ] {
            sqlx::query(forget)
                .execute(&store.reads())
                .await
                .expect("a crash");
        }
        append(&*log, [closed(6)]).await;
        trio.caught_up().await;
        trio.until("register", |view| view.position == Position(6))
            .await;
        trio.check(&[1, 2, 3, 4, 5, 6]).await;
        trio.stop().await;
    }
}

#[tokio::test]
async fn a_table_that_is_gone_pauses_its_projection_until_it_is_rebuilt() {
    for place in Place::both() {
        let log = log();
        let trio = Trio::start(&place, log.clone()).await;
        append(&*log, [closed(1)]).await;
        trio.caught_up().await;
        let drop = sqlx::query("DROP TABLE register");
        drop.execute(&place.store().await.reads())
            .await
            .expect("a mishap");
        append(&*log, [closed(2)]).await;
        trio.caught_up().await;
        assert_eq!(trio.counted().await, 2, "the others go on");
        assert!(trio.paused("register").is_some());
        trio.rebuild("register").await.expect("a rebuild");
        trio.check(&[1, 2]).await;
        trio.stop().await;
    }
}

#[tokio::test]
async fn waiting_ends_when_the_time_is_up() {
    let log = log();
    let place = Place::sqlite();
    let trio = Trio::start(&place, log.clone()).await;
    trio.caught_up().await;
    assert!(!trio.runner.board().wait(Position(1), CLOSED).await);
    // Nobody folds this kind, so there is nobody to wait for.
    assert!(
        trio.runner
            .board()
            .wait(Position(1), &[EventKind::AppStarted])
            .await
    );
    trio.stop().await;
}

#[tokio::test]
async fn dropping_everything_ends_the_tasks() {
    let log = log();
    let place = Place::sqlite();
    let trio = Trio::start(&place, log.clone()).await;
    append(&*log, [closed(1)]).await;
    trio.caught_up().await;
    let held = Arc::downgrade(&log);
    drop(trio);
    drop(log);
    // The tasks hold the log; once they end, it goes.
    in_time(async {
        while held.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn status_is_json_for_operators() {
    let paused = State::Paused(Paused {
        position: Position(7),
        type_name: "shop.closed.v1".into(),
        error: "no".into(),
    });
    let json = serde_json::to_string(&paused).expect("json");
    assert_eq!(
        json,
        r#"{"name":"paused","position":7,"type":"shop.closed.v1","error":"no"}"#
    );
    assert_eq!(
        serde_json::to_string(&State::CatchingUp).expect("json"),
        r#"{"name":"catching_up"}"#
    );
}
