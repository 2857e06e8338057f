//! The question itself: of all the places around a fix, which is it.
//!
//! Which places are worth weighing is decided here, and what is known of each is gathered; what
//! that makes of them is in [`super::terms`].
//!
//! Two lists are gone through: of what is near, the nearest first, and of what is visited, the most
//! visited first. Whatever has come in neither is at least as far as the last of the one, and at
//! most as visited as the last of the other; once that is too little to be among the best, nothing
//! else needs to be looked at. So lists are those of all possible places, as long as that does not
//! take too long: strangers choose the question, and many invent visits.

use super::best::{Best, Weighed};
use super::bssid::Bssid;
use super::decay::{day, weight};
use super::hours::ThisHour;
use super::popular::Crowded;
use super::spot::metres;
use super::terms::{Everywhere, Evidence, Scale, Terms};
use super::{History, PlaceRanker, Weights, Whose};
use crate::shop_index::{Filter, Near, Shop, ShopIndex};
use domain::geo::{EARTH_RADIUS_M, Fix, chord};
use domain::shop::Category;
use domain::{Millis, ShopId, UserId};
use foldhash::fast::RandomState;
use std::collections::HashSet;

/// Nothing further away than this is possible.
pub(super) const FURTHEST_M: f64 = 15_000.0;
/// Everything within this is possible, however accurate the phone believes to be.
const ALWAYS_M: f64 = 150.0;
/// So many accuracies hold practically all true places.
const ACCURACIES: f64 = 3.0;
/// The most visited are looked for within this, or twice as far as the nearest ones reach: further
/// away no number of visits makes a place probable.
const POPULAR_M: f64 = 3_000.0;
/// The nearest ones stay candidates out to this distance, in places where shops are sparse.
pub(super) const SPARSE_M: f64 = 1_000.0;
/// How many of them.
pub(super) const SPARSE: usize = 50;
/// So many visited places are passed by before more of the nearest are fetched, if the others must
/// then have more visits.
const STEPS: usize = 192;
/// How many times as many are then fetched, and how many visited places passed by at most.
const MORE: usize = 4;
const MOST_STEPS: usize = 2_048;
/// How many times as many as are wanted are fetched of one category at most.
const PAGES: usize = 8;
/// No list is longer.
const LONGEST: usize = 1_000;

/// Somebody who asks where they are.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// What their phone believes.
    pub fix: Fix,
    /// Whose history counts, if anybody's.
    pub caller: Option<UserId>,
    /// Whether check-ins that the caller made while hiding count as well: for the caller only.
    pub hidden: bool,
    /// The access point that the phone is connected to.
    pub bssid: Option<Bssid>,
    /// When.
    pub now: Millis,
}

/// A place where somebody may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked<'a> {
    /// Which shop.
    pub shop: Shop<'a>,
    /// How far it is from the fix, to a few centimetres.
    pub distance_m: f64,
}

/// A place where somebody may be, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Explained<'a> {
    /// Which shop.
    pub shop: Shop<'a>,
    /// How far it is from the fix, to a few centimetres.
    pub distance_m: f64,
    /// The logarithm of how probable it is, up to a constant; only the order means something.
    pub score: f64,
    /// What the score is the sum of.
    pub terms: Terms,
    /// What the terms were made from.
    pub known: Known,
}

/// What has been learnt of a place, in visits by today's weight.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Known {
    /// Everybody's.
    pub visits: f64,
    /// The caller's own.
    pub own: f64,
    /// With the caller's access point.
    pub this_bssid: f64,
    /// With any access point.
    pub any_bssid: f64,
}

/// What is looked up once for all places.
pub(super) struct Question<'r, 'a> {
    ranker: &'r PlaceRanker,
    shops: &'a ShopIndex,
    asked: &'r Asked,
    /// What a visit weighs today.
    today: f64,
    hour: ThisHour,
    own: History,
    /// The visits with the caller's access point.
    pub(super) bssid: Weights,
    pub(super) scale: Scale,
    /// Where the fix is, from the globe's middle.
    from: [f64; 3],
    /// How far away a place may be.
    pub(super) radius_m: f64,
}

/// What has been found so far.
struct Search<'q, 'r, 'a> {
    question: &'q Question<'r, 'a>,
    best: Best<'a>,
    /// Those that were weighed and have a number.
    weighed: HashSet<u32, RandomState>,
    /// Distance and id of the last of the nearest that were weighed.
    last: (f64, u64),
}

