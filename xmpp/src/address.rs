//! Whom a stanza is for (RFC 7622), as far as this server is concerned.

use crate::stanza::StanzaError;
use domain::{Party, ShopId};
use jid::Jid;

/// Where a stanza goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// This server itself.
    House,
    /// A person or a shop, all of their connections or one of them.
    Party(Party, Option<String>),
    /// Somebody whose name cannot be one of ours.
    Nobody,
    /// The service of rooms itself.
    Rooms,
    /// A room, or one of its occupants.
    Room(ShopId, Option<String>),
    /// A room that cannot exist.
    NoRoom,
    /// Another server.
    Elsewhere,
}

impl Address {
    /// Reads the JID `text`, where `domain` is ours and the rooms are at `rooms`.
    pub(crate) fn parse(text: &str, domain: &str, rooms: &str) -> Result<Self, StanzaError> {
        let jid = Jid::new(text).map_err(|_| StanzaError::JID_MALFORMED)?;
        let local = jid.node().map(|node| node.as_str());
        let resource = jid.resource().map(|resource| resource.as_str().to_owned());
        let host = jid.domain().as_str();
        Ok(if host == domain {
            match local.map(str::parse) {
                None => Self::House,
                Some(Ok(party)) => Self::Party(party, resource),
                Some(Err(_)) => Self::Nobody,
            }
        } else if host == rooms {
            match local.map(str::parse) {
                None => Self::Rooms,
                Some(Ok(shop)) => Self::Room(shop, resource),
                Some(Err(_)) => Self::NoRoom,
            }
        } else {
            Self::Elsewhere
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<Address, StanzaError>) {
        assert_eq!(
            Address::parse(text, "dface.cn", "c.dface.cn"),
            expected,
            "{text}"
        );
    }

    #[test]
    fn a_jid_says_whom_a_stanza_is_for() {
        let ana: Party = "502e6303421aa918ba000001".parse().expect("an id");
        let shop: ShopId = "4928288".parse().expect("an id");
        let phone = || Some("Phone".to_owned());
        check("dface.cn", Ok(Address::House));
        check(
            "502e6303421aa918ba000001@dface.cn",
            Ok(Address::Party(ana, None)),
        );
        check(
            "502E6303421AA918BA000001@DFace.cn/Phone",
            Ok(Address::Party(ana, phone())),
        );
        check("s4928288@dface.cn", Ok(Address::Party(shop.into(), None)));
        check("root@dface.cn", Ok(Address::Nobody));
        check("c.dface.cn", Ok(Address::Rooms));
        check("4928288@c.dface.cn/Phone", Ok(Address::Room(shop, phone())));
        check("lobby@c.dface.cn", Ok(Address::NoRoom));
        check(
            "502e6303421aa918ba000001@jabber.org",
            Ok(Address::Elsewhere),
        );
        for wrong in ["", "@dface.cn", "a@b@c", "dface.cn/", "a b@dface.cn"] {
            check(wrong, Err(StanzaError::JID_MALFORMED));
        }
    }
}
