//! The snapshot of the shop index: what is packed as it lies there, so that a start need not pack it
//! again, and the rest shop by shop.
//!
//! What follows quickly from the rest is not stored: the points on the sphere, their boxes, and the
//! numbers by id. Whatever is read is made sure of before it is used.

use super::names::Names;
use super::packed::Packed;
use super::shop::{Card, Extra, Fresh, Shop};
use super::{Dead, ShopIndex};
use domain::ShopId;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    max_id: Option<ShopId>,
    closed: Cow<'a, BTreeMap<ShopId, Box<str>>>,
    cards: Cow<'a, [Card]>,
    /// Of all packed shops, one behind the other.
    called: Cow<'a, str>,
    /// Their addresses and phones.
    texts: Cow<'a, str>,
    extras: Vec<(u32, Cow<'a, Extra>)>,
    /// For each point in the tree, its shop and which of its points it is.
    places: Vec<(u32, u8)>,
    names: Option<Cow<'a, Names>>,
    /// Numbers of packed shops that are not there any more, or fresh.
    dead: Vec<u32>,
    fresh: Vec<(Card, Cow<'a, str>, Option<Cow<'a, Extra>>)>,
}

impl Serialize for ShopIndex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (cards, [called, texts], extras, places, names) = self.packed.parts();
        let apart = |shop: Shop<'_>| shop.extra().map(|extra| Cow::Owned((**extra).clone()));
        Stored {
            max_id: self.max_id,
            closed: Cow::Borrowed(&self.closed),
            cards: Cow::Borrowed(cards),
            called: Cow::Borrowed(called),
            texts: Cow::Borrowed(texts),
            extras: extras
                .iter()
                .map(|(number, extra)| (*number, Cow::Borrowed(&**extra)))
                .collect(),
            places,
            names: names.map(Cow::Borrowed),
            dead: self.dead.iter().collect(),
            fresh: self
                .fresh
                .shops()
                .map(|shop| (shop.card(0), Cow::Owned(shop.text()), apart(shop)))
                .collect(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ShopIndex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let extras = stored.extras.into_iter();
        let packed = Packed::from_parts(
            stored.cards.into_owned(),
            [stored.called.into_owned(), stored.texts.into_owned()],
            extras
                .map(|(number, extra)| (number, Arc::new(extra.into_owned())))
                .collect(),
            &stored.places,
            stored.names.map(Cow::into_owned),
        );
        let packed = packed.ok_or_else(|| D::Error::custom("packed shops that do not fit"))?;
        let mut dead = Dead::of(packed.len());
        for number in stored.dead {
            if !dead.insert(number) {
                return Err(D::Error::custom("a shop that is gone was not there"));
            }
        }
        let mut index = Self {
            packed: Arc::new(packed),
            dead,
            max_id: stored.max_id,
            closed: stored.closed.into_owned(),
            ..Self::default()
        };
        for (card, text, extra) in stored.fresh {
            let extra = extra.map(|extra| Arc::new(extra.into_owned()));
            let fresh = Fresh::read(card, text.into_owned(), extra)
                .filter(|fresh| index.get(fresh.id()).is_none())
                .ok_or_else(|| D::Error::custom("a shop that does not fit"))?;
            index.fresh.insert(Arc::new(fresh));
        }
        Ok(index)
    }
}

/// Bytes, written and read at once and not one by one.
pub(super) mod bytes {
    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;
    use std::fmt;

    pub(in super::super) fn serialize<S: Serializer>(
        bytes: &[u8],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_owned())
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}
