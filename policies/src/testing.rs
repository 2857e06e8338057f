//! What the tests of this crate stand on: commands and read models over a log in memory, a policy
//! that does as it is told, and a Weibo that always says the same.

mod guests;

pub(crate) use guests::shop;

use crate::{Pace, Policies, Policy, Trouble};
use commands::identity::{Provider, Weibo, WeiboSettings};
use commands::{Clock, Commands, Secret, State};
use domain::album::PhotoAdded;
use domain::photo::Format;
use domain::share::ShareRequested;
use domain::{EventKind, Millis, PhotoId, Position, StreamName, UserId};
use eventlog::{EventLog, ExpectedRevision, Filter, MemoryLog, Metadata, NewEvent, RecordedEvent};
use jiff::tz::TimeZone;
use media::blobs::Blobs;
use media::keys::Key;
use projections::Projections;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use uuid::Uuid;

/// After so long a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const NOW: Millis = Millis(1_357_948_800_000);

/// Everything but the policies.
pub(crate) struct House {
    pub(crate) commands: Arc<Commands>,
    pub(crate) projections: Arc<Projections>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) blobs: Blobs,
    /// What the clock shows.
    now: Arc<AtomicI64>,
    folder: TempDir,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(Provider::Local).await
    }

    pub(crate) async fn with(provider: Provider) -> Self {
        Self::on(Arc::new(MemoryLog::new()), provider).await
    }

    /// One that keeps its events in `log`.
    pub(crate) async fn on(log: Arc<dyn EventLog>, provider: Provider) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
        let options = projections::Options {
            read_url: url("read.sqlite"),
            snapshot_dir: None,
            snapshot_every: 1_000,
            timezone: TimeZone::UTC,
        };
        let projections = Projections::start(log.clone(), options).await;
        let state = State::open(&url("state.sqlite")).await;
        let state = state.expect("a state database");
        let secret = Secret::new(*b"a secret of the tests");
        let now = Arc::new(AtomicI64::new(NOW.0));
        let shown = now.clone();
        let clock = Clock::new(move || Millis(shown.load(Ordering::SeqCst)));
        let commands = Commands::new(log.clone(), state, secret, clock).with_provider(provider);
        let blobs = Blobs::open(&media::blobs::Settings {
            url: format!("file://{}", folder.path().join("blobs").display()),
            ..Default::default()
        });
        Self {
            blobs: blobs.expect("a blob store"),
            commands: Arc::new(commands),
            projections: projections.expect("read models"),
            log,
            now,
            folder,
        }
    }

    /// Time passes.
    pub(crate) fn pass(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    /// Runs `policy`.
    pub(crate) async fn run(&self, policy: Arc<dyn Policy>) -> Policies {
        let pace = Pace {
            first: Duration::from_millis(1),
            most: Duration::from_millis(5),
        };
        let (commands, projections) = (self.commands.clone(), self.projections.clone());
        let running = Policies::start(vec![policy], commands, projections, pace).await;
        running.expect("stores that are there")
    }

    /// Something happens to the person with this number.
    pub(crate) async fn append(&self, user: u8, event: impl Into<domain::Event>) -> Position {
        let new = NewEvent {
            id: Uuid::now_v7(),
            time: NOW,
            event: event.into(),
            metadata: Metadata::default(),
        };
        let stream = StreamName::user(person(user));
        let appended = self.log.append(&stream, ExpectedRevision::Any, vec![new]);
        appended.await.expect("appended").position
    }

    /// Everything in the blob store, by name.
    pub(crate) fn stored(&self) -> Vec<String> {
        let blobs = self.folder.path().join("blobs");
        let mut folders = vec![blobs.clone()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&blobs).expect("below it");
                    found.push(name.display().to_string());
                }
            }
        }
        found.sort();
        found
    }

    /// Somebody sends a picture for their album: its bytes are stored, and both events appended.
    pub(crate) async fn send(&self, number: u8, bytes: &[u8]) -> PhotoAdded {
        let added = self.store(number, bytes).await;
        let sent = self.commands.add_to_album(added.clone(), 100).await;
        let _ = sent.expect("a log");
        added
    }

    /// The bytes of such a picture are stored, and no more.
    pub(crate) async fn store(&self, number: u8, bytes: &[u8]) -> PhotoAdded {
        let photo_id = PhotoId::new(2, [number; 8]);
        let key = Key::raw(photo_id);
        let stored = self.blobs.put(&key, bytes.to_vec().into()).await;
        stored.expect("a blob store");
        PhotoAdded {
            user_id: person(1),
            photo_id,
            format: Format::Png,
            bytes: bytes.len() as u64,
        }
    }

    /// The person with this number asks for a post.
    pub(crate) async fn ask(&self, user: u8) -> Position {
        let asked = ShareRequested {
            user_id: person(user),
            ver: None,
            at: NOW,
        };
        self.append(user, asked).await
    }

    /// The event at this position.
    pub(crate) async fn event(&self, position: u64) -> RecordedEvent {
        let (before, all) = (Position(position - 1), Filter::default());
        let page = self.log.read_all(before, &all, 1).await.expect("a log");
        let stored = page.into_iter().next().expect("an event");
        eventlog::codec::decode(stored).expect("readable")
    }

    /// The types of all events, in order.
    pub(crate) async fn types(&self) -> Vec<String> {
        let filter = Filter::default();
        let all = self.log.read_all(Position::START, &filter, 100).await;
        let all = all.expect("a log").into_iter();
        all.map(|event| event.type_name).collect()
    }
}

