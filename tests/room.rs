//! The rooms of shops (seed §28, XEP-0045): who is there, what is said, what was said before.

mod presence;

use crate::harness::{Chatter, House, Phone, bare, same};
use serde_json::json;

/// Enters the room of a shop, and hears everything up to the subject.
pub(crate) async fn enter(chatter: &mut Chatter, shop: &str, nick: &str, inside: &str) -> String {
    chatter
        .sends(&format!(
            "<presence to='{shop}@c.dface.cn/{nick}'>\
             <x xmlns='http://jabber.org/protocol/muc'>{inside}</x></presence>"
        ))
        .await;
    chatter.receives("</subject></message>").await
}

/// Two people in a café.
pub(crate) struct Cafe {
    pub(crate) house: House,
    pub(crate) shop: String,
    pub(crate) ana: Phone,
    pub(crate) bo: Phone,
    pub(crate) a: Chatter,
    pub(crate) b: Chatter,
}

impl Cafe {
    pub(crate) async fn new() -> Self {
        let house = House::new().await;
        let shop = house.shop("Ekberg", 60.168, 24.938).await;
        let (ana, bo) = (house.login("ana").await, house.login("bo").await);
        let mut a = house.online(&ana, "phone").await;
        let mut b = house.online(&bo, "phone").await;
        enter(&mut a, &shop, &ana.id, "").await;
        enter(&mut b, &shop, &bo.id, "").await;
        a.receives("</presence>").await;
        house.happened().await;
        Self {
            house,
            shop,
            ana,
            bo,
            a,
            b,
        }
    }

    /// What is sent to say something in the room.
    pub(crate) fn says(&self, id: &str, text: &str) -> String {
        let room = &self.shop;
        format!(
            "<message type='groupchat' id='{id}' to='{room}@c.dface.cn'><body>{text}</body></message>"
        )
    }
}

#[tokio::test]
async fn what_is_said_reaches_everybody_the_speaker_too_word_for_word() {
    let mut cafe = Cafe::new().await;
    let shake = "[摇一摇:阿娜] &lt;3";
    let says = cafe.says("m1", shake);
    cafe.a.sends(&says).await;
    let heard = [
        cafe.a.stanza("message").await,
        cafe.b.stanza("message").await,
    ];
    let place = cafe.house.head().await.0;
    let Cafe { shop, ana, .. } = &cafe;
    for (to, heard) in [&cafe.a, &cafe.b].into_iter().zip(heard) {
        let expected = format!(
            "<message type='groupchat' id='m1' from='{shop}@c.dface.cn/{}' to='{}'>\
             <body>{shake}</body>\
             <stanza-id xmlns='urn:xmpp:sid:0' by='{shop}@c.dface.cn' id='{place}'/></message>",
            ana.id, to.jid
        );
        assert_eq!(heard, expected);
    }
    let shop: u64 = cafe.shop.parse().expect("a number");
    same(
        &cafe.house.happened().await,
        &json!([{
            "stream": format!("room-{shop}"),
            "type": "chat.message-sent.v1",
            "data": {
                "from": "<ana>",
                "from_resource": "phone",
                "room": shop,
                "id": "m1",
                "body": "[摇一摇:阿娜] <3",
            },
        }]),
    );
}

#[tokio::test]
async fn outsiders_neither_speak_nor_hear() {
    let mut cafe = Cafe::new().await;
    let eve = cafe.house.login("eve").await;
    let mut e = cafe.house.online(&eve, "phone").await;
    e.sends(&cafe.says("m1", "hello?")).await;
    let error = e.stanza("message").await;
    assert!(error.contains("<not-acceptable "), "{error}");
    let whisper = format!(
        "<message type='chat' to='{}@c.dface.cn/{}'><body>psst</body></message>",
        cafe.shop, cafe.ana.id
    );
    e.sends(&whisper).await;
    assert!(e.stanza("message").await.contains("<not-acceptable "));
    let says = cafe.says("m2", "hi");
    cafe.a.sends(&says).await;
    cafe.b.stanza("message").await;
    assert_eq!(e.is_answered().await, "");
    // One who has left is an outsider.
    let room = format!("{}@c.dface.cn/{}", cafe.shop, cafe.bo.id);
    cafe.b
        .sends(&format!("<presence type='unavailable' to='{room}'/>"))
        .await;
    let own = cafe.b.stanza("presence").await;
    assert!(
        own.contains("type='unavailable'") && own.contains("110"),
        "{own}"
    );
    let says = cafe.says("m3", "and another thing");
    cafe.b.sends(&says).await;
    assert!(cafe.b.stanza("message").await.contains("<not-acceptable "));
}

