//! Another order, and fewer pictures (seed §19, §20).

use crate::harness::{Form, House, JPEG, Phone, id_of, picture, same};
use serde_json::{Value, json};

const ORDER: &str = "/user_logos/change_all_position";

/// Ana with three pictures that can be shown; what happened until now is forgotten.
async fn ana(house: &House) -> (Phone, [String; 3]) {
    let ana = house.login("ana").await;
    let ids = [
        ana.add_picture("sea").await,
        ana.add_picture("moon").await,
        ana.add_picture("cat").await,
    ];
    house.quiet().await;
    house.happened().await;
    (ana, ids)
}

#[tokio::test]
async fn a_new_order_is_answered_with_the_album_and_later_pictures_go_last() {
    let house = House::new().await;
    let (ana, [sea, moon, cat]) = ana(&house).await;
    assert_eq!(ana.album_of(&ana.id).await, [&*sea, &*moon, &*cat]);
    let ids = [cat.as_str(), &sea, &moon].join(",");
    let rows = ana.post(ORDER, &[("ids", &ids)]).await.ok();
    same(
        &rows,
        &ana.get("/user_info/photos", &[("id", &ana.id)]).await.ok(),
    );
    same(
        &house.happened().await,
        &json!([{
            "stream": "album-<ana>",
            "type": "album.reordered.v1",
            "data": {"user_id": "<ana>", "photo_ids": ["<cat>", "<sea>", "<moon>"]},
        }]),
    );
    let last = ana.add_picture("last").await;
    assert_eq!(ana.album_of(&ana.id).await, [&*cat, &*sea, &*moon, &*last]);
}

#[tokio::test]
async fn pictures_that_are_not_named_keep_their_order_behind() {
    let house = House::new().await;
    let (ana, [sea, moon, cat]) = ana(&house).await;
    for path in [ORDER, "/user_logos/position.json"] {
        let spaced = format!(" {cat} ");
        ana.post(path, &[("ids", &spaced)]).await.ok();
        assert_eq!(ana.album_of(&ana.id).await, [&*cat, &*sea, &*moon]);
    }
    // The second time nothing was new.
    assert_eq!(house.happened_types().await, ["album.reordered.v1"]);
}

#[tokio::test]
async fn an_order_is_taken_whole_or_not_at_all() {
    let house = House::new().await;
    let (ana, [sea, moon, cat]) = ana(&house).await;
    let bo = house.login("bo").await;
    let foreign = bo.add_picture("stone").await;
    house.quiet().await;
    house.happened().await;
    let unknown = "502e6303421aa918ba000001";
    let with = |other: &str| format!("{cat},{other},{sea}");
    let long = [cat.as_str(); 101].join(",");
    for (ids, status) in [
        (with(&foreign), 404),
        (with(unknown), 404),
        (with("x"), 400),
        (with(""), 400),
        (with(&cat), 400),
        (String::new(), 400),
        (",".into(), 400),
        (format!("{cat};{sea}"), 400),
        (long, 400),
    ] {
        ana.post(ORDER, &[("ids", &ids)]).await.refused(status);
    }
    ana.post(ORDER, &[]).await.refused(400);
    house.post(ORDER, &[("ids", &sea)]).await.refused(401);
    bo.post(ORDER, &[("ids", &sea)]).await.refused(404);
    ana.get(ORDER, &[("ids", &cat)]).await.refused(405);
    house.nothing_happened().await;
    assert_eq!(ana.album_of(&ana.id).await, [&*sea, &*moon, &*cat]);
}

#[tokio::test]
async fn a_picture_that_is_deleted_is_gone_with_its_bytes() {
    let house = House::new().await;
    let (ana, [sea, moon, cat]) = ana(&house).await;
    let link = ana.get("/user_logos/show", &[("id", &sea)]).await;
    let link = link.elsewhere();
    let answer = ana.post("/user_logos/delete", &[("id", &sea)]).await.ok();
    same(&answer, &json!({"deleted": sea}));
    assert_eq!(ana.album_of(&ana.id).await, [&*moon, &*cat]);
    house.quiet().await;
    same(
        &house.happened().await,
        &json!([{
            "stream": "album-<ana>",
            "type": "album.photo-removed.v1",
            "data": {"user_id": "<ana>", "photo_id": "<sea>"},
        }]),
    );
    house.get(&link, &[]).await.refused(404);
    let names = house.blob_names().await;
    assert!(!names.iter().any(|name| name.contains(&sea)), "{names:?}");
    assert_eq!(names.len(), 6);
    ana.get("/user_logos/show", &[("id", &sea)])
        .await
        .refused(404);
}

#[tokio::test]
async fn the_last_picture_stays() {
    let house = House::new().await;
    let (ana, [sea, moon, cat]) = ana(&house).await;
    for id in [&sea, &cat] {
        ana.post("/user_logos/delete", &[("id", id)]).await.ok();
    }
    house.quiet().await;
    house.happened().await;
    ana.post("/user_logos/delete", &[("id", &moon)])
        .await
        .refused(409);
    house.nothing_happened().await;
    ana.see("/user_logos/show", &[("id", &moon)]).await;
}

#[tokio::test]
async fn nobody_deletes_the_pictures_of_others_or_what_is_none() {
    let house = House::new().await;
    let (ana, [sea, ..]) = ana(&house).await;
    let bo = house.login("bo").await;
    bo.add_picture("stone").await;
    bo.add_picture("stone 2").await;
    let shop = house.shop("Ekberg", 60.168, 24.938).await;
    let form = Form::photo(JPEG, &picture::jpeg(9, 9)).text("photo[room]", &shop);
    let room = id_of(&ana.send(form.to("/photos")).await.ok());
    house.quiet().await;
    house.happened().await;
    bo.post("/user_logos/delete", &[("id", &sea)])
        .await
        .refused(404);
    house
        .post("/user_logos/delete", &[("id", &sea)])
        .await
        .refused(401);
    // A picture of a room stands in no album.
    for id in [room.as_str(), "502e6303421aa918ba000001"] {
        ana.post("/user_logos/delete", &[("id", id)])
            .await
            .refused(404);
    }
    for bad in [Value::Null, json!(""), json!("x"), json!([sea])] {
        let call = crate::harness::Call::new("POST", "/user_logos/delete");
        ana.send(call.json(&json!({"id": bad}))).await.refused(400);
    }
    house.nothing_happened().await;
}

#[tokio::test]
async fn a_picture_deleted_before_it_was_looked_at_leaves_nothing_behind() {
    let house = House::new().await;
    let (ana, _) = ana(&house).await;
    let sent = Form::logo(JPEG, &picture::jpeg(1_900, 1_900));
    let id = ana.upload(sent.to("/user_logos"), "haste").await;
    ana.post("/user_logos/delete", &[("id", &id)]).await.ok();
    house.quiet().await;
    ana.get("/user_logos/show", &[("id", &id)])
        .await
        .refused(404);
    let names = house.blob_names().await;
    assert!(!names.iter().any(|name| name.contains(&id)), "{names:?}");
}
