//! What the lists learn from where people were, and what operators are told of it.

use crate::harness::{Call, DAY, HOUR, House, Phone, Stores, id_of, same, settings};
use serde_json::{Value, json};

const BSSID: &str = "00:1b:2c:3d:4e:5f";

/// Two cafés beside each other, the first a little nearer.
async fn two(house: &House) -> [String; 2] {
    [
        house.shop("near", 60.00010, 24.0).await,
        house.shop("next", 60.00015, 24.0).await,
    ]
}

fn here<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let here = [("lat", "60"), ("lng", "24"), ("accuracy", "65")];
    [&here[..], more].concat()
}

/// The names that somebody is offered, who may name an access point.
async fn offered(phone: &Phone, more: &[(&str, &str)]) -> Vec<String> {
    let rows = phone.get("/aroundme/shops", &here(more)).await.ok();
    let rows = rows.as_array().expect("an array");
    rows.iter()
        .map(|row| row["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// Checks in with these parameters in place of the usual ones, or beside them.
async fn checks_in(phone: &Phone, shop: &str, more: &[(&str, &str)]) -> String {
    let mut all = here(&[("shop_id", shop), ("user_id", &phone.id), ("od", "1")]);
    all.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    id_of(
        &phone
            .post("/checkins", &[&all[..], more].concat())
            .await
            .ok(),
    )
}

async fn explain(house: &House, more: &str) -> Value {
    let path = format!("/admin/aroundme/explain?lat=60&lng=24&accuracy=65{more}");
    house.admin("GET", &path, Value::Null).await.ok()
}

#[tokio::test]
async fn ones_own_place_comes_first_for_oneself_alone() {
    let house = House::new().await;
    let [near, next] = two(&house).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    for _ in 0..3 {
        ana.check_in(&next).await;
        bo.check_in(&near).await;
        house.clock.pass(DAY);
    }
    let cai = house.login("cai").await;
    assert_eq!(offered(&ana, &[]).await, ["next", "near"]);
    for other in [&bo, &cai] {
        assert_eq!(offered(other, &[]).await, ["near", "next"]);
    }
    let rows = house.get("/aroundme/shops", &here(&[])).await.ok();
    assert_eq!(rows[0]["name"], "near", "for somebody who is not logged in");
}

#[tokio::test]
async fn an_access_point_leads_to_the_place_where_it_was_seen() {
    let house = House::new().await;
    let [_, next] = two(&house).await;
    let ana = house.login("ana").await;
    checks_in(&ana, &next, &[("bssid", BSSID)]).await;
    for name in ["bo", "cai", "dan"] {
        house.login(name).await.check_in("1").await;
    }
    let eve = house.login("eve").await;
    assert_eq!(offered(&eve, &[]).await, ["near", "next"]);
    for spelt in [BSSID, "0:1B:2C:3D:4E:5F", "00-1b-2c-3d-4e-5f"] {
        let order = offered(&eve, &[("bssid", spelt)]).await;
        assert_eq!(order, ["next", "near"], "{spelt}");
    }
    for other in ["", "00:1b:2c:3d:4e:60", "02:00:00:00:00:00", "x"] {
        let order = offered(&eve, &[("bssid", other)]).await;
        assert_eq!(order, ["near", "next"], "{other}");
    }
}

#[tokio::test]
async fn what_is_no_address_of_an_access_point_is_refused() {
    let house = House::new().await;
    two(&house).await;
    let ana = house.login("ana").await;
    let long = "a".repeat(65);
    for odd in ["two words", "咖啡", "a\tb", long.as_str()] {
        ana.get("/aroundme/shops", &here(&[("bssid", odd)]))
            .await
            .refused(400);
    }
    let longest = "a".repeat(64);
    assert_eq!(offered(&ana, &[("bssid", &longest)]).await.len(), 2);
}

#[tokio::test]
async fn what_is_done_while_hiding_changes_nobody_elses_list() {
    let house = House::new().await;
    let [_, next] = two(&house).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let before = explain(&house, "").await;
    ana.set(&[("invisible", "2")]).await;
    for _ in 0..3 {
        checks_in(&ana, &next, &[("bssid", BSSID)]).await;
        house.clock.pass(DAY);
    }
    assert_eq!(offered(&ana, &[]).await, ["next", "near"], "her own");
    assert_eq!(offered(&bo, &[("bssid", BSSID)]).await, ["near", "next"]);
    same(
        &explain(&house, "").await["candidates"],
        &before["candidates"],
    );
    // Nor does anybody learn of it by asking on her behalf.
    let hers = explain(&house, &format!("&user_id={}", ana.id)).await;
    same(&hers["candidates"], &before["candidates"]);
}

#[tokio::test]
async fn what_is_taken_back_or_closed_is_forgotten() {
    let house = House::with(Stores::Sqlite, settings()).await;
    let [near, next] = two(&house).await;
    let ana = house.login("ana").await;
    let before = explain(&house, "").await;
    let made = checks_in(&ana, &next, &[("bssid", BSSID)]).await;
    assert_eq!(offered(&ana, &[]).await, ["next", "near"]);
    let id = [("id", made.as_str())];
    ana.post("/checkins/delete", &id).await.ok();
    same(&explain(&house, "").await, &before);
    assert_eq!(offered(&ana, &[("bssid", BSSID)]).await, ["near", "next"]);

    checks_in(&ana, &near, &[("bssid", BSSID)]).await;
    let path = format!("/admin/shops/{near}");
    house.admin("DELETE", &path, Value::Null).await.ok();
    assert_eq!(offered(&ana, &[("bssid", BSSID)]).await, ["next"]);
    let house = house.restart().await;
    assert_eq!(offered(&ana, &[("bssid", BSSID)]).await, ["next"]);
    drop(house);
}

#[tokio::test]
async fn at_its_hour_a_place_is_likelier_by_the_clocks_of_the_house() {
    let mut settings = settings();
    settings.timezone = jiff::tz::TimeZone::get("America/New_York").expect("a zone");
    let house = House::with(Stores::Sqlite, settings).await;
    let bar = json!({"name": "bar", "lat": 60.0001, "lng": 24, "t": 1});
    let bar = house.shop_with(bar).await;
    let cafe = house.shop("cafe", 60.0001, 24.0).await;
    // As many people in either, at other hours: some of each on every day.
    for n in 0..20 {
        let phone = house.login(&format!("night {n}")).await;
        phone.check_in(&bar).await;
    }
    let night = explain(&house, "").await["hour"].clone();
    house.clock.pass(12 * HOUR);
    for n in 0..20 {
        let phone = house.login(&format!("day {n}")).await;
        phone.check_in(&cafe).await;
    }
    let first = async |house: &House| {
        let told = explain(house, "").await;
        (told["hour"].clone(), told["candidates"][0]["name"].clone())
    };
    let day = explain(&house, "").await["hour"].clone();
    // 2012-09-22 06:24 UTC is 02:24 in New York.
    assert_eq!((&night, &day), (&json!(2), &json!(14)));
    assert_eq!(first(&house).await, (json!(14), json!("cafe")));
    house.clock.pass(12 * HOUR);
    assert_eq!(first(&house).await, (json!(2), json!("bar")));
    // Other clocks show other hours of the same visits.
    let helsinki = jiff::tz::TimeZone::get("Europe/Helsinki").expect("a zone");
    let house = house
        .restart_with(|settings| settings.timezone = helsinki)
        .await;
    assert_eq!(first(&house).await, (json!(9), json!("bar")));
}

#[tokio::test]
async fn an_explanation_is_the_list_with_its_reasons_and_without_anybodys_name() {
    let house = House::new().await;
    let [_, next] = two(&house).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    checks_in(&ana, &next, &[("bssid", BSSID)]).await;
    checks_in(&bo, &next, &[]).await;
    let told = explain(&house, &format!("&bssid={BSSID}&user_id={}", ana.id)).await;
    assert_eq!(
        (&told["accuracy_m"], &told["hour"]),
        (&json!(65.0), &json!(14))
    );
    let candidates = told["candidates"].as_array().expect("an array");
    let names: Vec<&str> = candidates
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    assert_eq!(names, offered(&ana, &[("bssid", BSSID)]).await);
    for candidate in candidates {
        let term = |name: &str| candidate["terms"][name].as_f64().expect("a number");
        let score = candidate["score"].as_f64().expect("a number");
        let sum = term("prior") + term("fix") + term("wifi");
        assert!((score - sum).abs() < 1e-9, "{candidate}");
        assert!((term("prior") - (term("popular") + term("own")).ln()).abs() < 1e-9);
    }
    assert_eq!(candidates[0]["id"].to_string(), next);
    same(
        &candidates[0]["known"],
        &json!({"visits": 2.0, "own": 1.0, "this_bssid": 1.0, "any_bssid": 1.0}),
    );
    let text = told.to_string();
    for person in [&ana, &bo] {
        assert!(!text.contains(&person.id));
    }
    for odd in [
        "&user_id=502e6303421aa918ba000001",
        "&user_id=x",
        "&bssid=two+words",
    ] {
        let path = format!("/admin/aroundme/explain?lat=60&lng=24&accuracy=65{odd}");
        let answer = house.admin("GET", &path, Value::Null).await;
        assert!(
            [400, 404].contains(&answer.status),
            "{odd}: {}",
            answer.status
        );
    }
}

#[tokio::test]
async fn every_check_in_scores_its_list_and_one_that_was_not_on_it_counts_nothing() {
    let house = House::new().await;
    let [near, _] = two(&house).await;
    let ana = house.login("ana").await;
    let stats = async || {
        house
            .admin("GET", "/admin/stats/ranking", Value::Null)
            .await
            .ok()
    };
    let nothing = json!({"picks": 0, "missing": 0, "mean_reciprocal_rank": null, "top_1": null});
    same(&stats().await["all"], &nothing);
    for (od, accuracy, bssid) in [
        ("1", "65", ""),
        ("2", "65", ""),
        ("51", "65", ""),
        ("4294967295", "65", ""),
        ("1", "10", BSSID),
        ("4", "5000", ""),
    ] {
        let more = [("od", od), ("accuracy", accuracy), ("bssid", bssid)];
        let made = checks_in(&ana, &near, &more).await;
        // What was chosen stays so.
        ana.post("/checkins/delete", &[("id", &made)]).await.ok();
    }
    let told = stats().await;
    let kind = |accuracy: Value, bssid: bool| {
        let mut kinds = told["by"].as_array().expect("an array").iter();
        let found = kinds.find(|it| it["accuracy_m"] == accuracy && it["bssid"] == bssid);
        found.expect("a kind")["served"].clone()
    };
    assert_eq!(told["by"].as_array().map(Vec::len), Some(10));
    same(
        &kind(json!(65), false),
        &json!({"picks": 4, "missing": 2, "mean_reciprocal_rank": 0.375, "top_1": 0.25}),
    );
    same(
        &kind(json!(30), true),
        &json!({"picks": 1, "missing": 0, "mean_reciprocal_rank": 1.0, "top_1": 1.0}),
    );
    same(
        &kind(json!(null), false),
        &json!({"picks": 1, "missing": 0, "mean_reciprocal_rank": 0.25, "top_1": 0.0}),
    );
    same(&kind(json!(30), false), &nothing);
    assert_eq!(told["all"]["picks"], 6);

    let metrics = house.send(Call::new("GET", "/metrics")).await;
    assert_eq!(metrics.status, 200);
    let kind = metrics.headers.get("content-type").expect("a type");
    assert!(kind.as_bytes().starts_with(b"text/plain; version=0.0.4"));
    for line in [
        "lianlian_ranking_picks_total{accuracy=\"65\",bssid=\"no\"} 4",
        "lianlian_ranking_missing_total{accuracy=\"65\",bssid=\"no\"} 2",
        "lianlian_ranking_mean_reciprocal_rank{accuracy=\"65\",bssid=\"no\"} 0.375",
        "lianlian_ranking_top_1{accuracy=\"30\",bssid=\"yes\"} 1",
        "lianlian_ranking_picks_total{accuracy=\"worse\",bssid=\"no\"} 1",
        "lianlian_ranking_picks_total{accuracy=\"30\",bssid=\"no\"} 0",
    ] {
        assert!(metrics.text().lines().any(|other| other == line), "{line}");
    }
}

#[tokio::test]
async fn over_the_poles_and_the_antimeridian_lists_are_whole() {
    let house = House::new().await;
    for (name, lat, lng) in [
        ("north", 89.9999, -170.0),
        ("south", -89.9999, 5.0),
        ("west", 0.0, -179.9999),
        ("east", 0.0, 179.9999),
    ] {
        house.shop(name, lat, lng).await;
    }
    for (lat, lng, expected) in [
        ("90", "0", vec!["north"]),
        ("90", "180", vec!["north"]),
        ("-90", "-180", vec!["south"]),
        ("0", "180", vec!["east", "west"]),
        ("0", "-180", vec!["east", "west"]),
        ("0", "179.9998", vec!["east", "west"]),
    ] {
        for accuracy in ["0", "65", "1e9"] {
            let here = [("lat", lat), ("lng", lng), ("accuracy", accuracy)];
            let rows = house.get("/aroundme/shops", &here).await.ok();
            let rows = rows.as_array().expect("an array");
            let mut names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
            names.sort_unstable();
            assert_eq!(names, expected, "{lat} {lng} {accuracy}");
        }
    }
}
