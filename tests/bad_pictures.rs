//! What strangers send instead of pictures: refused at once, or rejected later; nothing breaks, and
//! nothing is left behind. Bodies that do not arrive are in [`bodies`], stores that are away in
//! [`stores`].

mod bodies;
mod stores;

use crate::harness::{Call, Form, GIF, House, JPEG, PNG, Phone, Stores, picture, same, settings};
use serde_json::{Value, json};

/// What becomes of a picture that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Shown,
    Rejected(&'static str),
    /// Whatever the decoder makes of it.
    Either,
}

/// A house whose albums hold a hundred pictures.
async fn house() -> House {
    let mut settings = settings();
    settings.limits.album_pictures = 100;
    House::with(Stores::Memory, settings).await
}

/// Pictures that cannot be told from good ones by their first bytes, and some that are odd but good.
fn oddities() -> Vec<(&'static str, &'static str, Vec<u8>, Fate)> {
    let jpeg = picture::jpeg(400, 400);
    let png = picture::png(400, 400);
    let gif = picture::gif(400, 400);
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let damaged = Fate::Rejected("damaged");
    vec![
        ("half a JPEG", JPEG, half(&jpeg), damaged),
        ("half a PNG", PNG, half(&png), damaged),
        (
            "half a first frame",
            GIF,
            gif[..gif.len() / 4].to_vec(),
            damaged,
        ),
        (
            "a JPEG that forgot its end",
            JPEG,
            jpeg[..jpeg.len() - 2].to_vec(),
            damaged,
        ),
        (
            "a JPEG that says it is larger",
            JPEG,
            picture::jpeg_of_size(2_000, 1_500),
            Fate::Either,
        ),
        (
            "a JPEG of four colours",
            JPEG,
            picture::cmyk_jpeg(),
            Fate::Shown,
        ),
        (
            "sixteen bits a channel",
            PNG,
            picture::deep_png(300, 200),
            Fate::Shown,
        ),
        ("two frames", GIF, gif, Fate::Shown),
        (
            "compressed texts without end",
            PNG,
            picture::png_with_bombs(),
            Fate::Shown,
        ),
        (
            "a web page behind a picture",
            GIF,
            picture::polyglot_gif(),
            Fate::Shown,
        ),
        (
            "a picture and a diary",
            JPEG,
            picture::telltale_jpeg(300, 200),
            Fate::Shown,
        ),
    ]
}

/// Sends a picture for the album; answers its id.
async fn send(phone: &Phone, name: &str, kind: &str, bytes: &[u8]) -> String {
    let call = Form::logo(kind, bytes).to("/user_logos");
    phone.upload(call, name).await
}

/// The reasons of rejections since the last look, by the name of the picture.
async fn rejections(house: &House) -> Value {
    let happened = house.happened().await;
    let events = happened.as_array().expect("an array").iter();
    let rejected = events.filter(|event| event["type"] == "photo.rejected.v1");
    rejected
        .map(|event| {
            let name = event["data"]["photo_id"].as_str().expect("a name");
            (name.to_owned(), event["data"]["reason"].clone())
        })
        .collect()
}

