//! Clients in a process of their own, which is this program again: it is told one job, says when
//! everybody is in, begins when it is told to, and says what came of it. Both ends are here.

use crate::load::on_one_thread;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, Write};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A process with clients in it, from outside.
pub(crate) struct Generator {
    process: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What the process is told, line by line.
pub(crate) struct Orders(UnboundedReceiver<String>);

impl Generator {
    /// Starts our hidden command `name` with a job, and returns when everybody is in.
    ///
    /// # Errors
    /// When somebody does not get in.
    pub(crate) async fn start(name: &str, job: &impl Serialize) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the clients")?;
        let input = process.stdin.take().context("the clients do not listen")?;
        let output = process.stdout.take().context("the clients say nothing")?;
        let lines = BufReader::new(output).lines();
        let mut generator = Self {
            process,
            input,
            lines,
        };
        generator.tell(&serde_json::to_string(job)?).await?;
        match generator.lines.next_line().await?.as_deref() {
            Some("ready") => Ok(generator),
            _ => bail!("not everybody got in"),
        }
    }

    /// Lets them begin.
    ///
    /// # Errors
    /// When they are gone.
    pub(crate) async fn begin(&mut self) -> Result<()> {
        self.tell("go").await
    }

    /// Waits for what came of it.
    ///
    /// # Errors
    /// When a client did not get what it should.
    pub(crate) async fn outcome<T: DeserializeOwned>(&mut self) -> Result<T> {
        let line = self.lines.next_line().await?;
        Ok(serde_json::from_str(
            &line.context("the clients are gone")?,
        )?)
    }

    /// Lets everybody leave.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub(crate) async fn end(mut self) -> Result<()> {
        drop(self.input);
        self.process.wait().await?;
        Ok(())
    }

    async fn tell(&mut self, line: &str) -> Result<()> {
        self.input.write_all(line.as_bytes()).await?;
        self.input.write_all(b"\n").await?;
        Ok(self.input.flush().await?)
    }
}

impl Orders {
    /// Does `work` on one thread, which takes orders from standard input.
    ///
    /// # Errors
    /// Those of `work`.
    pub(crate) async fn follow<F>(work: impl FnOnce(Self) -> F + Send + 'static) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        let (to_us, orders) = unbounded_channel();
        // A thread that nobody waits for.
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if to_us.send(line).is_err() {
                    return;
                }
            }
        });
        on_one_thread(move || work(Self(orders))).await
    }

    /// What is to be done.
    ///
    /// # Errors
    /// When nothing is.
    pub(crate) async fn job<T: DeserializeOwned>(&mut self) -> Result<T> {
        let job = self.0.recv().await.context("there is no job")?;
        Ok(serde_json::from_str(&job)?)
    }

    /// Says that everybody is in, and waits until it may begin.
    ///
    /// # Errors
    /// When nobody wants to know.
    pub(crate) async fn ready(&mut self) -> Result<()> {
        say("ready")?;
        match self.0.recv().await.as_deref() {
            Some("go") => Ok(()),
            _ => bail!("nobody wants to know"),
        }
    }

    /// Says what came of it, and stays until nobody listens any more.
    ///
    /// # Errors
    /// When nobody listens now.
    pub(crate) async fn finish(&mut self, outcome: &impl Serialize) -> Result<()> {
        say(&serde_json::to_string(outcome)?)?;
        while self.0.recv().await.is_some() {}
        Ok(())
    }
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
