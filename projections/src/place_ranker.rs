//! Where somebody probably is, of all the places around: the answer of `/aroundme/shops`, learnt
//! from where people were.
//!
//! It knows how often each place is visited, by whom, at which hours places of a category are
//! visited, and which access points are seen there; and how well its own lists have served. Where
//! the shops are is not known here but in [`crate::shop_index`]. It asks the clock for nothing.
//!
//! Of check-ins made while hiding only their own maker's lists know. A person counts once a day at
//! a place, however often they check in.
//!
//! What it takes, in bytes: 31 a shop, 95 more for one that was ever visited; 55 a person, 28 to 35
//! a check-in; 50 for each pair of a place and an access point, of which there are at most 2^20.

mod best;
mod bssid;
mod decay;
mod hours;
mod popular;
mod ranking;
mod scores;
mod search;
mod spot;
mod stored;
mod terms;
mod visit;
mod wifi;

pub use bssid::Bssid;
pub use ranking::{Asked, Explained, Known, Ranked};
pub use scores::Score;
pub use terms::Terms;

use crate::memory::{MemoryProjection, Poison};
use decay::weight;
use domain::checkin::CheckedIn;
use domain::shop::{Category, ShopDetails};
use domain::{CheckinId, Event, EventKind, Millis, ShopId, UserId};
use eventlog::RecordedEvent;
use foldhash::fast::RandomState;
use hours::Hours;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use popular::Popular;
use scores::Scores;
use serde::{Deserialize, Serialize};
use spot::{Degrees, Spot};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use stored::Zone;
use visit::{Traits, Visit};
use wifi::Wifi;

/// How many places a list offers; a check-in at a place that was not among them says that the list
/// did not serve.
pub const OFFERED: usize = 50;

/// So many of a person's last check-ins are looked through for one at the same place and day.
const SAME_DAY: usize = 64;
/// So many of a person's last check-ins are their history; no list takes long, be somebody ever so
/// busy.
const HISTORY: usize = 4_096;

/// Everything that was learnt.
#[derive(Debug, Default)]
pub struct PlaceRanker {
    /// What the hour of an event is told by.
    zone: Zone,
    /// Every shop that is open, and none for one that has closed.
    shops: BTreeMap<u64, Option<Shop>>,
    /// Where else those that have several points are.
    further: BTreeMap<u64, Vec<Spot>>,
    /// Places that somebody checked in at, by number, in the order in which they were first seen.
    places: Vec<Place>,
    /// The number of each place.
    numbers: HashMap<u64, u32, RandomState>,
    /// Each person's check-ins that were not taken back, in the order of the log.
    people: BTreeMap<[u8; 12], Vec<Visit>>,
    /// Everybody's visits to places that are open.
    visits: f64,
    popular: Popular,
    hours: Hours,
    wifi: Wifi,
    scores: Scores,
}

/// What is kept of every shop.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Shop {
    category: Category,
    /// Whether it has further points: few have, and lists would have to look for those of each.
    several: bool,
    at: Degrees,
}

/// Where a place is that is open, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    spot: Spot,
    category: Category,
    /// Whether it is elsewhere too.
    several: bool,
}

/// What is known of a place. Hidden check-ins and second ones on a day do not count.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Place {
    id: u64,
    /// The weight of the visits.
    visits: f64,
    /// The weight of those with an access point.
    with_bssid: f64,
    /// As long as it is.
    open: Option<Open>,
}

/// The weights of visits, by number of the place.
type Weights = HashMap<u32, f64, RandomState>;

/// The weights of one person's visits to places that are open.
#[derive(Debug, Default)]
struct History {
    by_place: Weights,
    all: f64,
}

/// Which of a person's check-ins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// All, as the person themselves knows them.
    All,
    /// Those that others may know of.
    Visible,
}

impl Shop {
    fn new(details: &ShopDetails) -> Self {
        Self {
            category: details.category,
            several: !details.points.is_empty(),
            at: Degrees::of(details.point),
        }
    }

    fn open(self) -> Open {
        Open {
            spot: self.at.spot(),
            category: self.category,
            several: self.several,
        }
    }

