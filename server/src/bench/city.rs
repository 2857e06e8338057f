//! `city`: what is around, among ten thousand shops and among a million, beside Redis and PostGIS
//! with the same points.
//!
//! Everybody is asked over sockets, by callers in a process of their own; who is compared takes
//! turns, so that the machine's moods meet all of them. The shops come into our log as an import
//! brings them; people check in at some. Callers are not logged in.

mod changes;
mod growth;
pub(crate) mod index;
pub(crate) mod load;
mod peers;
mod postgis;
mod questions;
mod redis;
mod town;
mod words;
mod world;

use crate::report::{Report, Table};
use crate::{Common, tell};
use anyhow::{Result, ensure};
use index::Measured;
use load::{Job, Outcome};
use std::time::Duration;
use town::{Figures, Town};
use world::World;

/// How many shops the small country has.
const FEW: usize = 10_000;

/// What a shop may take in memory, in bytes: the index alone, and everything.
const INDEX_BYTES: f64 = 120.0;
const BYTES: f64 = 250.0;

/// By how much a start from the snapshot is faster than a replay.
const START_GOAL: f64 = 10.0;

/// What `city` is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Shops in the large country; the small one has 10,000
    #[arg(long, default_value_t = 1_000_000)]
    shops: usize,
    /// Which country
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often everybody has their turn
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// How many connections ask at the same time
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Questions a second while shops change
    #[arg(long, default_value_t = 500.0)]
    reads: f64,
    /// How many shops change in a second
    #[arg(long, default_value_t = 1_000.0)]
    changes: f64,
    /// Measure ours alone
    #[arg(long)]
    alone: bool,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// What shops take, and how houses start
    Memory,
    /// The same questions in both countries
    Growth,
    /// Questions while shops change
    Changes,
    /// Beside Redis and PostGIS
    Peers,
}

/// How long, how often and by how many is asked.
#[derive(Clone, Copy)]
struct Turns {
    time: Duration,
    rounds: u32,
    connections: usize,
}

/// The sum of some rounds.
#[derive(Clone, Debug, Default)]
struct Sum {
    rounds: f64,
    counted: u64,
    all: u64,
    time: Duration,
    p50_ms: f64,
    p99_ms: f64,
    rows: f64,
    server_s: f64,
}

pub(crate) async fn run(options: Options, common: &Common) -> Result<Report> {
    ensure!(
        (FEW..=100_000_000).contains(&options.shops),
        "the large country has 10,000 to 100,000,000 shops"
    );
    ensure!(
        options.rounds > 0 && options.connections > 0,
        "nobody would ask"
    );
    let paces = [options.reads, options.changes];
    ensure!(
        paces.iter().all(|pace| (1.0..=1e6).contains(pace)),
        "from 1 to 1,000,000 a second"
    );
    let turns = Turns {
        time: common.time(),
        rounds: options.rounds,
        connections: options.connections,
    };
    let wanted = |part| options.only.is_empty() || options.only.contains(&part);
    let folder = common.folder()?;
    let mut report = Report::default();
    let seed = options.seed;
    let mut alone = Vec::new();
    if wanted(Part::Memory) || wanted(Part::Growth) {
        for shops in [FEW, options.shops] {
            tell(&format!("the index by itself, with {shops} shops"));
            alone.push(index::measure(&World::new(shops, seed), turns.time / 2).await?);
        }
    }
    let many = Town::build(&folder.path().join("many"), options.shops, seed).await?;
    let peers = if wanted(Part::Peers) && !options.alone {
        peers::Peers::start(folder.path(), &many.world).await?
    } else {
        peers::Peers::default()
    };
    if wanted(Part::Memory) || wanted(Part::Growth) {
        let few = Town::build(&folder.path().join("few"), FEW, seed).await?;
        if wanted(Part::Memory) {
            memory([&few, &many], &alone, &peers, &mut report);
            starts([&few, &many], &mut report);
        }
        if wanted(Part::Growth) {
            growth::compare([&few, &many], &alone, turns, &mut report).await?;
        }
        few.house.stop().await?;
    }
    if wanted(Part::Changes) {
        changes::compare(&many, options.reads, options.changes, turns, &mut report).await?;
    }
    if wanted(Part::Peers) {
        peers.compare(&many, turns, &mut report).await?;
    }
    peers.stop().await?;
    many.house.stop().await?;
    Ok(report)
}

