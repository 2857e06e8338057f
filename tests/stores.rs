//! One evening, told on every store: the answers and the log are the same, also after a restart
//! and after everything but the log was lost.

use crate::harness::{DAY, HOUR, House, MINUTE, Phone, Stores, same, settings};
use serde_json::{Value, json};

/// Lets a good deal happen.
async fn evening(house: &House) -> [Phone; 3] {
    let people = [
        house.login("ana").await,
        house.login("bo").await,
        house.login("cai").await,
    ];
    let [ana, bo, cai] = &people;
    for (id, name, lat) in [
        (11, "咖啡馆", 60.1),
        (12, "酒吧", 60.1005),
        (13, "closed", 60.101),
    ] {
        house
            .shop_with(json!({"id": id, "name": name, "lat": lat, "lng": 24.9, "t": 2}))
            .await;
    }
    house
        .admin("PATCH", "/admin/shops/12", json!({"t": 1, "phone": "09"}))
        .await
        .ok();
    house
        .admin("PUT", "/admin/shops/12/notice", json!({"title": "半价 😀"}))
        .await
        .ok();
    house
        .admin("POST", "/admin/shops/12/staffs", json!({"user_id": cai.id}))
        .await
        .ok();
    ana.set(&[("gender", "2"), ("signature", "<b>\"&\\ 😀</b>")])
        .await;
    bo.set(&[("gender", "1"), ("birthday", "1990-02-28")]).await;
    ana.check_in("11").await;
    ana.check_in("13").await;
    house
        .admin("DELETE", "/admin/shops/13", Value::Null)
        .await
        .ok();
    house.clock.pass(10 * HOUR);
    bo.check_in("11").await;
    house.clock.pass(MINUTE);
    let mistake = ana.check_in("11").await;
    ana.post("/checkins/delete", &[("id", &mistake)]).await.ok();
    ana.check_in("12").await;
    cai.set(&[("invisible", "2")]).await;
    cai.check_in("12").await;
    bo.set(&[("invisible", "1")]).await;
    house.clock.pass(DAY / 4);
    ana.check_in("12").await;
    house
        .admin(
            "POST",
            &format!("/admin/users/{}/reset_password", bo.id),
            Value::Null,
        )
        .await
        .ok();
    people
}

/// Everything that can be asked.
async fn answers(house: &House, people: &[Phone]) -> Value {
    let mut all = Vec::new();
    let here = [("lat", "60.1"), ("lng", "24.9"), ("accuracy", "65")];
    for path in ["/aroundme/shops", "/shop/nearby"] {
        all.push(house.get(path, &here).await.ok());
    }
    for id in ["11", "12"] {
        all.push(house.get("/shop/info", &[("id", id)]).await.ok());
    }
    for phone in people {
        for id in ["11", "12"] {
            all.push(phone.get("/shop/users", &[("id", id)]).await.ok());
        }
        for other in people {
            all.push(phone.get("/user_info/get", &[("id", &other.id)]).await.ok());
        }
        all.push(phone.get("/user_info/get_self", &[]).await.ok());
        all.push(phone.get("/user_info/trace", &[]).await.ok());
        all.push(phone.get("/checkins", &[]).await.ok());
    }
    Value::Array(all)
}

/// `answers` without what is different in every house: ids and what is derived from them.
fn comparable(house: &House, answers: &Value) -> Value {
    let mut tidy = house.scrub.tidy(answers);
    for row in tidy.as_array_mut().expect("an array") {
        if let Some(password) = row.get_mut("password") {
            *password = json!("<password>");
        }
    }
    tidy
}

#[tokio::test]
async fn the_evening_is_the_same_on_every_store_whatever_is_stopped_or_lost() {
    let mut told: Option<(Value, Value)> = None;
    for stores in [Stores::Memory, Stores::Sqlite, Stores::Postgres] {
        let house = House::with(stores, settings()).await;
        let people = evening(&house).await;
        let log = house.happened().await;
        let first = answers(&house, &people).await;
        let story = (comparable(&house, &first), log);

        let house = house.restart().await;
        same(&answers(&house, &people).await, &first);
        let house = house.restart_from_the_log_alone().await;
        same(&answers(&house, &people).await, &first);
        house.nothing_happened().await;

        match &told {
            None => told = Some(story),
            Some(before) => {
                same(&story.1, &before.1);
                same(&story.0, &before.0);
            }
        }
    }
}

#[tokio::test]
async fn the_evening_is_in_the_log() {
    let house = House::new().await;
    evening(&house).await;
    let mut types = house.happened_types().await;
    types.dedup();
    insta::assert_snapshot!(types.join("\n"), @r"
    identity.linked.v1
    user.registered.v1
    identity.linked.v1
    user.registered.v1
    identity.linked.v1
    user.registered.v1
    shop.registered.v1
    shop.revised.v1
    shop.notice-posted.v1
    shop.staff-added.v1
    user.profile-changed.v1
    checkin.checked-in.v1
    shop.closed.v1
    checkin.checked-in.v1
    checkin.deleted.v1
    checkin.checked-in.v1
    user.visibility-changed.v1
    checkin.checked-in.v1
    user.visibility-changed.v1
    checkin.checked-in.v1
    user.password-reset.v1
    ");
}
