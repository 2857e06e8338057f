//! The first picture of the album stands for the person wherever one is shown (seed §6, §8, §10,
//! §11, §13, §23, §24).

use crate::harness::{Answer, Away, Door, Form, House, JPEG, Phone, id_of, picture};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The rows of the lists in which `viewer` finds Ana, who follows and is followed, and has just
/// checked in.
async fn lists(viewer: &Phone, ana: &Phone, shop: &str) -> Vec<(&'static str, Value)> {
    let mut rows = Vec::new();
    let of_viewer = [("id", viewer.id.as_str()), ("hash", "1")];
    for (path, asked) in [
        ("/shop/users", &[("id", shop)][..]),
        ("/aroundme/users", &[("gender", "0")]),
        ("/follow_info/followers", &of_viewer),
        ("/follow_info/friends", &of_viewer),
    ] {
        let list = viewer.get(path, asked).await.ok();
        let list = list.get("data").unwrap_or(&list);
        let mut list = list.as_array().expect("an array").iter();
        let row = list.find(|row| id_of(row) == ana.id);
        rows.push((path, row.expect("Ana's row").clone()));
    }
    let of_ana = [("id", ana.id.as_str())];
    let seen = viewer.get("/user_info/get", &of_ana).await.ok();
    rows.push(("/user_info/get", seen));
    let own = ana.get("/user_info/get_self", &[]).await.ok();
    rows.push(("/user_info/get_self", own));
    let changed = ana.set(&[("job", "cook")]).await;
    rows.push(("/user_info/set", changed));
    rows
}

/// The links of a row are those of this picture, or of none.
async fn check(door: &Door, path: &str, row: &Value, id: Option<&str>) {
    for (name, file) in [
        ("logo", "0.jpg"),
        ("logo_thumb", "1.png"),
        ("logo_thumb2", "2.png"),
    ] {
        let link = row[name].as_str().expect("a link");
        match id {
            None => assert_eq!(link, "", "{path}: {row}"),
            Some(id) => {
                let begin = format!("/blobs/photos/{id}/{file}?");
                assert!(link.starts_with(&begin), "{path}: {row}");
                assert_eq!(door.get(link, &[]).await.status, 200, "{path}: {link}");
            }
        }
    }
}

async fn follow(who: &Phone, whom: &Phone) {
    let pair = [
        ("user_id", who.id.as_str()),
        ("follow_id", whom.id.as_str()),
    ];
    who.post("/follows", &pair).await.ok();
}

#[tokio::test]
async fn the_first_picture_is_shown_wherever_a_person_is() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let cafe = house.shop("Ekberg", 60.168, 24.938).await;
    follow(&ana, &bo).await;
    follow(&bo, &ana).await;
    bo.check_in(&cafe).await;
    ana.check_in(&cafe).await;
    let shown = async |id: Option<&str>| {
        for (path, row) in lists(&bo, &ana, &cafe).await {
            check(&house, path, &row, id).await;
        }
        let login = house.login("ana").await;
        let own = login.get("/user_info/get_self", &[]).await.ok();
        check(&house, "after a login", &own, id).await;
    };
    shown(None).await;
    let sea = ana.add_picture("sea").await;
    let moon = ana.add_picture("moon").await;
    house.quiet().await;
    shown(Some(&sea)).await;
    let order = "/user_logos/change_all_position";
    ana.post(order, &[("ids", &moon)]).await.ok();
    shown(Some(&moon)).await;
    ana.post("/user_logos/delete", &[("id", &moon)]).await.ok();
    shown(Some(&sea)).await;
}

#[tokio::test]
async fn a_login_is_answered_with_the_logo() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let logo = |answer: Answer| answer.ok()["logo"].clone();
    let again = async || house.try_login("ana", "password of ana").await;
    assert_eq!(logo(again().await), "");
    let sea = ana.add_picture("sea").await;
    house.quiet().await;
    let link = logo(again().await);
    let link = link.as_str().expect("a link");
    assert!(link.starts_with(&format!("/blobs/photos/{sea}/")), "{link}");
    assert_eq!(house.get(link, &[]).await.status, 200);
}

#[tokio::test]
async fn the_logo_itself_is_given_in_three_sizes() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let of_ana = [("id", ana.id.as_str())];
    bo.get("/user_info/logo", &of_ana).await.refused(404);
    let id = ana.add_picture("sea").await;
    house.quiet().await;
    for (size, file, expected) in [
        (None, "1.png", 100),
        (Some("0"), "0.jpg", 120),
        (Some("1"), "1.png", 100),
        (Some("2"), "2.png", 200),
    ] {
        let mut asked = of_ana.to_vec();
        asked.extend(size.map(|size| ("size", size)));
        let sent = bo.get("/user_info/logo", &asked).await;
        let link = sent.elsewhere();
        assert_eq!(sent.header("img_url").as_ref(), Some(&link));
        assert!(link.starts_with(&format!("/blobs/photos/{id}/{file}?")));
        let shown = bo.see("/user_info/logo.json", &asked).await;
        let (_, width, height) = picture::look(&shown.body);
        assert_eq!((width, height), (expected, expected));
    }
    bo.get("/user_info/logo", &[("id", &ana.id), ("size", "3")])
        .await
        .refused(400);
    let nobody = [("id", "502e6303421aa918ba000001")];
    bo.get("/user_info/logo", &nobody).await.refused(404);
    bo.get("/user_info/logo", &[]).await.refused(400);
    house.get("/user_info/logo", &of_ana).await.refused(401);
}

