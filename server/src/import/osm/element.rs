//! What OpenStreetMap calls its elements, like `node/25`, and which shops they are, whatever file
//! tells of them.

use domain::ShopId;
use std::fmt;

/// What kind of element; the discriminant is the last digit of the shop's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) enum Kind {
    Node = 1,
    Way = 2,
    Relation = 3,
}

/// An element's name, `node/25`, `way/25` or `relation/25`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) struct ElementId {
    pub(in crate::import) kind: Kind,
    pub(in crate::import) id: i64,
}

impl ElementId {
    /// What `text` names, if it is an element.
    pub(in crate::import) fn of(text: &str) -> Option<Self> {
        let (kind, id) = text.trim().split_once('/')?;
        let mut kinds = [Kind::Node, Kind::Way, Kind::Relation].into_iter();
        Some(Self {
            kind: kinds.find(|known| known.name() == kind)?,
            id: id.parse().ok()?,
        })
    }

    /// The id of the shop.
    pub(in crate::import) fn shop_id(self) -> Result<ShopId, String> {
        u64::try_from(self.id)
            .ok()
            .and_then(|id| id.checked_mul(10)?.checked_add(self.kind as u64))
            .and_then(|id| ShopId::new(id).ok())
            .ok_or_else(|| "the id is negative or too large".to_owned())
    }

    /// What the shop's record is called.
    pub(in crate::import) fn source(self) -> String {
        format!("osm:{self}")
    }
}

impl fmt::Display for ElementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.name(), self.id)
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Way => "way",
            Self::Relation => "relation",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_element_has_shops_of_its_own() {
        for (name, shop) in [("node/25", 251), ("way/25", 252), (" relation/25 ", 253)] {
            let element = ElementId::of(name).expect("an element");
            assert_eq!(element.shop_id().map(ShopId::get), Ok(shop));
            assert_eq!(element.source(), format!("osm:{}", name.trim()));
        }
    }

    #[test]
    fn what_is_no_element_has_no_name_of_one() {
        for text in [
            "25", "node", "node/", "node/x", "node/1/2", "area/25", "Node/25", "/25",
        ] {
            assert_eq!(ElementId::of(text), None, "{text}");
        }
    }

    #[test]
    fn an_id_that_does_not_fit_is_no_shop() {
        for name in [
            "node/-1",
            "node/9223372036854775807",
            "way/4503599627370496",
        ] {
            let element = ElementId::of(name).expect("an element");
            assert!(element.shop_id().is_err(), "{name}");
        }
    }
}
