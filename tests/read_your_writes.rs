//! A write that was answered is visible to everybody at once (DESIGN §3).

use crate::harness::{House, Phone, Stores, settings};
use serde_json::json;

/// How many people do things at the same moment.
const PEOPLE: usize = 6;

/// How often each does them.
const ROUNDS: usize = 8;

/// People who are logged in, and somebody who watches.
async fn people(house: &House) -> (Vec<Phone>, Phone) {
    let mut people = Vec::new();
    for n in 0..PEOPLE {
        people.push(house.login(&format!("person {n}")).await);
    }
    (people, house.login("watcher").await)
}

/// Lets everybody do `act` at once, [`ROUNDS`] times; the watcher looks right after each answer.
async fn all_at_once<F: Future<Output = ()> + Send + 'static>(
    people: Vec<Phone>,
    watcher: Phone,
    act: impl Fn(Phone, Phone, usize) -> F + Clone + Send + 'static,
) {
    let tasks = people.into_iter().map(|phone| {
        let (watcher, act) = (watcher.clone(), act.clone());
        tokio::spawn(async move {
            for round in 0..ROUNDS {
                act(phone.clone(), watcher.clone(), round).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("saw what was written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_checked_in_is_seen_there_at_once() {
    for stores in [Stores::Sqlite, Stores::Postgres] {
        let house = House::with(stores, settings()).await;
        let shops = [
            house.shop("Ekberg", 60.168, 24.938).await,
            house.shop("Kaisla", 60.1681, 24.938).await,
        ];
        let (people, watcher) = people(&house).await;
        all_at_once(people, watcher, move |phone, watcher, round| {
            let (here, there) = (shops[round % 2].clone(), shops[(round + 1) % 2].clone());
            async move {
                let id = phone.check_in(&here).await;
                assert!(watcher.sees_at(&here).await.contains(&phone.id));
                assert!(!watcher.sees_at(&there).await.contains(&phone.id));
                assert_eq!(phone.trace().await["data"][0]["id"], id);
                phone.post("/checkins/delete", &[("id", &id)]).await.ok();
                assert!(!watcher.sees_at(&here).await.contains(&phone.id));
                assert!(phone.checkins().await.iter().all(|row| row["id"] != id));
                phone.check_in(&here).await;
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changed_about_themselves_is_seen_at_once() {
    let house = House::with(Stores::Sqlite, settings()).await;
    let (people, watcher) = people(&house).await;
    all_at_once(people, watcher, |phone, watcher, round| async move {
        let signature = format!("round {round}");
        phone.set(&[("signature", &signature)]).await;
        let seen = watcher
            .get("/user_info/get", &[("id", &phone.id)])
            .await
            .ok();
        assert_eq!(seen["signature"], signature);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_changed_is_seen_at_once() {
    let house = House::with(Stores::Sqlite, settings()).await;
    let (people, watcher) = people(&house).await;
    all_at_once(people, watcher, |phone, watcher, round| async move {
        let shop = phone.shop(&format!("new {round}"), 60.0, 24.0).await;
        watcher.get("/shop/info", &[("id", &shop)]).await.ok();
        let path = format!("/admin/shops/{shop}");
        phone
            .admin("PUT", &format!("{path}/notice"), json!({"title": "hi"}))
            .await
            .ok();
        let info = watcher.get("/shop/info", &[("id", &shop)]).await.ok();
        assert_eq!(info["notice"], "hi");
        phone.admin("DELETE", &path, json!(null)).await.ok();
        watcher
            .get("/shop/info", &[("id", &shop)])
            .await
            .refused(404);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_account_can_be_looked_at_at_once() {
    let house = House::with(Stores::Sqlite, settings()).await;
    let watcher = house.login("watcher").await;
    let logins = (0..PEOPLE).map(|n| {
        let (door, watcher) = (house.door(), watcher.clone());
        tokio::spawn(async move {
            let phone = door.login(&format!("person {n}")).await;
            watcher
                .get("/user_info/get", &[("id", &phone.id)])
                .await
                .ok();
        })
    });
    for login in logins.collect::<Vec<_>>() {
        login.await.expect("saw the account");
    }
}
