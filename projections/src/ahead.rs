//! Fetching what lies at many places in memory, all at once.
//!
//! A processor waits for many places in hardly more time than for one, if it comes to ask for the
//! next ones while it waits: if there is little to do in between. So what is about to be looked
//! through is read once before, and nothing is made of it.

use std::hint::black_box;

/// Has it fetched; what is read there does not matter.
pub(crate) fn fetch(read: impl Iterator<Item = u64>) {
    black_box(read.fold(0, |all, one| all | one));
}
