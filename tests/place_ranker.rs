//! `/aroundme/shops`: where the phone probably is (seed §4), what it learns from check-ins, why it
//! says so, and how well it served.

mod learning;

use crate::harness::{House, same};
use serde_json::json;

/// The names that a phone at 60.0, 24.0 is offered.
async fn offered(house: &House, accuracy: &str) -> Vec<String> {
    let here = [("lat", "60"), ("lng", "24"), ("accuracy", accuracy)];
    let rows = house.get("/aroundme/shops", &here).await.ok();
    let rows = rows.as_array().expect("an array");
    rows.iter()
        .map(|row| row["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[tokio::test]
async fn a_row_is_whole() {
    let house = House::new().await;
    house
        .shop_with(json!({
            "id": 40056, "name": "新紫轩花店", "lat": 60.0, "lng": 24.0001, "t": 1,
            "address": "文一路266号", "phone": "0571-88",
        }))
        .await;
    let here = [("lat", "60"), ("lng", "24"), ("accuracy", "65")];
    same(
        &house.get("/aroundme/shops", &here).await.ok(),
        &json!([{
            "id": 40056, "name": "新紫轩花店", "address": "文一路266号", "phone": "0571-88",
            "lat": 60.0, "lng": 24.0001, "lo": [60.0, 24.0001], "t": 1, "user": 0, "male": 0,
            "female": 0,
        }]),
    );
}

#[tokio::test]
async fn in_the_desert_nothing_is_offered() {
    let house = House::new().await;
    assert!(offered(&house, "65").await.is_empty());
    // 100 km away is never possible, however little the phone knows.
    house.shop("far away", 60.9, 24.0).await;
    for accuracy in ["0", "65", "5000", "1000000"] {
        assert!(offered(&house, accuracy).await.is_empty(), "{accuracy}");
    }
}

#[tokio::test]
async fn of_equally_visited_places_the_nearest_is_offered_first() {
    let house = House::new().await;
    for (name, lat) in [("second", 60.0006), ("third", 60.001), ("first", 60.0001)] {
        house.shop(name, lat, 24.0).await;
    }
    for accuracy in ["10", "65", "200"] {
        assert_eq!(
            offered(&house, accuracy).await,
            ["first", "second", "third"],
            "{accuracy}"
        );
    }
}

#[tokio::test]
async fn of_equally_near_places_the_most_visited_is_offered_first() {
    let house = House::new().await;
    house.shop("quiet", 60.0002, 24.0).await;
    let busy = house.shop("busy", 59.9998, 24.0).await;
    for name in ["ana", "bo", "cai"] {
        house.login(name).await.check_in(&busy).await;
    }
    assert_eq!(offered(&house, "65").await, ["busy", "quiet"]);
}

#[tokio::test]
async fn no_more_than_fifty_are_offered() {
    let house = House::new().await;
    for n in 0..60 {
        house
            .shop(&format!("s{n:02}"), 60.0 + f64::from(n) * 0.00005, 24.0)
            .await;
    }
    let expected: Vec<String> = (0..50).map(|n| format!("s{n:02}")).collect();
    assert_eq!(offered(&house, "65").await, expected);
}

#[tokio::test]
async fn any_accuracy_that_a_phone_may_claim_is_answered() {
    let house = House::new().await;
    house.shop("here", 60.0, 24.0).await;
    for accuracy in ["0", "0.5", "8", "65", "1414.0", "100000", "1e9"] {
        assert_eq!(offered(&house, accuracy).await, ["here"], "{accuracy}");
    }
    for odd in ["-1", "NaN", "inf", "x", "1e10", "1e400"] {
        let here = [("lat", "60"), ("lng", "24"), ("accuracy", odd)];
        house.get("/aroundme/shops", &here).await.refused(400);
    }
}
