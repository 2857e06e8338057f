//! `POST /oauth2/share`: a post on Weibo, tried until it is there or refused (seed §3).

use super::{ANA, house, with_code, with_password};
use crate::harness::{
    Call, Door, FakeWeibo, House, MINUTE, Mood, Phone, Stores, eventually, same, settings,
};
use serde_json::{Value, json};

const UPDATE: &str = "/2/statuses/update.json";

/// Ana, logged in; what happened until now is forgotten.
pub(super) async fn ana(house: &House) -> Phone {
    let answer = with_password(house, "Ana's secret").await;
    let ana = Phone::logged_in(house.door(), &answer);
    house.scrub.name(&ana.id, "ana");
    house.happened().await;
    ana
}

async fn share(ana: &Phone) {
    let answer = ana.post("/oauth2/share", &[("ver", "1.0")]).await;
    same(&answer.ok(), &json!({"shared": true}));
}

/// The policy as the operators see it.
async fn policy(door: &Door) -> Value {
    let shown = door.admin("GET", "/admin/policies", Value::Null).await.ok();
    let policies = shown["policies"].as_array().expect("an array");
    let ours = policies.iter().find(|policy| policy["name"] == "share");
    ours.expect("the policy").clone()
}

/// Waits until this has happened since the last look.
pub(super) async fn happens(house: &House, types: &[&str]) {
    let mut all = Vec::new();
    eventually(&format!("{types:?} happen"), async || {
        all.extend(house.happened_types().await);
        (all.len() >= types.len()).then_some(())
    })
    .await;
    assert_eq!(all, types);
}

#[tokio::test]
async fn a_post_is_on_weibo_once() {
    for stores in [Stores::Memory, Stores::Sqlite, Stores::Postgres] {
        let weibo = FakeWeibo::new().await;
        let house = House::at_weibo(stores, settings(), weibo.settings()).await;
        let ana = ana(&house).await;
        share(&ana).await;
        happens(&house, &["user.share-requested.v1", "user.shared.v1"]).await;
        let posts = weibo.posts();
        assert_eq!(posts.len(), 1);
        assert_eq!(posts[0].0, ANA);
        assert!(posts[0].1.contains("脸脸 1.0"), "{posts:?}");
        let house = house.restart().await;
        eventually("the policy has read everything", async || {
            let head = house.head().await.0;
            (policy(&house).await["position"] == head).then_some(())
        })
        .await;
        house.nothing_happened().await;
        assert_eq!(weibo.calls_of(UPDATE), 1);
    }
}

#[tokio::test]
async fn asking_again_soon_changes_nothing() {
    let weibo = FakeWeibo::new().await;
    let house = house(&weibo).await;
    let ana = ana(&house).await;
    weibo.feels(UPDATE, Mood::Hanging);
    share(&ana).await;
    house.happened().await;
    for _ in 0..5 {
        share(&ana).await;
    }
    weibo.feels(UPDATE, Mood::Well);
    happens(&house, &["user.shared.v1"]).await;
    share(&ana).await;
    house.clock.pass(10 * MINUTE - 1);
    share(&ana).await;
    house.nothing_happened().await;
    house.clock.pass(1);
    let answer = ana.post("/oauth2/share", &[("ver", "1.1")]).await;
    same(&answer.ok(), &json!({"shared": true}));
    happens(&house, &["user.share-requested.v1", "user.shared.v1"]).await;
    assert_eq!(weibo.posts().len(), 2);
}

#[tokio::test]
async fn a_post_is_tried_again_while_weibo_is_ill_and_operators_see_it() {
    let weibo = FakeWeibo::new().await;
    let house = house(&weibo).await;
    let ana = ana(&house).await;
    assert!(policy(&house).await["failing"].is_null());
    weibo.feels(UPDATE, Mood::Status(500));
    share(&ana).await;
    let failing = eventually("the failure is shown", async || {
        let failing = policy(&house).await["failing"].clone();
        (failing["attempts"].as_u64() >= Some(2)).then_some(failing)
    })
    .await;
    assert_eq!(failing["since"], 1_348_295_040_000_i64);
    assert_eq!(failing["error"], "weibo is away: it answered 500 (code 0)");
    weibo.feels(UPDATE, Mood::Well);
    happens(&house, &["user.share-requested.v1", "user.shared.v1"]).await;
    assert_eq!(weibo.posts().len(), 1);
    assert!(weibo.calls_of(UPDATE) >= 3);
    eventually("all is well again", async || {
        policy(&house).await["failing"].is_null().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_post_survives_a_restart() {
    let weibo = FakeWeibo::new().await;
    let house = House::at_weibo(Stores::Sqlite, settings(), weibo.settings()).await;
    let ana = ana(&house).await;
    weibo.feels(UPDATE, Mood::Status(503));
    share(&ana).await;
    let house = house.restart().await;
    weibo.feels(UPDATE, Mood::Well);
    happens(&house, &["user.share-requested.v1", "user.shared.v1"]).await;
    assert_eq!(weibo.posts().len(), 1);
}

#[tokio::test]
async fn what_weibo_refuses_is_given_up_and_a_dead_token_is_told() {
    let weibo = FakeWeibo::new().await;
    let house = house(&weibo).await;
    let ana = ana(&house).await;
    weibo.revokes_all();
    share(&ana).await;
    let mut all = Vec::new();
    eventually("the post is given up", async || {
        let happened = house.happened().await;
        all.extend(happened.as_array().expect("an array").clone());
        (all.len() == 2).then_some(())
    })
    .await;
    same(
        &json!(all),
        &json!([
            {
                "stream": "user-<ana>",
                "type": "user.share-requested.v1",
                "data": {"user_id": "<ana>", "ver": "1.0", "at": 1_348_295_040_000_i64},
            },
            {
                "stream": "user-<ana>",
                "type": "user.share-failed.v1",
                "data": {"user_id": "<ana>", "reason": "refused"},
            },
        ]),
    );
    assert_eq!(weibo.calls_of(UPDATE), 1);
    house.clock.pass(10 * MINUTE);
    ana.post("/oauth2/share", &[]).await.refused(409);
    house.nothing_happened().await;
    // The next login brings a new one.
    with_code(&house, &weibo.code(ANA)).await.ok();
    share(&ana).await;
    happens(&house, &["user.share-requested.v1", "user.shared.v1"]).await;
}

#[tokio::test]
async fn sharing_needs_a_login_a_post_and_a_token_that_lives() {
    let weibo = FakeWeibo::new().await;
    let house = house(&weibo).await;
    let ana = ana(&house).await;
    house.post("/oauth2/share", &[]).await.refused(401);
    ana.get("/oauth2/share", &[]).await.refused(405);
    let long = "1".repeat(256);
    ana.post("/oauth2/share", &[("ver", &long)])
        .await
        .refused(400);
    let broken = Call::new("POST", "/oauth2/share").body("application/json", "{");
    ana.send(broken).await.refused(400);
    house
        .send(Call::new("GET", "/admin/policies"))
        .await
        .refused(401);
    house.clock.pass(157_679 * 1_000);
    ana.post("/oauth2/share", &[]).await.refused(409);
    house.nothing_happened().await;
    assert_eq!(weibo.calls_of(UPDATE), 0);
}
