//! A house whose log has a whole country in it: how it is filled, started and asked.

use super::load::{Group, Job, Outcome, Server};
use super::questions::{Kind, Place, places};
use super::world::{World, shop_id};
use crate::generator::Generator;
use crate::house::{self, ADMIN_TOKEN, House};
use crate::machine::Usage;
use crate::world::{append, checked_in, skewed, write};
use crate::{http, tell};
use anyhow::{Result, ensure};
use commands::Clock;
use commands::shop::{Imported, Importer};
use domain::checkin::CheckedIn;
use domain::user::{Gender, UserRegistered};
use domain::{CheckinId, Millis, StreamName};
use eventlog::EventLog;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many records the importer is given at once.
const CHUNK: usize = 8_192;

/// So many shops have one check-in and a third of a person between them, and at most.
const SHOPS_PER_CHECKIN: usize = 20;
const MOST_CHECKINS: usize = 100_000;

/// How long ago check-ins are; half of them are of people who are still there.
const LATELY_MS: i64 = 10 * 3_600_000;
const PERIOD_MS: i64 = 30 * 24 * 3_600_000;

/// How far a shop moves, in degrees.
const MOVE: f64 = 5e-4;

/// A country and the house that knows it.
pub(super) struct Town {
    pub(super) world: World,
    pub(super) house: House,
    pub(super) places: Vec<Place>,
    pub(super) rare: String,
    pub(super) figures: Figures,
}

/// What filling and starting came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    /// Shops that came into the log in a second.
    pub(super) imported: f64,
    /// Until it was ready: replaying everything, and from the snapshot.
    pub(super) replay_s: f64,
    pub(super) snapshot_s: f64,
    /// Memory after each.
    pub(super) replayed_mib: f64,
    pub(super) resident_mib: f64,
    /// The most that ever was, from the snapshot.
    pub(super) peak_mib: f64,
}

impl Town {
    /// Fills the data folder `data`, starts its house twice and lets it run.
    ///
    /// # Errors
    /// When a store refuses, or the house does not start.
    pub(super) async fn build(data: &Path, shops: usize, seed: u64) -> Result<Self> {
        let world = World::new(shops, seed);
        tell(&format!("{shops} shops come into the log"));
        let started = Instant::now();
        fill(data, &world).await?;
        let imported = shops as f64 / started.elapsed().as_secs_f64();
        tell("replaying everything");
        let house = House::start(data, None).await?;
        let replay_s = house.ready_after.as_secs_f64();
        let replayed_mib = Usage::at_rest(|| house.usage()).await?.resident_mib;
        house.stop().await?;
        tell("starting from snapshots");
        let house = House::start(data, None).await?;
        let usage = Usage::at_rest(|| house.usage()).await?;
        Ok(Self {
            figures: Figures {
                imported,
                replay_s,
                snapshot_s: house.ready_after.as_secs_f64(),
                replayed_mib,
                resident_mib: usage.resident_mib,
                peak_mib: usage.peak_mib,
            },
            places: places(&world),
            rare: world.rare_name(),
            world,
            house,
        })
    }

    /// Callers of the house, who ask `kinds` in turns about these places; so often a second, or each
    /// as soon as it has its answer.
    ///
    /// # Errors
    /// When a question makes no URL.
    pub(super) fn readers(
        &self,
        kinds: &[Kind],
        places: &[Place],
        connections: usize,
        per_second: Option<f64>,
    ) -> Result<Group> {
        let requests = places
            .iter()
            .zip(kinds.iter().cycle())
            .map(|(place, kind)| {
                let path = kind.path(place, &self.rare)?;
                Ok(String::from_utf8(http::get(&path, None))?)
            });
        Ok(Group {
            server: Server::Http {
                address: self.house.address,
                requests: requests.collect::<Result<_>>()?,
            },
            connections,
            per_second,
            first: per_second.is_some(),
        })
    }

