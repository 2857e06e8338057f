//! Shops as features of GeoJSON (RFC 7946): a FeatureCollection, or one feature a line (RFC 8142
//! too). Of the properties, `id`, `name`, `t` or `category` (1 to 6), `address` and `phone` are
//! read as the columns of a CSV file are; where they have no `id`, the feature's own stands for it.
//! An id like `node/25`, as exports of OpenStreetMap have it, is that of the shop which this element
//! becomes when such a file itself is imported.
//!
//! ```json
//! {"type":"Feature","geometry":{"type":"Point","coordinates":[24.9,60.1]},
//!  "properties":{"id":7,"name":"Café","t":2}}
//! ```
//!
//! What a geometry says of where a shop is stands in `shape`. No more than one feature is held in
//! memory.

mod cut;
mod shape;

use super::lines::{Line, Lines};
use super::ndjson::Text;
use super::osm::ElementId;
use super::row::Row;
use super::{Item, Sink};
use anyhow::{Context, Result};
use commands::shop::ShopRecord;
use cut::{Cut, Features, Layout};
use serde::Deserialize;
use shape::Geometry;
use std::io::{BufReader, Read};

/// The longest feature, in bytes; an outline of a hundred thousand corners fits.
const LONGEST: usize = 4 << 20;

/// How much is read at once.
const BUFFER: usize = 64 << 10;

/// What a feature must be.
const FEATURE: &str = "Feature";

#[derive(Deserialize)]
struct Feature {
    r#type: Option<String>,
    id: Option<Text>,
    properties: Option<Properties>,
    geometry: Option<Geometry>,
}

#[derive(Default, Deserialize)]
struct Properties {
    id: Option<Text>,
    name: Option<Text>,
    t: Option<Text>,
    category: Option<Text>,
    address: Option<Text>,
    phone: Option<Text>,
}

/// Reads all features of `input`.
pub(super) fn read(mut input: impl Read, sink: Sink<'_>) -> Result<()> {
    const UNREADABLE: &str = "cannot read the file";
    let head = cut::head(&mut input).context(UNREADABLE)?;
    let layout = Layout::of(&head);
    let input = BufReader::with_capacity(BUFFER, head.chain(input));
    match layout {
        Layout::Lines => {
            let mut lines = Lines::up_to(LONGEST, input);
            while let Some(line) = lines.next().context(UNREADABLE)? {
                let shop = match line {
                    Line::TooLong => Err(too_long()),
                    Line::Whole(text) => match cut::record(text) {
                        [] => continue,
                        text => shop(text),
                    },
                };
                let place = format!("line {}", lines.number());
                if sink(Item { place, shop }).is_break() {
                    break;
                }
            }
        }
        Layout::Collection | Layout::Single => {
            let mut features = Features::new(input, layout);
            while let Some(cut) = features.next()? {
                let shop = match cut {
                    Cut::TooLong => Err(too_long()),
                    Cut::Whole(text) => shop(text),
                };
                let place = format!("feature {}", features.number());
                if sink(Item { place, shop }).is_break() {
                    break;
                }
            }
        }
    }
    Ok(())
}

fn too_long() -> String {
    format!("longer than {LONGEST} bytes")
}

/// The shop that a feature tells of, or what is wrong with it.
fn shop(text: &[u8]) -> Result<ShopRecord, String> {
    let feature: Feature =
        serde_json::from_slice(text).map_err(|error| format!("no feature: {}", reason(&error)))?;
    if feature.r#type.as_deref() != Some(FEATURE) {
        return Err("no feature: its type must be Feature".into());
    }
    let geometry = feature.geometry.ok_or("it has no geometry")?;
    let (point, points) = geometry.points()?;
    let properties = feature.properties.unwrap_or_default();
    let text = |field: Option<Text>| field.map(Text::into_text);
    let mut id = text(properties.id.or(feature.id));
    let element = id.as_deref().and_then(ElementId::of);
    if let Some(element) = element {
        id = Some(element.shop_id()?.to_string());
    }
    let row = Row {
        id,
        name: text(properties.name),
        t: text(properties.t.or(properties.category)),
        address: text(properties.address),
        phone: text(properties.phone),
        ..Row::default()
    };
    let mut shop = row.shop_at("geojson", point, points)?;
    if let Some(element) = element {
        shop.source = element.source();
    }
    Ok(shop)
}