/// A small picture as a PNG.
pub(crate) fn picture() -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    let written = image::RgbImage::new(3, 2).write_to(&mut png, image::ImageFormat::Png);
    written.expect("a picture");
    png.into_inner()
}

pub(crate) fn person(number: u8) -> UserId {
    UserId::new(1, [number; 8])
}

/// Asks again and again until the answer is yes.
pub(crate) async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    while !ask().await {
        assert!(tokio::time::Instant::now() < give_up, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a [`Told`] does with an event, given the attempt.
type Script = Box<dyn Fn(&RecordedEvent, u32) -> Deed + Send + Sync>;

/// What to do.
pub(crate) enum Deed {
    Succeed,
    Fail,
    Panic,
    /// Neither of them, ever.
    Hang,
}

/// A policy about requests to share that does as it is told, and remembers what it saw.
pub(crate) struct Told {
    script: Script,
    seen: watch::Sender<Vec<u64>>,
    /// The attempts at the last event.
    attempts: Mutex<u32>,
}

impl Told {
    pub(crate) fn to(
        script: impl Fn(&RecordedEvent, u32) -> Deed + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            seen: watch::Sender::default(),
            attempts: Mutex::default(),
        })
    }

    /// The positions of what it did, also of what failed.
    pub(crate) fn seen(&self) -> Vec<u64> {
        self.seen.borrow().clone()
    }

    pub(crate) fn attempts(&self) -> u32 {
        *self.attempts.lock().expect("a lock")
    }

    /// Waits until it has seen so many.
    pub(crate) async fn has_seen(&self, many: usize) {
        let mut seen = self.seen.subscribe();
        let enough = seen.wait_for(|seen| seen.len() >= many);
        let waited = tokio::time::timeout(PATIENCE, enough).await;
        let _ = waited.expect("seen in time").expect("a policy");
    }
}

#[async_trait::async_trait]
impl Policy for Told {
    fn name(&self) -> &'static str {
        "told"
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::ShareRequested]
    }

    async fn react(&self, event: &RecordedEvent, attempt: u32) -> Result<(), Trouble> {
        *self.attempts.lock().expect("a lock") = attempt;
        self.seen.send_modify(|seen| seen.push(event.position.0));
        match (self.script)(event, attempt) {
            Deed::Succeed => Ok(()),
            Deed::Fail => Err("the test says so".into()),
            Deed::Panic => panic!("the test says so"),
            Deed::Hang => std::future::pending().await,
        }
    }
}

/// A Weibo that answers every request alike, until it is told otherwise.
pub(crate) struct Canned {
    answer: watch::Sender<(u16, &'static str)>,
    /// The requests, each as it came.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Canned {
    /// Says yes to everything.
    pub(crate) const YES: (u16, &str) = (
        200,
        r#"{"access_token":"a-token","expires_in":3600,"uid":"1","screen_name":"Ana","gender":"f"}"#,
    );

    /// Weibo, and the provider that asks it.
    pub(crate) async fn start() -> (Self, Provider) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let canned = Self {
            answer: watch::Sender::new(Self::YES),
            requests: Arc::default(),
        };
        let (answer, requests) = (canned.answer.subscribe(), canned.requests.clone());
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let request = read(&mut client).await;
                requests.lock().expect("a lock").push(request);
                let (status, body) = *answer.borrow();
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                );
                let _ = client.write_all(answer.as_bytes()).await;
            }
        });
        let weibo = Weibo::new(WeiboSettings {
            base_url: format!("http://{address}"),
            app_key: "key".into(),
            app_secret: "secret".into(),
            redirect_uri: "http://x/oauth2/sina_callback".into(),
            connect_limit: PATIENCE,
            call_limit: PATIENCE,
        });
        let provider = Provider::Weibo(Box::new(weibo.expect("a client")));
        (canned, provider)
    }

    pub(crate) fn answers(&self, status: u16, body: &'static str) {
        self.answer.send_replace((status, body));
    }

    /// How many posts were asked for.
    pub(crate) fn posts(&self) -> usize {
        let requests = self.requests.lock().expect("a lock");
        let post = |request: &&String| request.starts_with("POST /2/statuses/");
        requests.iter().filter(post).count()
    }

    /// The last request, as it came.
    pub(crate) fn last(&self) -> String {
        let requests = self.requests.lock().expect("a lock");
        requests.last().cloned().unwrap_or_default()
    }
}

/// A request: its head, and as much of a body as the head says.
async fn read(client: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let line = line.to_ascii_lowercase();
                line.strip_prefix("content-length: ")?.trim().parse().ok()
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        let mut chunk = [0; 1_024];
        match client.read(&mut chunk).await {
            Ok(read @ 1..) => bytes.extend_from_slice(&chunk[..read]),
            _ => return text,
        }
    }
}
