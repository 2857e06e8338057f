//! Pictures of conversations: for everybody in a room (seed §29); those for one person are in
//! [`letter`].

mod letter;

use crate::harness::{
    Door, Form, HOUR, House, JPEG, MINUTE, Phone, Stores, picture, same, settings,
};
use image::ImageFormat::{Jpeg, Png};
use serde_json::{Value, json};

/// A picture of a room, with all its words.
fn for_room(shop: &str, desc: &str) -> Form {
    Form::photo(JPEG, &picture::jpeg(640, 480))
        .text("photo[room]", shop)
        .text("photo[weibo]", "0")
        .text("photo[desc]", desc)
}

/// A house with a café whose id is 7.
async fn house(stores: Stores) -> House {
    let house = House::with(stores, settings()).await;
    let cafe = json!({"id": 7, "name": "Ekberg", "lat": 60.168, "lng": 24.938, "t": 2});
    house.shop_with(cafe).await;
    house
}

#[tokio::test]
async fn a_picture_of_a_room_is_answered_at_once_and_recorded_whole() {
    let house = house(Stores::Memory).await;
    let ana = house.login("ana").await;
    house.scrub.name(&ana.check_in("7").await, "visit");
    house.happened().await;
    for path in ["/photos", "/photos/create.json"] {
        let answer = ana.send(for_room("7", "海 & <b>").to(path)).await.ok();
        let id = answer["id"].as_str().expect("an id").to_owned();
        house.scrub.name(&id, "sea");
        same(
            &house.scrub.tidy(&answer),
            &json!({
                "_id": "<sea>", "id": "<sea>", "user_id": "<ana>", "room": "7", "weibo": false,
                "desc": "海 & <b>", "img_tmp": "<sea>", "logo": "", "logo_thumb2": null,
            }),
        );
        house.quiet().await;
        let original = [("id", id.as_str()), ("size", "0")];
        let bytes = ana.see("/photos/show", &original).await.body.len();
        let sent = picture::jpeg(640, 480).len();
        same(
            &house.happened().await,
            &json!([
                {
                    "stream": "photo-<sea>",
                    "type": "photo.uploaded.v1",
                    "data": {
                        "photo_id": "<sea>", "user_id": "<ana>", "format": "jpeg", "bytes": sent,
                        "kind": "room", "shop_id": 7, "desc": "海 & <b>", "weibo": false,
                        "checkin_id": "<visit>",
                    },
                },
                {
                    "stream": "photo-<sea>",
                    "type": "photo.processed.v1",
                    "data": {
                        "photo_id": "<sea>", "user_id": "<ana>", "format": "jpeg",
                        "width": 640, "height": 480, "bytes": bytes,
                    },
                },
            ]),
        );
    }
}

#[tokio::test]
async fn words_may_be_missing_and_the_sender_need_not_be_there() {
    let house = house(Stores::Memory).await;
    let ana = house.login("ana").await;
    let form = Form::photo(JPEG, &picture::jpeg(9, 9)).text("photo[room]", "7");
    for form in [form.clone(), form.text("photo[desc]", "")] {
        let answer = ana.send(form.to("/photos")).await.ok();
        assert_eq!(
            (&answer["desc"], &answer["weibo"]),
            (&Value::Null, &json!(false))
        );
    }
    // Words may stand in the query as well.
    let form = Form::photo(JPEG, &picture::jpeg(9, 9));
    let call = form.to("/photos?photo[room]=7&photo%5Bdesc%5D=sea");
    assert_eq!(ana.send(call).await.ok()["desc"], "sea");
    same(&ana.trace().await, &json!({"pcount": 0, "data": []}));
}

