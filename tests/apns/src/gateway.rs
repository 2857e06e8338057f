//! One gateway: its connections, its mood, and what it was asked.

use crate::request::{Asked, Checks, reply};
use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// How a gateway feels, as such or about one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It wakes the device.
    Well,
    /// It answers this status, this reason and this timestamp.
    Says(u16, &'static str, Option<i64>),
    /// It breaks the connection.
    Breaks,
    /// It does not answer as long as it is in this mood.
    Hangs,
}

/// A gateway; it ends with this value.
pub struct Gateway {
    tls: TlsAcceptor,
    address: SocketAddr,
    inside: Arc<Inside>,
    /// The task that accepts connections and owns those that serve them; empty while stopped.
    running: JoinSet<()>,
}

struct Inside {
    checks: Checks,
    moods: watch::Sender<Moods>,
    asked: Mutex<Vec<Asked>>,
    /// Provider tokens that have ended.
    ended: Mutex<BTreeSet<String>>,
    connections: AtomicUsize,
}

#[derive(Clone, Default)]
struct Moods {
    gateway: Option<Mood>,
    devices: BTreeMap<String, Mood>,
}

impl Moods {
    fn about(&self, device: &str) -> Mood {
        let of_device = self.devices.get(device).copied();
        self.gateway.or(of_device).unwrap_or(Mood::Well)
    }
}

impl Gateway {
    pub(crate) async fn open(tls: TlsAcceptor, public_key: &[u8]) -> Self {
        let listener = listen(0).await;
        let mut gateway = Self {
            tls,
            address: listener.local_addr().expect("it is bound"),
            inside: Arc::new(Inside {
                checks: Checks::new(public_key),
                moods: watch::Sender::default(),
                asked: Mutex::default(),
                ended: Mutex::default(),
                connections: AtomicUsize::new(0),
            }),
            running: JoinSet::new(),
        };
        gateway.serve(listener);
        gateway
    }

    /// `https://localhost:<port>`; the same after a stop and a start.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// It feels so about everything, or again well.
    pub fn feels(&self, mood: Mood) {
        let mood = (mood != Mood::Well).then_some(mood);
        self.inside.moods.send_modify(|moods| moods.gateway = mood);
    }

    /// It feels so about one device.
    pub fn feels_about(&self, device: &str, mood: Mood) {
        let device = device.to_owned();
        self.inside.moods.send_modify(|moods| {
            moods.devices.insert(device, mood);
        });
    }

    /// Every provider token that it has seen ends, as after an hour.
    pub fn ends_tokens(&self) {
        let seen = self.asked().into_iter().map(|asked| asked.provider_token);
        lock(&self.inside.ended).extend(seen);
    }

    /// Everything that it was asked, in order, also what it refused or did not answer.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.inside.asked).clone()
    }

    /// What it woke devices for.
    #[must_use]
    pub fn woken(&self) -> Vec<Asked> {
        let asked = self.asked().into_iter();
        asked.filter(|asked| asked.status == Some(200)).collect()
    }

    /// How many connections were made.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.inside.connections.load(Ordering::SeqCst)
    }

    /// Breaks all connections and refuses new ones.
    pub async fn stop(&mut self) {
        self.running.shutdown().await;
    }

    /// Serves again, at the same address.
    ///
    /// # Panics
    /// When another has taken the port.
    pub async fn start(&mut self) {
        self.stop().await;
        let listener = listen(self.address.port()).await;
        self.serve(listener);
    }

    fn serve(&mut self, listener: TcpListener) {
        let (tls, inside) = (self.tls.clone(), self.inside.clone());
        self.running.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, tls.clone(), inside.clone()));
            }
        });
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("address", &self.address)
            .field("asked", &self.asked())
            .finish_non_exhaustive()
    }
}

async fn listen(port: u16) -> TcpListener {
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    listener.expect("a port")
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, inside: Arc<Inside>) {
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    inside.connections.fetch_add(1, Ordering::SeqCst);
    let cut = Arc::new(Notify::new());
    let service = service_fn(|request| answer(request, inside.clone(), cut.clone()));
    let serving =
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = serving => {}
        () = cut.notified() => {}
    }
}

async fn answer(
    request: Request<Incoming>,
    inside: Arc<Inside>,
    cut: Arc<Notify>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let asked = Asked::read(request).await;
    let number = {
        let mut all = lock(&inside.asked);
        all.push(asked.clone());
        all.len() - 1
    };
    let mut moods = inside.moods.subscribe();
    let awake = moods.wait_for(|moods| moods.about(&asked.device) != Mood::Hangs);
    let mood = match awake.await {
        Ok(moods) => moods.about(&asked.device),
        Err(_) => Mood::Breaks,
    };
    if mood == Mood::Breaks {
        cut.notify_one();
        std::future::pending::<()>().await;
    }
    let ended = lock(&inside.ended).contains(&asked.provider_token);
    let (status, reason, timestamp) = match (inside.checks.fault(&asked, ended), mood) {
        (Some((status, reason)), _) => (status, reason, None),
        (None, Mood::Says(status, reason, timestamp)) => (status, reason, timestamp),
        (None, _) => (200, "", None),
    };
    lock(&inside.asked)[number].status = Some(status);
    Ok(reply(&asked.id, status, reason, timestamp))
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
