//! The web interface of XMPP (seed §32): what was said, and orders of programs beside the house.

use crate::harness::{Call, Chatter, Door, House, MINUTE, Phone, WEB_TOKEN, bare, same};
use crate::room::{Cafe, enter};
use serde_json::{Value, json};

/// Says something to somebody, and waits until it is said.
async fn says(from: &mut Chatter, to: &Phone, id: &str, text: &str) {
    from.sends(&format!(
        "<message type='chat' id='{id}' to='{}'><body>{text}</body></message>",
        bare(to)
    ))
    .await;
    from.is_answered().await;
}

/// The seconds of the tests' first moment.
const START: i64 = 1_348_295_040;

async fn rest(web: &Door, stanza: &str) -> u16 {
    let call = Call::new("POST", "/rest").body("text/plain", stanza);
    let answer = web.send(call).await;
    match answer.status {
        200 => same(&answer.ok(), &json!({"sent": true})),
        status => drop(answer.refused(status)),
    }
    answer.status
}

#[tokio::test]
async fn what_two_said_is_read_newest_first_from_either_side() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let (mut a, mut b) = (
        house.online(&ana, "phone").await,
        house.online(&bo, "phone").await,
    );
    says(&mut a, &bo, "m1", "你好 &lt;3").await;
    house.clock.pass(MINUTE);
    says(&mut b, &ana, "m2", "hi").await;
    says(&mut a, &ana, "m3", "milk").await;
    let web = house.xmpp_web();
    let (first, second) = (
        json!([ana.id, bo.id, "你好 <3", START, "m1"]),
        json!([bo.id, ana.id, "hi", START + 60, "m2"]),
    );
    for (one, other) in [(&ana, &bo), (&bo, &ana)] {
        let two = [("uid1", one.id.as_str()), ("uid2", &other.id)];
        let said = web.get("/api/chat2", &two).await.ok();
        same(&said, &json!([second, first]));
        for (skip, count, expected) in [
            ("1", "1", json!([first])),
            ("0", "1", json!([second])),
            ("2", "9", json!([])),
        ] {
            let part = [("skip", skip), ("count", count)];
            let said = web.get("/api/chat2", &[&two[..], &part].concat()).await;
            same(&said.ok(), &expected);
        }
    }
    let said = web.get("/api/chat", &[("uid", &ana.id)]).await.ok();
    same(
        &said,
        &json!([
            [ana.id, "milk", START + 60, "m3"],
            [bo.id, "你好 <3", START, "m1"],
        ]),
    );
    let nobody = "0123456789abcdef01234567";
    same(
        &web.get("/api/chat", &[("uid", nobody)]).await.ok(),
        &json!([]),
    );
    for (path, query) in [
        ("/api/chat", vec![]),
        ("/api/chat", vec![("uid", "root")]),
        ("/api/chat2", vec![("uid1", nobody)]),
        ("/api/gchat", vec![("room", "lobby")]),
    ] {
        web.get(path, &query).await.refused(400);
    }
}

#[tokio::test]
async fn what_was_said_in_a_room_is_read_the_moment_it_was_said() {
    let mut cafe = Cafe::new().await;
    let web = cafe.house.xmpp_web();
    let says = cafe.says("m1", "hi");
    cafe.a.sends(&says).await;
    cafe.a.stanza("message").await;
    let room = [("room", cafe.shop.as_str())];
    let said = web.get("/api/gchat", &room).await.ok();
    same(&said, &json!([[cafe.ana.id, "hi", START, "m1"]]));
    same(
        &web.get("/api/gchat", &[("room", "99")]).await.ok(),
        &json!([]),
    );
}

