//! `/init/init`: where to connect, and the count of starts (seed §1).

use crate::harness::Stores;
use crate::harness::{Call, House, full_hash, hash, same, settings};
use serde_json::json;

const MODEL: &str = "iPhone5,1";
const OS: &str = "6.0.1";
const MAC: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// The parameters of a start with this hash.
fn start(hash: &str) -> [(&str, &str); 4] {
    [("model", MODEL), ("os", OS), ("mac", MAC), ("hash", hash)]
}

fn right_hash() -> String {
    hash(&[MODEL, OS, MAC, "init"])
}

#[tokio::test]
async fn a_phone_is_told_where_to_connect_and_the_newest_version() {
    let house = House::new().await;
    for method in ["GET", "POST"] {
        let call = Call::new(method, "/init/init").query(&start(&right_hash()));
        let servers = house.send(call).await.ok();
        same(
            &servers,
            &json!({"ip": "127.0.0.1", "xmpp": "127.0.0.1", "ver": 1.0}),
        );
    }
}

#[tokio::test]
async fn the_recommended_host_and_version_are_settings() {
    let mut settings = settings();
    settings.public_host = Some("chat.example.com".into());
    settings.app_version = 1.1;
    let house = House::with(Stores::Memory, settings).await;
    let servers = house.get("/init/init", &start(&right_hash())).await.ok();
    same(
        &servers,
        &json!({"ip": "chat.example.com", "xmpp": "chat.example.com", "ver": 1.1}),
    );
}

#[tokio::test]
async fn every_start_is_recorded_and_the_address_of_the_card_is_not() {
    let house = House::new().await;
    let hash = right_hash();
    let mut with_version = start(&hash).to_vec();
    with_version.push(("ver", "1.0"));
    house.post("/init/init", &with_version).await.ok();
    house.get("/init/init", &start(&hash)).await.ok();

    let started = |ver| {
        json!({
            "stream": "device-<id>",
            "type": "device.app-started.v1",
            "data": {"model": MODEL, "os": OS, "ver": ver},
        })
    };
    same(
        &house.happened().await,
        &json!([started(Some("1.0")), started(None)]),
    );
    for event in house.stored().await {
        let all = format!("{} {} {}", event.stream, event.data, event.metadata);
        assert!(!all.to_lowercase().contains(MAC), "{all}");
    }
}

#[tokio::test]
async fn the_starts_of_one_phone_stand_in_one_stream_and_those_of_another_in_another() {
    let house = House::new().await;
    for mac in [MAC, MAC, "another"] {
        let hash = hash(&[MODEL, OS, mac, "init"]);
        let parameters = [
            ("model", MODEL),
            ("os", OS),
            ("mac", mac),
            ("hash", hash.as_str()),
        ];
        house.get("/init/init", &parameters).await.ok();
    }
    let streams: Vec<_> = house
        .stored()
        .await
        .into_iter()
        .map(|event| event.stream)
        .collect();
    assert_eq!(streams[0], streams[1]);
    assert_ne!(streams[0], streams[2]);
}

#[tokio::test]
async fn the_hash_may_have_all_40_digits_and_be_written_in_capitals() {
    let house = House::new().await;
    let long = full_hash(&[MODEL, OS, MAC, "init"]);
    for hash in [
        long.clone(),
        long.to_uppercase(),
        right_hash().to_uppercase(),
    ] {
        house.get("/init/init", &start(&hash)).await.ok();
    }
}

#[tokio::test]
async fn a_wrong_hash_is_refused_without_an_address_and_not_recorded() {
    let house = House::new().await;
    let right = full_hash(&[MODEL, OS, MAC, "init"]);
    let of_a_login = hash(&[MODEL, OS, MAC, "dface"]);
    for wrong in [
        "",
        "x",
        &right[..31],
        &right[..33],
        &right[8..],
        &of_a_login,
    ] {
        let answer = house.get("/init/init", &start(wrong)).await;
        answer.refused(400);
        assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
        // The original answered with the hash that it had expected.
        assert!(!answer.text().contains(&right[..32]), "{}", answer.text());
    }
    house.nothing_happened().await;
}

#[tokio::test]
async fn each_parameter_is_mandatory_even_when_the_hash_fits_the_rest() {
    let house = House::new().await;
    for missing in ["model", "os", "mac"] {
        let value = |name, value| if name == missing { "" } else { value };
        let (model, os, mac) = (value("model", MODEL), value("os", OS), value("mac", MAC));
        let hash = hash(&[model, os, mac, "init"]);
        let all = [
            ("model", model),
            ("os", os),
            ("mac", mac),
            ("hash", hash.as_str()),
        ];
        let rest: Vec<_> = all
            .into_iter()
            .filter(|(name, _)| *name != missing)
            .collect();
        for parameters in [&all[..], &rest[..]] {
            house.get("/init/init", parameters).await.refused(400);
        }
    }
    house
        .get("/init/init", &start(&right_hash())[..3])
        .await
        .refused(400);
    house.nothing_happened().await;
}
