//! Building a read model anew while it serves (DESIGN §4).

use crate::harness::{
    Form, House, JPEG, PATIENCE, Phone, Server, Stores, eventually, picture, run, same, settings,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const PROJECTIONS: [&str; 14] = [
    "albums",
    "blacklist",
    "chat_history",
    "coupons",
    "device_starts",
    "followers",
    "inbox",
    "occupancy",
    "photos",
    "place_ranker",
    "profiles",
    "push_tokens",
    "shop_index",
    "traces",
];

/// What is asked of all read models.
async fn answers(phone: &Phone, shops: &[String]) -> Value {
    let here = [
        ("lat", "60.168"),
        ("lng", "24.938"),
        ("accuracy", "65"),
        ("pcount", "100"),
    ];
    let mut all = Vec::new();
    for path in [
        "/aroundme/shops",
        "/shop/nearby",
        "/user_info/trace",
        "/checkins",
    ] {
        all.push(phone.get(path, &here).await.ok());
    }
    for shop in shops {
        all.push(phone.get("/shop/info", &[("id", shop)]).await.ok());
        all.push(phone.get("/shop/users", &[("id", shop)]).await.ok());
    }
    for path in ["/user_info/get", "/user_info/photos"] {
        all.push(phone.get(path, &[("id", &phone.id)]).await.ok());
    }
    for path in [
        "/admin/coupons",
        "/admin/stats/ranking",
        "/admin/stats/devices",
        "/admin/aroundme/explain?lat=60.168&lng=24.938&accuracy=65&bssid=x",
    ] {
        all.push(phone.admin("GET", path, Value::Null).await.ok());
    }
    Value::Array(all)
}

/// The rows of `GET /admin/projections`.
async fn status(house: &House) -> Vec<Value> {
    let status = house
        .admin("GET", "/admin/projections", Value::Null)
        .await
        .ok();
    status["projections"].as_array().expect("an array").clone()
}

async fn all_run(house: &House) {
    eventually("every projection runs", async || {
        let rows = status(house).await;
        rows.iter()
            .all(|row| row["state"]["name"] == "running" && row["lag"] == 0)
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_operator_sees_how_every_projection_is() {
    let house = House::new().await;
    house.shop("Ekberg", 60.168, 24.938).await;
    all_run(&house).await;
    let mut rows = status(&house).await;
    rows.sort_by_key(|row| row["name"].to_string());
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, PROJECTIONS);
    let head = house.head().await.0;
    for row in rows {
        assert_eq!(row["position"], head);
        assert_eq!(row["head"], head);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilt_is_what_was_live_though_people_went_on_checking_in() {
    for stores in [Stores::Sqlite, Stores::Postgres] {
        let house = House::with(stores, settings()).await;
        let ana = house.login("ana").await;
        let mut shops = Vec::new();
        for n in 0..20 {
            let lat = 60.168 + f64::from(n) * 0.0001;
            shops.push(house.shop(&format!("shop {n}"), lat, 24.938).await);
        }
        let first: u64 = shops[0].parse().expect("an id");
        let coupon = json!({"shop_id": first, "name": "半价", "rule": 0});
        house.admin("POST", "/admin/coupons", coupon).await.ok();
        for shop in shops.iter().cycle().take(100) {
            ana.check_in(shop).await;
        }
        for name in ["sea", "moon"] {
            ana.add_picture(name).await;
        }
        let form = Form::photo(JPEG, &picture::jpeg(40, 30)).text("photo[room]", &shops[19]);
        ana.upload(form.to("/photos"), "room").await;
        let over = Arc::new(AtomicBool::new(false));
        let walkers = ["bo", "cai"].map(|name| {
            let (door, over, shops) = (house.door(), over.clone(), shops.clone());
            tokio::spawn(async move {
                let phone = door.login(name).await;
                let mut made = 0;
                while !over.load(Ordering::Relaxed) {
                    let shop = &shops[made % shops.len()];
                    let id = phone.check_in(shop).await;
                    // Reading one's own writes does not stop either.
                    assert_eq!(phone.trace().await["data"][0]["id"], id);
                    assert!(phone.sees_at(shop).await.contains(&phone.id));
                    made += 1;
                }
                (phone, made)
            })
        });
        for name in PROJECTIONS {
            let path = format!("/admin/projections/{name}/rebuild");
            let answer = house.admin("POST", &path, Value::Null).await;
            assert_eq!(answer.status, 202, "{}", answer.text());
            same(&answer.json(), &json!({"rebuilding": name}));
            let give_up = tokio::time::timeout(PATIENCE, all_run(&house)).await;
            give_up.expect("rebuilt in time");
        }
        over.store(true, Ordering::Relaxed);
        let mut walked = Vec::new();
        for walker in walkers {
            walked.push(walker.await.expect("went on"));
        }
        for (phone, made) in &walked {
            assert_eq!(phone.checkins().await.len(), *made);
        }

        house.quiet().await;
        all_run(&house).await;
        let live = answers(&ana, &shops).await;
        for name in PROJECTIONS {
            house
                .admin(
                    "POST",
                    &format!("/admin/projections/{name}/rebuild"),
                    Value::Null,
                )
                .await;
        }
        all_run(&house).await;
        same(&answers(&ana, &shops).await, &live);
        let house = house.restart_from_the_log_alone().await;
        same(&answers(&ana, &shops).await, &live);
        drop(house);
    }
}

#[tokio::test]
async fn the_shell_lists_and_rebuilds_beside_a_running_server_and_without_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(folder.path()).await;
    let ana = server.login("ana").await;
    let cafe = server.shop("Ekberg", 60.168, 24.938).await;
    ana.check_in(&cafe).await;
    let before = answers(&ana, std::slice::from_ref(&cafe)).await;

    let list = async || {
        let printed = run(folder.path(), &["projections", "list", "--json"])
            .await
            .ok();
        let status: Value = serde_json::from_str(&printed).expect("JSON");
        let rows = status.as_array().expect("an array");
        let mut names: Vec<String> = rows
            .iter()
            .map(|row| row["name"].as_str().expect("a name").to_owned())
            .collect();
        names.sort();
        assert_eq!(names, PROJECTIONS);
        assert!(
            rows.iter().all(|row| row["state"]["name"] != "paused"),
            "{status}"
        );
    };
    let rebuild = [
        "projections",
        "rebuild",
        "occupancy",
        "profiles",
        "shop_index",
        "traces",
    ];
    list().await;
    run(folder.path(), &rebuild).await.ok();
    same(&answers(&ana, std::slice::from_ref(&cafe)).await, &before);
    let unknown = run(folder.path(), &["projections", "rebuild", "nothing"])
        .await
        .failed();
    assert!(unknown.contains("nothing"), "{unknown}");

    server.terminate().await;
    list().await;
    run(folder.path(), &rebuild).await.ok();
    server.start_again().await;
    same(&answers(&ana, std::slice::from_ref(&cafe)).await, &before);
}