#[tokio::test]
async fn a_picture_that_is_not_ready_is_nobodys_logo() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let sea = ana.add_picture("sea").await;
    house.quiet().await;
    let away = crate::harness::Away::fill(&house.blob_folder().join("photos"));
    let late = ana.add_picture("late").await;
    let order = "/user_logos/change_all_position";
    ana.post(order, &[("ids", &late)]).await.ok();
    let row = async || {
        let row = bo.get("/user_info/get", &[("id", &ana.id)]).await;
        row.ok()
    };
    let early = row().await;
    let logo = early["logo"].as_str().expect("a link");
    assert!(!logo.contains(&late), "{logo}");
    drop(away);
    house.quiet().await;
    check(&house, "/user_info/get", &row().await, Some(&late)).await;
    assert_ne!(sea, late);
}

#[tokio::test]
async fn people_with_pictures_come_first_and_fill_up_a_list_that_is_short() {
    let house = House::new().await;
    let here = house.shop("here", 60.168, 24.938).await;
    let far = house.shop("far", 61.5, 23.8).await;
    let (ana, bo, cem, dan, eva) = (
        house.login("ana").await,
        house.login("bo").await,
        house.login("cem").await,
        house.login("dan").await,
        house.login("eva").await,
    );
    for phone in [&ana, &cem, &bo] {
        phone.check_in(&here).await;
    }
    dan.check_in(&far).await;
    for phone in [&ana, &cem, &dan, &eva] {
        phone.add_picture("face").await;
    }
    house.quiet().await;
    let around = async |viewer: &Phone| {
        let rows = viewer.get("/aroundme/users", &[("gender", "0")]).await;
        let rows = rows.ok();
        let rows = rows.as_array().expect("an array").iter();
        rows.map(id_of).collect::<Vec<_>>()
    };
    let mut seen = around(&ana).await;
    let elsewhere = seen.split_off(2);
    assert_eq!(seen, [&*cem.id, &*bo.id]);
    let mut expected = [&*dan.id, &*eva.id];
    expected.sort_unstable();
    let mut elsewhere: Vec<&str> = elsewhere.iter().map(String::as_str).collect();
    elsewhere.sort_unstable();
    assert_eq!(elsewhere, expected);
    // Who hides is not shown, picture or not.
    eva.set(&[("invisible", "2")]).await;
    assert!(!around(&ana).await.contains(&eva.id));
}

#[tokio::test]
async fn a_rejected_picture_leaves_the_album_and_the_next_becomes_the_logo() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let whole = picture::jpeg(400, 400);
    let half = Form::logo(JPEG, &whole[..whole.len() / 2]);
    let damaged = ana.upload(half.to("/user_logos"), "half").await;
    let sea = ana.add_picture("sea").await;
    house.quiet().await;
    assert_eq!(ana.album_of(&ana.id).await, [sea.as_str()]);
    let own = ana.get("/user_info/get_self", &[]).await.ok();
    check(&house, "/user_info/get_self", &own, Some(&sea)).await;
    ana.get("/user_logos/show", &[("id", &damaged)])
        .await
        .refused(404);
}

#[tokio::test]
async fn the_card_of_a_person_shows_the_logo_unless_the_pictures_are_away() {
    let house = House::new().await;
    let shop = house.shop("Ekberg", 60.168, 24.938).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut b = house.online(&bo, "phone").await;
    let mut card = async |of: &str| {
        b.sends(&format!(
            "<iq type='get' id='v' to='{of}@dface.cn'><vCard xmlns='vcard-temp'/></iq>"
        ))
        .await;
        b.is_answered().await
    };
    let without = card(&ana.id).await;
    assert!(without.contains("<FN>ana</FN>"), "{without}");
    assert!(!without.contains("<PHOTO>"), "{without}");
    let of_shop = card(&format!("s{shop}")).await;
    assert!(!of_shop.contains("<PHOTO>"), "{of_shop}");
    ana.add_picture("sea").await;
    house.quiet().await;
    {
        let _away = Away::take(&house.blob_folder());
        assert_eq!(card(&ana.id).await, without, "without what cannot be had");
    }
    let shown = [("id", ana.id.as_str()), ("size", "1")];
    let thumbnail = bo.see("/user_info/logo.json", &shown).await.body;
    let expected = format!(
        "<PHOTO><TYPE>image/png</TYPE><BINVAL>{}</BINVAL></PHOTO></vCard>",
        STANDARD.encode(&thumbnail)
    );
    assert!(card(&ana.id).await.contains(&expected));
    // Once it is known, nobody has to fetch it again.
    let _away = Away::take(&house.blob_folder());
    assert!(card(&ana.id).await.contains(&expected));
}