#[tokio::test]
async fn what_is_no_picture_is_refused_and_nothing_is_left_of_it() {
    let house = house().await;
    let ana = house.login("ana").await;
    house.happened().await;
    let good = picture::jpeg(9, 9);
    let img = "user_logo[img]";
    let file = |kind, bytes: &[u8]| Form::logo(kind, bytes);
    let nameless = "Content-Disposition: form-data; filename=\"a.png\"\r\nContent-Type: image/png";
    let typeless = "Content-Disposition: form-data; name=\"user_logo[img]\"; filename=\"a.png\"";
    for (name, form, status) in [
        ("no file", Form::new(), 400),
        ("no file but a text", Form::new().text("a", "b"), 400),
        ("two files", file(JPEG, &good).file(img, JPEG, &good), 400),
        ("two fields", file(JPEG, &good).file("b", JPEG, &good), 400),
        ("an empty file", file(PNG, b""), 400),
        (
            "another field",
            Form::new().file("photo[img]", JPEG, &good),
            400,
        ),
        ("no field", Form::new().part(nameless, &good), 400),
        ("no type", Form::new().part(typeless, &good), 415),
        (
            "a text in place of a file",
            Form::new().text(img, "picture"),
            415,
        ),
        ("another type", file("image/webp", &good), 415),
        ("a page", file("text/html", &good), 415),
        ("no type at all", file("", &good), 415),
        ("a text named .png", file(PNG, b"this is a text"), 415),
        (
            "a page named .gif",
            file(GIF, b"<html><script>alert(1)</script>"),
            415,
        ),
        (
            "an SVG named .png",
            file(PNG, b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
            415,
        ),
        (
            "WebP named .jpg",
            file(JPEG, b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0"),
            415,
        ),
        ("three bytes of a JPEG", file(JPEG, &good[..3]), 400),
        ("eight bytes of a PNG", file(PNG, b"\x89PNG\r\n\x1a\n"), 400),
        ("six bytes of a GIF", file(GIF, b"GIF89a"), 400),
        (
            "30,000 x 30,000",
            file(PNG, &picture::png_of_size(30_000, 30_000)),
            413,
        ),
        (
            "65,535 x 65,535",
            file(GIF, &picture::gif_of_size(65_535, 65_535)),
            413,
        ),
        (
            "a JPEG of 60,000",
            file(JPEG, &picture::jpeg_of_size(60_000, 60_000)),
            413,
        ),
        (
            "long and thin",
            file(PNG, &picture::png_of_size(4_097, 1)),
            413,
        ),
        ("no width", file(PNG, &picture::png_of_size(0, 7)), 400),
        (
            "a PNG of 2^32",
            file(PNG, &picture::png_of_size(u32::MAX, u32::MAX)),
            413,
        ),
    ] {
        let answer = ana.send(form.to("/user_logos")).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        answer.refused(status);
    }
    house.nothing_happened().await;
    assert!(house.blob_names().await.is_empty());
    assert!(ana.album_of(&ana.id).await.is_empty());
    send(&ana, "good", JPEG, &good).await;
}

#[tokio::test]
async fn a_body_that_is_no_form_with_a_file_is_refused() {
    let house = house().await;
    let ana = house.login("ana").await;
    house.happened().await;
    let good = picture::jpeg(9, 9);
    let post = || Call::new("POST", "/user_logos");
    let cut = Form::logo(JPEG, &good).cut_to("/user_logos");
    for (name, call, status) in [
        ("nothing", post(), 415),
        ("the bare bytes", post().body(JPEG, good.clone()), 415),
        (
            "a form without files",
            post().form(&[("user_logo[img]", "x")]),
            415,
        ),
        ("JSON", post().json(&json!({"user_logo[img]": "x"})), 415),
        (
            "no boundary",
            post().body("multipart/form-data", good.clone()),
            400,
        ),
        (
            "no such boundary",
            post().body("multipart/form-data; boundary=x", good),
            400,
        ),
        ("no end", cut, 400),
    ] {
        let answer = ana.send(call).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        answer.refused(status);
    }
    house.nothing_happened().await;
    assert!(house.blob_names().await.is_empty());
}

#[tokio::test]
async fn every_oddity_is_shown_without_its_extras_or_rejected_with_a_reason() {
    let house = house().await;
    let ana = house.login("ana").await;
    for (name, kind, bytes, fate) in oddities() {
        house.happened().await;
        let id = send(&ana, name, kind, &bytes).await;
        house.quiet().await;
        let reason = rejections(&house).await[format!("<{name}>")].clone();
        match fate {
            Fate::Shown => assert_eq!(reason, Value::Null, "{name}"),
            Fate::Rejected(expected) => assert_eq!(reason, expected, "{name}"),
            Fate::Either => {}
        }
        let stands = ana.album_of(&ana.id).await.contains(&id);
        assert_eq!(stands, reason.is_null(), "{name}");
        let asked = [("id", id.as_str()), ("size", "0")];
        if stands {
            let shown = ana.see("/user_logos/show", &asked).await;
            picture::look(&shown.body);
            let text = String::from_utf8_lossy(&shown.body).into_owned();
            for extra in ["<script", "diary", "zTXt", "Exif"] {
                assert!(!text.contains(extra), "{name}: {extra}");
            }
        } else {
            ana.get("/user_logos/show", &asked).await.refused(404);
            let names = house.blob_names().await;
            assert!(!names.iter().any(|kept| kept.contains(&id)), "{name}");
        }
    }
}

#[tokio::test]
async fn a_rejection_is_recorded_with_its_reason_and_the_picture_leaves_the_album() {
    let house = house().await;
    let ana = house.login("ana").await;
    let whole = picture::jpeg(400, 400);
    let half = &whole[..whole.len() / 2];
    house.happened().await;
    send(&ana, "half", JPEG, half).await;
    house.quiet().await;
    let uploaded = json!({
        "photo_id": "<half>", "user_id": "<ana>", "format": "jpeg", "bytes": half.len(),
    });
    let mut arrived = uploaded.clone();
    arrived["kind"] = json!("album");
    same(
        &house.happened().await,
        &json!([
            {"stream": "album-<ana>", "type": "album.photo-added.v1", "data": uploaded},
            {"stream": "photo-<half>", "type": "photo.uploaded.v1", "data": arrived},
            {
                "stream": "photo-<half>",
                "type": "photo.rejected.v1",
                "data": {"photo_id": "<half>", "user_id": "<ana>", "reason": "damaged"},
            },
            {
                "stream": "album-<ana>",
                "type": "album.photo-removed.v1",
                "data": {"user_id": "<ana>", "photo_id": "<half>"},
            },
        ]),
    );
    assert!(house.blob_names().await.is_empty());
}

#[tokio::test]
async fn bad_pictures_between_good_ones_stop_nobody() {
    let house = house().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let shop = house.shop("Ekberg", 60.168, 24.938).await;
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (name, kind, bytes, fate) in oddities() {
        let id = send(&ana, name, kind, &bytes).await;
        match fate {
            Fate::Shown => good.push(id),
            Fate::Rejected(_) => bad.push(id),
            Fate::Either => {}
        }
        good.push(ana.add_picture("good").await);
        let form = Form::photo(kind, &bytes);
        let room = form.clone().text("photo[room]", &shop);
        ana.send(room.to("/photos")).await.ok();
        let letter = form.text("photo[to_uid]", &bo.id);
        ana.send(letter.to("/photo2s")).await.ok();
    }
    house.quiet().await;
    let album = ana.album_of(&ana.id).await;
    for id in &good {
        assert!(album.contains(id));
        ana.see("/user_logos/show", &[("id", id)]).await;
    }
    for id in &bad {
        assert!(!album.contains(id));
    }
    let names = house.blob_names().await;
    assert!(
        !names.iter().any(|name| name.starts_with("raw/")),
        "{names:?}"
    );
    // What has more than one visible effect has more than one event.
    let types = house.happened_types().await;
    let count = |name: &str| types.iter().filter(|kind| *kind == name).count();
    let uploads = count("photo.uploaded.v1");
    assert_eq!(uploads, 4 * oddities().len());
    let fates = count("photo.processed.v1") + count("photo.rejected.v1");
    assert_eq!(fates, uploads);
}
