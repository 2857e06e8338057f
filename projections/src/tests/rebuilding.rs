//! Rebuilding beside what serves: exact, resumable, and unnoticed by whoever asks or writes.

use crate::rebuild::CHUNK;
use crate::store::NEXT;
use crate::tests::fakes::{CURSED, Moody, Register, Trio, closed};
use crate::tests::{Place, append, in_time};
use crate::{Error, State};
use domain::{EventKind, Position};
use eventlog::MemoryLog;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const CLOSED: &[EventKind] = &[EventKind::ShopClosed];
const ALL: [&str; 3] = ["ledger", "register", "counter"];

/// A log in which the shops of these ids were closed.
async fn log_of(ids: impl IntoIterator<Item = u64>) -> Arc<MemoryLog> {
    let log = Arc::new(MemoryLog::new());
    append(&*log, ids.into_iter().map(closed)).await;
    log
}

#[tokio::test]
async fn a_rebuild_gives_what_was_there() {
    for place in Place::both() {
        let ids: Vec<u64> = (100..2_400).collect();
        let log = log_of(ids.clone()).await;
        let trio = Trio::start(&place, log).await;
        trio.caught_up().await;
        for name in ALL {
            trio.rebuild(name).await.expect("a rebuild");
            assert_eq!(trio.status(name).state, State::Running);
        }
        trio.check(&ids).await;
        // And once more: what the first one left must not be in the way.
        for name in ALL {
            trio.rebuild(name).await.expect("a rebuild");
        }
        trio.check(&ids).await;
        trio.stop().await;
    }
}

