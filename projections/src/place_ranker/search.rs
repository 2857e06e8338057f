//! Which places are worth weighing: the best are found without looking at all.
//!
//! Two lists are gone through: of what is near, the nearest first, and of what is visited, the most
//! visited first. Whatever has come in neither is at least as far as the last of the one, and at
//! most as visited as the last of the other; once that is too little to be among the best, nothing
//! else needs to be looked at. So lists are those of all possible places, as long as that does not
//! take too long: strangers choose the question, and many invent visits.

use super::best::{Best, Weighed};
use super::popular::Crowded;
use super::ranking::{FURTHEST_M, Question};
use crate::ahead::fetch;
use crate::shop_index::{Near, Shop};
use domain::ShopId;
use domain::geo::{EARTH_RADIUS_M, chord};
use domain::shop::Category;
use foldhash::fast::RandomState;
use std::collections::HashSet;

/// The most visited are looked for within this, or twice as far as the nearest ones reach: further
/// away no number of visits makes a place probable.
const POPULAR_M: f64 = 3_000.0;
/// The nearest ones stay candidates out to this distance, in places where shops are sparse.
pub(super) const SPARSE_M: f64 = 1_000.0;
/// How many of them.
pub(super) const SPARSE: usize = 50;
/// So many visited places are passed by before more of the nearest are fetched, if the others must
/// then have more visits.
const STEPS: usize = 1_024;
/// So many of each cube come in a row; in the beginning, when any that are much visited raise the
/// floor for all others, fewer.
const A_FEW: usize = 48;
const FIRST_FEW: usize = 8;
/// How many times as many are then fetched, and how many visited places passed by at most.
const MORE: usize = 4;
const MOST_STEPS: usize = 4_096;
/// How many times as many as are wanted are fetched of one category at most.
const PAGES: usize = 8;
/// No list is longer.
const LONGEST: usize = 1_000;

/// A place of much merit.
pub(super) struct Chosen<'a> {
    pub(super) shop: Shop<'a>,
    /// If anybody ever checked in there.
    pub(super) number: Option<u32>,
    pub(super) distance_m: f64,
}

/// What has been found so far.
struct Search<'q, 'r, 'a> {
    question: &'q Question<'r, 'a>,
    best: Best,
    /// The shops that the index was asked for.
    listed: Vec<Shop<'a>>,
    /// Those that were weighed and have a number.
    weighed: HashSet<u32, RandomState>,
    /// Distance and id of the last of the nearest that were weighed.
    last: (f64, u64),
}

/// The places of most merit, at most `limit` and 1,000, in order.
pub(super) fn best<'a>(question: &Question<'_, 'a>, limit: usize) -> Vec<Chosen<'a>> {
    let wanted = limit.min(LONGEST);
    let mut search = Search {
        question,
        best: Best::new(wanted),
        listed: Vec::with_capacity(wanted + wanted / 2),
        weighed: HashSet::with_capacity_and_hasher(256, RandomState::default()),
        last: (0.0, 0),
    };
    if wanted > 0 {
        search.through_all(wanted);
    }
    search.chosen()
}

