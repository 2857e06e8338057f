//! What readers and subscribers see.

use crate::fixture::{Fixture, append_one, check_unavailable, event, everything, stream};
use domain::shop::ShopClosed;
use domain::{EventKind, Millis, Position, ShopId};
use eventlog::{
    Error, EventLog, ExpectedRevision, Filter, NewEvent, StoredEvent, Undecodable, subscribe,
};
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

/// Starts `writers` that append `each` one by one, to streams of their own and a shared one.
fn write(log: &Arc<dyn EventLog>, writers: u64, each: u64) -> Vec<JoinHandle<()>> {
    let writer = |writer: u64| {
        let log = Arc::clone(log);
        tokio::spawn(async move {
            for round in 0..each {
                append_one(&log, &format!("stream-{}", writer * (round % 2))).await;
            }
        })
    };
    (0..writers).map(writer).collect()
}

/// Follows the log from after `after` up to `last`, and checks that nothing is missing or double.
async fn follow(log: Arc<dyn EventLog>, after: Position, last: Position) {
    let mut subscription = subscribe(log, after);
    let mut next = after.0 + 1;
    while subscription.position() < last {
        let batch = subscription.next().await.expect("read");
        assert!((1..=1_024).contains(&batch.events.len()));
        for delivery in batch.events {
            assert_eq!(delivery.expect("readable").position, Position(next));
            next += 1;
        }
        assert_eq!(batch.last, Position(next - 1));
        assert_eq!(subscription.position(), batch.last);
    }
    assert_eq!(next, last.0 + 1);
}

pub(crate) async fn a_subscriber_gets_everything_once_while_others_write(fixture: &Fixture) {
    let log = fixture.open().await;
    let last = Position(2_000 + 16 * 60);
    let import =
        (0..2_000).map(|_| crate::fixture::append("old", ExpectedRevision::Any, vec![event("")]));
    let imported = log.append_batch(import.collect()).await.expect("there");
    assert!(imported.iter().all(Result::is_ok));

    let writers = write(&log, 16, 60);
    let from_the_start = tokio::spawn(follow(Arc::clone(&log), Position::START, last));
    let from_the_middle = tokio::spawn(follow(Arc::clone(&log), Position(1_999), last));
    let begun_meanwhile = {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            log.changed(Position(2_100)).await;
            let head = log.head().await.expect("read");
            follow(log, head, last).await;
        })
    };
    for task in [from_the_start, from_the_middle, begun_meanwhile]
        .into_iter()
        .chain(writers)
    {
        task.await.expect("no panic");
    }
    assert_eq!(log.head().await.expect("read"), last);
}

pub(crate) async fn a_subscriber_that_was_cancelled_misses_nothing(fixture: &Fixture) {
    let log = fixture.open().await;
    let writers = write(&log, 4, 50);
    let mut subscription = subscribe(Arc::clone(&log), Position::START);
    let (mut next, mut patience) = (1, Duration::ZERO);
    while subscription.position() < Position(200) {
        // Cancelled ever later, so that it is cancelled everywhere and yet comes to an end.
        match timeout(patience, subscription.next()).await {
            Ok(batch) => {
                for delivery in batch.expect("read").events {
                    assert_eq!(delivery.expect("readable").position, Position(next));
                    next += 1;
                }
                patience = Duration::ZERO;
            }
            Err(_) => patience += Duration::from_micros(300),
        }
    }
    assert_eq!(next, 201);
    join_all(writers).await;
}

pub(crate) async fn many_readers_and_some_who_give_up_read_at_once(fixture: &Fixture) {
    let log = fixture.open().await;
    for _ in 0..100 {
        append_one(&log, "a").await;
    }
    let read = |reader: u64| {
        let log = Arc::clone(&log);
        // Those who give up do so in the middle of it, one somewhat later than the other.
        let patience = match reader % 2 {
            0 => Duration::from_micros(20 * reader),
            _ => Duration::from_secs(60),
        };
        tokio::spawn(async move {
            let a = stream("a");
            let events = timeout(patience, log.read_stream(&a, 0, 1_000)).await;
            events.map(|events| events.expect("read").len())
        })
    };
    for (reader, read) in (0..64).zip(join_all((0..64).map(read)).await) {
        match read.expect("no panic") {
            Ok(events) => assert_eq!(events, 100),
            Err(_) => assert_eq!(reader % 2, 0, "a reader waits for ever"),
        }
    }
    assert_eq!(everything(&log).await.len(), 100);
}

pub(crate) async fn a_filter_takes_types_and_the_beginning_of_a_name_literally(fixture: &Fixture) {
    let log = fixture.open().await;
    let names = [
        "a_b-1", "axb-1", "a%b-1", "A_b-1", "a_", "字-1", "字字", "a\\_b",
    ];
    for name in names {
        append_one(&log, name).await;
    }
    let closed = NewEvent {
        event: ShopClosed {
            shop_id: ShopId::new(7).expect("an id"),
        }
        .into(),
        ..event("")
    };
    log.append(&stream("a_b-1"), ExpectedRevision::Any, vec![closed])
        .await
        .expect("appended");

    let read = async |prefix: &str, types: &[&str], after: u64, limit| -> Vec<u64> {
        let filter = Filter {
            types: types.iter().map(|&name| name.to_owned()).collect(),
            stream_prefix: prefix.to_owned(),
        };
        let events = log
            .read_all(Position(after), &filter, limit)
            .await
            .expect("read");
        events.iter().map(|event| event.position.0).collect()
    };
    assert_eq!(read("a_", &[], 0, 100).await, [1, 5, 9]);
    assert_eq!(read("a%", &[], 0, 100).await, [3]);
    assert_eq!(read("a", &[], 0, 100).await, [1, 2, 3, 5, 8, 9]);
    assert_eq!(read("字", &[], 0, 100).await, [6, 7]);
    assert_eq!(read("a_b-1x", &[], 0, 100).await, [0; 0]);
    assert_eq!(read("", &["shop.closed.v1"], 0, 100).await, [9]);
    assert_eq!(
        read("a", &["shop.notice-posted.v1"], 2, 100).await,
        [3, 5, 8]
    );
    assert_eq!(
        read("a", &["shop.notice-posted.v1", "shop.closed.v1"], 2, 2).await,
        [3, 5]
    );
    assert_eq!(read("", &["shop.notice"], 0, 100).await, [0; 0]);
}

