//! The names of things: users, shops, check-ins, parties to a chat; and the streams of events that
//! belong to them.
//!
//! Ids are newtypes so that a shop's id never stands where a user's is meant.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The refusal of a text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id")]
pub struct InvalidId;

/// Declares an id of 24 hex digits that begins with the second of its creation, so that ids sort
/// by time and never begin with `s` (a JID that begins with `s` is a shop: seed §28.2).
macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 12]);

        impl $name {
            /// An id made at `second` (since 1970), unique by its `random` part.
            #[must_use]
            pub fn new(second: u32, random: [u8; 8]) -> Self {
                let mut bytes = [0; 12];
                bytes[..4].copy_from_slice(&second.to_be_bytes());
                bytes[4..].copy_from_slice(&random);
                Self(bytes)
            }

            /// The id as it is kept in memory where every byte counts.
            #[must_use]
            pub fn to_bytes(self) -> [u8; 12] {
                self.0
            }

            /// The id that [`Self::to_bytes`] gave.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 12]) -> Self {
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(std::str::from_utf8(&hex(self.0)).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_hex(text).map(Self).ok_or(InvalidId)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    };
}

hex_id!(
    /// A person: 24 lower-case hex digits, the local part of the person's JID (seed §28.1).
    UserId
);
hex_id!(
    /// One check-in: 24 lower-case hex digits (seed §14).
    CheckinId
);
hex_id!(
    /// One picture: 24 lower-case hex digits (seed §17, §29).
    PhotoId
);
hex_id!(
    /// One coupon of a shop: 24 lower-case hex digits; many people may have copies (seed §31).
    CouponId
);

/// A shop: a positive integer below 2^53, so that every JSON reader keeps it exact (seed §7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct ShopId(u64);

impl ShopId {
    /// The largest id: 2^53 - 1.
    pub const MAX: u64 = (1 << 53) - 1;

    /// The shop's id from a number.
    ///
    /// # Errors
    /// [`InvalidId`] for 0 and for numbers of 2^53 and more.
    pub fn new(id: u64) -> Result<Self, InvalidId> {
        (1..=Self::MAX)
            .contains(&id)
            .then_some(Self(id))
            .ok_or(InvalidId)
    }

    /// The id as a number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ShopId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ShopId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ShopId {
    type Err = InvalidId;

    /// Decimal digits only: no sign, no leading zero, so that an id has one spelling.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        let id = plain
            .then(|| text.parse().ok())
            .flatten()
            .ok_or(InvalidId)?;
        Self::new(id)
    }
}

impl TryFrom<u64> for ShopId {
    type Error = InvalidId;

    fn try_from(id: u64) -> Result<Self, InvalidId> {
        Self::new(id)
    }
}

impl From<ShopId> for u64 {
    fn from(id: ShopId) -> u64 {
        id.0
    }
}

/// Whoever takes part in a chat: a person, or a shop as such.
///
/// Written as the local part of its JID: a user's id, or `s` and the id of a shop (seed §28.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Party {
    /// A person.
    User(UserId),
    /// A shop, which its staff speaks for.
    Shop(ShopId),
}

impl Party {
    /// The person, if it is one.
    #[must_use]
    pub fn user(self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user),
            Self::Shop(_) => None,
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::Shop(shop) => write!(f, "s{shop}"),
        }
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Party {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.strip_prefix('s') {
            Some(shop) => shop.parse().map(Self::Shop),
            None => text.parse().map(Self::User),
        }
    }
}

impl TryFrom<String> for Party {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Party> for String {
    fn from(party: Party) -> String {
        party.to_string()
    }
}

impl From<UserId> for Party {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

impl From<ShopId> for Party {
    fn from(shop: ShopId) -> Self {
        Self::Shop(shop)
    }
}

/// The name of a stream: everything that happened to one thing, in order.
///
/// Made only by the functions here, one for each kind of stream, so that the spelling of a name is
/// in one place. Names hold ids and keyed digests, never what a person typed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StreamName(String);

impl StreamName {
    /// `device-<digest>`: the starts of one device; `mac_digest` is a keyed digest of its address.
    #[must_use]
    pub fn device(mac_digest: &str) -> Self {
        Self(format!("device-{mac_digest}"))
    }

    /// `shop-<id>`.
    #[must_use]
    pub fn shop(id: ShopId) -> Self {
        Self(format!("shop-{id}"))
    }

    /// `identity-<provider>-<digest>`: who a provider's subject is here; the digest is keyed.
    #[must_use]
    pub fn identity(provider: &str, subject_digest: &str) -> Self {
        Self(format!("identity-{provider}-{subject_digest}"))
    }

    /// `user-<id>`.
    #[must_use]
    pub fn user(id: UserId) -> Self {
        Self(format!("user-{id}"))
    }

    /// `checkin-<id>`.
    #[must_use]
    pub fn checkin(id: CheckinId) -> Self {
        Self(format!("checkin-{id}"))
    }

