//! The question itself: of all the places around a fix, which is it.
//!
//! Which places are worth weighing is decided here, and what is known of each is gathered; what
//! that makes of them is in [`super::terms`].

use super::bssid::Bssid;
use super::decay::{day, weight};
use super::popular::{Cell, metres};
use super::terms::{Everywhere, Evidence, Terms};
use super::{History, PlaceRanker, Whose};
use crate::shop_index::{Shop, ShopIndex};
use domain::geo::Fix;
use domain::{Millis, ShopId, UserId};
use std::cmp::Ordering;
use std::collections::HashMap;

/// Nothing further away than this is possible.
const FURTHEST_M: f64 = 15_000.0;
/// Everything within this is possible, however accurate the phone believes to be.
const ALWAYS_M: f64 = 150.0;
/// So many accuracies hold practically all true places.
const ACCURACIES: f64 = 3.0;
/// With more candidates than this, only the nearest and the most visited are weighed, the caller's
/// own, and those where the access point was seen.
const MANY: usize = 300;
/// How many of the nearest and of the most visited.
const BEST: usize = 150;
/// The most visited are looked for within this, or twice as far as those nearest ones reach:
/// further away no number of visits makes a place probable.
const POPULAR_M: f64 = 3_000.0;
/// So many are looked at to find them; some turn out to be further away.
const LOOKED_AT: usize = 4 * BEST;
/// The nearest ones stay candidates out to this distance, in places where shops are sparse.
const SPARSE_M: f64 = 1_000.0;
/// How many of them.
const SPARSE: usize = 50;

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
    /// How far it is from the fix.
    pub distance_m: f64,
    /// The logarithm of how probable it is, up to a constant; only the order means something.
    pub score: f64,
    /// What the score is the sum of.
    pub terms: Terms,
    /// What the terms were made from.
    pub known: Known,
}

/// What has been learnt of a place, in visits by today's weight.
#[derive(Clone, Copy, Debug, PartialEq)]
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

/// What is looked up once for all candidates: weights by number of the place.
struct Looked {
    own: History,
    bssid: HashMap<u32, f64>,
}

