//! `ranking`: how often the place where somebody is stands first in the list they are offered, in a
//! made-up city where that is known, beside a list by distance alone.
//!
//! The city's events go through the product's own log and read models, and its people choose from
//! the product's own lists, so that the ranker learns from what it brought about. Then visits that
//! it never hears of are put to it, with each accuracy. What the city is like, and where it differs
//! from what the ranker takes it for, is told in [`city`].

mod city;
mod people;

use crate::report::{Report, Table};
use crate::{Common, tell};
use anyhow::{Result, ensure};
use city::{City, Moment};
use domain::checkin::CheckedIn;
use domain::geo::{Fix, Point};
use domain::shop::{ShopClosed, ShopRegistered};
use domain::{CheckinId, Event, Millis, ShopId, StreamName};
use eventlog::memory::MemoryLog;
use eventlog::{Append, EventLog, ExpectedRevision, Metadata, NewEvent};
use jiff::tz::TimeZone;
use people::Visit;
use projections::Projections;
use projections::place_ranker::{Asked, Bssid, OFFERED};
use projections::shop_index::Filter;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// What phones say of their own accuracy, in metres, and how many of a hundred do.
const ACCURACIES: [(f64, u32); 4] = [(30.0, 25), (65.0, 40), (200.0, 20), (1_000.0, 15)];

/// The mean reciprocal ranks that are hoped for, without an access point and with.
const GOALS: [[f64; 2]; 4] = [[0.65, 0.70], [0.55, 0.65], [0.45, 0.60], [0.20, 0.45]];

/// So many check-ins are chosen from lists that know nothing of each other yet.
const AT_ONCE: usize = 200;

/// One in so many people takes the first of the list although they are elsewhere.
const MISTAKEN: f64 = 0.03;

/// What the city is asked of is told by these clocks.
const ZONE: &str = "Asia/Shanghai";

/// How large the city is, and how long it is watched.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Shops in the city
    #[arg(long, default_value_t = 8_000)]
    shops: usize,
    /// People in the city
    #[arg(long, default_value_t = 4_000)]
    users: usize,
    /// Check-ins that are learnt from
    #[arg(long = "events", default_value_t = 40_000)]
    checkins: usize,
    /// Visits that are asked about
    #[arg(long, default_value_t = 4_000)]
    asked: usize,
    /// Which city
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The house's log and read models.
struct House {
    log: Arc<dyn EventLog>,
    projections: Arc<Projections>,
}

/// How lists served for one accuracy.
#[derive(Clone, Copy, Default)]
struct Served {
    asked: usize,
    reciprocal_ranks: f64,
    first: usize,
    time: Duration,
}

/// Lists by distance alone, and the ranker's.
#[derive(Clone, Copy, Default)]
struct Compared {
    distance: Served,
    /// For everybody, without an access point.
    without: Served,
    /// For those whose phone is connected to one: with it.
    with: Served,
    /// And for just these, without it.
    untold: Served,
}