    /// `follow-<a>-<b>`: whether `a` follows `b`.
    #[must_use]
    pub fn follow(a: UserId, b: UserId) -> Self {
        Self(format!("follow-{a}-{b}"))
    }

    /// `block-<a>-<b>`: how `b` stands on the blacklist of `a`.
    #[must_use]
    pub fn block(a: UserId, b: UserId) -> Self {
        Self(format!("block-{a}-{b}"))
    }

    /// `album-<user>`: which pictures stand in a person's album, in which order.
    #[must_use]
    pub fn album(owner: UserId) -> Self {
        Self(format!("album-{owner}"))
    }

    /// `photo-<id>`: what became of an uploaded picture.
    #[must_use]
    pub fn photo(id: PhotoId) -> Self {
        Self(format!("photo-{id}"))
    }

    /// `coupon-<id>`: what a shop offers.
    #[must_use]
    pub fn coupon(id: CouponId) -> Self {
        Self(format!("coupon-{id}"))
    }

    /// `grant-<coupon>-<user>`: a person's copies of a coupon.
    #[must_use]
    pub fn grant(coupon: CouponId, user: UserId) -> Self {
        Self(format!("grant-{coupon}-{user}"))
    }

    /// `chat-<a>-<b>`: what two say to each other; the same name from either side.
    #[must_use]
    pub fn chat(a: Party, b: Party) -> Self {
        let (first, second) = if a <= b { (a, b) } else { (b, a) };
        Self(format!("chat-{first}-{second}"))
    }

    /// `room-<shop>`: what is said in the room of a shop.
    #[must_use]
    pub fn room(id: ShopId) -> Self {
        Self(format!("room-{id}"))
    }

    /// `inbox-<party>`: which messages have reached their receiver.
    #[must_use]
    pub fn inbox(owner: Party) -> Self {
        Self(format!("inbox-{owner}"))
    }

    /// A name as a store gave it back; nothing else should make names from text.
    #[must_use]
    pub fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// 24 lower-case hex digits as 12 bytes; an id has one spelling, so capitals are refused.
fn parse_hex(text: &str) -> Option<[u8; 12]> {
    let digits = text.as_bytes();
    if digits.len() != 24 {
        return None;
    }
    let mut bytes = [0; 12];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// 12 bytes as 24 lower-case hex digits: ids are written often, so all at once.
fn hex(bytes: [u8; 12]) -> [u8; 24] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 24];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

fn digit(ascii: u8) -> Option<u8> {
    match ascii {
        b'0'..=b'9' => Some(ascii - b'0'),
        b'a'..=b'f' => Some(ascii - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_reads_back_what_it_prints() {
        let id = UserId::new(0x502e_6303, [0x42, 0x1a, 0xa9, 0x18, 0xba, 0, 0, 1]);
        assert_eq!(id.to_string(), "502e6303421aa918ba000001");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(UserId::from_bytes(id.to_bytes()), id);
    }

    #[test]
    fn ids_of_later_seconds_sort_later() {
        assert!(UserId::new(1, [255; 8]) < UserId::new(2, [0; 8]));
    }

    #[test]
    fn text_that_is_no_id_is_refused() {
        for text in [
            "",
            "1",
            "502e6303421aa918ba00000G",
            "502E6303421AA918BA000001",
            "é",
        ] {
            assert_eq!(text.parse::<UserId>(), Err(InvalidId), "{text}");
        }
        for text in [
            "",
            "0",
            "-1",
            "+1",
            "01",
            "1.0",
            "9007199254740992",
            "1e3",
            " 1",
        ] {
            assert_eq!(text.parse::<ShopId>(), Err(InvalidId), "{text}");
        }
    }

    #[test]
    fn a_party_is_written_as_the_local_part_of_its_jid() {
        let ana: UserId = "502e6303421aa918ba000001".parse().expect("an id");
        let cafe = ShopId::new(77).expect("an id");
        assert_eq!("502e6303421aa918ba000001".parse(), Ok(Party::User(ana)));
        assert_eq!("s77".parse(), Ok(Party::Shop(cafe)));
        assert_eq!(Party::Shop(cafe).to_string(), "s77");
        for text in ["", "s", "s0", "77", "S77", "s077"] {
            assert_eq!(text.parse::<Party>(), Err(InvalidId), "{text}");
        }
        let name = StreamName::chat(cafe.into(), ana.into());
        assert_eq!(name, StreamName::chat(ana.into(), cafe.into()));
        assert_eq!(name.as_str(), "chat-502e6303421aa918ba000001-s77");
    }

    #[test]
    fn a_stream_is_named_for_the_thing_it_tells_of() {
        let shop = ShopId::new(4_928_288).expect("an id");
        assert_eq!(StreamName::shop(shop).as_str(), "shop-4928288");
    }
}
