//! `/checkins`: being somewhere (seed §9).

use crate::harness::{Call, DAY, HOUR, House, MINUTE, same};
use serde_json::json;

#[tokio::test]
async fn a_check_in_is_answered_with_its_record_and_recorded_whole() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    house
        .shop_with(json!({"id": 40056, "name": "新紫轩花店", "lat": 60, "lng": 24, "t": 1}))
        .await;
    house.happened().await;
    let all = [
        ("lat", "30.28691"),
        ("lng", "120.12763"),
        ("accuracy", "65.5"),
        ("shop_id", "40056"),
        ("user_id", ana.id.as_str()),
        ("od", "2"),
        ("altitude", "-3.5"),
        ("altacc", "-1"),
        ("bssid", "00:1b:2c:3d:4e:5f"),
    ];
    let row = ana.post("/checkins", &all).await.ok();
    same(
        &house.scrub.tidy(&row),
        &json!({
            "id": "<id>",
            "user_id": "<ana>",
            "shop_id": 40056,
            "shop": "新紫轩花店",
            "time": ["09.22", "14:24"],
        }),
    );
    same(
        &house.happened().await,
        &json!([{
            "stream": "checkin-<id>",
            "type": "checkin.checked-in.v1",
            "data": {
                "checkin_id": "<id>", "user_id": "<ana>", "shop_id": 40056, "lat": 30.28691,
                "lng": 120.12763, "accuracy": 65.5, "od": 2, "altitude": -3.5, "altacc": -1.0,
                "bssid": "00:1b:2c:3d:4e:5f", "hidden": false,
            },
        }]),
    );
}

#[tokio::test]
async fn every_check_in_counts_even_the_same_one_again() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let first = ana.check_in(&cafe).await;
    let second = ana.check_in(&cafe).await;
    assert_ne!(first, second);
    let ids: Vec<_> = ana
        .checkins()
        .await
        .iter()
        .map(|row| row["id"].clone())
        .collect();
    assert_eq!(ids, [second, first]);
}

#[tokio::test]
async fn a_check_in_that_cannot_be_is_refused_and_not_recorded() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let closed = house.shop("Gone", 60.168, 24.938).await;
    house
        .admin("DELETE", &format!("/admin/shops/{closed}"), json!(null))
        .await
        .ok();
    house.happened().await;
    let good = [
        ("lat", "60.168"),
        ("lng", "24.938"),
        ("accuracy", "65"),
        ("shop_id", cafe.as_str()),
        ("user_id", ana.id.as_str()),
        ("od", "1"),
    ];
    for (name, value, status) in [
        ("lat", "90.5", 400),
        ("lat", "NaN", 400),
        ("lat", "inf", 400),
        ("lat", "1e30", 400),
        ("lat", "", 400),
        ("lng", "-180.5", 400),
        ("lng", "x", 400),
        ("accuracy", "-1", 400),
        ("accuracy", "NaN", 400),
        ("od", "0", 400),
        ("od", "first", 400),
        ("shop_id", "999", 404),
        ("shop_id", closed.as_str(), 404),
        ("shop_id", "0", 400),
        ("shop_id", "9007199254740992", 400),
        ("shop_id", "1.0", 400),
        ("user_id", "me", 400),
        ("altitude", "NaN", 400),
        ("altacc", "high", 400),
        ("bssid", "two words", 400),
        ("bssid", &"a".repeat(65), 400),
    ] {
        let mut parameters: Vec<_> = good.into_iter().filter(|(key, _)| *key != name).collect();
        parameters.push((name, value));
        ana.post("/checkins", &parameters).await.refused(status);
    }
    for missing in good {
        let rest: Vec<_> = good
            .into_iter()
            .filter(|parameter| *parameter != missing)
            .collect();
        ana.post("/checkins", &rest).await.refused(400);
    }
    house.post("/checkins", &good).await.refused(401);
    house.nothing_happened().await;
    ana.post("/checkins", &good).await.ok();
}

#[tokio::test]
async fn the_list_holds_ones_own_check_ins_unmerged_and_newest_first() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let bar = house.shop("Kaisla", 60.171, 24.945).await;
    for shop in [&cafe, &cafe, &bar] {
        ana.check_in(shop).await;
        house.clock.pass(MINUTE);
    }
    bo.check_in(&bar).await;
    house.clock.pass(365 * DAY);
    let ana = house.login("ana").await;
    let rows = ana.get("/checkins", &[]).await.ok();
    let row = |shop: &str, name, clock| {
        json!({
            "id": "<id>", "user_id": "<ana>", "shop_id": shop.parse::<u64>().expect("an id"),
            "shop": name, "time": ["2012.09.22", clock],
        })
    };
    same(
        &house.scrub.tidy(&rows),
        &json!([
            row(&bar, "Kaisla", "14:26"),
            row(&cafe, "Ekberg", "14:25"),
            row(&cafe, "Ekberg", "14:24"),
        ]),
    );
    house.send(Call::new("GET", "/checkins")).await.refused(401);
}

#[tokio::test]
async fn pages_of_the_list_are_disjoint_and_complete() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let mut made = Vec::new();
    for _ in 0..25 {
        made.push(ana.check_in(&cafe).await);
        house.clock.pass(HOUR);
    }
    made.reverse();
    let page = async |parameters: &[(&str, &str)]| {
        let rows = ana.get("/checkins", parameters).await.ok();
        let rows = rows.as_array().expect("an array").clone();
        rows.iter()
            .map(|row| row["id"].as_str().expect("an id").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(page(&[]).await, made[..20]);
    assert_eq!(page(&[("page", "2")]).await, made[20..]);
    assert_eq!(page(&[("page", "3")]).await, [""; 0]);
    assert_eq!(page(&[("page", "3"), ("pcount", "10")]).await, made[20..]);
    assert_eq!(
        page(&[("page", "4294967295"), ("pcount", "100")]).await,
        [""; 0]
    );
    assert_eq!(page(&[("pcount", "4294967295")]).await, made);
    for bad in ["0", "-1", "", "x", "1.5", "1e30"] {
        for name in ["page", "pcount"] {
            ana.get("/checkins", &[(name, bad)]).await.refused(400);
        }
    }
}
