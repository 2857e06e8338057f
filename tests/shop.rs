//! One shop: `/shop/info`, its staff, its notice, and its end (seed §7).

use crate::harness::{House, same};
use serde_json::json;

#[tokio::test]
async fn a_shop_tells_all_that_is_known_of_it() {
    let house = House::new().await;
    house
        .shop_with(json!({
            "id": 4_928_288, "name": "浙江科技产业大厦", "lat": 60.168, "lng": 24.938, "t": 6,
            "address": "古翠路80", "phone": "0571-1234",
        }))
        .await;
    let info = house.get("/shop/info", &[("id", "4928288")]).await.ok();
    same(
        &info,
        &json!({
            "id": 4_928_288, "name": "浙江科技产业大厦", "t": 6, "lat": 60.168, "lng": 24.938,
            "lo": [60.168, 24.938], "address": "古翠路80", "phone": "0571-1234", "staffs": [],
            "notice": "",
        }),
    );
}

#[tokio::test]
async fn what_is_not_known_of_a_shop_is_empty() {
    let house = House::new().await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let info = house.get("/shop/info", &[("id", &cafe)]).await.ok();
    assert_eq!((&info["address"], &info["phone"]), (&json!(""), &json!("")));
}

#[tokio::test]
async fn staff_are_listed_once_while_they_work_there() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    let staffs = async || {
        let info = house.get("/shop/info", &[("id", &cafe)]).await.ok();
        house.scrub.tidy(&info["staffs"])
    };
    let path = format!("/admin/shops/{cafe}/staffs");
    for id in [&ana.id, &bo.id, &ana.id] {
        house
            .admin("POST", &path, json!({"user_id": id}))
            .await
            .ok();
    }
    let listed = staffs().await;
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");
    for name in ["<ana>", "<bo>"] {
        assert!(
            listed
                .as_array()
                .is_some_and(|all| all.contains(&json!(name))),
            "{listed}"
        );
    }
    house
        .admin("DELETE", &format!("{path}/{}", ana.id), json!(null))
        .await
        .ok();
    same(&staffs().await, &json!(["<bo>"]));
}

#[tokio::test]
async fn the_latest_notice_is_shown_until_it_is_taken_down() {
    let house = House::new().await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    for title in ["周末半价", "<b>Fresh & hot</b> 😀", ""] {
        let path = format!("/admin/shops/{cafe}/notice");
        house
            .admin("PUT", &path, json!({"title": title}))
            .await
            .ok();
        let info = house.get("/shop/info", &[("id", &cafe)]).await.ok();
        assert_eq!(info["notice"], title);
    }
}

#[tokio::test]
async fn an_unknown_shop_is_an_error() {
    let house = House::new().await;
    house.shop("Ekberg", 60.168, 24.938).await;
    for (id, status) in [
        ("999", 404),
        ("9007199254740991", 404),
        ("9007199254740992", 400),
        ("1e30", 400),
        ("0", 400),
        ("-1", 400),
        ("1.0", 400),
        ("x", 400),
        ("", 400),
    ] {
        house.get("/shop/info", &[("id", id)]).await.refused(status);
    }
    house.get("/shop/info", &[]).await.refused(400);
}

#[tokio::test]
async fn a_revised_shop_is_the_new_one_everywhere_and_keeps_its_people() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    ana.check_in(&cafe).await;
    let path = format!("/admin/shops/{cafe}");
    let edit = json!({"name": "Fazer", "lat": 60.2, "lng": 24.9, "t": 3});
    house.admin("PATCH", &path, edit).await.ok();

    let near = |lat, lng| [("lat", lat), ("lng", lng), ("accuracy", "30")];
    let old = house
        .get("/aroundme/shops", &near("60.168", "24.938"))
        .await
        .ok();
    same(&old, &json!([]));
    let new = house
        .get("/aroundme/shops", &near("60.2", "24.9"))
        .await
        .ok();
    let row = &new[0];
    assert_eq!(
        (&row["name"], &row["t"], &row["user"]),
        (&json!("Fazer"), &json!(3), &json!(1))
    );
    assert_eq!(ana.sees_at(&cafe).await, [ana.id.as_str()]);
    assert_eq!(ana.trace().await["data"][0]["shop"], "Fazer");
}

#[tokio::test]
async fn a_closed_shop_is_gone_but_stays_in_the_traces_of_its_guests() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    ana.check_in(&cafe).await;
    house
        .admin("DELETE", &format!("/admin/shops/{cafe}"), json!(null))
        .await
        .ok();

    let here = [("lat", "60.168"), ("lng", "24.938"), ("accuracy", "30")];
    for path in ["/aroundme/shops", "/shop/nearby"] {
        same(&house.get(path, &here).await.ok(), &json!([]));
    }
    for path in ["/shop/info", "/shop/users"] {
        house.get(path, &[("id", &cafe)]).await.refused(404);
    }
    house.send(ana.check_in_call(&cafe)).await.refused(404);
    assert_eq!(ana.trace().await["data"][0]["shop"], "Ekberg");
    assert_eq!(ana.checkins().await[0]["shop"], "Ekberg");
    let herself = ana.get("/user_info/get", &[("id", &ana.id)]).await.ok();
    assert_eq!(herself["last"], "刚刚 Ekberg");
}

#[tokio::test]
async fn the_id_of_a_closed_shop_is_never_given_again() {
    let house = House::new().await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    house
        .admin("DELETE", &format!("/admin/shops/{cafe}"), json!(null))
        .await
        .ok();
    let next = house.shop("Fazer", 60.168, 24.938).await;
    assert_ne!(next, cafe);
    let again = json!({
        "id": cafe.parse::<u64>().expect("an id"), "name": "Ekberg", "lat": 60.168,
        "lng": 24.938, "t": 2,
    });
    house
        .admin("POST", "/admin/shops", again)
        .await
        .refused(409);
}

#[tokio::test]
async fn a_shop_with_branches_is_as_near_as_the_nearest_of_them() {
    let house = House::new().await;
    let other = house.shop("Fazer", 60.171, 24.94).await;
    let chain = house
        .shop_with(json!({
            "name": "Ekberg", "lat": 61.0, "lng": 25.0, "t": 2,
            "points": [{"lat": 60.17, "lng": 24.94}, {"lat": -60, "lng": 179.5}],
        }))
        .await;
    let order = async |lat: &str, lng: &str| {
        let here = [("lat", lat), ("lng", lng), ("accuracy", "30")];
        let rows = house.get("/shop/nearby", &here).await.ok();
        let around = house.get("/aroundme/shops", &here).await.ok();
        let ids = |rows: &serde_json::Value| -> Vec<String> {
            let rows = rows.as_array().expect("rows").iter();
            rows.map(|row| row["id"].to_string()).collect()
        };
        (ids(&rows), ids(&around))
    };
    let both = vec![chain.clone(), other.clone()];
    assert_eq!(order("60.17", "24.94").await, (both.clone(), both.clone()));
    assert_eq!(order("-60", "179.5").await, (both, vec![chain.clone()]));
    // Where it is drawn is where its first point is.
    let info = house.get("/shop/info", &[("id", &chain)]).await.ok();
    assert_eq!(info["lo"], json!([61.0, 25.0]));

    let path = format!("/admin/shops/{chain}");
    house
        .admin("PATCH", &path, json!({"phone": "09"}))
        .await
        .ok();
    assert_eq!(order("60.17", "24.94").await.0[0], chain);
    house
        .admin("PATCH", &path, json!({"points": []}))
        .await
        .ok();
    let there = vec![other.clone(), chain];
    assert_eq!(order("60.17", "24.94").await, (there, vec![other]));
}
