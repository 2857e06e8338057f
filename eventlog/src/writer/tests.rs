use super::*;
use crate::plan::Facts;
use crate::{ExpectedRevision, Metadata, NewEvent};
use domain::shop::ShopClosed;
use domain::{Millis, ShopId, StreamName};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// An engine that writes a batch when it is told to, and fails when told so.
struct Told {
    /// One permit for each batch.
    go: Arc<Semaphore>,
    fail: Arc<Mutex<bool>>,
    batches: Arc<Mutex<Vec<usize>>>,
    head: u64,
}

impl Engine for Told {
    async fn commit(&mut self, batch: &[Prepared]) -> Result<Committed, Error> {
        self.batches.lock().expect("whole").push(batch.len());
        self.go.acquire().await.expect("open").forget();
        if *self.fail.lock().expect("whole") {
            return Err(Error::Unavailable("told to fail".into()));
        }
        let plan = Facts {
            head: self.head,
            ..Facts::default()
        }
        .plan(batch);
        self.head = plan.head.0;
        Ok(Committed {
            recorded: plan.recorded(),
            answers: plan.answers,
            head: plan.head,
        })
    }

    async fn close(self) {}
}

struct Stage {
    writer: Arc<Writer>,
    go: Arc<Semaphore>,
    fail: Arc<Mutex<bool>>,
    batches: Arc<Mutex<Vec<usize>>>,
}

fn stage() -> Stage {
    let (go, fail, batches) = (Arc::new(Semaphore::new(0)), Arc::default(), Arc::default());
    let engine = Told {
        go: Arc::clone(&go),
        fail: Arc::clone(&fail),
        batches: Arc::clone(&batches),
        head: 0,
    };
    let writer = Writer::start(engine, Arc::new(Bell::new(Position::START)), Arc::default());
    Stage {
        writer: Arc::new(writer),
        go,
        fail,
        batches,
    }
}

impl Stage {
    /// A caller of its own with so many appends.
    fn call(&self, appends: usize) -> JoinHandle<Result<Vec<Result<Appended, Error>>, Error>> {
        let writer = Arc::clone(&self.writer);
        let appends = (0..appends).map(|_| append(1)).collect();
        tokio::spawn(async move { writer.append_batch(appends).await })
    }

    async fn until_begun(&self, batches: usize) {
        eventually(|| self.batches.lock().expect("whole").len() == batches).await;
    }
}

async fn eventually(is_so: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < give_up, "it never came to that");
        tokio::task::yield_now().await;
    }
}

fn append(events: usize) -> Append {
    let shop_id = ShopId::new(7).expect("an id");
    let event = |_| NewEvent {
        id: Uuid::now_v7(),
        time: Millis(0),
        event: ShopClosed { shop_id }.into(),
        metadata: Metadata::default(),
    };
    let stream = StreamName::from_stored(Uuid::now_v7().to_string());
    Append::new(
        stream,
        ExpectedRevision::Any,
        (0..events).map(event).collect(),
    )
}

#[tokio::test]
async fn what_comes_while_a_batch_is_written_is_the_next_batch() {
    let stage = stage();
    let first = stage.call(1);
    stage.until_begun(1).await;
    let rest = stage.call(100);
    let queue = stage.writer.queue().expect("open");
    eventually(|| queue.capacity() == QUEUE - 100).await;
    stage.go.add_permits(2);
    assert_eq!(first.await.expect("no panic").expect("there").len(), 1);
    assert_eq!(rest.await.expect("no panic").expect("there").len(), 100);
    assert_eq!(*stage.batches.lock().expect("whole"), [1, 100]);
}

#[tokio::test]
async fn a_batch_has_no_more_events_than_one_append_may_have() {
    let stage = stage();
    stage.go.add_permits(10);
    let appends = [1_000, 24, 1, 1_024, 3].map(append).into_iter().collect();
    let answers = stage.writer.append_batch(appends).await.expect("there");
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(*stage.batches.lock().expect("whole"), [2, 1, 1, 1]);
}

#[tokio::test]
async fn a_failed_batch_is_answered_and_the_next_one_written() {
    let stage = stage();
    stage.go.add_permits(2);
    *stage.fail.lock().expect("whole") = true;
    let failed = stage.writer.append_batch(vec![append(1)]).await;
    assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    *stage.fail.lock().expect("whole") = false;
    assert!(stage.writer.append_batch(vec![append(1)]).await.is_ok());
}

#[tokio::test]
async fn an_append_that_makes_no_sense_does_not_harm_its_neighbours() {
    let stage = stage();
    stage.go.add_permits(1);
    let appends = vec![append(1), append(0), append(1_025), append(1)];
    let answers = stage.writer.append_batch(appends).await.expect("there");
    let went_in: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(went_in, [true, false, false, true]);
}

#[tokio::test]
async fn a_caller_that_goes_away_loses_nothing_and_stops_nobody() {
    let stage = stage();
    let (written, queued) = (stage.call(1), stage.call(1));
    stage.until_begun(1).await;
    written.abort();
    queued.abort();
    assert!(written.await.expect_err("aborted").is_cancelled());
    assert!(queued.await.expect_err("aborted").is_cancelled());
    stage.go.add_permits(10);
    let answers = stage
        .writer
        .append_batch(vec![append(1)])
        .await
        .expect("there");
    assert_eq!(answers[0].as_ref().expect("appended").position, Position(3));
}

#[tokio::test]
async fn closing_finishes_what_was_accepted_and_takes_no_more() {
    let stage = stage();
    let accepted = stage.call(1);
    stage.until_begun(1).await;
    let writer = Arc::clone(&stage.writer);
    let closed = tokio::spawn(async move { writer.close().await });
    eventually(|| stage.writer.queue().is_none()).await;
    let late = stage.writer.append_batch(vec![append(1)]).await;
    assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
    assert!(!closed.is_finished());
    stage.go.add_permits(1);
    assert!(accepted.await.expect("no panic").is_ok());
    closed.await.expect("no panic");
}
