//! Shops from OpenStreetMap: named nodes and ways whose tags say what kind of place they are.
//!
//! The shop of node 123 has the id 1231, that of way 123 the id 1232, so that the two never meet;
//! ids of OpenStreetMap are far below 2^53 / 10. Relations are not read here. The file is read twice,
//! first to learn which nodes the ways need: only the positions of those are kept in memory.
//! The data is © OpenStreetMap contributors, ODbL 1.0.

mod category;
mod element;

pub(super) use element::ElementId;

use super::{Item, Sink, Source};
use anyhow::{Context, Result, bail};
use commands::shop::ShopRecord;
use domain::geo::Point;
use domain::shop::{Category, ShopDetails};
use element::Kind;
use osmpbf::{BlobDecode, BlobReader, Element, Way};
use std::collections::HashMap;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// How often a file is read.
pub(super) const PASSES: u64 = 2;

/// What a file may demand of its reader.
const UNDERSTOOD: [&str; 2] = ["OsmSchema-V0.6", "DenseNodes"];

/// The longest text of a shop, in characters.
const LONGEST_TEXT: usize = 255;

/// Latitude and longitude in degrees.
type Degrees = (f64, f64);

/// Where the nodes are that ways need; `None` until the node was met.
type Positions = HashMap<i64, Option<Degrees>>;

/// What an element says of a shop, apart from where it is.
struct Feature {
    id: ElementId,
    name: String,
    category: Category,
    address: String,
    phone: String,
}

