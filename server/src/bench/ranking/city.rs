//! A made-up city where it is known who is where.
//!
//! It is not the world that the ranker takes it for. Shops stand in malls on top of each other and
//! along streets, and what is a shop's size differs. Their visits follow a power law; fads come and
//! go at once, while the ranker forgets at its own pace; shops open and close, access points are
//! replaced. Hours depend on the shop, not only on the category, and on the day of the week, of which
//! the ranker knows nothing. The errors of fixes fall off exponentially (the ranker takes them for
//! Student's t), with a scale that depends on the phone and on the block, and streets push all fixes
//! to one side; some fixes are of the place before, or of a mast kilometres away. Access points may
//! be the neighbour's, the block's or somebody's own. People go to places near home and work, and a
//! few choose the wrong place of the list.

use super::people::{Person, Visit};
use crate::streets::{Cluster, IN_A_MALL, IN_MALLS, ON_A_STREET, ON_STREETS, Spot, normal};
use domain::geo::Point;
use domain::shop::{Category, ShopDetails};
use domain::{Millis, ShopId};
use jiff::civil::date;
use jiff::tz::TimeZone;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub(super) const DAY_MS: i64 = 24 * 3_600_000;

/// What all check-ins are spread over.
pub(super) const PERIOD_MS: i64 = 180 * DAY_MS;

/// When fads change, shops close and open, and access points are replaced.
const CHANGES_AT_DAY: i64 = 90;

/// How popularity falls off: the shop at rank r has a share like r to this power.
const POWER: f64 = -1.0;

/// How far the streets and malls spread around the middle, in metres.
const SPREAD_M: f64 = 2_500.0;

/// The side of a block, in which fixes err alike.
const BLOCK_M: f64 = 400.0;

/// Where the city's middle is.
const MIDDLE: (f64, f64) = (30.28, 120.12);

/// When most people are at places of each category, and how widely that is spread, in hours.
const PEAKS: [(f64, f64); 6] = [
    (22.0, 2.5),
    (15.0, 3.5),
    (18.5, 3.0),
    (20.0, 3.0),
    (16.0, 3.5),
    (11.0, 4.0),
];

/// A moment in the city.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(i64);

#[derive(Clone, Debug)]
pub(super) struct Shop {
    pub(super) spot: Spot,
    category: Category,
    /// How far from its spot people may be.
    size_m: f64,
    /// When most people are there.
    peak: (f64, f64),
    /// The numbers of its access points.
    pub(super) wifi: Vec<u64>,
    pub(super) open: bool,
}

/// The city and its people.
pub(super) struct City {
    pub(super) shops: Vec<Shop>,
    /// The sum of the popularity of each shop and all before it.
    popularity: Vec<f64>,
    weights: Vec<f64>,
    pub(super) people: Vec<Person>,
    pub(super) dice: StdRng,
    next_access_point: u64,
    changed: bool,
    seed: u64,
}

impl City {
    pub(super) fn new(shops: usize, people: usize, seed: u64) -> Self {
        let mut city = Self {
            shops: Vec::with_capacity(shops),
            popularity: Vec::new(),
            weights: Vec::new(),
            people: Vec::new(),
            dice: StdRng::seed_from_u64(seed),
            next_access_point: 1,
            changed: false,
            seed,
        };
        city.build(shops);
        let mut weights: Vec<f64> = (1..=shops).map(|rank| (rank as f64).powf(POWER)).collect();
        for at in (1..shops).rev() {
            weights.swap(at, city.dice.random_range(0..=at));
        }
        city.set_weights(weights);
        for _ in 0..people {
            let person = Person::new(&mut city);
            city.people.push(person);
        }
        city
    }

    /// Puts up shops in malls, along streets and anywhere.
    fn build(&mut self, count: usize) {
        while self.shops.len() < (count as f64 * IN_MALLS) as usize {
            let mall = Cluster::mall(self.somewhere());
            let shared = self.access_points(4);
            for _ in 0..IN_A_MALL {
                let spot = mall.spot(&mut self.dice);
                self.put_up(spot, &shared);
            }
        }
        while self.shops.len() < (count as f64 * (IN_MALLS + ON_STREETS)) as usize {
            let street = Cluster::street(self.somewhere(), &mut self.dice);
            for _ in 0..ON_A_STREET {
                let spot = street.spot(&mut self.dice);
                self.put_up(spot, &[]);
            }
        }
        while self.shops.len() < count {
            let spot = self.somewhere();
            self.put_up(spot, &[]);
        }
        self.shops.truncate(count);
    }

