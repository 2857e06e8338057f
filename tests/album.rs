//! The pictures of one's album: sending them, seeing them (seed §11, §12, §17, §18). Their order
//! and the end of them is in [`order`], the logo in [`logo`].

mod logo;
mod order;

use crate::harness::{Away, Form, GIF, House, JPEG, PNG, Phone, Stores, picture, same, settings};
use image::ImageFormat::{Jpeg, Png};
use serde_json::json;

/// What is shown of a picture, in all three sizes.
async fn sizes(phone: &Phone, id: &str) -> [picture::Seen; 3] {
    let mut seen = Vec::new();
    for size in ["0", "1", "2"] {
        let asked = [("id", id), ("size", size)];
        let answer = phone.see("/user_logos/show", &asked).await;
        seen.push(picture::look(&answer.body));
    }
    seen.try_into().expect("three")
}

#[tokio::test]
async fn a_picture_is_answered_at_once_and_recorded_and_processed_later() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    house.happened().await;
    let sent = picture::jpeg(1_600, 1_200);
    let form = Form::logo(JPEG, &sent);
    let answer = ana.send(form.to("/user_logos/create.json")).await.ok();
    house
        .scrub
        .name(answer["id"].as_str().expect("an id"), "sea");
    same(
        &house.scrub.tidy(&answer),
        &json!({
            "id": "<sea>", "user_id": "<ana>", "logo": "", "logo_thumb": null,
            "logo_thumb1": null, "logo_thumb2": null, "img_tmp": "<sea>",
        }),
    );
    house.quiet().await;
    let id = answer["id"].as_str().expect("an id");
    let asked = [("id", id), ("size", "0")];
    let bytes = ana.see("/user_logos/show", &asked).await.body.len();
    let uploaded = json!({
        "photo_id": "<sea>", "user_id": "<ana>", "format": "jpeg", "bytes": sent.len(),
    });
    let mut arrived = uploaded.clone();
    arrived["kind"] = json!("album");
    let processed = json!({
        "photo_id": "<sea>", "user_id": "<ana>", "format": "jpeg", "width": 960, "height": 720,
        "bytes": bytes,
    });
    same(
        &house.happened().await,
        &json!([
            {"stream": "album-<ana>", "type": "album.photo-added.v1", "data": uploaded},
            {"stream": "photo-<sea>", "type": "photo.uploaded.v1", "data": arrived},
            {"stream": "photo-<sea>", "type": "photo.processed.v1", "data": processed},
        ]),
    );
    let shown = ["0.jpg", "1.png", "2.png"].map(|name| format!("photos/{id}/{name}"));
    assert_eq!(house.blob_names().await, shown);
}

#[tokio::test]
async fn a_picture_is_shown_in_three_sizes_whatever_was_sent() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    for (name, kind, bytes, expected) in [
        (
            "a wide photograph",
            JPEG,
            picture::jpeg(1_600, 1_200),
            [(Jpeg, 960, 720), (Png, 100, 75), (Png, 200, 150)],
        ),
        (
            "a square",
            JPEG,
            picture::jpeg(500, 500),
            [(Jpeg, 500, 500), (Png, 100, 100), (Png, 200, 200)],
        ),
        (
            "a large square",
            PNG,
            picture::png(1_000, 1_000),
            [(Png, 960, 960), (Png, 100, 100), (Png, 200, 200)],
        ),
        (
            "a high one",
            PNG,
            picture::png(100, 400),
            [(Png, 100, 400), (Png, 25, 100), (Png, 50, 200)],
        ),
        (
            "two frames",
            GIF,
            picture::gif(300, 300),
            [(Png, 300, 300), (Png, 100, 100), (Png, 200, 200)],
        ),
        (
            "a dot",
            PNG,
            picture::png(1, 1),
            [(Png, 1, 1), (Png, 100, 100), (Png, 200, 200)],
        ),
        // What the client calls it does not count.
        (
            "a wrong word",
            GIF,
            picture::jpeg(200, 200),
            [(Jpeg, 200, 200), (Png, 100, 100), (Png, 200, 200)],
        ),
    ] {
        let form = Form::logo(kind, &bytes);
        let id = ana.upload(form.to("/user_logos"), name).await;
        house.quiet().await;
        assert_eq!(sizes(&ana, &id).await, expected, "{name}");
    }
}

