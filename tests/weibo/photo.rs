//! `photo[weibo]`: a picture of a room on Weibo too, in its sender's name (seed §29.1).

use super::{ANA, house, share};
use crate::harness::{
    FakeWeibo, Form, House, JPEG, Mood, Phone, Stores, eventually, picture, same, settings,
};
use serde_json::{Value, json};

const UPLOAD: &str = "/2/statuses/upload.json";

/// What happens to a picture that is on Weibo in the end.
const SHARED: [&str; 3] = ["photo.uploaded.v1", "photo.processed.v1", "photo.shared.v1"];

/// What happens to one that is not.
const FAILED: [&str; 3] = [
    "photo.uploaded.v1",
    "photo.processed.v1",
    "photo.share-failed.v1",
];

/// Sends a picture to the room of a café, and to Weibo if that is wanted.
async fn send(ana: &Phone, cafe: &str, wish: &str, desc: &str) -> Value {
    let form = Form::photo(JPEG, &picture::telltale_jpeg(400, 300))
        .text("photo[room]", cafe)
        .text("photo[weibo]", wish)
        .text("photo[desc]", desc);
    ana.send(form.to("/photos")).await.ok()
}

/// Ana, logged in, and a café.
async fn evening(house: &House) -> (Phone, String) {
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    (share::ana(house).await, cafe)
}

#[tokio::test]
async fn a_picture_is_on_weibo_once_with_its_words_and_nothing_else() {
    for stores in [Stores::Memory, Stores::Sqlite] {
        let weibo = FakeWeibo::new().await;
        let house = House::at_weibo(stores, settings(), weibo.settings()).await;
        let (ana, cafe) = evening(&house).await;
        weibo.calls();
        let sent = send(&ana, &cafe, "1", "海 & <b>").await;
        assert_eq!(sent["weibo"], true);
        share::happens(&house, &SHARED).await;
        assert_eq!(weibo.posts(), [(ANA.to_owned(), "海 & <b>".to_owned())]);
        let token = format!("2.00tOken0_{ANA}");
        same(
            &json!(weibo.calls()),
            &json!([{
                "method": "POST",
                "path": UPLOAD,
                "told": {"access_token": token, "status": "海 & <b>", "pic": "image/jpeg"},
            }]),
        );
        let posted = weibo.pictures();
        let id = sent["id"].as_str().expect("an id");
        let shown = ana.see("/photos/show", &[("id", id), ("size", "0")]).await;
        assert_eq!(posted, [("image/jpeg".to_owned(), shown.body)]);
        let house = house.restart().await;
        house.quiet().await;
        house.nothing_happened().await;
        assert_eq!(weibo.posts().len(), 1);
    }
}

#[tokio::test]
async fn a_picture_without_words_is_posted_with_some_and_one_nobody_wants_there_is_not() {
    let weibo = FakeWeibo::new().await;
    let house = house(&weibo).await;
    let (ana, cafe) = evening(&house).await;
    send(&ana, &cafe, "0", "not there").await;
    house.quiet().await;
    assert_eq!(house.happened_types().await, SHARED[..2]);
    send(&ana, &cafe, "1", "").await;
    house.quiet().await;
    assert_eq!(house.happened_types().await, SHARED);
    send(&ana, &cafe, "1", &"字".repeat(254)).await;
    house.quiet().await;
    let said: Vec<String> = weibo.posts().into_iter().map(|(_, said)| said).collect();
    assert_eq!(said, ["分享图片".to_owned(), "字".repeat(140)]);
}

#[tokio::test]
async fn a_picture_that_cannot_be_shown_is_not_posted() {
    let weibo = FakeWeibo::new().await;
    let house = house(&weibo).await;
    let (ana, cafe) = evening(&house).await;
    let whole = picture::jpeg(400, 400);
    let form = Form::photo(JPEG, &whole[..whole.len() / 2])
        .text("photo[room]", &cafe)
        .text("photo[weibo]", "1");
    ana.send(form.to("/photos")).await.ok();
    house.quiet().await;
    let expected = ["photo.uploaded.v1", "photo.rejected.v1"];
    assert_eq!(house.happened_types().await, expected);
    assert_eq!(weibo.calls_of(UPLOAD), 0);
}

#[tokio::test]
async fn a_picture_is_tried_again_while_weibo_is_ill_also_after_a_restart() {
    let weibo = FakeWeibo::new().await;
    let house = House::at_weibo(Stores::Sqlite, settings(), weibo.settings()).await;
    let (ana, cafe) = evening(&house).await;
    weibo.feels(UPLOAD, Mood::Status(503));
    send(&ana, &cafe, "1", "sea").await;
    eventually("it was tried twice", async || {
        (weibo.calls_of(UPLOAD) >= 2).then_some(())
    })
    .await;
    let house = house.restart().await;
    weibo.feels(UPLOAD, Mood::Well);
    share::happens(&house, &SHARED).await;
    assert_eq!(weibo.pictures().len(), 1);
}

#[tokio::test]
async fn what_weibo_refuses_is_noted_and_tried_no_more() {
    let weibo = FakeWeibo::new().await;
    let house = house(&weibo).await;
    let (ana, cafe) = evening(&house).await;
    weibo.feels(UPLOAD, Mood::Error(20_021, "content is illegal"));
    send(&ana, &cafe, "1", "sea").await;
    share::happens(&house, &FAILED).await;
    weibo.feels(UPLOAD, Mood::Well);
    weibo.revokes_all();
    send(&ana, &cafe, "1", "sea").await;
    share::happens(&house, &FAILED).await;
    let calls = weibo.calls_of(UPLOAD);
    assert_eq!(calls, 2);
    // There is no token any more to try with, and the room gets the picture all the same.
    let sent = send(&ana, &cafe, "1", "moon").await;
    house.quiet().await;
    house
        .scrub
        .name(sent["id"].as_str().expect("an id"), "moon");
    let happened = house.happened().await;
    same(
        &happened[2],
        &json!({
            "stream": "photo-<moon>",
            "type": "photo.share-failed.v1",
            "data": {"photo_id": "<moon>", "user_id": "<ana>", "reason": "no-token"},
        }),
    );
    assert_eq!(weibo.calls_of(UPLOAD), calls);
    let id = sent["id"].as_str().expect("an id");
    ana.see("/photos/show", &[("id", id)]).await;
}

#[tokio::test]
async fn where_nobody_knows_weibo_the_wish_is_noted_as_failed() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    house.happened().await;
    send(&ana, &cafe, "1", "sea").await;
    house.quiet().await;
    assert_eq!(house.happened_types().await, FAILED);
}
