//! Whenever a message has waited for its receiver for some time, wake the receiver's device through
//! the gateway that knows it (seed §33.3).
//!
//! One policy for each of Apple's gateways, so that neither waits for the other. How a gateway is
//! asked stands in [`apns`], what the device shows in [`payload`]. A crash may wake a device again,
//! under the same id and in the place of what it shows already.

mod answer;
mod apns;
mod payload;
mod provider_token;
#[cfg(test)]
mod tests;

pub use apns::{Apns, ApnsSettings, ApnsSetupError};

use crate::{Policy, Trouble, because_of, step_id};
use answer::{ApnsError, Verdict};
use apns::Notification;
use commands::{Commands, Error};
use domain::chat::{ADMINISTRATOR, Destination, MessageSent};
use domain::push::Gateway;
use domain::{Event, EventKind, Millis, Party, UserId};
use eventlog::RecordedEvent;
use payload::Alert;
use projections::{BoundDevice, Projections};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// How many messages a gateway is busy with at once.
const WORKERS: usize = 64;

/// A message older than this wakes nobody any more, in milliseconds.
const STALE_MS: i64 = 60 * 60 * 1000;

/// How long a gateway keeps a message for a device that is off, in seconds since it was sent.
const KEPT_S: i64 = 24 * 60 * 60;

/// How often a gateway that answers others is asked about a message; at the usual pace, for half a
/// minute. One that answers nobody is asked until the message is stale.
const ATTEMPTS: u32 = 6;

/// Who the administrator is to people.
const HOUSE: &str = "脸脸";

/// The policy of one gateway.
pub struct Push {
    gateway: Gateway,
    commands: Arc<Commands>,
    projections: Arc<Projections>,
    apns: Arc<Apns>,
    after_ms: i64,
    /// When the gateway answered last.
    answered: AtomicI64,
}

/// A message about which somebody is to be woken.
struct Waiting {
    to: UserId,
    bound: BoundDevice,
    /// The sender's name, if there is one.
    name: Option<String>,
    /// How many messages wait altogether.
    badge: u64,
}

impl Push {
    /// The policies of both gateways. A message that has not arrived `after_ms` after it was sent
    /// wakes its receiver: until then a client that is there has shown that it is.
    #[must_use]
    pub fn both(
        commands: &Arc<Commands>,
        projections: &Arc<Projections>,
        apns: &Arc<Apns>,
        after_ms: i64,
    ) -> Vec<Arc<dyn Policy>> {
        let policy = |gateway| {
            Arc::new(Self {
                gateway,
                commands: commands.clone(),
                projections: projections.clone(),
                apns: apns.clone(),
                after_ms,
                answered: AtomicI64::new(i64::MIN),
            })
        };
        vec![policy(Gateway::Distribution), policy(Gateway::Development)]
    }

    fn now(&self) -> Millis {
        self.commands.clock().now()
    }

    /// What somebody is to be woken about; `None` when they have heard of it, or this gateway
    /// knows no device of theirs.
    async fn waiting(
        &self,
        event: &RecordedEvent,
        message: &MessageSent,
        to: UserId,
    ) -> Result<Option<Waiting>, Trouble> {
        let inbox = &self.projections.inbox;
        if !inbox.waits(to.into(), event.position).await? {
            return Ok(None);
        }
        let bound = self.projections.push_tokens.bound(to).await?;
        let Some(bound) = bound.filter(|bound| bound.device.state == self.gateway) else {
            return Ok(None);
        };
        let people: Vec<UserId> = message.from.user().into_iter().chain([to]).collect();
        let mut profiles = self.projections.profiles.many(&people).await?;
        let shut_out = profiles.get(&to).is_some_and(|profile| profile.banned);
        // Somebody may have been put on the blacklist since.
        if shut_out || self.commands.is_unwanted(message.from, to.into()).await? {
            return Ok(None);
        }
        let name = match message.from {
            Party::User(ADMINISTRATOR) => Some(HOUSE.to_owned()),
            Party::User(from) => profiles.remove(&from).map(|profile| profile.name),
            Party::Shop(shop) => {
                let shops = &self.projections.shop_index;
                shops.read(|shops| shops.name(shop).map(str::to_owned))
            }
        };
        let badge = inbox.count(to.into()).await?;
        Ok((badge > 0).then_some(Waiting {
            to,
            bound,
            name,
            badge,
        }))
    }

