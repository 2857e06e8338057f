//! The texts of packed shops, one behind the other: names apart from the others, since very many
//! names are compared of which few shops are shown.
//!
//! Names of neighbours lie side by side, as their shops do, and are found without anything else
//! being fetched from anywhere in memory. What they are compared with is not known here.

use crate::ahead::fetch;
use std::ops::Range;

/// See the module. Shops have numbers.
#[derive(Debug, Default)]
pub(super) struct Texts {
    names: String,
    begins: Begins,
    /// Address and phone of each.
    others: String,
}

/// Where names begin, in half of the bytes that it would take otherwise.
#[derive(Debug, Default)]
struct Begins {
    /// For every name how far behind its block's begin, and the same for what is behind the last one.
    /// Names are of less than 64 KiB, so that blocks are of less than 4 GiB.
    further: Vec<u32>,
    blocks: Vec<usize>,
}

/// How many names are in a block.
const BLOCK: usize = 1 << 16;

impl Texts {
    /// The names, which have these lengths, and the other texts. `None` if one of the names is none.
    pub(super) fn of(
        names: String,
        lengths: impl ExactSizeIterator<Item = u16>,
        others: String,
    ) -> Option<Self> {
        let begins = Begins::of(lengths);
        let mut all = (0..begins.len()).map(|number| begins.range(number));
        let sound = begins.end() == names.len()
            && all.all(|range| range.is_some_and(|range| names.is_char_boundary(range.end)));
        sound.then_some(Self {
            names,
            begins,
            others,
        })
    }

    /// The name of a shop.
    pub(super) fn name(&self, number: u32) -> &str {
        self.names.get(self.place(number)).unwrap_or_default()
    }

    /// Adds the names of all these shops, which lie anywhere.
    pub(super) fn names_of<'a>(
        &'a self,
        numbers: impl Iterator<Item = u32> + Clone,
        names: &mut Vec<&'a str>,
    ) {
        fetch(numbers.clone().map(|number| self.mark(number)));
        let places: Vec<_> = numbers.map(|number| self.place(number)).collect();
        let first = |place: &Range<usize>| self.names.as_bytes().get(place.start);
        fetch(places.iter().filter_map(first).copied().map(u64::from));
        let name = |place| self.names.get(place).unwrap_or_default();
        names.extend(places.into_iter().map(name));
    }

    /// What says where the name of a shop begins; good for nothing but being fetched.
    pub(super) fn mark(&self, number: u32) -> u64 {
        let mark = self.begins.further.get(number as usize);
        mark.copied().map_or(0, u64::from)
    }

    /// The ends of the name of a shop, good for no more than that either.
    pub(super) fn ends(&self, number: u32) -> u64 {
        ends(&self.names, &self.place(number))
    }

    /// The same of what stands there among the other texts.
    pub(super) fn other_ends(&self, place: &Range<usize>) -> u64 {
        ends(&self.others, place)
    }

    fn place(&self, number: u32) -> Range<usize> {
        self.begins.range(number as usize).unwrap_or_default()
    }

    /// All names.
    pub(super) fn names(&self) -> &str {
        &self.names
    }

    /// All other texts.
    pub(super) fn others(&self) -> &str {
        &self.others
    }
}

/// The bytes at both ends of a piece of a text: most are in no more than two lines of the cache.
fn ends(text: &str, place: &Range<usize>) -> u64 {
    let at = |at: usize| text.as_bytes().get(at).copied().map_or(0, u64::from);
    at(place.start) | at(place.end)
}

impl Begins {
    fn of(lengths: impl ExactSizeIterator<Item = u16>) -> Self {
        let mut begins = Self {
            further: Vec::with_capacity(lengths.len() + 1),
            blocks: Vec::with_capacity(lengths.len() / BLOCK + 1),
        };
        let mut end = 0;
        begins.push(end);
        for length in lengths {
            end += usize::from(length);
            begins.push(end);
        }
        begins
    }

    fn push(&mut self, begin: usize) {
        if self.further.len().is_multiple_of(BLOCK) {
            self.blocks.push(begin);
        }
        let block = self.blocks.last().copied().unwrap_or(begin);
        // What is behind the last name of a block begins another one.
        self.further.push((begin - block) as u32);
    }

    /// Of how many names.
    fn len(&self) -> usize {
        self.further.len().saturating_sub(1)
    }

    /// Where the last name ends.
    fn end(&self) -> usize {
        self.at(self.len()).unwrap_or(0)
    }

    fn at(&self, number: usize) -> Option<usize> {
        Some(self.blocks.get(number / BLOCK)? + *self.further.get(number)? as usize)
    }

    fn range(&self, number: usize) -> Option<Range<usize>> {
        Some(self.at(number)?..self.at(number + 1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_on_both_sides_of_the_border_of_a_block() {
        let count = 2 * BLOCK + 1;
        let names: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        let lengths = names.iter().map(|name| name.len() as u16);
        let texts = Texts::of(names.concat(), lengths, String::new()).expect("they fit");
        for (number, name) in (0..).zip(&names) {
            assert_eq!(texts.name(number), name);
        }
        assert_eq!(texts.name(count as u32), "");
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for (names, lengths, fit) in [
            ("", &[][..], true),
            ("一二", &[3, 3], true),
            ("一二", &[0, 6], true),
            ("一二", &[2, 4], false),
            ("一二", &[3, 2], false),
            ("一二", &[3, 3, 1], false),
            ("一二", &[3], false),
        ] {
            let lengths = lengths.iter().copied();
            assert_eq!(
                Texts::of(names.into(), lengths, String::new()).is_some(),
                fit
            );
        }
    }
}
