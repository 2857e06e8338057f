//! ejabberd from Debian in a folder of its own, set up so that nothing slows it down: plain
//! passwords, no rosters, no shapers, no limits, nothing logged but warnings. It archives messages
//! with mod_mam in SQL, or stores nothing.

use super::client::Person;
use crate::http::{self, Connection};
use crate::machine::Usage;
use crate::postgres::Postgres;
use crate::runner::{Runner, free_port};
use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const PACKAGES: &str = "apt-get install ejabberd erlang-p1-pgsql erlang-p1-sqlite3 postgresql";

/// Debian's script, which says where the libraries are.
const SCRIPT: &str = "/usr/sbin/ejabberdctl";

/// Where Erlang has its libraries.
const LIBRARIES: &str = "/usr/lib/erlang/lib";

/// Its tables, and whose they are.
const SCHEMA: &str = "/usr/share/ejabberd/sql/pg.sql";
const USER: &str = "ejabberd";

/// How long it may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many people are registered at the same time.
const AT_ONCE: usize = 8;

/// Where it keeps messages.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Archive {
    /// Nowhere
    None,
    /// In a file
    Sqlite,
    /// In a PostgreSQL that is started for it
    Postgres,
}

/// An ejabberd that may run.
pub(super) struct Ejabberd {
    folder: PathBuf,
    archive: Archive,
    running: Option<Running>,
}

struct Running {
    process: Child,
    /// Where it speaks XMPP, and where it takes orders.
    xmpp: SocketAddr,
    orders: SocketAddr,
    /// What it archives in, if that is a process.
    postgres: Option<Postgres>,
}

impl Ejabberd {
    /// One in `folder` that does not run yet; `None`, and a word about it, where ejabberd is not
    /// installed.
    pub(super) fn find(folder: &Path, archive: Archive) -> Option<Self> {
        if !Path::new(SCRIPT).exists() {
            eprintln!("ejabberd is not installed, so nothing is compared: {PACKAGES}");
            return None;
        }
        if archive == Archive::Sqlite && !has_library("p1_sqlite3-") {
            eprintln!("ejabberd cannot store in SQLite here: {PACKAGES}");
            return None;
        }
        Some(Self {
            folder: folder.to_owned(),
            archive,
            running: None,
        })
    }

    /// Its version, as Debian numbers it.
    pub(super) async fn version() -> String {
        let mut command = Command::new("dpkg-query");
        command.args(["-W", "-f", "${Version}", "ejabberd"]);
        let version = command.output().await.map(|output| output.stdout);
        String::from_utf8(version.unwrap_or_default()).unwrap_or_default()
    }

