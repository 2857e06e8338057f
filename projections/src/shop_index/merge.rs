//! Packing everything anew, aside, while the index goes on being read and fed.
//!
//! A [`Merge`] holds what the index was when it began. What changes meanwhile is noted by id in
//! [`Merging`]; when the new [`Packed`] is there, shops that did not change are among the packed
//! ones, and those that did are as they are now.
//!
//! What is packed is found sooner than what lies beside, so that nothing lies there for long.

use super::fresh::FreshShops;
use super::packed::Packed;
use super::shop::Fresh;
use super::{Dead, ShopIndex};
use crate::memory::Chore;
use domain::ShopId;
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// More shops than this that lie beside the packed ones are packed at once.
pub(super) const FEW: usize = 1_024;
/// But not before they are this part of the packed ones.
const PART: usize = 32;
/// Fewer are packed after so many times as long as it took the last time: who changes a shop now
/// and then does not keep the processor busy.
const REST: u32 = 20;

/// A new [`Packed`] in the making.
pub(super) struct Merge {
    packed: Arc<Packed>,
    dead: Dead,
    fresh: Vec<Arc<Fresh>>,
    /// What the [`Merging`] of the index knows it by.
    token: Arc<()>,
    made: Option<Packed>,
    /// How long that took.
    pub(super) took: Duration,
    /// What the new one has taken the place of: it takes a while to let go of.
    replaced: Option<(Arc<Packed>, FreshShops)>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Merging {
    /// Of the [`Merge`]; dead when that came to nothing.
    token: Weak<()>,
    touched: BTreeSet<ShopId>,
}

impl Merging {
    pub(super) fn touch(&mut self, id: ShopId) {
        self.touched.insert(id);
    }
}

impl ShopIndex {
    /// Begins to pack everything anew, if much has changed and it is not being done.
    pub(super) fn merge_many(&mut self) -> Option<Box<dyn Chore<Self>>> {
        let many = self.changes() > FEW.max(self.packed.len() / PART);
        many.then(|| self.merge())?
            .map(|merge| Box::new(merge) as _)
    }

    /// The same, if anything has changed and it was not done lately.
    pub(super) fn merge_few(&mut self) -> Option<Box<dyn Chore<Self>>> {
        let rested = self.resting.is_none_or(|until| until <= Instant::now());
        let worth = rested && self.changes() > 0;
        worth
            .then(|| self.merge())?
            .map(|merge| Box::new(merge) as _)
    }

    /// A packed shop that is fresh by now is among the dead ones too.
    fn changes(&self) -> usize {
        self.fresh.len().max(self.dead.count)
    }

    pub(super) fn merge(&mut self) -> Option<Merge> {
        let merging = self.merging.as_ref();
        if merging.is_some_and(|merging| merging.token.strong_count() > 0) {
            return None;
        }
        let token = Arc::new(());
        self.merging = Some(Merging {
            token: Arc::downgrade(&token),
            touched: BTreeSet::new(),
        });
        Some(Merge {
            packed: Arc::clone(&self.packed),
            dead: self.dead.clone(),
            fresh: self.fresh.all().cloned().collect(),
            token,
            made: None,
            took: Duration::ZERO,
            replaced: None,
        })
    }
}

impl Chore<ShopIndex> for Merge {
    fn work(&mut self) {
        let begun = Instant::now();
        let numbers = (0..).take(self.packed.len());
        let alive: Vec<u32> = numbers
            .filter(|number| !self.dead.contains(*number))
            .collect();
        let count = (alive.len() + self.fresh.len()) as u32;
        let shop = |at: u32| match alive.get(at as usize) {
            Some(number) => self.packed.at(*number),
            None => self.fresh[at as usize - alive.len()].shop(),
        };
        self.made = Some(Packed::of(count, shop));
        self.took = begun.elapsed();
    }

    fn finish(&mut self, index: &mut ShopIndex) {
        // It may be another index by now, which knows nothing of this.
        let ours = |merging: &mut Merging| merging.token.as_ptr() == Arc::as_ptr(&self.token);
        let Some(merging) = index.merging.take_if(ours) else {
            return;
        };
        let Some(made) = self.made.take() else {
            return;
        };
        let touched = merging.touched.iter();
        let fresh = touched.clone().filter_map(|id| index.fresh.get(*id));
        let fresh: FreshShops = fresh.cloned().collect();
        let mut dead = Dead::of(made.len());
        for number in touched.filter_map(|id| made.number(*id)) {
            dead.insert(number);
        }
        index.dead = dead;
        index.resting = Some(Instant::now() + REST * self.took);
        self.replaced = Some((
            std::mem::replace(&mut index.packed, Arc::new(made)),
            std::mem::replace(&mut index.fresh, fresh),
        ));
    }
}