/// What a shop takes.
fn memory([few, many]: [&Town; 2], alone: &[Measured], peers: &peers::Peers, report: &mut Report) {
    let shops = many.world.len();
    let mut table = Table::new(
        format!("Bytes for one of {shops} shops"),
        &["what", "resident", "in all MiB"],
    );
    let mib = |bytes: f64| bytes * shops as f64 / 1_048_576.0;
    let mut index = 0.0;
    if let Some(measured) = alone.last() {
        let started = &measured.started;
        index = started.index_bytes;
        for (what, bytes) in [
            ("shop index alone, from its snapshot, without texts", index),
            ("texts of shops", started.text_bytes),
            (
                "shop index and texts, at most, while all is packed anew",
                started.merge_peak_bytes,
            ),
            ("shop index and texts, after a replay", measured.index_bytes),
            ("ranker alone, after a replay", measured.ranker_bytes),
        ] {
            table.row([what.into(), bytes.into(), mib(bytes).into()]);
        }
    }
    // What a house takes that knows hardly any shop is not the shops'.
    let more = (many.world.len() - few.world.len()).max(1) as f64;
    let whole = |mib: fn(&Town) -> f64| (mib(many) - mib(few)) * 1_048_576.0 / more;
    let (whole, replayed) = (
        whole(|town| town.figures.resident_mib),
        whole(|town| town.figures.replayed_mib),
    );
    table.row([
        "whole server, started from the snapshot".into(),
        whole.into(),
        many.figures.resident_mib.into(),
    ]);
    table.row([
        "whole server, after the replay".into(),
        replayed.into(),
        many.figures.replayed_mib.into(),
    ]);
    for (name, bytes) in peers.bytes() {
        table.row([name.into(), bytes.into(), mib(bytes).into()]);
    }
    report.table(table);
    report.goal(
        "120 bytes by what the index takes",
        1.0,
        INDEX_BYTES / index,
    );
    report.goal("250 bytes by what everything takes", 1.0, BYTES / whole);
}

/// How the houses start.
fn starts(towns: [&Town; 2], report: &mut Report) {
    let mut table = Table::new(
        "Until a house is ready",
        &[
            "shops",
            "imported/s",
            "replay s",
            "from snapshot s",
            "replay / snapshot",
            "peak MiB",
        ],
    );
    for town in towns {
        let figures = town.figures;
        table.row([
            (town.world.len() as f64).into(),
            figures.imported.into(),
            figures.replay_s.into(),
            figures.snapshot_s.into(),
            (figures.replay_s / figures.snapshot_s).into(),
            figures.peak_mib.into(),
        ]);
    }
    report.table(table);
    let Figures {
        replay_s,
        snapshot_s,
        ..
    } = towns[1].figures;
    report.goal(
        "replay by start from the snapshot",
        START_GOAL,
        replay_s / snapshot_s,
    );
}

impl Turns {
    fn warm_up(self) -> Duration {
        self.time.min(Duration::from_secs(1))
    }

    fn job(self, group: load::Group) -> Job {
        Job {
            group,
            warm_up: self.warm_up(),
            time: self.time,
        }
    }
}

impl Sum {
    fn add(&mut self, outcome: &Outcome, time: Duration, server_s: f64) {
        let mean = |old: f64, new: f64| (old * self.rounds + new) / (self.rounds + 1.0);
        self.p50_ms = mean(self.p50_ms, outcome.p50_ms);
        self.p99_ms = mean(self.p99_ms, outcome.p99_ms);
        self.rows = mean(self.rows, outcome.rows);
        self.rounds += 1.0;
        self.counted += outcome.counted;
        self.all += outcome.all;
        self.time += time;
        self.server_s += server_s;
    }

    /// Answers in a second.
    fn rate(&self) -> f64 {
        self.counted as f64 / self.time.as_secs_f64()
    }

    /// What the server used for each, in microseconds.
    fn server_us(&self) -> f64 {
        self.server_s * 1e6 / self.all as f64
    }
}
