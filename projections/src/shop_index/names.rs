//! Where in the packed tree a name may contain what.
//!
//! What a needle is made of is looked up by pairs of characters, and by single ones for needles of
//! one character, together with the category of the shops. For each there is a list of the leaves
//! with a name that has it; pairs share lists by chance, so every name found is compared itself.

mod needle;

pub(super) use needle::{Needle, is_plain, mix, signature};

use super::tree;
use domain::shop::Category;
use needle::{Gram, each_gram};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// So many lists of a needle are looked at; with more, few leaves more would fall away.
const LISTS: usize = 6;
/// Reading a leaf's number from a list takes this part of the time in which a leaf is looked
/// through.
const LEAF_PER_NUMBER: u64 = 128;

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

/// Where a name may be that is looked for.
pub(super) struct Places {
    /// The kinds of shops of which so many have it that it may be in any leaf with one of them.
    common: u8,
    /// Where it may be among the others.
    leaves: Leaves,
}

/// A set of leaves.
struct Leaves(Vec<u64>);

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

    /// Where a name may contain the needle, of shops of a category or of any. About how many are
    /// wanted, and in how many leaves each category is, says what is worth reading.
    pub(super) fn places(
        &self,
        needle: &Needle,
        category: Option<Category>,
        wanted: usize,
        leaves_with: &[u32; Category::ALL.len()],
        leaves: u32,
    ) -> Places {
        let categories: &[Category] = match &category {
            Some(category) => std::slice::from_ref(category),
            None => &Category::ALL,
        };
        // How long the list of each gram is, by category.
        let grams = needle.grams.iter().map(|gram| {
            let mut lengths = [0; Category::ALL.len()];
            for category in categories {
                lengths[place_of(*category)] = self.list(*gram, *category).len() as u64;
            }
            (lengths, *gram)
        });
        let grams: Vec<_> = grams.collect();
        let shortest = |category: &Category| {
            let lengths = grams
                .iter()
                .map(|(lengths, _)| lengths[place_of(*category)]);
            lengths.min().unwrap_or(0)
        };
        let all: u64 = categories.iter().map(shortest).sum();
        let (common, rare): (Vec<Category>, Vec<Category>) =
            categories.iter().partition(|category| {
                let length = shortest(category);
                // Without the list, `wanted / all` of the other leaves are looked through in vain.
                let others = u64::from(leaves_with[place_of(**category)]).saturating_sub(length);
                let spared = (wanted as u64).saturating_mul(others);
                length.saturating_mul(all) > spared.saturating_mul(LEAF_PER_NUMBER)
            });
        Places {
            common: common.into_iter().map(tree::kind).sum(),
            leaves: self.leaves(grams, &rare, leaves),
        }
    }

    /// The leaves where a name may have all grams, of shops of any of these categories; with each
    /// gram come the lengths of its lists.
    fn leaves(
        &self,
        grams: Vec<([u64; Category::ALL.len()], Gram)>,
        categories: &[Category],
        leaves: u32,
    ) -> Leaves {
        let sum = |lengths: [u64; Category::ALL.len()]| -> u64 {
            let lengths = categories.iter().map(|it| lengths[place_of(*it)]);
            lengths.sum()
        };
        let mut grams: Vec<(u64, Gram)> = grams
            .into_iter()
            .map(|(lengths, gram)| (sum(lengths), gram))
            .collect();
        grams.sort_unstable();
        let shortest = grams.first().map_or(0, |(length, _)| *length);
        let mut found: Option<Leaves> = None;
        for (length, gram) in grams.into_iter().take(LISTS) {
            let Some(before) = &mut found else {
                found = Some(self.with(gram, categories, leaves));
                continue;
            };
            // Longer lists take longer to read than the leaves they spare.
            if length > shortest * LEAF_PER_NUMBER / 4 {
                break;
            }
            let with = self.with(gram, categories, leaves);
            for (word, with) in before.0.iter_mut().zip(with.0) {
                *word &= with;
            }
        }
        found.unwrap_or_else(|| Leaves::of(leaves))
    }

    /// The leaves with names that have `gram`, of shops of any of these categories.
    fn with(&self, gram: Gram, categories: &[Category], leaves: u32) -> Leaves {
        let mut with = Leaves::of(leaves);
        for category in categories {
            with.insert(self.list(gram, *category));
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

impl Places {
    /// Whether it may be in any of these leaves, which have shops of these kinds.
    pub(super) fn any(&self, leaves: Range<usize>, kinds: u8) -> bool {
        self.common & kinds != 0 || self.leaves.any(leaves)
    }
}

impl Leaves {
    /// Of so many, none.
    fn of(leaves: u32) -> Self {
        Self(vec![0; leaves.div_ceil(64) as usize])
    }

    /// Whether any of these is in it.
    fn any(&self, leaves: Range<usize>) -> bool {
        let (first, last) = (leaves.start / 64, leaves.end / 64);
        // Of a word that the range does not fill, the bits from its begin, or up to its end.
        let (from, upto) = (
            u64::MAX << (leaves.start % 64),
            (1 << (leaves.end % 64)) - 1,
        );
        let word = |at: usize| self.0.get(at).copied().unwrap_or(0);
        if first == last {
            return word(first) & from & upto != 0;
        }
        let between = self.0.get(first + 1..last).unwrap_or_default();
        word(first) & from != 0 || between.iter().any(|word| *word != 0) || word(last) & upto != 0
    }

    /// Adds the numbers of a list; of a broken one, any.
    fn insert(&mut self, list: &[u8]) {
        // Most follow each other closely: a word is written when it is complete.
        let (mut last, mut at, mut bits) = (0_u32, 0, 0_u64);
        let mut write = |at: usize, bits: u64| {
            if let Some(word) = self.0.get_mut(at) {
                *word |= bits;
            }
        };
        let mut bytes = list.iter();
        while let Some(byte) = bytes.next() {
            let mut further = u32::from(byte & 127);
            if *byte > 127 {
                further |= rest_of(&mut bytes);
            }
            last = last.wrapping_add(further);
            if last as usize / 64 != at {
                write(at, std::mem::take(&mut bits));
                at = last as usize / 64;
            }
            bits |= 1 << (last % 64);
        }
        write(at, bits);
    }
}

/// Where a category is among all.
fn place_of(category: Category) -> usize {
    usize::from(u8::from(category)) - 1
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

/// What a number is that goes on in these bytes, without what its first byte says.
fn rest_of<'a>(bytes: &mut impl Iterator<Item = &'a u8>) -> u32 {
    let (mut rest, mut shift) = (0, 7);
    for byte in bytes {
        rest |= u32::from(byte & 127).checked_shl(shift).unwrap_or(0);
        if *byte < 128 {
            break;
        }
        shift += 7;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_are_found_in_any_range() {
        let mut leaves = Leaves::of(200);
        leaves.insert(&[5, 58, 1, 0x81, 1]);
        for start in 0..256 {
            for end in start..=256 {
                let expected = [5, 63, 64, 193]
                    .iter()
                    .any(|leaf| (start..end).contains(leaf));
                assert_eq!(leaves.any(start..end), expected, "{start}..{end}");
            }
        }
    }
}