impl<'a> Search<'_, '_, 'a> {
    fn through_all(&mut self, wanted: usize) {
        let question = self.question;
        let count = wanted.saturating_add(wanted / 4).max(SPARSE);
        let all = self.nearest(count);
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
            if self.more_would_help() {
                if self.nearest(count.saturating_mul(MORE)) {
                    return;
                }
                self.best.settle();
            }
            self.visited(&mut cubes, popular_m, MOST_STEPS);
        }
        for category in Category::ALL {
            self.unvisited(category, wanted);
        }
    }

    /// Weighs those of the nearest `count` that have not been, and says whether nothing further away
    /// is possible.
    fn nearest(&mut self, count: usize) -> bool {
        let question = self.question;
        let (fix, radius_m) = (question.asked.fix, question.radius_m);
        let shops = question.shops;
        let mut nearest = shops.around(fix.point, None, radius_m.max(SPARSE_M), count);
        let mut all = nearest.len() < count;
        if nearest.iter().any(|near| near.distance_m > radius_m) {
            nearest.sort_unstable_by(|a, b| {
                let further = a.distance_m.total_cmp(&b.distance_m);
                further.then(a.shop.id.cmp(&b.shop.id))
            });
            let within = nearest.partition_point(|near| near.distance_m <= radius_m);
            nearest.truncate(within.max(SPARSE));
            all = true;
        }
        let before = self.last;
        nearest.retain(|near| place_of(near) > before);
        let numbers = nearest.iter().map(|near| self.number(near));
        let numbers: Vec<Option<u32>> = numbers.collect();
        self.fetch(numbers.iter().copied().flatten());
        for (near, number) in nearest.iter().zip(numbers) {
            self.near(near, number);
            if place_of(near) > self.last {
                self.last = place_of(near);
            }
        }
        all
    }

    fn number(&self, near: &Near<'_>) -> Option<u32> {
        self.question
            .ranker
            .numbers
            .get(&near.shop.id.get())
            .copied()
    }

    /// Has these places fetched, which lie anywhere.
    fn fetch(&self, numbers: impl Iterator<Item = u32>) {
        let places = &self.question.ranker.places;
        fetch(numbers.map(|number| places[number as usize].id));
    }

    fn near(&mut self, near: &Near<'a>, number: Option<u32>) {
        if number.is_some_and(|number| !self.weighed.insert(number)) {
            return;
        }
        let question = self.question;
        let known = question.known(number);
        let evidence = question.evidence(near.shop.category(), near.distance_m, &known);
        self.best.add(Weighed {
            id: near.shop.id,
            number,
            listed: Some(self.listed.len() as u32),
            distance_m: near.distance_m,
            merit: question.scale.merit(&evidence),
        });
        self.listed.push(near.shop);
    }

    /// Weighs a place of which something is known, if it is within `radius_m` and has not been.
    fn place(&mut self, number: u32, radius_m: f64) {
        let question = self.question;
        let place = &question.ranker.places[number as usize];
        let Some(open) = place.open else { return };
        let mut distance_m = open.spot.distance_m(&question.from);
        if open.several {
            let further = question.ranker.further.get(&place.id).into_iter().flatten();
            let further_m = further.map(|spot| spot.distance_m(&question.from));
            distance_m = further_m.fold(distance_m, f64::min);
        }
        let Ok(id) = ShopId::new(place.id) else {
            return;
        };
        if distance_m > radius_m || !self.weighed.insert(number) {
            return;
        }
        let known = question.known(Some(number));
        let evidence = question.evidence(open.category, distance_m, &known);
        self.best.add(Weighed {
            id,
            number: Some(number),
            listed: None,
            distance_m,
            merit: question.scale.merit(&evidence),
        });
    }

    /// Weighs the visited places in `cubes` that may be among the best, a few of each cube in turns:
    /// the more is known of the best, the fewer others are worth it. Lets go of cubes that are done,
    /// and says whether all are, or `steps` places have been passed.
    fn visited(&mut self, cubes: &mut Vec<Crowded<'_>>, radius_m: f64, steps: usize) -> bool {
        let mut passed = 0;
        let mut few = FIRST_FEW;
        while !cubes.is_empty() {
            if passed >= steps {
                return false;
            }
            passed += cubes.len() * few;
            cubes.retain_mut(|cube| self.a_few_of(cube, few, radius_m));
            self.best.settle();
            few = A_FEW;
        }
        true
    }

    /// Goes on with a cube, and says whether more of it may be worth it.
    fn a_few_of(&mut self, cube: &mut Crowded<'_>, few: usize, radius_m: f64) -> bool {
        let question = self.question;
        let (last_2, radius_2) = (self.last.0 * self.last.0, radius_m * radius_m);
        let floor = self.best.floor();
        let cube_2 = (cube.distance_m * cube.distance_m).max(last_2);
        let least = question.least_visits(floor, cube_2, question.hour.likeliest());
        let may_have = question.may_have(floor);
        let (mut worth, mut count, mut more) = ([0; A_FEW], 0, true);
        for _ in 0..few {
            let Some(visited) = cube.next().filter(|visited| visited.visits >= least) else {
                more = false;
                break;
            };
            let distance_2 = cube.distance_2(&visited).max(last_2);
            // Without a branch, of which the processor would guess many wrong.
            worth[count] = visited.place;
            let fits =
                (distance_2 <= radius_2) & may_have(distance_2, visited.visits, visited.category);
            count += usize::from(fits);
        }
        self.fetch(worth[..count].iter().copied());
        for number in &worth[..count] {
            self.place(*number, radius_m);
        }
        more
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
        let (fix, hour) = (question.asked.fix, question.hour.of(category));
        let mut before = self.last;
        for count in [wanted, wanted.saturating_mul(PAGES)] {
            let reach_m = question.reach_m(self.best.floor(), hour);
            if reach_m < before.0 {
                return;
            }
            let reach_m = reach_m.min(question.radius_m);
            let nearest = question
                .shops
                .around(fix.point, Some(category), reach_m, count);
            let mut last = before;
            for near in nearest.iter().filter(|near| place_of(near) > before) {
                self.near(near, self.number(near));
                if place_of(near) > last {
                    last = place_of(near);
                }
            }
            if nearest.len() < count {
                return;
            }
            before = last;
            self.best.settle();
        }
    }

    /// The best of all, in order.
    fn chosen(self) -> Vec<Chosen<'a>> {
        let places = self.best.in_order();
        // Room at once: what passes a filter does not say how many will.
        let mut others = Vec::with_capacity(places.len());
        others.extend(
            places
                .iter()
                .filter(|place| place.listed.is_none())
                .map(|place| place.id),
        );
        let mut others = self.question.shops.get_each(&others).into_iter();
        let mut shop = |place: &Weighed| match place.listed {
            Some(at) => self.listed.get(at as usize).copied(),
            None => others.next().flatten(),
        };
        let mut chosen = Vec::with_capacity(places.len());
        chosen.extend(places.iter().filter_map(|place| {
            Some(Chosen {
                shop: shop(place)?,
                number: place.number,
                distance_m: place.distance_m,
            })
        }));
        chosen
    }
}

/// Where a shop stands among the nearest.
fn place_of(near: &Near<'_>) -> (f64, u64) {
    (near.distance_m, near.shop.id.get())
}
