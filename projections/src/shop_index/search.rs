//! Looking through the packed shops and the fresh ones for the nearest that fit.
//!
//! What is asked, and what an answer looks like, is in [`super`].

use super::ShopIndex;
use super::best::{Best, Hit, Of};
use super::names::Needle;
use super::shop::Shop;
use super::tree::{self, Found, ODD, SEVERAL, Sought};
use domain::ShopId;
use domain::geo::{Point, chord};
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
        let mut best = Best::new(self, wanted, furthest_2);
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
        tree.within(&from, furthest_2, |point| {
            if !self.dead.contains(point.shop) {
                found(Of::Packed(point.shop), point.distance_2, point.kind);
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
        let places = search.needle.and_then(|needle| {
            let wanted = best.wanted();
            let names = self.packed.names()?;
            let leaves = tree.leaves();
            Some(names.places(needle, search.category, wanted, tree.leaves_with(), leaves))
        });
        let sought = Sought {
            places: places.as_ref(),
            ..search.sought()
        };
        let (wanted, furthest_2) = (best.wanted(), best.furthest_2());
        let mut names = Vec::new();
        tree.around(&search.from, sought, wanted, furthest_2, |found| {
            names.clear();
            if search.needle.is_some() {
                let numbers = found.iter().map(|found| found.shop);
                self.packed.texts().names_of(numbers, &mut names);
            }
            for (at, found) in found.iter().enumerate() {
                let Found {
                    distance_2,
                    shop,
                    kind,
                } = *found;
                let name = || names.get(at).copied().unwrap_or_default();
                if !self.dead.contains(shop) && search.is_in(name, kind) {
                    self.found(search, best, Of::Packed(shop), distance_2, kind);
                }
            }
            best.furthest_2()
        });
    }

    fn search_fresh(&self, search: &Search<'_>, best: &mut Best<'_>) {
        let sought = search.sought();
        if search.needle.is_some() && !best.is_full() {
            // A rare name is found sooner by looking at each.
            for shop in self.fresh.signed(sought) {
                let (distance_2, kind) = (shop.distance_2(&search.from), shop.kind());
                if search.is_in(|| shop.name(), kind) {
                    self.found(search, best, Of::Fresh(shop.id), distance_2, kind);
                }
            }
        } else {
            for (distance_2, spot) in self.fresh.within(search.from, best.furthest_2()) {
                let name = || {
                    self.fresh
                        .get(spot.id)
                        .map_or("", |fresh| fresh.shop().name())
                };
                if sought.admits(spot.kind, spot.signature) && search.is_in(name, spot.kind) {
                    self.found(search, best, Of::Fresh(spot.id), distance_2, spot.kind);
                }
            }
        }
    }

    /// Takes down the shop of a point that was found, if it has not been found by another one.
    fn found(&self, search: &Search<'_>, best: &mut Best<'_>, of: Of, distance_2: f64, kind: u8) {
        if kind & SEVERAL == 0 {
            best.push(Hit { distance_2, of });
        } else if let Some(shop) = self.shop_of(of)
            && best.is_new(shop.id)
        {
            let distance_2 = shop.distance_2(&search.from);
            best.push(Hit { distance_2, of });
        }
    }
}

impl Search<'_> {
    /// For whatever there is.
    pub(super) fn any(from: Point) -> Self {
        Self {
            from: from.unit_vector(),
            category: None,
            needle: None,
        }
    }

    /// Whether what is looked for is in the name of a shop of this kind.
    fn is_in<'n>(&self, name: impl FnOnce() -> &'n str, kind: u8) -> bool {
        let plain = kind & ODD == 0;
        self.needle.is_none_or(|needle| needle.is_in(name(), plain))
    }

    /// In any leaf.
    fn sought(&self) -> Sought<'static> {
        Sought {
            kinds: self.category.map_or(tree::ALL, tree::kind),
            signature: self.needle.map_or(0, |needle| needle.signature),
            places: None,
        }
    }
}
