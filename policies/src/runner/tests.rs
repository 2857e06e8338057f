//! At least once, in order, from the checkpoint; what fails is tried again where all can see it.

use super::*;
use crate::Trouble;
use crate::testing::{Deed, House, PATIENCE, Told, person, until};
use commands::identity::Provider;
use domain::StreamName;
use domain::user::{Gender, UserRegistered};
use eventlog::{Append, Appended, Error, SqliteLog, StoredEvent};
use std::sync::atomic::{AtomicUsize, Ordering};

async fn checkpoint(house: &House) -> Option<Position> {
    let position = house.commands.state().policy_checkpoint("told").await;
    position.expect("an answer")
}

#[tokio::test]
async fn a_policy_that_never_ran_begins_with_what_happens_from_now_on() {
    let house = House::new().await;
    let before = house.ask(1).await;
    let told = Told::to(|_, _| Deed::Succeed);
    let mut policies = house.run(told.clone()).await;
    assert_eq!(checkpoint(&house).await, Some(before));
    let after = house.ask(2).await;
    told.has_seen(1).await;
    policies.stop(PATIENCE).await;
    assert_eq!(told.seen(), [after.0]);
    assert_eq!(checkpoint(&house).await, Some(after));
}

/// A log that counts how often it is asked what happened.
struct Counted {
    log: SqliteLog,
    asked: AtomicUsize,
}

#[async_trait::async_trait]
impl EventLog for Counted {
    async fn append_batch(
        &self,
        appends: Vec<Append>,
    ) -> Result<Vec<Result<Appended, Error>>, Error> {
        self.log.append_batch(appends).await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from_revision: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        self.log.read_stream(stream, from_revision, limit).await
    }

    async fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.log.read_all(after, filter, limit).await
    }

    fn recent(&self, after: Position, limit: usize) -> Option<Vec<Arc<RecordedEvent>>> {
        self.log.recent(after, limit)
    }

    async fn head(&self) -> Result<Position, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.log.head().await
    }

    async fn changed(&self, seen: Position) {
        self.log.changed(seen).await;
    }

    async fn close(&self) {
        self.log.close().await;
    }
}

#[tokio::test]
async fn the_log_is_not_asked_what_this_process_has_just_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = SqliteLog::open(&folder.path().join("events.sqlite")).await;
    let log = Arc::new(Counted {
        log: log.expect("a log"),
        asked: AtomicUsize::new(0),
    });
    let house = House::on(log.clone(), Provider::Local).await;
    let told = Told::to(|_, _| Deed::Succeed);
    let mut policies = house.run(told.clone()).await;
    house.ask(1).await;
    told.has_seen(1).await;
    let asked = log.asked.load(Ordering::SeqCst);
    for user in 2..=4 {
        house.ask(user).await;
        told.has_seen(user.into()).await;
    }
    policies.stop(PATIENCE).await;
    assert_eq!(told.seen(), [1, 2, 3, 4]);
    assert_eq!(log.asked.load(Ordering::SeqCst), asked);
}

#[tokio::test]
async fn after_a_restart_it_goes_on_where_it_was() {
    let house = House::new().await;
    let told = Told::to(|_, _| Deed::Succeed);
    house.run(told.clone()).await.stop(PATIENCE).await;
    let while_away = [house.ask(1).await.0, house.ask(2).await.0];
    let mut policies = house.run(told.clone()).await;
    told.has_seen(2).await;
    policies.stop(PATIENCE).await;
    house.run(told.clone()).await.stop(PATIENCE).await;
    assert_eq!(told.seen(), while_away);
}

#[tokio::test]
async fn what_was_done_but_not_noted_before_a_crash_is_done_again() {
    let house = House::new().await;
    let hanging = Told::to(|event, _| match event.position.0 {
        2 => Deed::Hang,
        _ => Deed::Succeed,
    });
    house.run(hanging.clone()).await.stop(PATIENCE).await;
    house.ask(1).await;
    house.ask(2).await;
    let policies = house.run(hanging.clone()).await;
    hanging.has_seen(2).await;
    drop(policies);

    let told = Told::to(|_, _| Deed::Succeed);
    let mut policies = house.run(told.clone()).await;
    told.has_seen(2).await;
    policies.stop(PATIENCE).await;
    assert_eq!(told.seen(), [1, 2]);
}

#[tokio::test]
async fn what_fails_is_tried_again_and_shown_while_the_next_waits() {
    let house = House::new().await;
    let (open, gate) = watch::channel(false);
    let told = Told::to(move |event, attempt| match (event.position.0, attempt) {
        (1, 1) => Deed::Panic,
        (1, _) if !*gate.borrow() => Deed::Fail,
        _ => Deed::Succeed,
    });
    let mut policies = house.run(told.clone()).await;
    house.ask(1).await;
    house.ask(2).await;
    told.has_seen(3).await;
    let board = house.commands.policies();
    until("the failure is shown", async || {
        let failing = board.status()[0].failing.clone();
        failing.is_some_and(|failing| failing.attempts >= 2)
    })
    .await;
    let status = board.status();
    assert_eq!((status[0].name, status[0].position), ("told", Position(0)));
    let failing = status[0].failing.clone().expect("a failure");
    assert_eq!(failing.since, house.commands.clock().now());
    assert_eq!(failing.error, "the test says so");
    assert!(!told.seen().contains(&2), "{:?}", told.seen());

    open.send_replace(true);
    until("both are done", async || {
        let status = board.status();
        status[0].position == Position(2) && status[0].failing.is_none()
    })
    .await;
    policies.stop(PATIENCE).await;
    assert_eq!(told.attempts(), 1, "each event counts its own attempts");
}