#[tokio::test]
async fn a_program_speaks_in_a_room_for_somebody_who_need_not_be_there() {
    let mut cafe = Cafe::new().await;
    let web = cafe.house.xmpp_web();
    let eve = cafe.house.login("eve").await;
    let said = [
        ("roomid", cafe.shop.as_str()),
        ("message", "下雨 <b>&"),
        ("uid", &eve.id),
    ];
    same(
        &web.post("/api/room", &said).await.ok(),
        &json!({"sent": true}),
    );
    let heard = cafe.a.stanza("message").await;
    let from = format!("from='{}@c.dface.cn/{}'", cafe.shop, eve.id);
    assert!(heard.starts_with("<message type='groupchat' "), "{heard}");
    assert!(heard.contains(&from), "{heard}");
    assert!(
        heard.contains("<body>下雨 &lt;b&gt;&amp;</body>"),
        "{heard}"
    );
    // JSON is as good as a form, and the shop may speak for itself.
    let shop = format!("s{}", cafe.shop);
    let order = json!({"roomid": cafe.shop, "message": "open", "uid": shop});
    web.send(Call::new("POST", "/api/room").json(&order))
        .await
        .ok();
    let told = web.get("/api/gchat", &[("room", &cafe.shop)]).await.ok();
    let told: Vec<&Value> = told.as_array().expect("an array").iter().collect();
    assert_eq!((&told[0][0], &told[0][1]), (&json!(shop), &json!("open")));
    assert_eq!(
        (&told[1][0], &told[1][1]),
        (&json!(eve.id), &json!("下雨 <b>&"))
    );
    let mut e = cafe.house.online(&eve, "phone").await;
    let history = enter(&mut e, &cafe.shop, &eve.id, "").await;
    assert!(history.contains("<body>open</body>"), "{history}");
    let nobody = "0123456789abcdef01234567";
    let too_long = "x".repeat(20_000);
    for (room, message, uid, status) in [
        ("99", "hi", &*eve.id, 404),
        (&*cafe.shop, "hi", nobody, 404),
        (&*cafe.shop, "hi", "root", 400),
        (&*cafe.shop, "", &*eve.id, 400),
        (&*cafe.shop, "\u{0}", &*eve.id, 400),
        (&*cafe.shop, &*too_long, &*eve.id, 400),
    ] {
        let said = [("roomid", room), ("message", message), ("uid", uid)];
        web.post("/api/room", &said).await.refused(status);
    }
    assert_eq!(web.get("/api/room", &said).await.status, 405);
    web.get("/api/nothing", &[]).await.refused(404);
}

#[tokio::test]
async fn the_blacklist_is_changed_at_once_and_as_often_as_one_likes() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let (mut a, mut b) = (
        house.online(&ana, "phone").await,
        house.online(&bo, "phone").await,
    );
    let web = house.xmpp_web();
    let pair = [("uid", &*bo.id), ("bid", &*ana.id)];
    for _ in 0..2 {
        let blocked = web.post("/api/block", &pair).await.ok();
        same(&blocked, &json!({"blocked": ana.id}));
    }
    says(&mut a, &bo, "m1", "hello?").await;
    let list = bo
        .get("/blacklists", &[("id", &bo.id), ("hash", "1")])
        .await;
    assert_eq!(list.ok()["count"], 1);
    for _ in 0..2 {
        let unblocked = web.post("/api/unblock", &pair).await.ok();
        same(&unblocked, &json!({"unblocked": ana.id}));
    }
    says(&mut a, &bo, "m2", "hello!").await;
    let heard = b.stanza("message").await;
    assert!(heard.contains("<body>hello!</body>"), "{heard}");
    let oneself = [("uid", &*bo.id), ("bid", &*bo.id)];
    web.post("/api/block", &oneself).await.refused(400);
    let nobody = [("uid", &*bo.id), ("bid", "0123456789abcdef01234567")];
    web.post("/api/block", &nobody).await.refused(404);
}

#[tokio::test]
async fn a_stanza_is_delivered_as_it_is_to_who_is_there_and_who_is_away() {
    let house = House::new().await;
    let shop = house.shop("Ekberg", 60.168, 24.938).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut b = house.online(&bo, "phone").await;
    let web = house.xmpp_web();
    let to = bare(&bo);
    let inside = "<body>a &lt; b</body><x xmlns='urn:x'><y/></x>";
    let senders = [
        format!("{}/web", bare(&ana)),
        format!("s{shop}@dface.cn"),
        "502e6303421aa918ba000001@dface.cn".to_owned(),
    ];
    for (number, from) in senders.iter().enumerate() {
        let stanza = format!(
            "<message type='chat' id='r{number}' from='{from}' to='{to}'>{inside}</message>"
        );
        assert_eq!(rest(&web, &stanza).await, 200, "{from}");
        // As it is, but for where the receiver's archive has it.
        let heard = b.stanza("message").await;
        let (said, place) = heard.split_once("<stanza-id ").expect("a place");
        assert_eq!(format!("{said}</message>"), stanza);
        assert!(place.contains(&format!("by='{to}'")), "{place}");
    }
    // What has no body is handed on, under the name that it came with.
    let typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
    let stanza = format!(
        "<message type='chat' from='{}' to='{to}'>{typing}</message>",
        senders[0]
    );
    assert_eq!(rest(&web, &stanza).await, 200);
    assert!(b.stanza("message").await.contains(typing));
    b.goes().await;
    let stanza = format!(
        "<?xml version='1.0'?>\n<message type='chat' id='late' from='{}' to='{to}'>\
         <body>later</body></message>",
        senders[1]
    );
    assert_eq!(rest(&web, &stanza).await, 200);
    let mut b = house.chatter(&bo, "phone").await;
    b.sends("<presence/>").await;
    let late = b.stanza("message").await;
    assert!(
        late.contains("id='late'") && late.contains("urn:xmpp:delay"),
        "{late}"
    );
}

