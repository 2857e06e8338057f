//! A store that is away, damaged, or comes back.

use crate::fixture::{Fixture, append_one, check_unavailable, event, everything, stream};
use domain::{Millis, Position};
use eventlog::{Error, ExpectedRevision, Filter, StoredEvent, subscribe};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use uuid::Uuid;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn a_store_that_was_away_is_used_again_when_it_is_back(fixture: &Fixture) {
    let log = fixture.open().await;
    append_one(&log, "a").await;
    fixture.execute("ALTER TABLE events RENAME TO away").await;
    let lost = event("lost at first");
    let append = async || {
        log.append(&stream("a"), ExpectedRevision::Exact(0), vec![lost.clone()])
            .await
    };
    check_unavailable(append().await);
    check_unavailable(append().await);
    check_unavailable(log.read_all(Position::START, &Filter::default(), 1).await);
    fixture.execute("ALTER TABLE away RENAME TO events").await;
    let appended = append().await.expect("appended");
    assert_eq!((appended.position, appended.repeated), (Position(2), false));
    assert_eq!(everything(&log).await.len(), 2);
}

pub(crate) async fn connections_that_were_cut_are_made_again(fixture: &Fixture) {
    let (log, other) = (fixture.open().await, fixture.open().await);
    let mut subscription = subscribe(Arc::clone(&log), Position::START);
    for round in 1..=3 {
        fixture
            .execute(
                "SELECT CAST(pg_terminate_backend(pid) AS TEXT) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await;
        // Whether the cut was noticed before or after the commit, the same ids make it exact.
        let event = event("through the cut");
        let give_up = Instant::now() + PATIENCE;
        let appended = loop {
            let stream = stream("a");
            match other
                .append(&stream, ExpectedRevision::Any, vec![event.clone()])
                .await
            {
                Ok(appended) => break appended,
                Err(error) => assert!(Instant::now() < give_up, "{error}"),
            }
        };
        assert_eq!(appended.position, Position(round));
        while subscription.position() < appended.position {
            // A cut while reading is an error, after which the subscription goes on.
            let _ = timeout(PATIENCE, subscription.next())
                .await
                .expect("in time");
        }
    }
    assert_eq!(everything(&log).await.len(), 3);
}

pub(crate) async fn a_damaged_id_is_reported_with_its_position(fixture: &Fixture) {
    let event = StoredEvent {
        position: Position(1),
        stream: stream("a"),
        revision: 0,
        id: Uuid::now_v7(),
        type_name: "shop.closed.v1".into(),
        schema_version: 1,
        time: Millis(0),
        data: r#"{"shop_id":7}"#.into(),
        metadata: "{}".into(),
    };
    let log = fixture.open_with(vec![event]).await;
    fixture.execute("UPDATE events SET id = 'damaged'").await;
    for damaged in [
        log.read_all(Position::START, &Filter::default(), 10)
            .await
            .map(|_| ()),
        log.read_stream(&stream("a"), 0, 10).await.map(|_| ()),
        subscribe(log, Position::START).next().await.map(|_| ()),
    ] {
        let Err(Error::Corrupt(error)) = damaged else {
            panic!("{damaged:?}")
        };
        assert_eq!(
            (error.position, error.type_name.as_str()),
            (Position(1), "shop.closed.v1")
        );
    }
}
