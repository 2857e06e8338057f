//! `/blacklists`, reports and bans: who wants nothing of whom (seed §25 to §27).

use crate::harness::{Call, Chatter, House, Phone, eventually, id_of, same};
use domain::block::Blocked;
use domain::user::{Gender, UserRegistered};
use domain::{Event, Millis, StreamName, UserId};
use eventlog::{Append, ExpectedRevision, Metadata, NewEvent};
use serde_json::{Value, json};
use uuid::Uuid;

async fn block(who: &Phone, whom: &Phone, report: &str) -> Value {
    let asked = [
        ("user_id", who.id.as_str()),
        ("block_id", &whom.id),
        ("report", report),
    ];
    who.post("/blacklists", &asked).await.ok()
}

async fn unblock(who: &Phone, whom: &Phone) -> Value {
    let asked = [("user_id", who.id.as_str()), ("block_id", &whom.id)];
    who.post("/blacklists/delete", &asked).await.ok()
}

async fn follow(who: &Phone, whom: &Phone) {
    let pair = [
        ("user_id", who.id.as_str()),
        ("follow_id", whom.id.as_str()),
    ];
    who.post("/follows", &pair).await.ok();
}

/// Ana and Bo in one café.
struct Cafe {
    house: House,
    shop: String,
    ana: Phone,
    bo: Phone,
}

impl Cafe {
    async fn new() -> Self {
        let house = House::new().await;
        let shop = house.shop("Ekberg", 60.168, 24.938).await;
        let (ana, bo) = (house.login("ana").await, house.login("bo").await);
        ana.check_in(&shop).await;
        bo.check_in(&shop).await;
        house.happened().await;
        Self {
            house,
            shop,
            ana,
            bo,
        }
    }
}

#[tokio::test]
async fn blocking_is_answered_and_recorded_once() {
    let Cafe { house, ana, bo, .. } = Cafe::new().await;
    for _ in 0..2 {
        same(
            &house.scrub.tidy(&block(&ana, &bo, "0").await),
            &json!({"id": "<bo>", "user_id": "<ana>", "report": false, "block_id": "<bo>"}),
        );
    }
    same(
        &house.happened().await,
        &json!([{
            "stream": "block-<ana>-<bo>",
            "type": "block.blocked.v1",
            "data": {"user_id": "<ana>", "block_id": "<bo>", "report": false},
        }]),
    );
    for _ in 0..2 {
        same(
            &house.scrub.tidy(&unblock(&ana, &bo).await),
            &json!({"deleted": "<bo>"}),
        );
    }
    assert_eq!(house.happened_types().await, ["block.unblocked.v1"]);
}

#[tokio::test]
async fn who_is_blocked_sees_the_blocker_nowhere_and_the_other_way_round_all_stays() {
    let Cafe {
        house: _house,
        shop,
        ana,
        bo,
    } = Cafe::new().await;
    follow(&bo, &ana).await;
    follow(&ana, &bo).await;
    block(&ana, &bo, "0").await;
    assert_eq!(bo.sees_at(&shop).await, [bo.id.as_str()]);
    let row = bo.get("/user_info/get", &[("id", &ana.id)]).await.ok();
    assert_eq!(row["last"], "刚刚");
    let row = ana.get("/user_info/get", &[("id", &bo.id)]).await.ok();
    assert_eq!(row["last"], "刚刚 Ekberg");
    assert_eq!(ana.sees_at(&shop).await.len(), 2);
    let around = bo.get("/aroundme/users", &[("gender", "0")]).await.ok();
    same(&around, &json!([]));

    unblock(&ana, &bo).await;
    assert_eq!(bo.sees_at(&shop).await.len(), 2);
    let row = bo.get("/user_info/get", &[("id", &ana.id)]).await.ok();
    assert_eq!(row["last"], "刚刚 Ekberg");
}