#[tokio::test]
async fn a_stanza_speaks_in_a_room_and_a_room_to_one_alone() {
    let mut cafe = Cafe::new().await;
    let web = cafe.house.xmpp_web();
    let room = format!("{}@c.dface.cn", cafe.shop);
    let eve = cafe.house.login("eve").await;
    for from in [bare(&eve), format!("{room}/{}", eve.id)] {
        let text = format!("from {}", from.len());
        let stanza = format!(
            "<message type='groupchat' id='g{}' from='{from}' to='{room}'><body>{text}</body></message>",
            from.len()
        );
        assert_eq!(rest(&web, &stanza).await, 200);
        for chatter in [&mut cafe.a, &mut cafe.b] {
            let heard = chatter.stanza("message").await;
            assert!(
                heard.contains(&format!("from='{room}/{}'", eve.id)),
                "{heard}"
            );
            assert!(heard.contains(&text), "{heard}");
        }
    }
    let welcome = "<body>welcome</body>";
    let stanza = format!(
        "<message type='groupchat' id='w' from='{room}' to='{}'>{welcome}</message>",
        bare(&cafe.ana)
    );
    assert_eq!(rest(&web, &stanza).await, 200);
    let heard = cafe.a.stanza("message").await;
    let expected = format!(
        "<message type='groupchat' id='w' from='{room}' to='{}'>{welcome}</message>",
        cafe.a.jid
    );
    assert_eq!(heard, expected);
    assert_eq!(cafe.b.is_answered().await, "");
}

#[tokio::test]
async fn what_cannot_be_delivered_changes_nothing() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    house.happened().await;
    let web = house.xmpp_web();
    let (a, b) = (bare(&ana), bare(&bo));
    let deep = "<a>".repeat(4_000);
    let body = "<body>hi</body>";
    for (stanza, status) in [
        (String::new(), 406),
        ("hello".into(), 406),
        (format!("<message from='{a}' to='{b}'>{deep}"), 406),
        (
            format!("<!DOCTYPE a [<!ENTITY b 'c'>]><message from='{a}' to='{b}'>{body}</message>"),
            406,
        ),
        (format!("<message to='{b}'>{body}</message>"), 406),
        (format!("<message from='{a}'>{body}</message>"), 406),
        (
            format!("<message from='x@jabber.org' to='{b}'>{body}</message>"),
            406,
        ),
        (format!("<iq type='get' id='1' from='{a}' to='{b}'/>"), 406),
        (
            format!("<message from='{a}' to='0123456789abcdef01234567@dface.cn'>{body}</message>"),
            404,
        ),
        (
            format!("<message from='0123456789abcdef01234567@dface.cn' to='{b}'>{body}</message>"),
            404,
        ),
        (
            format!("<message type='groupchat' from='{a}' to='99@c.dface.cn'>{body}</message>"),
            404,
        ),
        (
            format!(
                "<message from='{a}' to='{b}'><body>{}</body></message>",
                "x".repeat(20_000)
            ),
            400,
        ),
        ("x".repeat(300_000), 413),
    ] {
        assert_eq!(rest(&web, &stanza).await, status, "{stanza:.200}");
    }
    house.nothing_happened().await;
}

#[tokio::test]
async fn only_this_machine_and_holders_of_the_token_are_answered() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let web = house.xmpp_web();
    let target = format!("/api/chat?uid={}", ana.id);
    let call = || Call::new("GET", target.clone());
    web.send(call()).await.ok();
    let forwarded = || call().header("x-forwarded-for", "192.0.2.1");
    for strange in [
        forwarded(),
        call().header("origin", "https://evil.example"),
        call().header("authorization", "Bearer wrong"),
    ] {
        let answer = web.send(strange).await;
        answer.refused(401);
        assert_eq!(answer.header("www-authenticate").as_deref(), Some("Bearer"));
    }
    let token = format!("Bearer {WEB_TOKEN}");
    web.send(forwarded().header("authorization", token))
        .await
        .ok();
}