/// Reads all shops of `source`.
pub(super) fn read(source: &Source, read: &Arc<AtomicU64>, sink: Sink<'_>) -> Result<()> {
    // Nothing goes in before the whole file was read once: a broken one changes nothing.
    let (mut positions, sorted) = needed(source, read)?;
    // Where nodes stand behind ways, which is rare, the ways have a turn of their own.
    let turns: &[_] = if sorted {
        &[(true, true)]
    } else {
        &[(true, false), (false, true)]
    };
    for (nodes, ways) in turns {
        let flow = elements(source, read, |element| {
            let item = match element {
                Element::Node(n) if *nodes => {
                    let at = (degrees(n.decimicro_lat()), degrees(n.decimicro_lon()));
                    remember(&mut positions, n.id(), at);
                    Feature::of(Kind::Node, n.id(), n.tags()).map(|feature| feature.item(Some(at)))
                }
                Element::DenseNode(n) if *nodes => {
                    let at = (degrees(n.decimicro_lat()), degrees(n.decimicro_lon()));
                    remember(&mut positions, n.id(), at);
                    Feature::of(Kind::Node, n.id(), n.tags()).map(|feature| feature.item(Some(at)))
                }
                Element::Way(way) if *ways => Feature::of(Kind::Way, way.id(), way.tags())
                    .map(|feature| feature.item(centroid(&way, &positions))),
                _ => None,
            };
            item.map_or(ControlFlow::Continue(()), &mut *sink)
        })?;
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}

/// The nodes that the shops among the ways consist of; and whether all nodes stand before all
/// ways.
fn needed(source: &Source, read: &Arc<AtomicU64>) -> Result<(Positions, bool)> {
    let mut positions = Positions::new();
    let (mut sorted, mut ways_begun) = (true, false);
    let _ = elements(source, read, |element| {
        match element {
            Element::Way(way) => {
                ways_begun = true;
                if Feature::of(Kind::Way, way.id(), way.tags()).is_some() {
                    positions.extend(way.refs().map(|node| (node, None)));
                }
            }
            Element::Node(_) | Element::DenseNode(_) => sorted &= !ways_begun,
            Element::Relation(_) => {}
        }
        ControlFlow::Continue(())
    })?;
    Ok((positions, sorted))
}

/// Notes where a node is, if a way needs it.
fn remember(positions: &mut Positions, node: i64, at: Degrees) {
    if let Some(position) = positions.get_mut(&node) {
        *position = Some(at);
    }
}

/// Shows all elements of `source` to `see`, until it breaks off.
fn elements(
    source: &Source,
    read: &Arc<AtomicU64>,
    mut see: impl FnMut(Element<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    const BROKEN: &str = "this is no OpenStreetMap file (.osm.pbf), or it is broken";
    let mut header_seen = false;
    for blob in BlobReader::new(BufReader::new(source.open(read)?)) {
        let blob = blob.context(BROKEN)?;
        match blob.decode().context(BROKEN)? {
            BlobDecode::OsmHeader(header) => {
                header_seen = true;
                for feature in header.required_features() {
                    if !UNDERSTOOD.contains(&feature.as_str()) {
                        bail!("the file needs the feature {feature:?}, which is not known here");
                    }
                }
            }
            BlobDecode::OsmData(block) => {
                for element in block.elements() {
                    if see(element).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            BlobDecode::Unknown(_) => {}
        }
    }
    if !header_seen {
        bail!(BROKEN);
    }
    Ok(ControlFlow::Continue(()))
}

/// The middle of the corners of a way, as far as they are in the file.
fn centroid(way: &Way<'_>, positions: &Positions) -> Option<Degrees> {
    let mut nodes: Vec<i64> = way.refs().collect();
    // A closed way repeats its first corner at the end; it must not weigh twice.
    if nodes.len() > 1 && nodes.first() == nodes.last() {
        nodes.pop();
    }
    let corners: Vec<Degrees> = nodes
        .iter()
        .filter_map(|node| positions.get(node).copied().flatten())
        .collect();
    let (lat, lng) = corners
        .iter()
        .fold((0.0, 0.0), |sum, at| (sum.0 + at.0, sum.1 + at.1));
    let count = corners.len() as f64;
    (!corners.is_empty()).then(|| (rounded(lat / count), rounded(lng / count)))
}

/// A coordinate as OpenStreetMap keeps it: whole ten-millionths of a degree, about a centimetre.
fn degrees(ten_millionths: i32) -> f64 {
    f64::from(ten_millionths) / 1e7
}

/// Without digits that no map has.
fn rounded(degrees: f64) -> f64 {
    (degrees * 1e7).round() / 1e7
}

impl Feature {
    /// What the tags of an element say of a shop; `None` when it has no name or is no place to be.
    fn of<'a>(kind: Kind, id: i64, tags: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let tags: Vec<(&str, &str)> = tags.collect();
        let tag = |key: &str| {
            let value = tags.iter().find(|(name, _)| *name == key)?.1;
            (!value.is_empty()).then_some(value)
        };
        let name = line(tag("name")?);
        let category = category::of(&tag)?;
        let phone = tag("phone")
            .or_else(|| tag("contact:phone"))
            .map_or_else(String::new, line);
        Some(Self {
            id: ElementId { kind, id },
            name,
            category,
            address: address(&tag),
            phone,
        })
    }

    fn item(self, at: Option<Degrees>) -> Item {
        Item {
            place: self.id.to_string(),
            shop: self.shop(at),
        }
    }

    fn shop(self, at: Option<Degrees>) -> Result<ShopRecord, String> {
        let (lat, lng) = at.ok_or("none of its nodes is in the file")?;
        let point = Point::new(lat, lng).map_err(|error| error.to_string())?;
        Ok(ShopRecord {
            shop_id: self.id.shop_id()?,
            source: self.id.source(),
            details: ShopDetails {
                name: self.name,
                point,
                category: self.category,
                address: self.address,
                phone: self.phone,
                points: Vec::new(),
            },
        })
    }
}

/// `Mannerheimintie 12`, or as much of it as the tags tell.
fn address<'a>(tag: &impl Fn(&str) -> Option<&'a str>) -> String {
    if let Some(full) = tag("addr:full") {
        return line(full);
    }
    let street = tag("addr:street").or_else(|| tag("addr:place"));
    // A house number alone leads nowhere.
    let number = street.and_then(|_| tag("addr:housenumber"));
    line(
        &[street, number]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
    )
}

/// A text on one line, cut to the length that a shop's texts may have.
fn line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace());
    let joined = words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    joined.chars().take(LONGEST_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Format, tests::items};
    use super::*;
    use std::collections::BTreeSet;

    const HELSINKI: &[u8] = include_bytes!("../../../data/helsinki-centre.osm.pbf");

    fn feature(kind: Kind, id: i64, tags: &[(&'static str, &'static str)]) -> Option<Feature> {
        Feature::of(kind, id, tags.iter().copied())
    }

    #[test]
    fn the_bundled_file_holds_1386_shops() {
        let items = items(Format::Osm, HELSINKI, usize::MAX).expect("readable");
        let mut by_category = [0; 6];
        let mut ids = BTreeSet::new();
        for item in items {
            let shop = item
                .shop
                .unwrap_or_else(|reason| panic!("{}: {reason}", item.place));
            shop.details.check().expect("within the rules");
            by_category[usize::from(u8::from(shop.details.category)) - 1] += 1;
            assert!(ids.insert(shop.shop_id), "{} twice", shop.source);
            let (lat, lng) = (shop.details.point.lat(), shop.details.point.lng());
            assert!(
                (60.0..60.4).contains(&lat) && (24.5..25.3).contains(&lng),
                "{}",
                shop.source
            );
        }
        assert_eq!(by_category, [84, 87, 299, 126, 417, 373]);
    }

    #[test]
    fn a_node_and_a_way_of_the_same_number_are_two_shops() {
        let cafe = [("name", "Ekberg"), ("amenity", "cafe")];
        let ids = [Kind::Node, Kind::Way].map(|kind| {
            let item = feature(kind, 25, &cafe)
                .expect("a feature")
                .item(Some((60.0, 24.0)));
            let shop = item.shop.expect("a shop");
            (shop.shop_id.get(), shop.source)
        });
        assert_eq!(
            ids,
            [
                (251, "osm:node/25".to_owned()),
                (252, "osm:way/25".to_owned())
            ]
        );
    }

    #[test]
    fn an_id_that_does_not_fit_is_a_bad_record() {
        for id in [-1, i64::MAX, 1 << 52] {
            let feature = feature(Kind::Node, id, &[("name", "x"), ("shop", "toys")]);
            assert!(
                feature
                    .expect("a feature")
                    .item(Some((60.0, 24.0)))
                    .shop
                    .is_err(),
                "{id}"
            );
        }
    }

    #[test]
    fn an_address_and_a_phone_are_put_together_from_tags() {
        let tags = [
            ("name", " Café\n Ekberg "),
            ("amenity", "cafe"),
            ("addr:street", "Bulevardi"),
            ("addr:housenumber", "9"),
            ("contact:phone", "+358 9 681 1860"),
        ];
        let cafe = feature(Kind::Node, 1, &tags).expect("a feature");
        assert_eq!(cafe.name, "Café Ekberg");
        assert_eq!(
            (cafe.address.as_str(), cafe.phone.as_str()),
            ("Bulevardi 9", "+358 9 681 1860")
        );
        let alone = [("name", "x"), ("shop", "toys"), ("addr:housenumber", "9")];
        assert_eq!(
            feature(Kind::Node, 1, &alone).expect("a feature").address,
            ""
        );
    }

    #[test]
    fn what_has_no_name_is_no_shop() {
        assert!(feature(Kind::Node, 1, &[("amenity", "cafe")]).is_none());
        assert!(feature(Kind::Node, 1, &[("name", ""), ("amenity", "cafe")]).is_none());
    }

    #[test]
    fn a_broken_file_is_refused() {
        for broken in [
            &b""[..],
            b"id,name\n1,a\n",
            &HELSINKI[..HELSINKI.len() / 2],
            &HELSINKI[9..],
        ] {
            let error = items(Format::Osm, broken, usize::MAX)
                .err()
                .expect("must be refused");
            assert!(error.to_string().contains("broken"), "{error:#}");
        }
    }

    #[test]
    fn reading_ends_when_nobody_wants_more() {
        assert_eq!(items(Format::Osm, HELSINKI, 3).expect("readable").len(), 3);
    }
}
