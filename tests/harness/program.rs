//! The real program as a child process, built once for all tests.

use super::door::ADMIN_TOKEN;
use super::poll::PATIENCE;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// A run of the program that has not ended yet; dropping it kills it.
pub(crate) struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// Where its standard error goes.
    errors: PathBuf,
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// What it printed; it must have gone well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert!(self.status.success(), "{self:?}");
        self.stdout
    }

    /// What it complained about; it must have gone wrong, and not by a panic.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert!(!self.status.success(), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        self.stderr
    }
}

/// Runs the program in `folder` to its end.
pub(crate) async fn run(folder: &Path, arguments: &[&str]) -> Run {
    let output = command(folder, arguments).output();
    let output = timeout(PATIENCE, output)
        .await
        .expect("ended in time")
        .expect("a program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("prints UTF-8");
    Run {
        status: output.status,
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

impl Program {
    /// Starts the program in `folder`.
    pub(crate) fn start(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let errors = folder.join("stderr.log");
        let append = File::options()
            .create(true)
            .append(true)
            .open(&errors)
            .expect("a file");
        let mut child = command(folder, arguments)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(append)
            .spawn()
            .expect("a program");
        let out = child.stdout.take().expect("a pipe");
        Self {
            child,
            lines: BufReader::new(out).lines(),
            errors,
        }
    }

    /// The next line that it prints; panics when it ends instead.
    pub(crate) async fn line(&mut self) -> String {
        let line = timeout(PATIENCE, self.lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("silent: {}", self.complaints()));
        line.expect("prints UTF-8")
            .unwrap_or_else(|| panic!("ended: {}", self.complaints()))
    }

    /// What it has written to standard error.
    pub(crate) fn complaints(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap_or_default()
    }

    /// How much memory it has now, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let pid = self.child.id().expect("still runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|n| n.parse().ok()).expect("a number")
    }

    /// Asks it to end, and waits.
    pub(crate) async fn terminate(self) -> ExitStatus {
        self.signal("-TERM").await;
        self.ended().await
    }

    /// Sends it a signal.
    pub(crate) async fn signal(&self, name: &str) {
        let pid = self.child.id().expect("still runs").to_string();
        let sent = Command::new("kill").args([name, &pid]).status().await;
        assert!(sent.expect("kill").success(), "{}", self.complaints());
    }

    /// Ends it at once, as a power cut would.
    pub(crate) async fn kill(mut self) {
        self.child.start_kill().expect("still runs");
        self.ended().await;
    }

    async fn ended(mut self) -> ExitStatus {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("runs on: {}", self.complaints()));
        status.expect("a status")
    }
}

/// The program with settings of its own, out of reach of those of this machine.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let temporary = folder.join("tmp");
    std::fs::create_dir_all(&temporary).expect("a folder");
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LIANLIAN_") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .current_dir(folder)
        .env("TMPDIR", temporary)
        .env("LIANLIAN_DATA_DIR", folder.join("data"))
        .env("LIANLIAN_HTTP_ADDR", "127.0.0.1:0")
        .env("LIANLIAN_XMPP_ADDR", "127.0.0.1:0")
        .env("LIANLIAN_XMPP_WEB_ADDR", "127.0.0.1:0")
        .env("LIANLIAN_ADMIN_TOKEN", ADMIN_TOKEN)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(build)
}

fn build() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let output = std::process::Command::new(env!("CARGO"))
        .args(["build", "--package", "server", "--bin", "lianlian"])
        .args([
            "--message-format",
            "json-render-diagnostics",
            "--manifest-path",
        ])
        .arg(manifest)
        .output()
        .expect("cargo");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the program does not build: {complaint}"
    );
    let messages = String::from_utf8(output.stdout).expect("JSON");
    let path = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let ours = message["target"]["name"] == "lianlian";
        ours.then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    path.expect("cargo says where the program is")
}
