//! Who may see where somebody is: `invisible` 1 and 2 (seed §16).

use crate::harness::{HOUR, House, Phone, same};
use serde_json::json;

/// Ana and Bo in one café, an hour after Ana came.
struct Cafe {
    house: House,
    shop: String,
    ana: Phone,
    bo: Phone,
}

impl Cafe {
    async fn new() -> Self {
        let house = House::new().await;
        let shop = house.shop("Ekberg", 60.168, 24.938).await;
        let (ana, bo) = (house.login("ana").await, house.login("bo").await);
        ana.check_in(&shop).await;
        house.clock.pass(HOUR);
        bo.check_in(&shop).await;
        Self {
            house,
            shop,
            ana,
            bo,
        }
    }

    /// How many people the rows of the shop count.
    async fn counted(&self) -> u64 {
        let here = [("lat", "60.168"), ("lng", "24.938"), ("accuracy", "65")];
        let rows = self.house.get("/aroundme/shops", &here).await.ok();
        rows[0]["user"].as_u64().expect("a count")
    }

    /// Where Bo is told that Ana was last.
    async fn last(&self) -> String {
        let ana = self
            .bo
            .get("/user_info/get", &[("id", &self.ana.id)])
            .await
            .ok();
        ana["last"].as_str().expect("a text").to_owned()
    }
}

#[tokio::test]
async fn who_hides_from_nobody_is_seen_by_all() {
    let cafe = Cafe::new().await;
    let both = [cafe.bo.id.clone(), cafe.ana.id.clone()];
    assert_eq!(cafe.bo.sees_at(&cafe.shop).await, both);
    let anonymous = cafe
        .house
        .get("/shop/users", &[("id", &cafe.shop)])
        .await
        .ok();
    assert_eq!(anonymous.as_array().map(Vec::len), Some(2));
    assert_eq!(
        (cafe.counted().await, cafe.last().await.as_str()),
        (2, "1小时以前 Ekberg")
    );
}

#[tokio::test]
async fn who_hides_from_strangers_is_counted_but_not_shown_to_them() {
    let cafe = Cafe::new().await;
    cafe.house.happened().await;
    cafe.ana.set(&[("invisible", "1")]).await;
    same(
        &cafe.house.happened().await,
        &json!([{
            "stream": "user-<ana>",
            "type": "user.visibility-changed.v1",
            "data": {"user_id": "<ana>", "invisible": 1},
        }]),
    );
    assert_eq!(cafe.bo.sees_at(&cafe.shop).await, [cafe.bo.id.as_str()]);
    let anonymous = cafe
        .house
        .get("/shop/users", &[("id", &cafe.shop)])
        .await
        .ok();
    assert_eq!(anonymous.as_array().map(Vec::len), Some(1));
    assert_eq!(cafe.counted().await, 2);
    assert_eq!(cafe.last().await, "1小时以前");
}

#[tokio::test]
async fn who_hides_from_strangers_still_sees_herself() {
    let cafe = Cafe::new().await;
    cafe.ana.set(&[("invisible", "1")]).await;
    let both = [cafe.bo.id.clone(), cafe.ana.id.clone()];
    assert_eq!(cafe.ana.sees_at(&cafe.shop).await, both);
    let herself = cafe
        .ana
        .get("/user_info/get", &[("id", &cafe.ana.id)])
        .await
        .ok();
    assert_eq!(herself["last"], "1小时以前 Ekberg");
}

#[tokio::test]
async fn a_check_in_of_who_hides_from_strangers_counts() {
    let cafe = Cafe::new().await;
    cafe.ana.set(&[("invisible", "1")]).await;
    let bar = cafe.house.shop("Kaisla", 60.3, 24.938).await;
    cafe.ana.check_in(&bar).await;
    assert_eq!(cafe.counted().await, 1);
    assert_eq!(cafe.ana.sees_at(&bar).await, [cafe.ana.id.as_str()]);
    assert!(cafe.bo.sees_at(&bar).await.is_empty());
    assert_eq!(cafe.last().await, "刚刚");
}

#[tokio::test]
async fn who_hides_from_everybody_is_neither_shown_nor_counted() {
    let cafe = Cafe::new().await;
    cafe.ana.set(&[("invisible", "2")]).await;
    assert_eq!(cafe.bo.sees_at(&cafe.shop).await, [cafe.bo.id.as_str()]);
    assert_eq!(cafe.counted().await, 1);
    assert!(!cafe.last().await.contains("Ekberg"));
    cafe.ana.set(&[("invisible", "0")]).await;
    assert_eq!(cafe.counted().await, 2);
    assert_eq!(cafe.last().await, "1小时以前 Ekberg");
}

#[tokio::test]
async fn a_hidden_check_in_stands_in_ones_own_trace_and_nowhere_else_ever() {
    let cafe = Cafe::new().await;
    cafe.ana.set(&[("invisible", "2")]).await;
    let bar = cafe.house.shop("Kaisla", 60.3, 24.938).await;
    cafe.house.happened().await;
    cafe.ana.check_in(&bar).await;
    let happened = cafe.house.happened().await;
    assert_eq!(happened[0]["data"]["hidden"], true, "{happened}");
    assert_eq!(cafe.ana.trace().await["data"][0]["shop"], "Kaisla");
    assert!(cafe.ana.sees_at(&bar).await.is_empty());

    // Not even once she is visible again: she was never there, for the others.
    cafe.ana.set(&[("invisible", "0")]).await;
    assert!(cafe.bo.sees_at(&bar).await.is_empty());
    assert_eq!(cafe.counted().await, 2);
    assert_eq!(cafe.last().await, "1小时以前 Ekberg");
    assert_eq!(cafe.ana.checkins().await.len(), 2);
}

#[tokio::test]
async fn a_hidden_check_in_can_be_taken_back() {
    let cafe = Cafe::new().await;
    cafe.ana.set(&[("invisible", "2")]).await;
    let hidden = cafe.ana.check_in(&cafe.shop).await;
    cafe.house.clock.pass(24 * HOUR);
    cafe.ana
        .post("/checkins/delete", &[("id", &hidden)])
        .await
        .ok();
    cafe.ana.set(&[("invisible", "0")]).await;
    // That day's visit was one row of the trace: the café is gone from it altogether.
    assert!(cafe.ana.checkins().await.is_empty());
    assert_eq!(cafe.last().await, "");
}

#[tokio::test]
async fn no_visibility_but_the_three_is_stored() {
    let cafe = Cafe::new().await;
    cafe.ana.set(&[("invisible", "1")]).await;
    cafe.house.happened().await;
    for bad in ["3", "-1", "256", "x", "", "1.0", "NaN"] {
        cafe.ana
            .post("/user_info/set", &[("invisible", bad)])
            .await
            .refused(400);
    }
    cafe.house.nothing_happened().await;
    assert_eq!(
        cafe.ana.get("/user_info/get_self", &[]).await.ok()["invisible"],
        1
    );
}
