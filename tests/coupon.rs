//! What shops offer their guests, and what operators see of it (seed §31). People's copies are in
//! [`copies`], the picture of a coupon in [`art`].

mod art;
mod copies;

use crate::harness::{Call, Form, House, JPEG, MINUTE, PNG, Stores, picture, same, settings};
use serde_json::{Value, json};

/// A house with a café whose id is 7.
async fn house(stores: Stores) -> House {
    let house = House::with(stores, settings()).await;
    let cafe = json!({"id": 7, "name": "Ekberg", "lat": 60.168, "lng": 24.938, "t": 2});
    house.shop_with(cafe).await;
    house
}

/// Offers a coupon of the café, which is shown as `<name>`; answers its id.
async fn offer(house: &House, name: &str, rule: u8) -> String {
    let coupon = json!({"shop_id": 7, "name": name, "rule": rule});
    offered(house, name, coupon).await
}

async fn offered(house: &House, name: &str, coupon: Value) -> String {
    let answer = house.admin("POST", "/admin/coupons", coupon).await.ok();
    let id = answer["id"].as_str().expect("an id").to_owned();
    house.scrub.name(&id, name);
    id
}

#[tokio::test]
async fn a_coupon_is_offered_listed_and_withdrawn() {
    let house = house(Stores::Memory).await;
    house
        .shop_with(json!({"id": 8, "name": "Kaisla", "lat": 60, "lng": 24, "t": 1}))
        .await;
    house.happened().await;
    let all = json!({
        "shop_id": 7, "name": "半价", "desc": "两杯起", "rule": 1, "valid_until": "2012-12-31",
    });
    let half = offered(&house, "half", all).await;
    house.clock.pass(MINUTE);
    let other = json!({"shop_id": 8, "name": "茶", "rule": 0});
    let tea = offered(&house, "tea", other).await;
    same(
        &house.happened().await,
        &json!([
            {
                "stream": "coupon-<half>",
                "type": "coupon.offered.v1",
                "data": {
                    "coupon_id": "<half>", "shop_id": 7, "name": "半价", "desc": "两杯起",
                    "rule": 1, "valid_until": "2012-12-31", "image": false,
                },
            },
            {
                "stream": "coupon-<tea>",
                "type": "coupon.offered.v1",
                "data": {
                    "coupon_id": "<tea>", "shop_id": 8, "name": "茶", "desc": "", "rule": 0,
                    "image": false,
                },
            },
        ]),
    );
    let path = format!("/admin/coupons/{tea}");
    for _ in 0..2 {
        let answer = house.admin("DELETE", &path, Value::Null).await.ok();
        same(&answer, &json!({"id": tea}));
    }
    same(
        &house.happened().await,
        &json!([{
            "stream": "coupon-<tea>",
            "type": "coupon.withdrawn.v1",
            "data": {"coupon_id": "<tea>", "shop_id": 8},
        }]),
    );
    let rows = house.admin("GET", "/admin/coupons", Value::Null).await.ok();
    same(
        &house.scrub.tidy(&rows),
        &json!([
            {
                "id": "<tea>", "shop_id": 8, "shop": "Kaisla", "name": "茶", "desc": "", "rule": 0,
                "valid_until": null, "image": false, "offered": "2012-09-22T06:25:00Z",
                "withdrawn": true, "granted": 0, "used": 0,
            },
            {
                "id": "<half>", "shop_id": 7, "shop": "Ekberg", "name": "半价", "desc": "两杯起",
                "rule": 1, "valid_until": "2012-12-31", "image": false,
                "offered": "2012-09-22T06:24:00Z", "withdrawn": false, "granted": 0, "used": 0,
            },
        ]),
    );
    for (query, ids) in [
        ("shop_id=7", vec![&half]),
        ("shop_id=9", vec![]),
        ("page=2&pcount=1", vec![&half]),
        ("page=3&pcount=1", vec![]),
    ] {
        let path = format!("/admin/coupons?{query}");
        let rows = house.admin("GET", &path, Value::Null).await.ok();
        let rows = rows.as_array().expect("an array").iter();
        assert_eq!(
            rows.map(|row| &row["id"]).collect::<Vec<_>>(),
            ids,
            "{query}"
        );
    }
}

#[tokio::test]
async fn an_offer_that_cannot_be_is_refused_and_nothing_is_left_of_it() {
    let house = house(Stores::Memory).await;
    house.happened().await;
    let good = json!({"shop_id": 7, "name": "半价", "rule": 0});
    for (name, value, status) in [
        ("shop_id", json!(999), 404),
        ("shop_id", json!("x"), 400),
        ("name", json!(""), 400),
        ("name", json!("a\nb"), 400),
        ("name", json!("字".repeat(64)), 400),
        ("desc", json!("字".repeat(501)), 400),
        ("rule", json!(3), 400),
        ("rule", json!("often"), 400),
        ("valid_until", json!("2012-02-30"), 400),
        ("valid_until", json!("soon"), 400),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        let answer = house.admin("POST", "/admin/coupons", bad.clone()).await;
        answer.refused(status);
        // The same with a picture.
        let fields = bad.as_object().expect("an object").iter();
        let form = fields.fold(Form::new(), |form, (name, value)| {
            let plain = value.to_string();
            form.text(name, value.as_str().unwrap_or(&plain))
        });
        let form = form.file("image", PNG, &picture::png(9, 9));
        let call = form.to("/admin/coupons").admin();
        house.send(call).await.refused(status);
    }
    let with = |form: Form| {
        form.text("shop_id", "7")
            .text("name", "半价")
            .text("rule", "0")
            .to("/admin/coupons")
    };
    let whole = picture::jpeg(400, 400);
    let file = |name, kind, bytes: &[u8]| with(Form::new().file(name, kind, bytes));
    for (call, status) in [
        (file("image", JPEG, &whole[..whole.len() / 2]), 400),
        (file("image", PNG, b"half price"), 415),
        (file("image", "text/html", &whole), 415),
        (file("image", PNG, b""), 400),
        (file("img", JPEG, &whole), 400),
        (
            file("image", PNG, &picture::png_of_size(30_000, 30_000)),
            413,
        ),
    ] {
        house.send(call.admin()).await.refused(status);
    }
    house.send(file("image", JPEG, &whole)).await.refused(401);
    house.nothing_happened().await;
    assert!(house.blob_names().await.is_empty());
    let unknown = "/admin/coupons/502e6303421aa918ba000001";
    house
        .admin("DELETE", unknown, Value::Null)
        .await
        .refused(404);
    for (method, path) in [("POST", "/admin/coupons"), ("GET", "/admin/coupons")] {
        house.send(Call::new(method, path)).await.refused(401);
    }
    house.nothing_happened().await;
}