    fn put_up(&mut self, spot: Spot, shared: &[u64]) {
        let category = Category::ALL[[0, 1, 1, 2, 2, 2, 3, 4, 4, 4, 5, 5][self.below(12)]];
        let (peak, width) = PEAKS[usize::from(u8::from(category)) - 1];
        let own_peak = peak + 1.5 * normal(&mut self.dice);
        let mut wifi = if self.dice.random_bool(0.55) {
            let count = 1 + self.below(2);
            self.access_points(count)
        } else {
            Vec::new()
        };
        wifi.extend(shared);
        let largest = if category == Category::Building {
            45.0
        } else {
            20.0
        };
        let shop = Shop {
            spot,
            category,
            size_m: self.dice.random_range(4.0..largest),
            peak: (own_peak, width * self.dice.random_range(0.7..1.3)),
            wifi,
            open: true,
        };
        self.shops.push(shop);
    }

    fn set_weights(&mut self, weights: Vec<f64>) {
        let mut sum = 0.0;
        let sums = weights.iter().zip(&self.shops).map(|(weight, shop)| {
            sum += if shop.open { *weight } else { 0.0 };
            sum
        });
        self.popularity = sums.collect();
        self.weights = weights;
    }

    /// All shops that are open, with their ids.
    pub(super) fn open_shops(&self) -> impl Iterator<Item = (ShopId, &Shop)> {
        let shops = self.shops.iter().enumerate();
        let open = shops.filter(|(_, shop)| shop.open);
        open.map(|(number, shop)| (shop_id(number), shop))
    }

    /// What becomes of shops by this moment: those that open, with what they are, and those that
    /// close.
    pub(super) fn passes(&mut self, at: Moment) -> Vec<(ShopId, Option<ShopDetails>)> {
        if self.changed || at.day() < CHANGES_AT_DAY {
            return Vec::new();
        }
        self.changed = true;
        let mut events = Vec::new();
        let count = self.shops.len();
        let mut weights = std::mem::take(&mut self.weights);
        for number in 0..count {
            if self.dice.random_bool(0.2) {
                weights.swap(number, self.below(count));
            }
            if self.dice.random_bool(0.1) {
                let own = self.shops[number].wifi.len().min(1);
                let new = self.access_points(own);
                self.shops[number].wifi.splice(..own, new);
            }
            if self.dice.random_bool(0.03) {
                self.shops[number].open = false;
                events.push((shop_id(number), None));
                // Another one takes over.
                let (spot, weight) = (self.shops[number].spot, weights[number]);
                self.put_up(spot, &[]);
                weights.push(weight);
                let newest = self.shops.len() - 1;
                events.push((shop_id(newest), Some(self.shops[newest].details())));
            }
        }
        self.set_weights(weights);
        events
    }

    /// Any open shop, the more people go there, the likelier.
    pub(super) fn popular(&mut self) -> usize {
        let all = self.popularity.last().copied().unwrap_or(0.0);
        let at = self.dice.random_range(0.0..all);
        self.popularity.partition_point(|sum| *sum <= at)
    }

    /// How likely people are at a shop at this moment, from 0 to 1.
    pub(super) fn busy(&self, shop: usize, at: Moment) -> f64 {
        let shop = &self.shops[shop];
        let (peak, width) = shop.peak;
        let apart = (at.hour() - peak).rem_euclid(24.0);
        let apart = apart.min(24.0 - apart);
        let busy = (-apart * apart / (2.0 * width * width)).exp();
        let quiet_day = match shop.category {
            Category::Building => at.is_weekend(),
            Category::Bar | Category::Leisure => !at.is_weekend(),
            _ => false,
        };
        busy * if quiet_day { 0.4 } else { 1.0 }
    }

