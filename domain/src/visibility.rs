//! Who may see where somebody is: the one rule, for lists, profiles and chat.

use crate::user::Invisible;

/// How a viewer stands to the person looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It is the person.
    Oneself,
    /// One of the two follows the other; one direction is enough.
    Acquaintance,
    /// Neither follows the other, or the viewer is not logged in.
    Stranger,
    /// The person has the viewer on the blacklist, whoever follows whom.
    Unwanted,
}

/// Whether the place of a person who is `invisible` may be shown to a viewer.
///
/// The same rule decides who stands in a list of the people at a place.
///
/// Source: seed §16, §26, contract §8: [`Invisible::ToEveryone`] hides from everybody, friends too.
#[must_use]
pub fn may_see_place(relation: Relation, invisible: Invisible) -> bool {
    match (relation, invisible) {
        (Relation::Unwanted, _) | (_, Invisible::ToEveryone) => false,
        (_, Invisible::ToNobody) => true,
        (_, Invisible::ToStrangers) => relation != Relation::Stranger,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Relation::{Acquaintance, Oneself, Stranger, Unwanted};

    #[test]
    fn invisible_to_strangers_hides_from_strangers_only() {
        let seen = [Oneself, Acquaintance, Stranger]
            .map(|relation| may_see_place(relation, Invisible::ToStrangers));
        assert_eq!(seen, [true, true, false]);
    }

    #[test]
    fn the_blacklist_hides_whatever_else_is_set() {
        for invisible in [
            Invisible::ToNobody,
            Invisible::ToStrangers,
            Invisible::ToEveryone,
        ] {
            assert!(!may_see_place(Unwanted, invisible));
        }
    }

    #[test]
    fn invisible_to_everyone_hides_even_from_friends() {
        for relation in [Oneself, Acquaintance, Stranger] {
            assert!(!may_see_place(relation, Invisible::ToEveryone));
            assert!(may_see_place(relation, Invisible::ToNobody));
        }
    }
}
