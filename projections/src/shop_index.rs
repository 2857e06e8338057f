//! Where the shops are, and what is known of them: the answers to "what is around here".
//!
//! How many people are in a shop is not known here but in [`crate::occupancy`], which changes with
//! every check-in while shops hardly ever do.

mod stored;

use crate::memory::{MemoryProjection, Poison};
use domain::geo::{Point, arc_m, chord};
use domain::shop::{Category, ShopDetails};
use domain::{Event, EventKind, ShopId, UserId, gcj02};
use eventlog::RecordedEvent;
use rstar::{AABB, PointDistance, RTree, RTreeObject};
use std::collections::BTreeMap;

/// How many shops around the caller are asked for their names before all names are read.
const NAMES_BY_PLACE: usize = 1_024;

/// A shop that is open.
#[derive(Clone, Debug, PartialEq)]
pub struct Shop {
    /// Its id.
    pub id: ShopId,
    /// Name, place, category, address, phone.
    pub details: ShopDetails,
    /// Where a map draws it: GCJ-02 in mainland China.
    pub on_map: Point,
    /// The notice that is up; empty when there is none.
    pub notice: String,
    /// Who works there, in the order of their ids.
    pub staff: Vec<UserId>,
    /// The name, folded for searching.
    needle: Box<str>,
}

/// A shop and how far away it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near<'a> {
    /// Which shop.
    pub shop: &'a Shop,
    /// How far, over the ground.
    pub distance_m: f64,
}

/// What shops must be like to be listed; the default lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this category only.
    pub category: Option<Category>,
    /// With this text in the name, whichever the case of its letters; an empty text is in every
    /// name.
    pub name: Option<String>,
}

/// All open shops, by id and by place.
#[derive(Debug, Default)]
pub struct ShopIndex {
    shops: BTreeMap<ShopId, Shop>,
    tree: RTree<Spot>,
    /// The names of those that have closed, for the traces of people who were there.
    closed: BTreeMap<ShopId, String>,
    /// Of all shops that ever were, closed ones too.
    max_id: Option<ShopId>,
}

/// A shop in the tree: a point on the unit sphere, where straight lines order places correctly
/// everywhere, at the poles too.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spot {
    at: [f64; 3],
    id: ShopId,
    category: Category,
}

impl RTreeObject for Spot {
    type Envelope = AABB<[f64; 3]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_point(self.at)
    }
}

impl PointDistance for Spot {
    fn distance_2(&self, point: &[f64; 3]) -> f64 {
        // As the tree measures its boxes, to the last bit: a box is never further than its shops.
        self.at.distance_2(point)
    }
}

impl ShopIndex {
    /// The shop, if it is open.
    #[must_use]
    pub fn get(&self, id: ShopId) -> Option<&Shop> {
        self.shops.get(&id)
    }

    /// The name of a shop, also of one that has closed since.
    #[must_use]
    pub fn name(&self, id: ShopId) -> Option<&str> {
        let open = self.shops.get(&id).map(|shop| &shop.details.name);
        open.or_else(|| self.closed.get(&id)).map(String::as_str)
    }

    /// How many shops are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shops.len()
    }

    /// Whether there is no shop.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shops.is_empty()
    }

    /// The largest id that a shop has or had.
    #[must_use]
    pub fn max_id(&self) -> Option<ShopId> {
        self.max_id
    }

    /// All open shops, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Shop> {
        self.shops.values()
    }

    /// The shops that `filter` lets through, nearest first, ties in the order of their ids;
    /// without the first `skip`, at most `limit`. Pages of one state are disjoint and complete.
    #[must_use]
    pub fn nearest(
        &self,
        from: Point,
        filter: &Filter,
        skip: usize,
        limit: usize,
    ) -> Vec<Near<'_>> {
        let needle = filter.name.as_deref().map(fold_case);
        let needle = needle.as_deref().filter(|needle| !needle.is_empty());
        let of_category = |category| filter.category.is_none_or(|wanted| wanted == category);
        let wanted = skip.saturating_add(limit);
        let walk = self.walk(from, |spot| of_category(spot.category));
        let mut page = match needle {
            None => first_by_distance(walk, wanted).0,
            Some(needle) => {
                let named = |shop: &Shop| shop.needle.contains(needle);
                let around = walk.take(NAMES_BY_PLACE).filter(|near| named(near.shop));
                match first_by_distance(around, wanted) {
                    (page, true) => page,
                    // A rare name: reading all names takes less than walking all places.
                    (_, false) => self.sorted(from, wanted, |shop| {
                        of_category(shop.details.category) && named(shop)
                    }),
                }
            }
        };
        page.drain(..skip.min(page.len()));
        page
    }

    /// The shops within `radius_m` of `from`, nearest first, ties in the order of their ids, at
    /// most `limit`.
    #[must_use]
    pub fn within(&self, from: Point, radius_m: f64, limit: usize) -> Vec<Near<'_>> {
        let walk = self.walk(from, |_| true);
        first_by_distance(walk.take_while(|near| near.distance_m <= radius_m), limit).0
    }

    /// Calls `visit` for every shop within `radius_m` of `from`, in no order: cheaper than
    /// [`Self::within`] where there are very many.
    pub fn for_each_within(&self, from: Point, radius_m: f64, mut visit: impl FnMut(ShopId, f64)) {
        let from = from.unit_vector();
        let longest = chord(radius_m);
        for spot in self.tree.locate_within_distance(from, longest * longest) {
            visit(spot.id, arc_m(spot.distance_2(&from).sqrt()));
        }
    }

    /// The shops by distance; those at the same distance in any order.
    fn walk(&self, from: Point, fits: impl Fn(&Spot) -> bool) -> impl Iterator<Item = Near<'_>> {
        self.tree
            .nearest_neighbor_iter_with_distance_2(from.unit_vector())
            .filter(move |(spot, _)| fits(spot))
            .filter_map(|(spot, distance_2)| {
                Some(Near {
                    shop: self.shops.get(&spot.id)?,
                    distance_m: arc_m(distance_2.sqrt()),
                })
            })
    }

    /// The first `wanted` of the shops that fit, found by looking at every shop.
    fn sorted(&self, from: Point, wanted: usize, fits: impl Fn(&Shop) -> bool) -> Vec<Near<'_>> {
        let from = from.unit_vector();
        let mut found: Vec<Near<'_>> = self
            .shops
            .values()
            .filter(|shop| fits(shop))
            .map(|shop| Near {
                shop,
                distance_m: arc_m(shop.spot().distance_2(&from).sqrt()),
            })
            .collect();
        found.sort_by(Near::order);
        found.truncate(wanted);
        found
    }

    fn insert(&mut self, shop: Shop) {
        self.max_id = self.max_id.max(Some(shop.id));
        self.tree.insert(shop.spot());
        self.shops.insert(shop.id, shop);
    }

    fn remove(&mut self, id: ShopId) -> Option<Shop> {
        let shop = self.shops.remove(&id)?;
        self.tree.remove(&shop.spot());
        Some(shop)
    }
}