#[tokio::test]
async fn while_a_copy_is_made_the_old_one_serves_and_follows() {
    for place in Place::both() {
        let inner = log_of([1, 2]).await;
        let log = Moody::gated(&inner, 0);
        let trio = Trio::start(&place, log.clone()).await;
        trio.caught_up().await;
        for name in ALL {
            trio.runner.rebuild(name).await.expect("an order");
        }
        let mut closings = vec![1, 2];
        for id in 3..10 {
            let position = append(&*inner, [closed(id)]).await;
            assert!(trio.runner.board().wait(position, CLOSED).await);
            closings.push(id);
            trio.check(&closings).await;
        }
        for name in ALL {
            let state = trio.status(name).state;
            assert!(
                matches!(state, State::Rebuilding { .. }),
                "{name}: {state:?}"
            );
        }
        log.open();
        for name in ALL {
            in_time(trio.runner.rebuilt(name)).await.expect("a rebuild");
        }
        trio.check(&closings).await;
        closings.push(10);
        let position = append(&*inner, [closed(10)]).await;
        assert!(trio.runner.board().wait(position, CLOSED).await);
        trio.check(&closings).await;
        trio.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_equals_live_while_events_keep_coming() {
    for place in Place::both() {
        let mut ids: Vec<u64> = (100..2_600).collect();
        let log = log_of(ids.clone()).await;
        let trio = Trio::start(&place, log.clone()).await;
        trio.caught_up().await;
        let writing = tokio::spawn(async move {
            let mut written = Vec::new();
            for id in 10_000..10_300 {
                append(&*log, [closed(id)]).await;
                written.push(id);
                tokio::task::yield_now().await;
            }
            written
        });
        for _ in 0..3 {
            for name in ALL {
                trio.rebuild(name).await.expect("a rebuild");
            }
        }
        ids.extend(in_time(writing).await.expect("a writer"));
        trio.caught_up().await;
        trio.check(&ids).await;
        for name in ALL {
            trio.rebuild(name).await.expect("a rebuild");
        }
        trio.check(&ids).await;
        trio.stop().await;
    }
}

#[tokio::test]
async fn a_rebuild_that_was_interrupted_goes_on_where_it_was() {
    for place in Place::both() {
        let ids: Vec<u64> = (100..5_200).collect();
        let inner = log_of(ids.clone()).await;
        // The copy's reader comes to the end of its first chunk and no further.
        let chunk = Position(CHUNK as u64);
        let log = Moody::gated(&inner, chunk.0);
        let trio = Trio::start(&place, log).await;
        trio.caught_up().await;
        trio.runner.rebuild("register").await.expect("an order");
        let half = |view: &crate::board::View| {
            view.rebuild
                .as_ref()
                .is_some_and(|rebuild| rebuild.done == chunk)
        };
        trio.until("register", half).await;
        assert!(matches!(
            trio.status("register").state,
            State::Rebuilding {
                done,
                of: Position(5_100),
                ..
            } if done == chunk
        ));
        trio.stop().await;

        let log = Moody::over(&inner);
        let trio = Trio::start(&place, log.clone()).await;
        in_time(trio.runner.rebuilt("register"))
            .await
            .expect("a rebuild");
        assert_eq!(log.first_copied(), Some(chunk));
        trio.caught_up().await;
        trio.check(&ids).await;
        assert!(
            !place
                .store()
                .await
                .checkpoints()
                .await
                .expect("checkpoints")
                .contains_key(&crate::next_copy::next_name("register"))
        );
        trio.stop().await;
    }
}

#[tokio::test]
async fn a_paused_projection_is_rebuilt_and_follows_again() {
    for place in Place::both() {
        let log = log_of([1, CURSED, 2]).await;
        let trio = Trio::start(&place, log.clone()).await;
        trio.caught_up().await;
        assert!(trio.paused("register").is_some());

        // As long as the fold refuses the event, so does a rebuild, and says so.
        let refused = trio.rebuild("register").await.expect_err("a refusal");
        assert!(matches!(
            refused,
            Error::RebuildRefused { name: "register", at } if at.position == Position(2)
        ));
        assert!(trio.paused("register").is_some());
        assert_eq!(trio.in_register().await, [1]);
        let tables = sqlx::query("SELECT * FROM register__next")
            .fetch_all(&place.store().await.reads())
            .await;
        assert!(tables.is_err(), "the copy is gone, {NEXT} and all");

        trio.register.strict.store(false, Ordering::SeqCst);
        trio.rebuild("register").await.expect("a rebuild");
        assert_eq!(trio.paused("register"), None);
        assert_eq!(trio.in_register().await, [1, CURSED, 2]);
        let position = append(&*log, [closed(3)]).await;
        assert!(trio.runner.board().wait(position, CLOSED).await);
        assert_eq!(trio.in_register().await, [1, CURSED, 2, 3]);
        trio.stop().await;
    }
}

#[tokio::test]
async fn a_rebuild_that_is_refused_leaves_what_serves_alone() {
    let place = Place::sqlite();
    let register = Register::of_version(1);
    register.strict.store(false, Ordering::SeqCst);
    let log = log_of([1, CURSED, 2]).await;
    let trio = Trio::start_with(&place, log.clone(), register).await;
    trio.caught_up().await;
    trio.register.strict.store(true, Ordering::SeqCst);
    assert!(trio.rebuild("register").await.is_err());
    assert_eq!(trio.status("register").state, State::Running);
    let position = append(&*log, [closed(3)]).await;
    assert!(trio.runner.board().wait(position, CLOSED).await);
    assert_eq!(trio.in_register().await, [1, CURSED, 2, 3]);
    trio.stop().await;
}

#[tokio::test]
async fn what_is_unknown_or_stopped_is_not_rebuilt() {
    let log = log_of([1]).await;
    let place = Place::sqlite();
    let trio = Trio::start(&place, log).await;
    let unknown = trio.runner.rebuild("nothing").await;
    assert!(matches!(unknown, Err(Error::UnknownProjection(name)) if name == "nothing"));
    in_time(trio.runner.stop()).await;
    for name in ALL {
        assert!(matches!(
            trio.runner.rebuild(name).await,
            Err(Error::Stopped)
        ));
    }
}
