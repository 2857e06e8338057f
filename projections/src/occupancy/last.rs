//! Who was last in each shop: a list a shop, those who came last at its end, so that the people of
//! one shop lie side by side and a walk stops where the window does.
//!
//! What of a person decides whether they count is written down beside them: lists of shops look at
//! very many people, who lie anywhere.

use crate::ahead::fetch;
use domain::user::Gender;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// See the module; shops in which nobody was last are not there, as most are.
#[derive(Debug, Default)]
pub(super) struct LastIn(HashMap<u64, Vec<Seen>, RandomState>);

/// Somebody who was last in a shop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) at: i64,
    /// Who.
    pub(super) number: u32,
    pub(super) gender: Gender,
    /// Whether anybody may know of them.
    pub(super) counts: bool,
}

impl Seen {
    fn order(&self) -> (i64, u32) {
        (self.at, self.number)
    }
}

impl LastIn {
    /// Who was last in `shop`, the latest at the end.
    pub(super) fn of(&self, shop: u64) -> &[Seen] {
        self.0.get(&shop).map_or(&[], Vec::as_slice)
    }

    /// The same of each of these, sooner than one after the other.
    pub(super) fn of_each(&self, shops: impl Iterator<Item = u64>) -> Vec<&[Seen]> {
        let lists: Vec<&[Seen]> = shops.map(|shop| self.of(shop)).collect();
        let latest = lists.iter().filter_map(|list| list.last());
        fetch(latest.map(|seen| seen.number.into()));
        lists
    }

    pub(super) fn insert(&mut self, shop: u64, seen: Seen) {
        let all = self.0.entry(shop).or_default();
        if all.len() == all.capacity() {
            // In most shops few people were last: doubling would waste half of the memory.
            all.reserve_exact(all.len() / 4 + 1);
        }
        let at = all.partition_point(|other| other.order() < seen.order());
        all.insert(at, seen);
    }

    pub(super) fn remove(&mut self, shop: u64, at: i64, number: u32) {
        let Entry::Occupied(mut all) = self.0.entry(shop) else {
            return;
        };
        if let Ok(at) = all.get().binary_search_by_key(&(at, number), Seen::order) {
            all.get_mut().remove(at);
        }
        if all.get().is_empty() {
            all.remove();
        }
    }

    /// How many bytes all takes, by what is allocated.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let lists = self.0.values().map(Vec::capacity).sum::<usize>() * size_of::<Seen>();
        lists + self.0.capacity() * size_of::<(u64, Vec<Seen>, u64)>()
    }
}