impl Near<'_> {
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        self.distance_m
            .total_cmp(&other.distance_m)
            .then(self.shop.id.cmp(&other.shop.id))
    }
}

impl Shop {
    fn new(id: ShopId, details: ShopDetails) -> Self {
        Self {
            id,
            on_map: gcj02::on_map(details.point),
            needle: fold_case(&details.name).into(),
            details,
            notice: String::new(),
            staff: Vec::new(),
        }
    }

    fn spot(&self) -> Spot {
        Spot {
            at: self.details.point.unit_vector(),
            id: self.id,
            category: self.details.category,
        }
    }
}

/// The form of a text in which searches compare it.
fn fold_case(text: &str) -> String {
    text.to_lowercase()
}

/// The first `wanted` of a walk that comes by distance, with ties in the order of their ids; and
/// whether more of the walk could change nothing. All that are as far as the last one are looked
/// at, since they may come in any order.
fn first_by_distance<'a>(
    walk: impl Iterator<Item = Near<'a>>,
    wanted: usize,
) -> (Vec<Near<'a>>, bool) {
    let mut found: Vec<Near<'a>> = Vec::new();
    let mut settled = wanted == 0;
    if !settled {
        for near in walk {
            let full = found.len() >= wanted;
            if full
                && found
                    .last()
                    .is_some_and(|last| near.distance_m > last.distance_m)
            {
                settled = true;
                break;
            }
            found.push(near);
        }
    }
    found.sort_by(Near::order);
    found.truncate(wanted);
    (found, settled)
}

impl MemoryProjection for ShopIndex {
    const NAME: &'static str = "shop_index";
    const VERSION: u32 = 2;
    const KINDS: &'static [EventKind] = &[
        EventKind::ShopRegistered,
        EventKind::ShopRevised,
        EventKind::ShopClosed,
        EventKind::NoticePosted,
        EventKind::StaffAdded,
        EventKind::StaffRemoved,
    ];

    /// As the shop's own stream folds it: what is said of a shop that is not there changes
    /// nothing.
    fn apply(&mut self, event: &RecordedEvent) -> Result<(), Poison> {
        match &event.event {
            Event::ShopRegistered(registered) if self.name(registered.shop_id).is_none() => {
                self.insert(Shop::new(registered.shop_id, registered.details.clone()));
            }
            Event::ShopRevised(revised) => {
                if let Some(old) = self.remove(revised.shop_id) {
                    self.insert(Shop {
                        notice: old.notice,
                        staff: old.staff,
                        ..Shop::new(revised.shop_id, revised.details.clone())
                    });
                }
            }
            Event::ShopClosed(closed) => {
                if let Some(shop) = self.remove(closed.shop_id) {
                    self.closed.insert(shop.id, shop.details.name);
                }
            }
            Event::NoticePosted(posted) => {
                if let Some(shop) = self.shops.get_mut(&posted.shop_id) {
                    shop.notice.clone_from(&posted.title);
                }
            }
            Event::StaffAdded(added) => {
                if let Some(shop) = self.shops.get_mut(&added.shop_id)
                    && let Err(at) = shop.staff.binary_search(&added.user_id)
                {
                    shop.staff.insert(at, added.user_id);
                }
            }
            Event::StaffRemoved(removed) => {
                if let Some(shop) = self.shops.get_mut(&removed.shop_id) {
                    shop.staff.retain(|user| *user != removed.user_id);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
