//! `lianlian serve` as a child process, with the door that it opens.

use super::door::Door;
use super::program::Program;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// The running program, or between two runs of it.
pub(crate) struct Server {
    door: Door,
    folder: PathBuf,
    variables: Vec<(String, String)>,
    /// Where it listens for XMPP.
    pub(crate) xmpp_address: SocketAddr,
    /// Where it listens for XMPP that is under TLS from the first byte on, if it does.
    pub(crate) xmpps_address: Option<SocketAddr>,
    /// Where its web interface of XMPP is.
    pub(crate) xmpp_web: String,
    program: Option<Program>,
}

impl Deref for Server {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

impl Server {
    /// Starts it in `folder`, which holds its data folder, and waits until it is ready.
    pub(crate) async fn start(folder: &Path) -> Self {
        Self::start_with(folder, Door::new(Door::client(), String::new()), &[]).await
    }

    /// Likewise, with environment variables and a client of one's own.
    pub(crate) async fn start_with(folder: &Path, door: Door, variables: &[(&str, &str)]) -> Self {
        let variables = variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let mut server = Self {
            door,
            folder: folder.to_owned(),
            variables,
            xmpp_address: SocketAddr::from(([127, 0, 0, 1], 0)),
            xmpps_address: None,
            xmpp_web: String::new(),
            program: None,
        };
        server.start_again().await;
        server
    }

    /// Starts it after it ended; phones find the new port.
    pub(crate) async fn start_again(&mut self) {
        let variables: Vec<(&str, &str)> = self
            .variables
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        let mut program = Program::start(&self.folder, &["serve"], &variables);
        let line = program.line().await;
        let address = line
            .strip_prefix("http listening on ")
            .expect("says where it listens");
        let tls = variables
            .iter()
            .any(|(name, _)| *name == "LIANLIAN_TLS_CERT");
        let scheme = if tls { "https" } else { "http" };
        self.door.moved(format!("{scheme}://{address}"));
        let line = program.line().await;
        let xmpp = line.strip_prefix("xmpp listening on ");
        let xmpp = xmpp.expect("says where it listens for XMPP");
        self.xmpp_address = xmpp.parse().expect("an address");
        let mut line = program.line().await;
        if let Some(xmpps) = line.strip_prefix("xmpps listening on ") {
            self.xmpps_address = Some(xmpps.parse().expect("an address"));
            line = program.line().await;
        }
        let web = line.strip_prefix("xmpp-web listening on ");
        let web = web.expect("says where it listens for the web interface of XMPP");
        self.xmpp_web = format!("http://{web}");
        assert_eq!(program.line().await, "ready");
        self.program = Some(program);
    }

    /// Asks it to stop, and waits.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        self.program.take().expect("it runs").terminate().await
    }

    /// Asks it to read its certificate again.
    pub(crate) async fn hang_up(&self) {
        let program = self.program.as_ref().expect("it runs");
        program.signal("-HUP").await;
    }

    /// Ends it at once.
    pub(crate) async fn kill(&mut self) {
        self.program.take().expect("it runs").kill().await;
    }

    /// How much memory it has now, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        self.program.as_ref().expect("it runs").resident_kib()
    }

    /// What it has written to standard error.
    pub(crate) fn complaints(&self) -> String {
        self.program
            .as_ref()
            .map(Program::complaints)
            .unwrap_or_default()
    }
}
