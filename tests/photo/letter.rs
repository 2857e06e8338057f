//! Pictures for one person alone (seed §30).

use super::house;
use crate::harness::{Call, Form, MINUTE, PNG, Stores, picture, same};
use image::ImageFormat::Png;
use serde_json::json;

/// A picture for one person.
pub(super) fn for_person(id: &str) -> Form {
    Form::photo(PNG, &picture::png(640, 480)).text("photo[to_uid]", id)
}

#[tokio::test]
async fn a_private_picture_is_seen_by_two_people_and_for_a_short_time() {
    let house = house(Stores::Memory).await;
    let (ana, bo, cem) = (
        house.login("ana").await,
        house.login("bo").await,
        house.login("cem").await,
    );
    house.happened().await;
    let call = for_person(&bo.id).to("/photo2s/create.json");
    let answer = ana.send(call).await.ok();
    let id = answer["id"].as_str().expect("an id").to_owned();
    house.scrub.name(&id, "letter");
    same(
        &house.scrub.tidy(&answer),
        &json!({
            "_id": "<letter>", "id": "<letter>", "user_id": "<ana>", "to_uid": "<bo>",
            "img_tmp": "<letter>", "logo": "", "logo_thumb2": null,
        }),
    );
    house.quiet().await;
    let happened = house.happened().await;
    same(
        &happened[0],
        &json!({
            "stream": "photo-<letter>",
            "type": "photo.uploaded.v1",
            "data": {
                "photo_id": "<letter>", "user_id": "<ana>", "format": "png",
                "bytes": picture::png(640, 480).len(), "kind": "private", "to_id": "<bo>",
            },
        }),
    );
    let mut links = Vec::new();
    for (phone, size, expected) in [
        (&ana, None, (Png, 200, 150)),
        (&bo, Some("0"), (Png, 640, 480)),
        (&bo, Some("2"), (Png, 200, 150)),
    ] {
        let mut asked = vec![("id", id.as_str())];
        asked.extend(size.map(|size| ("size", size)));
        let shown = phone.see("/photo2s/show", &asked).await;
        assert_eq!(picture::look(&shown.body), expected);
        let caching = shown.header("cache-control");
        assert_eq!(caching.as_deref(), Some("private, max-age=300, immutable"));
        links.push(phone.get("/photo2s/show", &asked).await.elsewhere());
    }
    let asked = [("id", id.as_str())];
    cem.get("/photo2s/show", &asked).await.refused(404);
    house.get("/photo2s/show", &asked).await.refused(401);
    for phone in [&ana, &bo, &cem] {
        for path in ["/photos/show", "/user_logos/show"] {
            phone.get(path, &asked).await.refused(404);
        }
    }
    house.clock.pass(5 * MINUTE);
    for link in links {
        house.get(&link, &[]).await.refused(410);
    }
}

#[tokio::test]
async fn a_private_picture_goes_to_somebody_by_either_name_of_the_receiver() {
    let house = house(Stores::Memory).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    house.happened().await;
    let picture = || Form::photo(PNG, &picture::png(9, 9));
    let dotted = picture().text("photo[to.uid]", &bo.id);
    let sent = ana.send(dotted.to("/photo2s")).await.ok();
    assert_eq!(sent["to_uid"], bo.id);
    house.quiet().await;
    house.happened().await;
    let before = house.blob_names().await;
    let both = for_person(&bo.id).text("photo[to.uid]", &bo.id);
    for (form, status) in [
        (picture(), 400),
        (picture().text("photo[to_uid]", ""), 400),
        (picture().text("photo[to_uid]", "s7"), 400),
        (for_person("502e6303421aa918ba000001"), 404),
        (both, 400),
        (Form::new().text("photo[to_uid]", &bo.id), 400),
    ] {
        ana.send(form.to("/photo2s")).await.refused(status);
    }
    let call = for_person(&bo.id).to("/photo2s");
    house.send(call).await.refused(401);
    ana.send(Call::new("GET", "/photo2s")).await.refused(405);
    house.nothing_happened().await;
    assert_eq!(house.blob_names().await, before);
}
