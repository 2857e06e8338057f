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
use crate::shop_index::{Filter, Near};
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
/// So many of each cube come in a row.
const A_FEW: usize = 48;
/// How many times as many are then fetched, and how many visited places passed by at most.
const MORE: usize = 4;
const MOST_STEPS: usize = 4_096;
/// How many times as many as are wanted are fetched of one category at most.
const PAGES: usize = 8;
/// No list is longer.
const LONGEST: usize = 1_000;

/// What has been found so far.
struct Search<'q, 'r, 'a> {
    question: &'q Question<'r, 'a>,
    best: Best<'a>,
    /// Those that were weighed and have a number.
    weighed: HashSet<u32, RandomState>,
    /// Distance and id of the last of the nearest that were weighed.
    last: (f64, u64),
}

/// The places of most merit, at most `limit` and 1,000, in order.
pub(super) fn best<'a>(question: &Question<'_, 'a>, limit: usize) -> Vec<Weighed<'a>> {
    let wanted = limit.min(LONGEST);
    let mut search = Search {
        question,
        best: Best::new(wanted),
        weighed: HashSet::with_capacity_and_hasher(128, RandomState::default()),
        last: (0.0, 0),
    };
    if wanted > 0 {
        search.through_all(wanted);
    }
    search.best.in_order()
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
            if self.more_would_help() {
                if self.nearest(count, count.saturating_mul(MORE)) {
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

    /// Weighs the visited places in `cubes` that may be among the best, a few of each cube in turns:
    /// the more is known of the best, the fewer others are worth it. Lets go of cubes that are done,
    /// and says whether all are, or `steps` places have been passed.
    fn visited(&mut self, cubes: &mut Vec<Crowded<'_>>, radius_m: f64, steps: usize) -> bool {
        let mut passed = 0;
        while !cubes.is_empty() {
            if passed >= steps {
                return false;
            }
            passed += cubes.len() * A_FEW;
            cubes.retain_mut(|cube| self.a_few_of(cube, radius_m));
            self.best.settle();
        }
        true
    }

    /// Goes on with a cube, and says whether more of it may be worth it.
    fn a_few_of(&mut self, cube: &mut Crowded<'_>, radius_m: f64) -> bool {
        let question = self.question;
        let (last_2, radius_2) = (self.last.0 * self.last.0, radius_m * radius_m);
        let floor = self.best.floor();
        let cube_2 = (cube.distance_m * cube.distance_m).max(last_2);
        let least = question.least_visits(floor, cube_2, question.hour.likeliest());
        for _ in 0..A_FEW {
            let Some(visited) = cube.next().filter(|visited| visited.visits >= least) else {
                return false;
            };
            let distance_2 = cube.distance_2(&visited, question.from).max(last_2);
            let hour = question.hour.of(visited.category);
            if distance_2 <= radius_2
                && visited.visits >= question.least_visits(floor, distance_2, hour)
            {
                self.place(visited.place, radius_m);
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
