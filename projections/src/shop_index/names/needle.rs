//! Names and needles, as searches compare them: letter by letter, whichever their case.
//!
//! Where names are is not known here.

use memchr::memmem::Finder;

/// What is searched for.
#[derive(Clone, Debug)]
pub(in super::super) struct Needle {
    /// Of the text, folded.
    finder: Finder<'static>,
    /// Whether it has ASCII letters.
    has_letters: bool,
    /// What a name must have to contain it, and what is looked up.
    pub(super) grams: Vec<Gram>,
    /// Of single characters too: hardly a name has all of these bits by chance.
    pub(in super::super) signature: u64,
}

/// Two characters that follow each other, or one; mixed.
pub(super) type Gram = u64;

/// Folds a character for comparing: as lower case, all small sigmas alike.
fn fold(character: char) -> impl Iterator<Item = char> {
    let folded = character.to_lowercase();
    folded.map(|character| if character == 'ς' { 'σ' } else { character })
}

/// Whether folding changes ASCII letters of `text` only, if anything.
pub(in super::super) fn is_plain(text: &str) -> bool {
    let mut others = text.chars().filter(|character| !character.is_ascii());
    others.all(|character| fold(character).eq([character]))
}

fn pair(first: char, second: char) -> Gram {
    mix(u64::from(u32::from(first)) << 32 | u64::from(u32::from(second)))
}

fn single(character: char) -> Gram {
    // No character is so large.
    mix(u64::from(u32::MAX) << 32 | u64::from(u32::from(character)))
}

/// Spreads a number over all bits.
pub(in super::super) fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// Calls `visit` for all that needles in `name` may be looked up by.
pub(super) fn each_gram(name: &str, mut visit: impl FnMut(Gram)) {
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
pub(in super::super) fn signature(name: &str) -> u64 {
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
    pub(in super::super) fn new(text: &str) -> Option<Self> {
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
            has_letters: text.bytes().any(|byte| byte.is_ascii_alphabetic()),
            finder: Finder::new(&text).into_owned(),
            grams,
        })
    }

    /// Whether `name` contains it, which is plain or not (see [`is_plain`]).
    pub(in super::super) fn is_in(&self, name: &str, plain: bool) -> bool {
        let is_in = |name: &[u8]| self.finder.find(name).is_some();
        if !plain {
            let folded: String = name.chars().flat_map(fold).collect();
            is_in(folded.as_bytes())
        } else if self.has_letters {
            is_in(name.to_ascii_lowercase().as_bytes())
        } else {
            is_in(name.as_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_letters_of_ascii_change_in_a_plain_name() {
        for character in char::MIN..=char::MAX {
            let name = character.to_string();
            let folded: String = fold(character).collect();
            assert_eq!(
                is_plain(&name),
                name.to_ascii_lowercase() == folded,
                "{name:?}"
            );
        }
    }
}
