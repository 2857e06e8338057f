//! Names, as searches compare them, and where in the packed tree a name may contain what.
//!
//! What a needle is made of is looked up by pairs of characters, and by single ones for needles of
//! one character, together with the category of the shops. For each there is a list of the leaves
//! with a name that has it; pairs share lists by chance, so every name found is compared itself.

use super::Shop;
use domain::shop::Category;
use serde::{Deserialize, Serialize};

/// So many lists of a needle are looked at; with more, few leaves more would fall away.
const LISTS: usize = 6;
/// Reading a leaf's number from a list takes this part of the time in which a leaf is looked
/// through.
const LEAF_PER_NUMBER: u64 = 128;

/// What is searched for.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    /// Folded.
    text: String,
    /// What a name must have to contain it, and what is looked up.
    grams: Vec<Gram>,
    /// Of single characters too: hardly a name has all of these bits by chance.
    pub(super) signature: u64,
}

/// The leaves whose names have a gram, for every gram there is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Names {
    /// Where in `lists` each list begins, and behind them where the last one ends.
    begins: Vec<u32>,
    /// Leaves, ascending: the first one, then how much further each next one is, seven bits a byte,
    /// the last byte of each below 128.
    #[serde(with = "super::stored::bytes")]
    lists: Vec<u8>,
}

/// A set of leaves.
struct Leaves(Vec<u64>);

/// Two characters that follow each other, or one; mixed.
type Gram = u64;

/// Folds a character for comparing: as lower case, all small sigmas alike.
fn fold(character: char) -> impl Iterator<Item = char> {
    let folded = character.to_lowercase();
    folded.map(|character| if character == 'ς' { 'σ' } else { character })
}

/// Whether folding leaves `text` as it is.
pub(super) fn is_folded(text: &str) -> bool {
    text.chars().flat_map(fold).eq(text.chars())
}

fn pair(first: char, second: char) -> Gram {
    mix(u64::from(u32::from(first)) << 32 | u64::from(u32::from(second)))
}

fn single(character: char) -> Gram {
    // No character is so large.
    mix(u64::from(u32::MAX) << 32 | u64::from(u32::from(character)))
}

/// Spreads a number over all bits.
pub(super) fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// Calls `visit` for all that needles in `name` may be looked up by.
fn each_gram(name: &str, mut visit: impl FnMut(Gram)) {
    let mut before = None;
    for character in name.chars().flat_map(fold) {
        visit(single(character));
        if let Some(before) = before {
            visit(pair(before, character));
        }
        before = Some(character);
    }
}

/// 64 bits about a name: those of a needle in it are among them.
pub(super) fn signature(name: &str) -> u64 {
    let mut bits = 0;
    each_gram(name, |gram| bits |= bits_of(gram));
    bits
}

/// Two bits that stand for a gram.
fn bits_of(gram: Gram) -> u64 {
    1 << (gram >> 58) | 1 << (gram >> 52 & 63)
}

impl Needle {
    /// What to compare with for names that contain `text`; `None` when all do.
    pub(super) fn new(text: &str) -> Option<Self> {
        let text: String = text.chars().flat_map(fold).collect();
        let pairs = text.chars().zip(text.chars().skip(1));
        let mut grams: Vec<Gram> = pairs.map(|(first, second)| pair(first, second)).collect();
        if grams.is_empty() {
            grams.push(single(text.chars().next()?));
        }
        grams.sort_unstable();
        grams.dedup();
        let singles = text.chars().map(single);
        let all = grams.iter().copied().chain(singles);
        Some(Self {
            signature: all.fold(0, |bits, gram| bits | bits_of(gram)),
            text,
            grams,
        })
    }

    /// Whether the name of `shop` contains it.
    pub(super) fn is_in(&self, shop: Shop<'_>) -> bool {
        if shop.is_folded() {
            return shop.name().contains(&self.text);
        }
        let folded: String = shop.name().chars().flat_map(fold).collect();
        folded.contains(&self.text)
    }
}

