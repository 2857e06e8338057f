//! Who is where now: `/shop/users` and the counters of shops (seed §4, §8).

use crate::harness::{DAY, HOUR, House, MINUTE, Stores, same, settings};
use serde_json::{Value, json};

/// People, men and women at a shop, as its rows count them.
async fn crowd(house: &House, shop: &str) -> [u64; 3] {
    let here = [
        ("lat", "60.168"),
        ("lng", "24.938"),
        ("accuracy", "65"),
        ("pcount", "100"),
    ];
    let mut counts = Vec::new();
    for path in ["/aroundme/shops", "/shop/nearby"] {
        let rows = house.get(path, &here).await.ok();
        let id: u64 = shop.parse().expect("an id");
        let row = rows
            .as_array()
            .expect("an array")
            .iter()
            .find(|row| row["id"] == id);
        let row = row.unwrap_or_else(|| panic!("{shop} is not in {rows}"));
        counts.push(["user", "male", "female"].map(|key| row[key].as_u64().expect("a count")));
    }
    assert_eq!(counts[0], counts[1]);
    counts[0]
}

#[tokio::test]
async fn men_women_and_others_are_counted() {
    let house = House::new().await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    assert_eq!(crowd(&house, &cafe).await, [0, 0, 0]);
    for (name, gender) in [("ana", "2"), ("bo", "1"), ("cai", "1"), ("dana", "0")] {
        let phone = house.login(name).await;
        phone.set(&[("gender", gender)]).await;
        phone.check_in(&cafe).await;
    }
    assert_eq!(crowd(&house, &cafe).await, [4, 2, 1]);
    house.login("dana").await.set(&[("gender", "2")]).await;
    assert_eq!(crowd(&house, &cafe).await, [4, 2, 2]);
}

#[tokio::test]
async fn a_person_counts_once_and_in_one_shop_only() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let bar = house.shop("Kaisla", 60.1685, 24.938).await;
    for _ in 0..3 {
        ana.check_in(&cafe).await;
        house.clock.pass(MINUTE);
    }
    assert_eq!(crowd(&house, &cafe).await, [1, 0, 0]);
    assert_eq!(ana.sees_at(&cafe).await, [ana.id.as_str()]);
    ana.check_in(&bar).await;
    assert_eq!(crowd(&house, &cafe).await, [0, 0, 0]);
    assert_eq!(crowd(&house, &bar).await, [1, 0, 0]);
    assert!(ana.sees_at(&cafe).await.is_empty());
}

#[tokio::test]
async fn nobody_stays_longer_than_the_presence_window() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    ana.check_in(&cafe).await;
    house.clock.pass(12 * HOUR - MINUTE);
    assert_eq!(crowd(&house, &cafe).await, [1, 0, 0]);
    house.clock.pass(2 * MINUTE);
    assert_eq!(crowd(&house, &cafe).await, [0, 0, 0]);
    assert!(ana.sees_at(&cafe).await.is_empty());
    ana.check_in(&cafe).await;
    assert_eq!(crowd(&house, &cafe).await, [1, 0, 0]);
}

#[tokio::test]
async fn the_presence_window_is_a_setting() {
    let mut settings = settings();
    settings.presence_window_ms = 2 * HOUR;
    let house = House::with(Stores::Memory, settings).await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    ana.check_in(&cafe).await;
    house.clock.pass(2 * HOUR + MINUTE);
    assert_eq!(crowd(&house, &cafe).await, [0, 0, 0]);
}

