//! Several processes on one log, and one after another.

use crate::fixture::{Fixture, append, append_one, check_acknowledged, event, everything, stream};
use domain::Position;
use eventlog::{Appended, Error, ExpectedRevision, subscribe};
use futures_util::future::{join, join_all};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn a_log_that_is_opened_again_holds_everything(fixture: &Fixture) {
    let log = fixture.open().await;
    for _ in 0..3 {
        append_one(&log, "a").await;
        append_one(&log, "b").await;
    }
    let before = everything(&log).await;
    log.close().await;

    let log = fixture.open().await;
    assert_eq!(everything(&log).await, before);
    let next = log
        .append(&stream("b"), ExpectedRevision::Exact(2), vec![event("")])
        .await;
    let expected = Appended {
        position: Position(7),
        revision: 3,
        repeated: false,
    };
    assert_eq!(next.expect("appended"), expected);
}

/// Nothing is remembered of any stream then.
pub(crate) async fn a_stream_goes_on_where_it_ends_and_nowhere_else_after_opening_again(
    fixture: &Fixture,
) {
    use ExpectedRevision::Exact;
    let log = fixture.open().await;
    for _ in 0..3 {
        append_one(&log, "a").await;
    }
    log.close().await;
    let log = fixture.open().await;
    for (name, revision, ends) in [
        ("a", 0, Some(2)),
        ("a", 1, Some(2)),
        ("a", 3, Some(2)),
        ("a", u64::MAX, Some(2)),
        ("b", 0, None),
        ("b", u64::MAX, None),
    ] {
        let refused = log
            .append(&stream(name), Exact(revision), vec![event("")])
            .await;
        assert!(
            matches!(refused, Err(Error::Conflict { actual, .. }) if actual == ends),
            "{name} {revision}: {refused:?}"
        );
    }
    let appends = [2, 3].map(|revision| append("a", Exact(revision), vec![event("")]));
    let answers = log.append_batch(appends.into()).await.expect("answered");
    let revisions = answers
        .into_iter()
        .map(|answer| answer.map(|it| it.revision));
    assert_eq!(
        revisions.collect::<Result<Vec<_>, _>>().ok(),
        Some(vec![3, 4])
    );
    assert_eq!(everything(&log).await.len(), 5);
}

pub(crate) async fn a_closed_log_is_a_single_file(fixture: &Fixture) {
    let log = fixture.open().await;
    append_one(&log, "a").await;
    everything(&log).await;
    log.close().await;
    check_single_file(fixture);
}

/// Writing goes on meanwhile, so that few wait for it later.
pub(crate) async fn what_was_appended_reaches_the_file_while_it_is_open(fixture: &Fixture) {
    let log = fixture.open().await;
    let bytes = || file(fixture).metadata().expect("there").len();
    let (before, patience) = (bytes(), Instant::now() + PATIENCE);
    while bytes() == before {
        assert!(Instant::now() < patience, "nothing comes into the file");
        append_one(&log, "a").await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    log.close().await;
    check_single_file(fixture);
}

fn file(fixture: &Fixture) -> PathBuf {
    let url = fixture.url();
    url.strip_prefix("sqlite:").expect("a file").into()
}

#[track_caller]
fn check_single_file(fixture: &Fixture) {
    let path = file(fixture);
    let folder = path.parent().expect("a folder");
    let names: Vec<_> = folder
        .read_dir()
        .expect("readable")
        .map(|file| file.expect("readable").file_name())
        .collect();
    assert_eq!(names, [path.file_name().expect("a name")]);
}

pub(crate) async fn nodes_may_start_at_once(fixture: &Fixture) {
    let nodes = join_all((0..4).map(|_| fixture.open())).await;
    for log in &nodes {
        append_one(log, "a").await;
    }
    for log in &nodes {
        assert_eq!(everything(log).await.len(), 4);
    }
}

pub(crate) async fn positions_have_no_gaps_with_two_nodes(fixture: &Fixture) {
    let nodes = [fixture.open().await, fixture.open().await];
    let writers = (0..32).map(|writer| {
        let log = Arc::clone(&nodes[writer % 2]);
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for round in 0..20 {
                let (id, appended) = append_one(&log, &format!("stream-{}", round % 5)).await;
                acknowledged.push((id, appended.position));
            }
            acknowledged
        })
    });
    let acknowledged = join_all(writers).await;
    for log in &nodes {
        let events = everything(log).await;
        assert_eq!(events.len(), 32 * 20);
        for of_one in &acknowledged {
            check_acknowledged(&events, of_one.as_ref().expect("no panic"));
        }
    }
}

pub(crate) async fn a_revision_is_won_by_one_of_two_nodes(fixture: &Fixture) {
    let (one, other) = (fixture.open().await, fixture.open().await);
    append_one(&one, "prize").await;
    for revision in 0..30 {
        let attempt = async |log: &Arc<dyn eventlog::EventLog>| {
            let expected = ExpectedRevision::Exact(revision);
            log.append(&stream("prize"), expected, vec![event("mine")])
                .await
        };
        match join(attempt(&one), attempt(&other)).await {
            (Ok(won), Err(Error::Conflict { actual, .. }))
            | (Err(Error::Conflict { actual, .. }), Ok(won)) => {
                assert_eq!((won.revision, actual), (revision + 1, Some(revision + 1)));
            }
            both => panic!("{both:?}"),
        }
    }
    assert_eq!(everything(&one).await, everything(&other).await);
}

pub(crate) async fn a_repetition_at_another_node_is_recognised(fixture: &Fixture) {
    let (one, other) = (fixture.open().await, fixture.open().await);
    append_one(&one, "a").await;
    let event = event("once");
    let append = async |log: &Arc<dyn eventlog::EventLog>| {
        log.append(
            &stream("a"),
            ExpectedRevision::Exact(0),
            vec![event.clone()],
        )
        .await
    };
    let first = append(&one).await.expect("appended");
    append_one(&one, "a").await;
    let again = append(&other).await.expect("answered");
    assert_eq!(
        again,
        Appended {
            repeated: true,
            ..first
        }
    );
    assert_eq!(everything(&other).await.len(), 3);
}

pub(crate) async fn a_subscriber_hears_of_what_another_node_appended(fixture: &Fixture) {
    let (one, other) = (fixture.open().await, fixture.open().await);
    let mut subscription = subscribe(one, Position::START);
    for position in 1..=5 {
        append_one(&other, "a").await;
        let batch = timeout(PATIENCE, subscription.next())
            .await
            .expect("in time")
            .expect("read");
        assert_eq!(batch.last, Position(position));
    }
}
