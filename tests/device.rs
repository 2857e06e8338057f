//! `/init/init`: where to connect, and the count of starts (seed §1).

use crate::harness::{Call, HOUR, House, Stores, full_hash, hash, same, settings};
use serde_json::{Value, json};

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
async fn clients_of_a_region_are_sent_to_its_hosts_by_the_longest_network() {
    let region = |host: &str, xmpp: &str, networks: &[&str]| {
        let region = api::Region {
            host: host.into(),
            xmpp: xmpp.into(),
        };
        let networks = networks.iter().map(|text| text.parse().expect("a network"));
        (region, networks.collect())
    };
    let mut settings = settings();
    settings.public_host = Some("chat.example.com".into());
    settings.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    settings.regions = api::Regions::new([
        region("cn", "xmpp.cn", &["60.0.0.0/8", "2001:db8::/32"]),
        region("hz", "xmpp.hz", &["60.191.0.0/16"]),
    ])
    .expect("regions");
    let house = House::with(Stores::Memory, settings).await;
    for (client, ip, xmpp) in [
        ("60.191.119.190", "hz", "xmpp.hz"),
        ("60.190.1.1", "cn", "xmpp.cn"),
        ("2001:db8::7", "cn", "xmpp.cn"),
        ("::ffff:60.191.1.1", "hz", "xmpp.hz"),
        ("8.8.8.8", "chat.example.com", "chat.example.com"),
        // What the proxy did not write is not believed.
        (
            "60.191.1.1, 8.8.8.8",
            "chat.example.com",
            "chat.example.com",
        ),
    ] {
        let call = Call::new("GET", "/init/init").query(&start(&right_hash()));
        let servers = house
            .send(call.header("x-forwarded-for", client))
            .await
            .ok();
        same(&servers, &json!({"ip": ip, "xmpp": xmpp, "ver": 1.0}));
    }
}

#[tokio::test]
async fn without_a_trusted_proxy_nobody_chooses_a_region() {
    let mut settings = settings();
    let region = api::Region {
        host: "hz".into(),
        xmpp: "hz".into(),
    };
    let networks = vec!["60.191.0.0/16".parse().expect("a network")];
    settings.regions = api::Regions::new([(region, networks)]).expect("regions");
    let house = House::with(Stores::Memory, settings).await;
    let call = Call::new("GET", "/init/init").query(&start(&right_hash()));
    let call = call.header("x-forwarded-for", "60.191.1.1");
    let servers = house.send(call).await.ok();
    assert_eq!(servers["ip"], "127.0.0.1");
}

/// A start of this system and model, each time of the same phone.
async fn starts(house: &House, os: &str, model: &str) {
    let hash = hash(&[model, os, MAC, "init"]);
    let all = [("model", model), ("os", os), ("mac", MAC), ("hash", &hash)];
    house.post("/init/init", &all).await.ok();
}

#[tokio::test]
async fn operators_see_starts_by_day_system_and_model() {
    for stores in [Stores::Sqlite, Stores::Postgres] {
        let house = House::with(stores, settings()).await;
        starts(&house, "6.0", "iPhone5,1").await;
        starts(&house, "4.1", "小米 2").await;
        starts(&house, "6.0", "iPhone5,1").await;
        // It is past two in the afternoon in Shanghai.
        house.clock.pass(10 * HOUR);
        starts(&house, "6.0", "iPad").await;
        let stats = async |query: &str| {
            let path = format!("/admin/stats/devices{query}");
            house.admin("GET", &path, Value::Null).await.ok()
        };
        same(
            &stats("").await,
            &json!({
                "from": "2012-08-25", "to": "2012-09-23", "starts": 4,
                "days": [
                    {"day": "2012-09-23", "starts": 1},
                    {"day": "2012-09-22", "starts": 3},
                ],
                "systems": [{"os": "6.0", "starts": 3}, {"os": "4.1", "starts": 1}],
                "models": [
                    {"model": "iPhone5,1", "starts": 2},
                    {"model": "小米 2", "starts": 1},
                    {"model": "iPad", "starts": 1},
                ],
                "rows": [
                    {"day": "2012-09-23", "os": "6.0", "model": "iPad", "starts": 1},
                    {"day": "2012-09-22", "os": "6.0", "model": "iPhone5,1", "starts": 2},
                    {"day": "2012-09-22", "os": "4.1", "model": "小米 2", "starts": 1},
                ],
            }),
        );
        let first = stats("?from=2012-09-22&to=2012-09-22&page=2&pcount=1").await;
        assert_eq!(first["starts"], 3);
        assert_eq!(first["rows"].as_array().map(Vec::len), Some(1));
        assert_eq!(first["rows"][0]["os"], "4.1");
        for odd in [
            "?from=2012-09-24",
            "?from=2011-09-01",
            "?to=2012-9-1",
            "?pcount=0",
        ] {
            let path = format!("/admin/stats/devices{odd}");
            house.admin("GET", &path, Value::Null).await.refused(400);
        }
        // Nothing but the log is needed to know.
        let shown = stats("").await;
        let house = house.restart_from_the_log_alone().await;
        let again = house
            .admin("GET", "/admin/stats/devices", Value::Null)
            .await;
        same(&again.ok(), &shown);
    }
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