pub(crate) async fn run(options: Options, common: &Common) -> Result<Report> {
    ensure!(
        (1_000..=1_000_000).contains(&options.shops) && options.users > 0 && options.asked > 0,
        "a city needs 1,000 to 1,000,000 shops, people, and visits to ask about"
    );
    let folder = common.folder()?;
    let read_url = folder.path().join("read.sqlite");
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let projections = Projections::start(
        log.clone(),
        projections::Options {
            read_url: format!("sqlite:{}", std::path::absolute(read_url)?.display()),
            snapshot_dir: None,
            snapshot_every: u64::MAX,
            timezone: TimeZone::get(ZONE)?,
        },
    )
    .await?;
    let house = House { log, projections };
    let mut city = City::new(options.shops, options.users, options.seed);
    let opening = city.open_shops().collect::<Vec<_>>();
    for chunk in opening.chunks(4_096) {
        let moment = Moment::start();
        let opened = chunk.iter().map(|(id, shop)| {
            let opened = ShopRegistered {
                shop_id: *id,
                details: shop.details(),
                source: None,
            };
            append(StreamName::shop(*id), opened.into(), moment.time())
        });
        house.write(opened.collect()).await?;
    }

    let mut stages: Vec<usize> = vec![300, 2_000, options.checkins];
    stages.retain(|stage| *stage <= options.checkins);
    stages.dedup();
    let mut report = Report::default();
    let (mut made, mut at) = (0, Moment::start());
    let mut dice = StdRng::seed_from_u64(options.seed ^ 0x9a11);
    let step_ms = city::PERIOD_MS / options.checkins.max(1) as i64;
    for stage in stages {
        tell(&format!("up to {stage} check-ins"));
        while made < stage {
            let count = AT_ONCE.min(stage - made);
            let mut events = Vec::with_capacity(count);
            for _ in 0..count {
                at = at.after(step_ms);
                for (id, change) in city.passes(at) {
                    events.push(match change {
                        Some(details) => append(
                            StreamName::shop(id),
                            ShopRegistered {
                                shop_id: id,
                                details,
                                source: None,
                            }
                            .into(),
                            at.time(),
                        ),
                        None => append(
                            StreamName::shop(id),
                            ShopClosed { shop_id: id }.into(),
                            at.time(),
                        ),
                    });
                }
                events.push(house.check_in(&mut city, &mut dice, at));
            }
            house.write(events).await?;
            made += count;
        }
        tell("asking");
        let compared = house.ask(&mut city, options.asked, at);
        let last = made == options.checkins;
        report.table(table(made, &compared));
        if last {
            for ((accuracy, _), (found, goals)) in ACCURACIES.iter().zip(compared.iter().zip(GOALS))
            {
                let at_least = |what: &str, goal, served: &Served| {
                    let what = format!("mean reciprocal rank at {accuracy} m, {what},");
                    (what, goal, served.mean())
                };
                let (what, goal, reached) = at_least("no BSSID", goals[0], &found.without);
                report.goal(what, goal, reached);
                let (what, goal, reached) = at_least("with BSSID", goals[1], &found.with);
                report.goal(what, goal, reached);
            }
            report.table(house.scores());
        }
    }
    house.projections.stop().await;
    Ok(report)
}

impl House {
    async fn write(&self, appends: Vec<Append>) -> Result<()> {
        for appended in self.log.append_batch(appends).await? {
            appended?;
        }
        self.projections.caught_up().await;
        Ok(())
    }

    /// Somebody goes out, is offered a list and chooses from it.
    fn check_in(&self, city: &mut City, dice: &mut StdRng, at: Moment) -> Append {
        let visit = city.visit(at);
        let accuracy = some_accuracy(dice);
        let fix = city.fix(&visit, accuracy);
        let bssid = visit.bssid();
        let list = self.list(&visit, Fix::new(fix, accuracy), bssid.as_deref());
        let mut shop_id = visit.shop_id;
        if dice.random_bool(MISTAKEN) {
            shop_id = list.first().copied().unwrap_or(shop_id);
        }
        let rank = list.iter().position(|id| *id == shop_id);
        let made = CheckedIn {
            checkin_id: CheckinId::new(visit.at.time().second(), dice.random()),
            user_id: visit.user_id(),
            shop_id,
            point: fix,
            accuracy,
            od: rank.map_or(OFFERED + 1, |rank| rank + 1) as u32,
            altitude: None,
            altacc: None,
            bssid,
            hidden: false,
        };
        let stream = StreamName::checkin(made.checkin_id);
        append(stream, made.into(), visit.at.time())
    }

    fn list(&self, visit: &Visit, fix: Fix, bssid: Option<&str>) -> Vec<ShopId> {
        let asked = Asked {
            fix,
            caller: Some(visit.user_id()),
            hidden: true,
            bssid: bssid.and_then(Bssid::named),
            now: visit.at.time(),
        };
        self.projections.shop_index.read(|shops| {
            self.projections.place_ranker.read(|ranker| {
                let ranked = ranker.rank(shops, &asked, OFFERED).into_iter();
                ranked.map(|ranked| ranked.shop.id).collect()
            })
        })
    }

    fn nearest(&self, point: Point) -> Vec<ShopId> {
        self.projections.shop_index.read(|shops| {
            let nearest = shops.nearest(point, &Filter::default(), 0, OFFERED);
            nearest.iter().map(|near| near.shop.id).collect()
        })
    }

