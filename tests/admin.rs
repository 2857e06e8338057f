//! The operators' API: who may call it, and what its calls do (DESIGN §8).

use crate::harness::{ADMIN_TOKEN, Call, House, Stores, same, settings};
use serde_json::{Value, json};

/// Every call, with what it would do.
fn calls(shop: &str, user: &str) -> Vec<(&'static str, String, Value)> {
    vec![
        (
            "POST",
            "/admin/shops".into(),
            json!({"name": "x", "lat": 60, "lng": 24, "t": 2}),
        ),
        (
            "PATCH",
            format!("/admin/shops/{shop}"),
            json!({"name": "y"}),
        ),
        (
            "POST",
            format!("/admin/shops/{shop}/staffs"),
            json!({"user_id": user}),
        ),
        (
            "DELETE",
            format!("/admin/shops/{shop}/staffs/{user}"),
            Value::Null,
        ),
        (
            "PUT",
            format!("/admin/shops/{shop}/notice"),
            json!({"title": "hi"}),
        ),
        (
            "POST",
            format!("/admin/users/{user}/reset_password"),
            Value::Null,
        ),
        (
            "POST",
            format!("/admin/shops/{shop}/xmpp_secret"),
            Value::Null,
        ),
        (
            "DELETE",
            format!("/admin/shops/{shop}/xmpp_secret"),
            Value::Null,
        ),
        ("GET", "/admin/projections".into(), Value::Null),
        ("GET", "/admin/stats/ranking".into(), Value::Null),
        ("GET", "/admin/stats/devices".into(), Value::Null),
        (
            "GET",
            format!("/admin/aroundme/explain?lat=60&lng=24&accuracy=65&user_id={user}"),
            Value::Null,
        ),
        (
            "POST",
            "/admin/projections/traces/rebuild".into(),
            Value::Null,
        ),
        ("DELETE", format!("/admin/shops/{shop}"), Value::Null),
    ]
}

fn call((method, path, body): (&str, String, Value)) -> Call {
    let call = Call::new(method, path);
    if body.is_null() {
        call
    } else {
        call.json(&body)
    }
}

#[tokio::test]
async fn without_the_right_token_nothing_is_answered_or_done() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    house.happened().await;
    for wrong in [
        "Bearer wrong".to_owned(),
        "Bearer ".to_owned(),
        ADMIN_TOKEN.to_owned(),
        format!("Basic {ADMIN_TOKEN}"),
        format!("Bearer {ADMIN_TOKEN}x"),
        format!("Bearer {}", &ADMIN_TOKEN[1..]),
        format!("Bearer {}", ana.session),
    ] {
        for refused in calls(&cafe, &ana.id) {
            let call = call(refused);
            house.send(call.clone()).await.refused(401);
            ana.send(call.clone()).await.refused(401);
            house
                .send(call.header("authorization", &*wrong))
                .await
                .refused(401);
        }
    }
    house.nothing_happened().await;
    for allowed in calls(&cafe, &ana.id) {
        let answer = house.send(call(allowed).admin()).await;
        assert!(
            (200..300).contains(&answer.status),
            "{}: {}",
            answer.to,
            answer.text()
        );
    }
}

#[tokio::test]
async fn without_a_token_in_the_settings_the_admin_api_is_off() {
    let mut settings = settings();
    settings.admin_token = None;
    let house = House::with(Stores::Memory, settings).await;
    let ana = house.login("ana").await;
    house.happened().await;
    for refused in calls("1", &ana.id) {
        let call = call(refused);
        house.send(call.clone()).await.refused(401);
        house.send(call.clone().admin()).await.refused(401);
        house
            .send(call.header("authorization", "Bearer "))
            .await
            .refused(401);
    }
    house.nothing_happened().await;
}

#[tokio::test]
async fn each_call_records_what_it_did_and_a_repetition_records_nothing() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    house.happened().await;
    let details = |name| {
        json!({
            "name": name, "lat": 60.168, "lng": 24.938, "category": 2, "address": "", "phone": "",
            "source": null, "shop_id": 7,
        })
    };
    let staffed = json!({"shop_id": 7, "user_id": "<ana>"});
    let ekberg = json!({"id": 7, "name": "Ekberg", "lat": 60.168, "lng": 24.938, "t": 2});
    for (method, path, body, name, data) in [
        (
            "POST",
            "/admin/shops",
            ekberg,
            "shop.registered.v1",
            details("Ekberg"),
        ),
        (
            "PATCH",
            "/admin/shops/7",
            json!({"name": "Fazer"}),
            "shop.revised.v1",
            details("Fazer"),
        ),
        (
            "POST",
            "/admin/shops/7/staffs",
            json!({"user_id": ana.id}),
            "shop.staff-added.v1",
            staffed.clone(),
        ),
        (
            "DELETE",
            &format!("/admin/shops/7/staffs/{}", ana.id),
            Value::Null,
            "shop.staff-removed.v1",
            staffed,
        ),
        (
            "PUT",
            "/admin/shops/7/notice",
            json!({"title": "hi"}),
            "shop.notice-posted.v1",
            json!({"shop_id": 7, "title": "hi"}),
        ),
        (
            "DELETE",
            "/admin/shops/7",
            Value::Null,
            "shop.closed.v1",
            json!({"shop_id": 7}),
        ),
    ] {
        let answer = house.admin(method, path, body.clone()).await.ok();
        same(&answer, &json!({"id": 7}));
        let event = json!({"stream": "shop-7", "type": name, "data": data});
        same(&house.happened().await, &json!([event]));
        // The first one is repeated while the shop is as it was registered.
        let again = house.admin(method, path, body).await.ok();
        same(&again, &json!({"id": 7}));
        house.nothing_happened().await;
    }
}