/// What is wrong, without where: the place in the file is said already, and in other words.
fn reason(error: &serde_json::Error) -> String {
    let reason = error.to_string();
    // Of a field that may be two things, serde tells what it is in our code.
    if reason.contains("untagged enum") {
        return "a field is neither text nor number".to_owned();
    }
    reason.split(" at line ").next().unwrap_or("").to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::{Format, tests::items};

    /// What becomes of the features of a text: source, name and number of points, or the complaint.
    #[track_caller]
    fn told(text: &str, expected: &[&str]) {
        let items = items(Format::Geojson, text.as_bytes(), usize::MAX).expect("readable");
        let told = items.into_iter().map(|item| match item.shop {
            Ok(shop) => {
                let details = &shop.details;
                let points = details.all_points().count();
                format!("{} {} {points}", shop.source, details.name)
            }
            Err(reason) => format!("{}: {reason}", item.place),
        });
        assert_eq!(told.collect::<Vec<_>>(), expected, "{text}");
    }

    fn feature(id: u64, geometry: &str) -> String {
        format!(
            r#"{{"type":"Feature","geometry":{geometry},"properties":{{"id":{id},"name":"a","t":2}}}}"#
        )
    }

    fn at(id: u64) -> String {
        feature(id, r#"{"type":"Point","coordinates":[24.9,60.1]}"#)
    }

    fn collection(features: &[String]) -> String {
        format!(
            r#"{{"name":"a \" [","crs":{{"features":[1]}},"type":"FeatureCollection","features":[{}],"more":1}}"#,
            features.join(" ,\n")
        )
    }

    #[test]
    fn a_collection_and_lines_and_a_single_feature_are_read() {
        let both = ["geojson:1 a 1", "geojson:2 a 1"];
        told(&collection(&[at(1), at(2)]), &both);
        told(&format!("{}\n\n{}\n", at(1), at(2)), &both);
        told(&format!("\u{1e}{}\r\n\u{1e}{}", at(1), at(2)), &both);
        told(&format!("\u{feff}{}", collection(&[at(1), at(2)])), &both);
        told(&at(1), &both[..1]);
        told(&at(1).replace(',', ",\n  "), &both[..1]);
        told(&collection(&[]), &[]);
        told("", &[]);
    }

    #[test]
    fn properties_are_read_like_columns_and_a_feature_may_have_its_own_id() {
        let point = r#""geometry":{"coordinates":[24.9,60.1,12.5],"bbox":[],"type":"Point"}"#;
        told(
            &format!(
                r#"{{"type":"Feature","id":"7",{point},"properties":{{"name":"脸","category":"2","x":{{}}}}}}"#
            ),
            &["geojson:7 脸 1"],
        );
        told(
            &format!(
                r#"{{"type":"Feature","id":0,{point},"properties":{{"id":8,"name":"b","t":2,"category":"cafe","phone":null}}}}"#
            ),
            &["geojson:8 b 1"],
        );
        told(
            &format!(r#"{{"type":"Feature","id":7,{point},"properties":null}}"#),
            &["line 1: t is missing"],
        );
    }

    #[test]
    fn elements_of_openstreetmap_are_the_shops_that_their_own_files_make_of_them() {
        let named = |id: &str| at(1).replace("\"id\":1", &format!("\"id\":\"{id}\""));
        let own = at(1)
            .replace("\"id\":1,", "")
            .replace("\"geometry\"", "\"id\":\"relation/7\",\"geometry\"");
        let features = [named("node/123"), named("way/5"), own, named("123")];
        told(
            &collection(&features),
            &[
                "osm:node/123 a 1",
                "osm:way/5 a 1",
                "osm:relation/7 a 1",
                "geojson:123 a 1",
            ],
        );
        let items = items(Format::Geojson, collection(&features).as_bytes(), 4);
        let ids = items.expect("readable").into_iter().map(|item| {
            let shop = item.shop.expect("a shop");
            shop.shop_id.get()
        });
        assert_eq!(ids.collect::<Vec<_>>(), [1231, 52, 73, 123]);
        told(
            &named("way/-5"),
            &["line 1: the id is negative or too large"],
        );
        told(
            &named("area/5"),
            &["line 1: id must be a whole number from 1 to 9007199254740991"],
        );
    }

    #[test]
    fn a_bad_feature_is_told_by_its_number_and_the_rest_goes_in() {
        let bad = [
            at(1),
            "null".into(),
            "[[]]".into(),
            r#"{"type":"Feature"}"#.into(),
            at(5).replace("Feature", "Shop"),
            at(6).replace("24.9", "240.9"),
            at(7).replace("[24.9,60.1]", "[24.9]"),
            at(8).replace("24.9", "1e400"),
            at(9).replace("Point", "LineString"),
            at(10).replace("\"t\":2", "\"t\":9"),
            at(11).replace("\"id\"", "\"id\":7,\"id\""),
            at(12).replace("\"a\"", "{}"),
            at(13).replace("\"t\"", "t"),
            at(14),
        ];
        let expected = [
            "geojson:1 a 1",
            "feature 2: no feature: invalid type: null, expected struct Feature",
            "feature 3: no feature: invalid type: sequence",
            "feature 4: it has no geometry",
            "feature 5: no feature: its type must be Feature",
            "feature 6: lng must be a number from -180 to 180",
            "feature 7: no feature: a position has two numbers",
            "feature 8: no feature: number out of range",
            "feature 9: no feature: unknown variant `LineString`",
            "feature 10: t must be a number from 1 to 6",
            "feature 11: no feature: duplicate field `id`",
            "feature 12: no feature: a field is neither text nor number",
            "feature 13: no feature: key must be a string",
            "geojson:14 a 1",
        ];
        let items = items(Format::Geojson, collection(&bad).as_bytes(), usize::MAX);
        let items = items.expect("readable");
        assert_eq!(items.len(), expected.len());
        for (item, expected) in items.into_iter().zip(expected) {
            let told = match item.shop {
                Ok(shop) => format!("{} {} 1", shop.source, shop.details.name),
                Err(reason) => format!("{}: {reason}", item.place),
            };
            assert!(told.starts_with(expected), "{told} is not {expected}");
        }
    }

    #[test]
    fn a_bad_line_costs_itself_alone_be_it_the_first() {
        let broken = &at(1)[..40];
        told(
            &format!("{broken}\n{}\n{}", at(2), at(3)),
            &[
                "line 1: no feature: EOF while parsing a string",
                "geojson:2 a 1",
                "geojson:3 a 1",
            ],
        );
    }

    #[test]
    fn a_huge_feature_is_passed_over_and_the_next_one_read() {
        let huge = at(1).replace("\"a\"", &format!("\"{}\"", "x".repeat(super::LONGEST)));
        let long = format!("longer than {} bytes", super::LONGEST);
        told(
            &format!("{}\n{huge}\n{}", at(3), at(2)),
            &["geojson:3 a 1", &format!("line 2: {long}"), "geojson:2 a 1"],
        );
        told(
            &collection(&[huge, at(2)]),
            &[&format!("feature 1: {long}"), "geojson:2 a 1"],
        );
    }

    #[test]
    fn a_collection_that_is_torn_or_ill_put_together_is_refused_where_it_breaks() {
        let whole = collection(&[at(1), at(2)]);
        for (text, says) in [
            (&whole[..whole.len() - 60], "feature 2"),
            (&*whole.replace(" ,\n", " \n"), "feature 1"),
            (&*whole.replace(" ,\n", ",,"), "feature 2"),
            (r#"{"type":"FeatureCollection"}"#, "FeatureCollection"),
            (
                r#"{"type":"FeatureCollection","features":7}"#,
                "FeatureCollection",
            ),
        ] {
            let mut seen = Vec::new();
            let source = super::super::Source::Embedded(text.as_bytes().to_vec().leak());
            let input = source.open(&Default::default()).expect("bytes");
            let mut sink = |item: super::Item| {
                seen.push(item.shop.is_ok());
                std::ops::ControlFlow::Continue(())
            };
            let outcome = super::read(input, &mut sink);
            let told = match outcome {
                Err(error) => format!("{error:#}"),
                // A lone object is a record, and a bad one.
                Ok(()) => {
                    assert!(!seen.contains(&true), "{text}");
                    "FeatureCollection".into()
                }
            };
            assert!(told.contains(says), "{told}");
        }
    }

    #[test]
    fn several_points_and_areas_become_several_points_of_one_shop() {
        told(
            &feature(
                1,
                r#"{"type":"MultiPoint","coordinates":[[24.9,60.1],[24.8,60.2],[24.9,60.1]]}"#,
            ),
            &["geojson:1 a 2"],
        );
        let house = "[[24.9,60.1],[24.9005,60.1],[24.9005,60.1002],[24.9,60.1002],[24.9,60.1]]";
        told(
            &feature(
                2,
                &format!(r#"{{"type":"Polygon","coordinates":[{house}]}}"#),
            ),
            &["geojson:2 a 1"],
        );
        told(
            &feature(3, r#"{"type":"MultiPoint","coordinates":[]}"#),
            &["line 1: it has no coordinates"],
        );
        let many: Vec<String> = (0..70).map(|n| format!("[24.{n:02},60.1]")).collect();
        let many = format!(
            r#"{{"type":"MultiPoint","coordinates":[{}]}}"#,
            many.join(",")
        );
        told(
            &feature(4, &many),
            &["line 1: a shop has at most 64 further points"],
        );
    }
}