#[tokio::test]
async fn the_owners_lists_leave_out_whom_the_owner_blocked() {
    let Cafe {
        house: _house,
        ana,
        bo,
        ..
    } = Cafe::new().await;
    follow(&bo, &ana).await;
    follow(&ana, &bo).await;
    block(&ana, &bo, "0").await;
    for path in ["/follow_info/followers", "/follow_info/friends"] {
        let list = bo.get(path, &[("id", &ana.id), ("hash", "1")]).await.ok();
        same(&list, &json!({"count": 0, "data": []}));
        let list = ana.get(path, &[("id", &bo.id), ("hash", "1")]).await.ok();
        assert_eq!(list["count"], 1, "{path}");
    }
    unblock(&ana, &bo).await;
    let asked = [("id", ana.id.as_str()), ("hash", "1")];
    assert_eq!(
        ana.get("/follow_info/friends", &asked).await.ok()["count"],
        1
    );
}

#[tokio::test]
async fn a_blacklist_is_read_by_its_owner_alone() {
    let Cafe { house, ana, bo, .. } = Cafe::new().await;
    let cem = house.login("cem").await;
    block(&ana, &bo, "0").await;
    block(&ana, &cem, "0").await;
    let list = ana.get("/blacklists", &[("id", &ana.id)]).await.ok();
    assert_eq!(list[0], json!({"count": 2}));
    let ids: Vec<String> = list[1]["data"]
        .as_array()
        .expect("an array")
        .iter()
        .map(id_of)
        .collect();
    assert_eq!(ids, [cem.id.as_str(), bo.id.as_str()]);
    let named = [("id", ana.id.as_str()), ("name", "B"), ("hash", "1")];
    assert_eq!(ana.get("/blacklists.json", &named).await.ok()["count"], 1);
    bo.get("/blacklists", &[("id", &ana.id)]).await.refused(403);
    house
        .get("/blacklists", &[("id", &ana.id)])
        .await
        .refused(401);
}

#[tokio::test]
async fn what_cannot_be_blocked_is_refused_and_records_nothing() {
    let Cafe { house, ana, bo, .. } = Cafe::new().await;
    let (me, other) = (ana.id.as_str(), bo.id.as_str());
    let nobody = "502e6303421aa918ba000001";
    for (user_id, block_id, status) in [
        (me, me, 400),
        (me, nobody, 404),
        (other, me, 403),
        (me, "'; --", 400),
    ] {
        let pair = [("user_id", user_id), ("block_id", block_id)];
        ana.post("/blacklists", &pair).await.refused(status);
    }
    for path in ["/blacklists/create", "/blacklists/delete"] {
        let pair = [("user_id", me), ("block_id", other)];
        ana.send(Call::new("GET", path).query(&pair))
            .await
            .refused(405);
        house.post(path, &pair).await.refused(401);
    }
    house.nothing_happened().await;
}

#[tokio::test]
async fn operators_read_reports_newest_first() {
    let Cafe { house, ana, bo, .. } = Cafe::new().await;
    let cem = house.login("cem").await;
    block(&ana, &bo, "1").await;
    block(&cem, &bo, "0").await;
    block(&cem, &bo, "1").await;
    block(&cem, &ana, "0").await;
    let reports = house.admin("GET", "/admin/reports", Value::Null).await.ok();
    let pairs: Vec<_> = reports["reports"]
        .as_array()
        .expect("an array")
        .iter()
        .collect();
    assert_eq!(pairs.len(), 2);
    assert_eq!(
        (&pairs[0]["user_id"], &pairs[1]["user_id"]),
        (&json!(cem.id), &json!(ana.id))
    );
    assert!(
        pairs
            .iter()
            .all(|report| report["block_id"] == json!(bo.id))
    );
    assert!(
        pairs
            .iter()
            .all(|report| report["name"] == "bo" && report["banned"] == false)
    );
    house.get("/admin/reports", &[]).await.refused(401);
}

