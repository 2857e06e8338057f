//! The main scenes once more with the pictures in a bucket of S3.

use crate::harness::{
    Away, Call, Form, House, JPEG, Phone, Stores, eventually, id_of, picture, same,
};
use commands::Clock;
use domain::{Millis, PhotoId};
use image::ImageFormat::{Jpeg, Png};
use media::blobs::{S3, Settings};
use media::keys::Key;
use policies::BlobSweep;
use serde_json::{Value, json};
use test_s3::Server;

/// A house whose pictures lie there.
async fn house(s3: &Server, stores: Stores) -> House {
    let settings = Settings {
        url: format!("s3://{}/of/the-house", test_s3::BUCKET),
        s3: S3 {
            endpoint: Some(s3.endpoint()),
            region: Some(test_s3::REGION.into()),
            access_key: Some(test_s3::ACCESS_KEY.into()),
            secret_key: Some(test_s3::SECRET_KEY.into()),
        },
    };
    let house = House::with_blobs(stores, settings).await;
    let cafe = json!({"id": 7, "name": "Ekberg", "lat": 60.168, "lng": 24.938, "t": 2});
    house.shop_with(cafe).await;
    house
}

/// A picture for the room of the café.
fn for_room() -> Call {
    let form = Form::photo(JPEG, &picture::jpeg(640, 480));
    form.text("photo[room]", "7").to("/photos")
}

/// What a call leads to, by the signed URL and by way of this house.
async fn seen(s3: &Server, phone: &Phone, path: &str, asked: &[(&str, &str)]) -> picture::Seen {
    let sent = phone.get(path, asked).await;
    let there = sent.elsewhere();
    assert!(there.starts_with(&s3.endpoint()), "{there}");
    let here = sent.header("img_url").expect("a path");
    assert!(here.starts_with("/blobs/"), "{here}");
    let again = phone.door.get(&here, &[]).await.elsewhere();
    let mut bodies = Vec::new();
    for link in [there, again] {
        let answer = phone.door.get(&link, &[]).await;
        assert_eq!(answer.status, 200, "{link}: {}", answer.text());
        let kind = answer.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("image/"), "{kind}");
        bodies.push(answer.body);
    }
    assert_eq!(bodies[0], bodies[1]);
    picture::look(&bodies[0])
}

#[tokio::test]
async fn pictures_and_coupons_are_reached_by_signed_links() {
    let s3 = test_s3::server().await;
    let house = house(&s3, Stores::Memory).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let sea = ana.add_picture("sea").await;
    let room = ana.upload(for_room(), "room").await;
    let letter = Form::photo(JPEG, &picture::jpeg(640, 480));
    let letter = letter.text("photo[to_uid]", &bo.id).to("/photo2s");
    let letter = ana.upload(letter, "letter").await;
    let coupon = json!({"shop_id": 7, "name": "半价", "rule": 0});
    let coupon = house.admin("POST", "/admin/coupons", coupon).await.ok();
    let coupon = id_of(&coupon);
    house.quiet().await;
    for (path, id, size, expected) in [
        ("/user_logos/show", &sea, "0", (Jpeg, 120, 120)),
        ("/user_logos/show", &sea, "1", (Png, 100, 100)),
        ("/user_info/logo", &ana.id, "2", (Png, 200, 200)),
        ("/photos/show", &room, "2", (Png, 200, 150)),
        ("/photo2s/show", &letter, "0", (Jpeg, 640, 480)),
        ("/coupons/img", &coupon, "0", (Png, 580, 224)),
        ("/coupons/img", &coupon, "1", (Png, 290, 112)),
    ] {
        let asked = [("id", id.as_str()), ("size", size)];
        assert_eq!(seen(&s3, &bo, path, &asked).await, expected, "{path}");
    }
    // Nothing but what is shown is left there.
    let names = house.blob_names().await;
    assert_eq!(names.len(), 3 + 2 + 2 + 2, "{names:?}");
    let own = ana.get("/user_info/get_self", &[]).await.ok();
    let logo = own["logo"].as_str().expect("a link");
    let there = house.get(logo, &[]).await.elsewhere();
    let tampered = there.replace("0.jpg", "1.png");
    assert_ne!(tampered, there);
    assert_eq!(house.get(&tampered, &[]).await.status, 403);
}

#[tokio::test]
async fn a_bad_picture_and_a_deleted_one_leave_nothing_in_the_bucket() {
    let s3 = test_s3::server().await;
    let house = house(&s3, Stores::Memory).await;
    let ana = house.login("ana").await;
    let whole = picture::jpeg(400, 400);
    let half = Form::logo(JPEG, &whole[..whole.len() / 2]).to("/user_logos");
    ana.upload(half, "half").await;
    let sea = ana.add_picture("sea").await;
    let moon = ana.add_picture("moon").await;
    let foreign = Form::new().file("user_logo[img]", "text/html", &whole);
    ana.send(foreign.to("/user_logos")).await.refused(415);
    ana.post("/user_logos/delete", &[("id", &sea)]).await.ok();
    house.quiet().await;
    assert_eq!(ana.album_of(&ana.id).await, [moon.as_str()]);
    let names = house.blob_names().await;
    assert!(names.iter().all(|name| name.contains(&moon)), "{names:?}");
    assert_eq!(names.len(), 3);
}

