//! What the tests of this crate stand on: commands over a log in memory and a state on disk.

use crate::{Clock, Commands, Secret, State};
use domain::Millis;
use eventlog::memory::MemoryLog;
use eventlog::{EventLog, Filter};
use std::sync::Arc;
use tempfile::TempDir;

/// Commands with an empty log, at a fixed moment.
pub(crate) struct House {
    pub(crate) commands: Arc<Commands>,
    pub(crate) log: Arc<dyn EventLog>,
    _folder: TempDir,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::at(Clock::new(|| Millis(1_357_948_800_000))).await
    }

    /// The same, with a clock of the test's own.
    pub(crate) async fn at(clock: Clock) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", folder.path().join("state.db").display());
        let state = State::open(&url).await.expect("a state database");
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
        let secret = Secret::new(*b"a secret of the tests");
        let commands = Arc::new(Commands::new(log.clone(), state, secret, clock));
        Self {
            commands,
            log,
            _folder: folder,
        }
    }

    /// The names of all events, in order.
    pub(crate) async fn events(&self) -> Vec<String> {
        let all = self
            .log
            .read_all(domain::Position::START, &Filter::default(), 1_000)
            .await;
        all.expect("a log")
            .into_iter()
            .map(|stored| stored.type_name)
            .collect()
    }
}