    /// Asks the gateway to wake the device of somebody.
    async fn wake(
        &self,
        event: &RecordedEvent,
        message: &MessageSent,
        waiting: &Waiting,
    ) -> Result<Verdict, ApnsError> {
        let alert = Alert {
            from: message.from,
            name: waiting.name.as_deref(),
            body: &message.body,
            badge: waiting.badge,
        };
        let notification = Notification {
            id: step_id("push", event, "notification"),
            // Of the receiver too, for devices change hands.
            collapse_id: format!("{}-{}", message.from, waiting.to),
            expires_s: event.time.0 / 1000 + KEPT_S,
            payload: alert.to_json(),
        };
        let asked = self
            .apns
            .wake(&waiting.bound.device, &notification, self.now());
        let answer = asked.await;
        if !matches!(answer, Err(ApnsError::Away(_) | ApnsError::Settings(_))) {
            self.answered.store(self.now().0, Ordering::Relaxed);
        }
        answer
    }

    /// Wakes a device no longer that its gateway does not know, unless it was reported after
    /// `since`, when the gateway found that out.
    async fn let_go(
        &self,
        event: &RecordedEvent,
        waiting: Waiting,
        since: Option<Millis>,
    ) -> Result<(), Trouble> {
        let Waiting { to, bound, .. } = waiting;
        if since.is_some_and(|since| bound.since >= since) {
            return Ok(());
        }
        let (id, by) = (
            step_id("push", event, "unbound"),
            because_of(self.name(), event),
        );
        let let_go = self.commands.let_device_go(to, bound.device, id, &by);
        match let_go.await {
            Ok(_) => Ok(()),
            Err(Error::Rejected(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it is this message that the gateway does not like, and it would fail each time.
    fn is_hopeless(&self, event: &RecordedEvent, attempt: u32) -> bool {
        let due = event.time.0.saturating_add(self.after_ms);
        attempt >= ATTEMPTS && self.answered.load(Ordering::Relaxed) >= due
    }
}

#[async_trait::async_trait]
impl Policy for Push {
    fn name(&self) -> &'static str {
        match self.gateway {
            Gateway::Distribution => "push_production",
            Gateway::Development => "push_development",
        }
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::MessageSent]
    }

    fn workers(&self) -> usize {
        WORKERS
    }

    fn after_ms(&self) -> i64 {
        self.after_ms
    }

    async fn react(&self, event: &RecordedEvent, attempt: u32) -> Result<(), Trouble> {
        let Event::MessageSent(message) = &event.event else {
            return Ok(());
        };
        let Destination::To(Party::User(to)) = message.to else {
            return Ok(());
        };
        if message.from == to.into() {
            return Ok(());
        }
        let (policy, position) = (self.name(), event.position.0);
        if self.now().0.saturating_sub(event.time.0) > STALE_MS {
            if attempt > 1 {
                tracing::warn!(policy, position, "nobody could be woken for too long");
            }
            return Ok(());
        }
        let Some(waiting) = self.waiting(event, message, to).await? else {
            return Ok(());
        };
        match self.wake(event, message, &waiting).await {
            Ok(Verdict::Woken) => Ok(()),
            Ok(Verdict::Unknown { reason, since }) => {
                tracing::info!(policy, %to, reason, "a device is not known to its gateway");
                self.let_go(event, waiting, since).await
            }
            Ok(Verdict::Refused { reason }) => {
                tracing::warn!(policy, position, reason, "nobody is woken for a message");
                Ok(())
            }
            Err(error) if self.is_hopeless(event, attempt) => {
                tracing::warn!(policy, position, %error, "nobody is woken for a message");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}
