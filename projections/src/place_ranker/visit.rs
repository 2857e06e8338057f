//! A check-in as it is kept, small, so that it can be taken back and be somebody's history.

use domain::shop::Category;
use serde::{Deserialize, Serialize};

/// A check-in, in 28 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Visit {
    pub(super) id: [u8; 12],
    /// The place's number.
    pub(super) place: u32,
    pub(super) bssid: [u8; 6],
    /// In UTC, since 1970.
    pub(super) day: u16,
    /// The hour on the clocks there.
    pub(super) hour: u8,
    pub(super) traits: Traits,
}

/// What else there is to a check-in: the category of its place in the lowest three bits (0 when it
/// was unknown), and whether it is hidden, and counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Traits(u8);

impl Traits {
    const CATEGORY: u8 = 0b111;
    const HIDDEN: u8 = 0b1000;
    const COUNTS: u8 = 0b1_0000;

    pub(super) fn new(category: Option<Category>, hidden: bool) -> Self {
        let category = category.map_or(0, u8::from);
        Self(category | if hidden { Self::HIDDEN } else { 0 })
    }

    pub(super) fn category(self) -> Option<Category> {
        Category::try_from(self.0 & Self::CATEGORY).ok()
    }

    pub(super) fn hidden(self) -> bool {
        self.0 & Self::HIDDEN != 0
    }

    pub(super) fn counts(self) -> bool {
        self.0 & Self::COUNTS != 0
    }

    pub(super) fn counting(self) -> Self {
        Self(self.0 | Self::COUNTS)
    }
}

impl Visit {
    /// A person counts once a day at a place: whether only one of the two can count.
    pub(super) fn is_one_with(&self, other: &Self) -> bool {
        (self.place, self.day, self.traits.hidden())
            == (other.place, other.day, other.traits.hidden())
    }
}
