//! A house in this process: stores of one's choice in a folder of its own, a clock that a test
//! moves, a fixed secret, and its doors on ports of the loopback interface.

mod blobs;
mod plan;

pub(crate) use plan::Stores;

use super::answer::same;
use super::chatter::Chatter;
use super::clock::{HOUR, ManualClock};
use super::door::{ADMIN_TOKEN, Door};
use super::phone::Phone;
use super::poll::eventually;
use api::Settings;
use commands::Commands;
use commands::identity::WeiboSettings;
use domain::Position;
use eventlog::{EventLog, Filter, StoredEvent};
use plan::{Parts, Plan};
use policies::{Apns, ApnsSettings};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// A house that answers requests.
pub(crate) struct House {
    door: Door,
    pub(crate) clock: ManualClock,
    plan: Plan,
    parts: Parts,
    /// Up to where [`House::happened`] has read.
    seen: Mutex<Position>,
}

impl Deref for House {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

/// The settings of every house, unless a test changes them.
pub(crate) fn settings() -> Settings {
    Settings {
        admin_token: Some(ADMIN_TOKEN.into()),
        error_status: api::ErrorStatus::Http,
        public_host: None,
        regions: api::Regions::default(),
        app_version: 1.0,
        presence_window_ms: 12 * HOUR,
        timezone: jiff::tz::TimeZone::get("Asia/Shanghai").expect("a zone"),
        trusted_proxies: Vec::new(),
        https: false,
        weibo_require_state: false,
        limits: api::Limits::default(),
    }
}

impl House {
    /// A new house.
    pub(crate) async fn new() -> Self {
        Self::with(Stores::Memory, settings()).await
    }

    /// A new house with these stores and settings.
    pub(crate) async fn with(stores: Stores, settings: Settings) -> Self {
        Self::build(Plan::new(stores, settings)).await
    }

    /// A new house that asks Weibo who people are.
    pub(crate) async fn at_weibo(stores: Stores, settings: Settings, weibo: WeiboSettings) -> Self {
        let mut plan = Plan::new(stores, settings);
        plan.weibo = Some(weibo);
        Self::build(plan).await
    }

    /// A new house that keeps its pictures there.
    pub(crate) async fn with_blobs(stores: Stores, blobs: media::blobs::Settings) -> Self {
        let mut plan = Plan::new(stores, settings());
        plan.blobs = blobs;
        Self::build(plan).await
    }

    /// A new house whose XMPP door is set otherwise.
    pub(crate) async fn with_xmpp(change: impl FnOnce(&mut xmpp::Settings)) -> Self {
        let mut plan = Plan::new(Stores::Memory, settings());
        change(&mut plan.xmpp);
        Self::build(plan).await
    }

    /// A new house that has phones woken `after_ms` after a message that waits.
    pub(crate) async fn with_push(stores: Stores, apns: ApnsSettings, after_ms: i64) -> Self {
        let mut plan = Plan::new(stores, settings());
        let apns = Apns::new(apns).expect("a client");
        plan.push = Some((Arc::new(apns), after_ms));
        Self::build(plan).await
    }

    async fn build(plan: Plan) -> Self {
        let clock = ManualClock::new();
        let (parts, base) = plan.build(&clock).await;
        let door = Door::new(Door::client(), base);
        Self {
            door,
            clock,
            plan,
            parts,
            seen: Mutex::default(),
        }
    }

    /// Stops and starts again on the same stores, at another port; phones find it.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(|_| {}).await
    }

