//! The shops that changed lately, not packed yet: found by place, and by looking at each.

use super::shop::{Fresh, Shop};
use super::tree::squared;
use domain::ShopId;
use rstar::{AABB, PointDistance, RTree, RTreeObject};
use std::collections::BTreeMap;
use std::sync::Arc;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct FreshShops {
    shops: BTreeMap<ShopId, Arc<Fresh>>,
    tree: RTree<Spot>,
}

/// A point of a shop.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spot {
    at: [f64; 3],
    id: ShopId,
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

fn spots(shop: Shop<'_>) -> impl Iterator<Item = Spot> {
    shop.points().map(move |point| Spot {
        at: point.unit_vector(),
        id: shop.id,
    })
}

impl FromIterator<Arc<Fresh>> for FreshShops {
    fn from_iter<I: IntoIterator<Item = Arc<Fresh>>>(shops: I) -> Self {
        let shops: BTreeMap<_, _> = shops.into_iter().map(|fresh| (fresh.id(), fresh)).collect();
        let spots = shops.values().flat_map(|fresh| spots(fresh.shop()));
        let tree = RTree::bulk_load(spots.collect());
        Self { shops, tree }
    }
}

impl FreshShops {
    pub(super) fn len(&self) -> usize {
        self.shops.len()
    }

    pub(super) fn get(&self, id: ShopId) -> Option<&Arc<Fresh>> {
        self.shops.get(&id)
    }

    /// By id.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Fresh>> {
        self.shops.values()
    }

    /// By id.
    pub(super) fn shops(&self) -> impl Iterator<Item = Shop<'_>> {
        self.shops.values().map(|fresh| fresh.shop())
    }

    /// Adds a shop that is not there.
    pub(super) fn insert(&mut self, fresh: Arc<Fresh>) {
        for spot in spots(fresh.shop()) {
            self.tree.insert(spot);
        }
        self.shops.insert(fresh.id(), fresh);
    }

    pub(super) fn remove(&mut self, id: ShopId) -> Option<Arc<Fresh>> {
        let fresh = self.shops.remove(&id)?;
        for spot in spots(fresh.shop()) {
            self.tree.remove(&spot);
        }
        Some(fresh)
    }

    /// Changes a shop, but not where it is.
    pub(super) fn change(&mut self, id: ShopId, change: impl FnOnce(&mut Fresh)) {
        if let Some(fresh) = self.shops.get_mut(&id) {
            change(Arc::make_mut(fresh));
        }
    }

    /// The shops with a point around `from`, nearest first, with the square of the distance of that
    /// point; once for each point.
    pub(super) fn around(&self, from: [f64; 3]) -> impl Iterator<Item = (f64, Shop<'_>)> {
        self.tree
            .nearest_neighbor_iter(from)
            .filter_map(move |spot| Some((spot.distance_2(&from), self.get(spot.id)?.shop())))
    }
}