    /// An operator's programs that move shops, a little each time, and rename them; in every round
    /// others, or to somewhere else, since what is so already is no change.
    pub(super) fn changers(
        &self,
        round: u64,
        connections: usize,
        per_second: f64,
        time: Duration,
    ) -> Group {
        let mut dice = StdRng::seed_from_u64(0xc4a6 + round);
        let count = (per_second * time.as_secs_f64()) as usize;
        let change = |number| {
            let shop = dice.random_range(0..self.world.len() as u64);
            let details = self.world.record(shop).details;
            let json = if number % 4 == 0 {
                json!({ "name": format!("{}{number}", details.name) })
            } else {
                json!({ "lat": details.point.lat() + dice.random_range(-MOVE..MOVE),
                        "lng": details.point.lng() + dice.random_range(-MOVE..MOVE) })
            };
            patch(
                &format!("/admin/shops/{}", shop_id(shop)),
                &json.to_string(),
            )
        };
        Group {
            server: Server::Http {
                address: self.house.address,
                requests: (0..count.max(1)).map(change).collect(),
            },
            connections,
            per_second: Some(per_second),
            first: false,
        }
    }

    /// See [`measure`].
    ///
    /// # Errors
    /// When somebody does not get an answer.
    pub(super) async fn measure(&self, jobs: &[Job]) -> Result<(Vec<Outcome>, f64)> {
        measure(jobs, || self.house.usage()).await
    }
}

/// Lets callers ask a server that `usage` looks at, each group in a process of its own, so that
/// nobody's answers wait for another group; says what came of each, and the seconds of processor time
/// that the server used.
///
/// # Errors
/// When somebody does not get an answer.
pub(super) async fn measure(
    jobs: &[Job],
    usage: impl Fn() -> Result<Usage>,
) -> Result<(Vec<Outcome>, f64)> {
    let mut generators = Vec::with_capacity(jobs.len());
    for job in jobs {
        generators.push(Generator::start("city-load", job).await?);
    }
    let before = Usage::settled(&usage).await?;
    for generator in &mut generators {
        generator.begin().await?;
    }
    let mut outcomes = Vec::with_capacity(jobs.len());
    for generator in &mut generators {
        outcomes.push(generator.outcome().await?);
    }
    let after = usage()?;
    for generator in generators {
        generator.end().await?;
    }
    Ok((outcomes, after.cpu_s - before.cpu_s))
}

/// Puts the shops into the log in `data` as an import does, and people who go out.
async fn fill(data: &Path, world: &World) -> Result<()> {
    std::fs::create_dir_all(data)?;
    let settings = house::settings(data, None);
    let log = eventlog::open(settings.log_url()?.get()).await?;
    let importer = Importer::new(log.clone(), Clock::system());
    let mut records = world.records().peekable();
    while records.peek().is_some() {
        let chunk = records.by_ref().take(CHUNK).collect();
        let answers = importer.import(chunk).await?;
        let refused = answers.iter().find(|one| **one != Imported::Registered);
        ensure!(refused.is_none(), "a shop was not registered: {refused:?}");
    }
    go_out(world, &log).await?;
    log.close().await;
    Ok(())
}

/// People check in, most of them where many do.
async fn go_out(world: &World, log: &Arc<dyn EventLog>) -> Result<()> {
    let count = (world.len() / SHOPS_PER_CHECKIN).clamp(1, MOST_CHECKINS) as u64;
    let people = count.div_ceil(3);
    let now = Clock::system().now();
    let registered = (0..people).map(|number| {
        let registered = UserRegistered {
            user_id: crate::world::World::user(number),
            name: format!("用户{number}"),
            gender: Gender::try_from((number % 3) as u8).expect("0, 1 or 2"),
            wb_uid: None,
        };
        let stream = StreamName::user(registered.user_id);
        append(stream, registered.into(), now, "local".into())
    });
    write(&**log, registered).await?;
    let mut dice = StdRng::seed_from_u64(0xc4ec);
    let made = (0..count).map(|number| {
        let ago = if number < count / 2 {
            PERIOD_MS - (PERIOD_MS - LATELY_MS) * number as i64 * 2 / count as i64
        } else {
            LATELY_MS * (count - number) as i64 * 2 / count as i64
        };
        let time = Millis(now.0 - ago);
        // A stride spreads those where many are over the country.
        let shop = skewed(&mut dice, world.len() as u64) * 7_919 % world.len() as u64;
        let made = CheckedIn {
            checkin_id: CheckinId::new(time.second(), dice.random()),
            user_id: crate::world::World::user(number % people),
            shop_id: shop_id(shop),
            point: world.point(shop),
            accuracy: 65.0,
            od: 1,
            altitude: None,
            altacc: None,
            bssid: None,
            hidden: false,
        };
        checked_in(made, time)
    });
    write(&**log, made).await
}

/// A `PATCH` of JSON by the operator.
fn patch(path: &str, json: &str) -> String {
    format!(
        "PATCH {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
        json.len()
    )
}