impl PlaceRanker {
    /// The places where somebody may be: the most probable first, ties by distance and then by id;
    /// at most `limit` and 1,000, none further than 15 km.
    #[must_use]
    pub fn rank<'a>(&self, shops: &'a ShopIndex, asked: &Asked, limit: usize) -> Vec<Ranked<'a>> {
        let question = self.question(shops, asked);
        let ranked = question.search(limit).into_iter().filter_map(|place| {
            Some(Ranked {
                shop: question.shop(&place)?,
                distance_m: place.distance_m,
            })
        });
        ranked.collect()
    }

    /// The same places, each with what it was weighed by.
    #[must_use]
    pub fn explain<'a>(
        &self,
        shops: &'a ShopIndex,
        asked: &Asked,
        limit: usize,
    ) -> Vec<Explained<'a>> {
        let question = self.question(shops, asked);
        let explained = question.search(limit).into_iter().filter_map(|place| {
            let shop = question.shop(&place)?;
            let known = question.known(place.number);
            let evidence = question.evidence(shop.category(), place.distance_m, &known);
            let terms = question.scale.terms(&evidence);
            Some(Explained {
                shop,
                distance_m: place.distance_m,
                score: terms.score(),
                terms,
                known,
            })
        });
        explained.collect()
    }

    pub(super) fn question<'r, 'a>(
        &'r self,
        shops: &'a ShopIndex,
        asked: &'r Asked,
    ) -> Question<'r, 'a> {
        let today = weight(day(asked.now));
        let whose = if asked.hidden {
            Whose::All
        } else {
            Whose::Visible
        };
        let own = asked.caller.map(|caller| self.history(caller, whose));
        let own = own.unwrap_or_default();
        let bssid = asked.bssid.map(|bssid| self.wifi.places(bssid).collect());
        let accuracy_m = asked.fix.accuracy_m();
        let scale = Scale::new(&Everywhere {
            accuracy_m,
            visits: self.visits / today,
            shops: shops.len() as f64,
            own: own.all / today,
        });
        Question {
            ranker: self,
            shops,
            asked,
            today,
            hour: self.hours.at(self.hour(asked.now), today),
            own,
            bssid: bssid.unwrap_or_default(),
            scale,
            from: metres(asked.fix.point),
            radius_m: (ACCURACIES * accuracy_m).clamp(ALWAYS_M, FURTHEST_M),
        }
    }
}

impl<'a> Question<'_, 'a> {
    fn search(&self, limit: usize) -> Vec<Weighed<'a>> {
        let wanted = limit.min(LONGEST);
        let mut search = Search {
            question: self,
            best: Best::new(wanted),
            weighed: HashSet::with_capacity_and_hasher(128, RandomState::default()),
            last: (0.0, 0),
        };
        if wanted > 0 {
            search.through_all(wanted);
        }
        search.best.in_order()
    }

    fn shop(&self, place: &Weighed<'a>) -> Option<Shop<'a>> {
        let by_id = || self.shops.get(ShopId::new(place.id).ok()?);
        place.shop.or_else(by_id)
    }

    pub(super) fn known(&self, number: Option<u32>) -> Known {
        number.map_or_else(Known::default, |number| {
            let place = &self.ranker.places[number as usize];
            let of = |weights: &Weights| weights.get(&number).map_or(0.0, |of| of / self.today);
            Known {
                visits: place.visits / self.today,
                own: of(&self.own.by_place),
                this_bssid: of(&self.bssid),
                any_bssid: place.with_bssid / self.today,
            }
        })
    }

    pub(super) fn evidence(&self, category: Category, distance_m: f64, known: &Known) -> Evidence {
        let wifi = (known.this_bssid, known.any_bssid);
        Evidence {
            distance_m,
            visits: known.visits,
            own: known.own,
            hour: self.hour.of(category),
            wifi: self.asked.bssid.map(|_| wifi),
        }
    }

    /// The weight of the visits that a place needs for so much merit, which is neither the caller's
    /// own nor where the access point was seen.
    fn least_visits(&self, merit: f64, distance_2: f64, hour: f64) -> f64 {
        let named = self.asked.bssid.is_some();
        self.scale.least_visits(merit, distance_2, hour, named) * self.today
    }

    /// The most merit that a place may have which is neither the caller's own nor where the access
    /// point was seen.
    fn at_most(&self, distance_m: f64, visits: f64, hour: f64) -> f64 {
        self.scale.merit(&Evidence {
            distance_m,
            visits,
            own: 0.0,
            hour,
            wifi: self.asked.bssid.map(|_| (0.0, 0.0)),
        })
    }
}

impl<'a> Search<'_, '_, 'a> {
    fn through_all(&mut self, wanted: usize) {
        let question = self.question;
        let count = wanted.saturating_add(wanted / 4).max(SPARSE);
        let all = self.nearest(0, count);
        for number in question.own.by_place.keys() {
            self.place(*number, question.radius_m);
        }
        // A phone that is far off its fix may still know its access point.
        for number in question.bssid.keys() {
            self.place(*number, FURTHEST_M);
        }
        self.best.settle();
        if all {
            return;
        }
        let popular_m = question.radius_m.min(POPULAR_M.max(2.0 * self.last.0));
        let reach_m = chord(popular_m) * EARTH_RADIUS_M;
        let mut cubes = question.ranker.popular.around(question.from, reach_m);
        if !self.visited(&mut cubes, popular_m, STEPS) {
            self.best.settle();
            if self.more_would_help() {
                if self.nearest(count, count.saturating_mul(MORE)) {
                    return;
                }
                self.best.settle();
            }
            self.visited(&mut cubes, popular_m, MOST_STEPS);
        }
        self.best.settle();
        for category in Category::ALL {
            self.unvisited(category, wanted);
        }
    }

