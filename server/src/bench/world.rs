//! A made-up country: cities, shops in them, people who go out. The same size always gives the
//! same country, so that a log of it can be kept and used again.

use anyhow::Result;
use commands::Clock;
use commands::shop::{Importer, ShopRecord};
use domain::checkin::CheckedIn;
use domain::geo::Point;
use domain::shop::{Category, ShopDetails};
use domain::user::{Gender, UserRegistered};
use domain::{CheckinId, Event, Millis, ShopId, StreamName, UserId};
use eventlog::{Append, EventLog, ExpectedRevision, Metadata, NewEvent};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use uuid::Uuid;

const CITIES: usize = 40;

/// How far the shops of a city spread around its middle, in degrees: some 5 km.
const SPREAD: f64 = 0.05;

/// How many shops each person goes to again and again.
const FAVOURITES: u64 = 4;

/// What the check-ins of a log are spread over: 30 days.
const PERIOD_MS: i64 = 30 * 24 * 3_600_000;

/// How many appends are handed to the log at once.
const CHUNK: usize = 8_192;

const METRES_PER_DEGREE: f64 = 111_195.0;

const NAMES: [&str; 8] = [
    "西湖", "星光", "老街", "江南", "幸福", "云上", "青年", "北山",
];
const KINDS: [&str; 6] = ["酒吧", "咖啡馆", "饭店", "影城", "商场", "大厦"];

/// Where the shops are, and who the people are.
pub(crate) struct World {
    shops: Vec<(Point, Category)>,
    users: u64,
}

impl World {
    pub(crate) fn new(shops: usize, users: usize) -> Self {
        let mut dice = StdRng::seed_from_u64(0x11a9);
        let cities: Vec<(f64, f64)> = (0..CITIES)
            .map(|_| {
                (
                    dice.random_range(22.0..42.0),
                    dice.random_range(100.0..121.0),
                )
            })
            .collect();
        let shops = (0..shops).map(|_| {
            let (lat, lng) = cities[skewed(&mut dice, CITIES as u64) as usize];
            let (north, east) = normal(&mut dice);
            let point = Point::new(lat + SPREAD * north, lng + SPREAD * east);
            let category = Category::ALL[dice.random_range(0..6)];
            (point.expect("far from the poles"), category)
        });
        Self {
            shops: shops.collect(),
            users: users as u64,
        }
    }

    /// The place of a shop; the more people go there, the likelier.
    pub(crate) fn busy_place(&self, dice: &mut StdRng) -> Point {
        self.shops[skewed(dice, self.shops.len() as u64) as usize].0
    }

    /// Person `number`, from 0.
    pub(crate) fn user(number: u64) -> UserId {
        UserId::new(1_300_000_000, number.to_be_bytes())
    }

    /// Somebody checks in somewhere at `time`: mostly where they often go, else where many do.
    pub(crate) fn check_in(&self, dice: &mut StdRng, time: Millis) -> CheckedIn {
        let user = dice.random_range(0..self.users);
        self.check_in_of(user, dice, time)
    }

    /// Person `user` checks in somewhere at `time`.
    pub(crate) fn check_in_of(&self, user: u64, dice: &mut StdRng, time: Millis) -> CheckedIn {
        let count = self.shops.len() as u64;
        let shop = if dice.random_bool(0.7) {
            let favourite = user * FAVOURITES + dice.random_range(0..FAVOURITES);
            skewed(&mut StdRng::seed_from_u64(favourite), count)
        } else {
            skewed(dice, count)
        };
        let accuracy = [10.0, 30.0, 65.0, 65.0, 165.0, 1_000.0][dice.random_range(0..6)];
        let (north, east) = normal(dice);
        let (point, _) = self.shops[shop as usize];
        let off = accuracy / 1.5 / METRES_PER_DEGREE;
        let point = Point::new(point.lat() + off * north, point.lng() + off * east);
        CheckedIn {
            checkin_id: CheckinId::new(time.second(), dice.random()),
            user_id: Self::user(user),
            shop_id: shop_id(shop),
            point: point.expect("near a shop"),
            accuracy,
            od: 1 + skewed(dice, 20) as u32,
            altitude: None,
            altacc: None,
            bssid: None,
            hidden: false,
        }
    }

