//! The large log of a country, for the benchmarks that read one.

use crate::world::World;
use anyhow::{Context, Result, ensure};
use eventlog::{EventLog, SqliteLog};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How large a country is.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Size {
    /// Shops in the log
    #[arg(long, default_value_t = 100_000)]
    shops: usize,
    /// People in the log
    #[arg(long, default_value_t = 100_000)]
    users: usize,
    /// Check-ins in the log
    #[arg(long = "events", default_value_t = 1_000_000)]
    checkins: usize,
}

/// A log of such a country, for the benchmarks that read one.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct KeptLog {
    #[command(flatten)]
    size: Size,
    /// Keep the log in --dir, and use the one that is there
    #[arg(long)]
    keep: bool,
}

impl KeptLog {
    /// The country, and the file with its log: kept, or made in `folder`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) async fn open(&self, dir: &Path, folder: &Path) -> Result<(World, PathBuf)> {
        let Size {
            shops,
            users,
            checkins,
        } = self.size;
        ensure!(shops > 0 && users > 0, "a country needs shops and people");
        let world = World::new(shops, users);
        let name = format!("lianlian-bench-{shops}-{users}-{checkins}.sqlite");
        let kept = dir.join(&name);
        if self.keep && kept.exists() {
            return Ok((world, std::path::absolute(kept)?));
        }
        crate::tell(&format!(
            "writing {shops} shops, {users} people and {checkins} check-ins"
        ));
        let path = folder.join(&name);
        let log: Arc<dyn EventLog> = Arc::new(SqliteLog::open(&path).await?);
        world.settle(&log).await?;
        world.go_out(&log, checkins).await?;
        log.close().await;
        if !self.keep {
            return Ok((world, std::path::absolute(path)?));
        }
        let beside = path.with_extension("sqlite-wal");
        ensure!(!beside.exists(), "the log was not closed in good order");
        std::fs::rename(&path, &kept).context("the log cannot be kept")?;
        Ok((world, std::path::absolute(kept)?))
    }
}
