//! People: `/user_info/get`, `/user_info/get_self` and `/user_info/set` (seed §10, §13, §16).

use crate::harness::{DAY, HOUR, House, MINUTE, Phone, same};
use serde_json::{Value, json};

/// Every field that one may set about oneself, with a value.
const ALL: [(&str, &str); 7] = [
    ("name", "Ana 脸"),
    ("gender", "2"),
    ("birthday", "1992-02-29"),
    ("signature", "<b>one & two</b>\n\"三\" 😀 'x' \\ %20"),
    ("job", "cook & bottle-washer"),
    ("jobtype", "-3"),
    ("hobby", "Weiqi, go"),
];

async fn get_self(phone: &Phone) -> Value {
    phone.get("/user_info/get_self", &[]).await.ok()
}

#[tokio::test]
async fn a_new_person_has_every_field_though_most_are_unset() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let row = ana.get("/user_info/get", &[("id", &bo.id)]).await.ok();
    let unset = json!({
        "id": "<bo>", "name": "bo", "wb_uid": null, "gender": 0, "logo": "", "logo_thumb": "",
        "logo_thumb2": "", "birthday": null, "friend": false, "follower": false, "signature": "",
        "job": "", "jobtype": null, "hobby": "", "last": "",
    });
    same(&house.scrub.tidy(&row), &unset);
}

#[tokio::test]
async fn ones_own_account_shows_the_password_and_who_one_hides_from() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let bo = house.login("bo").await;
    house.scrub.name(&ana.password, "password");
    ana.set(&ALL).await;
    ana.set(&[("invisible", "1")]).await;
    // Any `id` is ignored.
    for parameters in [&[][..], &[("id", bo.id.as_str())], &[("id", "x")]] {
        let row = ana.get("/user_info/get_self", parameters).await.ok();
        same(
            &house.scrub.tidy(&row),
            &json!({
                "id": "<ana>", "name": ALL[0].1, "wb_uid": null, "gender": 2, "logo": "",
                "logo_thumb": "", "logo_thumb2": "", "birthday": "1992-02-29", "friend": false,
                "follower": false, "signature": ALL[3].1, "job": ALL[4].1, "jobtype": -3,
                "hobby": "Weiqi, go", "invisible": 1, "password": "<password>",
            }),
        );
    }
    house.get("/user_info/get_self", &[]).await.refused(401);
}

#[tokio::test]
async fn what_one_sets_is_recorded_answered_and_seen_by_others_as_it_was_typed() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    house.happened().await;
    let answer = ana.set(&ALL).await;
    same(
        &house.happened().await,
        &json!([{
            "stream": "user-<ana>",
            "type": "user.profile-changed.v1",
            "data": {
                "user_id": "<ana>", "name": ALL[0].1, "gender": 2, "birthday": "1992-02-29",
                "signature": ALL[3].1, "job": ALL[4].1, "jobtype": -3, "hobby": "Weiqi, go",
            },
        }]),
    );
    assert!(answer.get("password").is_none());
    let seen = bo.get("/user_info/get", &[("id", &ana.id)]).await.ok();
    assert!(
        seen.get("password").is_none() && seen.get("invisible").is_none(),
        "{seen}"
    );
    for (name, value) in ALL {
        for row in [&answer, &seen] {
            let shown = row[name]
                .as_str()
                .map_or_else(|| row[name].to_string(), str::to_owned);
            assert_eq!(shown, value, "{name}");
        }
    }
}

#[tokio::test]
async fn what_is_not_given_stays() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    ana.set(&ALL).await;
    house.happened().await;
    let row = ana.set(&[("hobby", "chess")]).await;
    assert_eq!(
        (&row["hobby"], &row["name"]),
        (&json!("chess"), &json!(ALL[0].1))
    );
    let data = json!({"user_id": "<ana>", "hobby": "chess"});
    assert_eq!(house.happened().await[0]["data"], data);

    // Saying what is so already changes nothing, nor does saying nothing.
    ana.set(&[("hobby", "chess"), ("gender", "2"), ("invisible", "0")])
        .await;
    ana.set(&[]).await;
    house.nothing_happened().await;
}