    /// Likewise, with other settings.
    pub(crate) async fn restart_with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let Self {
            door,
            clock,
            mut plan,
            parts,
            seen,
        } = self;
        parts.tear_down(plan.stores).await;
        change(&mut plan.settings);
        let (parts, base) = plan.build(&clock).await;
        door.moved(base);
        Self {
            door,
            clock,
            plan,
            parts,
            seen,
        }
    }

    /// Throws everything away that follows from the log, and builds it again from there.
    pub(crate) async fn restart_from_the_log_alone(self) -> Self {
        let Self {
            door,
            clock,
            mut plan,
            parts,
            seen,
        } = self;
        parts.tear_down(plan.stores).await;
        plan.forget_read_models();
        let (parts, base) = plan.build(&clock).await;
        door.moved(base);
        Self {
            door,
            clock,
            plan,
            parts,
            seen,
        }
    }

    /// Where XMPP is spoken.
    pub(crate) fn xmpp_address(&self) -> SocketAddr {
        self.parts.xmpp.address
    }

    /// The web interface of XMPP.
    pub(crate) fn xmpp_web(&self) -> Door {
        let address = self.parts.xmpp.web_address;
        Door::new(Door::client(), format!("http://{address}"))
    }

    /// Somebody's XMPP client, bound to `resource`, who has not said that they are there.
    pub(crate) async fn chatter(&self, phone: &Phone, resource: &str) -> Chatter {
        let address = self.xmpp_address();
        Chatter::log_in_with(address, &phone.id, &phone.password, resource).await
    }

    /// Somebody's XMPP client, who is there.
    pub(crate) async fn online(&self, phone: &Phone, resource: &str) -> Chatter {
        let mut chatter = self.chatter(phone, resource).await;
        chatter.comes().await;
        chatter
    }

    /// A door to hand to other tasks.
    pub(crate) fn door(&self) -> Door {
        self.door.clone()
    }

    /// What carries out commands, as the policies of the house see it.
    pub(crate) fn commands(&self) -> &Commands {
        &self.parts.commands
    }

    /// Waits until every policy has done what is to be done about everything that has happened.
    pub(crate) async fn quiet(&self) {
        eventually("every policy has read everything", async || {
            let head = self.head().await;
            let shown = self.admin("GET", "/admin/policies", Value::Null).await;
            let shown = shown.ok();
            let mut policies = shown["policies"].as_array().expect("an array").iter();
            let quiet = policies.all(|policy| policy["position"] == head.0);
            (quiet && self.head().await == head).then_some(())
        })
        .await;
    }

    /// Its log, for what would take too long to happen by requests.
    pub(crate) fn log(&self) -> &dyn EventLog {
        &*self.parts.log
    }

    /// The last position of the log.
    pub(crate) async fn head(&self) -> Position {
        self.parts.log.head().await.expect("a log")
    }

    /// The whole log as it is stored.
    pub(crate) async fn stored(&self) -> Vec<StoredEvent> {
        stored_after(&*self.parts.log, Position::START).await
    }

    /// What has happened since the last look: stream, type and contents, with names for ids.
    pub(crate) async fn happened(&self) -> Value {
        let events = self.new_events().await.into_iter().map(|event| {
            let data: Value = serde_json::from_str(&event.data).expect("JSON");
            let stream = event.stream.as_str();
            self.scrub
                .tidy(&json!({"stream": stream, "type": event.type_name, "data": data}))
        });
        events.collect()
    }

    /// The types of what has happened since the last look.
    pub(crate) async fn happened_types(&self) -> Vec<String> {
        self.new_events()
            .await
            .into_iter()
            .map(|event| event.type_name)
            .collect()
    }

    /// Whether anybody has done anything since then. What policies do of themselves does not count.
    pub(crate) async fn acted_since(&self, then: Position) -> bool {
        let events = stored_after(&*self.parts.log, then).await;
        let mut events = events.iter();
        events.any(|event| !event.metadata.contains("\"causation\""))
    }

    /// Nothing has happened since the last look.
    pub(crate) async fn nothing_happened(&self) {
        same(&self.happened().await, &json!([]));
    }

    /// What policies say is not among it: it comes when it comes, and is heard by chatters.
    async fn new_events(&self) -> Vec<StoredEvent> {
        let after = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events = stored_after(&*self.parts.log, after).await;
        if let Some(last) = events.last() {
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = last.position;
        }
        events.retain(|event| {
            event.type_name != "chat.message-sent.v1" || !event.metadata.contains("\"causation\"")
        });
        events
    }
}

async fn stored_after(log: &dyn EventLog, mut after: Position) -> Vec<StoredEvent> {
    let mut all = Vec::new();
    loop {
        let page = log
            .read_all(after, &Filter::default(), 1_000)
            .await
            .expect("a log");
        let Some(last) = page.last() else { return all };
        after = last.position;
        all.extend(page);
    }
}
