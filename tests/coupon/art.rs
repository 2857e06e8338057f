//! A coupon as a picture (seed §31.2).

use super::{house, offer, offered};
use crate::harness::{Answer, DAY, Form, House, JPEG, Stores, picture};
use image::ImageFormat::Png;
use serde_json::{Value, json};

/// The picture behind the link, which is that of the blob.
async fn drawn(house: &House, id: &str, size: Option<&str>) -> (String, Answer) {
    let mut asked = vec![("id", id)];
    asked.extend(size.map(|size| ("size", size)));
    // Whoever got the message need not be logged in.
    let sent = house.get("/coupons/img", &asked).await;
    let link = sent.elsewhere();
    assert_eq!(sent.header("img_url").as_ref(), Some(&link));
    let shown = house.get(&link, &[]).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    assert_eq!(shown.header("content-type").as_deref(), Some("image/png"));
    (link, shown)
}

#[tokio::test]
async fn a_coupon_is_drawn_in_two_sizes_and_once() {
    let house = house(Stores::Memory).await;
    let id = offer(&house, "half", 0).await;
    house.happened().await;
    let (link, large) = drawn(&house, &id, Some("0")).await;
    assert_eq!(picture::look(&large.body), (Png, 580, 224));
    let (small_link, small) = drawn(&house, &id, None).await;
    assert_eq!(picture::look(&small.body), (Png, 290, 112));
    assert_eq!(drawn(&house, &id, Some("1")).await.0, small_link);
    let again = drawn(&house, &id, Some("0")).await;
    assert_eq!(again.0, link);
    assert_eq!(again.1.header("etag"), large.header("etag"));
    assert_eq!(house.blob_names().await.len(), 2);
    house.nothing_happened().await;

    // The same bytes when it has to be drawn anew.
    std::fs::remove_dir_all(house.blob_folder().join("coupons").join(&id)).expect("removed");
    let house = house.restart().await;
    assert_eq!(drawn(&house, &id, Some("0")).await.1.body, large.body);
    assert_eq!(drawn(&house, &id, Some("1")).await.1.body, small.body);
}

#[tokio::test]
async fn coupons_that_say_something_else_look_otherwise() {
    let house = house(Stores::Memory).await;
    let mut seen = Vec::new();
    for coupon in [
        json!({"shop_id": 7, "name": "半价", "rule": 0}),
        json!({"shop_id": 7, "name": "全价", "rule": 0}),
        json!({"shop_id": 7, "name": "半价", "desc": "两杯起".repeat(160), "rule": 0}),
        json!({"shop_id": 7, "name": "半价", "rule": 0, "valid_until": "2012-12-31"}),
        json!({"shop_id": 7, "name": "字".repeat(63), "rule": 0}),
        json!({"shop_id": 7, "name": "<b>&\u{202e}\u{200b}ﷺ", "rule": 0}),
    ] {
        let id = offered(&house, "coupon", coupon.clone()).await;
        let bytes = drawn(&house, &id, Some("0")).await.1.body;
        assert_eq!(picture::look(&bytes), (Png, 580, 224), "{coupon}");
        assert!(!seen.contains(&bytes), "{coupon}");
        seen.push(bytes);
    }
}

#[tokio::test]
async fn a_merchants_picture_is_on_the_coupon_and_nowhere_else() {
    let house = house(Stores::Memory).await;
    let form = |file: Option<&[u8]>| {
        let form = Form::new()
            .text("shop_id", "7")
            .text("name", "半价")
            .text("desc", "")
            .text("rule", "2")
            .text("valid_until", "");
        let form = file
            .iter()
            .fold(form, |form, bytes| form.file("image", JPEG, bytes));
        form.to("/admin/coupons").admin()
    };
    let plain = house.send(form(None)).await.ok();
    let own = house
        .send(form(Some(&picture::telltale_jpeg(600, 300))))
        .await
        .ok();
    let rows = house.admin("GET", "/admin/coupons", Value::Null).await.ok();
    let with_image = |id: &Value| {
        let mut rows = rows.as_array().expect("an array").iter();
        rows.find(|row| row["id"] == *id).expect("the coupon")["image"].clone()
    };
    assert_eq!(
        (with_image(&plain["id"]), with_image(&own["id"])),
        (json!(false), json!(true))
    );
    let plain = drawn(&house, plain["id"].as_str().expect("an id"), None).await;
    let id = own["id"].as_str().expect("an id");
    let own = drawn(&house, id, None).await;
    assert_ne!(plain.1.body, own.1.body);
    let kept = std::fs::read(house.blob_folder().join(format!("coupons/{id}/image")));
    let kept = String::from_utf8_lossy(&kept.expect("a file")).into_owned();
    for secret in picture::SECRETS {
        assert!(!kept.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_withdrawn_coupon_and_one_whose_shop_is_renamed_are_drawn_still() {
    let house = house(Stores::Memory).await;
    let id = offer(&house, "half", 0).await;
    let before = drawn(&house, &id, None).await;
    house
        .admin("PATCH", "/admin/shops/7", json!({"name": "Kaisla"}))
        .await
        .ok();
    let renamed = drawn(&house, &id, None).await;
    assert_ne!(renamed.1.body, before.1.body);
    let path = format!("/admin/coupons/{id}");
    house.admin("DELETE", &path, Value::Null).await.ok();
    house
        .admin("DELETE", "/admin/shops/7", Value::Null)
        .await
        .ok();
    assert_eq!(drawn(&house, &id, None).await.1.body, renamed.1.body);
    // The old link is good as long as it says.
    assert_eq!(house.get(&before.0, &[]).await.body, before.1.body);
    house.clock.pass(2 * DAY);
    house.get(&before.0, &[]).await.refused(410);
}

#[tokio::test]
async fn a_coupon_that_is_none_has_no_picture() {
    let house = house(Stores::Memory).await;
    let id = offer(&house, "half", 0).await;
    for (name, bad, status) in [
        ("id", "502e6303421aa918ba000001", 404),
        ("id", "", 400),
        ("id", "7", 400),
        ("id", "../photos", 400),
        ("size", "2", 400),
        ("size", "-1", 400),
        ("size", "", 400),
    ] {
        let mut asked = vec![(name, bad)];
        asked.extend([("id", id.as_str())].into_iter().filter(|_| name != "id"));
        house.get("/coupons/img", &asked).await.refused(status);
    }
    house.get("/coupons/img", &[]).await.refused(400);
    house
        .post("/coupons/img", &[("id", &id)])
        .await
        .refused(405);
    assert!(house.blob_names().await.is_empty());
}
