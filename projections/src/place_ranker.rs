//! Where somebody probably is, of all the places around: the answer of `/aroundme/shops`.
//!
//! It keeps nothing itself, and asks the clock for nothing. A first version: what it knows of a
//! place is how far it is and how often it is visited; what it will learn (the caller's own
//! history, the hour, Wi-Fi) are further terms of its score.

use crate::occupancy::Occupancy;
use crate::shop_index::{Filter, ShopIndex};
use domain::ShopId;
use domain::geo::Fix;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Nothing further away than this is possible.
const FURTHEST_M: f64 = 15_000.0;
/// Everything within this is possible, however accurate the phone believes to be.
const ALWAYS_M: f64 = 150.0;
/// So many accuracies hold practically all true places.
const ACCURACIES: f64 = 3.0;
/// With more candidates than this, only the nearest and the most visited are weighed.
const MANY: usize = 300;
/// How many of either.
const BEST: usize = 150;
/// The most visited are looked for within this, or twice as far as those nearest ones reach:
/// further away no number of visits makes a place probable (see [`Evidence::score`]), and a bad
/// fix in a big city would have to look at every shop in it.
const POPULAR_M: f64 = 3_000.0;
/// The nearest ones stay candidates out to this distance, in places where shops are sparse.
const SPARSE_M: f64 = 1_000.0;
/// How many of them.
const SPARSE: usize = 50;
/// A fix that is worse than this says less than it claims: see [`Evidence::score`].
const TRUSTED_M: f64 = 1_000.0;
/// Turns the radius that holds 68 % into the variance of the heavy-tailed distribution.
const RADIUS_TO_VARIANCE: f64 = 3.07;
/// Degrees of freedom of that distribution: the smaller, the more often phones are far off.
const FREEDOM: f64 = 4.0;

/// A place where somebody may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Which shop.
    pub shop_id: ShopId,
    /// How far it is from the fix.
    pub distance_m: f64,
    /// The logarithm of how probable it is, up to a constant; only the order means something.
    pub score: f64,
}

/// The places where somebody with this fix may be: the most probable first, ties by distance and
/// then by id; at most `limit`, none further than 15 km.
#[must_use]
pub fn rank(fix: Fix, shops: &ShopIndex, occupancy: &Occupancy, limit: usize) -> Vec<Ranked> {
    let everywhere = Everywhere {
        visits: occupancy.total_visits() as f64,
        shops: shops.len() as f64,
    };
    let mut ranked: Vec<Ranked> = candidates(fix, shops, occupancy)
        .into_iter()
        .map(|(shop_id, distance_m)| {
            let evidence = Evidence {
                accuracy_m: fix.accuracy_m(),
                distance_m,
                visits: occupancy.visits(shop_id) as f64,
            };
            Ranked {
                shop_id,
                distance_m,
                score: evidence.score(&everywhere),
            }
        })
        .collect();
    ranked.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then(a.distance_m.total_cmp(&b.distance_m))
            .then(a.shop_id.cmp(&b.shop_id))
    });
    ranked.truncate(limit);
    ranked
}

/// The places that are worth weighing, with their distances.
fn candidates(fix: Fix, shops: &ShopIndex, occupancy: &Occupancy) -> BTreeMap<ShopId, f64> {
    let radius_m = (ACCURACIES * fix.accuracy_m()).clamp(ALWAYS_M, FURTHEST_M);
    let mut nearest = shops.nearest(fix.point, &Filter::default(), 0, MANY + 1);
    let many = nearest.len() > MANY && nearest[MANY].distance_m <= radius_m;
    if many {
        nearest.truncate(BEST);
    }
    let possible = nearest.iter().enumerate().filter(|(place, near)| {
        near.distance_m <= radius_m || (*place < SPARSE && near.distance_m <= SPARSE_M)
    });
    let mut found: BTreeMap<ShopId, f64> = possible
        .map(|(_, near)| (near.shop.id, near.distance_m))
        .collect();
    if many {
        // Distances are not negative, so their bits are in their order.
        let radius_m = nearest.last().map_or(radius_m, |furthest| {
            radius_m.min(POPULAR_M.max(2.0 * furthest.distance_m))
        });
        let mut most_visited = BinaryHeap::with_capacity(BEST + 1);
        shops.for_each_within(fix.point, radius_m, |id, distance_m| {
            let visits = occupancy.visits(id);
            most_visited.push(Reverse((visits, Reverse((distance_m.to_bits(), id)))));
            if most_visited.len() > BEST {
                most_visited.pop();
            }
        });
        for Reverse((_, Reverse((distance_bits, id)))) in most_visited {
            found.insert(id, f64::from_bits(distance_bits));
        }
    }
    found
}

/// What all places together add up to.
#[derive(Clone, Copy, Debug)]
struct Everywhere {
    visits: f64,
    shops: f64,
}

/// What is known of one place and one caller.
#[derive(Clone, Copy, Debug)]
struct Evidence {
    accuracy_m: f64,
    distance_m: f64,
    visits: f64,
}

impl Evidence {
    /// The sum of the terms, each the logarithm of a probability.
    ///
    /// Beyond an accuracy of 1,000 m the phone hardly knows where it is, and the most visited
    /// places of the whole city would crowd out what is near. So the distance is then weighed as
    /// for 1,000 m, and popularity counts by 1,000 m / accuracy only: at the worst accuracy no
    /// place 1.5 km away gets in front of one at the fix, be it visited a million times.
    fn score(&self, everywhere: &Everywhere) -> f64 {
        let weight = (TRUSTED_M / self.accuracy_m).min(1.0);
        weight * self.popularity(everywhere) + self.likelihood()
    }

    /// How probable the place is when nothing is known of the caller: half a visit is given to
    /// each, so that new places have a chance.
    fn popularity(&self, everywhere: &Everywhere) -> f64 {
        ((self.visits + 0.5) / (everywhere.visits + 0.5 * everywhere.shops)).ln()
    }

    /// How probable the fix is for somebody who is there: Student's t, since phones are far off
    /// more often than a bell curve has it.
    fn likelihood(&self) -> f64 {
        let accuracy_m = self.accuracy_m.min(TRUSTED_M);
        let variance = accuracy_m * accuracy_m / RADIUS_TO_VARIANCE;
        let off = self.distance_m * self.distance_m / (FREEDOM * variance);
        -variance.ln() - (FREEDOM + 2.0) / 2.0 * off.ln_1p()
    }
}

#[cfg(test)]
mod tests;