#[tokio::test]
async fn everybody_who_is_logged_in_sees_the_picture_of_a_room_in_two_sizes() {
    let house = house(Stores::Memory).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let id = ana.upload(for_room("7", "").to("/photos"), "sea").await;
    house.quiet().await;
    for (size, expected, file) in [
        (None, (Png, 200, 150), "2.png"),
        (Some("2"), (Png, 200, 150), "2.png"),
        (Some("0"), (Jpeg, 640, 480), "0.jpg"),
    ] {
        let mut asked = vec![("id", id.as_str())];
        asked.extend(size.map(|size| ("size", size)));
        let sent = bo.get("/photos/show", &asked).await;
        let link = json!(sent.header("img_url"));
        let expected_link = format!("/blobs/photos/<sea>/{file}?until=1348444800&sig=<id>");
        same(&house.scrub.tidy(&link), &json!(expected_link));
        let shown = bo.see("/photos/show.json", &asked).await;
        assert_eq!(picture::look(&shown.body), expected);
        house.get("/photos/show", &asked).await.refused(401);
    }
    // The small one is only for albums, and so is their call.
    let small = [("id", id.as_str()), ("size", "1")];
    bo.get("/photos/show", &small).await.refused(400);
    for path in ["/user_logos/show", "/photo2s/show"] {
        ana.get(path, &[("id", &id)]).await.refused(404);
    }
}

