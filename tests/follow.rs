//! `/follows` and `/follow_info/*`: who hears of whom (seed §21 to §24).

use crate::harness::{Call, House, Phone, id_of, same};
use serde_json::{Value, json};

async fn follow(who: &Phone, whom: &Phone) -> Value {
    let pair = [
        ("user_id", who.id.as_str()),
        ("follow_id", whom.id.as_str()),
    ];
    who.post("/follows", &pair).await.ok()
}

/// The ids of the first page of a list, with the count that stands beside them.
async fn listed(viewer: &Phone, path: &str, more: &[(&str, &str)]) -> (u64, Vec<String>) {
    let mut asked = vec![("hash", "1")];
    asked.extend(more);
    let list = viewer.get(path, &asked).await.ok();
    let rows = list["data"].as_array().expect("an array");
    (
        list["count"].as_u64().expect("a count"),
        rows.iter().map(id_of).collect(),
    )
}

#[tokio::test]
async fn following_is_answered_and_recorded_once() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    house.happened().await;
    let expected = json!({"id": "<bo>", "user_id": "<ana>", "follow_id": "<bo>"});
    for path in ["/follows", "/follows/create.json", "/follows.json"] {
        let pair = [("user_id", ana.id.as_str()), ("follow_id", bo.id.as_str())];
        let answer = ana.post(path, &pair).await.ok();
        same(&house.scrub.tidy(&answer), &expected);
    }
    same(
        &house.happened().await,
        &json!([{
            "stream": "follow-<ana>-<bo>",
            "type": "follow.followed.v1",
            "data": {"user_id": "<ana>", "follow_id": "<bo>"},
        }]),
    );
}

#[tokio::test]
async fn unfollowing_is_answered_and_undoes_it() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    follow(&ana, &bo).await;
    house.happened().await;
    let pair = [("user_id", ana.id.as_str()), ("follow_id", bo.id.as_str())];
    for _ in 0..2 {
        let answer = ana.post("/follows/delete", &pair).await.ok();
        same(&house.scrub.tidy(&answer), &json!({"deleted": "<bo>"}));
    }
    assert_eq!(house.happened_types().await, ["follow.unfollowed.v1"]);
    assert_eq!(
        listed(&ana, "/follow_info/friends", &[("id", &ana.id)]).await,
        (0, vec![])
    );
}

