//! `checkin`: how much of the log's rate survives the whole way: HTTP, session, parameters, rules,
//! the log, all read models, and the answer, which the caller gets when everybody can read it.

use crate::append;
use crate::house::{self, House};
use crate::http::{self, Connection, Reader};
use crate::load::{self, Load, on_one_thread};
use crate::machine::Usage;
use crate::people::{People, Visitor};
use crate::report::{Cell, Report, Table};
use crate::world::World;
use crate::{Common, tell};
use anyhow::{Result, ensure};
use domain::Position;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// As in [`crate::append`].
const ROUNDS: u32 = 5;

/// The share of the log's rate that should survive.
const GOAL: f64 = 0.25;

/// What `checkin` is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Connections, each of which checks in again as soon as it is answered
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// People who are logged in; each connection takes its share of them in turn
    #[arg(long, default_value_t = 1_024)]
    users: usize,
    /// Shops in the house
    #[arg(long, default_value_t = 10_000)]
    shops: usize,
}

/// One kind of load over all rounds, and what the house and we used.
struct Measured {
    load: Load,
    house_s: f64,
    ours_s: f64,
}

pub(crate) async fn run(options: Options, common: &Common) -> Result<Report> {
    let Options {
        connections,
        users,
        shops,
    } = options;
    ensure!(
        connections > 0 && users >= connections,
        "fewer people than connections"
    );
    ensure!(shops > 0, "a house needs shops");
    let folder = common.folder()?;
    let data = folder.path().join("house");
    tell(&format!("letting {users} people log in, {shops} shops"));
    let people = Arc::new(People::move_in(&data, World::new(shops, users), users).await?);
    let log = append::fresh_log(folder.path()).await?;
    let house = House::start(&data, None).await?;
    reads_its_writes(house.address, &people).await?;
    let before = head(&data).await?;

    tell("appends and check-ins in turns");
    let time = common.time() / ROUNDS;
    let warm_up = Duration::from_millis(500).min(time);
    let mut appends = Measured::new();
    let mut check_ins = Measured::new();
    let mut answered = check_in(&house, &people, connections, warm_up).await?.0;
    let (mut appenders, _) = load::run(append::appenders(&log, connections), warm_up).await?;
    for _ in 0..ROUNDS {
        let started = Usage::ours()?;
        let load;
        (appenders, load) = load::run(appenders, time).await?;
        appends.load.add(&load);
        appends.ours_s += Usage::ours()?.cpu_s - started.cpu_s;
        let (all, measured) = check_in(&house, &people, connections, time).await?;
        answered += all;
        check_ins.add(&measured);
    }
    let reads = read(&house, connections, common.time() / 2).await?;
    house.stop().await?;
    log.close().await;
    let stored = head(&data).await?.0 - before.0;
    ensure!(
        stored >= answered,
        "{answered} check-ins were answered and {stored} stored"
    );

    let mut table = Table::new(
        format!("{connections} callers, in turns"),
        &[
            "what",
            "per second",
            "p50 ms",
            "p99 ms",
            "server cpu us each",
            "load cpu us each",
        ],
    );
    appends.row(&mut table, "append to the log alone");
    check_ins.row(&mut table, "POST /checkins");
    reads.row(&mut table, "GET /shop/info (no log, no disk)");
    let mut report = Report::default();
    report.table(table);
    let share = check_ins.load.rate() / appends.load.rate();
    report.goal("check-ins/s by appends/s", GOAL, share);
    Ok(report)
}

/// Checks in once, and finds it in the list that the next request reads.
async fn reads_its_writes(address: SocketAddr, people: &People) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    let session = people.session(0);
    let request = people.request(0, &mut StdRng::seed_from_u64(1));
    let id = serde_json::from_slice::<Value>(connection.succeed(&request).await?)?["id"].take();
    let list = connection
        .succeed(&http::get("/checkins", Some(session)))
        .await?;
    let first = serde_json::from_slice::<Value>(list)?[0]["id"].take();
    ensure!(
        id.is_string() && id == first,
        "a check-in could not be read back at once"
    );
    Ok(())
}

/// The last position of the log in `data`.
async fn head(data: &Path) -> Result<Position> {
    let settings = house::settings(data, None);
    let log = eventlog::open(settings.log_url()?.get()).await?;
    let head = log.head().await;
    log.close().await;
    Ok(head?)
}

/// Lets everybody check in for `time`; also says how many were answered.
async fn check_in(
    house: &House,
    people: &Arc<People>,
    connections: usize,
    time: Duration,
) -> Result<(u64, Measured)> {
    let (address, people) = (house.address, people.clone());
    let measured = Measured::of(house, move || async move {
        let visitors = Visitor::open(address, connections, &people).await?;
        Ok(load::run(visitors, time).await?.1)
    });
    let measured = measured.await?;
    Ok((measured.load.calls, measured))
}

/// Asks for shops for `time`.
async fn read(house: &House, connections: usize, time: Duration) -> Result<Measured> {
    let address = house.address;
    let requests: Vec<Vec<u8>> = (1..=100)
        .map(|id| http::get(&format!("/shop/info?id={id}"), None))
        .collect();
    Measured::of(house, move || async move {
        let readers = Reader::open(address, connections, &requests).await?;
        Ok(load::run(readers, time).await?.1)
    })
    .await
}

impl Measured {
    fn new() -> Self {
        Self {
            load: Load::new(),
            house_s: 0.0,
            ours_s: 0.0,
        }
    }

    /// Runs a load on `house` and looks what both sides used meanwhile.
    async fn of<F: Future<Output = Result<Load>>>(
        house: &House,
        load: impl FnOnce() -> F + Send + 'static,
    ) -> Result<Self> {
        let (house_before, ours_before) = (house.usage()?, Usage::ours()?);
        let load = on_one_thread(load).await?;
        Ok(Self {
            load,
            house_s: house.usage()?.cpu_s - house_before.cpu_s,
            ours_s: Usage::ours()?.cpu_s - ours_before.cpu_s,
        })
    }

    fn add(&mut self, other: &Self) {
        self.load.add(&other.load);
        self.house_s += other.house_s;
        self.ours_s += other.ours_s;
    }

    fn row(&self, table: &mut Table, what: &str) {
        let each = |seconds: f64| Some(seconds * 1e6 / self.load.calls as f64);
        let house = each(self.house_s).filter(|micros| *micros > 0.0);
        table.row([
            what.into(),
            self.load.rate().into(),
            self.load.percentile_ms(50.0).into(),
            self.load.percentile_ms(99.0).into(),
            house.map_or(Cell::Nothing, Cell::Number),
            each(self.ours_s).into(),
        ]);
    }
}