#[tokio::test]
async fn a_newcomer_is_told_what_was_said_as_asked() {
    let mut cafe = Cafe::new().await;
    for n in 0..25 {
        cafe.house.clock.pass(1_000);
        cafe.a
            .sends(&cafe.says(&format!("m{n}"), &n.to_string()))
            .await;
        cafe.b.receives(&format!("<body>{n}</body>")).await;
    }
    let eve = cafe.house.login("eve").await;
    let numbers = |heard: &str| -> Vec<u32> {
        let bodies = heard.split("<body>").skip(1);
        bodies
            .map(|rest| {
                rest.split('<')
                    .next()
                    .expect("a body")
                    .parse()
                    .expect("a number")
            })
            .collect()
    };
    for (asked, told) in [
        ("", 5..25),
        ("<history maxstanzas='3'/>", 22..25),
        ("<history maxstanzas='0'/>", 0..0),
        ("<history maxchars='0'/>", 0..0),
        ("<history maxchars='8'/>", 21..25),
        ("<history seconds='4'/>", 20..25),
        ("<history since='2012-09-22T06:24:21Z'/>", 20..25),
        ("<history maxstanzas='1000'/>", 0..25),
    ] {
        let mut e = cafe.house.chatter(&eve, "phone").await;
        let heard = enter(&mut e, &cafe.shop, "eve", asked).await;
        assert_eq!(numbers(&heard), told.collect::<Vec<_>>(), "{asked}");
        if asked.is_empty() {
            let stamp = format!(
                "<delay xmlns='urn:xmpp:delay' from='{}@c.dface.cn' stamp='2012-09-22T06:24:25.000Z'/>",
                cafe.shop
            );
            assert!(heard.contains(&stamp), "{heard}");
            let from = format!("id='m24' from='{}@c.dface.cn/{}'", cafe.shop, cafe.ana.id);
            assert!(heard.contains(&from), "{heard}");
        }
        e.goes().await;
    }
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_between_the_history_and_what_comes_live() {
    let mut cafe = Cafe::new().await;
    let eve = cafe.house.login("eve").await;
    let mut next = 0;
    for round in 0..6 {
        let from = next;
        let mut e = cafe.house.chatter(&eve, "phone").await;
        let lines: String = (from..from + 30)
            .map(|n| cafe.says(&format!("m{n}"), &n.to_string()))
            .collect();
        let a = &mut cafe.a;
        let talking = async {
            a.sends(&lines).await;
            a.is_answered().await;
        };
        let ask = format!(
            "<history maxstanzas='{}'/>",
            if round == 0 { 0 } else { 100 }
        );
        let (heard, ()) = tokio::join!(enter(&mut e, &cafe.shop, "eve", &ask), talking);
        let later = e.receives(&format!("<body>{}</body>", from + 29)).await;
        let all = format!("{heard}{later}");
        let mut before = None;
        for n in from..from + 30 {
            let count = all.matches(&format!("<body>{n}</body>")).count();
            if before.is_some() || round > 0 {
                assert_eq!(count, 1, "{round}: {n}");
            }
            if count == 1 {
                before = Some(n);
            }
        }
        e.goes().await;
        next += 30;
    }
}

#[tokio::test]
async fn the_subject_is_the_notice_of_the_shop() {
    let mut cafe = Cafe::new().await;
    let path = format!("/admin/shops/{}/notice", cafe.shop);
    let notice = json!({"title": "今晚八折 <&>"});
    cafe.house.admin("PUT", &path, notice).await.ok();
    let told = cafe.b.stanza("message").await;
    assert!(
        told.contains("<subject>今晚八折 &lt;&amp;&gt;</subject>"),
        "{told}"
    );
    let eve = cafe.house.login("eve").await;
    let mut e = cafe.house.online(&eve, "phone").await;
    let heard = enter(&mut e, &cafe.shop, "eve", "").await;
    assert!(heard.contains("<subject>今晚八折 "), "{heard}");
    // Only those who work there change it.
    let subject = |text: &str| {
        format!(
            "<message type='groupchat' to='{}@c.dface.cn'><subject>{text}</subject></message>",
            cafe.shop
        )
    };
    let (mine, hers) = (subject("mine"), subject("hers"));
    e.sends(&mine).await;
    assert!(e.stanza("message").await.contains("<forbidden "));
    let path = format!("/admin/shops/{}/staffs", cafe.shop);
    let staff = json!({"user_id": cafe.ana.id});
    cafe.house.admin("POST", &path, staff).await.ok();
    cafe.a.receives("role='moderator'").await;
    cafe.a.sends(&hers).await;
    e.receives("<subject>hers</subject>").await;
    let info = cafe
        .house
        .get("/shop/info", &[("id", &cafe.shop)])
        .await
        .ok();
    assert_eq!(info["notice"], "hers");
}

#[tokio::test]
async fn occupants_whisper_through_the_room() {
    let mut cafe = Cafe::new().await;
    let to = format!("{}@c.dface.cn/{}", cafe.shop, cafe.bo.id);
    cafe.a
        .sends(&format!(
            "<message type='chat' id='w' to='{to}'><body>psst</body></message>"
        ))
        .await;
    let heard = cafe.b.stanza("message").await;
    let from = format!("from='{}@c.dface.cn/{}'", cafe.shop, cafe.ana.id);
    assert!(
        heard.contains(&from) && heard.contains("<body>psst</body>"),
        "{heard}"
    );
    assert!(
        heard.contains("http://jabber.org/protocol/muc#user"),
        "{heard}"
    );
    assert_eq!(cafe.b.is_answered().await, "");
    let nobody = format!("{}@c.dface.cn/0123456789abcdef01234567", cafe.shop);
    cafe.a
        .sends(&format!(
            "<message type='chat' to='{nobody}'><body>psst</body></message>"
        ))
        .await;
    assert!(cafe.a.stanza("message").await.contains("<item-not-found "));
    // And the blacklist counts there too.
    let Cafe { house, ana, bo, .. } = &cafe;
    bo.post(
        "/blacklists",
        &[("user_id", &bo.id), ("block_id", &ana.id), ("report", "0")],
    )
    .await
    .ok();
    house.happened().await;
    cafe.a
        .sends(&format!(
            "<message type='chat' id='x' to='{to}'><body>psst</body></message>"
        ))
        .await;
    assert_eq!(cafe.a.is_answered().await, "");
    assert_eq!(cafe.b.is_answered().await, "");
}

#[tokio::test]
async fn what_is_not_worth_storing_is_passed_on() {
    let mut cafe = Cafe::new().await;
    let typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
    cafe.a
        .sends(&format!(
            "<message type='groupchat' to='{}@c.dface.cn'>{typing}</message>",
            cafe.shop
        ))
        .await;
    assert!(cafe.b.stanza("message").await.contains(typing));
    cafe.house.nothing_happened().await;
}

#[tokio::test]
async fn rooms_are_found_and_say_what_they_are() {
    let mut cafe = Cafe::new().await;
    let room = format!("{}@c.dface.cn", cafe.shop);
    let own = format!("{room}/{}", cafe.ana.id);
    let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let items = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    let listed = format!("<item jid='{room}' name='Ekberg'/>");
    for (to, payload, answer) in [
        (
            "c.dface.cn",
            info,
            "<identity category='conference' type='text' ",
        ),
        (
            "c.dface.cn",
            info,
            "<feature var='http://jabber.org/protocol/muc'/>",
        ),
        ("c.dface.cn", items, &listed),
        (
            &room,
            info,
            "<identity category='conference' type='text' name='Ekberg'/>",
        ),
        (
            &room,
            items,
            "<query xmlns='http://jabber.org/protocol/disco#items'/>",
        ),
        (&own, ping, "<iq type='result' "),
        ("999@c.dface.cn", info, "<item-not-found "),
        ("lobby@c.dface.cn", info, "<item-not-found "),
    ] {
        cafe.a
            .sends(&format!("<iq type='get' id='q' to='{to}'>{payload}</iq>"))
            .await;
        let iq = cafe.a.stanza("iq").await;
        assert!(iq.contains(answer), "{to}: {iq}");
    }
    let eve = cafe.house.login("eve").await;
    let mut e = cafe.house.online(&eve, "phone").await;
    e.sends(&format!("<iq type='get' id='q' to='{own}'>{ping}</iq>"))
        .await;
    assert!(e.stanza("iq").await.contains("<not-acceptable "));
    // Whoever is in no room is still a person.
    e.sends(&format!(
        "<message type='chat' to='{}'><body>hi</body></message>",
        bare(&cafe.ana)
    ))
    .await;
    cafe.a.receives("<body>hi</body>").await;
}
