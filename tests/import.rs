//! `lianlian import shops`, with the real program (DESIGN §1).

mod geojson;
mod trouble;

use crate::harness::{Server, eventually, run};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn helsinki() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/helsinki-centre.osm.pbf");
    path.to_str().expect("a path").to_owned()
}

fn file(folder: &Path, name: &str, text: &str) -> (PathBuf, String) {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    let shown = path.to_str().expect("a path").to_owned();
    (path, shown)
}

/// What a phone is told that is there.
async fn around(server: &Server, lat: f64, lng: f64) -> Value {
    let (lat, lng) = (lat.to_string(), lng.to_string());
    let here = [("lat", lat.as_str()), ("lng", &lng), ("accuracy", "30")];
    server.get("/aroundme/shops", &here).await.ok()
}

/// The events in the log of the data folder.
async fn log(folder: &Path) -> Vec<Value> {
    let printed = run(folder, &["events", "export"]).await.ok();
    printed
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[tokio::test]
async fn central_helsinki_has_1386_shops_and_importing_it_again_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let import = ["import", "shops", &helsinki()];
    let first = run(folder.path(), &import).await.ok();
    assert_eq!(
        first,
        "registered 1386, revised 0, unchanged 0, rejected 0\n"
    );
    let events = log(folder.path()).await;
    assert_eq!(events.len(), 1386);
    assert!(
        events
            .iter()
            .all(|event| event["type"] == "shop.registered.v1")
    );
    let second = run(folder.path(), &import).await.ok();
    assert_eq!(
        second,
        "registered 0, revised 0, unchanged 1386, rejected 0\n"
    );
    assert_eq!(log(folder.path()).await.len(), 1386);

    let server = Server::start(folder.path()).await;
    let here = [("lat", "60.1695"), ("lng", "24.941"), ("accuracy", "30")];
    let rows = server.get("/aroundme/shops", &here).await.ok();
    assert_eq!(rows.as_array().map(Vec::len), Some(50));
    let ekberg = [&here[..], &[("name", "Ekberg")]].concat();
    let rows = server.get("/shop/nearby", &ekberg).await.ok();
    assert!(
        rows[0]["name"]
            .as_str()
            .is_some_and(|name| name.contains("Ekberg")),
        "{rows}"
    );
}

#[tokio::test]
async fn an_import_beside_a_running_server_becomes_visible() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path()).await;
    let own = server.shop("an operator's", 60.168, 24.938).await;
    let csv = "id,name,lat,lng,t\n70001,咖啡馆,60.168,24.938,2\n";
    let (_, path) = file(folder.path(), "shops.csv", csv);
    let summary = run(folder.path(), &["import", "shops", &path]).await.ok();
    assert_eq!(
        summary,
        "registered 1, revised 0, unchanged 0, rejected 0\n"
    );
    let info = eventually("the imported shop is there", async || {
        let answer = server.get("/shop/info", &[("id", "70001")]).await;
        (answer.status == 200).then(|| answer.ok())
    })
    .await;
    assert_eq!(info["name"], "咖啡馆");
    // And one can go there.
    server.login("ana").await.check_in("70001").await;
    server.get("/shop/info", &[("id", &own)]).await.ok();
}

#[tokio::test]
async fn bad_lines_are_reported_and_the_rest_goes_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let csv = "\u{feff}t,lng,lat,name,id,phone\r\n\
               2,24.9,60.1,\"Café \"\"One\"\", the first\",1,09\r\n\
               9,24.9,60.1,wrong kind,2,\r\n\
               2,24.9,91,north of the pole,3,\r\n\
               2,24.9,60.1,,4,\r\n\
               2,24.9,60.1,no id,,\r\n\
               2,24.9\r\n\
               2,24.9,60.1,咖啡,7,\r\n";
    let (_, path) = file(folder.path(), "shops.csv", csv);
    let done = run(folder.path(), &["import", "shops", &path]).await;
    assert!(done.status.success(), "{done:?}");
    assert_eq!(
        done.stdout,
        "registered 2, revised 0, unchanged 0, rejected 5\n"
    );
    for line in ["line 3", "line 4", "line 5", "line 6", "line 7"] {
        assert!(done.stderr.contains(line), "{}", done.stderr);
    }
    for line in ["line 2:", "line 8:"] {
        assert!(!done.stderr.contains(line), "{}", done.stderr);
    }
    let events = log(folder.path()).await;
    let names: Vec<_> = events
        .iter()
        .filter_map(|event| event["data"]["name"].as_str())
        .collect();
    assert_eq!(names, ["Café \"One\", the first", "咖啡"]);
}

#[tokio::test]
async fn a_strict_import_stops_at_the_first_bad_line_and_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let csv = "id,name,lat,lng,t\n1,a,60,24,2\n2,b,91,24,2\n3,c,60,24,2\n";
    let (_, path) = file(folder.path(), "shops.csv", csv);
    let stopped = run(folder.path(), &["import", "shops", "--strict", &path])
        .await
        .failed();
    assert!(stopped.contains("line 3"), "{stopped}");
    let ids: Vec<_> = log(folder.path())
        .await
        .iter()
        .map(|event| event["data"]["shop_id"].clone())
        .collect();
    assert_eq!(ids, [1]);
}

#[tokio::test]
async fn a_record_that_changed_revises_its_shop_and_an_operators_change_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let line =
        |name: &str| format!("{{\"id\":1,\"name\":\"{name}\",\"lat\":60,\"lng\":24,\"t\":2}}\n");
    let import = async |name: &str| {
        let (_, path) = file(folder.path(), "shops.ndjson", &line(name));
        run(folder.path(), &["import", "shops", &path]).await.ok()
    };
    assert_eq!(
        import("Ekberg").await,
        "registered 1, revised 0, unchanged 0, rejected 0\n"
    );
    assert_eq!(
        import("Fazer").await,
        "registered 0, revised 1, unchanged 0, rejected 0\n"
    );
    let server = Server::start(folder.path()).await;
    let edit = serde_json::json!({"name": "Kaisla"});
    server.admin("PATCH", "/admin/shops/1", edit).await.ok();
    assert_eq!(
        import("Fazer").await,
        "registered 0, revised 0, unchanged 1, rejected 0\n"
    );
    assert_eq!(
        server.get("/shop/info", &[("id", "1")]).await.ok()["name"],
        "Kaisla"
    );
}

#[tokio::test]
async fn a_file_that_is_none_is_told_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, torn) = file(folder.path(), "torn.osm.pbf", "this is no map");
    let (_, odd) = file(folder.path(), "shops.txt", "id,name\n");
    let (_, columns) = file(folder.path(), "columns.csv", "id,name\n1,a\n");
    let folder_itself = folder.path().to_str().expect("a path");
    for path in [&torn, &odd, &columns, "/nowhere/shops.csv", folder_itself] {
        run(folder.path(), &["import", "shops", path])
            .await
            .failed();
    }
    assert!(log(folder.path()).await.is_empty());
}
