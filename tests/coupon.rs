//! What shops offer their guests (seed §31): giving it out, using it, and how it is taken up. The
//! picture of a coupon is in [`art`].

mod art;

use crate::harness::{
    Call, DAY, Form, HOUR, House, JPEG, MINUTE, PNG, Stores, picture, same, settings,
};
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

/// How many copies of each coupon were given out and used, by name.
async fn taken_up(house: &House) -> Value {
    let rows = house.admin("GET", "/admin/coupons", Value::Null).await;
    let rows = rows.ok();
    let rows = rows.as_array().expect("an array").iter();
    rows.map(|row| {
        let name = row["name"].as_str().expect("a name").to_owned();
        (name, json!([row["granted"], row["used"]]))
    })
    .collect()
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

#[tokio::test]
async fn a_check_in_brings_a_copy_by_the_rule_of_each_coupon() {
    let house = house(Stores::Memory).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    offer(&house, "once", 0).await;
    let unused = offer(&house, "unused", 1).await;
    offer(&house, "always", 2).await;
    let bar = house.shop("Kaisla", 60.171, 24.945).await;
    let visit = async |shop: &str| {
        house.clock.pass(HOUR);
        ana.check_in(shop).await;
        house.quiet().await;
        taken_up(&house).await
    };
    let counts = |once, unused, always| json!({"once": once, "unused": unused, "always": always});
    let none = json!([0, 0]);
    same(
        &visit(&bar).await,
        &counts(none.clone(), none.clone(), none),
    );
    house.happened().await;
    same(
        &visit("7").await,
        &counts(json!([1, 0]), json!([1, 0]), json!([1, 0])),
    );
    let happened = house.happened().await;
    let granted: Vec<&Value> = happened
        .as_array()
        .expect("an array")
        .iter()
        .skip(1)
        .collect();
    assert_eq!(granted.len(), 3, "{happened}");
    for event in granted {
        let coupon = event["data"]["coupon_id"].as_str().expect("a name");
        same(
            event,
            &json!({
                "stream": format!("grant-{coupon}-<ana>"),
                "type": "coupon.granted.v1",
                "data": {
                    "coupon_id": coupon, "user_id": "<ana>", "shop_id": 7, "checkin_id": "<id>",
                    "occasion": "checkin", "at": 1_348_295_040_000_i64 + 2 * HOUR,
                },
            }),
        );
    }
    same(
        &visit("7").await,
        &counts(json!([1, 0]), json!([1, 0]), json!([2, 0])),
    );
    ana.post("/coupons/use", &[("id", &unused)]).await.ok();
    same(
        &visit("7").await,
        &counts(json!([1, 0]), json!([2, 1]), json!([3, 0])),
    );
    bo.check_in("7").await;
    house.quiet().await;
    same(
        &taken_up(&house).await,
        &counts(json!([2, 0]), json!([3, 1]), json!([4, 0])),
    );
}

#[tokio::test]
async fn what_is_offered_or_withdrawn_later_changes_nothing_about_an_earlier_check_in() {
    let house = house(Stores::Memory).await;
    let ana = house.login("ana").await;
    ana.check_in("7").await;
    let early = offer(&house, "early", 2).await;
    house.quiet().await;
    same(&taken_up(&house).await, &json!({"early": [0, 0]}));
    ana.check_in("7").await;
    house.quiet().await;
    let path = format!("/admin/coupons/{early}");
    house.admin("DELETE", &path, Value::Null).await.ok();
    ana.check_in("7").await;
    house.quiet().await;
    same(&taken_up(&house).await, &json!({"early": [1, 0]}));
    // The copy stays good.
    ana.post("/coupons/use", &[("id", &early)]).await.ok();
    same(&taken_up(&house).await, &json!({"early": [1, 1]}));
}

#[tokio::test]
async fn a_copy_is_used_once_and_only_by_its_owner() {
    let house = house(Stores::Memory).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let half = offer(&house, "half", 2).await;
    for _ in 0..2 {
        ana.check_in("7").await;
    }
    house.quiet().await;
    house.happened().await;
    let this = [("id", half.as_str())];
    bo.post("/coupons/use", &this).await.refused(404);
    house.post("/coupons/use", &this).await.refused(401);
    ana.get("/coupons/use", &this).await.refused(405);
    for (bad, status) in [("", 400), ("x", 400), ("502e6303421aa918ba000001", 404)] {
        ana.post("/coupons/use", &[("id", bad)])
            .await
            .refused(status);
    }
    ana.post("/coupons/use", &[]).await.refused(400);
    house.nothing_happened().await;
    // The two copies were given in the same moment, and are told apart by a second.
    for number in 0..2 {
        let answer = ana.post("/coupons/use.json", &this).await.ok();
        same(&answer, &json!({"used": half}));
        let used = json!([{
            "stream": "grant-<half>-<ana>",
            "type": "coupon.used.v1",
            "data": {
                "coupon_id": "<half>", "user_id": "<ana>", "shop_id": 7,
                "granted_at": 1_348_295_040_000_i64 + number * 1_000,
            },
        }]);
        same(&house.happened().await, &used);
    }
    ana.post("/coupons/use", &this).await.refused(409);
    house.nothing_happened().await;
    same(&taken_up(&house).await, &json!({"half": [2, 2]}));
}

#[tokio::test]
async fn a_copy_asked_for_from_many_phones_at_once_is_used_once() {
    let house = house(Stores::Memory).await;
    let ana = house.login("ana").await;
    let half = offer(&house, "half", 0).await;
    ana.check_in("7").await;
    house.quiet().await;
    house.happened().await;
    let calls = (0..8).map(|_| {
        let (ana, half) = (ana.clone(), half.clone());
        let used = async move { ana.post("/coupons/use", &[("id", &half)]).await.status };
        tokio::spawn(used)
    });
    let mut said = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        said.push(call.await.expect("an answer"));
    }
    said.sort_unstable();
    assert_eq!(said, [200, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(house.happened_types().await, ["coupon.used.v1"]);
}

#[tokio::test]
async fn the_last_day_ends_at_midnight_where_the_house_is() {
    let house = house(Stores::Memory).await;
    let ana = house.login("ana").await;
    // It is 14:24 on 22 September there.
    let coupon = |day| json!({"shop_id": 7, "name": day, "rule": 2, "valid_until": day});
    let today = offered(&house, "today", coupon("2012-09-22")).await;
    let over = offered(&house, "over", coupon("2012-09-21")).await;
    house.clock.pass(9 * HOUR);
    ana.check_in("7").await;
    house.quiet().await;
    let once = json!({"2012-09-22": [1, 0], "2012-09-21": [0, 0]});
    same(&taken_up(&house).await, &once);
    ana.post("/coupons/use", &[("id", &over)])
        .await
        .refused(409);
    house.clock.pass(HOUR);
    ana.check_in("7").await;
    house.quiet().await;
    same(&taken_up(&house).await, &once);
    ana.post("/coupons/use", &[("id", &today)])
        .await
        .refused(409);
    let helsinki = house
        .restart_with(|settings| {
            settings.timezone = jiff::tz::TimeZone::get("Europe/Helsinki").expect("a zone");
        })
        .await;
    // There the day is not over yet.
    ana.post("/coupons/use", &[("id", &today)]).await.ok();
    helsinki.clock.pass(DAY);
    ana.get("/coupons/img", &[("id", &today)]).await.elsewhere();
}

#[tokio::test]
async fn copies_are_the_same_on_every_store_whatever_is_stopped_or_lost() {
    for stores in [Stores::Sqlite, Stores::Postgres] {
        let house = house(stores).await;
        let (ana, bo) = (house.login("ana").await, house.login("bo").await);
        let once = offer(&house, "once", 0).await;
        offer(&house, "always", 2).await;
        for phone in [&ana, &bo, &ana] {
            phone.check_in("7").await;
        }
        house.quiet().await;
        ana.post("/coupons/use", &[("id", &once)]).await.ok();
        let list = async |house: &House| {
            let rows = house.admin("GET", "/admin/coupons", Value::Null).await;
            rows.ok()
        };
        let before = list(&house).await;
        same(
            &taken_up(&house).await,
            &json!({"once": [2, 1], "always": [3, 0]}),
        );
        house.happened().await;
        let house = house.restart().await;
        same(&list(&house).await, &before);
        let house = house.restart_from_the_log_alone().await;
        same(&list(&house).await, &before);
        house.quiet().await;
        house.nothing_happened().await;
        ana.post("/coupons/use", &[("id", &once)])
            .await
            .refused(409);
        bo.post("/coupons/use", &[("id", &once)]).await.ok();
    }
}
