//! A house in this process: stores of one's choice in a folder of its own, a clock that a test
//! moves, a fixed secret, and its doors on ports of the loopback interface.

mod blobs;

use super::answer::same;
use super::chatter::Chatter;
use super::clock::{HOUR, ManualClock};
use super::door::{ADMIN_TOKEN, Door};
use super::phone::Phone;
use super::poll::{PATIENCE, eventually};
use super::xmpp_door::{XmppDoor, xmpp_settings};
use api::{Pictures, Settings};
use commands::identity::{Provider, Weibo, WeiboSettings};
use commands::{Commands, Secret, State};
use domain::Position;
use eventlog::memory::MemoryLog;
use eventlog::{EventLog, Filter, StoredEvent};
use media::blobs::Blobs;
use media::links::Links;
use policies::{Apns, ApnsSettings, Pace, Policies, Push};
use projections::{Options, Projections};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How soon a policy tries again.
const PACE: Pace = Pace {
    first: Duration::from_millis(100),
    most: Duration::from_secs(10),
};

/// Where a house keeps what must survive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stores {
    /// The log in memory, everything else on SQLite.
    Memory,
    Sqlite,
    Postgres,
}

/// A house that answers requests.
pub(crate) struct House {
    door: Door,
    pub(crate) clock: ManualClock,
    plan: Plan,
    parts: Parts,
    /// Up to where [`House::happened`] has read.
    seen: Mutex<Position>,
}

/// What stays when the house is torn down and built again.
struct Plan {
    stores: Stores,
    log_url: String,
    read_url: String,
    state_url: String,
    settings: Settings,
    /// Where pictures are kept.
    blobs: media::blobs::Settings,
    /// How Weibo is asked, if it knows people's names and passwords.
    weibo: Option<WeiboSettings>,
    /// How XMPP is spoken.
    xmpp: xmpp::Settings,
    /// Who wakes phones, and how long after a message, in milliseconds; if they are woken.
    push: Option<(Arc<Apns>, i64)>,
    /// The log of a house that has it in memory.
    memory: Arc<MemoryLog>,
    folder: TempDir,
}

/// What is torn down.
struct Parts {
    log: Arc<dyn EventLog>,
    commands: Arc<Commands>,
    projections: Arc<Projections>,
    blobs: Blobs,
    policies: Policies,
    xmpp: XmppDoor,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
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

impl Plan {
    fn new(stores: Stores, settings: Settings) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
        let (log_url, read_url, state_url) = match stores {
            Stores::Memory | Stores::Sqlite => (
                file("events.sqlite"),
                file("read.sqlite"),
                file("state.sqlite"),
            ),
            Stores::Postgres => {
                let url = test_postgres::database().url().to_owned();
                (url.clone(), url.clone(), url)
            }
        };
        let memory = Arc::new(MemoryLog::new());
        let blobs = media::blobs::Settings {
            url: format!("file://{}", folder.path().join("blobs").display()),
            ..Default::default()
        };
        Self {
            stores,
            log_url,
            read_url,
            state_url,
            settings,
            blobs,
            weibo: None,
            xmpp: xmpp_settings(),
            push: None,
            memory,
            folder,
        }
    }

    /// Read models are made anew, in a database of their own.
    fn forget_read_models(&mut self) {
        let snapshots = self.folder.path().join("snapshots");
        let _ = std::fs::remove_dir_all(snapshots);
        self.read_url = match self.stores {
            Stores::Memory | Stores::Sqlite => {
                let path = self.folder.path().join("read-again.sqlite");
                format!("sqlite:{}", path.display())
            }
            Stores::Postgres => test_postgres::database().url().to_owned(),
        };
    }

    async fn build(&self, clock: &ManualClock) -> (Parts, String) {
        let log: Arc<dyn EventLog> = match self.stores {
            Stores::Memory => self.memory.clone(),
            Stores::Sqlite | Stores::Postgres => {
                eventlog::open(&self.log_url).await.expect("a log")
            }
        };
        let snapshots = self.folder.path().join("snapshots");
        std::fs::create_dir_all(&snapshots).expect("a folder");
        let options = Options {
            read_url: self.read_url.clone(),
            snapshot_dir: Some(snapshots),
            snapshot_every: 50_000,
            timezone: self.settings.timezone.clone(),
        };
        let projections = Projections::start(log.clone(), options)
            .await
            .expect("read models");
        projections.caught_up().await;
        let state = State::open(&self.state_url)
            .await
            .expect("a state database");
        let secret = Secret::new(*b"the secret of the tests");
        let provider = match &self.weibo {
            Some(settings) => {
                let weibo = Weibo::new(settings.clone()).expect("a client");
                Provider::Weibo(Box::new(weibo))
            }
            None => Provider::Local,
        };
        let commands = Commands::new(log.clone(), state, secret, clock.for_the_house())
            .with_provider(provider)
            .with_timezone(self.settings.timezone.clone());
        let commands = Arc::new(commands);
        let blobs = Blobs::open(&self.blobs).expect("a blob store");
        let mut policies = policies::all(
            &commands,
            &projections,
            &blobs,
            self.settings.presence_window_ms,
        );
        if let Some((apns, after_ms)) = &self.push {
            policies.extend(Push::both(&commands, &projections, apns, *after_ms));
        }
        let policies = Policies::start(policies, commands.clone(), projections.clone(), PACE);
        let policies = policies.await.expect("policies");
        let pictures = Pictures::new(
            blobs.clone(),
            Links::new(b"the secret of the tests"),
            self.folder.path().to_owned(),
        );
        let app = api::App::new(
            commands.clone(),
            projections.clone(),
            pictures,
            self.settings.clone(),
        );
        let xmpp = XmppDoor::open(
            log.clone(),
            commands.clone(),
            projections.clone(),
            blobs.clone(),
            &app,
            self.xmpp.clone(),
        )
        .await;
        let router = xmpp
            .websocket_router()
            .fallback_service(api::router(app))
            .into_make_service_with_connect_info::<SocketAddr>();

        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            let serve = axum::serve(listener, router).with_graceful_shutdown(async {
                let _ = stopped.await;
            });
            serve.await.expect("a listener");
        });
        (
            Parts {
                log,
                commands,
                projections,
                blobs,
                policies,
                xmpp,
                stop,
                serving,
            },
            base,
        )
    }
}

impl Parts {
    async fn tear_down(mut self, stores: Stores) {
        let _ = self.stop.send(());
        self.serving.await.expect("a listener that stops");
        self.xmpp.close().await;
        self.policies.stop(PATIENCE).await;
        self.projections.stop().await;
        self.commands.state().close().await;
        if stores != Stores::Memory {
            self.log.close().await;
        }
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