#[tokio::test]
async fn a_picture_joins_the_visit_during_which_it_was_sent() {
    let house = house(Stores::Memory).await;
    let ana = house.login("ana").await;
    let bar = house.shop("Kaisla", 60.171, 24.945).await;
    let send = async |shop: &str, desc: &str| {
        let id = ana.upload(for_room(shop, desc).to("/photos"), desc).await;
        house.clock.pass(MINUTE);
        id
    };
    ana.check_in("7").await;
    let first = send("7", "first").await;
    // Not a picture of the place where Ana is.
    send(&bar, "from afar").await;
    ana.check_in("7").await;
    send("7", "second").await;
    ana.check_in(&bar).await;
    send("7", "too late").await;
    send(&bar, "third").await;
    house.clock.pass(12 * HOUR);
    send(&bar, "gone home").await;
    house.quiet().await;
    let trace = ana.trace().await;
    let descs = |visit: &Value| {
        let photos = visit["photos"].as_array().expect("an array").iter();
        photos.map(|photo| photo["desc"].clone()).collect::<Value>()
    };
    assert_eq!(trace["data"].as_array().map(Vec::len), Some(2));
    same(&descs(&trace["data"][0]), &json!(["third"]));
    same(&descs(&trace["data"][1]), &json!(["first", "second"]));
    let photo = &trace["data"][1]["photos"][0];
    let link = |file| format!("/blobs/photos/<first>/{file}?until=1348444800&sig=<id>");
    same(
        &house.scrub.tidy(photo),
        &json!({
            "id": "<first>", "desc": "first", "logo": link("0.jpg"), "logo_thumb2": link("2.png"),
        }),
    );
    for name in ["logo", "logo_thumb2"] {
        let link = photo[name].as_str().expect("a link");
        assert_eq!(house.get(link, &[]).await.status, 200, "{link}");
    }
    // A visit that is taken back takes its pictures along.
    let visit = trace["data"][1]["id"].as_str().expect("an id").to_owned();
    ana.post("/checkins/delete", &[("id", &visit)]).await.ok();
    assert!(!ana.trace().await.to_string().contains(&first));
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_sent_by_many_at_once_are_all_shown() {
    let house = house(Stores::Sqlite).await;
    let mut sending = Vec::new();
    for number in 0..30 {
        let phone = house.login(&format!("person {number}")).await;
        sending.push(tokio::spawn(async move {
            let id = phone.upload(for_room("7", "").to("/photos"), "sea").await;
            (phone, id)
        }));
    }
    let mut sent = Vec::new();
    for one in sending {
        sent.push(one.await.expect("an answer"));
    }
    house.quiet().await;
    for (phone, id) in sent {
        phone.see("/photos/show", &[("id", &id)]).await;
    }
    let names = house.blob_names().await;
    assert_eq!(names.len(), 2 * 30, "{names:?}");
}

#[tokio::test]
async fn a_picture_for_nowhere_is_refused_and_nothing_is_left_of_it() {
    let house = house(Stores::Memory).await;
    let ana = house.login("ana").await;
    let closed = house.shop("Gone", 60.168, 24.938).await;
    let path = format!("/admin/shops/{closed}");
    house.admin("DELETE", &path, Value::Null).await.ok();
    house.happened().await;
    let good = || Form::photo(JPEG, &picture::jpeg(9, 9));
    let long = "字".repeat(255);
    for (form, status) in [
        (good(), 400),
        (good().text("photo[room]", ""), 400),
        (good().text("photo[room]", "x"), 400),
        (good().text("photo[room]", "999"), 404),
        (good().text("photo[room]", &closed), 404),
        (for_room("7", &long), 400),
        (for_room("7", "a\0b"), 400),
        (for_room("7", "").text("photo[room]", "7"), 400),
        (
            good().text("photo[room]", "7").text("photo[weibo]", "2"),
            400,
        ),
        (
            good().text("photo[room]", "7").text("photo[weibo]", ""),
            400,
        ),
        (Form::new().text("photo[room]", "7"), 400),
    ] {
        ana.send(form.to("/photos")).await.refused(status);
    }
    house
        .send(for_room("7", "").to("/photos"))
        .await
        .refused(401);
    ana.get("/photos", &[]).await.refused(405);
    ana.post("/photos", &[("photo[room]", "7")])
        .await
        .refused(415);
    house.nothing_happened().await;
    assert!(house.blob_names().await.is_empty());
}

/// What can be asked about the pictures, by whom.
async fn answers(door: &Door, people: &[Phone; 2], ids: &[(&str, String)]) -> Value {
    let mut all = Vec::new();
    for phone in people {
        all.push(phone.trace().await);
        for other in people {
            let of_other = [("id", other.id.as_str())];
            all.push(phone.get("/user_info/photos", &of_other).await.ok());
            all.push(phone.get("/user_info/get", &of_other).await.ok());
        }
        for (path, id) in ids {
            let sent = phone.get(path, &[("id", id)]).await;
            all.push(json!([sent.status, sent.header("img_url")]));
            if let Some(link) = sent.header("img_url") {
                let shown = door.get(&link, &[]).await;
                all.push(json!([
                    shown.status,
                    shown.header("etag"),
                    shown.body.len()
                ]));
            }
        }
    }
    Value::Array(all)
}

#[tokio::test]
async fn pictures_are_the_same_on_every_store_whatever_is_stopped_or_lost() {
    for stores in [Stores::Sqlite, Stores::Postgres] {
        let house = house(stores).await;
        let people = [house.login("ana").await, house.login("bo").await];
        let [ana, bo] = &people;
        ana.check_in("7").await;
        let whole = picture::jpeg(400, 400);
        let half = Form::logo(JPEG, &whole[..whole.len() / 2]).to("/user_logos");
        let ids = [
            ("/user_logos/show", ana.add_picture("sea").await),
            ("/user_logos/show", ana.add_picture("moon").await),
            ("/user_logos/show", ana.add_picture("gone").await),
            ("/user_logos/show", ana.upload(half, "half").await),
            (
                "/photos/show",
                ana.upload(for_room("7", "海").to("/photos"), "room").await,
            ),
            (
                "/photo2s/show",
                bo.upload(letter::for_person(&ana.id).to("/photo2s"), "letter")
                    .await,
            ),
        ];
        let order = "/user_logos/change_all_position";
        ana.post(order, &[("ids", &ids[1].1)]).await.ok();
        ana.post("/user_logos/delete", &[("id", &ids[2].1)])
            .await
            .ok();
        house.quiet().await;
        house.happened().await;
        let first = answers(&house, &people, &ids).await;
        assert_eq!(ana.album_of(&ana.id).await, [&*ids[1].1, &*ids[0].1]);
        let house = house.restart().await;
        same(&answers(&house, &people, &ids).await, &first);
        let house = house.restart_from_the_log_alone().await;
        same(&answers(&house, &people, &ids).await, &first);
        house.quiet().await;
        house.nothing_happened().await;
    }
}