    /// Asks about visits that nobody hears of afterwards.
    fn ask(&self, city: &mut City, count: usize, at: Moment) -> [Compared; 4] {
        let mut compared = [Compared::default(); 4];
        for number in 0..count {
            // All through the week that comes.
            let at = at.after(number as i64 * 7 * city::DAY_MS / count as i64);
            let visit = city.visit(at);
            for ((accuracy, _), compared) in ACCURACIES.iter().zip(&mut compared) {
                let point = city.fix(&visit, *accuracy);
                let fix = Fix::new(point, *accuracy);
                compared.distance.ask(&visit, || self.nearest(point));
                compared
                    .without
                    .ask(&visit, || self.list(&visit, fix, None));
                if let Some(bssid) = visit.bssid() {
                    let with = || self.list(&visit, fix, Some(&bssid));
                    compared.with.ask(&visit, with);
                    let untold = || self.list(&visit, fix, None);
                    compared.untold.ask(&visit, untold);
                }
            }
        }
        compared
    }

    /// What the product itself says of how its lists served, cold start and all.
    fn scores(&self) -> Table {
        let mut table = Table::new(
            "What the ranker says of itself, over all check-ins",
            &[
                "accuracy up to m",
                "BSSID",
                "check-ins",
                "MRR",
                "top 1",
                "missing",
            ],
        );
        let scores = self.projections.place_ranker.read(|ranker| ranker.scores());
        for score in scores.iter().filter(|score| score.picks > 0) {
            let upto = score
                .accuracy_m
                .map_or("any".into(), |upto| upto.to_string());
            table.row([
                upto.into(),
                if score.bssid { "yes" } else { "no" }.into(),
                (score.picks as f64).into(),
                score.mean_reciprocal_rank().into(),
                score.top_1().into(),
                (score.missing as f64).into(),
            ]);
        }
        table
    }
}

impl Served {
    fn ask(&mut self, visit: &Visit, list: impl FnOnce() -> Vec<ShopId>) {
        let started = Instant::now();
        let list = list();
        self.time += started.elapsed();
        self.asked += 1;
        if let Some(rank) = list.iter().position(|id| *id == visit.shop_id) {
            self.reciprocal_ranks += 1.0 / (rank + 1) as f64;
            self.first += usize::from(rank == 0);
        }
    }

    fn mean(&self) -> f64 {
        self.reciprocal_ranks / self.asked.max(1) as f64
    }

    fn top_1(&self) -> f64 {
        self.first as f64 / self.asked.max(1) as f64
    }

    fn micros(&self) -> f64 {
        self.time.as_secs_f64() * 1e6 / self.asked.max(1) as f64
    }
}

fn table(made: usize, compared: &[Compared; 4]) -> Table {
    let mut table = Table::new(
        format!("Mean reciprocal rank after {made} check-ins (missing counts 0)"),
        &[
            "accuracy m",
            "distance alone",
            "ranker",
            "top 1",
            "on Wi-Fi, BSSID",
            "top 1, BSSID",
            "on Wi-Fi, without",
            "distance µs",
            "ranker µs",
        ],
    );
    for ((accuracy, _), found) in ACCURACIES.iter().zip(compared) {
        table.row([
            accuracy.to_string().into(),
            found.distance.mean().into(),
            found.without.mean().into(),
            found.without.top_1().into(),
            found.with.mean().into(),
            found.with.top_1().into(),
            found.untold.mean().into(),
            found.distance.micros().into(),
            found.without.micros().into(),
        ]);
    }
    table
}

fn some_accuracy(dice: &mut StdRng) -> f64 {
    let mut at = dice.random_range(0..ACCURACIES.iter().map(|(_, share)| share).sum::<u32>());
    for (accuracy, share) in ACCURACIES {
        if at < share {
            return accuracy;
        }
        at -= share;
    }
    ACCURACIES[0].0
}

fn append(stream: StreamName, event: Event, time: Millis) -> Append {
    let event = NewEvent {
        id: Uuid::now_v7(),
        time,
        event,
        metadata: Metadata::default(),
    };
    Append::new(stream, ExpectedRevision::Any, vec![event])
}