#[tokio::test]
async fn who_is_banned_is_out_at_once_and_comes_back_when_unbanned() {
    let Cafe {
        house,
        shop,
        ana,
        bo,
    } = Cafe::new().await;
    let path = format!("/admin/users/{}/ban", bo.id);
    for _ in 0..2 {
        let answer = house.admin("POST", &path, Value::Null).await.ok();
        same(
            &house.scrub.tidy(&answer),
            &json!({"id": "<bo>", "banned": true}),
        );
    }
    assert_eq!(house.happened_types().await, ["user.banned.v1"]);
    bo.get("/user_info/get_self", &[]).await.refused(401);
    house.try_login("bo", "password of bo").await.refused(403);
    assert_eq!(ana.sees_at(&shop).await, [ana.id.as_str()]);
    let here = [("lat", "60.168"), ("lng", "24.938"), ("accuracy", "65")];
    assert_eq!(house.get("/aroundme/shops", &here).await.ok()[0]["user"], 1);
    house.nothing_happened().await;

    house.admin("DELETE", &path, Value::Null).await.ok();
    bo.get("/user_info/get_self", &[]).await.refused(401);
    let bo = house.login("bo").await;
    assert_eq!(ana.sees_at(&shop).await.len(), 2);
    bo.get("/user_info/get_self", &[]).await.ok();
    let nobody = "/admin/users/502e6303421aa918ba000001/ban";
    house.admin("POST", nobody, Value::Null).await.refused(404);
    house.post(&path, &[]).await.refused(401);
}

/// People from `from` on, who have just come and are on the blacklist of `owner` already.
async fn block_strangers(house: &House, owner: UserId, from: u32, count: u32) {
    let remembered = |stream, event: Event, n: u32| {
        let event = NewEvent {
            id: Uuid::from_u128(n.into()),
            time: Millis(1_700_000_000_000),
            event,
            metadata: Metadata::default(),
        };
        Append::new(stream, ExpectedRevision::NoStream, vec![event])
    };
    let strangers = (from..from + count).flat_map(|n| {
        let stranger = UserId::new(n, [7; 8]);
        let registered = UserRegistered {
            user_id: stranger,
            name: format!("stranger {n}"),
            gender: Gender::Unset,
            wb_uid: None,
        };
        let blocked = Blocked {
            user_id: owner,
            block_id: stranger,
            report: false,
        };
        [
            remembered(StreamName::user(stranger), registered.into(), 2 * n),
            remembered(
                StreamName::block(owner, stranger),
                blocked.into(),
                2 * n + 1,
            ),
        ]
    });
    for appended in house
        .log()
        .append_batch(strangers.collect())
        .await
        .expect("a log")
    {
        appended.expect("appended");
    }
}

/// What is answered to `order`; what is told unasked comes before.
async fn asked(chatter: &mut Chatter, kind: &str, order: &str) -> String {
    let iq = format!("<iq type='{kind}' id='asked'><{order} xmlns='urn:xmpp:blocking'/></iq>");
    chatter.sends(&iq).await;
    loop {
        let heard = chatter.stanza("iq").await;
        if heard.contains("id='asked'") {
            return heard;
        }
    }
}

#[tokio::test]
async fn a_long_blacklist_is_told_whole_or_not_at_all_and_emptied_whole() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let owner: UserId = ana.id.parse().expect("an id");
    let mut a = house.online(&ana, "phone").await;
    for (from, count, items) in [(0, 2_500, 2_500), (2_500, 501, 0)] {
        block_strangers(&house, owner, from, count).await;
        let seen = [("id", ana.id.as_str()), ("hash", "1")];
        eventually("they are on the list", async || {
            let list = ana.get("/blacklists", &seen).await.ok();
            (list["count"] == from + count).then_some(())
        })
        .await;
        let list = asked(&mut a, "get", "blocklist").await;
        assert_eq!(list.matches("<item ").count(), items, "{list:.500}");
        assert_eq!(list.contains("<resource-constraint "), items == 0);
    }
    let result = asked(&mut a, "set", "unblock").await;
    assert!(result.contains("type='result'"), "{result}");
    let list = asked(&mut a, "get", "blocklist").await;
    assert!(list.contains("<blocklist xmlns='urn:xmpp:blocking'></blocklist>"));
}