    /// Where a phone believes to be that is at a place with this accuracy.
    pub(super) fn fix(&mut self, visit: &Visit, accuracy_m: f64) -> Point {
        let shop = &self.shops[visit.shop];
        let (size_m, spot) = (shop.size_m, shop.spot);
        let within = |dice: &mut StdRng| dice.random_range(-size_m..size_m);
        let there = spot.off(within(&mut self.dice), within(&mut self.dice));
        match self.dice.random_range(0..100) {
            0..2 => return visit.before.point(MIDDLE),
            2..4 => {
                let far = self.dice.random_range(800.0..3_000.0);
                return there
                    .towards(self.dice.random_range(0.0..6.3), far)
                    .point(MIDDLE);
            }
            _ => {}
        }
        let mut block = self.block(there);
        let (block_scale, push): (f64, f64) = (
            (0.3 * normal(&mut block)).exp(),
            block.random_range(0.0..6.3),
        );
        let scale = 0.85 * block_scale * self.people[visit.person].phone;
        // As it falls off exponentially in every direction, 68 % lie within 2.35 times its scale.
        let mut one = || -(1.0 - self.dice.random::<f64>()).ln();
        let off = (one() + one()) / 2.35 * accuracy_m * scale;
        there
            .towards(push, 0.25 * accuracy_m)
            .towards(self.dice.random_range(0.0..6.3), off)
            .point(MIDDLE)
    }

    /// Dice that always fall alike for one block.
    pub(super) fn block(&self, spot: Spot) -> StdRng {
        let cell = |metres: f64| (metres / BLOCK_M).floor() as i64 as u64;
        let number = cell(spot.north).wrapping_mul(0x9e37_79b9) ^ cell(spot.east);
        StdRng::seed_from_u64(number ^ self.seed << 32)
    }

    fn access_points(&mut self, count: usize) -> Vec<u64> {
        let first = self.next_access_point;
        self.next_access_point += count as u64;
        (first..self.next_access_point).collect()
    }

    fn somewhere(&mut self) -> Spot {
        Spot::around(SPREAD_M, &mut self.dice)
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        self.dice.random_range(0..count)
    }
}

impl Shop {
    pub(super) fn details(&self) -> ShopDetails {
        ShopDetails {
            name: "a shop".into(),
            point: self.spot.point(MIDDLE),
            category: self.category,
            address: String::new(),
            phone: String::new(),
            points: Vec::new(),
        }
    }
}

impl Moment {
    /// Midnight, on a Monday.
    pub(super) fn start() -> Self {
        Self(0)
    }

    pub(super) fn after(self, ms: i64) -> Self {
        Self(self.0 + ms)
    }

    pub(super) fn time(self) -> Millis {
        let start = date(2026, 3, 2).to_zoned(TimeZone::get(super::ZONE).expect("a zone"));
        let start = start.expect("a day of the calendar").timestamp();
        Millis(start.as_millisecond() + self.0)
    }

    fn day(self) -> i64 {
        self.0 / DAY_MS
    }

    pub(super) fn hour(self) -> f64 {
        (self.0 % DAY_MS) as f64 / 3_600_000.0
    }

    pub(super) fn is_weekend(self) -> bool {
        self.day() % 7 >= 5
    }

    /// Another hour of the same day.
    pub(super) fn at_hour(self, hour: f64) -> Self {
        Self(self.day() * DAY_MS + (hour * 3_600_000.0) as i64)
    }
}

pub(super) fn shop_id(number: usize) -> ShopId {
    ShopId::new(number as u64 + 1).expect("fewer than 2^53")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_city() {
        let visits = || {
            let mut city = City::new(1_000, 20, 7);
            let visit = |hour| city.visit(Moment::start().at_hour(f64::from(hour))).shop;
            (8..20).map(visit).collect::<Vec<_>>()
        };
        assert_eq!(visits(), visits());
    }

    #[test]
    fn nobody_goes_where_it_is_closed() {
        let mut city = City::new(1_000, 20, 7);
        let later = Moment::start().after(100 * DAY_MS);
        let changes = city.passes(later);
        let closed: Vec<ShopId> = changes
            .iter()
            .filter_map(|(id, details)| details.is_none().then_some(*id))
            .collect();
        assert!(!closed.is_empty());
        assert!(city.passes(later).is_empty(), "once");
        for _ in 0..1_000 {
            let visit = city.visit(later);
            assert!(!closed.contains(&visit.shop_id));
        }
    }
}
