//! A running server: from the bound port to the last answer.
//!
//! What it prints on standard output is for programs: a line for each listener, and `ready`.

use crate::config::Settings;
use crate::folder::{DataFolder, Lock};
use crate::listen;
use crate::tls;
use crate::wiring::House;
use anyhow::{Context, Result, bail};
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long requests that are under way may take when the server stops; with what the stores
/// need, all is over within 10 seconds.
const DRAIN: Duration = Duration::from_secs(5);

/// A server that answers requests.
pub struct Server {
    house: House,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    listening: JoinSet<()>,
    _lock: Lock,
}

/// Ports that are ours, before anything answers on them.
pub struct Bound {
    http: TcpListener,
    xmpp: TcpListener,
    xmpps: Option<TcpListener>,
    xmpp_web: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Binds the addresses of the settings.
    ///
    /// # Errors
    /// When one is taken, or none of this machine's.
    pub async fn new(settings: &Settings) -> Result<Self> {
        let http = bind(&settings.http_addr).await?;
        let address = http.local_addr().context("the listener has no address")?;
        let xmpps = match &settings.xmpps_addr {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        Ok(Self {
            http,
            xmpp: bind(&settings.xmpp_addr).await?,
            xmpps,
            xmpp_web: bind(&settings.xmpp_web_addr).await?,
            address,
        })
    }

    /// Where it listens for HTTP, with the port that was picked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What listens where, a line each.
    ///
    /// # Errors
    /// When a listener does not know its address.
    pub fn lines(&self) -> Result<Vec<String>> {
        let listeners = [
            ("http", Some(&self.http)),
            ("xmpp", Some(&self.xmpp)),
            ("xmpps", self.xmpps.as_ref()),
            ("xmpp-web", Some(&self.xmpp_web)),
        ];
        let line = |(name, listener): (&str, Option<&TcpListener>)| {
            let address = listener?.local_addr();
            Some(address.map(|address| format!("{name} listening on {address}")))
        };
        let lines = listeners.into_iter().filter_map(line);
        lines
            .collect::<std::io::Result<_>>()
            .context("a listener has no address")
    }

    /// Opens the stores and begins to answer. The read models may still have to catch up.
    ///
    /// # Errors
    /// When a store is away or the certificate cannot be used.
    pub async fn serve(
        self,
        settings: &Settings,
        folder: &DataFolder,
        mut lock: Lock,
    ) -> Result<Server> {
        lock.announce(&url(settings, self.address))?;
        let house = House::open(settings, folder).await?;
        let (stop, stopped) = watch::channel(false);
        let mut listening = JoinSet::new();
        // Programs on this machine ask without TLS.
        let web_tls = !on_loopback(&self.xmpp_web)?;
        let tls = house
            .certificate
            .as_ref()
            .map(|(shown, _)| shown.for_http());
        let web = [
            (self.http, house.router.clone(), tls.clone()),
            (
                self.xmpp_web,
                house.xmpp_web.clone(),
                tls.filter(|_| web_tls),
            ),
        ];
        for (listener, router, tls) in web {
            let stopped = stopped.clone();
            listening.spawn(listen::serve(listener, router, settings, tls, stopped)?);
        }
        let xmpp = [(Some(self.xmpp), false), (self.xmpps, true)];
        for (listener, direct) in xmpp {
            if let Some(listener) = listener {
                let service = house.xmpp.clone();
                let stopped = stopped.clone();
                listening.spawn(listen::xmpp::serve(
                    listener, service, settings, direct, stopped,
                )?);
            }
        }
        Ok(Server {
            house,
            address: self.address,
            stop,
            listening,
            _lock: lock,
        })
    }
}

fn on_loopback(listener: &TcpListener) -> Result<bool> {
    let address = listener.local_addr();
    let address = address.context("the listener has no address")?;
    Ok(address.ip().is_loopback())
}

async fn bind(address: &str) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

impl Server {
    /// Where this machine reaches it, like `http://127.0.0.1:8080`.
    #[must_use]
    pub fn url(&self, settings: &Settings) -> String {
        url(settings, self.address)
    }

    /// Returns when the read models have applied what the log held.
    ///
    /// # Errors
    /// When a listener died meanwhile.
    pub async fn caught_up(&mut self) -> Result<()> {
        tokio::select! {
            _ = self.house.projections.caught_up() => Ok(()),
            _ = self.listening.join_next() => bail!("a listener died"),
        }
    }

    /// Returns only when a listener died.
    pub async fn died(&mut self) -> anyhow::Error {
        let _ = self.listening.join_next().await;
        anyhow::anyhow!("a listener died")
    }

    /// Stops accepting, lets requests and policies finish, then the read models and the log.
    pub async fn stop(mut self) {
        tracing::info!("stopping");
        self.stop.send_replace(true);
        let listening = async {
            let ended = async { while self.listening.join_next().await.is_some() {} };
            if tokio::time::timeout(DRAIN, ended).await.is_err() {
                tracing::warn!("some requests did not finish in time");
            }
        };
        tokio::join!(listening, self.house.stop_policies(DRAIN));
        self.house.stop().await;
    }
}

/// `lianlian serve`: until somebody says stop.
///
/// # Errors
/// What keeps a server from starting.
pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let mut signals = Signals::new()?;
    // From now on it ends nobody: it says that certificates are to be read again.
    let hangup = signal(SignalKind::hangup()).context("cannot listen for signals")?;
    let folder = DataFolder::open(&settings.data_dir)?;
    let lock = folder.lock()?;
    let bound = Bound::new(settings).await?;
    for line in bound.lines()? {
        say(&line);
    }
    if settings.admin_token.is_none() {
        tracing::info!("no admin_token is set, so the admin API is off");
    }
    let mut server = tokio::select! {
        server = bound.serve(settings, &folder, lock) => server?,
        () = signals.stop() => return Ok(()),
    };
    let certificate = tls::keep_up(server.house.certificate.clone(), hangup);
    let outcome = tokio::select! {
        outcome = until_death(&mut server) => outcome,
        never = certificate => match never {},
        () = signals.stop() => Ok(()),
    };
    server.stop().await;
    outcome
}

async fn until_death(server: &mut Server) -> Result<()> {
    server.caught_up().await?;
    say("ready");
    Err(server.died().await)
}

/// SIGTERM and SIGINT.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on these signals no longer end the process by themselves.
    pub(crate) fn new() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Returns when one of them came.
    pub(crate) async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Prints a line for whoever started us. That nobody reads it is no reason to die.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn url(settings: &Settings, address: SocketAddr) -> String {
    let scheme = if settings.tls().is_some() {
        "https"
    } else {
        "http"
    };
    format!("{scheme}://{}", Settings::reachable(address))
}
