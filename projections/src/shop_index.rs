//! Where the shops are, and what is known of them: the answers to "what is around here".
//!
//! Most shops are packed, in a shape that never changes; those that changed since lie beside, and
//! once in a while everything is packed anew while answers go on (see `merge.rs`). How many people
//! are in a shop is not known here but in [`crate::occupancy`], which changes with every check-in
//! while shops hardly ever do.
//!
//! What it takes, in bytes: some 110 a shop, and its texts.

mod best;
mod fresh;
mod merge;
mod names;
mod packed;
mod search;
mod shop;
mod stored;
mod texts;
mod tree;

pub use shop::{Shop, fetch_texts};

use crate::memory::{Chore, MemoryProjection, Poison};
use best::Hit;
use domain::geo::{Point, arc_m};
use domain::shop::Category;
use domain::{Event, EventKind, ShopId};
use eventlog::RecordedEvent;
use fresh::FreshShops;
use merge::Merging;
use names::Needle;
use packed::Packed;
use search::{Search, reach_2};
use shop::Fresh;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// A shop and how far away it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near<'a> {
    /// Which shop.
    pub shop: Shop<'a>,
    /// How far the nearest of its points is, over the ground.
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

/// All open shops, by id, by place and by name.
#[derive(Debug, Default)]
pub struct ShopIndex {
    packed: Arc<Packed>,
    /// The packed ones that have closed or are fresh.
    dead: Dead,
    fresh: FreshShops,
    /// What has happened since a new [`Packed`] was begun, if one is being made.
    merging: Option<Merging>,
    /// Before that none is begun for the sake of a few changes.
    resting: Option<Instant>,
    /// The names of those that have closed, for the traces of people who were there.
    closed: BTreeMap<ShopId, Box<str>>,
    /// Of all shops that ever were, closed ones too.
    max_id: Option<ShopId>,
}

/// A set of numbers of packed shops.
#[derive(Clone, Debug, Default)]
struct Dead {
    bits: Vec<u64>,
    count: usize,
}

impl ShopIndex {
    /// The shop, if it is open.
    #[must_use]
    pub fn get(&self, id: ShopId) -> Option<Shop<'_>> {
        match self.fresh.get(id) {
            Some(fresh) => Some(fresh.shop()),
            None => self.alive(self.packed.number(id)?),
        }
    }

    /// The shops of these ids, each as [`Self::get`] says: sooner than one after the other.
    #[must_use]
    pub fn get_each(&self, ids: &[ShopId]) -> Vec<Option<Shop<'_>>> {
        self.packed.fetch(ids);
        ids.iter().map(|id| self.get(*id)).collect()
    }

    /// The name of a shop, also of one that has closed since.
    #[must_use]
    pub fn name(&self, id: ShopId) -> Option<&str> {
        let open = self.get(id).map(Shop::name);
        open.or_else(|| self.closed.get(&id).map(|name| &**name))
    }

    /// How many shops are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.packed.len() - self.dead.count + self.fresh.len()
    }

    /// Whether there is no shop.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The largest id that a shop has or had.
    #[must_use]
    pub fn max_id(&self) -> Option<ShopId> {
        self.max_id
    }

    /// How many shops have changed since all were packed.
    #[must_use]
    pub fn unpacked(&self) -> usize {
        self.fresh.len()
    }

    /// How many bytes names, addresses and phones take.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let texts = |shop: Shop<'_>| shop.name().len() + shop.others().len();
        let fresh = self.fresh.shops().map(texts);
        self.packed.text_bytes() + fresh.sum::<usize>()
    }

    /// All open shops, in the order of their ids. Sorts them first.
    pub fn iter(&self) -> impl Iterator<Item = Shop<'_>> {
        let mut shops: Vec<Shop<'_>> = self.packed_alive().chain(self.fresh.shops()).collect();
        shops.sort_unstable_by_key(|shop| shop.id);
        shops.into_iter()
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
        let needle = filter.name.as_deref().and_then(Needle::new);
        let search = Search {
            from: from.unit_vector(),
            category: filter.category,
            needle: needle.as_ref(),
        };
        let best = self.search(&search, skip.saturating_add(limit), f64::INFINITY);
        self.shown(best.after(skip)).collect()
    }

    /// The shops within `radius_m` of `from`, nearest first, ties in the order of their ids, at
    /// most `limit`.
    #[must_use]
    pub fn within(&self, from: Point, radius_m: f64, limit: usize) -> Vec<Near<'_>> {
        let search = Search::any(from);
        let best = self.search(&search, limit, reach_2(radius_m));
        let near = self.shown(best.after(0));
        near.take_while(|near| near.distance_m <= radius_m)
            .collect()
    }

    /// The same as [`Self::within`], if wanted of one category only, and in no order: sooner, for who
    /// orders them by something else.
    #[must_use]
    pub fn around(
        &self,
        from: Point,
        category: Option<Category>,
        radius_m: f64,
        limit: usize,
    ) -> Vec<Near<'_>> {
        let search = Search {
            category,
            ..Search::any(from)
        };
        let hits = self.search(&search, limit, reach_2(radius_m)).in_no_order();
        self.packed
            .fetch_cards(hits.iter().filter_map(|hit| hit.of.number()));
        let mut near = Vec::with_capacity(hits.len());
        near.extend(self.shown(hits));
        near.retain(|near: &Near<'_>| near.distance_m <= radius_m);
        near
    }

    /// Calls `visit` for every shop within `radius_m` of `from`, in no order: cheaper than
    /// [`Self::within`] where there are very many.
    pub fn for_each_within(&self, from: Point, radius_m: f64, mut visit: impl FnMut(ShopId, f64)) {
        let from = from.unit_vector();
        self.each_within(from, reach_2(radius_m), |id, distance_2| {
            let distance_m = arc_m(distance_2.sqrt());
            if distance_m <= radius_m {
                visit(id, distance_m);
            }
        });
    }

    /// The packed shop of a number, if it is still as it was packed.
    fn alive(&self, number: u32) -> Option<Shop<'_>> {
        if self.dead.contains(number) {
            return None;
        }
        self.packed.shop(number)
    }

    fn packed_alive(&self) -> impl Iterator<Item = Shop<'_>> {
        let alive = |(number, shop)| (!self.dead.contains(number)).then_some(shop);
        self.packed.shops().filter_map(alive)
    }

    fn shown(&self, hits: Vec<Hit>) -> impl Iterator<Item = Near<'_>> {
        hits.into_iter().filter_map(|hit| {
            Some(Near {
                shop: self.shop_of(hit.of)?,
                distance_m: arc_m(hit.distance_2.sqrt()),
            })
        })
    }

    /// Adds a shop that is not there.
    fn insert(&mut self, fresh: Fresh) {
        self.max_id = self.max_id.max(Some(fresh.id()));
        self.touch(fresh.id());
        self.fresh.insert(Arc::new(fresh));
    }

    /// Takes a shop out.
    fn remove(&mut self, id: ShopId) -> Option<Fresh> {
        let gone = match self.fresh.remove(id) {
            Some(fresh) => Arc::unwrap_or_clone(fresh),
            None => {
                let number = self.packed.number(id)?;
                let gone = Fresh::of(self.alive(number)?);
                self.dead.insert(number);
                gone
            }
        };
        self.touch(id);
        Some(gone)
    }

    /// Changes a shop, if it is there, but not where it is.
    fn change(&mut self, id: ShopId, change: impl FnOnce(&mut Fresh)) {
        if self.fresh.get(id).is_some() {
            self.touch(id);
            self.fresh.change(id, change);
        } else if let Some(mut shop) = self.remove(id) {
            change(&mut shop);
            self.insert(shop);
        }
    }

    fn touch(&mut self, id: ShopId) {
        if let Some(merging) = &mut self.merging {
            merging.touch(id);
        }
    }
}

