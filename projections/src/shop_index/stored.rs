//! The snapshot of the shop index: the shops, compact, without what follows from them.
//!
//! The tree is not stored: it is made in one go, faster than it could be read.

use super::{Shop, ShopIndex, fold_case};
use domain::geo::Point;
use domain::shop::{Category, ShopDetails};
use domain::{ShopId, UserId};
use rstar::RTree;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A shop in a snapshot: compact, and without the parts that follow from the others.
#[derive(Serialize, Deserialize)]
struct Row<'a> {
    id: ShopId,
    name: Cow<'a, str>,
    point: Point,
    category: Category,
    address: Cow<'a, str>,
    phone: Cow<'a, str>,
    points: Cow<'a, [Point]>,
    on_map: Point,
    notice: Cow<'a, str>,
    staff: Vec<[u8; 12]>,
}

impl<'a> From<&'a Shop> for Row<'a> {
    fn from(shop: &'a Shop) -> Self {
        Self {
            id: shop.id,
            name: Cow::Borrowed(&shop.details.name),
            point: shop.details.point,
            category: shop.details.category,
            address: Cow::Borrowed(&shop.details.address),
            phone: Cow::Borrowed(&shop.details.phone),
            points: Cow::Borrowed(&shop.details.points),
            on_map: shop.on_map,
            notice: Cow::Borrowed(&shop.notice),
            staff: shop.staff.iter().map(|user| user.to_bytes()).collect(),
        }
    }
}

impl From<Row<'_>> for Shop {
    fn from(row: Row<'_>) -> Self {
        Self {
            id: row.id,
            needle: fold_case(&row.name).into(),
            details: ShopDetails {
                name: row.name.into_owned(),
                point: row.point,
                category: row.category,
                address: row.address.into_owned(),
                phone: row.phone.into_owned(),
                points: row.points.into_owned(),
            },
            on_map: row.on_map,
            notice: row.notice.into_owned(),
            staff: row.staff.into_iter().map(UserId::from_bytes).collect(),
        }
    }
}

impl Serialize for ShopIndex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows: Vec<Row<'_>> = self.shops.values().map(Row::from).collect();
        (self.max_id, &self.closed, rows).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ShopIndex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (max_id, closed, rows) =
            <(Option<ShopId>, BTreeMap<ShopId, String>, Vec<Row<'_>>)>::deserialize(deserializer)?;
        let count = rows.len();
        let shops: BTreeMap<ShopId, Shop> = rows
            .into_iter()
            .map(|row| (row.id, Shop::from(row)))
            .collect();
        if shops.len() != count {
            return Err(D::Error::custom("a shop stands there twice"));
        }
        Ok(Self {
            tree: RTree::bulk_load(shops.values().map(Shop::spot).collect()),
            shops,
            closed,
            max_id,
        })
    }
}
