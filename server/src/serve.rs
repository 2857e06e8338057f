//! A running server: from the bound port to the last answer.
//!
//! What it prints on standard output is for programs: a line for the listener, and `ready`.

use crate::config::Settings;
use crate::folder::{DataFolder, Lock};
use crate::listen;
use crate::wiring::House;
use anyhow::{Context, Result, bail};
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long requests that are under way may take when the server stops; with what the stores
/// need, all is over within 10 seconds.
const DRAIN: Duration = Duration::from_secs(5);

/// A server that answers requests.
pub struct Server {
    house: House,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    listening: JoinHandle<()>,
    _lock: Lock,
}

/// A port that is ours, before anything answers on it.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Binds the address of the settings.
    ///
    /// # Errors
    /// When it is taken, or none of this machine's.
    pub async fn new(http_addr: &str) -> Result<Self> {
        let listener = TcpListener::bind(http_addr)
            .await
            .with_context(|| format!("cannot listen on {http_addr}"))?;
        let address = listener
            .local_addr()
            .context("the listener has no address")?;
        Ok(Self { listener, address })
    }

    /// Where it listens, with the port that was picked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
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
        let listening = listen::serve(self.listener, house.router.clone(), settings, stopped)?;
        let listening = tokio::spawn(listening);
        Ok(Server {
            house,
            address: self.address,
            stop,
            listening,
            _lock: lock,
        })
    }
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
    /// When the listener died meanwhile.
    pub async fn caught_up(&mut self) -> Result<()> {
        tokio::select! {
            _ = self.house.projections.caught_up() => Ok(()),
            _ = &mut self.listening => bail!("the listener died"),
        }
    }

    /// Returns only when the listener died.
    pub async fn died(&mut self) -> anyhow::Error {
        let _ = (&mut self.listening).await;
        anyhow::anyhow!("the listener died")
    }

    /// Stops accepting, lets requests and policies finish, then the read models and the log.
    pub async fn stop(mut self) {
        tracing::info!("stopping");
        self.stop.send_replace(true);
        let listening = async {
            // One that died has been waited for already, which is allowed once.
            if !self.listening.is_finished()
                && tokio::time::timeout(DRAIN, self.listening).await.is_err()
            {
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
    let folder = DataFolder::open(&settings.data_dir)?;
    let lock = folder.lock()?;
    let bound = Bound::new(&settings.http_addr).await?;
    say(&format!("http listening on {}", bound.address()));
    if settings.admin_token.is_none() {
        tracing::info!("no admin_token is set, so the admin API is off");
    }
    let mut server = tokio::select! {
        server = bound.serve(settings, &folder, lock) => server?,
        () = signals.stop() => return Ok(()),
    };
    let outcome = tokio::select! {
        outcome = until_death(&mut server) => outcome,
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
