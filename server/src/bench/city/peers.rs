//! The servers that take turns, ours and others, and what each is asked about the same places.

use super::load::{Group, Server};
use super::postgis::{PostGis, Question, Way};
use super::questions::{KINDS, Place, with_accuracy};
use super::redis::{self, Redis};
use super::town::{self, Town};
use super::world::World;
use super::{Sum, Turns};
use crate::machine::Usage;
use crate::report::{Report, Table};
use crate::tell;
use anyhow::{Context, Result};
use std::path::Path;

/// How many times as many answers as Redis, and as PostGIS.
const REDIS_GOAL: f64 = 1.0;
const POSTGIS_GOAL: f64 = 5.0;

/// As far as ours looks for places: so many accuracies, and never less than that.
const ACCURACIES: f64 = 3.0;
const ALWAYS_M: f64 = 150.0;

/// The others, where they are installed and wanted.
#[derive(Default)]
pub(super) struct Peers {
    redis: Option<Redis>,
    postgis: Option<PostGis>,
}

/// Who is asked, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Ours,
    Redis,
    PostGis(Way),
}

impl Peers {
    /// Starts those that are installed, each in a folder in `folder`, with the points of `world`.
    ///
    /// # Errors
    /// When one does not start.
    pub(super) async fn start(folder: &Path, world: &World) -> Result<Self> {
        let mut peers = Self::default();
        if Redis::is_installed() {
            tell("Redis learns the points");
            peers.redis = Some(Redis::start(&folder.join("redis"), world).await?);
        }
        if PostGis::is_installed() {
            tell("PostGIS learns the points");
            peers.postgis = Some(PostGis::start(&folder.join("postgis"), world).await?);
        }
        Ok(peers)
    }

    /// What each takes for one shop: Redis in memory, PostGIS on disk.
    pub(super) fn bytes(&self) -> Vec<(String, f64)> {
        let redis = self.redis.iter().map(|redis| {
            let name = format!("Redis {}, points alone", redis.version);
            (name, redis.bytes_per_shop)
        });
        let postgis = self.postgis.iter().map(|postgis| {
            let name = format!("PostGIS {}, points alone, on disk", postgis.version);
            (name, postgis.bytes_per_shop)
        });
        redis.chain(postgis).collect()
    }

    /// Lets ours and the others take turns.
    ///
    /// # Errors
    /// When somebody does not get an answer.
    pub(super) async fn compare(
        &self,
        town: &Town,
        turns: Turns,
        report: &mut Report,
    ) -> Result<()> {
        let mut asked = vec![Asked::Ours];
        asked.extend(self.redis.iter().map(|_| Asked::Redis));
        if self.postgis.is_some() {
            asked.extend([Asked::PostGis(Way::Within), Asked::PostGis(Way::Nearest)]);
        }
        let mixed = "any accuracy";
        let loads = [
            (mixed, town.places.clone()),
            ("65 m", with_accuracy(&town.places, 65)),
            ("1,000 m", with_accuracy(&town.places, 1_000)),
        ];
        let mut sums = vec![vec![Sum::default(); asked.len()]; loads.len()];
        for round in 1..=turns.rounds {
            for ((name, places), sums) in loads.iter().zip(&mut sums) {
                for (asked, sum) in asked.iter().zip(sums) {
                    let who = asked.name();
                    tell(&format!("round {round} of {}, {name}: {who}", turns.rounds));
                    let jobs = [turns.job(self.group(*asked, town, places, turns)?)];
                    let usage = || self.usage(*asked, town);
                    let (outcomes, server_s) = town::measure(&jobs, usage).await?;
                    sum.add(&outcomes[0], turns.time, server_s);
                }
            }
        }
        let mut table = Table::new(
            format!(
                "Places around, among {} shops, {} connections",
                town.world.len(),
                turns.connections
            ),
            &[
                "accuracy: server",
                "answers/s",
                "p50 ms",
                "p99 ms",
                "server cpu µs",
                "rows",
            ],
        );
        for ((name, _), sums) in loads.iter().zip(&sums) {
            for (asked, sum) in asked.iter().zip(sums) {
                table.row([
                    format!("{name}: {}", asked.name()).into(),
                    sum.rate().into(),
                    sum.p50_ms.into(),
                    sum.p99_ms.into(),
                    sum.server_us().into(),
                    sum.rows.into(),
                ]);
            }
        }
        report.table(table);
        for ((name, _), sums) in loads.iter().zip(&sums) {
            goals(name, &asked, sums, report);
        }
        Ok(())
    }

    /// Ends them.
    ///
    /// # Errors
    /// When one does not end.
    pub(super) async fn stop(self) -> Result<()> {
        if let Some(redis) = self.redis {
            redis.stop().await?;
        }
        if let Some(postgis) = self.postgis {
            postgis.stop().await?;
        }
        Ok(())
    }

    fn group(&self, asked: Asked, town: &Town, places: &[Place], turns: Turns) -> Result<Group> {
        let server = match asked {
            Asked::Ours => return town.readers(&KINDS[..1], places, turns.connections, None),
            Asked::Redis => Server::Redis {
                address: self.redis.as_ref().context("no Redis runs")?.address,
                commands: places
                    .iter()
                    .map(|place| {
                        let point = place.point;
                        redis::search(point.lat(), point.lng(), radius_m(place))
                    })
                    .collect(),
            },
            Asked::PostGis(way) => Server::PostGis {
                url: self
                    .postgis
                    .as_ref()
                    .context("no PostGIS runs")?
                    .url
                    .clone(),
                questions: places
                    .iter()
                    .map(|place| Question {
                        way,
                        lat: place.point.lat(),
                        lng: place.point.lng(),
                        radius_m: radius_m(place),
                    })
                    .collect(),
            },
        };
        Ok(Group {
            server,
            connections: turns.connections,
            per_second: None,
            first: false,
        })
    }

    fn usage(&self, asked: Asked, town: &Town) -> Result<Usage> {
        match asked {
            Asked::Ours => town.house.usage(),
            Asked::Redis => self.redis.as_ref().context("no Redis runs")?.usage(),
            Asked::PostGis(_) => self.postgis.as_ref().context("no PostGIS runs")?.usage(),
        }
    }
}

impl Asked {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => "lianlian, /aroundme/shops",
            Self::Redis => "Redis, GEOSEARCH",
            Self::PostGis(Way::Within) => "PostGIS, within",
            Self::PostGis(Way::Nearest) => "PostGIS, nearest",
        }
    }
}

/// How far from there the place may be.
fn radius_m(place: &Place) -> f64 {
    (ACCURACIES * f64::from(place.accuracy_m)).max(ALWAYS_M)
}

fn goals(load: &str, asked: &[Asked], sums: &[Sum], report: &mut Report) {
    let ours = &sums[0];
    for (asked, theirs) in asked.iter().zip(sums).skip(1) {
        let who = asked.name();
        let times = ours.rate() / theirs.rate();
        if let Asked::PostGis(_) = asked {
            report.goal(format!("{load}: answers by {who}"), POSTGIS_GOAL, times);
            continue;
        }
        report.goal(format!("{load}: answers by {who}"), REDIS_GOAL, times);
        let better = theirs.p99_ms / ours.p99_ms;
        report.goal(format!("{load}: p99 of {who} by ours"), 1.0, better);
    }
}