    /// # Errors
    /// When it does not start.
    pub(super) async fn start(&mut self, domain: &str) -> Result<()> {
        let runner = Runner::new("ejabberd")?;
        runner.folder(&self.folder)?;
        let postgres = match self.archive {
            Archive::Postgres => Some(self.archive_in_postgres().await?),
            _ => None,
        };
        let ports = [free_port()?, free_port()?];
        let [xmpp, orders] = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let certificate = self.folder.join("certificate.pem");
        if !certificate.exists() {
            let names = vec![domain.to_owned(), format!("c.{domain}")];
            let mut made = rcgen::CertificateParams::new(names)?;
            // It takes none of which the years do not have two digits.
            made.not_before = rcgen::date_time_ymd(2020, 1, 1);
            made.not_after = rcgen::date_time_ymd(2049, 1, 1);
            let key = rcgen::KeyPair::generate()?;
            let pem = key.serialize_pem() + &made.self_signed(&key)?.pem();
            fs::write(&certificate, pem)?;
        }
        let settings = self.folder.join("ejabberd.yml");
        let text = self.settings(domain, ports, postgres.as_ref());
        fs::write(&settings, text)?;
        let script = fs::read_to_string(SCRIPT)?;
        let libraries = script.lines().find_map(|line| {
            let path = line.trim().strip_prefix("ERL_LIBS=")?;
            Some(path.trim_matches('\'').to_owned())
        });
        let spool = self.folder.join("spool");
        let log = fs::File::create(self.folder.join("output"))?;
        // As the script would start it, but without a port that other nodes could come to.
        let process = runner
            .command("erl")
            .args(["+K", "true", "+P", "250000", "-noinput", "-mnesia", "dir"])
            .arg(format!("{:?}", spool.display().to_string()))
            .args(["-s", "ejabberd"])
            .current_dir(&self.folder)
            .env("HOME", &self.folder)
            .env("EJABBERD_CONFIG_PATH", &settings)
            .env("EJABBERD_LOG_PATH", self.folder.join("ejabberd.log"))
            .env("ERL_CRASH_DUMP", self.folder.join("crash"))
            .env("ERL_LIBS", libraries.context("an odd ejabberdctl")?)
            .env("ERL_MAX_PORTS", "32000")
            .env("ERL_MAX_ETS_TABLES", "1400")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start ejabberd")?;
        let mut running = Running {
            process,
            xmpp,
            orders,
            postgres,
        };
        let started = Instant::now();
        for address in [xmpp, orders] {
            while TcpStream::connect(address).await.is_err() {
                if running.process.try_wait()?.is_some() || started.elapsed() > PATIENCE {
                    let said = fs::read_to_string(self.folder.join("output"))?;
                    bail!("ejabberd does not start: {said}");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        self.running = Some(running);
        Ok(())
    }

    /// PostgreSQL as Debian configures it, with the tables that mod_mam wants.
    async fn archive_in_postgres(&self) -> Result<Postgres> {
        let postgres = Postgres::start(&self.folder, USER, &[]).await?;
        if postgres.is_new() {
            postgres.psql(&["-f", SCHEMA]).await?;
        }
        Ok(postgres)
    }

    fn settings(
        &self,
        domain: &str,
        [xmpp, orders]: [u16; 2],
        postgres: Option<&Postgres>,
    ) -> String {
        let folder = self.folder.display();
        let sql = match (self.archive, postgres) {
            (Archive::Sqlite, _) => {
                format!("sql_type: sqlite\nsql_database: {folder}/archive.db\n")
            }
            (_, Some(postgres)) => {
                let port = postgres.port();
                format!(
                    "sql_type: pgsql\nsql_server: 127.0.0.1\nsql_port: {port}\n\
                     sql_database: {USER}\nsql_username: {USER}\nsql_password: none\n\
                     sql_pool_size: 20\n"
                )
            }
            _ => String::new(),
        };
        let archives = self.archive != Archive::None;
        let archive = if archives {
            "  mod_mam: {db_type: sql, default: always, request_activates_archiving: false, use_cache: true}\n"
        } else {
            ""
        };
        format!(
            "hosts: [{domain}]
loglevel: warning
certfiles: [{folder}/certificate.pem]
auth_method: internal
auth_password_format: plain
disable_sasl_mechanisms: [digest-md5, x-oauth2]
registration_timeout: infinity
default_db: mnesia
{sql}listen:
  - {{port: {xmpp}, ip: 127.0.0.1, module: ejabberd_c2s, starttls: true, max_stanza_size: 262144,
     backlog: 4096, shaper: none, access: all}}
  - {{port: {orders}, ip: 127.0.0.1, module: ejabberd_http, request_handlers: {{/api: mod_http_api}}}}
api_permissions:
  all: {{who: all, what: ['*']}}
modules:
  mod_muc: {{host: c.{domain}, access: all, access_create: all, max_users: 5000,
    max_user_conferences: 1000, history_size: 20, user_message_shaper: none,
    user_presence_shaper: none, room_shaper: none,
    default_room_options: {{mam: {archives}, max_users: 5000, logging: false}}}}
  mod_offline: {{}}
{archive}"
        )
    }

    /// Makes accounts.
    ///
    /// # Errors
    /// When it refuses.
    pub(super) async fn register(&self, domain: &str, people: &[Person]) -> Result<()> {
        let orders = self.running()?.orders;
        let share = people.len().div_ceil(AT_ONCE).max(1);
        let shares = people.chunks(share).map(|people| async move {
            let mut connection = Connection::open(orders).await?;
            for Person { name, password } in people {
                let account = json!({ "user": name, "host": domain, "password": password });
                let request = http::post_json("/api/register", &account.to_string());
                connection.succeed(&request).await?;
            }
            anyhow::Ok(())
        });
        futures_util::future::try_join_all(shares).await?;
        Ok(())
    }

    /// # Errors
    /// When it does not stop in time.
    pub(super) async fn stop(&mut self) -> Result<()> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        let mut connection = Connection::open(running.orders).await?;
        // It may be gone before it has answered.
        let _ = connection.ask(&http::post_json("/api/stop", "{}")).await;
        let ended = tokio::time::timeout(PATIENCE, running.process.wait()).await;
        ensure!(ended.is_ok(), "ejabberd does not stop");
        if let Some(postgres) = running.postgres {
            postgres.stop().await?;
        }
        Ok(())
    }

    /// What it has used, with what it archives in.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) fn usage(&self) -> Result<Usage> {
        let running = self.running()?;
        let process = running.process.id().context("ejabberd is gone")?;
        let mut usage = Usage::of_family(process)?;
        if let Some(postgres) = &running.postgres {
            usage.cpu_s += postgres.usage()?.cpu_s;
        }
        Ok(usage)
    }

    /// Where it speaks XMPP.
    ///
    /// # Errors
    /// When it does not run.
    pub(super) fn address(&self) -> Result<SocketAddr> {
        Ok(self.running()?.xmpp)
    }

    fn running(&self) -> Result<&Running> {
        self.running.as_ref().context("ejabberd does not run")
    }
}

/// Whether Erlang has a library whose folder begins so.
fn has_library(name: &str) -> bool {
    let folders = fs::read_dir(LIBRARIES).into_iter().flatten().flatten();
    let mut names = folders.map(|folder| folder.file_name());
    names.any(|folder| folder.to_string_lossy().starts_with(name))
}
