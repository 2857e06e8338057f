//! The nearest of many, found in any order.

use super::ShopIndex;
use domain::ShopId;
use std::cmp::Ordering;
use std::collections::HashSet;

/// Room for so many is made at once; who wants more waits a little longer.
const A_PAGE: usize = 256;

/// A shop that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hit {
    /// The square of how far its nearest point is, through the globe.
    pub(super) distance_2: f64,
    pub(super) of: Of,
}

/// Which shop that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// By number.
    Packed(u32),
    Fresh(ShopId),
}

impl Of {
    /// The number of a packed one.
    pub(super) fn number(self) -> Option<u32> {
        match self {
            Self::Packed(number) => Some(number),
            Self::Fresh(_) => None,
        }
    }
}

/// Keeps the nearest `wanted` hits, ties in the order of their ids.
pub(super) struct Best<'a> {
    index: &'a ShopIndex,
    wanted: usize,
    /// What is further than this is none of them.
    furthest_2: f64,
    hits: Vec<Hit>,
    /// With so many, those too many are thrown out.
    full: usize,
    /// The shops with several points that were seen, each with its nearest one.
    seen: HashSet<ShopId>,
}

impl<'a> Best<'a> {
    /// Of those of `index` not further than `furthest_2`.
    pub(super) fn new(index: &'a ShopIndex, wanted: usize, furthest_2: f64) -> Self {
        Self {
            index,
            wanted,
            furthest_2: if wanted == 0 {
                f64::NEG_INFINITY
            } else {
                furthest_2
            },
            hits: Vec::with_capacity((wanted.saturating_mul(3) / 2).clamp(16, A_PAGE)),
            full: wanted,
            seen: HashSet::new(),
        }
    }

    /// Beyond which square nothing is wanted any more.
    pub(super) fn furthest_2(&self) -> f64 {
        self.furthest_2
    }

    /// How many are wanted.
    pub(super) fn wanted(&self) -> usize {
        self.wanted
    }

    /// Whether there are as many as are wanted.
    pub(super) fn is_full(&self) -> bool {
        self.hits.len() >= self.wanted
    }

    /// Whether a shop with several points comes for the first time.
    pub(super) fn is_new(&mut self, id: ShopId) -> bool {
        self.seen.insert(id)
    }

    /// Adds a shop that is there and fits.
    pub(super) fn push(&mut self, hit: Hit) {
        if hit.distance_2 > self.furthest_2 {
            return;
        }
        self.hits.push(hit);
        // Not after each: looking through all of them takes as long as finding as many.
        if self.hits.len() >= self.full {
            self.full = self.wanted.saturating_add((self.wanted / 2).max(16));
            self.throw_out();
            let furthest = self.hits.iter().map(|hit| hit.distance_2);
            self.furthest_2 = furthest.fold(f64::NEG_INFINITY, f64::max);
        }
    }

    /// All of them in order, without the first `skip`.
    pub(super) fn after(mut self, skip: usize) -> Vec<Hit> {
        self.throw_out();
        if skip >= self.hits.len() {
            return Vec::new();
        }
        let order = |a: &Hit, b: &Hit| order(a, b, self.index);
        if skip > 0 {
            let _ = self.hits.select_nth_unstable_by(skip, order);
            self.hits.drain(..skip);
        }
        self.hits.sort_unstable_by(order);
        self.hits
    }

    /// All of them, in no order.
    pub(super) fn in_no_order(mut self) -> Vec<Hit> {
        self.throw_out();
        self.hits
    }

    fn throw_out(&mut self) {
        if self.hits.len() > self.wanted {
            let order = |a: &Hit, b: &Hit| order(a, b, self.index);
            let _ = self.hits.select_nth_unstable_by(self.wanted, order);
            self.hits.truncate(self.wanted);
        }
    }
}

fn order(a: &Hit, b: &Hit, index: &ShopIndex) -> Ordering {
    a.distance_2
        .total_cmp(&b.distance_2)
        .then_with(|| index.id_of(a.of).cmp(&index.id_of(b.of)))
}