impl Dead {
    /// Of so many shops, none.
    fn of(shops: usize) -> Self {
        Self {
            bits: vec![0; shops.div_ceil(64)],
            count: 0,
        }
    }

    fn contains(&self, number: u32) -> bool {
        let word = self.bits.get(number as usize / 64);
        word.is_some_and(|word| word >> (number % 64) & 1 != 0)
    }

    /// Adds one; says whether it can be and was not there.
    fn insert(&mut self, number: u32) -> bool {
        let new = !self.contains(number);
        let Some(word) = self.bits.get_mut(number as usize / 64) else {
            return false;
        };
        *word |= 1 << (number % 64);
        self.count += usize::from(new);
        new
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.bits.len() as u32 * 64).filter(|number| self.contains(*number))
    }
}

impl MemoryProjection for ShopIndex {
    const NAME: &'static str = "shop_index";
    const VERSION: u32 = 5;
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
                self.insert(Fresh::new(registered.shop_id, &registered.details)?);
            }
            Event::ShopRevised(revised) if self.get(revised.shop_id).is_some() => {
                let new = Fresh::new(revised.shop_id, &revised.details)?;
                if let Some(old) = self.remove(revised.shop_id) {
                    self.insert(new.keeping(&old));
                }
            }
            Event::ShopClosed(closed) => {
                if let Some(shop) = self.remove(closed.shop_id) {
                    self.closed.insert(shop.id(), shop.shop().name().into());
                }
            }
            Event::NoticePosted(posted) => {
                self.change(posted.shop_id, |shop| shop.post(&posted.title));
            }
            Event::StaffAdded(added) => {
                self.change(added.shop_id, |shop| shop.employ(added.user_id));
            }
            Event::StaffRemoved(removed) => {
                self.change(removed.shop_id, |shop| shop.dismiss(removed.user_id));
            }
            _ => {}
        }
        Ok(())
    }

    fn chore(&mut self) -> Option<Box<dyn Chore<Self>>> {
        self.merge_many()
    }

    fn upkeep(&mut self) -> Option<Box<dyn Chore<Self>>> {
        self.merge_few()
    }

    fn frozen(&self) -> Option<Self> {
        Some(Self {
            packed: Arc::clone(&self.packed),
            dead: self.dead.clone(),
            fresh: self.fresh.clone(),
            merging: None,
            resting: None,
            closed: self.closed.clone(),
            max_id: self.max_id,
        })
    }
}

#[cfg(test)]
mod tests;
