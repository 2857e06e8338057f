//! A PostgreSQL of its own for ejabberd's archive, as Debian configures it: every commit is on disk.

use super::ejabberd::{Runner, free_port};
use crate::machine::Usage;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Where Debian keeps the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

const SCHEMA: &str = "/usr/share/ejabberd/sql/pg.sql";

const PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
pub(super) struct Postgres {
    process: Child,
    programs: PathBuf,
    data: PathBuf,
    port: u16,
}

impl Postgres {
    /// Starts it in `folder`, with what it held before.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) async fn start(folder: &Path) -> Result<Self> {
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
            initdb.args(["--auth=trust", "--username=ejabberd", "-D"]);
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
        };
        if is_new {
            while postgres
                .psql("template1", &["-c", "SELECT 1"])
                .await
                .is_err()
            {
                ensure!(started.elapsed() < PATIENCE, "PostgreSQL does not answer");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let create = ["-c", "CREATE DATABASE ejabberd"];
            postgres.psql("template1", &create).await?;
            postgres.psql("ejabberd", &["-f", SCHEMA]).await?;
        }
        Ok(postgres)
    }

    async fn psql(&self, database: &str, arguments: &[&str]) -> Result<()> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-q", "-h", "127.0.0.1", "-U", "ejabberd", "-d", database]);
        psql.args(["-p", &self.port.to_string()]).args(arguments);
        done(&mut psql).await
    }

    /// What leads ejabberd here.
    pub(super) fn ejabberd_settings(&self) -> String {
        let port = self.port;
        format!(
            "sql_type: pgsql\nsql_server: 127.0.0.1\nsql_port: {port}\nsql_database: ejabberd\n\
             sql_username: ejabberd\nsql_password: none\nsql_pool_size: 20\n"
        )
    }

    /// What it has used, all its processes together.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) fn usage(&self) -> Result<Usage> {
        Usage::of_family(self.process.id().context("PostgreSQL is gone")?)
    }

    /// # Errors
    /// When it does not stop.
    pub(super) async fn stop(mut self) -> Result<()> {
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