#[tokio::test]
async fn several_workers_do_not_wait_for_each_other_but_the_checkpoint_waits_for_all() {
    let house = House::new().await;
    let (open, gate) = watch::channel(false);
    let told = Told::to(move |event, _| match event.position.0 {
        1 if !*gate.borrow() => Deed::Fail,
        _ => Deed::Succeed,
    });
    let told = Arc::new(Busy(told));
    house.run(told.clone()).await.stop(PATIENCE).await;
    for user in 1..=3 {
        house.ask(user).await;
    }
    let mut policies = house.run(told.clone()).await;
    until("the second is done", async || told.0.seen().contains(&2)).await;
    assert_eq!(checkpoint(&house).await, Some(Position(0)));
    open.send_replace(true);
    until("all are done", async || {
        house.commands.policies().status()[0].position == Position(3)
    })
    .await;
    policies.stop(PATIENCE).await;
    assert_eq!(checkpoint(&house).await, Some(Position(3)));
}

/// Does two things at once.
struct Busy(Arc<Told>);

#[async_trait::async_trait]
impl Policy for Busy {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn kinds(&self) -> &'static [EventKind] {
        self.0.kinds()
    }

    fn workers(&self) -> usize {
        2
    }

    async fn react(&self, event: &RecordedEvent, attempt: u32) -> Result<(), Trouble> {
        self.0.react(event, attempt).await
    }
}

#[tokio::test]
async fn stopping_waits_for_no_retry() {
    let house = House::new().await;
    let told = Told::to(|_, _| Deed::Fail);
    let pace = Pace {
        first: 10 * PATIENCE,
        most: 10 * PATIENCE,
    };
    let (commands, projections) = (house.commands.clone(), house.projections.clone());
    let mut policies = Policies::start(vec![told.clone()], commands, projections, pace)
        .await
        .expect("stores");
    house.ask(1).await;
    told.has_seen(1).await;
    tokio::time::timeout(PATIENCE, policies.stop(10 * PATIENCE))
        .await
        .expect("stopped at once");
    assert_eq!(checkpoint(&house).await, Some(Position(0)));
}

/// Looks for everybody who registers among the profiles.
struct Reader {
    projections: Arc<Projections>,
    found: AtomicUsize,
    missed: AtomicUsize,
}

#[async_trait::async_trait]
impl Policy for Reader {
    fn name(&self) -> &'static str {
        "reader"
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::UserRegistered]
    }

    async fn react(&self, event: &RecordedEvent, _: u32) -> Result<(), Trouble> {
        if let domain::Event::UserRegistered(registered) = &event.event {
            let found = self
                .projections
                .profiles
                .many(&[registered.user_id])
                .await?;
            let count = if found.is_empty() {
                &self.missed
            } else {
                &self.found
            };
            count.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_read_models_have_applied_what_a_policy_sees() {
    let house = House::new().await;
    let reader = Arc::new(Reader {
        projections: house.projections.clone(),
        found: AtomicUsize::new(0),
        missed: AtomicUsize::new(0),
    });
    let mut policies = house.run(reader.clone()).await;
    for number in 0..100 {
        let registered = UserRegistered {
            user_id: person(number),
            name: "Ana".into(),
            gender: Gender::Unset,
            wb_uid: None,
        };
        house.append(number, registered).await;
    }
    until("all have registered", async || {
        reader.found.load(Ordering::SeqCst) + reader.missed.load(Ordering::SeqCst) == 100
    })
    .await;
    policies.stop(PATIENCE).await;
    assert_eq!(reader.missed.load(Ordering::SeqCst), 0);
}

/// Does something about requests to share a while after them.
struct Patient(Arc<Told>);

#[async_trait::async_trait]
impl Policy for Patient {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn kinds(&self) -> &'static [EventKind] {
        self.0.kinds()
    }

    fn after_ms(&self) -> i64 {
        10_000
    }

    async fn react(&self, event: &RecordedEvent, attempt: u32) -> Result<(), Trouble> {
        self.0.react(event, attempt).await
    }
}

#[tokio::test]
async fn a_policy_that_waits_after_an_event_goes_by_the_clock_of_the_house() {
    let house = House::new().await;
    let told = Told::to(|_, _| Deed::Succeed);
    let mut policies = house.run(Arc::new(Patient(told.clone()))).await;
    let first = house.ask(1).await;
    house.pass(9_999);
    policies.stop(PATIENCE).await;
    assert_eq!(told.seen(), [0; 0]);
    assert_eq!(checkpoint(&house).await, Some(Position::START));

    let mut policies = house.run(Arc::new(Patient(told.clone()))).await;
    house.pass(1);
    told.has_seen(1).await;
    policies.stop(PATIENCE).await;
    assert_eq!(told.seen(), [first.0]);
    assert_eq!(checkpoint(&house).await, Some(first));
}
