//! Starting: from snapshots and checkpoints, with another version, and with another log.

use crate::State;
use crate::memory::slot;
use crate::runner::Runner;
use crate::snapshot::{self, Snapshots};
use crate::tests::fakes::{Ledger, Moody, Register, Trio, closed};
use crate::tests::{Place, append, in_time};
use domain::{EventKind, Position};
use eventlog::MemoryLog;
use std::fs;
use std::sync::Arc;

const CLOSED: &[EventKind] = &[EventKind::ShopClosed];

async fn log_of(ids: impl IntoIterator<Item = u64>) -> Arc<MemoryLog> {
    let log = Arc::new(MemoryLog::new());
    append(&*log, ids.into_iter().map(closed)).await;
    log
}

/// Runs until everything is applied, and stops in good order.
async fn run_once(place: &Place, log: &Arc<MemoryLog>) {
    let trio = Trio::start(place, log.clone()).await;
    trio.caught_up().await;
    trio.stop().await;
}

#[tokio::test]
async fn a_start_after_a_good_stop_reads_nothing_again() {
    for place in Place::both() {
        let log = log_of([1, 2]).await;
        run_once(&place, &log).await;
        let log = Moody::over(&log);
        let trio = Trio::start(&place, log.clone()).await;
        trio.caught_up().await;
        trio.check(&[1, 2]).await;
        append(&*log, [closed(3)]).await;
        trio.caught_up().await;
        trio.check(&[1, 2, 3]).await;
        assert_eq!(log.first_followed(), Some(Position(2)));
        assert_eq!(log.first_copied(), None);
        trio.stop().await;
    }
}

#[tokio::test]
async fn checkpoints_move_past_events_that_concern_nobody() {
    let place = Place::sqlite();
    let log = log_of([1]).await;
    append(
        &*log,
        [crate::tests::registered(
            crate::tests::user(1),
            Default::default(),
        )],
    )
    .await;
    run_once(&place, &log).await;
    let log = Moody::over(&log);
    let trio = Trio::start(&place, log.clone()).await;
    append(&*log, [closed(2)]).await;
    trio.caught_up().await;
    assert_eq!(log.first_followed(), Some(Position(2)));
    trio.stop().await;
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_used_is_replayed() {
    let place = Place::sqlite();
    let log = log_of([1, 2]).await;
    let file = place.snapshots().join("ledger.snapshot");
    let of =
        |version| snapshot::write("ledger", version, Position(2), &Ledger(vec![])).expect("a file");
    let whole = {
        run_once(&place, &log).await;
        fs::read(&file).expect("a snapshot")
    };
    assert_eq!(whole, {
        let ledger = Ledger(vec![crate::tests::shop(1), crate::tests::shop(2)]);
        snapshot::write("ledger", 1, Position(2), &ledger).expect("a file")
    });
    for (what, bytes) in [
        ("another version", of(2)),
        ("cut off", whole[..whole.len() - 1].to_vec()),
        ("empty", Vec::new()),
    ] {
        fs::write(&file, bytes).expect("a file");
        let trio = Trio::start(&place, log.clone()).await;
        trio.caught_up().await;
        assert_eq!(trio.in_ledger(), [1, 2], "{what}");
        trio.stop().await;
        assert_eq!(fs::read(&file).expect("a snapshot"), whole, "{what}");
    }
}

#[tokio::test]
async fn what_is_ahead_of_the_log_belongs_to_another_one() {
    for place in Place::both() {
        run_once(&place, &log_of([1, 2, 3]).await).await;
        // As after going back to an older backup of the log.
        let log = log_of([7, 8]).await;
        let trio = Trio::start(&place, log.clone()).await;
        trio.caught_up().await;
        trio.check(&[7, 8]).await;
        let position = append(&*log, [closed(9)]).await;
        assert!(trio.runner.board().wait(position, CLOSED).await);
        trio.check(&[7, 8, 9]).await;
        trio.stop().await;
    }
}

#[tokio::test]
async fn snapshots_are_taken_on_the_way() {
    let place = Place::sqlite();
    let log = log_of(1..=10).await;
    let ledger = Default::default();
    let snapshots = Snapshots::new(Some(place.snapshots()), 5);
    let store = place.store().await;
    let runner = Runner::start(
        log,
        store,
        snapshots.clone(),
        vec![slot::<Ledger>(&ledger)],
        vec![],
    );
    let runner = runner.await.expect("a runner");
    in_time(async {
        while snapshots.load("ledger").is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let file = snapshots.load("ledger").expect("a snapshot");
    let (position, state) = snapshot::read::<Ledger>("ledger", 1, &file).expect("a snapshot");
    assert_eq!((position, state.0.len()), (Position(10), 10));
    in_time(runner.stop()).await;
}

#[tokio::test]
async fn another_version_is_built_beside_what_the_old_one_left() {
    for place in Place::both() {
        let ids: Vec<u64> = (100..1_300).collect();
        let inner = log_of(ids.clone()).await;
        run_once(&place, &inner).await;

        let log = Moody::gated(&inner, 0);
        let trio = Trio::start_with(&place, log.clone(), Register::of_version(2)).await;
        trio.until("counter", |view| view.position == Position(1_200))
            .await;
        assert!(matches!(
            trio.status("register").state,
            State::Rebuilding { .. }
        ));
        assert!(!trio.runner.board().is_caught_up(), "it serves nothing yet");
        // The others are not held up, and what a node of the old version serves is still there.
        append(&*inner, [closed(50)]).await;
        trio.until("counter", |view| view.position == Position(1_201))
            .await;
        trio.until("ledger", |view| view.position == Position(1_201))
            .await;
        assert_eq!(trio.in_register().await, ids);

        log.open();
        trio.caught_up().await;
        assert!(trio.runner.board().is_caught_up());
        let mut ids = ids.clone();
        ids.push(50);
        trio.check(&ids).await;
        assert!(
            trio.register_rows()
                .await
                .iter()
                .all(|row| row.contains("note=new"))
        );
        trio.stop().await;
    }
}

#[tokio::test]
async fn a_store_that_is_new_does_not_hold_up_what_has_a_snapshot() {
    let (place, other) = (Place::sqlite(), Place::sqlite());
    let inner = log_of([1, 2]).await;
    run_once(&place, &inner).await;
    let log = Moody::gated(&inner, 0);
    let ledger = Default::default();
    let snapshots = Snapshots::new(Some(place.snapshots()), 1_000);
    let runner = Runner::start(
        log.clone(),
        other.store().await,
        snapshots,
        vec![slot::<Ledger>(&ledger)],
        vec![Register::of_version(1)],
    );
    let runner = runner.await.expect("a runner");
    let position = append(&*inner, [closed(3)]).await;
    let card = runner.board().card("ledger").expect("a projection");
    in_time(card.reached(position)).await;
    assert_eq!(log.first_followed(), Some(Position(2)));
    log.open();
    in_time(runner.caught_up()).await;
    let rows = crate::tests::rows(&other.store().await, &*Register::of_version(1), "").await;
    assert_eq!(rows.len(), 3);
    in_time(runner.stop()).await;
}