impl PlaceRanker {
    /// The places where somebody may be: the most probable first, ties by distance and then by id;
    /// at most `limit`, none further than 15 km.
    #[must_use]
    pub fn rank<'a>(&self, shops: &'a ShopIndex, asked: &Asked, limit: usize) -> Vec<Ranked<'a>> {
        let today = weight(day(asked.now));
        let hour = self.hours.at(self.hour(asked.now), today);
        let whose = if asked.hidden {
            Whose::All
        } else {
            Whose::Visible
        };
        let looked = Looked {
            own: asked
                .caller
                .map(|caller| self.history(caller, whose))
                .unwrap_or_default(),
            bssid: asked
                .bssid
                .map(|bssid| self.wifi.places(bssid).collect())
                .unwrap_or_default(),
        };
        let everywhere = Everywhere {
            visits: self.visits / today,
            shops: shops.len() as f64,
            own: looked.own.all / today,
        };
        let weigh = |(shop, distance_m): (Shop<'a>, f64)| {
            let known = self.known(shop.id, &looked, today);
            let evidence = Evidence {
                accuracy_m: asked.fix.accuracy_m(),
                distance_m,
                visits: known.visits,
                own: known.own,
                hour: hour.of(shop.category()),
                wifi: asked.bssid.map(|_| (known.this_bssid, known.any_bssid)),
            };
            let terms = evidence.weigh(&everywhere);
            Ranked {
                shop,
                distance_m,
                score: terms.score(),
                terms,
                known,
            }
        };
        let candidates = self.candidates(asked.fix, shops, &looked);
        let mut ranked: Vec<Ranked<'a>> = candidates.into_iter().map(weigh).collect();
        if limit < ranked.len() {
            ranked.select_nth_unstable_by(limit, order);
            ranked.truncate(limit);
        }
        ranked.sort_unstable_by(order);
        ranked
    }

    fn known(&self, shop: ShopId, looked: &Looked, today: f64) -> Known {
        let number = self.numbers.get(&shop.get());
        let of = |weights: &HashMap<u32, f64>| {
            let weight = number.and_then(|number| weights.get(number));
            weight.map_or(0.0, |weight| weight / today)
        };
        let place = number.map(|number| &self.places[*number as usize]);
        Known {
            visits: place.map_or(0.0, |place| place.visits / today),
            own: of(&looked.own.by_place),
            this_bssid: of(&looked.bssid),
            any_bssid: place.map_or(0.0, |place| place.with_bssid / today),
        }
    }

    /// The places that are worth weighing, with their distances; none twice.
    fn candidates<'a>(
        &self,
        fix: Fix,
        shops: &'a ShopIndex,
        looked: &Looked,
    ) -> Vec<(Shop<'a>, f64)> {
        let radius_m = (ACCURACIES * fix.accuracy_m()).clamp(ALWAYS_M, FURTHEST_M);
        let mut nearest = shops.within(fix.point, radius_m, MANY + 1);
        let many = nearest.len() > MANY;
        if many {
            nearest.truncate(BEST);
        } else if nearest.len() < SPARSE && radius_m < SPARSE_M {
            nearest = shops.within(fix.point, SPARSE_M, SPARSE);
        }
        let mut found: Vec<(Shop<'_>, f64)> = nearest
            .iter()
            .map(|near| (near.shop, near.distance_m))
            .collect();
        let open = |number: u32| {
            let id = ShopId::new(self.places.get(number as usize)?.id).ok()?;
            let shop = shops.get(id)?;
            Some((shop, shop.distance_m(fix.point)))
        };
        if many {
            let furthest_m = nearest.last().map_or(0.0, |furthest| furthest.distance_m);
            let popular_m = radius_m.min(POPULAR_M.max(2.0 * furthest_m));
            let from = metres(fix.point);
            let popular = self.popular.around(fix.point, popular_m).take(LOOKED_AT);
            let popular = popular.filter(|number| self.may_be_within(*number, popular_m, from));
            let mut among: Vec<u64> = nearest.iter().map(|near| near.shop.id.get()).collect();
            among.sort_unstable();
            let within = popular.filter_map(|number| {
                if among
                    .binary_search(&self.places[number as usize].id)
                    .is_ok()
                {
                    // It is found already, and counts.
                    return Some(None);
                }
                let near = |found: &(Shop<'_>, f64)| found.1 <= popular_m;
                open(number).filter(near).map(Some)
            });
            found.extend(within.take(BEST).flatten());
            let own = looked
                .own
                .by_place
                .keys()
                .filter_map(|number| open(*number));
            found.extend(own.filter(|(_, distance_m)| *distance_m <= radius_m));
        }
        // A phone that is far off its fix may still know its access point.
        let seen = looked.bssid.keys().filter_map(|number| open(*number));
        found.extend(seen.filter(|(_, distance_m)| *distance_m <= FURTHEST_M));
        if found.len() > nearest.len() {
            // Whichever way a place was found, its distance is the same up to rounding: one of them.
            found.sort_unstable_by(|a, b| a.0.id.cmp(&b.0.id).then(a.1.total_cmp(&b.1)));
            found.dedup_by_key(|(shop, _)| shop.id);
        }
        found
    }

    /// What can be said without looking for the shop.
    fn may_be_within(&self, number: u32, radius_m: f64, from: [f64; 3]) -> bool {
        self.places.get(number as usize).is_some_and(|place| {
            let near = |cell: Cell| cell.may_be_within(radius_m, from);
            place.cell.is_some_and(near) || self.further.contains_key(&place.id)
        })
    }
}

/// The most probable first, ties by distance and then by id.
fn order(a: &Ranked<'_>, b: &Ranked<'_>) -> Ordering {
    b.score
        .total_cmp(&a.score)
        .then(a.distance_m.total_cmp(&b.distance_m))
        .then(a.shop.id.cmp(&b.shop.id))
}
