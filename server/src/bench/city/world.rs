//! A made-up country of cities and their shops. Each shop is made from its number alone, so that
//! ten million of them need no memory; the same size and seed is always the same country.
//!
//! A few cities have most shops (a power law), and the larger ones are denser. In them shops stand
//! in malls, along streets and anywhere. Neighbours have numbers far apart, as shops have that
//! people enter one by one.

use super::words;
use crate::streets::{Cluster, IN_A_MALL, IN_MALLS, ON_A_STREET, ON_STREETS, Spot};
use commands::shop::ShopRecord;
use domain::ShopId;
use domain::geo::Point;
use domain::shop::{Category, ShopDetails};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// So many of 1,000 shops have each category: as in the OpenStreetMap of a city.
const SHARES: [u32; 6] = [61, 63, 216, 91, 301, 268];

/// How far the shops of a city with so many of them spread, in metres, and how that grows.
const SHOPS: f64 = 170_000.0;
const SPREAD_M: f64 = 4_200.0;
const GROWS: f64 = 0.425;

/// How far from a shop a phone asks, in degrees: up to some 30 m.
const OFF: f64 = 3e-4;

/// See the module.
pub(crate) struct World {
    shops: usize,
    seed: u64,
    /// The largest first.
    cities: Vec<City>,
}

struct City {
    name: String,
    middle: (f64, f64),
    spread_m: f64,
    malls: u64,
    streets: u64,
    /// The share of all shops that are here or in a city before it.
    upto: f64,
}

impl World {
    pub(crate) fn new(shops: usize, seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let count = ((shops as f64).sqrt() / 5.0).ceil().max(2.0) as usize;
        let all: f64 = (1..=count).map(|rank| 1.0 / rank as f64).sum();
        let mut upto = 0.0;
        let cities = (1..=count).map(|rank| {
            let share = 1.0 / rank as f64 / all;
            upto += share;
            let size = share * shops as f64;
            let clusters = |share: f64, of: usize| (size * share / of as f64).ceil() as u64;
            City {
                name: words::city(&mut dice),
                middle: (
                    dice.random_range(22.0..42.0),
                    dice.random_range(100.0..121.0),
                ),
                spread_m: SPREAD_M * (size / SHOPS).powf(GROWS),
                malls: clusters(IN_MALLS, IN_A_MALL),
                streets: clusters(ON_STREETS, ON_A_STREET),
                upto,
            }
        });
        let cities = cities.collect();
        Self {
            shops,
            seed,
            cities,
        }
    }

    /// What it is made from.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// How many shops there are.
    pub(crate) fn len(&self) -> usize {
        self.shops
    }

    /// All shops, as an import has them.
    pub(crate) fn records(&self) -> impl Iterator<Item = ShopRecord> {
        (0..self.shops as u64).map(|number| self.record(number))
    }

    /// Shop `number`, from 0.
    pub(crate) fn record(&self, number: u64) -> ShopRecord {
        let mut dice = self.dice(&[1, number]);
        let (city, point) = self.place(&mut dice);
        let category = category(&mut dice);
        ShopRecord {
            shop_id: shop_id(number),
            source: format!("bench:{number}"),
            details: ShopDetails {
                name: words::name(category, &mut dice),
                point,
                category,
                address: words::address(&self.cities[city].name, &mut dice),
                phone: words::phone(city, &mut dice),
                points: Vec::new(),
            },
        }
    }

    /// Where shop `number` is.
    pub(crate) fn point(&self, number: u64) -> Point {
        self.place(&mut self.dice(&[1, number])).1
    }

    /// Where somebody asks what is around: near some shop.
    pub(crate) fn somewhere(&self, dice: &mut StdRng) -> Point {
        let shop = self.point(dice.random_range(0..self.shops as u64));
        let (lat, lng) = (
            shop.lat() + dice.random_range(-OFF..OFF),
            shop.lng() + dice.random_range(-OFF..OFF),
        );
        Point::new(lat, lng).expect("far from the poles")
    }

    /// A whole name that few have, if not one only: of some shop there is.
    pub(crate) fn rare_name(&self) -> String {
        (0..self.shops as u64)
            .map(|number| self.record(number).details.name)
            .find(|name| name.chars().count() >= 6 && words::is_own(name))
            .unwrap_or_default()
    }

    /// A city, and a place in it.
    fn place(&self, dice: &mut StdRng) -> (usize, Point) {
        let at: f64 = dice.random();
        let number = self.cities.partition_point(|city| city.upto <= at);
        let number = number.min(self.cities.len() - 1);
        let city = &self.cities[number];
        let kind: f64 = dice.random();
        let spot = if kind < IN_MALLS {
            let mut own = self.dice(&[2, number as u64, dice.random_range(0..city.malls)]);
            Cluster::mall(Spot::around(city.spread_m, &mut own)).spot(dice)
        } else if kind < IN_MALLS + ON_STREETS {
            let mut own = self.dice(&[3, number as u64, dice.random_range(0..city.streets)]);
            let beginning = Spot::around(city.spread_m, &mut own);
            Cluster::street(beginning, &mut own).spot(dice)
        } else {
            Spot::around(city.spread_m, dice)
        };
        (number, as_entered(spot.point(city.middle)))
    }

    /// Dice that always fall alike for the same thing.
    fn dice(&self, what: &[u64]) -> StdRng {
        let mixed = what.iter().fold(self.seed, |sum, part| {
            (sum ^ part)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(31)
        });
        StdRng::seed_from_u64(mixed)
    }
}

/// With the seven decimals that maps have.
fn as_entered(point: Point) -> Point {
    let rounded = |degrees: f64| (degrees * 1e7).round() / 1e7;
    Point::new(rounded(point.lat()), rounded(point.lng())).unwrap_or(point)
}

/// The id of shop `number`.
pub(crate) fn shop_id(number: u64) -> ShopId {
    ShopId::new(number + 1).expect("fewer than 2^53")
}

fn category(dice: &mut StdRng) -> Category {
    let mut at = dice.random_range(0..SHARES.iter().sum());
    for (category, share) in Category::ALL.into_iter().zip(SHARES) {
        if at < share {
            return category;
        }
        at -= share;
    }
    Category::Building
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_country() {
        let (one, other) = (World::new(1_000, 7), World::new(1_000, 7));
        assert!(one.records().eq(other.records()));
        assert!(!one.records().eq(World::new(1_000, 8).records()));
    }

    #[test]
    fn every_shop_is_one_that_an_import_takes() {
        for record in World::new(2_000, 1).records() {
            assert_eq!(record.details.check(), Ok(()));
            assert!((3..=16).contains(&record.details.name.chars().count()));
        }
    }

    #[test]
    fn a_few_cities_have_most_shops() {
        let world = World::new(10_000, 1);
        let mut sizes = vec![0; world.cities.len()];
        for number in 0..10_000 {
            sizes[world.place(&mut world.dice(&[1, number])).0] += 1;
        }
        assert!(sizes[..5].iter().sum::<usize>() > 5_000, "{sizes:?}");
    }

    #[test]
    fn some_names_are_frequent_and_some_are_rare() {
        let world = World::new(10_000, 1);
        let rare = world.rare_name();
        let with = |part: &str| {
            let records = world.records();
            records
                .filter(|record| record.details.name.contains(part))
                .count()
        };
        assert!(with(words::COMMON) > 200);
        assert!((1..20).contains(&with(&rare)), "{rare}");
    }
}