    /// Where it is too.
    fn further(details: &ShopDetails) -> Vec<Spot> {
        let spots = details.points.iter().map(|point| Spot::of(*point));
        let spots: BTreeSet<Spot> = spots.collect();
        spots.into_iter().collect()
    }
}

impl PlaceRanker {
    /// One that has learnt nothing yet, and tells hours by the clocks of `zone`.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        Self {
            zone: Zone(zone),
            ..Self::default()
        }
    }

    /// How well lists have served, by accuracy and with or without an access point.
    #[must_use]
    pub fn scores(&self) -> Vec<Score> {
        self.scores.read()
    }

    /// The hour on the clocks of the house.
    #[must_use]
    pub fn hour(&self, time: Millis) -> u8 {
        let moment = Timestamp::from_millisecond(time.0).unwrap_or_default();
        let ahead = i64::from(self.zone.0.to_offset(moment).seconds());
        let second = (moment.as_second() + ahead).rem_euclid(24 * 3_600);
        u8::try_from(second / 3_600).unwrap_or(0)
    }

    /// What is known of a person.
    fn history(&self, person: UserId, whose: Whose) -> History {
        let visits = self.people.get(&person.to_bytes());
        let mut history = History::default();
        for visit in visits.into_iter().flatten().rev().take(HISTORY) {
            let known = whose == Whose::All || !visit.traits.hidden();
            if known && visit.traits.counts() && self.places[visit.place as usize].open.is_some() {
                let weight = weight(visit.day);
                *history.by_place.entry(visit.place).or_default() += weight;
                history.all += weight;
            }
        }
        history
    }

    /// The number of a place, which is entered if need be.
    fn number(&mut self, shop: ShopId) -> Result<u32, Poison> {
        let id = shop.get();
        if let Some(number) = self.numbers.get(&id) {
            return Ok(*number);
        }
        let number = u32::try_from(self.places.len())
            .map_err(|_| Poison("more places than can be numbered".into()))?;
        self.places.push(Place {
            id,
            visits: 0.0,
            with_bssid: 0.0,
            open: self.shops.get(&id).copied().flatten().map(Shop::open),
        });
        self.numbers.insert(id, number);
        Ok(number)
    }

    /// A shop opens, moves, or closes for good.
    fn change(&mut self, id: ShopId, details: Option<&ShopDetails>) {
        let id = id.get();
        let shop = details.map(Shop::new);
        self.shops.insert(id, shop);
        let further = details.map(Shop::further).unwrap_or_default();
        let left = if further.is_empty() {
            self.further.remove(&id)
        } else {
            self.further.insert(id, further)
        };
        let Some(&number) = self.numbers.get(&id) else {
            return;
        };
        let place = &mut self.places[number as usize];
        let visits = place.visits;
        if let Some(open) = place.open {
            self.visits = (self.visits - visits).max(0.0);
            for spot in left.into_iter().flatten().chain([open.spot]) {
                let popular = &mut self.popular;
                popular.change(spot, open.category, number, [visits, 0.0]);
            }
        }
        place.open = shop.map(Shop::open);
        if place.open.is_some() {
            self.visits += visits;
            self.change_popular(number, [0.0, visits]);
        }
    }

    /// The weight of the visits to a place changes, wherever it is, if it is open.
    fn change_popular(&mut self, number: u32, weights: [f64; 2]) {
        let place = &self.places[number as usize];
        if let Some(open) = place.open {
            let further = self.further.get(&place.id).into_iter().flatten();
            for spot in further.chain([&open.spot]) {
                self.popular.change(*spot, open.category, number, weights);
            }
        }
    }

    fn check_in(&mut self, made: &CheckedIn, at: Millis) -> Result<(), Poison> {
        let place = self.number(made.shop_id)?;
        let bssid = made.bssid.as_deref().and_then(Bssid::named);
        let shop = self.shops.get(&made.shop_id.get()).copied().flatten();
        let mut visit = Visit {
            id: made.checkin_id.to_bytes(),
            place,
            bssid: Bssid::pack(bssid),
            day: decay::day(at),
            hour: self.hour(at),
            traits: Traits::new(shop.map(|shop| shop.category), made.hidden),
        };
        let visits = self.people.entry(made.user_id.to_bytes()).or_default();
        let mut before = visits.iter().rev().take(SAME_DAY);
        if !before.any(|other| other.traits.counts() && other.is_one_with(&visit)) {
            visit.traits = visit.traits.counting();
        }
        if visits.len() == visits.capacity() {
            // Most people have few check-ins: doubling would waste half of the memory.
            visits.reserve_exact(visits.len() / 4 + 1);
        }
        visits.push(visit);
        self.count(&visit, 1.0);
        self.scores.add(made.accuracy, bssid.is_some(), made.od);
        Ok(())
    }

    /// A check-in that is not here is gone already. Another one of that day then counts.
    fn take_back(&mut self, person: UserId, checkin: CheckinId) {
        let id = checkin.to_bytes();
        let Some(visits) = self.people.get_mut(&person.to_bytes()) else {
            return;
        };
        // From the end: what is taken back was mostly done just before.
        let Some(at) = visits.iter().rposition(|visit| visit.id == id) else {
            return;
        };
        let gone = visits.remove(at);
        let mut after = visits[at..].iter_mut().take(SAME_DAY);
        let next = after.find(|other| gone.traits.counts() && other.is_one_with(&gone));
        let next = next.map(|next| {
            next.traits = next.traits.counting();
            *next
        });
        if visits.is_empty() {
            self.people.remove(&person.to_bytes());
        }
        self.count(&gone, -1.0);
        if let Some(next) = next {
            self.count(&next, 1.0);
        }
    }

    /// Adds a visit to what everybody knows, or with -1 takes it away again.
    fn count(&mut self, visit: &Visit, sign: f64) {
        if visit.traits.hidden() || !visit.traits.counts() {
            return;
        }
        let weight = weight(visit.day);
        let change = |sum: &mut f64| *sum = (*sum + sign * weight).max(0.0);
        let place = &mut self.places[visit.place as usize];
        let before = place.visits;
        change(&mut place.visits);
        let after = place.visits;
        if place.open.is_some() {
            change(&mut self.visits);
            self.change_popular(visit.place, [before, after]);
        }
        let place = &mut self.places[visit.place as usize];
        if let Some(bssid) = Bssid::unpack(visit.bssid) {
            change(&mut place.with_bssid);
            if sign > 0.0 {
                self.wifi.add(bssid, visit.place, weight);
            } else {
                self.wifi.remove(bssid, visit.place, weight);
            }
        }
        if let Some(category) = visit.traits.category() {
            self.hours.add(visit.hour, category, sign * weight);
        }
    }
}

