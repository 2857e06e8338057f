//! Looking through the packed shops and the fresh ones for the nearest that fit.
//!
//! What is asked, and what an answer looks like, is in [`super`].

use super::ShopIndex;
use super::best::{Best, Hit, Of};
use super::names::Needle;
use super::shop::Shop;
use super::tree::{self, SEVERAL};
use domain::ShopId;
use domain::geo::chord;
use domain::shop::Category;

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
    /// The best of those not further than `furthest_2`, of which there are none yet.
    pub(super) fn best(
        &self,
        wanted: usize,
        furthest_2: f64,
    ) -> Best<impl Fn(Of) -> Option<ShopId>> {
        Best::new(wanted, furthest_2, |of| self.id_of(of))
    }

    pub(super) fn id_of(&self, of: Of) -> Option<ShopId> {
        match of {
            Of::Packed(number) => self.packed.id(number),
            Of::Fresh(id) => Some(id),
        }
    }

    /// Finds the best.
    pub(super) fn search<F: Fn(Of) -> Option<ShopId>>(
        &self,
        search: &Search<'_>,
        best: &mut Best<F>,
    ) {
        self.search_packed(search, best, Best::push);
        self.search_fresh(search, best, Best::push);
    }

    /// Calls `found` for packed shops that fit, roughly nearest first, once for each.
    pub(super) fn search_packed<F: Fn(Of) -> Option<ShopId>>(
        &self,
        search: &Search<'_>,
        best: &mut Best<F>,
        mut found: impl FnMut(&mut Best<F>, Hit),
    ) {
        let tree = self.packed.tree();
        let leaves = search.needle.and_then(|needle| {
            let wanted = best.wanted();
            let names = self.packed.names()?;
            names.leaves(needle, search.category, wanted, tree.leaves())
        });
        let kinds = search.category.map_or(tree::ALL, tree::kind);
        let furthest_2 = best.furthest_2();
        let visit = |distance_2: f64, number: u32, kind: u8| {
            let named = |needle| self.packed.is_named(number, needle);
            if !self.dead.contains(number) && search.needle.is_none_or(named) {
                let nearest = if kind & SEVERAL == 0 {
                    Some(distance_2)
                } else {
                    let shop = self.packed.shop(number);
                    shop.and_then(|shop| search.nearest_of(shop, best))
                };
                if let Some(distance_2) = nearest {
                    let of = Of::Packed(number);
                    found(best, Hit { distance_2, of });
                }
            }
            best.furthest_2()
        };
        tree.around(&search.from, kinds, leaves.as_deref(), furthest_2, visit);
    }

    /// The same of fresh ones, in any order.
    pub(super) fn search_fresh<F: Fn(Of) -> Option<ShopId>>(
        &self,
        search: &Search<'_>,
        best: &mut Best<F>,
        mut found: impl FnMut(&mut Best<F>, Hit),
    ) {
        let of_category = |shop: Shop<'_>| search.category.is_none_or(|it| it == shop.category());
        let mut look = |best: &mut Best<F>, shop: Shop<'_>| {
            if let Some(distance_2) = search.nearest_of(shop, best) {
                let of = Of::Fresh(shop.id);
                found(best, Hit { distance_2, of });
            }
        };
        match search.needle {
            // A rare name is found sooner by looking at each.
            Some(needle) if !best.is_full() => {
                for fresh in self.fresh.all() {
                    let shop = fresh.shop();
                    if needle.may_be_in(fresh.signature) && of_category(shop) && needle.is_in(shop)
                    {
                        look(best, shop);
                    }
                }
            }
            needle => {
                for (distance_2, shop) in self.fresh.around(search.from) {
                    if distance_2 > best.furthest_2() {
                        break;
                    }
                    if of_category(shop) && needle.is_none_or(|needle| needle.is_in(shop)) {
                        look(best, shop);
                    }
                }
            }
        }
    }
}

impl Search<'_> {
    /// How far the nearest point of a shop is; `None` when it has been found already.
    fn nearest_of<F: Fn(Of) -> Option<ShopId>>(
        &self,
        shop: Shop<'_>,
        best: &mut Best<F>,
    ) -> Option<f64> {
        let once = shop.further_points().is_empty() || best.is_new(shop.id);
        once.then(|| shop.distance_2(&self.from))
    }
}
