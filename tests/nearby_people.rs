//! `/aroundme/users`: people near the caller's last check-in (seed §6).

use crate::harness::{HOUR, House, MINUTE, Phone, id_of};

async fn around(who: &Phone, gender: &str) -> Vec<String> {
    let rows = who.get("/aroundme/users", &[("gender", gender)]).await.ok();
    rows.as_array()
        .expect("an array")
        .iter()
        .map(id_of)
        .collect()
}

/// Cafés beside each other, 2 km away and 6 km away.
async fn cafes(house: &House) -> [String; 3] {
    [
        house.shop("here", 60.168, 24.938).await,
        house.shop("two kilometres", 60.186, 24.938).await,
        house.shop("six kilometres", 60.222, 24.938).await,
    ]
}

#[tokio::test]
async fn the_nearest_place_comes_first_and_then_the_most_recent() {
    let house = House::new().await;
    let [here, near, far] = cafes(&house).await;
    let ana = house.login("ana").await;
    ana.check_in(&here).await;
    let (bo, cem, dan, eva) = (
        house.login("bo").await,
        house.login("cem").await,
        house.login("dan").await,
        house.login("eva").await,
    );
    bo.check_in(&here).await;
    house.clock.pass(MINUTE);
    cem.check_in(&here).await;
    house.clock.pass(MINUTE);
    dan.check_in(&near).await;
    eva.check_in(&far).await;
    assert_eq!(around(&ana, "0").await, [cem.id.as_str(), &bo.id, &dan.id]);
    house.clock.pass(12 * HOUR + MINUTE);
    assert!(around(&ana, "0").await.is_empty());
}

#[tokio::test]
async fn gender_filters_only_when_it_names_one() {
    let house = House::new().await;
    let [here, ..] = cafes(&house).await;
    let (ana, bo, cem) = (
        house.login("ana").await,
        house.login("bo").await,
        house.login("cem").await,
    );
    bo.set(&[("gender", "1")]).await;
    for person in [&ana, &bo, &cem] {
        person.check_in(&here).await;
    }
    assert_eq!(around(&ana, "1").await, [bo.id.as_str()]);
    assert!(around(&ana, "2").await.is_empty());
    assert_eq!(around(&ana, "0").await.len(), 2);
    ana.get("/aroundme/users", &[]).await.refused(400);
    for gender in ["3", "-1", "x", ""] {
        ana.get("/aroundme/users", &[("gender", gender)])
            .await
            .refused(400);
    }
}

#[tokio::test]
async fn who_hides_is_not_around() {
    let house = House::new().await;
    let [here, ..] = cafes(&house).await;
    let (ana, bo, cem) = (
        house.login("ana").await,
        house.login("bo").await,
        house.login("cem").await,
    );
    for person in [&ana, &bo, &cem] {
        person.check_in(&here).await;
    }
    bo.set(&[("invisible", "1")]).await;
    cem.set(&[("invisible", "2")]).await;
    assert!(around(&ana, "0").await.is_empty());
    let pair = [("user_id", ana.id.as_str()), ("follow_id", bo.id.as_str())];
    ana.post("/follows", &pair).await.ok();
    assert_eq!(around(&ana, "0").await, [bo.id.as_str()]);
}

#[tokio::test]
async fn who_never_checked_in_sees_who_was_active_lately() {
    let house = House::new().await;
    let [here, _, far] = cafes(&house).await;
    let (ana, bo, cem) = (
        house.login("ana").await,
        house.login("bo").await,
        house.login("cem").await,
    );
    bo.check_in(&here).await;
    house.clock.pass(MINUTE);
    cem.check_in(&far).await;
    assert_eq!(around(&ana, "0").await, [cem.id.as_str(), &bo.id]);
    let anonymous = house.get("/aroundme/users", &[("gender", "0")]).await.ok();
    assert_eq!(anonymous.as_array().map(Vec::len), Some(2));
}