impl MemoryProjection for PlaceRanker {
    const NAME: &'static str = "place_ranker";
    const VERSION: u32 = 5;
    const KINDS: &'static [EventKind] = &[
        EventKind::ShopRegistered,
        EventKind::ShopRevised,
        EventKind::ShopClosed,
        EventKind::CheckedIn,
        EventKind::CheckinDeleted,
    ];

    fn empty(&self) -> Self {
        Self::new(self.zone.0.clone())
    }

    fn folds_like(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.zone.0.iana_name(), other.zone.0.iana_name());
        ours.is_some() && ours == theirs
    }

    fn apply(&mut self, event: &RecordedEvent) -> Result<(), Poison> {
        match &event.event {
            // One that has closed does not open again.
            Event::ShopRegistered(registered)
                if !self.shops.contains_key(&registered.shop_id.get()) =>
            {
                self.change(registered.shop_id, Some(&registered.details));
            }
            // Visits stay with the category that the shop had then.
            Event::ShopRevised(revised)
                if matches!(self.shops.get(&revised.shop_id.get()), Some(Some(_))) =>
            {
                self.change(revised.shop_id, Some(&revised.details));
            }
            Event::ShopClosed(closed) if self.shops.contains_key(&closed.shop_id.get()) => {
                self.change(closed.shop_id, None);
            }
            Event::CheckedIn(made) => return self.check_in(made, event.time),
            Event::CheckinDeleted(deleted) => {
                self.take_back(deleted.user_id, deleted.checkin_id);
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
