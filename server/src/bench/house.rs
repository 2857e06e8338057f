//! A whole server in a process of its own, so that what it uses can be told from what the load
//! uses. The process is this program again.

use crate::machine::Usage;
use anyhow::{Context, Result, bail};
use server::config::{Private, Settings, StoreUrl};
use server::folder::DataFolder;
use server::serve::Bound;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// How long a house may take to stop.
const STOP: Duration = Duration::from_secs(120);

/// What its operator says; it listens on this machine only, and only while it is measured.
pub(crate) const ADMIN_TOKEN: &str = "lianlian-bench";

/// What the house's process is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Its data folder
    #[arg(long)]
    data: PathBuf,
    /// Its event log, where that is not in the data folder
    #[arg(long)]
    log_url: Option<String>,
}

/// A house that runs; it ends with us.
pub(crate) struct House {
    process: Child,
    /// Open as long as the house is wanted.
    input: Option<ChildStdin>,
    /// Where it answers.
    pub(crate) address: SocketAddr,
    /// Where it speaks XMPP.
    pub(crate) xmpp: SocketAddr,
    /// From nothing to the line `ready`: all read models have caught up.
    pub(crate) ready_after: Duration,
}

/// The settings of a house in `data`: those of the product, but for the ports.
pub(crate) fn settings(data: &Path, log_url: Option<String>) -> Settings {
    Settings {
        data_dir: data.to_owned(),
        http_addr: "127.0.0.1:0".into(),
        xmpp_addr: "127.0.0.1:0".into(),
        xmpp_web_addr: "127.0.0.1:0".into(),
        log_url: log_url.map(StoreUrl::new),
        admin_token: Some(Private::new(ADMIN_TOKEN)),
        ..Settings::default()
    }
}

/// The house's process: serves until its standard input ends.
///
/// # Errors
/// What keeps a server from starting.
pub(crate) async fn run(options: Options) -> Result<()> {
    let settings = settings(&options.data, options.log_url);
    let folder = DataFolder::open(&settings.data_dir)?;
    let lock = folder.lock()?;
    let bound = Bound::new(&settings).await?;
    for line in bound.lines()? {
        println!("{line}");
    }
    let mut server = bound.serve(&settings, &folder, lock).await?;
    server.caught_up().await?;
    println!("ready");
    let (end, ended) = tokio::sync::oneshot::channel();
    // A thread that nobody waits for, should the server die before.
    std::thread::spawn(move || end.send(std::io::stdin().read_to_end(&mut Vec::new())));
    tokio::select! {
        ended = ended => ended?.map(drop)?,
        error = server.died() => return Err(error),
    }
    server.stop().await;
    Ok(())
}

impl House {
    /// Starts a house on the data folder `data` and returns when it is ready.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn start(data: &Path, log_url: Option<&str>) -> Result<Self> {
        let started = Instant::now();
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("house").arg("--data").arg(data);
        if let Some(url) = log_url {
            command.arg("--log-url").arg(url);
        }
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the house")?;
        let output = process.stdout.take().context("the house has no output")?;
        let mut lines = BufReader::new(output).lines();
        let (mut address, mut xmpp) = (None, None);
        loop {
            let line = lines.next_line().await?;
            let line = line.context("the house did not get ready")?;
            match line.split_once(" listening on ") {
                Some(("http", at)) => address = Some(at.parse()?),
                Some(("xmpp", at)) => xmpp = Some(at.parse()?),
                Some(_) => {}
                None if line == "ready" => break,
                None => bail!("the house says {line}"),
            }
        }
        let input = process.stdin.take();
        Ok(Self {
            process,
            input,
            address: address.context("the house does not answer")?,
            xmpp: xmpp.context("the house speaks no XMPP")?,
            ready_after: started.elapsed(),
        })
    }

    /// What its process has used.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) fn usage(&self) -> Result<Usage> {
        Usage::of(self.process.id().context("the house is gone")?)
    }

    /// Stops it in good order.
    ///
    /// # Errors
    /// When it does not stop, or not in good order.
    pub(crate) async fn stop(mut self) -> Result<()> {
        drop(self.input.take());
        let ended = tokio::time::timeout(STOP, self.process.wait()).await;
        let status = ended.context("the house does not stop")??;
        if !status.success() {
            bail!("the house ended with {status}");
        }
        Ok(())
    }
}