pub(crate) async fn pages_follow_each_other(fixture: &Fixture) {
    let log = fixture.open().await;
    let all = Filter::default();
    assert_eq!(log.head().await.expect("read"), Position::START);
    assert_eq!(
        log.read_all(Position::START, &all, 10).await.expect("read"),
        []
    );
    assert_eq!(
        log.read_stream(&stream("a"), 0, 10).await.expect("read"),
        []
    );
    for _ in 0..5 {
        append_one(&log, "a").await;
        append_one(&log, "b").await;
    }
    let page = log.read_all(Position(3), &all, 4).await.expect("read");
    assert_eq!(
        page.iter()
            .map(|event| event.position.0)
            .collect::<Vec<_>>(),
        [4, 5, 6, 7]
    );
    for beyond in [10, 11, u64::MAX] {
        assert_eq!(
            log.read_all(Position(beyond), &all, 4).await.expect("read"),
            []
        );
        assert_eq!(
            log.read_stream(&stream("b"), beyond, 4)
                .await
                .expect("read"),
            []
        );
    }
    let page = log.read_stream(&stream("b"), 1, 3).await.expect("read");
    let places: Vec<_> = page
        .iter()
        .map(|event| (event.revision, event.position.0))
        .collect();
    assert_eq!(places, [(1, 4), (2, 6), (3, 8)]);
    let rest = log
        .read_stream(&stream("b"), 4, usize::MAX)
        .await
        .expect("read");
    assert_eq!(rest.len(), 1);
    assert_eq!(everything(&log).await.len(), 10);
}

pub(crate) async fn events_that_cannot_be_read_are_reported_where_they_are(fixture: &Fixture) {
    let good = ("shop.closed.v1", 1, r#"{"shop_id":7}"#);
    let unknown = ("shop.flew-away.v1", 1, "{}");
    let misfit = ("shop.closed.v1", 1, r#"{"shop_id":"open sesame"}"#);
    let garbage = ("shop.closed.v1", 1, "{");
    let newer = ("shop.closed.v1", 2, r#"{"shop_id":7}"#);
    let events = [good, unknown, good, misfit, garbage, newer, good];
    let events =
        events
            .into_iter()
            .zip(0..)
            .map(
                |((type_name, schema_version, data), revision)| StoredEvent {
                    position: Position(revision + 1),
                    stream: stream("shop-7"),
                    revision,
                    id: Uuid::now_v7(),
                    type_name: type_name.into(),
                    schema_version,
                    time: Millis(0),
                    data: data.into(),
                    metadata: "{}".into(),
                },
            );
    let log = fixture.open_with(events.collect()).await;
    let batch = subscribe(Arc::clone(&log), Position::START)
        .next()
        .await
        .expect("read");
    assert_eq!(batch.last, Position(7));
    let unreadable: Vec<Undecodable> = batch.events.into_iter().filter_map(Result::err).collect();
    let told: Vec<_> = unreadable
        .iter()
        .map(|error| (error.position.0, error.kind))
        .collect();
    let kind = Some(EventKind::ShopClosed);
    assert_eq!(told, [(2, None), (4, kind), (5, kind), (6, kind)]);
    assert_eq!(unreadable[0].type_name, "shop.flew-away.v1");
    assert!(
        unreadable
            .iter()
            .all(|error| !error.to_string().contains("sesame"))
    );

    let corrupt = log.read_stream(&stream("shop-7"), 0, 10).await;
    assert!(
        matches!(&corrupt, Err(Error::Corrupt(error)) if *error == unreadable[0]),
        "{corrupt:?}"
    );
    assert_eq!(
        log.read_stream(&stream("shop-7"), 6, 10)
            .await
            .expect("read")
            .len(),
        1
    );
    // And the log goes on.
    let (_, appended) = append_one(&log, "shop-7").await;
    assert_eq!((appended.position, appended.revision), (Position(8), 7));
}

pub(crate) async fn after_closing_the_log_is_unavailable_and_nobody_waits(fixture: &Fixture) {
    let log = fixture.open().await;
    let accepted: Vec<_> = write(&log, 4, 1);
    join_all(accepted).await;
    let waiting = {
        let mut subscription = subscribe(Arc::clone(&log), Position(4));
        tokio::spawn(async move { subscription.next().await })
    };
    log.close().await;
    check_unavailable(waiting.await.expect("no panic"));
    log.changed(Position(99)).await;
    check_unavailable(
        log.append(&stream("a"), ExpectedRevision::Any, vec![event("")])
            .await,
    );
    check_unavailable(log.read_all(Position::START, &Filter::default(), 1).await);
    check_unavailable(log.read_stream(&stream("a"), 0, 1).await);
    check_unavailable(log.head().await);
    log.close().await;
}
