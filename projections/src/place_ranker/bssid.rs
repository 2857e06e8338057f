//! The access points that phones name, however they spell them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A Wi-Fi access point, in six bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Bssid([u8; 6]);

/// What phones say when they may not tell.
const PLACEHOLDERS: [[u8; 6]; 3] = [[0; 6], [2, 0, 0, 0, 0, 0], [0xff; 6]];

/// The bits of the first byte that no access point's address has set both: for a group, and given
/// by hand.
const NO_ADDRESS: u8 = 0b11;

impl Bssid {
    /// The smallest in the order.
    pub(super) const FIRST: Self = Self([0; 6]);

    /// The access point that a phone names; `None` when it names none: a placeholder.
    ///
    /// Phones write addresses in capitals or not, with or without leading zeros, with any
    /// separator. What is no address at all is somebody's own name for an access point, and as good
    /// as one.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        match address(text) {
            Some(address) if PLACEHOLDERS.contains(&address) => None,
            Some(address) => Some(Self(address)),
            None if text.is_empty() => None,
            None => {
                let digest = Sha256::digest(text);
                let mut bytes = [0; 6];
                bytes.copy_from_slice(&digest[..6]);
                bytes[0] |= NO_ADDRESS;
                Some(Self(bytes))
            }
        }
    }

    /// As it is kept with a visit: six zeros for none.
    pub(super) fn pack(bssid: Option<Self>) -> [u8; 6] {
        bssid.map_or([0; 6], |bssid| bssid.0)
    }

    /// What [`Self::pack`] was given.
    pub(super) fn unpack(bytes: [u8; 6]) -> Option<Self> {
        (bytes != [0; 6]).then_some(Self(bytes))
    }
}

/// `0:1b:2C:3d:4e:5f`, `00-1b-2c-3d-4e-5f` and `001b2c3d4e5f` are the same address.
fn address(text: &str) -> Option<[u8; 6]> {
    let mut bytes = [0; 6];
    if text.len() == 12 && text.is_ascii() {
        for (byte, at) in bytes.iter_mut().zip((0..12).step_by(2)) {
            *byte = hex(&text[at..at + 2])?;
        }
        return Some(bytes);
    }
    let mut parts = text.split([':', '-', '.']);
    for byte in &mut bytes {
        *byte = hex(parts.next()?)?;
    }
    parts.next().is_none().then_some(bytes)
}

fn hex(digits: &str) -> Option<u8> {
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_however_a_phone_spells_it() {
        let spelt = Bssid::named("00:1b:2c:3d:4e:5f");
        assert_eq!(spelt, Some(Bssid([0, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f])));
        for other in [
            "0:1b:2c:3d:4e:5f",
            "00:1B:2C:3D:4E:5F",
            "00-1b-2c-3d-4e-5f",
            "001B2c3d4e5f",
        ] {
            assert_eq!(Bssid::named(other), spelt, "{other}");
        }
    }

    #[test]
    fn a_placeholder_names_nothing() {
        for text in [
            "",
            "00:00:00:00:00:00",
            "0:0:0:0:0:0",
            "02:00:00:00:00:00",
            "FF:FF:FF:FF:FF:FF",
        ] {
            assert_eq!(Bssid::named(text), None, "{text}");
        }
    }

    #[test]
    fn any_other_text_is_a_name_of_its_own() {
        let names = [
            "cafe",
            "Cafe",
            "00:1b:2c:3d:4e",
            "00:1b:2c:3d:4e:5f:60",
            "+0:1b:2c:3d:4e:5f",
            "001:b:2c:3d:4e:5g",
            "::::::",
        ];
        let named: std::collections::BTreeSet<Bssid> =
            names.into_iter().filter_map(Bssid::named).collect();
        assert_eq!(named.len(), names.len());
        assert!(
            named
                .iter()
                .all(|bssid| bssid.0[0] & NO_ADDRESS == NO_ADDRESS)
        );
    }

    #[test]
    fn none_is_kept_as_zeros() {
        let some = Bssid::named("00:1b:2c:3d:4e:5f");
        for bssid in [None, some] {
            assert_eq!(Bssid::unpack(Bssid::pack(bssid)), bssid);
        }
    }
}
