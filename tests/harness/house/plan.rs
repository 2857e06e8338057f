//! What a house is made of, and how it is put together and torn down.

use super::super::clock::ManualClock;
use super::super::poll::PATIENCE;
use super::super::xmpp_door::{XmppDoor, xmpp_settings};
use api::{Pictures, Settings};
use commands::identity::{Provider, Weibo, WeiboSettings};
use commands::{Commands, Secret, State};
use eventlog::EventLog;
use eventlog::memory::MemoryLog;
use media::blobs::Blobs;
use media::links::Links;
use policies::{Apns, Pace, Policies, Push};
use projections::{Options, Projections};
use std::net::SocketAddr;
use std::sync::Arc;
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

/// What stays when the house is torn down and built again.
pub(super) struct Plan {
    pub(super) stores: Stores,
    pub(super) log_url: String,
    pub(super) read_url: String,
    pub(super) state_url: String,
    pub(super) settings: Settings,
    /// Where pictures are kept.
    pub(super) blobs: media::blobs::Settings,
    /// How Weibo is asked, if it knows people's names and passwords.
    pub(super) weibo: Option<WeiboSettings>,
    /// How XMPP is spoken.
    pub(super) xmpp: xmpp::Settings,
    /// Who wakes phones, and how long after a message, in milliseconds; if they are woken.
    pub(super) push: Option<(Arc<Apns>, i64)>,
    /// The log of a house that has it in memory.
    pub(super) memory: Arc<MemoryLog>,
    pub(super) folder: TempDir,
}

/// What is torn down.
pub(super) struct Parts {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) commands: Arc<Commands>,
    pub(super) projections: Arc<Projections>,
    pub(super) blobs: Blobs,
    pub(super) policies: Policies,
    pub(super) xmpp: XmppDoor,
    pub(super) stop: oneshot::Sender<()>,
    pub(super) serving: JoinHandle<()>,
}

impl Plan {
    pub(super) fn new(stores: Stores, settings: Settings) -> Self {
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
    pub(super) fn forget_read_models(&mut self) {
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

    pub(super) async fn build(&self, clock: &ManualClock) -> (Parts, String) {
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
    pub(super) async fn tear_down(mut self, stores: Stores) {
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
