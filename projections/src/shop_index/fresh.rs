//! The shops that changed lately, not packed yet: found by place, and by looking at each.

use super::shop::{Fresh, Shop};
use super::tree::{Sought, squared};
use domain::ShopId;
use rstar::{AABB, PointDistance, RTree, RTreeObject};
use std::collections::BTreeMap;
use std::sync::Arc;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct FreshShops {
    shops: Vec<Arc<Fresh>>,
    /// Of each of them, side by side: there may be very many.
    signatures: Vec<u64>,
    /// Where in both a shop is.
    slots: BTreeMap<ShopId, usize>,
    tree: RTree<Spot>,
}

/// A point of a shop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spot {
    at: [f64; 3],
    pub(super) id: ShopId,
    pub(super) signature: u64,
    pub(super) kind: u8,
}

impl RTreeObject for Spot {
    type Envelope = AABB<[f64; 3]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_point(self.at)
    }
}

impl PointDistance for Spot {
    fn distance_2(&self, point: &[f64; 3]) -> f64 {
        squared(&self.at, point)
    }
}

fn spots(fresh: &Fresh) -> impl Iterator<Item = Spot> {
    let shop = fresh.shop();
    shop.points().map(move |point| Spot {
        at: point.unit_vector(),
        id: shop.id,
        signature: fresh.signature,
        kind: shop.kind(),
    })
}

impl FromIterator<Arc<Fresh>> for FreshShops {
    /// Each of which comes once.
    fn from_iter<I: IntoIterator<Item = Arc<Fresh>>>(shops: I) -> Self {
        let shops: Vec<_> = shops.into_iter().collect();
        let spots = shops.iter().flat_map(|fresh| spots(fresh));
        Self {
            tree: RTree::bulk_load(spots.collect()),
            signatures: shops.iter().map(|fresh| fresh.signature).collect(),
            slots: (0..)
                .zip(&shops)
                .map(|(slot, fresh)| (fresh.id(), slot))
                .collect(),
            shops,
        }
    }
}

impl FreshShops {
    pub(super) fn len(&self) -> usize {
        self.shops.len()
    }

    pub(super) fn get(&self, id: ShopId) -> Option<&Arc<Fresh>> {
        self.shops.get(*self.slots.get(&id)?)
    }

    /// By id.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Fresh>> {
        self.slots.values().filter_map(|slot| self.shops.get(*slot))
    }

    /// By id.
    pub(super) fn shops(&self) -> impl Iterator<Item = Shop<'_>> {
        self.all().map(|fresh| fresh.shop())
    }

    /// Those that are as `sought`, as far as it can be seen, in any order.
    pub(super) fn signed(&self, sought: Sought<'_>) -> impl Iterator<Item = Shop<'_>> {
        let signed = self.shops.iter().zip(&self.signatures);
        signed
            .filter(move |(_, signature)| sought.signature & !**signature == 0)
            .map(|(fresh, _)| fresh.shop())
            .filter(move |shop| sought.kinds & shop.kind() != 0)
    }

    /// Adds a shop that is not there.
    pub(super) fn insert(&mut self, fresh: Arc<Fresh>) {
        for spot in spots(&fresh) {
            self.tree.insert(spot);
        }
        self.slots.insert(fresh.id(), self.shops.len());
        self.signatures.push(fresh.signature);
        self.shops.push(fresh);
    }

    pub(super) fn remove(&mut self, id: ShopId) -> Option<Arc<Fresh>> {
        let slot = self.slots.remove(&id)?;
        let fresh = self.shops.swap_remove(slot);
        self.signatures.swap_remove(slot);
        if let Some(moved) = self.shops.get(slot) {
            self.slots.insert(moved.id(), slot);
        }
        for spot in spots(&fresh) {
            self.tree.remove(&spot);
        }
        Some(fresh)
    }

    /// Changes a shop, but neither its name nor where it is.
    pub(super) fn change(&mut self, id: ShopId, change: impl FnOnce(&mut Fresh)) {
        let slot = self.slots.get(&id);
        if let Some(fresh) = slot.and_then(|slot| self.shops.get_mut(*slot)) {
            change(Arc::make_mut(fresh));
        }
    }

    /// The points within `furthest_2` of `from`, in no order, with the squares of their distances.
    pub(super) fn within(
        &self,
        from: [f64; 3],
        furthest_2: f64,
    ) -> impl Iterator<Item = (f64, &Spot)> {
        let spots = self.tree.locate_within_distance(from, furthest_2);
        spots.map(move |spot| (spot.distance_2(&from), spot))
    }
}
