//! The people of the city: where they go, and what their phones are connected to.

use super::city::{City, Moment, shop_id};
use crate::streets::{Spot, normal};
use domain::{ShopId, UserId};
use rand::RngExt;

/// How many places somebody goes to again and again, and how they share that out.
const FAVOURITES: [u32; 6] = [40, 24, 14, 10, 7, 5];

/// So often people go where they often go.
const OFTEN: f64 = 0.6;

/// How far people go from home or work, in metres.
const RANGE_M: f64 = 1_500.0;

/// So often a choice is thought over before any place will do.
const TRIES: usize = 300;

/// So many of a hundred phones use Wi-Fi where there is some.
const ON_WIFI: u32 = 60;

/// A neighbour's access point reaches so far.
const REACH_M: f64 = 35.0;

/// Numbers of access points that are no shop's: a block's, and people's own.
const OF_BLOCKS: u64 = 1 << 32;
const OF_PEOPLE: u64 = 1 << 40;

pub(super) struct Person {
    home: Spot,
    work: Spot,
    favourites: Vec<usize>,
    /// By what the phone's errors differ from what it claims.
    pub(super) phone: f64,
    /// Where they were last.
    before: Spot,
}

/// Somebody is somewhere.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) at: Moment,
    /// The person's number.
    pub(super) person: usize,
    /// The shop's number.
    pub(super) shop: usize,
    pub(super) shop_id: ShopId,
    /// Where the person was before.
    pub(super) before: Spot,
    access_point: Option<u64>,
}

impl Person {
    pub(super) fn new(city: &mut City) -> Self {
        let spot = |city: &mut City| {
            let shop = city.below(city.shops.len());
            let near = city.shops[shop].spot;
            near.off(
                400.0 * normal(&mut city.dice),
                400.0 * normal(&mut city.dice),
            )
        };
        let (home, work) = (spot(city), spot(city));
        let mut person = Self {
            home,
            work,
            favourites: Vec::new(),
            phone: (0.35 * normal(&mut city.dice)).exp(),
            before: home,
        };
        for number in 0..FAVOURITES.len() {
            let from = if number % 2 == 0 { home } else { work };
            person
                .favourites
                .push(city.somewhere_near(from, |_, _| 1.0));
        }
        person
    }
}

impl City {
    /// A popular place not too far from somewhere, as `liked` from 0 to 1.
    fn somewhere_near(&mut self, from: Spot, liked: impl Fn(&Self, usize) -> f64) -> usize {
        let mut shop = self.popular();
        for _ in 0..TRIES {
            let near = (-self.shops[shop].spot.metres_to(from) / RANGE_M).exp();
            let chance = near * liked(self, shop);
            if self.dice.random_bool(chance.clamp(0.0, 1.0)) {
                break;
            }
            shop = self.popular();
        }
        shop
    }

    /// Somebody goes out on the day of `at`.
    pub(super) fn visit(&mut self, at: Moment) -> Visit {
        let person = self.below(self.people.len());
        let (mut shop, mut when) = self.choice(person, at);
        for _ in 0..20 {
            if self.shops[shop].open && self.dice.random_bool(self.busy(shop, when).max(0.01)) {
                break;
            }
            (shop, when) = self.choice(person, at);
        }
        if !self.shops[shop].open {
            shop = self.popular();
        }
        let access_point = self.access_point(person, shop);
        let spot = self.shops[shop].spot;
        let before = std::mem::replace(&mut self.people[person].before, spot);
        Visit {
            at: when,
            person,
            shop,
            shop_id: shop_id(shop),
            before,
            access_point,
        }
    }

    /// Where somebody may want to go, and when.
    fn choice(&mut self, person: usize, at: Moment) -> (usize, Moment) {
        let when = at.at_hour((15.0 + 5.0 * normal(&mut self.dice)).clamp(6.0, 23.9));
        if self.dice.random_bool(OFTEN) {
            let mut at = self.dice.random_range(0..FAVOURITES.iter().sum::<u32>());
            let number = FAVOURITES.iter().position(|share| {
                let here = at < *share;
                at = at.saturating_sub(*share);
                here
            });
            let number = number.unwrap_or(0);
            return (self.people[person].favourites[number], when);
        }
        let Person { home, work, .. } = self.people[person];
        let at_work = !when.is_weekend() && (9.0..18.0).contains(&when.hour());
        let from = if at_work { work } else { home };
        let shop = self.somewhere_near(from, |city, shop| city.busy(shop, when));
        (shop, when)
    }

    /// What the phone of somebody at a shop is connected to.
    fn access_point(&mut self, person: usize, shop: usize) -> Option<u64> {
        let phone_uses = self.dice.random_range(0..100) < ON_WIFI;
        let spot = self.shops[shop].spot;
        let kind = self.dice.random_range(0..100);
        if !phone_uses {
            return None;
        }
        match kind {
            0..4 => Some(OF_PEOPLE + person as u64),
            4..9 => Some(OF_BLOCKS + self.block(spot).random_range(0..OF_BLOCKS)),
            9..17 => self.any_of(self.neighbours_of(shop)),
            _ => self.any_of(self.shops[shop].wifi.clone()),
        }
    }

    fn any_of(&mut self, access_points: Vec<u64>) -> Option<u64> {
        if access_points.is_empty() {
            return None;
        }
        let at = self.below(access_points.len());
        Some(access_points[at])
    }

    /// The access points of other shops that reach a shop.
    fn neighbours_of(&self, shop: usize) -> Vec<u64> {
        let spot = self.shops[shop].spot;
        let others = self.shops.iter().enumerate().filter(|(number, other)| {
            *number != shop && other.open && other.spot.metres_to(spot) < REACH_M
        });
        others.flat_map(|(_, other)| other.wifi.clone()).collect()
    }
}

impl Visit {
    pub(super) fn user_id(&self) -> UserId {
        UserId::new(1_300_000_000, (self.person as u64).to_be_bytes())
    }

    /// The access point as the phone names it.
    pub(super) fn bssid(&self) -> Option<String> {
        self.access_point.map(|number| {
            let bytes = number.to_be_bytes();
            let digits: Vec<String> = bytes[2..].iter().map(|byte| format!("{byte:x}")).collect();
            digits.join(":")
        })
    }
}
