//! `append`: durable events per second by the number of callers who wait for theirs, beside what
//! the disk does for a raw loop of one page and fdatasync at the same minute.

use crate::load::{self, Caller, Load};
use crate::machine::{RawSyncs, Usage};
use crate::report::{Report, Table};
use crate::world::{self, World};
use crate::{Common, tell};
use anyhow::{Context, Result, ensure};
use commands::Clock;
use domain::Position;
use eventlog::{Append, EventLog, PostgresLog, SqliteLog};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sqlx::{Connection, PgConnection};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const CALLERS: [usize; 4] = [1, 8, 64, 512];

/// A cell is measured in so many pieces, each after a piece of the raw loop, because the disk
/// changes its mind from second to second.
const ROUNDS: u32 = 5;

/// Events per fdatasync at 64 callers.
const GOAL: f64 = 6.0;

/// What `append` is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Also on PostgreSQL: the address of an empty database, which will be filled
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
}

/// Somebody who appends check-ins.
pub(crate) struct Appender {
    log: Arc<dyn EventLog>,
    world: Arc<World>,
    dice: StdRng,
}

/// What one number of callers came to.
struct Measured {
    load: Load,
    syncs: f64,
    commits: Option<u64>,
    cpu_s: f64,
}

/// Tells how many transactions a store has committed.
enum Commits {
    /// SQLite counts them in the index of its log.
    Sqlite(PathBuf),
    /// PostgreSQL numbers those that write.
    Postgres(PgConnection),
}

pub(crate) async fn run(options: Options, common: &Common) -> Result<Report> {
    let folder = common.folder()?;
    let path = folder.path().join("events.sqlite");
    let sqlite: Arc<dyn EventLog> = Arc::new(SqliteLog::open(&path).await?);
    let mut engines = vec![("SQLite", sqlite, Commits::sqlite(&path))];
    if let Some(url) = &options.postgres {
        let log = PostgresLog::connect(url).await?;
        let empty = log.head().await? == Position::START;
        ensure!(empty, "the database holds a log already: give an empty one");
        let commits = Commits::Postgres(PgConnection::connect(url).await?);
        engines.push(("PostgreSQL", Arc::new(log), commits));
    }
    let mut syncs = RawSyncs::new(folder.path())?;
    let mut report = Report::default();
    let mut table = Table::new(
        "Durable appends, one event each, a new stream each",
        &[
            "engine",
            "callers",
            "events/s",
            "events/commit",
            "p50 ms",
            "p99 ms",
            "cpu us/event",
            "raw fdatasync/s",
            "events/fdatasync",
        ],
    );
    for (engine, log, mut commits) in engines {
        for callers in CALLERS {
            tell(&format!("{engine}, {callers} callers"));
            let measured = measure(&log, callers, &mut commits, &mut syncs, common).await?;
            let rate = measured.load.rate();
            let calls = measured.load.calls as f64;
            let ratio = rate / measured.syncs;
            table.row([
                engine.into(),
                (callers as f64).into(),
                rate.into(),
                measured
                    .commits
                    .map(|commits| calls / commits as f64)
                    .into(),
                measured.load.percentile_ms(50.0).into(),
                measured.load.percentile_ms(99.0).into(),
                (measured.cpu_s * 1e6 / calls).into(),
                measured.syncs.into(),
                ratio.into(),
            ]);
            if callers == 64 {
                report.goal(
                    format!("events per fdatasync on {engine} at 64 callers"),
                    GOAL,
                    ratio,
                );
            }
        }
        log.close().await;
    }
    report.table(table);
    Ok(report)
}

/// So many callers who append to `log`.
pub(crate) fn appenders(log: &Arc<dyn EventLog>, count: usize) -> Vec<Appender> {
    let world = Arc::new(World::new(10_000, 10_000));
    let appender = |number| Appender {
        log: log.clone(),
        world: world.clone(),
        dice: StdRng::seed_from_u64(number),
    };
    // Another run of the same numbers must not append the same streams.
    let first: u64 = rand::random();
    (0..count as u64)
        .map(|number| appender(first.wrapping_add(number)))
        .collect()
}

impl Caller for Appender {
    async fn call(&mut self) -> Result<()> {
        let now = Clock::system().now();
        let append = world::checked_in(self.world.check_in(&mut self.dice, now), now);
        let Append {
            stream,
            expected,
            events,
            ..
        } = append;
        self.log.append(&stream, expected, events).await?;
        Ok(())
    }
}

async fn measure(
    log: &Arc<dyn EventLog>,
    callers: usize,
    commits: &mut Commits,
    syncs: &mut RawSyncs,
    common: &Common,
) -> Result<Measured> {
    let time = common.time() / ROUNDS;
    let warm_up = Duration::from_millis(200).min(time);
    let (mut callers, _) = load::run(appenders(log, callers), warm_up).await?;
    let mut measured = Measured {
        load: Load::new(),
        syncs: 0.0,
        commits: Some(0),
        cpu_s: 0.0,
    };
    for _ in 0..ROUNDS {
        // Nothing else runs now, so that blocking this thread does no harm.
        measured.syncs += syncs.per_second(time / 2)? / f64::from(ROUNDS);
        let (before, commits_before) = (Usage::ours()?, commits.count().await);
        let load;
        (callers, load) = load::run(callers, time).await?;
        measured.load.add(&load);
        measured.cpu_s += Usage::ours()?.cpu_s - before.cpu_s;
        let made = commits.count().await.zip(commits_before);
        let made = made.map(|(after, before)| after - before);
        measured.commits = measured.commits.zip(made).map(|(sum, made)| sum + made);
    }
    Ok(measured)
}

impl Commits {
    fn sqlite(path: &Path) -> Self {
        Self::Sqlite(path.with_extension("sqlite-shm"))
    }

    /// `None` when it cannot be found out.
    async fn count(&mut self) -> Option<u64> {
        match self {
            Self::Sqlite(index) => {
                // The third number of the index is one larger after each transaction.
                let mut counter = [0; 4];
                File::open(index)
                    .ok()?
                    .read_exact_at(&mut counter, 8)
                    .ok()?;
                Some(u32::from_ne_bytes(counter).into())
            }
            Self::Postgres(connection) => {
                let next = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
                let next: i64 = sqlx::query_scalar(next).fetch_one(connection).await.ok()?;
                next.try_into().ok()
            }
        }
    }
}

/// A log of its own for appends beside something else.
///
/// # Errors
/// When it cannot be made.
pub(crate) async fn fresh_log(folder: &Path) -> Result<Arc<dyn EventLog>> {
    let log = SqliteLog::open(&folder.join("append.sqlite")).await;
    Ok(Arc::new(log.context("cannot make a log")?))
}