#[tokio::test]
async fn while_s3_is_away_uploads_are_refused_for_now_and_what_was_promised_is_done_later() {
    let mut s3 = test_s3::server().await;
    let house = house(&s3, Stores::Memory).await;
    let ana = house.login("ana").await;
    let coupon = json!({"shop_id": 7, "name": "半价", "rule": 0});
    let coupon = id_of(&house.admin("POST", "/admin/coupons", coupon).await.ok());
    let first = ana.upload(for_room(), "first").await;
    s3.stop().await;
    house.happened().await;
    for call in [
        Form::logo(JPEG, &picture::jpeg(9, 9)).to("/user_logos"),
        for_room(),
        Call::new("GET", format!("/coupons/img?id={coupon}")),
    ] {
        let answer = ana.send(call).await;
        answer.refused(503);
        assert_eq!(answer.header("retry-after").as_deref(), Some("1"));
    }
    // Everything else goes on.
    ana.check_in("7").await;
    house.get("/healthz", &[]).await.ok();
    s3.start().await;
    let second = ana.upload(for_room(), "second").await;
    house.quiet().await;
    for id in [&first, &second] {
        let shown = seen(&s3, &ana, "/photos/show", &[("id", id)]).await;
        assert_eq!(shown, (Png, 200, 150));
    }
    let drawn = [("id", coupon.as_str())];
    assert_eq!(
        seen(&s3, &ana, "/coupons/img", &drawn).await,
        (Png, 290, 112)
    );
    let types = house.happened_types().await;
    let uploads = types.iter().filter(|kind| *kind == "photo.uploaded.v1");
    assert_eq!(uploads.count(), 1, "{types:?}");
    let names = house.blob_names().await;
    assert_eq!(names.len(), 2 + 2 + 2, "{names:?}");
}

#[tokio::test]
async fn a_picture_that_waits_for_s3_is_not_taken_for_a_lost_one() {
    let mut s3 = test_s3::server().await;
    let house = house(&s3, Stores::Sqlite).await;
    let ana = house.login("ana").await;
    // What is made of pictures cannot be stored for now.
    let photos = s3.folder().join("of/the-house/photos");
    std::fs::create_dir_all(&photos).expect("a folder");
    let full = Away::fill(&photos);
    let id = ana.upload(for_room(), "sea").await;
    s3.stop().await;
    let house = house.restart().await;
    ana.send(for_room()).await.refused(503);
    let asked = [("id", id.as_str())];
    let early = ana.get("/photos/show", &asked).await;
    assert_eq!(early.refused(404), "not processed yet");
    drop(full);
    s3.start().await;
    let shown = eventually("the picture is shown", async || {
        let answer = ana.get("/photos/show", &asked).await;
        (answer.status == 302).then_some(answer)
    })
    .await;
    assert_eq!(house.get(&shown.elsewhere(), &[]).await.status, 200);
}

#[tokio::test]
async fn pictures_in_a_bucket_are_the_same_after_everything_but_the_log_was_lost() {
    let s3 = test_s3::server().await;
    let house = house(&s3, Stores::Sqlite).await;
    let ana = house.login("ana").await;
    ana.check_in("7").await;
    ana.add_picture("sea").await;
    ana.upload(for_room(), "room").await;
    house.quiet().await;
    house.happened().await;
    let answers = async || {
        let of_ana = [("id", ana.id.as_str())];
        let album = ana.get("/user_info/photos", &of_ana).await.ok();
        json!([album, ana.trace().await])
    };
    let (first, names) = (answers().await, house.blob_names().await);
    let house = house.restart_from_the_log_alone().await;
    same(&answers().await, &first);
    house.quiet().await;
    house.nothing_happened().await;
    assert_eq!(house.blob_names().await, names);
}

#[tokio::test]
async fn a_sweep_of_the_bucket_takes_what_no_event_names_and_nothing_else() {
    let s3 = test_s3::server().await;
    let house = house(&s3, Stores::Memory).await;
    let ana = house.login("ana").await;
    ana.add_picture("sea").await;
    house.quiet().await;
    let names = house.blob_names().await;
    let orphan = Key::raw(PhotoId::new(1, [1; 8]));
    let stored = house.blobs().put(&orphan, "nobody's".into()).await;
    stored.expect("stored");
    let sweep = async |before: Millis| {
        let swept = BlobSweep::once(house.commands(), house.blobs(), before).await;
        swept.expect("a store").removed
    };
    let now = Clock::system().now();
    // Its event may be under way.
    assert_eq!(sweep(Millis(now.0 - 60_000)).await, 0);
    assert_eq!(sweep(Millis(now.0 + 60_000)).await, 1);
    assert_eq!(house.blob_names().await, names);
    let _: Value = ana.get("/user_info/get_self", &[]).await.ok();
}