#[tokio::test]
async fn two_connections_that_follow_at_once_make_one_follow() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    house.happened().await;
    let calls = (0..8).map(|_| {
        let (ana, bo) = (ana.clone(), bo.clone());
        tokio::spawn(async move { follow(&ana, &bo).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("an answer");
    }
    assert_eq!(house.happened_types().await, ["follow.followed.v1"]);
    assert_eq!(
        listed(&bo, "/follow_info/followers", &[("id", &bo.id)])
            .await
            .0,
        1
    );
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused_and_records_nothing() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    house.happened().await;
    let (me, other) = (ana.id.as_str(), bo.id.as_str());
    let nobody = "502e6303421aa918ba000001";
    for (user_id, follow_id, status) in [
        (me, me, 400),
        (me, nobody, 404),
        (other, me, 403),
        (me, "", 400),
        (me, "' OR 1=1 --", 400),
        (me, "502e6303-421aa918ba000001", 400),
        (me, "s40056", 400),
    ] {
        let pair = [("user_id", user_id), ("follow_id", follow_id)];
        ana.post("/follows", &pair).await.refused(status);
    }
    ana.post("/follows", &[("user_id", me)]).await.refused(400);
    house
        .post("/follows", &[("user_id", me), ("follow_id", other)])
        .await
        .refused(401);
    for path in ["/follows", "/follows/create", "/follows/delete"] {
        let pair = [("user_id", me), ("follow_id", other)];
        ana.send(Call::new("GET", path).query(&pair))
            .await
            .refused(405);
    }
    house.nothing_happened().await;
}

#[tokio::test]
async fn lists_come_in_both_shapes_and_flags_are_seen_from_the_owner() {
    let house = House::new().await;
    let (ana, bo, cem) = (
        house.login("ana").await,
        house.login("bo").await,
        house.login("cem").await,
    );
    follow(&bo, &ana).await;
    follow(&ana, &bo).await;
    follow(&cem, &ana).await;
    let row = |name: &str, friend: bool| {
        json!({
            "id": format!("<{name}>"), "name": name, "wb_uid": null, "gender": 0,
            "friend": friend, "follower": true, "birthday": null, "signature": "", "job": "",
            "jobtype": null, "hobby": "", "logo": "", "logo_thumb": "", "logo_thumb2": "",
        })
    };
    let rows = json!([row("cem", false), row("bo", true)]);
    // Whoever asks, also without a login: the relations are those of the owner.
    for hash in [&[][..], &[("hash", "0")], &[("hash", "")]] {
        let asked = [&[("id", ana.id.as_str())], hash].concat();
        let list = house.get("/follow_info/followers", &asked).await.ok();
        same(
            &house.scrub.tidy(&list),
            &json!([{"count": 2}, {"data": rows}]),
        );
    }
    let asked = [("id", ana.id.as_str()), ("hash", "1")];
    let list = cem.get("/follow_info/followers.json", &asked).await.ok();
    same(&house.scrub.tidy(&list), &json!({"count": 2, "data": rows}));
    let friends = cem.get("/follow_info/friends", &asked).await.ok();
    same(
        &house.scrub.tidy(&friends),
        &json!({"count": 1, "data": [row("bo", true)]}),
    );
}

#[tokio::test]
async fn pages_are_stable_disjoint_and_end_in_an_empty_one() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let mut newest_first = Vec::new();
    for number in 0..7 {
        let fan = house.login(&format!("fan {number}")).await;
        follow(&fan, &ana).await;
        newest_first.insert(0, fan.id);
    }
    let mut found = Vec::new();
    for page in ["1", "2", "3"] {
        let asked = [("id", ana.id.as_str()), ("page", page), ("pcount", "3")];
        let (count, ids) = listed(&ana, "/follow_info/followers", &asked).await;
        assert_eq!(count, 7);
        found.extend(ids);
    }
    assert_eq!(found, newest_first);
    for page in ["4", "4294967295"] {
        let asked = [("id", ana.id.as_str()), ("page", page), ("pcount", "3")];
        let (count, ids) = listed(&ana, "/follow_info/followers", &asked).await;
        assert_eq!((count, ids), (7, vec![]));
    }
}

#[tokio::test]
async fn names_are_searched_as_plain_text_and_counted_so() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    for name in ["100%_sure", "安娜贝", "(.*)", "it's"] {
        let fan = house.login(name).await;
        follow(&fan, &ana).await;
    }
    for (needle, expected) in [
        ("%", 1),
        ("_", 1),
        (".*", 1),
        ("(", 1),
        ("娜", 1),
        ("'", 1),
        ("SURE", 1),
        ("", 4),
        ("zz", 0),
    ] {
        let asked = [("id", ana.id.as_str()), ("name", needle)];
        let (count, ids) = listed(&ana, "/follow_info/followers", &asked).await;
        assert_eq!(
            (count, ids.len()),
            (expected, expected as usize),
            "{needle}"
        );
    }
}

#[tokio::test]
async fn lists_of_nobody_are_errors() {
    let house = House::new().await;
    for path in ["/follow_info/followers", "/follow_info/friends"] {
        house.get(path, &[]).await.refused(400);
        house
            .get(path, &[("id", "502e6303421aa918ba000001")])
            .await
            .refused(404);
        house.get(path, &[("id", "x")]).await.refused(400);
    }
}

#[tokio::test]
async fn profiles_tell_the_viewer_who_is_friend_and_who_follower() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    follow(&ana, &bo).await;
    let seen = |viewer: Phone, whom: String| async move {
        let row = viewer.get("/user_info/get", &[("id", &whom)]).await.ok();
        (row["friend"].clone(), row["follower"].clone())
    };
    assert_eq!(
        seen(ana.clone(), bo.id.clone()).await,
        (json!(true), json!(false))
    );
    assert_eq!(seen(bo, ana.id).await, (json!(false), json!(true)));
}
