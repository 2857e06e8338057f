//! Pictures while the blob store is away or full: everybody is told to come back, and nothing that
//! was promised is lost.

use super::{house, rejections, send};
use crate::harness::{Answer, Away, Form, House, JPEG, eventually, picture, same};
use serde_json::{Value, json};

/// The answer says that a store is away, and when to try again.
#[track_caller]
fn away(answer: &Answer) {
    answer.refused(503);
    assert_eq!(answer.header("retry-after").as_deref(), Some("1"));
}

/// Why the policy does not go on at the moment.
async fn failing(house: &House, name: &str) -> Value {
    let shown = house.admin("GET", "/admin/policies", Value::Null).await;
    let shown = shown.ok();
    let mut policies = shown["policies"].as_array().expect("an array").iter();
    let policy = policies.find(|policy| policy["name"] == name);
    policy.expect("the policy")["failing"].clone()
}

#[tokio::test]
async fn while_the_store_is_away_every_call_that_needs_it_says_so_and_records_nothing() {
    let house = house().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let shop = house.shop("Ekberg", 60.168, 24.938).await;
    let sea = ana.add_picture("sea").await;
    let number: u64 = shop.parse().expect("an id");
    let coupon = json!({"shop_id": number, "name": "半价", "rule": 0});
    let coupon = house.admin("POST", "/admin/coupons", coupon).await.ok();
    let coupon = coupon["id"].as_str().expect("an id");
    house.quiet().await;
    house.happened().await;
    let show = ana.get("/user_logos/show", &[("id", &sea)]).await;
    let link = show.elsewhere();
    let before = house.blob_names().await;
    let bytes = picture::jpeg(9, 9);
    let photo = || Form::photo(JPEG, &bytes);
    let calls = || {
        [
            ana.signed(Form::logo(JPEG, &bytes).to("/user_logos")),
            ana.signed(photo().text("photo[room]", &shop).to("/photos")),
            ana.signed(photo().text("photo[to_uid]", &bo.id).to("/photo2s")),
            Form::new()
                .text("shop_id", &shop)
                .text("name", "半价")
                .text("rule", "0")
                .file("image", JPEG, &bytes)
                .to("/admin/coupons")
                .admin(),
        ]
    };
    let gone = Away::take(&house.blob_folder());
    for call in calls() {
        away(&house.send(call).await);
    }
    away(&house.get(&link, &[]).await);
    away(&house.get("/coupons/img", &[("id", coupon)]).await);
    // Everything else goes on.
    house.get("/healthz", &[]).await.ok();
    bo.check_in(&shop).await;
    ana.album_of(&ana.id).await;
    house.quiet().await;
    drop(gone);
    let happened = house.happened_types().await;
    assert_eq!(happened, ["checkin.checked-in.v1", "coupon.granted.v1"]);
    assert_eq!(house.blob_names().await, before);
    assert_eq!(house.get(&link, &[]).await.status, 200);
    for call in calls() {
        house.send(call).await.ok();
    }
    house
        .get("/coupons/img", &[("id", coupon)])
        .await
        .elsewhere();
}

#[tokio::test]
async fn pictures_that_wait_for_a_full_store_are_made_when_there_is_room() {
    let house = house().await;
    let ana = house.login("ana").await;
    house.happened().await;
    let full = Away::fill(&house.blob_folder().join("photos"));
    let mut waiting = Vec::new();
    for name in ["one", "two", "three"] {
        waiting.push(ana.add_picture(name).await);
    }
    let seen = eventually("operators see it", async || {
        let seen = failing(&house, "photo_processing").await;
        (!seen.is_null()).then_some(seen)
    })
    .await;
    let error = seen["error"].as_str().expect("a text");
    assert!(error.contains("blob store"), "{error}");
    for id in &waiting {
        let asked = [("id", id.as_str())];
        ana.get("/user_logos/show", &asked).await.refused(404);
    }
    drop(full);
    house.quiet().await;
    same_fate(&house, &waiting).await;
    for id in &waiting {
        ana.see("/user_logos/show", &[("id", id)]).await;
    }
    assert!(failing(&house, "photo_processing").await.is_null());
    let names = house.blob_names().await;
    assert_eq!(names.len(), 3 * waiting.len(), "{names:?}");
}

#[tokio::test]
async fn a_full_store_takes_no_picture_and_says_so() {
    let house = house().await;
    let ana = house.login("ana").await;
    house.happened().await;
    let full = Away::fill(&house.blob_folder().join("raw"));
    for _ in 0..3 {
        let call = Form::logo(JPEG, &picture::jpeg(9, 9)).to("/user_logos");
        away(&ana.send(call).await);
    }
    house.nothing_happened().await;
    drop(full);
    assert!(house.blob_names().await.is_empty());
    ana.add_picture("sea").await;
}

/// Each of the pictures was processed once, and nothing else happened to them.
async fn same_fate(house: &House, waiting: &[String]) {
    let types = house.happened_types().await;
    let count = |name: &str| types.iter().filter(|kind| *kind == name).count();
    assert_eq!(count("photo.processed.v1"), waiting.len(), "{types:?}");
    assert_eq!(count("photo.rejected.v1"), 0);
}

#[tokio::test]
async fn a_picture_whose_bytes_are_lost_is_rejected_and_the_next_goes_on() {
    let house = house().await;
    let ana = house.login("ana").await;
    let full = Away::fill(&house.blob_folder().join("photos"));
    let lost = ana.add_picture("lost").await;
    let spoilt = ana.add_picture("spoilt").await;
    let good = ana.add_picture("good").await;
    let raw = |id: &str| house.blob_folder().join("raw").join(id);
    std::fs::remove_file(raw(&lost)).expect("it was there");
    std::fs::write(raw(&spoilt), "something else").expect("written");
    // Rejecting takes no room.
    let mut reasons = json!({});
    eventually("both are rejected", async || {
        let more = rejections(&house).await;
        let reasons = reasons.as_object_mut().expect("an object");
        reasons.extend(more.as_object().expect("an object").clone());
        (reasons.len() == 2).then_some(())
    })
    .await;
    drop(full);
    house.quiet().await;
    let expected = json!({"<lost>": "lost", "<spoilt>": "not-a-picture"});
    same(&reasons, &expected);
    assert_eq!(ana.album_of(&ana.id).await, [good.as_str()]);
    ana.see("/user_logos/show", &[("id", &good)]).await;
}

#[tokio::test]
async fn a_picture_deleted_while_the_store_is_away_is_gone_when_it_is_back() {
    let house = house().await;
    let ana = house.login("ana").await;
    let sea = send(&ana, "sea", JPEG, &picture::jpeg(9, 9)).await;
    let moon = ana.add_picture("moon").await;
    house.quiet().await;
    let gone = Away::take(&house.blob_folder());
    ana.post("/user_logos/delete", &[("id", &sea)]).await.ok();
    eventually("operators see it", async || {
        let seen = failing(&house, "photo_removal").await;
        (!seen.is_null()).then_some(())
    })
    .await;
    drop(gone);
    house.quiet().await;
    let names = house.blob_names().await;
    assert!(names.iter().all(|name| name.contains(&moon)), "{names:?}");
    assert_eq!(names.len(), 3);
}
