//! `lianlian events`: the log for analysts, one JSON object a line (DESIGN §1).

use crate::harness::{Phone, Program, Server, run, same};
use serde_json::{Value, json};

async fn export(folder: &std::path::Path, arguments: &[&str]) -> Vec<Value> {
    let printed = run(folder, &[&["events", "export"], arguments].concat())
        .await
        .ok();
    printed
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn positions(events: &[Value]) -> Vec<u64> {
    events
        .iter()
        .map(|event| event["position"].as_u64().expect("a position"))
        .collect()
}

/// Hides somebody from strangers, so that nobody says in a room that they have come.
async fn unannounced(phone: &Phone) {
    phone.set(&[("invisible", "1")]).await;
}

#[tokio::test]
async fn an_export_holds_every_event_whole_and_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path()).await;
    let ana = server.login("ana").await;
    let cafe = server
        .shop_with(json!({"id": 7, "name": "咖啡", "lat": 60, "lng": 24, "t": 2}))
        .await;
    unannounced(&ana).await;
    ana.check_in(&cafe).await;

    let events = export(folder.path(), &[]).await;
    let types: Vec<_> = events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    let expected = [
        "identity.linked.v1",
        "user.registered.v1",
        "shop.registered.v1",
        "user.visibility-changed.v1",
        "checkin.checked-in.v1",
    ];
    assert_eq!(types, expected);
    let shop = &events[2];
    assert!(
        shop["time"]
            .as_i64()
            .is_some_and(|ms| ms > 1_700_000_000_000),
        "{shop}"
    );
    assert_eq!(shop["id"].as_str().map(str::len), Some(36), "{shop}");
    let mut rest = shop.clone();
    for volatile in ["time", "id", "position"] {
        rest.as_object_mut().expect("an object").remove(volatile);
    }
    same(
        &rest,
        &json!({
            "stream": "shop-7", "revision": 0, "type": "shop.registered.v1", "schema_version": 1,
            "data": {
                "shop_id": 7, "name": "咖啡", "lat": 60.0, "lng": 24.0, "category": 2,
                "address": "", "phone": "", "source": null,
            },
            "metadata": {"actor": "admin"},
        }),
    );
    assert!(positions(&events).is_sorted_by(|a, b| a < b));
}

#[tokio::test]
async fn an_export_can_be_narrowed_and_written_to_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(folder.path()).await;
    let ana = server.login("ana").await;
    let cafe = server.shop("Ekberg", 60.0, 24.0).await;
    unannounced(&ana).await;
    for _ in 0..3 {
        ana.check_in(&cafe).await;
    }
    server.terminate().await;
    let all = positions(&export(folder.path(), &[]).await);
    assert_eq!(all.len(), 7);
    let at = |n: usize| all[n].to_string();
    let narrowed = async |arguments: &[&str]| positions(&export(folder.path(), arguments).await);
    assert_eq!(narrowed(&["--after", &at(1)]).await, all[2..]);
    assert_eq!(narrowed(&["--until", &at(1)]).await, all[..2]);
    assert_eq!(
        narrowed(&["--after", &at(0), "--limit", "2"]).await,
        all[1..3]
    );
    assert_eq!(
        narrowed(&["--type", "checkin.checked-in.v1"]).await,
        all[4..]
    );
    assert_eq!(
        narrowed(&["--type", "checkin.checked-in.v1", "--limit", "1"]).await,
        all[4..5]
    );
    assert_eq!(narrowed(&["--stream", "user-"]).await, [all[1], all[3]]);
    assert_eq!(
        narrowed(&["--stream", &format!("shop-{cafe}")]).await,
        all[2..3]
    );
    assert_eq!(narrowed(&["--type", "no.such.v1"]).await, [0; 0]);

    let path = folder.path().join("events.ndjson");
    let output = path.to_str().expect("a path");
    assert_eq!(
        run(folder.path(), &["events", "export", "--output", output])
            .await
            .ok(),
        ""
    );
    let written = std::fs::read_to_string(&path).expect("written");
    assert_eq!(
        written,
        run(folder.path(), &["events", "export"]).await.ok()
    );
}

#[tokio::test]
async fn a_tail_shows_what_is_there_and_then_what_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path()).await;
    let ana = server.login("ana").await;
    let cafe = server.shop("Ekberg", 60.0, 24.0).await;
    ana.check_in(&cafe).await;
    let arguments = [
        "events",
        "tail",
        "--from",
        "0",
        "--type",
        "checkin.checked-in.v1",
    ];
    let mut tail = Program::start(folder.path(), &arguments, &[]);
    for n in 0..3 {
        let line = tail.line().await;
        let event: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(event["type"], "checkin.checked-in.v1");
        assert_eq!(
            event["data"]["checkin_id"],
            ana.checkins().await[0]["id"],
            "{n}"
        );
        ana.check_in(&cafe).await;
    }
    tail.kill().await;
}
