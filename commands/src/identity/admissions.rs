//! Who may log in, as far as it was looked up before: a thousand phones that come back at once after a
//! break must not read a thousand accounts.
//!
//! What is here holds as long as nobody's admission has changed, which is rare, and whoever is told of
//! a change says so with [`Admissions::forget`].

use domain::UserId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// How many people are remembered, in about 60 bytes each; then it begins anew.
const REMEMBERED: usize = 100_000;

/// How the account of somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// In which generation the password is.
    pub(super) generation: u32,
    /// An operator has shut the person out.
    pub(super) banned: bool,
}

/// The number of changes that were known of when something was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch(u64);

/// See the module.
#[derive(Default)]
pub(crate) struct Admissions {
    changes: AtomicU64,
    people: RwLock<HashMap<UserId, (Epoch, Known)>>,
}

impl Admissions {
    /// Somebody's admission has changed: nothing holds that was looked up before.
    pub(crate) fn forget(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// To be asked before somebody is looked up.
    pub(super) fn epoch(&self) -> Epoch {
        Epoch(self.changes.load(Ordering::SeqCst))
    }

    pub(super) fn get(&self, user: UserId) -> Option<Known> {
        let now = self.epoch();
        let people = self.people.read().unwrap_or_else(PoisonError::into_inner);
        let (epoch, known) = people.get(&user)?;
        (*epoch == now).then_some(*known)
    }

    /// Remembers what was looked up since `epoch`.
    pub(super) fn remember(&self, user: UserId, epoch: Epoch, known: Known) {
        let mut people = self.people.write().unwrap_or_else(PoisonError::into_inner);
        if people.len() >= REMEMBERED && !people.contains_key(&user) {
            people.clear();
        }
        people.insert(user, (epoch, known));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: UserId = UserId::from_bytes([1; 12]);
    const KNOWN: Known = Known {
        generation: 3,
        banned: false,
    };

    #[test]
    fn what_was_looked_up_holds_until_something_changes() {
        let admissions = Admissions::default();
        assert_eq!(admissions.get(ANA), None);
        admissions.remember(ANA, admissions.epoch(), KNOWN);
        assert_eq!(admissions.get(ANA), Some(KNOWN));
        admissions.forget();
        assert_eq!(admissions.get(ANA), None);
    }

    #[test]
    fn what_was_looked_up_while_something_changed_does_not_hold() {
        let admissions = Admissions::default();
        let epoch = admissions.epoch();
        admissions.forget();
        admissions.remember(ANA, epoch, KNOWN);
        assert_eq!(admissions.get(ANA), None);
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let admissions = Admissions::default();
        for n in 0..=REMEMBERED {
            let user = UserId::new(u32::try_from(n).expect("few"), [0; 8]);
            admissions.remember(user, admissions.epoch(), KNOWN);
        }
        let people = admissions.people.read().expect("sound");
        assert_eq!(people.len(), 1);
    }
}
