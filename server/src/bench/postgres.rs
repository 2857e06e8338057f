//! A PostgreSQL of its own for a peer, as Debian configures it: every commit is on disk.

use crate::machine::Usage;
use crate::runner::{Runner, free_port};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Where Debian keeps the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

const PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
pub(crate) struct Postgres {
    process: Child,
    programs: PathBuf,
    data: PathBuf,
    port: u16,
    /// The user, and the database, whose owner they are.
    user: &'static str,
    is_new: bool,
}

impl Postgres {
    /// Starts it beside `folder`, with what it held before, and a database that is called like its
    /// user; `settings` are of the form `name=value`.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn start(
        folder: &Path,
        user: &'static str,
        settings: &[&str],
    ) -> Result<Self> {
        let runner = Runner::new("postgres").context("PostgreSQL is not installed")?;
        let versions = fs::read_dir(VERSIONS).context("PostgreSQL is not installed")?;
        let versions = versions.filter_map(|entry| Some(entry.ok()?.path()));
        let programs = versions.max().context("PostgreSQL is not installed")?;
        let programs = programs.join("bin");
        let data = folder.with_extension("postgres");
        let is_new = !data.join("PG_VERSION").exists();
        if is_new {
            runner.folder(&data)?;
            let mut initdb = runner.command(programs.join("initdb"));
            initdb.args(["--auth=trust", "-U", user, "-D"]);
            done(initdb.arg(&data).current_dir(&data)).await?;
        }
        let port = free_port()?;
        let log = fs::File::create(data.join("output"))?;
        let process = runner
            .command(programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &port.to_string()])
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .current_dir(&data)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start PostgreSQL")?;
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            ensure!(started.elapsed() < PATIENCE, "PostgreSQL does not start");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let postgres = Self {
            process,
            programs,
            data,
            port,
            user,
            is_new,
        };
        if is_new {
            while postgres
                .ask("template1", &["-c", "SELECT 1"])
                .await
                .is_err()
            {
                ensure!(started.elapsed() < PATIENCE, "PostgreSQL does not answer");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let create = format!("CREATE DATABASE {user}");
            postgres.ask("template1", &["-c", &create]).await?;
        }
        Ok(postgres)
    }

    /// Whether it held nothing before.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Where it listens on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Lets `psql` do something in the database.
    ///
    /// # Errors
    /// When that fails.
    pub(crate) async fn psql(&self, arguments: &[&str]) -> Result<()> {
        self.ask(self.user, arguments).await
    }

    async fn ask(&self, database: &str, arguments: &[&str]) -> Result<()> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"]);
        psql.args(["-U", self.user, "-d", database]);
        psql.args(["-p", &self.port.to_string()]).args(arguments);
        done(&mut psql).await
    }

    /// What it has used, all its processes together.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) fn usage(&self) -> Result<Usage> {
        Usage::of_family(self.process.id().context("PostgreSQL is gone")?)
    }

    /// # Errors
    /// When it does not stop.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let runner = Runner::new("postgres")?;
        let mut stop = runner.command(self.programs.join("pg_ctl"));
        stop.args(["stop", "-m", "fast", "-D"]).arg(&self.data);
        done(stop.current_dir(&self.data)).await?;
        self.process.wait().await?;
        Ok(())
    }
}

/// Waits for a program that must succeed.
async fn done(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().await?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{errors}");
    Ok(())
}
