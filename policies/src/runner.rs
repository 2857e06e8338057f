//! Runs the policies: each follows the log from its own checkpoint, in a task of its own.
//!
//! What fails is tried again, longer and longer apart, and shown on the board of
//! [`commands::PolicyBoard`]; the events behind it wait. Of several nodes on one state database,
//! one runs a policy.

mod insist;
#[cfg(test)]
mod tests;

pub use insist::Pace;

use crate::Policy;
use commands::{Commands, Lead, StateError};
use domain::{EventKind, Position};
use eventlog::{Delivery, EventLog, Filter, RecordedEvent, codec};
use futures_util::{FutureExt, StreamExt, stream};
use insist::Insist;
use projections::Projections;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How many events are read at once.
const PAGE: usize = 256;

/// How long a policy rests after it was woken, so that a busy log does not wake it all the time.
const BREATH: Duration = Duration::from_millis(20);

/// How often a node asks whether the node that runs a policy is still there.
const STANDBY: Duration = Duration::from_secs(5);

/// How often the clock is asked by who waits for a time of it: it may be set.
const GLANCE: Duration = Duration::from_millis(250);

/// How many positions without an event for the policy may pass until that is noted.
const IDLE_POSITIONS: u64 = 10_000;

/// All policies at work. Dropping it ends them wherever they are.
pub struct Policies {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// Why the policies could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The event log is away.
    #[error(transparent)]
    Log(#[from] eventlog::Error),
    /// The state database is away.
    #[error(transparent)]
    State(#[from] StateError),
}

impl Policies {
    /// Starts `policies`; they tell how they are on the board of `commands`. A policy that never
    /// ran begins with what happens from now on.
    ///
    /// # Errors
    /// When a store is away.
    pub async fn start(
        policies: Vec<Arc<dyn Policy>>,
        commands: Arc<Commands>,
        projections: Arc<Projections>,
        pace: Pace,
    ) -> Result<Self, StartError> {
        let (stop, stopping) = watch::channel(false);
        let mut tasks = Vec::with_capacity(policies.len());
        for policy in policies {
            let name = policy.name();
            let position = match commands.state().policy_checkpoint(name).await? {
                Some(position) => position,
                None => {
                    let head = commands.log().head().await?;
                    commands.state().save_policy_checkpoint(name, head).await?;
                    head
                }
            };
            commands.policies().moved(name, position);
            let types = policy.kinds().iter().map(|kind| kind.name().to_owned());
            let follower = Follower {
                insist: Insist::new(name, &commands, pace, stopping.clone()),
                filter: Filter {
                    types: types.collect(),
                    ..Filter::default()
                },
                policy,
                commands: commands.clone(),
                projections: projections.clone(),
            };
            tasks.push(tokio::spawn(follower.run()));
        }
        Ok(Self { stop, tasks })
    }

    /// Lets each policy finish the event at hand, if that takes no longer than `limit`.
    pub async fn stop(&mut self, limit: Duration) {
        self.stop.send_replace(true);
        let end = tokio::time::Instant::now() + limit;
        for mut task in self.tasks.drain(..) {
            if tokio::time::timeout_at(end, &mut task).await.is_err() {
                tracing::warn!("a policy did not stop in time; it may repeat what it was doing");
                task.abort();
            }
        }
    }
}

impl Drop for Policies {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// One policy and its way through the log. What returns `None` was told to stop.
struct Follower {
    insist: Insist,
    filter: Filter,
    policy: Arc<dyn Policy>,
    commands: Arc<Commands>,
    projections: Arc<Projections>,
}

impl Follower {
    async fn run(self) {
        while let Some(mut lead) = self.lead().await {
            if self.follow(&mut lead).await.is_none() {
                lead.give_up().await;
                break;
            }
            tracing::warn!(policy = self.policy.name(), "another node may take over");
        }
    }

    /// Waits until no other node runs the policy.
    async fn lead(&self) -> Option<Lead> {
        let (name, state) = (self.policy.name(), self.commands.state());
        loop {
            let lead = |_| async { Ok(state.lead(name).await?) };
            let lead = self.insist.on(lead).await?;
            if lead.is_some() {
                return lead;
            }
            self.insist.wait(STANDBY).await?;
        }
    }

    /// Follows the log; returns when the lead is lost.
    async fn follow(&self, lead: &mut Lead) -> Option<()> {
        let name = self.policy.name();
        let (log, state) = (self.commands.log(), self.commands.state());
        let known = |_| async { Ok(state.policy_checkpoint(name).await?) };
        let mut position = self.insist.on(known).await?.unwrap_or(Position::START);
        let mut saved = position;
        loop {
            let read = |_| self.read(&**log, position);
            let (page, head) = self.insist.on(read).await?;
            if page.is_empty() {
                position = position.max(head);
                self.commands.policies().moved(name, position);
                if position.0 - saved.0 >= IDLE_POSITIONS {
                    saved = self.save(position).await?;
                }
                self.insist.unless_stopped(log.changed(position)).await?;
                self.insist.wait(BREATH).await?;
                continue;
            }
            if !lead.is_held().await {
                return Some(());
            }
            let handled = self.handle(page, &mut position).await;
            if position > saved {
                saved = self.save(position).await?;
            }
            handled?;
        }
    }

    /// The next events for the policy, and how far the log reached before they were read. No store
    /// is asked as long as what has happened is in memory: on a busy log each policy looks often, and
    /// mostly in vain.
    async fn read(
        &self,
        log: &dyn EventLog,
        after: Position,
    ) -> Result<(Vec<Delivery>, Position), crate::Trouble> {
        if let Some(recent) = log.recent(after, usize::MAX) {
            let head = recent.last().map_or(after, |event| event.position);
            let kinds = self.policy.kinds();
            let concerned = recent
                .into_iter()
                .filter(|event| kinds.contains(&event.event.kind()));
            return Ok((concerned.map(Ok).collect(), head));
        }
        let head = log.head().await?;
        let page = log.read_all(after, &self.filter, PAGE).await?;
        let decoded = page
            .into_iter()
            .map(|event| codec::decode(event).map(Arc::new));
        Ok((decoded.collect(), head))
    }

    /// Does what is to be done about the events of a page, noting how far it got.
    async fn handle(&self, page: Vec<Delivery>, position: &mut Position) -> Option<()> {
        let mut handled = stream::iter(page)
            .map(|delivery| self.handle_one(delivery))
            .buffered(self.policy.workers());
        let mut stopped = false;
        // The results come in the order of the events. After a stop, what has begun is waited for,
        // and what has not does not begin.
        while let Some(done) = handled.next().await {
            match done {
                Some(at) if !stopped => {
                    *position = at;
                    self.commands.policies().moved(self.policy.name(), at);
                }
                Some(_) => {}
                None => stopped = true,
            }
        }
        (!stopped).then_some(())
    }

    /// Does what is to be done about an event, and answers its position.
    async fn handle_one(&self, delivery: Delivery) -> Option<Position> {
        let at = match &delivery {
            Ok(event) => event.position,
            Err(event) => event.position,
        };
        self.applied(at).await?;
        // What cannot be read is not passed over: it says so until another version can.
        let read = |_| async { Ok(delivery.clone()?) };
        let event = self.insist.on(read).await?;
        self.ripe(&event).await?;
        self.insist
            .on(|attempt| self.react(&event, attempt))
            .await?;
        Some(at)
    }

    /// Waits until the policy wants to do something about `event`.
    async fn ripe(&self, event: &RecordedEvent) -> Option<()> {
        let clock = self.commands.clock();
        // The clock of another node may be ahead; that is not waited for.
        let happened = event.time.0.min(clock.now().0);
        let ripe = happened.saturating_add(self.policy.after_ms());
        loop {
            let left = ripe.saturating_sub(clock.now().0);
            match u64::try_from(left) {
                Ok(left @ 1..) => {
                    let left = Duration::from_millis(left);
                    self.insist.wait(left.min(GLANCE)).await?;
                }
                _ => return Some(()),
            }
        }
    }

    async fn react(&self, event: &RecordedEvent, attempt: u32) -> Result<(), crate::Trouble> {
        let done = AssertUnwindSafe(self.policy.react(event, attempt)).catch_unwind();
        done.await
            .unwrap_or_else(|_| Err("the policy panicked, and that was logged".into()))
    }

    /// Waits until the read models have applied `position`, so that what the policy announces can
    /// be read. Those that are paused are not waited for.
    async fn applied(&self, position: Position) -> Option<()> {
        loop {
            let applied = self.projections.wait(position, EventKind::ALL);
            if self.insist.unless_stopped(applied).await? {
                self.insist.recovered();
                return Some(());
            }
            self.insist.failed("the read models have not caught up");
        }
    }

    /// Notes that everything up to `position` is done, also while stopping.
    async fn save(&self, position: Position) -> Option<Position> {
        let (name, state) = (self.policy.name(), self.commands.state());
        let save = |_| async move { Ok(state.save_policy_checkpoint(name, position).await?) };
        self.insist.on(save).await?;
        Some(position)
    }
}
