//! Very many shops, packed: found by place, by id and by name, and never changed.

use super::names::{Names, mix, signature};
use super::shop::{Card, Extra, Shop, Written};
use super::texts::Texts;
use super::tree::{self, Item, Tree};
use crate::ahead::fetch;
use domain::ShopId;
use std::sync::Arc;

/// See the module. Shops have numbers, in the order of the leaves in which they come first.
#[derive(Debug, Default)]
pub(super) struct Packed {
    cards: Vec<Card>,
    /// What all shops are called, and so on, in the same order.
    texts: Texts,
    /// What few shops have, by number.
    extras: Vec<(u32, Arc<Extra>)>,
    numbers: Numbers,
    tree: Tree,
    /// `None` where there is nothing, or too much, to look up.
    names: Option<Names>,
}

/// The numbers of shops by their ids: three of four slots are taken, each as near as possible
/// behind the one where its id belongs.
#[derive(Debug, Default)]
struct Numbers {
    /// In front of each number, in the bits that it does not need, stands a part of what its id is
    /// mixed to: so no others' cards are looked at.
    slots: Vec<u32>,
    /// The bits that numbers need.
    mask: u32,
}

/// No number: there are fewer shops.
const FREE: u32 = u32::MAX;

impl Packed {
    /// Packs the shops 0 to `count` that `shop` gives, each of which comes once. Takes about a
    /// second for a million.
    ///
    /// They are asked for more than once, rather than listed: a list takes as much memory as their
    /// cards do.
    pub(super) fn of<'a>(count: u32, shop: impl Fn(u32) -> Shop<'a>) -> Self {
        let mut items = Vec::with_capacity(count as usize);
        for number in 0..count {
            items.extend(items_of(shop(number), number));
        }
        tree::sort(&mut items);

        // From now on shops are numbered as they come in the tree.
        let mut renumbered = vec![FREE; count as usize];
        let mut order = Vec::with_capacity(count as usize);
        for item in &mut items {
            let number = &mut renumbered[item.shop as usize];
            if *number == FREE {
                *number = order.len() as u32;
                order.push(item.shop);
            }
            item.shop = *number;
        }
        drop(renumbered);
        let tree = Tree::of(items.len(), items.iter().copied());
        drop(items);

        let order = || order.iter().map(|number| shop(*number));
        let mut names = String::with_capacity(order().map(|shop| shop.name().len()).sum());
        let mut others = String::with_capacity(order().map(|shop| shop.others().len()).sum());
        let mut extras = Vec::new();
        let mut cards = Vec::with_capacity(count as usize);
        for (number, shop) in (0..).zip(order()) {
            cards.push(shop.card(others.len() as u64));
            names.push_str(shop.name());
            others.push_str(shop.others());
            extras.extend(shop.extra().map(|extra| (number, Arc::clone(extra))));
        }
        extras.shrink_to_fit();
        let texts = Texts::of(names, name_bytes(&cards), others).unwrap_or_default();
        let numbers = Numbers::of(&cards).unwrap_or_default();
        let mut packed = Self {
            cards,
            texts,
            extras,
            numbers,
            tree,
            names: None,
        };
        packed.sign();
        packed.names = packed.names_by_leaf();
        packed
    }

    /// What [`Self::parts`] gave, put together again; `None` if it cannot have given this.
    pub(super) fn from_parts(
        cards: Vec<Card>,
        [names, others]: [String; 2],
        extras: Vec<(u32, Arc<Extra>)>,
        places: &[(u32, u8)],
        lists: Option<Names>,
    ) -> Option<Self> {
        let sound = cards.len() < FREE as usize
            && cards.iter().all(|card| card.fits(&others))
            && extras.is_sorted_by(|(one, _), (next, _)| one < next)
            && lists.as_ref().is_none_or(Names::are_sound);
        let with_extra = (0..).zip(&cards).filter(|(_, card)| card.has_extra());
        let alike = with_extra
            .map(|(number, _)| number)
            .eq(extras.iter().map(|(number, _)| *number));
        if !(sound && alike) {
            return None;
        }
        let texts = Texts::of(names, name_bytes(&cards), others)?;
        let numbers = Numbers::of(&cards)?;
        let mut packed = Self {
            cards,
            texts,
            extras,
            numbers,
            tree: Tree::default(),
            names: lists,
        };
        if !packed.are_all_points(places) {
            return None;
        }
        // Nothing as large as the tree is made on the way: the allocator would keep it.
        let items = places.iter().filter_map(|place| packed.item_at(*place));
        packed.tree = Tree::of(places.len(), items);
        packed.sign();
        Some(packed)
    }

    /// Whether those are the places of all points, each once.
    fn are_all_points(&self, places: &[(u32, u8)]) -> bool {
        // How often each shop came, and which of its points, where there are several.
        let mut came = vec![0_u8; self.cards.len()];
        let mut which = std::collections::HashSet::new();
        let once = places.iter().all(|(number, point)| {
            let further = self.shop(*number).map(|shop| shop.further_points().len());
            let there = further.is_some_and(|further| usize::from(*point) <= further);
            if !there || further != Some(0) && !which.insert((*number, *point)) {
                return false;
            }
            let came = &mut came[*number as usize];
            let more = came.checked_add(1);
            *came = more.unwrap_or(*came);
            more.is_some()
        });
        let mut each = (0..)
            .zip(came)
            .map(|(number, came)| (self.shop(number), came));
        once && each.all(|(shop, came)| {
            shop.is_some_and(|shop| shop.further_points().len() + 1 == usize::from(came))
        })
    }

    /// The point at a place, if there is one.
    fn item_at(&self, (number, point): (u32, u8)) -> Option<Item> {
        items_of(self.shop(number)?, number).nth(usize::from(point))
    }

    /// What it can be put together from: cards, names and other texts, what few shops have, for each
    /// point in the tree the number of its shop and which of its points it is, and where names are.
    #[expect(clippy::type_complexity, reason = "used once, next door")]
    pub(super) fn parts(
        &self,
    ) -> (
        &[Card],
        [&str; 2],
        &[(u32, Arc<Extra>)],
        Vec<(u32, u8)>,
        Option<&Names>,
    ) {
        // Equal points of a shop lie beside each other in the tree, or not: each is taken once.
        let mut taken = std::collections::HashSet::new();
        let place = |(at, number): (&[f64; 3], u32)| {
            let shop = self.shop(number)?;
            if shop.further_points().is_empty() {
                return Some((number, 0));
            }
            let mut points = (0_u8..).zip(items_of(shop, number));
            let (which, _) =
                points.find(|(which, item)| item.at == *at && taken.insert((number, *which)))?;
            Some((number, which))
        };
        let places = self.tree.points().filter_map(place).collect();
        (
            &self.cards,
            [self.texts.names(), self.texts.others()],
            &self.extras,
            places,
            self.names.as_ref(),
        )
    }

    /// How many shops there are.
    pub(super) fn len(&self) -> usize {
        self.cards.len()
    }

    /// How many bytes their texts take.
    pub(super) fn text_bytes(&self) -> usize {
        self.texts.names().len() + self.texts.others().len()
    }

    /// All shops, by number.
    pub(super) fn shops(&self) -> impl Iterator<Item = (u32, Shop<'_>)> {
        (0..).map_while(|number| Some((number, self.shop(number)?)))
    }

    /// The shop of a number.
    pub(super) fn shop(&self, number: u32) -> Option<Shop<'_>> {
        ((number as usize) < self.cards.len()).then(|| self.at(number))
    }

    /// The shop of a number that there is.
    pub(super) fn at(&self, number: u32) -> Shop<'_> {
        let card = &self.cards[number as usize];
        let extra = card.has_extra().then(|| {
            let at = self.extras.binary_search_by_key(&number, |(of, _)| *of);
            at.ok().map(|at| &self.extras[at].1)
        });
        card.shop(Written::Among(&self.texts, number), extra.flatten())
    }

    /// Their texts.
    pub(super) fn texts(&self) -> &Texts {
        &self.texts
    }

    /// The number of a shop.
    pub(super) fn number(&self, id: ShopId) -> Option<u32> {
        self.numbers.get(id, &self.cards)
    }

    /// Has what [`Self::number`] and [`Self::shop`] look at fetched for all these.
    pub(super) fn fetch(&self, ids: &[ShopId]) {
        let mut numbers = Vec::with_capacity(ids.len());
        numbers.extend(ids.iter().filter_map(|id| self.numbers.marked(*id).next()));
        self.fetch_cards(numbers.into_iter());
    }

    /// Has what [`Self::shop`] looks at fetched for all these.
    pub(super) fn fetch_cards(&self, numbers: impl Iterator<Item = u32>) {
        let cards = numbers.filter_map(|number| self.cards.get(number as usize));
        fetch(cards.map(|card| card.id.get()));
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) fn names(&self) -> Option<&Names> {
        self.names.as_ref()
    }

    /// The id of a shop.
    pub(super) fn id(&self, number: u32) -> Option<ShopId> {
        self.cards.get(number as usize).map(|card| card.id)
    }

    fn sign(&mut self) {
        let mut tree = std::mem::take(&mut self.tree);
        tree.sign(|number| self.shop(number).map_or(0, |shop| signature(shop.name())));
        self.tree = tree;
    }

    fn names_by_leaf(&self) -> Option<Names> {
        let ends = self.tree.leaf_ends();
        let shops: Vec<u32> = self.tree.points().map(|(_, shop)| shop).collect();
        let names_in = |leaf: u32| {
            let leaf = leaf as usize;
            let begin = leaf.checked_sub(1).map_or(0, |before| ends[before]);
            let shops = shops[begin..ends[leaf]].iter();
            shops.filter_map(|number| {
                let shop = self.shop(*number)?;
                Some((shop.name(), shop.category()))
            })
        };
        Names::of(self.cards.len(), self.tree.leaves(), names_in)
    }
}