#[tokio::test]
async fn the_list_tells_who_is_there_and_for_how_long_but_no_secrets() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let profile = [
        ("gender", "2"),
        ("birthday", "1990-02-28"),
        ("signature", "hi"),
        ("job", "cook"),
        ("jobtype", "3"),
        ("hobby", "Weiqi, go"),
    ];
    ana.set(&profile).await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    ana.check_in(&cafe).await;
    house.clock.pass(5 * MINUTE);
    bo.check_in(&cafe).await;
    let rows = house.get("/shop/users", &[("id", &cafe)]).await.ok();
    let row = |name: &str, time: &str, rest: Value| {
        let mut row = json!({
            "id": format!("<{name}>"), "name": name, "time": time, "logo": "", "logo_thumb": "",
            "logo_thumb2": "", "wb_uid": null, "friend": false, "follower": false,
        });
        for (key, value) in rest.as_object().expect("fields") {
            row[key] = value.clone();
        }
        row
    };
    let unset = json!({
        "gender": 0, "birthday": null, "signature": "", "job": "", "jobtype": null, "hobby": "",
    });
    let set = json!({
        "gender": 2, "birthday": "1990-02-28", "signature": "hi", "job": "cook", "jobtype": 3,
        "hobby": "Weiqi, go",
    });
    let expected = json!([row("bo", "刚刚", unset), row("ana", "5分钟以前", set)]);
    same(&house.scrub.tidy(&rows), &expected);
    same(&bo.get("/shop/users", &[("id", &cafe)]).await.ok(), &rows);
}

#[tokio::test]
async fn who_came_last_stands_first_in_disjoint_pages_that_are_filled_after_hiding() {
    let house = House::new().await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let mut shown = Vec::new();
    for n in 0..9 {
        let phone = house.login(&format!("p{n}")).await;
        // Every third hides from strangers.
        if n % 3 == 0 {
            phone.set(&[("invisible", "1")]).await;
        } else {
            shown.push(phone.id.clone());
        }
        phone.check_in(&cafe).await;
        house.clock.pass(MINUTE);
    }
    // The first of those that are shown comes back, and moves to the front.
    house.login("p1").await.check_in(&cafe).await;
    let first = shown.remove(0);
    shown.push(first);
    shown.reverse();
    let page = async |page: &str, pcount: &str| {
        let parameters = [("id", cafe.as_str()), ("page", page), ("pcount", pcount)];
        let rows = house.get("/shop/users", &parameters).await.ok();
        let rows = rows.as_array().expect("an array").clone();
        rows.iter()
            .map(|row| row["id"].as_str().expect("an id").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(page("1", "100").await, shown);
    assert_eq!(page("1", "4").await, shown[..4]);
    assert_eq!(page("2", "4").await, shown[4..]);
    assert_eq!(page("3", "4").await, [""; 0]);
}

#[tokio::test]
async fn taking_a_check_in_back_restores_the_one_before() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let bar = house.shop("Kaisla", 60.1685, 24.938).await;
    let first = ana.check_in(&cafe).await;
    house.clock.pass(HOUR);
    let second = ana.check_in(&bar).await;
    let last = async || {
        let user = house
            .login("bo")
            .await
            .get("/user_info/get", &[("id", &ana.id)])
            .await;
        user.ok()["last"].as_str().expect("a text").to_owned()
    };
    assert_eq!(last().await, "刚刚 Kaisla");
    ana.post("/checkins/delete", &[("id", &second)]).await.ok();
    assert_eq!(crowd(&house, &bar).await, [0, 0, 0]);
    assert_eq!(crowd(&house, &cafe).await, [1, 0, 0]);
    assert_eq!(last().await, "1小时以前 Ekberg");
    ana.post("/checkins/delete", &[("id", &first)]).await.ok();
    assert_eq!(crowd(&house, &cafe).await, [0, 0, 0]);
    assert_eq!(last().await, "");
}

#[tokio::test]
async fn what_is_restored_may_lie_outside_of_the_window() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    ana.check_in(&cafe).await;
    house.clock.pass(DAY);
    let second = ana.check_in(&cafe).await;
    ana.post("/checkins/delete", &[("id", &second)]).await.ok();
    assert_eq!(crowd(&house, &cafe).await, [0, 0, 0]);
    assert_eq!(ana.checkins().await.len(), 1);
}

#[tokio::test]
async fn the_people_of_an_unknown_or_closed_shop_are_an_error() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    ana.check_in(&cafe).await;
    house
        .admin("DELETE", &format!("/admin/shops/{cafe}"), json!(null))
        .await
        .ok();
    for (id, status) in [
        (cafe.as_str(), 404),
        ("999", 404),
        ("x", 400),
        ("-1", 400),
        ("", 400),
    ] {
        house
            .get("/shop/users", &[("id", id)])
            .await
            .refused(status);
    }
    house.get("/shop/users", &[]).await.refused(400);
}
