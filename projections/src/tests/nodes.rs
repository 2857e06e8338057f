//! Several nodes on one read store: each event is applied once, whoever gets there first.

use crate::tests::fakes::{Trio, closed};
use crate::tests::{Place, append, in_time};
use eventlog::MemoryLog;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_on_one_store_apply_every_event_once() {
    for place in Place::both() {
        let log = Arc::new(MemoryLog::new());
        append(&*log, (1_000..3_000).map(closed)).await;
        let (one, other) = tokio::join!(
            Trio::start(&place, log.clone()),
            Trio::start(&place, log.clone())
        );
        let mut ids: Vec<u64> = (1_000..3_000).collect();
        for id in 5_000..5_200 {
            append(&*log, [closed(id)]).await;
            ids.push(id);
            tokio::task::yield_now().await;
        }
        for trio in [&one, &other] {
            trio.caught_up().await;
            trio.check(&ids).await;
        }
        one.stop().await;
        append(&*log, [closed(6_000)]).await;
        ids.push(6_000);
        other.caught_up().await;
        other.check(&ids).await;
        other.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_may_rebuild_the_same_projection_at_once() {
    for place in Place::both() {
        let log = Arc::new(MemoryLog::new());
        append(&*log, (1_000..4_000).map(closed)).await;
        let one = Trio::start(&place, log.clone()).await;
        let other = Trio::start(&place, log.clone()).await;
        let mut ids: Vec<u64> = (1_000..4_000).collect();
        for round in 0..3 {
            for trio in [&one, &other] {
                trio.caught_up().await;
            }
            for name in ["register", "counter"] {
                for trio in [&one, &other] {
                    trio.runner.rebuild(name).await.expect("an order");
                }
            }
            for id in 0..20 {
                let id = 10_000 + round * 100 + id;
                append(&*log, [closed(id)]).await;
                ids.push(id);
            }
            for name in ["register", "counter"] {
                for trio in [&one, &other] {
                    in_time(trio.runner.rebuilt(name)).await.expect("a rebuild");
                }
            }
        }
        for trio in [&one, &other] {
            trio.caught_up().await;
            trio.check(&ids).await;
        }
        one.stop().await;
        other.stop().await;
    }
}
