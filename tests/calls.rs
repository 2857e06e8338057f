//! Paths and methods: what every call has in common (contract §0).

use crate::harness::{Call, House, Phone, same};
use serde_json::json;

/// Calls that change something, with parameters that would.
fn changes(phone: &Phone, shop: &str, checkin: &str) -> Vec<Call> {
    let here = format!(
        "lat=60.168&lng=24.938&accuracy=65&shop_id={shop}&user_id={}&od=1",
        phone.id
    );
    [
        "/oauth2/login?name=name&pass=pa&mac=ss&hash=11f4004a73a65117071bc4a7d3dfdf07".to_owned(),
        format!("/checkins/create?{here}"),
        format!("/checkins/delete?id={checkin}"),
        "/user_info/set?name=x".to_owned(),
    ]
    .into_iter()
    .map(|target| phone.signed(Call::new("GET", target)))
    .collect()
}

#[tokio::test]
async fn what_must_be_a_post_is_refused_as_a_get_and_changes_nothing() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let checkin = ana.check_in(&cafe).await;
    house.happened().await;
    for call in changes(&ana, &cafe, &checkin) {
        let answer = house.send(call.clone()).await;
        answer.refused(405);
        assert!(answer.header("set-cookie").is_none(), "{}", answer.to);
        let allowed = answer.header("allow").unwrap_or_default();
        assert!(allowed.contains("POST"), "{}: {allowed:?}", answer.to);
    }
    house.nothing_happened().await;

    // The same requests as POST do change something, so the parameters were right.
    for mut call in changes(&ana, &cafe, &checkin) {
        call.method = "POST".parse().expect("a method");
        house.send(call).await.ok();
        assert!(!house.happened_types().await.is_empty());
    }
}

#[tokio::test]
async fn a_get_of_the_list_of_check_ins_records_none() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    house.happened().await;
    let here = [
        ("lat", "60.168"),
        ("lng", "24.938"),
        ("accuracy", "65"),
        ("od", "1"),
    ];
    let mine = [("shop_id", cafe.as_str()), ("user_id", ana.id.as_str())];
    let rows = ana
        .get("/checkins", &[&here[..], &mine[..]].concat())
        .await
        .ok();
    same(&rows, &json!([]));
    house.nothing_happened().await;
}

#[tokio::test]
async fn other_methods_are_refused_everywhere() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    house.happened().await;
    for path in [
        "/checkins",
        "/checkins/delete",
        "/user_info/set",
        "/shop/info",
        "/oauth2/login",
    ] {
        for method in ["PUT", "DELETE", "PATCH"] {
            ana.send(Call::new(method, path)).await.refused(405);
        }
    }
    house.nothing_happened().await;
}

#[tokio::test]
async fn every_path_answers_the_same_with_and_without_json() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    ana.check_in(&cafe).await;
    let here = [("lat", "60.168"), ("lng", "24.938"), ("accuracy", "65")];
    for (path, parameters) in [
        ("/aroundme/shops", &here[..]),
        ("/shop/nearby", &here[..]),
        ("/shop/info", &[("id", cafe.as_str())]),
        ("/shop/users", &[("id", cafe.as_str())]),
        ("/checkins", &[]),
        ("/user_info/get", &[("id", ana.id.as_str())]),
        ("/user_info/get_self", &[]),
        ("/user_info/trace", &[]),
        ("/user_info/photos", &[("id", ana.id.as_str())]),
    ] {
        let plain = ana.get(path, parameters).await;
        let suffixed = ana.get(&format!("{path}.json"), parameters).await;
        same(&suffixed.ok(), &plain.ok());
        assert_eq!(
            plain.header("content-type"),
            suffixed.header("content-type")
        );
    }
    for path in ["/user_info/set.json", "/oauth2/logout.json"] {
        ana.post(path, &[("name", "Ana")]).await.ok();
    }
}

#[tokio::test]
async fn both_spellings_of_a_check_in_record_it() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    house.happened().await;
    for path in [
        "/checkins",
        "/checkins/create",
        "/checkins.json",
        "/checkins/create.json",
    ] {
        let mut call = ana.check_in_call(&cafe);
        call.target = path.to_owned();
        house.send(call).await.ok();
        assert_eq!(
            house.happened_types().await,
            ["checkin.checked-in.v1"],
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_unknown_action_is_an_error_like_any_other() {
    let house = House::new().await;
    for path in [
        "/",
        "/shop",
        "/shop/",
        "/shop/nothing",
        "/nothing.json",
        "/shop/info/",
        "/%ff",
    ] {
        house.get(path, &[]).await.refused(404);
        house.post(path, &[("a", "b")]).await.refused(404);
    }
}

#[tokio::test]
async fn answers_are_json_in_utf8_and_neither_kept_nor_guessed_at() {
    let house = House::new().await;
    let cafe = house.shop("咖啡馆", 60.168, 24.938).await;
    let good = house.get("/shop/info", &[("id", &cafe)]).await;
    assert_eq!(good.ok()["name"], "咖啡馆");
    for answer in [good, house.get("/shop/info", &[]).await] {
        let header = |name| answer.header(name).unwrap_or_default();
        assert_eq!(header("content-type"), "application/json; charset=utf-8");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-content-type-options"), "nosniff");
    }
}
