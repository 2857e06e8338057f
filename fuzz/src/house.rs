//! A house with an XMPP door for the router: its log in memory, one for the whole run, in which
//! every script finds people who were never there before.

use commands::{Clock, Commands, LoginGuard, LoginLimits, Secret, State};
use delivery::Dispatcher;
use domain::geo::Point;
use domain::shop::{Category, ShopDetails};
use domain::user::{Gender, UserRegistered};
use domain::{Event, Millis, Position, ShopId, StreamName, UserId};
use eventlog::memory::MemoryLog;
use eventlog::{EventLog, ExpectedRevision, Filter, Metadata, NewEvent, StoredEvent};
use jiff::tz::TimeZone;
use media::blobs::{self, Blobs};
use projections::{Options, Projections};
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;
use xmpp::{Service, Settings};

/// The domain of all JIDs.
pub(crate) const DOMAIN: &str = "dface.cn";

/// The one shop, and its room.
pub(crate) const SHOP: u64 = 77;

/// Longer than anything takes.
const LONG: Duration = Duration::from_secs(3_600);

/// Somebody who can log in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) password: String,
}

/// See the module.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    log: Arc<dyn EventLog>,
    secret: Secret,
    dispatcher: Arc<Dispatcher>,
    people: AtomicU64,
    _projections: Arc<Projections>,
    _stop: watch::Sender<bool>,
    _folder: TempDir,
}

impl House {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
        let options = Options {
            read_url: file("read.sqlite"),
            snapshot_dir: None,
            snapshot_every: u64::MAX,
            timezone: TimeZone::UTC,
        };
        let projections = Projections::start(log.clone(), options)
            .await
            .expect("read models");
        let state = State::open(&file("state.sqlite")).await.expect("a state");
        let secret = Secret::new(*b"the secret of the fuzzer");
        let clock = Clock::new(|| Millis(1_348_295_040_000));
        let commands = Commands::new(log.clone(), state, secret.clone(), clock);
        let commands = Arc::new(commands);
        let details = ShopDetails {
            name: "Café <&>".into(),
            point: Point::new(60.168, 24.938).expect("a place"),
            category: Category::Cafe,
            address: String::new(),
            phone: String::new(),
            points: Vec::new(),
        };
        let shop = ShopId::new(SHOP).expect("an id");
        // Before anybody comes, so that the read models hold it.
        let registered = commands.register_shop(shop, details).await;
        drop(registered.expect("a shop"));
        projections.caught_up().await;
        let dispatcher = Dispatcher::start(log.clone()).await.expect("a log");
        let guard = Arc::new(LoginGuard::new(LoginLimits {
            per_pair: u32::MAX,
            per_address: u32::MAX,
            window: LONG,
        }));
        let blobs = blobs::Settings {
            url: format!("file://{}", folder.path().join("blobs").display()),
            ..blobs::Settings::default()
        };
        let service = Service::start(
            commands,
            projections.clone(),
            dispatcher.clone(),
            Blobs::open(&blobs).expect("a blob store"),
            guard,
            settings(),
        );
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                let (service, stopped) = (service.clone(), stopped.clone());
                tokio::spawn(service.serve(stream, from, false, stopped));
            }
        });
        Self {
            address,
            log,
            secret,
            dispatcher,
            people: AtomicU64::new(1),
            _projections: projections,
            _stop: stop,
            _folder: folder,
        }
    }

    /// Somebody new.
    pub(crate) async fn person(&self) -> Person {
        let number = self.people.fetch_add(1, Ordering::Relaxed);
        let id = UserId::new(1_348_295_040, number.to_be_bytes());
        let event = NewEvent {
            id: Uuid::from_u64_pair(1, number),
            time: Millis(0),
            event: Event::UserRegistered(UserRegistered {
                user_id: id,
                name: format!("person {number}"),
                gender: Gender::Unset,
                wb_uid: None,
            }),
            metadata: Metadata::default(),
        };
        self.log
            .append(&StreamName::user(id), ExpectedRevision::Any, vec![event])
            .await
            .expect("a log");
        Person {
            id,
            password: self.secret.xmpp_password(id, 0),
        }
    }

    /// Up to where the log goes.
    pub(crate) async fn head(&self) -> Position {
        self.log.head().await.expect("a log")
    }

    /// Returns when everything up to `position` is being shown to who is there.
    pub(crate) async fn handed_on(&self, position: Position) {
        while self.dispatcher.position() < position {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// What was said after `position`.
    pub(crate) async fn said_after(&self, mut position: Position) -> Vec<StoredEvent> {
        let mut said = Vec::new();
        loop {
            let page = self.log.read_all(position, &Filter::default(), 1_000).await;
            let page = page.expect("a log");
            let Some(last) = page.last() else { return said };
            position = last.position;
            let messages = page.into_iter();
            said.extend(messages.filter(|event| event.type_name == "chat.message-sent.v1"));
        }
    }
}

fn settings() -> Settings {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec![DOMAIN.to_owned()]).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let tls = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .expect("a certificate and its key");
    Settings {
        domain: DOMAIN.into(),
        tls: TlsAcceptor::from(Arc::new(tls)),
        plain_without_tls: false,
        scram: false,
        inbox_limit: 1_000,
        room_presence: 100,
        login_limit: LONG,
        quiet: LONG,
        answer_limit: LONG,
        confirm: Duration::ZERO,
        // So that nobody is kept for longer than a few scripts.
        resume: Duration::from_secs(1),
    }
}
