//! A private PostgreSQL server for tests: started when a test process first asks, gone when that
//! process is, however it ends.
//!
//! Needs PostgreSQL's own programs on the machine; nothing here speaks its protocol.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to start: several test processes start theirs at once.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often to try again when another program took the port that had been free.
const ATTEMPTS: u32 = 5;

/// Makes a server and runs it until standard input ends, which is when the test process does.
/// Arguments: the folder of the programs, the folder to work in, the port.
const WATCHDOG: &str = r#"
bin=$1 root=$2 port=$3
{
    "$bin/initdb" --pgdata="$root/data" --username=postgres --auth=trust --encoding=UTF8 \
        --locale=C --no-sync &&
    "$bin/postgres" -D "$root/data" -h 127.0.0.1 -p "$port" -k "$root" -c fsync=off \
        -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 \
        -c shared_buffers=32MB -c max_wal_senders=0 -c wal_level=minimal
    : >"$root/stopped"
} >"$root/log" 2>&1 </dev/null &
cat >/dev/null
until [ -e "$root/stopped" ]; do
    kill -QUIT "$(head -n 1 "$root/data/postmaster.pid")" 2>/dev/null
    sleep 0.1
done
rm -rf "$root"
"#;

/// An empty database of its own on the server of this test process.
#[derive(Clone, Debug)]
pub struct Database {
    url: String,
}

impl Database {
    /// `postgres://postgres@127.0.0.1:<port>/<name>`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Makes a fresh database, and before the first one the server.
///
/// # Panics
/// When PostgreSQL is not installed or does not start; the message says why.
#[must_use]
pub fn database() -> Database {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let server = SERVER.get_or_init(Server::start);
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let port = server.port.to_string();
    let arguments = [
        "--host=127.0.0.1",
        "--username=postgres",
        "--port",
        &port,
        &name,
    ];
    let made = Command::new(server.programs.join("createdb"))
        .args(arguments)
        .output()
        .expect("createdb is beside postgres");
    let complaint = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "createdb: {complaint}");
    Database {
        url: format!("postgres://postgres@127.0.0.1:{port}/{name}"),
    }
}

struct Server {
    programs: PathBuf,
    port: u16,
    /// Holds the pipe whose end the watchdog waits for.
    _watchdog: Child,
}

impl Server {
    fn start() -> Self {
        let programs = programs().expect("initdb and postgres in PATH or /usr/lib/postgresql");
        let mut complaint = String::new();
        for _ in 0..ATTEMPTS {
            match Self::start_in(&programs) {
                Ok(server) => return server,
                Err(error) => complaint = error.to_string(),
            }
        }
        panic!("postgres does not start: {complaint}");
    }

    fn start_in(programs: &Path) -> io::Result<Self> {
        // From here on the watchdog removes it, under its own user.
        let root = tempfile::Builder::new()
            .prefix("lianlian-postgres-")
            .tempdir()?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut command = Command::new("sh");
        command
            .args(["-c", WATCHDOG, "sh"])
            .args([programs.as_os_str(), root.path().as_os_str()])
            .arg(port.to_string())
            .current_dir(root.path())
            // Out of reach of a terminal's signals, which would end it before its work is done.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if fs::metadata(root.path())?.uid() == 0 {
            let (user, group) = servant()?;
            chown(root.path(), Some(user), Some(group))?;
            command.uid(user).gid(group);
        }
        let watchdog = command.spawn()?;
        let root = root.keep();
        wait_until_ready(&root)?;
        Ok(Self {
            programs: programs.to_owned(),
            port,
            _watchdog: watchdog,
        })
    }
}

/// Waits for the word that the server writes into its own folder: an answer at the port could come
/// from somebody else's.
fn wait_until_ready(root: &Path) -> io::Result<()> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let status = fs::read_to_string(root.join("data/postmaster.pid")).unwrap_or_default();
        if status
            .lines()
            .nth(7)
            .is_some_and(|line| line.trim() == "ready")
        {
            return Ok(());
        }
        if root.join("stopped").exists() || Instant::now() > give_up {
            let log = fs::read_to_string(root.join("log")).unwrap_or_default();
            return Err(io::Error::other(log));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The folder of PostgreSQL's programs; of several versions the one that sorts last.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut packaged: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    packaged.sort();
    std::env::split_paths(&path)
        .filter_map(|folder| {
            folder
                .join("postgres")
                .canonicalize()
                .ok()?
                .parent()
                .map(PathBuf::from)
        })
        .chain(packaged.into_iter().rev())
        .find(|folder| {
            ["initdb", "postgres", "createdb"]
                .iter()
                .all(|name| folder.join(name).exists())
        })
}

/// The user and group to run the server as when the tests run as root, which PostgreSQL refuses.
fn servant() -> io::Result<(u32, u32)> {
    let id = |what: &str, name: &str| -> Option<u32> {
        let output = Command::new("id")
            .args([OsStr::new(what), OsStr::new(name)])
            .output()
            .ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| Some((id("-u", name)?, id("-g", name)?)))
        .ok_or_else(|| io::Error::other("there is no user to run it as"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::net::TcpStream;

    /// Set for the process that is killed only.
    const KILLED: &str = "TEST_POSTGRES_KILLED";

    #[test]
    fn every_database_is_another_one_on_a_server_that_answers() {
        let (one, two) = (database(), database());
        assert_ne!(one.url(), two.url());
        TcpStream::connect(address(one.url())).expect("the server listens");
    }

    #[test]
    fn the_server_ends_with_the_process_even_when_that_is_killed() {
        let mut child = Command::new(std::env::current_exe().expect("known"))
            .args([
                "--exact",
                "tests::the_process_that_is_killed",
                "--nocapture",
            ])
            .env(KILLED, "1")
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let url = lines.find_map(|line| line.expect("text").strip_prefix("at ").map(str::to_owned));
        let url = url.expect("it says where");
        TcpStream::connect(address(&url)).expect("the server listens");
        child.kill().expect("killed");
        child.wait().expect("gone");
        let give_up = Instant::now() + PATIENCE;
        while TcpStream::connect(address(&url)).is_ok() {
            assert!(Instant::now() < give_up, "the server is still there");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn the_process_that_is_killed() {
        if std::env::var_os(KILLED).is_some() {
            // On a line of its own, whatever the test runner has written before.
            println!("\nat {}", database().url());
            loop {
                thread::park();
            }
        }
    }

    fn address(url: &str) -> &str {
        let server = url
            .split('@')
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        server.expect("a host and a port")
    }
}