fn name_bytes(cards: &[Card]) -> impl ExactSizeIterator<Item = u16> {
    cards.iter().map(Card::name_bytes)
}

/// The first point of a shop.
fn item_of(shop: Shop<'_>, number: u32) -> Item {
    Item {
        at: shop.point().unit_vector(),
        shop: number,
        kind: shop.kind(),
    }
}

/// The points of a shop.
fn items_of(shop: Shop<'_>, number: u32) -> impl Iterator<Item = Item> {
    shop.points().map(move |point| Item {
        at: point.unit_vector(),
        ..item_of(shop, number)
    })
}

impl Numbers {
    /// Of these shops; `None` if two have the same id.
    fn of(cards: &[Card]) -> Option<Self> {
        let count = u32::try_from(cards.len()).ok()?;
        let mut numbers = Self {
            slots: vec![FREE; cards.len() + cards.len() / 3 + 1],
            mask: u32::MAX.checked_shr(count.leading_zeros()).unwrap_or(0),
        };
        for (number, card) in (0..count).zip(cards) {
            if numbers.get(card.id, cards).is_some() {
                return None;
            }
            let mut at = numbers.home(card.id);
            while numbers.slots[at] != FREE {
                at = numbers.after(at);
            }
            numbers.slots[at] = numbers.mark(card.id) | number;
        }
        Some(numbers)
    }

    fn get(&self, id: ShopId, cards: &[Card]) -> Option<u32> {
        let is = |number: &u32| {
            cards
                .get(*number as usize)
                .is_some_and(|card| card.id == id)
        };
        self.marked(id).find(is)
    }

    /// The numbers that an id may have: hardly ever more than the one that it has.
    fn marked(&self, id: ShopId) -> impl Iterator<Item = u32> {
        let mark = self.mark(id);
        let home = (!self.slots.is_empty()).then(|| self.home(id));
        // There is a free slot, so this ends.
        let slots = std::iter::successors(home, |at| Some(self.after(*at)))
            .map(|at| self.slots[at])
            .take_while(|slot| *slot != FREE);
        slots
            .filter(move |slot| slot & !self.mask == mark)
            .map(|slot| slot & self.mask)
    }

    /// What stands in front of the number of an id.
    fn mark(&self, id: ShopId) -> u32 {
        mix(id.get()) as u32 & !self.mask
    }

    fn home(&self, id: ShopId) -> usize {
        ((u128::from(mix(id.get())) * self.slots.len() as u128) >> 64) as usize
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() {
            0
        } else {
            at + 1
        }
    }
}
