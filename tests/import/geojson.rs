//! GeoJSON: points and areas.

use super::{around, file, helsinki, log};
use crate::harness::{Server, run, same};
use serde_json::{Value, json};

/// A feature with these coordinates.
fn feature(id: u64, name: &str, kind: &str, coordinates: &Value) -> Value {
    json!({
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": {"id": id, "name": name, "t": 4},
    })
}

/// A branch here and one far away, a park of a kilometre, and a court whose middle is no part of it.
fn features() -> [Value; 3] {
    let ring = |corners: &[(f64, f64)]| -> Value {
        corners.iter().map(|(lng, lat)| json!([lng, lat])).collect()
    };
    let park = ring(&[
        (24.94, 60.17),
        (24.958, 60.17),
        (24.958, 60.1745),
        (24.94, 60.1745),
        (24.94, 60.17),
    ]);
    let outer = ring(&[
        (10.0, 50.0),
        (10.001, 50.0),
        (10.001, 50.001),
        (10.0, 50.001),
        (10.0, 50.0),
    ]);
    let hole = ring(&[
        (10.0002, 50.0002),
        (10.0008, 50.0002),
        (10.0008, 50.0008),
        (10.0002, 50.0008),
        (10.0002, 50.0002),
    ]);
    [
        feature(
            1,
            "Branches",
            "MultiPoint",
            &json!([[24.9, 60.1], [100.0, 10.0]]),
        ),
        feature(2, "Park", "Polygon", &json!([park])),
        feature(3, "Court", "MultiPolygon", &json!([[outer, hole]])),
    ]
}

#[tokio::test]
async fn points_and_areas_become_shops_that_are_near_wherever_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let collection = json!({"type": "FeatureCollection", "features": features()});
    let (_, path) = file(folder.path(), "shops.geojson", &collection.to_string());
    let import = ["import", "shops", path.as_str()];
    let summary = run(folder.path(), &import).await.ok();
    assert_eq!(
        summary,
        "registered 3, revised 0, unchanged 0, rejected 0\n"
    );
    let events = log(folder.path()).await;
    let of = |id: u64| {
        let mut data = events.iter().map(|event| &event["data"]);
        data.find(|data| data["shop_id"] == id).expect("a shop")
    };
    same(
        of(1),
        &json!({
            "shop_id": 1, "name": "Branches", "lat": 60.1, "lng": 24.9, "category": 4,
            "address": "", "phone": "", "points": [{"lat": 10.0, "lng": 100.0}],
            "source": "geojson:1",
        }),
    );
    let points = of(2)["points"].as_array().map_or(0, Vec::len);
    assert!((15..=64).contains(&points), "{points}");
    let (lat, lng) = (of(3)["lat"].as_f64(), of(3)["lng"].as_f64());
    let in_hole = |x: Option<f64>, from: f64| x.is_some_and(|x| x > from && x < from + 0.0006);
    assert!(
        !(in_hole(lat, 50.0002) && in_hole(lng, 10.0002)),
        "{lat:?} {lng:?}"
    );

    // The same features one a line are the same shops.
    let lines: Vec<String> = features().iter().map(Value::to_string).collect();
    let (_, path) = file(folder.path(), "shops.geojsonl", &lines.join("\n"));
    let again = run(folder.path(), &["import", "shops", &path]).await.ok();
    assert_eq!(again, "registered 0, revised 0, unchanged 3, rejected 0\n");

    let server = Server::start(folder.path()).await;
    let info = server.get("/shop/info", &[("id", "2")]).await.ok();
    assert_eq!(info["name"], "Park");
    let rows = around(&server, 60.1722, 24.949).await;
    assert_eq!(rows[0]["name"], "Park", "{rows}");
}

#[tokio::test]
async fn a_place_of_openstreetmap_is_one_shop_whichever_file_tells_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    run(folder.path(), &["import", "shops", &helsinki()])
        .await
        .ok();
    // A node and a way as an export of the map has them: one as it is known, one with a new name.
    let events = log(folder.path()).await;
    let feature = |kind: &str, name: Option<&str>| {
        let source = format!("osm:{kind}/");
        let mut shops = events.iter().map(|event| &event["data"]);
        let is_named = |shop: &&Value| {
            shop["source"]
                .as_str()
                .is_some_and(|it| it.starts_with(&source))
        };
        let shop = shops.find(is_named).expect("a shop");
        let id = shop["source"]
            .as_str()
            .expect("a text")
            .trim_start_matches("osm:");
        let feature = json!({
            "type": "Feature",
            "id": id,
            "geometry": {"type": "Point", "coordinates": [shop["lng"], shop["lat"]]},
            "properties": {
                "name": name.map_or(shop["name"].clone(), Value::from),
                "t": shop["category"], "address": shop["address"], "phone": shop["phone"],
            },
        });
        (feature, shop["shop_id"].clone())
    };
    let (known, _) = feature("node", None);
    let (renamed, id) = feature("way", Some("Renamed"));
    let lines = format!("{known}\n{renamed}\n");
    let (_, path) = file(folder.path(), "export.geojsonl", &lines);
    let again = run(folder.path(), &["import", "shops", &path]).await.ok();
    assert_eq!(again, "registered 0, revised 1, unchanged 1, rejected 0\n");
    let events = log(folder.path()).await;
    let last = events.last().expect("an event");
    assert_eq!(last["type"], "shop.revised.v1");
    assert_eq!(last["data"]["shop_id"], id);
}

#[tokio::test]
async fn each_bad_feature_is_told_by_its_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let [good, ..] = features();
    let bad = [
        feature(5, "x", "LineString", &json!([[1, 2], [3, 4]])),
        feature(6, "x", "Point", &json!([200, 0])),
        feature(7, "x", "Polygon", &json!([])),
        feature(8, "", "Point", &json!([1, 2])),
        json!({"type": "Feature", "geometry": null, "properties": {}}),
        json!(7),
    ];
    let features: Vec<Value> = [good].into_iter().chain(bad).collect();
    let collection = json!({"type": "FeatureCollection", "features": features});
    let (_, path) = file(folder.path(), "shops.geojson", &collection.to_string());
    let done = run(folder.path(), &["import", "shops", &path]).await;
    assert!(done.status.success(), "{done:?}");
    assert_eq!(
        done.stdout,
        "registered 1, revised 0, unchanged 0, rejected 6\n"
    );
    let told = [
        "feature 2: no feature: unknown variant `LineString`",
        "feature 3: ",
        "feature 4: it has no coordinates",
        "feature 5: name is missing",
        "feature 6: it has no geometry",
        "feature 7: no feature",
    ];
    for part in told {
        assert!(
            done.stderr.contains(part),
            "{part} is not in {}",
            done.stderr
        );
    }
    assert!(!done.stderr.contains("feature 1:"), "{}", done.stderr);

    let torn = &collection.to_string()[..400];
    let (_, path) = file(folder.path(), "torn.geojson", torn);
    let told = run(folder.path(), &["import", "shops", &path])
        .await
        .failed();
    assert!(
        told.contains("feature") && told.contains("ends in the middle"),
        "{told}"
    );
}
