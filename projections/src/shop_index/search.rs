//! Looking through the packed shops and the fresh ones for the nearest that fit.
//!
//! What is asked, and what an answer looks like, is in [`super`].

use super::ShopIndex;
use super::best::{Best, Hit, Of};
use super::names::Needle;
use super::shop::Shop;
use super::tree::{self, SEVERAL, Sought};
use domain::ShopId;
use domain::geo::chord;
use domain::shop::Category;
use std::collections::HashSet;

/// What is looked for, and from where.
pub(super) struct Search<'a> {
    pub(super) from: [f64; 3],
    pub(super) category: Option<Category>,
    pub(super) needle: Option<&'a Needle>,
}

/// The square of the longest chord that may belong to `radius_m`: a little more, since rounding may
/// go either way.
pub(super) fn reach_2(radius_m: f64) -> f64 {
    if radius_m >= 0.0 {
        chord(radius_m).powi(2) * (1.0 + 1e-9)
    } else {
        f64::NEG_INFINITY
    }
}

impl ShopIndex {
    /// The best of those not further than `furthest_2`.
    pub(super) fn search<'a>(
        &'a self,
        search: &Search<'a>,
        wanted: usize,
        furthest_2: f64,
    ) -> Best<'a> {
        let mut best = Best::new(self, wanted, furthest_2, search.needle);
        self.search_packed(search, &mut best);
        self.search_fresh(search, &mut best);
        best
    }

    /// Calls `found` for each shop within `furthest_2` of `from`, in no order.
    pub(super) fn each_within(
        &self,
        from: [f64; 3],
        furthest_2: f64,
        mut found: impl FnMut(ShopId, f64),
    ) {
        // Nothing is kept of those with one point.
        let mut several = HashSet::new();
        let mut found = |of: Of, distance_2: f64, kind: u8| {
            if kind & SEVERAL == 0 {
                if let Some(id) = self.id_of(of) {
                    found(id, distance_2);
                }
            } else if let Some(shop) = self.shop_of(of)
                && several.insert(shop.id)
            {
                found(shop.id, shop.distance_2(&from));
            }
        };
        let tree = self.packed.tree();
        tree.within(&from, furthest_2, |distance_2, number, kind| {
            if !self.dead.contains(number) {
                found(Of::Packed(number), distance_2, kind);
            }
        });
        for (distance_2, spot) in self.fresh.within(from, furthest_2) {
            found(Of::Fresh(spot.id), distance_2, spot.kind);
        }
    }

    pub(super) fn id_of(&self, of: Of) -> Option<ShopId> {
        match of {
            Of::Packed(number) => self.packed.id(number),
            Of::Fresh(id) => Some(id),
        }
    }

    pub(super) fn shop_of(&self, of: Of) -> Option<Shop<'_>> {
        match of {
            Of::Packed(number) => self.packed.shop(number),
            Of::Fresh(id) => self.fresh.get(id).map(|fresh| fresh.shop()),
        }
    }

    fn search_packed(&self, search: &Search<'_>, best: &mut Best<'_>) {
        let tree = self.packed.tree();
        let leaves = search.needle.and_then(|needle| {
            let wanted = best.wanted();
            let names = self.packed.names()?;
            names.leaves(needle, search.category, wanted, tree.leaves())
        });
        let sought = Sought {
            leaves: leaves.as_deref(),
            ..search.sought()
        };
        let furthest_2 = best.furthest_2();
        tree.around(
            &search.from,
            sought,
            furthest_2,
            |distance_2, number, kind| {
                if !self.dead.contains(number) {
                    self.found(search, best, Of::Packed(number), distance_2, kind);
                }
                best.furthest_2()
            },
        );
    }

    fn search_fresh(&self, search: &Search<'_>, best: &mut Best<'_>) {
        let sought = search.sought();
        if search.needle.is_some() && !best.is_full() {
            // A rare name is found sooner by looking at each.
            for shop in self.fresh.signed(sought) {
                let distance_2 = shop.distance_2(&search.from);
                self.found(search, best, Of::Fresh(shop.id), distance_2, shop.kind());
            }
        } else {
            for (distance_2, spot) in self.fresh.within(search.from, best.furthest_2()) {
                if sought.admits(spot.kind, spot.signature) {
                    self.found(search, best, Of::Fresh(spot.id), distance_2, spot.kind);
                }
            }
        }
    }

    /// Takes down the shop of a point that was found, if it has not been found by another one.
    fn found(&self, search: &Search<'_>, best: &mut Best<'_>, of: Of, distance_2: f64, kind: u8) {
        let nearest = if kind & SEVERAL == 0 {
            Some(distance_2)
        } else {
            let shop = self.shop_of(of).filter(|shop| best.is_new(shop.id));
            shop.map(|shop| shop.distance_2(&search.from))
        };
        if let Some(distance_2) = nearest {
            best.push(Hit { distance_2, of });
        }
    }
}

impl Search<'_> {
    /// In any leaf.
    fn sought(&self) -> Sought<'static> {
        Sought {
            kinds: self.category.map_or(tree::ALL, tree::kind),
            signature: self.needle.map_or(0, |needle| needle.signature),
            leaves: None,
        }
    }
}
