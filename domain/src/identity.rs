//! Who a provider's subject is in our house: the first login decides, once for all.

use crate::{Decider, Event, UserId};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// A provider's subject is this user from now on.
///
/// `{"provider":"local","user_id":"502e…"}`; the subject itself stands only, as a keyed digest, in
/// the name of the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityLinked {
    /// `local` or `weibo`.
    pub provider: String,
    /// The user that the subject is.
    pub user_id: UserId,
}

/// Makes the subject a new user, unless it is one already.
#[derive(Clone, Debug)]
pub struct LinkIdentity(pub IdentityLinked);

/// The rules of `identity-<provider>-<digest>`: linked once, never changed.
#[derive(Debug)]
pub struct Identity;

impl Decider for Identity {
    type Command = LinkIdentity;
    type Rejection = Infallible;
    /// The user that the subject is, once it is one.
    type State = Option<UserId>;

    fn decide(
        user: &Option<UserId>,
        LinkIdentity(link): &LinkIdentity,
    ) -> Result<Vec<Event>, Infallible> {
        Ok(match user {
            Some(_) => Vec::new(),
            None => vec![link.clone().into()],
        })
    }

    fn evolve(user: &mut Option<UserId>, event: &Event) {
        if let Event::IdentityLinked(link) = event {
            user.get_or_insert(link.user_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::given;

    fn link(user: u8) -> IdentityLinked {
        IdentityLinked {
            provider: "local".into(),
            user_id: UserId::new(1, [user; 8]),
        }
    }

    #[test]
    fn the_first_login_links() {
        given::<Identity>([])
            .when(LinkIdentity(link(1)))
            .then([link(1).into()]);
    }

    #[test]
    fn a_later_login_finds_the_first_user() {
        given::<Identity>([link(1).into()])
            .when(LinkIdentity(link(2)))
            .then_nothing();
        assert_eq!(
            Identity::fold(&[link(1).into(), link(2).into()]),
            Some(link(1).user_id)
        );
    }
}