    /// Weighs the nearest `count`, of which `before` have been, and says whether nothing further
    /// away is possible.
    fn nearest(&mut self, before: usize, count: usize) -> bool {
        let question = self.question;
        let (fix, radius_m) = (question.asked.fix, question.radius_m);
        let nearest = question
            .shops
            .within(fix.point, radius_m.max(SPARSE_M), count);
        for (number, near) in nearest.iter().enumerate().skip(before) {
            if near.distance_m > radius_m && number >= SPARSE {
                return true;
            }
            self.near(near);
            self.last = (near.distance_m, near.shop.id.get());
        }
        nearest.len() < count || self.last.0 > radius_m
    }

    fn near(&mut self, near: &Near<'a>) {
        let (question, id) = (self.question, near.shop.id.get());
        let number = question.ranker.numbers.get(&id).copied();
        if number.is_some_and(|number| !self.weighed.insert(number)) {
            return;
        }
        let known = question.known(number);
        let evidence = question.evidence(near.shop.category(), near.distance_m, &known);
        self.best.add(Weighed {
            id,
            number,
            shop: Some(near.shop),
            distance_m: near.distance_m,
            merit: question.scale.merit(&evidence),
        });
    }

    /// Weighs a place of which something is known, if it is within `radius_m` and has not been.
    fn place(&mut self, number: u32, radius_m: f64) {
        let question = self.question;
        let place = &question.ranker.places[number as usize];
        let Some(open) = place.open else { return };
        let first_m = open.spot.distance_m(&question.from);
        let further = question.ranker.further.get(&place.id).into_iter().flatten();
        let distance_m = further
            .map(|spot| spot.distance_m(&question.from))
            .fold(first_m, f64::min);
        if distance_m > radius_m || !self.weighed.insert(number) {
            return;
        }
        let known = question.known(Some(number));
        let evidence = question.evidence(open.category, distance_m, &known);
        self.best.add(Weighed {
            id: place.id,
            number: Some(number),
            shop: None,
            distance_m,
            merit: question.scale.merit(&evidence),
        });
    }

    /// Weighs the visited places in `cubes` that may be among the best, unless `steps` of them have
    /// been passed, and it is worth while to fetch more of the nearest first; says whether it is
    /// done.
    fn visited(&mut self, cubes: &mut [Crowded<'_>], radius_m: f64, steps: usize) -> bool {
        let question = self.question;
        let likeliest = question.hour.likeliest();
        let (last_2, radius_2) = (self.last.0 * self.last.0, radius_m * radius_m);
        let mut passed = 0;
        for cube in cubes {
            let cube_2 = (cube.distance_m * cube.distance_m).max(last_2);
            let mut floor = self.best.floor();
            let mut least = question.least_visits(floor, cube_2, likeliest);
            loop {
                passed += 1;
                if passed > steps {
                    return false;
                }
                let Some(visited) = cube.next() else { break };
                if self.best.floor() > floor {
                    floor = self.best.floor();
                    least = question.least_visits(floor, cube_2, likeliest);
                }
                if visited.visits < least {
                    break;
                }
                let distance_2 = cube.distance_2(&visited, question.from).max(last_2);
                let hour = question.hour.of(visited.category);
                if distance_2 <= radius_2
                    && visited.visits >= question.least_visits(floor, distance_2, hour)
                {
                    self.place(visited.place, radius_m);
                }
            }
        }
        true
    }

    /// Whether more of the nearest would leave few of the visited places to pass.
    fn more_would_help(&self) -> bool {
        let question = self.question;
        let further_2 = self.last.0 * self.last.0 * MORE as f64;
        let least = |distance_2| {
            let likeliest = question.hour.likeliest();
            question.least_visits(self.best.floor(), distance_2, likeliest) / question.today
        };
        least(further_2) > (2.0 * least(self.last.0 * self.last.0)).max(1.0)
    }

    /// Weighs further ones of a category that is so likely at this hour that they may be among the
    /// best although nobody was there.
    fn unvisited(&mut self, category: Category, wanted: usize) {
        let question = self.question;
        let hour = question.hour.of(category);
        let filter = Filter {
            category: Some(category),
            name: None,
        };
        let mut distance_m = self.last.0;
        for page in 0..PAGES {
            if question.at_most(distance_m, 0.0, hour) <= self.best.floor() {
                return;
            }
            let (fix, before) = (question.asked.fix, page * wanted);
            let nearest = question.shops.nearest(fix.point, &filter, before, wanted);
            for near in &nearest {
                if near.distance_m > question.radius_m {
                    return;
                }
                if (near.distance_m, near.shop.id.get()) > self.last {
                    self.near(near);
                }
                distance_m = distance_m.max(near.distance_m);
            }
            if nearest.len() < wanted {
                return;
            }
            self.best.settle();
        }
    }
}