#[tokio::test]
async fn nothing_is_shown_but_the_pixels_and_they_stand_upright() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let sent = picture::telltale_jpeg(400, 300);
    for secret in picture::SECRETS {
        assert!(holds(&sent, secret), "{secret}");
    }
    let form = Form::logo(JPEG, &sent);
    let id = ana.upload(form.to("/user_logos"), "home").await;
    house.quiet().await;
    let upright = [(Jpeg, 300, 400), (Png, 75, 100), (Png, 150, 200)];
    assert_eq!(sizes(&ana, &id).await, upright);
    for size in ["0", "1", "2"] {
        let asked = [("id", id.as_str()), ("size", size)];
        let shown = ana.see("/user_logos/show", &asked).await.body;
        for secret in picture::SECRETS {
            assert!(!holds(&shown, secret), "{secret} in size {size}");
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn everybody_who_is_logged_in_sees_a_picture_and_its_link() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let id = ana.add_picture("sea").await;
    house.quiet().await;
    for (asked, file) in [
        (&[("id", id.as_str())][..], "1.png"),
        (&[("id", id.as_str()), ("size", "0")], "0.jpg"),
        (&[("id", id.as_str()), ("size", "1")], "1.png"),
        (&[("id", id.as_str()), ("size", "2")], "2.png"),
    ] {
        let answer = bo.get("/user_logos/show.json", asked).await;
        let link = answer.elsewhere();
        assert_eq!(answer.header("img_url").as_ref(), Some(&link));
        let expected = json!(format!(
            "/blobs/photos/<sea>/{file}?until=1348444800&sig=<id>"
        ));
        same(&house.scrub.tidy(&json!(link)), &expected);
        house.get("/user_logos/show", asked).await.refused(401);
    }
    let nobody = "502e6303421aa918ba000001";
    bo.get("/user_logos/show", &[("id", nobody)])
        .await
        .refused(404);
    for (name, bad) in [("id", ""), ("id", "x"), ("id", "../1"), ("size", "3")] {
        let mut asked = vec![(name, bad)];
        asked.extend([("id", id.as_str())].into_iter().filter(|_| name != "id"));
        bo.get("/user_logos/show", &asked).await.refused(400);
    }
}

#[tokio::test]
async fn a_picture_is_in_the_list_from_its_answer_on_and_has_links_later() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let of_ana = [("id", ana.id.as_str())];
    same(&bo.get("/user_info/photos", &of_ana).await.ok(), &json!([]));
    // What is made of pictures cannot be stored for now.
    let away = Away::fill(&house.blob_folder().join("photos"));
    let id = ana.add_picture("sea").await;
    let rows = bo.get("/user_info/photos", &of_ana).await.ok();
    same(
        &house.scrub.tidy(&rows),
        &json!([{
            "id": "<sea>", "user_id": "<ana>", "updated_at": "2012-09-22 14:24:00",
            "logo": "", "logo_thumb": null, "logo_thumb2": null, "img_file_size": 0,
        }]),
    );
    let early = bo.get("/user_logos/show", &[("id", &id)]).await;
    assert_eq!(early.refused(404), "not processed yet");
    bo.get("/user_info/logo", &of_ana).await.refused(404);
    drop(away);
    house.quiet().await;
    let rows = bo.get("/user_info/photos", &of_ana).await.ok();
    let link = |file| format!("/blobs/photos/<sea>/{file}?until=1348444800&sig=<id>");
    let logo = rows[0]["logo"].as_str().expect("a link");
    let bytes = house.get(logo, &[]).await.body.len();
    same(
        &house.scrub.tidy(&rows),
        &json!([{
            "id": "<sea>", "user_id": "<ana>", "updated_at": "2012-09-22 14:24:00",
            "logo": link("0.jpg"), "logo_thumb": link("1.png"), "logo_thumb2": link("2.png"),
            "img_file_size": bytes,
        }]),
    );
    house.get("/user_info/photos", &of_ana).await.refused(401);
    let nobody = [("id", "502e6303421aa918ba000001")];
    bo.get("/user_info/photos", &nobody).await.refused(404);
    bo.get("/user_info/photos", &[]).await.refused(400);
}

#[tokio::test]
async fn an_album_holds_eight_pictures_or_as_many_as_the_settings_say() {
    for (most, status) in [(None, 8), (Some(2), 2)] {
        let mut settings = settings();
        if let Some(most) = most {
            settings.limits.album_pictures = most;
        }
        let house = House::with(Stores::Memory, settings).await;
        let ana = house.login("ana").await;
        for number in 0..status {
            ana.add_picture(&format!("picture {number}")).await;
        }
        house.quiet().await;
        house.happened().await;
        let before = house.blob_names().await;
        let one_more = Form::logo(JPEG, &picture::jpeg(9, 9)).to("/user_logos");
        let said = ana.send(one_more).await.refused(409);
        assert!(said.contains(&status.to_string()), "{said}");
        house.nothing_happened().await;
        assert_eq!(house.blob_names().await, before);
        let first = &ana.album_of(&ana.id).await[0];
        ana.post("/user_logos/delete", &[("id", first)]).await.ok();
        ana.add_picture("one more").await;
        assert_eq!(ana.album_of(&ana.id).await.len(), status);
    }
}

#[tokio::test]
async fn nobody_sends_a_picture_for_somebody_else_or_without_a_login() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let form = Form::new()
        .text("user_id", &ana.id)
        .text("user_logo[user_id]", &ana.id)
        .file("user_logo[img]", JPEG, &picture::jpeg(9, 9));
    bo.upload(form.clone().to("/user_logos"), "sea").await;
    assert!(bo.album_of(&ana.id).await.is_empty());
    assert_eq!(bo.album_of(&bo.id).await.len(), 1);
    house.quiet().await;
    house.happened().await;
    house.send(form.to("/user_logos")).await.refused(401);
    for path in ["/user_logos", "/user_logos/create", "/user_logos/delete"] {
        ana.get(path, &[]).await.refused(405);
    }
    house.nothing_happened().await;
    assert_eq!(house.blob_names().await.len(), 3);
}
