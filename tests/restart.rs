//! What was answered is on disk: after a stop, and after the process was killed in the middle.

use crate::harness::{House, PATIENCE, Phone, Server, Stores, run, same, settings};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How often the server is killed.
const KILLS: usize = 4;

/// How many check-ins are answered before it is killed.
const BETWEEN_KILLS: usize = 40;

/// How many people check in at once, each from two phones.
const PEOPLE: usize = 3;

#[tokio::test]
async fn after_a_stop_everything_is_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(folder.path()).await;
    let (ana, bo) = (server.login("ana").await, server.login("bo").await);
    let cafe = server.shop("咖啡馆", 60.168, 24.938).await;
    ana.set(&[("gender", "2"), ("signature", "<b>😀</b>")])
        .await;
    bo.set(&[("invisible", "1")]).await;
    for phone in [&ana, &bo, &ana] {
        phone.check_in(&cafe).await;
    }
    let ask = async || {
        let here = [("lat", "60.168"), ("lng", "24.938"), ("accuracy", "65")];
        let mut all = vec![ana.get("/aroundme/shops", &here).await.ok()];
        for phone in [&ana, &bo] {
            for path in ["/checkins", "/user_info/trace", "/user_info/get_self"] {
                all.push(phone.get(path, &[]).await.ok());
            }
            all.push(phone.get("/shop/info", &[("id", &cafe)]).await.ok());
            let mut there = phone.get("/shop/users", &[("id", &cafe)]).await.ok();
            for row in there.as_array_mut().expect("an array") {
                // That some time has passed is no difference.
                row["time"] = Value::Null;
            }
            all.push(there);
        }
        Value::Array(all)
    };
    let before = ask().await;
    assert!(server.terminate().await.success());
    server.start_again().await;
    same(&ask().await, &before);
    server.kill().await;
    server.start_again().await;
    same(&ask().await, &before);
    assert!(server.terminate().await.success());
}

#[tokio::test]
async fn a_server_that_was_told_to_stop_leaves_the_folder_to_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(folder.path()).await;
    let refused = run(folder.path(), &["serve"]).await.failed();
    assert!(refused.contains("in use"), "{refused}");
    server.login("ana").await;
    server.terminate().await;
    server.start_again().await;
    server.login("ana").await;
}

/// Checks in until the server is gone; what it acknowledged.
async fn check_in_until_it_breaks(
    phone: Phone,
    shop: String,
    acknowledged: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut ids = Vec::new();
    while let Ok(answer) = phone.try_send(phone.check_in_call(&shop)).await {
        let row = answer.ok();
        ids.push(row["id"].as_str().expect("an id").to_owned());
        acknowledged.fetch_add(1, Ordering::SeqCst);
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_check_in_survives_a_kill_exactly_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(folder.path()).await;
    let cafe = server.shop("Ekberg", 60.168, 24.938).await;
    let mut people = Vec::new();
    for n in 0..PEOPLE {
        people.push((server.login(&format!("person {n}")).await, HashSet::new()));
    }
    for kill in 1..=KILLS {
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let walking: Vec<_> = people
            .iter()
            .map(|(phone, _)| {
                [(); 2].map(|()| {
                    let (phone, cafe) = (phone.clone(), cafe.clone());
                    tokio::spawn(check_in_until_it_breaks(phone, cafe, acknowledged.clone()))
                })
            })
            .collect();
        let enough = async {
            while acknowledged.load(Ordering::SeqCst) < BETWEEN_KILLS {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, enough)
            .await
            .expect("enough check-ins");
        server.kill().await;
        for ((_, known), walkers) in people.iter_mut().zip(walking) {
            for walker in walkers {
                known.extend(walker.await.expect("ended by the kill"));
            }
        }
        server.start_again().await;
        for (phone, known) in &people {
            // The session survived as well.
            let rows = phone.checkins().await;
            let ids: Vec<&str> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
            let once: HashSet<&str> = ids.iter().copied().collect();
            assert_eq!(
                ids.len(),
                once.len(),
                "one stands there twice after kill {kill}"
            );
            let lost: Vec<_> = known
                .iter()
                .filter(|id| !once.contains(id.as_str()))
                .collect();
            assert!(lost.is_empty(), "lost by kill {kill}: {lost:?}");
            // At most one request of each phone was under way at each kill.
            assert!(
                ids.len() <= known.len() + 2 * kill,
                "{} of {}",
                ids.len(),
                known.len()
            );
            // The newest one says where the person is.
            assert_eq!(phone.sees_at(&cafe).await.len(), PEOPLE);
        }
    }
}

#[tokio::test]
async fn what_the_settings_say_now_counts_after_a_restart() {
    let house = House::with(Stores::Sqlite, settings()).await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    ana.check_in(&cafe).await;
    house.clock.pass(2 * crate::harness::HOUR);
    assert_eq!(ana.sees_at(&cafe).await.len(), 1);
    let house = house
        .restart_with(|new| new.presence_window_ms = crate::harness::HOUR)
        .await;
    assert!(ana.sees_at(&cafe).await.is_empty());
    drop(house);
}