#[tokio::test]
async fn texts_can_be_emptied_but_the_name_cannot() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    ana.set(&ALL).await;
    let empty = [
        ("signature", ""),
        ("job", ""),
        ("hobby", ""),
        ("birthday", ""),
    ];
    let row = ana.set(&empty).await;
    assert_eq!(
        (&row["signature"], &row["birthday"]),
        (&json!(""), &json!(null))
    );
    for name in ["", " ", "\u{3000}"] {
        ana.post("/user_info/set", &[("name", name)])
            .await
            .refused(400);
    }
    assert_eq!(get_self(&ana).await["name"], ALL[0].1);
}

#[tokio::test]
async fn lengths_are_counted_in_characters() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    for (field, longest) in [
        ("name", 63),
        ("signature", 254),
        ("job", 254),
        ("hobby", 254),
    ] {
        for letter in ["a", "脸", "😀"] {
            let longest = letter.repeat(longest);
            assert_eq!(ana.set(&[(field, &longest)]).await[field], longest);
            let longer = format!("{longest}{letter}");
            ana.post("/user_info/set", &[(field, &longer)])
                .await
                .refused(400);
            assert_eq!(get_self(&ana).await[field], longest, "{field}");
        }
    }
}

#[tokio::test]
async fn one_bad_field_keeps_all_others_from_changing() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    house.happened().await;
    for bad in [
        ("gender", "3"),
        ("gender", "-1"),
        ("gender", "x"),
        ("gender", ""),
        ("invisible", "3"),
        ("jobtype", "x"),
        ("jobtype", "1.5"),
        ("jobtype", "2147483648"),
        ("birthday", "yesterday"),
        ("birthday", "2011-02-29"),
        ("birthday", "1990-1-1"),
        ("birthday", "1990-01-01T00:00"),
        ("name", "two\nlines"),
        ("job", "bell\u{7}"),
    ] {
        ana.post("/user_info/set", &[("signature", "new"), bad])
            .await
            .refused(400);
    }
    house.nothing_happened().await;
    assert_eq!(get_self(&ana).await["signature"], "");
}

#[tokio::test]
async fn nothing_else_can_be_set() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let before = get_self(&ana).await;
    house.happened().await;
    let tries = [
        ("id", bo.id.as_str()),
        ("user_id", bo.id.as_str()),
        ("_id", bo.id.as_str()),
        ("password", "0123456789abcdef"),
        ("wb_uid", "1884834632"),
        ("generation", "7"),
        ("logo", "/evil.png"),
        ("friend", "true"),
        ("token", "x"),
    ];
    ana.post("/user_info/set", &tries).await.ok();
    house.nothing_happened().await;
    same(&get_self(&ana).await, &before);
    assert_eq!(get_self(&bo).await["name"], "bo");
    house
        .post("/user_info/set", &[("name", "x")])
        .await
        .refused(401);
}

#[tokio::test]
async fn the_login_name_stays_when_the_shown_name_changes() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    ana.set(&[("name", "Ana Maria")]).await;
    let again = house.login("ana").await;
    assert_eq!(again.id, ana.id);
    assert_eq!(get_self(&again).await["name"], "Ana Maria");
    assert_ne!(
        house.try_login("Ana Maria", "other").await.ok()["id"],
        ana.id
    );
}

#[tokio::test]
async fn an_unknown_person_is_an_error() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let unknown = [
        ("502e6303421aa918ba000001", 404),
        ("x", 400),
        ("1", 400),
        ("", 400),
    ];
    for (id, status) in unknown {
        ana.get("/user_info/get", &[("id", id)])
            .await
            .refused(status);
    }
    ana.get("/user_info/get", &[]).await.refused(400);
    house
        .get("/user_info/get", &[("id", &ana.id)])
        .await
        .refused(401);
}

#[tokio::test]
async fn where_somebody_was_last_is_told_in_words() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let cafe = house.shop("顺旺基 (益乐路店)", 60.168, 24.938).await;
    ana.check_in(&cafe).await;
    let mut told = Vec::new();
    for passed in [0, 5 * MINUTE, 3 * HOUR, DAY] {
        house.clock.pass(passed);
        let row = bo.get("/user_info/get", &[("id", &ana.id)]).await.ok();
        told.push(row["last"].as_str().expect("a text").to_owned());
    }
    let expected = [
        "刚刚 顺旺基 (益乐路店)",
        "5分钟以前 顺旺基 (益乐路店)",
        "3小时以前 顺旺基 (益乐路店)",
        "1天以前 顺旺基 (益乐路店)",
    ];
    assert_eq!(told, expected);
}
