//! The index by itself, in a process that holds nothing else: this program again, as `city-index`.
//! It is fed the shops of the country one by one, as a replay feeds it. What it takes is measured in
//! another one, which has it from its snapshot: a replay leaves much behind in the allocator.

mod started;

use super::questions::{KINDS, places};
use super::world::World;
use crate::machine::Usage;
use anyhow::{Context, Result};
use domain::shop::{NoticePosted, ShopRegistered};
use domain::{Event, Millis, Position, ShopId, StreamName};
use eventlog::{Metadata, RecordedEvent};
use projections::{Live, PlaceRanker, ShopIndex};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;
use uuid::Uuid;

/// So often what goes on in the background is waited for, and then taken over with another event.
const REST: [Duration; 3] = [Duration::from_millis(500); 3];

/// What the process is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    shops: usize,
    seed: u64,
    /// How long each kind of question is asked, in seconds
    seconds: f64,
    /// Take the index from this snapshot and say what it takes, and nothing else
    #[arg(long)]
    started: Option<PathBuf>,
}

/// What it says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    /// Of the index after a start from its snapshot.
    pub(super) started: started::Started,
    /// Memory that is resident for one shop after a replay: the shop index by itself, and the
    /// ranker's share.
    pub(super) index_bytes: f64,
    pub(super) ranker_bytes: f64,
    /// How long it took to fold one shop into the index, in microseconds.
    pub(super) fold_us: f64,
    /// How long each kind of question takes, in microseconds: the half of them at most.
    pub(super) question_us: Vec<f64>,
}

/// Measures, and says it in a line of JSON.
///
/// # Errors
/// When the index refuses a shop.
pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(file) = &options.started {
        println!(
            "{}",
            serde_json::to_string(&started::measure(options, file)?)?
        );
        return Ok(());
    }
    let world = World::new(options.shops, options.seed);
    let bytes = |since: Usage| -> Result<f64> {
        let mib = Usage::ours_at_rest()?.resident_mib - since.resident_mib;
        Ok(mib * 1_048_576.0 / options.shops as f64)
    };
    let before = Usage::ours()?;
    let shops: Live<ShopIndex> = Live::default();
    let mut folding = Duration::ZERO;
    for (number, record) in world.records().enumerate() {
        let registered = ShopRegistered {
            shop_id: record.shop_id,
            details: record.details,
            source: Some(record.source),
        };
        let event = recorded(number, record.shop_id, registered);
        let started = Instant::now();
        shops.fold(&event)?;
        folding += started.elapsed();
    }
    for (number, rest) in REST.into_iter().enumerate() {
        std::thread::sleep(rest);
        shops.fold(&noticed(options, number))?;
    }
    let index_bytes = bytes(before)?;
    let started = started::elsewhere(options, &shops)?;
    let before = Usage::ours_at_rest()?;
    let ranker: Live<PlaceRanker> = Live::default();
    for (number, record) in world.records().enumerate() {
        let registered = ShopRegistered {
            shop_id: record.shop_id,
            details: record.details,
            source: None,
        };
        ranker.fold(&recorded(number, record.shop_id, registered))?;
    }
    let ranker_bytes = bytes(before)?;
    let (rare, places) = (world.rare_name(), places(&world));
    let time = Duration::from_secs_f64(options.seconds);
    let question_us = shops.read(|shops| {
        ranker.read(|ranker| {
            let mut medians = Vec::with_capacity(KINDS.len());
            for kind in &KINDS {
                let (started, mut took) = (Instant::now(), Vec::new());
                for place in places.iter().cycle() {
                    let asked = Instant::now();
                    black_box(kind.ask(shops, ranker, place, &rare));
                    took.push(asked.elapsed());
                    if started.elapsed() > time {
                        break;
                    }
                }
                took.sort_unstable();
                medians.push(took[took.len() / 2].as_secs_f64() * 1e6);
            }
            medians
        })
    });
    let measured = Measured {
        started,
        index_bytes,
        ranker_bytes,
        fold_us: folding.as_secs_f64() * 1e6 / options.shops as f64,
        question_us,
    };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

/// Lets such a process measure.
///
/// # Errors
/// When it fails.
pub(super) async fn measure(world: &World, time: Duration) -> Result<Measured> {
    let output = Command::new(std::env::current_exe()?)
        .arg("city-index")
        .arg(world.len().to_string())
        .arg(world.seed().to_string())
        .arg(time.as_secs_f64().to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await?;
    serde_json::from_slice(&output.stdout).context("the index did not answer")
}

/// After all shops were opened, notice `number` is put up in one of them.
fn noticed(options: &Options, number: usize) -> RecordedEvent {
    let shop_id = super::world::shop_id((number % options.shops) as u64);
    let posted = NoticePosted {
        shop_id,
        title: String::new(),
    };
    recorded(options.shops + number, shop_id, posted)
}

fn recorded(number: usize, shop_id: ShopId, event: impl Into<Event>) -> RecordedEvent {
    RecordedEvent {
        position: Position(number as u64 + 1),
        stream: StreamName::shop(shop_id),
        revision: 0,
        id: Uuid::nil(),
        time: Millis(0),
        event: event.into(),
        metadata: Metadata::default(),
    }
}
