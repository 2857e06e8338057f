//! Histories that somebody has had cleared over port 5280.

use super::{asks, bodies, page, says};
use crate::harness::{House, bare, same};
use serde_json::json;

#[tokio::test]
async fn a_conversation_is_cleared_for_one_side_alone_and_as_often_as_one_likes() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let eve = house.login("eve").await;
    let mut a = house.online(&ana, "phone").await;
    let mut b = house.online(&bo, "phone").await;
    says(&mut a, &bo, &["one"]).await;
    says(&mut b, &ana, &["two"]).await;
    says(&mut b, &eve, &["to another"]).await;
    house.happened().await;
    let web = house.xmpp_web();
    let pair = [("uid", &*bo.id), ("with", &*ana.id)];
    for _ in 0..2 {
        let cleared = web.post("/api/clear", &pair).await.ok();
        same(&cleared, &json!({"cleared": ana.id}));
    }
    // The second time there was nothing to clear.
    let types = house.happened_types().await;
    let cleared = types
        .iter()
        .filter(|name| *name == "chat.history-cleared.v1");
    assert_eq!(cleared.count(), 1, "{types:?}");
    let all = page(&[], "");
    assert_eq!(bodies(&asks(&mut b, "", &all).await), ["to another"]);
    // What came live is not part of a page.
    a.is_answered().await;
    assert_eq!(bodies(&asks(&mut a, "", &all).await), ["one", "two"]);
    // What is said later is a history again, and programs still see everything.
    says(&mut a, &bo, &["three"]).await;
    b.stanza("message").await;
    let with_ana = bare(&ana);
    let with = page(&[("with", &with_ana)], "");
    assert_eq!(bodies(&asks(&mut b, "", &with).await), ["three"]);
    let two = [("uid1", &*bo.id), ("uid2", &*ana.id)];
    let said = web.get("/api/chat2", &two).await.ok();
    assert_eq!(said.as_array().map(Vec::len), Some(3), "{said}");
    // And can be cleared again.
    web.post("/api/clear", &pair).await.ok();
    assert!(bodies(&asks(&mut b, "", &with).await).is_empty());
}

#[tokio::test]
async fn what_waits_for_somebody_arrives_though_they_clear_the_conversation() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    says(&mut a, &bo, &["waits"]).await;
    let web = house.xmpp_web();
    let cleared = [("uid", &*bo.id), ("with", &*ana.id)];
    web.post("/api/clear", &cleared).await.ok();
    let mut b = house.chatter(&bo, "phone").await;
    b.sends("<presence/>").await;
    let heard = b.stanza("message").await;
    assert!(heard.contains("<body>waits</body>"), "{heard}");
    assert!(bodies(&asks(&mut b, "", &page(&[], "")).await).is_empty());
}

#[tokio::test]
async fn a_shop_clears_what_it_was_told_and_nobody_clears_a_room() {
    let house = House::new().await;
    let shop = house.shop("Ekberg", 60.168, 24.938).await;
    let ana = house.login("ana").await;
    let mut a = house.online(&ana, "phone").await;
    a.sends(&format!(
        "<message type='chat' id='m' to='s{shop}@dface.cn'><body>open?</body></message>"
    ))
    .await;
    a.is_answered().await;
    house.happened().await;
    let web = house.xmpp_web();
    let by = format!("s{shop}");
    let cleared = [("uid", &*by), ("with", &*ana.id)];
    web.post("/api/clear", &cleared).await.ok();
    same(
        &house.happened().await,
        &json!([{
            "stream": format!("chat-<ana>-s{shop}"),
            "type": "chat.history-cleared.v1",
            "data": {"by": by, "to": "<ana>"},
        }]),
    );
    let nobody = "0123456789abcdef01234567";
    for (uid, with, status) in [
        (&*ana.id, &*shop.to_string(), 400),
        (&*ana.id, "", 400),
        ("root", &*ana.id, 400),
        (&*ana.id, nobody, 404),
        (nobody, &*ana.id, 404),
        (&*ana.id, "s99", 404),
    ] {
        let refused = [("uid", uid), ("with", with)];
        web.post("/api/clear", &refused).await.refused(status);
    }
    assert_eq!(web.get("/api/clear", &cleared).await.status, 405);
    house.nothing_happened().await;
}