#[tokio::test]
async fn events_say_that_an_operator_did_it() {
    let house = House::new().await;
    house.shop("Ekberg", 60.168, 24.938).await;
    let stored = house.stored().await;
    assert_eq!(stored[0].metadata, r#"{"actor":"admin"}"#);
}

#[tokio::test]
async fn an_id_is_found_for_a_shop_that_has_none() {
    let house = House::new().await;
    let ekberg = json!({"name": "Ekberg", "lat": 60.168, "lng": 24.938, "t": 2});
    let first = house.shop_with(ekberg.clone()).await;
    // An equal shop is still another one.
    let second = house.shop_with(ekberg).await;
    assert_ne!(first, second);
    house
        .shop_with(json!({"id": 5000, "name": "x", "lat": 60, "lng": 24, "t": 2}))
        .await;
    assert_eq!(house.shop("next", 60.0, 24.0).await, "5001");
}

#[tokio::test]
async fn a_taken_id_is_not_given_to_another_shop() {
    let house = House::new().await;
    let shop = |name| json!({"id": 7, "name": name, "lat": 60.168, "lng": 24.938, "t": 2});
    house
        .admin("POST", "/admin/shops", shop("Ekberg"))
        .await
        .ok();
    house.happened().await;
    house
        .admin("POST", "/admin/shops", shop("Fazer"))
        .await
        .refused(409);
    house.nothing_happened().await;
    assert_eq!(
        house.get("/shop/info", &[("id", "7")]).await.ok()["name"],
        "Ekberg"
    );
}

#[tokio::test]
async fn bad_shops_are_refused_and_nothing_is_recorded() {
    let house = House::new().await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    house.happened().await;
    let good = json!({"name": "x", "lat": 60.0, "lng": 24.0, "t": 2});
    let long = "字".repeat(256);
    for (field, value) in [
        ("name", json!("")),
        ("name", json!(" ")),
        ("name", json!("two\nlines")),
        ("name", json!(long)),
        ("lat", json!(91)),
        ("lat", json!("NaN")),
        ("lng", json!(-181)),
        ("lng", json!(1e30)),
        ("t", json!(0)),
        ("t", json!(7)),
        ("t", json!("bar")),
        ("address", json!(long)),
        ("phone", json!("a\tb")),
        ("points", json!({"lat": 60, "lng": 24})),
        ("points", json!([[60, 24]])),
        ("points", json!([{"lat": 91, "lng": 24}])),
        ("points", json!([{"lat": 60}])),
        ("points", json!(vec![json!({"lat": 60, "lng": 24}); 65])),
        ("id", json!(0)),
        ("id", json!(-1)),
        ("id", json!(9_007_199_254_740_992_u64)),
        ("id", json!("x")),
    ] {
        let mut body = good.clone();
        body[field] = value;
        house
            .admin("POST", "/admin/shops", body.clone())
            .await
            .refused(400);
        if field != "id" {
            let path = format!("/admin/shops/{cafe}");
            house.admin("PATCH", &path, body).await.refused(400);
        }
    }
    for missing in ["name", "lat", "lng", "t"] {
        let mut body = good.clone();
        body.as_object_mut().expect("an object").remove(missing);
        house.admin("POST", "/admin/shops", body).await.refused(400);
    }
    house
        .admin("PATCH", &format!("/admin/shops/{cafe}"), json!({"lat": 61}))
        .await
        .refused(400);
    let notice = format!("/admin/shops/{cafe}/notice");
    house
        .admin("PUT", &notice, json!({"title": long}))
        .await
        .refused(400);
    house.admin("PUT", &notice, json!({})).await.refused(400);
    house.nothing_happened().await;
}

#[tokio::test]
async fn unknown_shops_people_and_projections_are_errors() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    house.happened().await;
    let nobody = "502e6303421aa918ba000001";
    for id in ["999", "x", "0", "-1", "1e3"] {
        for (method, path, body) in calls(id, &ana.id) {
            if path.starts_with("/admin/shops/") {
                house.admin(method, &path, body).await.refused(404);
            }
        }
    }
    let staffs = format!("/admin/shops/{cafe}/staffs");
    house
        .admin("POST", &staffs, json!({"user_id": nobody}))
        .await
        .refused(404);
    house
        .admin("POST", &staffs, json!({"user_id": "x"}))
        .await
        .refused(400);
    for id in [nobody, "x", "%00", "..%2f.."] {
        let path = format!("/admin/users/{id}/reset_password");
        house.admin("POST", &path, Value::Null).await.refused(404);
    }
    house
        .admin("POST", "/admin/projections/nothing/rebuild", Value::Null)
        .await
        .refused(404);
    house.nothing_happened().await;
}