impl Names {
    /// The lists for `leaves` leaves, whose names and categories `names_in` gives, about `count` in
    /// all. `None` when they would be too long.
    pub(super) fn of<'a, I: Iterator<Item = (&'a str, Category)>>(
        count: usize,
        leaves: u32,
        names_in: impl Fn(u32) -> I,
    ) -> Option<Self> {
        let lists = count.max(1);
        // First how long each list will be, then the lists themselves.
        let mut lengths = vec![0_u32; lists];
        each_entry(lists, leaves, &names_in, |list, further| {
            lengths[list] = lengths[list].saturating_add(bytes_of(further));
        });
        let mut begins = Vec::with_capacity(lists + 1);
        let mut end = 0_u32;
        begins.push(end);
        for length in &mut lengths {
            // From now on, where the next number of each list goes.
            let begin = end;
            end = end.checked_add(*length)?;
            begins.push(end);
            *length = begin;
        }
        let mut bytes = vec![0; end as usize];
        each_entry(lists, leaves, &names_in, |list, further| {
            let mut rest = further;
            loop {
                let at = lengths[list] as usize;
                lengths[list] += 1;
                bytes[at] = (rest & 127) as u8 | if rest > 127 { 128 } else { 0 };
                rest >>= 7;
                if rest == 0 {
                    break;
                }
            }
        });
        Some(Self {
            begins,
            lists: bytes,
        })
    }

    /// Whether the lists stand where they should.
    pub(super) fn are_sound(&self) -> bool {
        self.begins.len() > 1
            && self.begins[0] == 0
            && self.begins.is_sorted()
            && self.begins.last().map(|end| *end as usize) == Some(self.lists.len())
    }

    /// The leaves where a name may contain the needle, ascending. `None` when it is so common that
    /// looking through leaf after leaf finds `wanted` names sooner.
    pub(super) fn leaves(
        &self,
        needle: &Needle,
        category: Option<Category>,
        wanted: usize,
        leaves: u32,
    ) -> Option<Vec<u32>> {
        let categories: &[Category] = match &category {
            Some(category) => std::slice::from_ref(category),
            None => &Category::ALL,
        };
        let lists_of = |gram: Gram| {
            let lists = categories
                .iter()
                .map(move |category| self.list(gram, *category));
            lists.map(<[u8]>::len).sum::<usize>()
        };
        let mut grams: Vec<(usize, Gram)> = needle
            .grams
            .iter()
            .map(|gram| (lists_of(*gram), *gram))
            .collect();
        grams.sort_unstable();
        let bytes = grams.first()?.0 as u64;
        // Without the list, `wanted * leaves / bytes` leaves are looked through; with it, `wanted`.
        let worth = (wanted as u64)
            .saturating_mul(u64::from(leaves).saturating_sub(bytes))
            .saturating_mul(LEAF_PER_NUMBER);
        if bytes.saturating_mul(bytes) > worth {
            return None;
        }
        let mut found: Option<Leaves> = None;
        for (length, gram) in grams.into_iter().take(LISTS) {
            let Some(before) = &mut found else {
                found = Some(self.with(gram, categories, leaves));
                continue;
            };
            // Longer lists take longer to read than the leaves they spare.
            if length as u64 > bytes * LEAF_PER_NUMBER / 4 {
                break;
            }
            let with = self.with(gram, categories, leaves);
            for (word, with) in before.0.iter_mut().zip(with.0) {
                *word &= with;
            }
        }
        found.map(|found| found.numbers())
    }

    /// The leaves with names that have `gram`, of shops of any of these categories.
    fn with(&self, gram: Gram, categories: &[Category], leaves: u32) -> Leaves {
        let mut with = Leaves(vec![0; leaves.div_ceil(64) as usize]);
        for category in categories {
            for leaf in numbers(self.list(gram, *category)) {
                if let Some(word) = with.0.get_mut(leaf as usize / 64) {
                    *word |= 1 << (leaf % 64);
                }
            }
        }
        with
    }

    fn list(&self, gram: Gram, category: Category) -> &[u8] {
        let Some(lists) = self.begins.len().checked_sub(1).filter(|lists| *lists > 0) else {
            return &[];
        };
        let at = list_of(gram, category, lists);
        let range = self.begins[at] as usize..self.begins[at + 1] as usize;
        self.lists.get(range).unwrap_or_default()
    }
}

impl Leaves {
    /// Ascending.
    fn numbers(&self) -> Vec<u32> {
        let mut numbers = Vec::new();
        for (at, word) in (0..).zip(&self.0) {
            let mut rest = *word;
            while rest != 0 {
                numbers.push(at * 64 + rest.trailing_zeros());
                rest &= rest - 1;
            }
        }
        numbers
    }
}

/// Which of so many lists a gram has in names of a category.
fn list_of(gram: Gram, category: Category, lists: usize) -> usize {
    let hash = mix(gram.wrapping_add(u64::from(u8::from(category))));
    ((u128::from(hash) * lists as u128) >> 64) as usize
}

/// Calls `visit` for each leaf of each list, leaf by leaf, with how much further it is than the
/// one before in that list.
fn each_entry<'a, I: Iterator<Item = (&'a str, Category)>>(
    lists: usize,
    leaves: u32,
    names_in: impl Fn(u32) -> I,
    mut visit: impl FnMut(usize, u32),
) {
    // The leaf after the last one in each list; 0 in the beginning.
    let mut next = vec![0_u32; lists];
    for leaf in 0..leaves {
        for (name, category) in names_in(leaf) {
            each_gram(name, |gram| {
                let list = list_of(gram, category, lists);
                let last = next[list];
                if last <= leaf {
                    visit(list, leaf - last.saturating_sub(1));
                    next[list] = leaf + 1;
                }
            });
        }
    }
}

/// How many bytes a number takes.
fn bytes_of(number: u32) -> u32 {
    (32 - (number | 1).leading_zeros()).div_ceil(7)
}

/// The numbers of a list; of a broken one, any.
fn numbers(list: &[u8]) -> impl Iterator<Item = u32> {
    let mut last = 0_u32;
    let mut bytes = list.iter();
    std::iter::from_fn(move || {
        let (mut further, mut shift) = (0_u32, 0);
        loop {
            let byte = *bytes.next()?;
            further |= u32::from(byte & 127).checked_shl(shift).unwrap_or(0);
            if byte < 128 {
                break;
            }
            shift += 7;
        }
        last = last.wrapping_add(further);
        Some(last)
    })
}
