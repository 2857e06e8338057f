//! Copies of coupons: given at check-ins, used once (seed §31.1, §31.3).

use super::{house, offer, offered};
use crate::harness::{DAY, HOUR, House, Stores, same};
use serde_json::{Value, json};

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
