//! `rebuild`: how fast each read model is built anew from a large log, beside how fast that log
//! can be read and decoded at all.

use crate::kept_log::KeptLog;
use crate::report::{Report, Table};

use crate::{Common, tell};
use anyhow::{Context, Result};
use domain::{EventKind, Position};
use eventlog::{EventLog, Filter, SqliteLog, StoredEvent, codec};
use jiff::tz::TimeZone;
use projections::{Kind, Projections};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many events the read models take at once.
const PAGE: usize = 1_024;

/// What `rebuild` is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    log: KeptLog,
}

/// How long what was done with so many events took.
struct Took {
    events: u64,
    time: Duration,
}

pub(crate) async fn run(options: Options, common: &Common) -> Result<Report> {
    let folder = common.folder()?;
    let (_, path) = options.log.open(&common.dir, folder.path()).await?;
    let log: Arc<dyn EventLog> = Arc::new(SqliteLog::open(&path).await?);
    let mut table = Table::new(
        "The whole log, by one reader",
        &["what", "kept in", "seconds", "events/s"],
    );

    tell("reading");
    let (read, decoded) = read(&*log).await?;
    read.row(&mut table, "reading pages of 1,024", "");
    decoded.row(&mut table, "decoding them", "");

    tell("the first start");
    let read_url = folder.path().join("read.sqlite");
    let read_url = format!("sqlite:{}", std::path::absolute(read_url)?.display());
    let started = Instant::now();
    let options = projections::Options {
        read_url,
        snapshot_dir: None,
        snapshot_every: u64::MAX,
        timezone: TimeZone::UTC,
    };
    let projections = Projections::start(log.clone(), options).await?;
    projections.caught_up().await;
    let all = read.events;
    let all = |time| Took { events: all, time };
    all(started.elapsed()).row(
        &mut table,
        "all read models at once, at the first start",
        "",
    );
    for status in projections.status() {
        tell(&format!("rebuilding {}", status.name));
        let started = Instant::now();
        projections.rebuild(status.name).await?;
        projections.rebuilt(status.name).await?;
        let kept_in = match status.kind {
            Kind::Memory => "memory",
            Kind::Sql => "SQL",
        };
        all(started.elapsed()).row(&mut table, status.name, kept_in);
    }
    projections.stop().await;
    log.close().await;
    let mut report = Report::default();
    report.table(table);
    Ok(report)
}

/// Reads the log page by page, decoding each; the two apart.
async fn read(log: &dyn EventLog) -> Result<(Took, Took)> {
    let (mut after, mut events) = (Position::START, 0);
    let (mut reading, mut decoding) = (Duration::ZERO, Duration::ZERO);
    loop {
        let started = Instant::now();
        let page = log.read_all(after, &Filter::default(), PAGE).await?;
        reading += started.elapsed();
        let Some(last) = page.last() else { break };
        (after, events) = (last.position, events + page.len() as u64);
        let started = Instant::now();
        decode(page)?;
        decoding += started.elapsed();
    }
    let took = |time| Took { events, time };
    Ok((took(reading), took(decoding)))
}

fn decode(page: Vec<StoredEvent>) -> Result<()> {
    for stored in page {
        let recorded = codec::decode(stored).context("an event that we wrote")?;
        let kind = recorded.event.kind();
        anyhow::ensure!(EventKind::ALL.contains(&kind), "a kind that is none");
    }
    Ok(())
}

impl Took {
    fn row(&self, table: &mut Table, what: &str, kept_in: &str) {
        let seconds = self.time.as_secs_f64();
        table.row([
            what.into(),
            kept_in.into(),
            seconds.into(),
            (self.events as f64 / seconds).into(),
        ]);
    }
}
