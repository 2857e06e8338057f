//! `start`: how long a house with a large log takes to be ready, the first time and the next,
//! what it keeps in memory, and how fast it then says what is around.

use crate::house::House;
use crate::http::{self, Reader};
use crate::kept_log::KeptLog;
use crate::load::{self, Load, on_one_thread};
use crate::machine::Usage;
use crate::report::{Report, Table};
use crate::world::World;
use crate::{Common, tell};
use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::{Duration, Instant};

/// What phones say of their own accuracy, in metres.
const ACCURACIES: [u32; 4] = [30, 65, 200, 1_000];

/// How many places are asked about.
const PLACES: usize = 1_000;

/// What `start` is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    log: KeptLog,
}

pub(crate) async fn run(options: Options, common: &Common) -> Result<Report> {
    let folder = common.folder()?;
    let (world, log) = options.log.open(&common.dir, folder.path()).await?;
    let log_url = format!("sqlite:{}", log.to_str().context("--dir must be UTF-8")?);
    let data = folder.path().join("house");
    let mut starts = Table::new(
        "A house with a large log",
        &[
            "start",
            "ready after s",
            "cpu s",
            "resident MiB",
            "peak MiB",
            "stopped after s",
        ],
    );
    let mut queries = Table::new(
        "GET /aroundme/shops after the last start",
        &[
            "accuracy m",
            "connections",
            "per second",
            "p50 ms",
            "p99 ms",
        ],
    );
    let last = "from snapshots";
    for start in ["first, replaying everything", last] {
        tell(&format!("starting: {start}"));
        let house = House::start(&data, Some(&log_url)).await?;
        let usage = Usage::at_rest(|| house.usage()).await?;
        let ready_after = house.ready_after.as_secs_f64();
        if start == last {
            tell("asking what is around");
            for accuracy in ACCURACIES {
                let load = ask(&house, &world, &[accuracy], 1, common.time()).await?;
                row(&mut queries, &accuracy.to_string(), 1, &load);
            }
            let load = ask(&house, &world, &ACCURACIES, 16, common.time()).await?;
            row(&mut queries, "any of them", 16, &load);
        }
        let stopping = Instant::now();
        house.stop().await?;
        starts.row([
            start.into(),
            ready_after.into(),
            usage.cpu_s.into(),
            usage.resident_mib.into(),
            usage.peak_mib.into(),
            stopping.elapsed().as_secs_f64().into(),
        ]);
    }
    let mut report = Report::default();
    report.table(starts);
    report.table(queries);
    Ok(report)
}

/// Asks what is around shops of the country.
async fn ask(
    house: &House,
    world: &World,
    accuracies: &[u32],
    connections: usize,
    time: Duration,
) -> Result<Load> {
    let mut dice = StdRng::seed_from_u64(0xa4ea);
    let requests: Vec<Vec<u8>> = (0..PLACES)
        .map(|number| {
            let (point, accuracy) = (
                world.busy_place(&mut dice),
                accuracies[number % accuracies.len()],
            );
            // Not at the door: some way off, as phones are.
            let (lat, lng) = (
                point.lat() + dice.random_range(-3e-4..3e-4),
                point.lng() + dice.random_range(-3e-4..3e-4),
            );
            let path = format!("/aroundme/shops?lat={lat}&lng={lng}&accuracy={accuracy}");
            http::get(&path, None)
        })
        .collect();
    let address = house.address;
    on_one_thread(move || async move {
        let readers = Reader::open(address, connections, &requests).await?;
        let warm_up = Duration::from_millis(500).min(time);
        let (readers, _) = load::run(readers, warm_up).await?;
        Ok(load::run(readers, time).await?.1)
    })
    .await
}

fn row(table: &mut Table, accuracy: &str, connections: u32, load: &Load) {
    table.row([
        accuracy.into(),
        f64::from(connections).into(),
        load.rate().into(),
        load.percentile_ms(50.0).into(),
        load.percentile_ms(99.0).into(),
    ]);
}