    /// Puts the shops and the people into `log`.
    ///
    /// # Errors
    /// When the log refuses.
    pub(crate) async fn settle(&self, log: &Arc<dyn EventLog>) -> Result<()> {
        let importer = Importer::new(log.clone(), Clock::system());
        let mut records = self.shops.iter().enumerate().map(record).peekable();
        while records.peek().is_some() {
            importer
                .import(records.by_ref().take(CHUNK).collect())
                .await?;
        }
        let people = (0..self.users).map(|number| {
            let registered = UserRegistered {
                user_id: Self::user(number),
                name: format!("用户{number}"),
                gender: Gender::try_from((number % 3) as u8).expect("0, 1 or 2"),
                wb_uid: None,
            };
            let stream = StreamName::user(registered.user_id);
            append(
                stream,
                registered.into(),
                Clock::system().now(),
                "local".into(),
            )
        });
        write(&**log, people).await
    }

    /// Puts `count` check-ins of the last 30 days into `log`.
    ///
    /// # Errors
    /// When the log refuses.
    pub(crate) async fn go_out(&self, log: &Arc<dyn EventLog>, count: usize) -> Result<()> {
        let mut dice = StdRng::seed_from_u64(0xc4ec);
        let now = Clock::system().now().0;
        let check_ins = (0..count as i64).map(|at| {
            let time = Millis(now - PERIOD_MS + at * PERIOD_MS / count as i64);
            checked_in(self.check_in(&mut dice, time), time)
        });
        write(&**log, check_ins).await
    }
}

/// The append that a check-in is.
pub(crate) fn checked_in(checked_in: CheckedIn, time: Millis) -> Append {
    let stream = StreamName::checkin(checked_in.checkin_id);
    let actor = checked_in.user_id.to_string();
    append(stream, checked_in.into(), time, actor)
}

/// The append of an event to a stream that must be new.
pub(crate) fn append(stream: StreamName, event: Event, time: Millis, actor: String) -> Append {
    let event = NewEvent {
        id: Uuid::now_v7(),
        time,
        event,
        metadata: Metadata {
            actor: Some(actor),
            ..Metadata::default()
        },
    };
    Append::new(stream, ExpectedRevision::NoStream, vec![event])
}

/// Puts appends into `log`, many at once.
///
/// # Errors
/// When the log refuses.
pub(crate) async fn write(log: &dyn EventLog, appends: impl Iterator<Item = Append>) -> Result<()> {
    let mut appends = appends.peekable();
    while appends.peek().is_some() {
        let chunk = appends.by_ref().take(CHUNK).collect();
        for appended in log.append_batch(chunk).await? {
            appended?;
        }
    }
    Ok(())
}

fn record((number, &(point, category)): (usize, &(Point, Category))) -> ShopRecord {
    let (name, kind) = (
        NAMES[number % NAMES.len()],
        KINDS[usize::from(u8::from(category)) - 1],
    );
    ShopRecord {
        shop_id: shop_id(number as u64),
        source: format!("bench:{number}"),
        details: ShopDetails {
            name: format!("{name}{kind}{number}"),
            point,
            category,
            address: format!("{name}路{}号", number % 997),
            phone: String::new(),
            points: Vec::new(),
        },
    }
}

fn shop_id(number: u64) -> ShopId {
    ShopId::new(number + 1).expect("fewer than 2^53")
}

/// A number below `count`, small ones far more often: the busiest hundredth has a fifth.
pub(crate) fn skewed(dice: &mut StdRng, count: u64) -> u64 {
    let at: f64 = dice.random();
    ((count as f64) * at.powi(3)) as u64
}

/// Two numbers of the normal distribution.
fn normal(dice: &mut StdRng) -> (f64, f64) {
    let (a, b): (f64, f64) = (dice.random(), dice.random());
    let length = (-2.0 * (1.0 - a).ln()).sqrt();
    let (sin, cos) = (std::f64::consts::TAU * b).sin_cos();
    (length * sin, length * cos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_size_is_the_same_country() {
        let (one, other) = (World::new(100, 10), World::new(100, 10));
        assert_eq!(one.shops, other.shops);
    }
}
