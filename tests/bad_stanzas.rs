//! Stanzas from people who do not mean well, or whose client does not: each is answered with what
//! is wrong, and nobody else notices.

mod crowd;
mod floods;
mod logins;
mod streams;

use crate::harness::{Call, Chatter, House, bare};

/// The condition of the error in `stanza`, without its text.
#[track_caller]
fn condition(stanza: &str) -> &str {
    let (_, error) = stanza.split_once("<error ").expect("an error");
    let (_, condition) = error.split_once("><").expect("a condition");
    condition.split(' ').next().expect("a name")
}

/// Two people who are there.
struct Two {
    house: House,
    a: Chatter,
    b: Chatter,
    /// Their bare JIDs.
    ana: String,
    bo: String,
}

impl Two {
    async fn new() -> Self {
        let house = House::new().await;
        let (ana, bo) = (house.login("ana").await, house.login("bo").await);
        let (a, b) = (
            house.online(&ana, "phone").await,
            house.online(&bo, "phone").await,
        );
        house.happened().await;
        Self {
            house,
            a,
            b,
            ana: bare(&ana),
            bo: bare(&bo),
        }
    }

    /// Both are served as before.
    async fn all_is_well(&mut self) {
        let to = &self.bo;
        self.a
            .sends(&format!(
                "<message type='chat' id='well' to='{to}'><body>well?</body></message>"
            ))
            .await;
        self.b.receives("<body>well?</body>").await;
        self.b.receives("</message>").await;
        assert_eq!(self.a.is_answered().await, "");
    }
}

#[tokio::test]
async fn whatever_from_says_it_comes_from_whoever_is_logged_in() {
    let mut two = Two::new().await;
    let (ana, bo) = (two.ana.as_str(), two.bo.as_str());
    for (number, from) in [bo, "dface.cn", "x@jabber.org", "", "@"].iter().enumerate() {
        for (name, head, inside) in [
            ("message", "<message", "<body>hi</body>"),
            ("message", "<message", "<x xmlns='urn:x'/>"),
            ("iq", "<iq type='get'", "<x xmlns='urn:x'/>"),
        ] {
            two.a
                .sends(&format!(
                    "{head} id='i{number}' from='{from}' to='{bo}/phone'>{inside}</{name}>"
                ))
                .await;
            let heard = two.b.stanza(name).await;
            assert!(heard.contains(&format!(" from='{ana}/phone' ")), "{heard}");
        }
    }
    two.a.sends(&format!("<presence from='{bo}/phone'/>")).await;
    let own = format!("<presence from='{ana}/phone' to='{ana}/phone'>");
    two.a.receives(&own).await;
    assert_eq!(two.b.is_answered().await, "");
}

#[tokio::test]
async fn what_reaches_nobody_is_answered_with_the_reason() {
    let mut two = Two::new().await;
    let shop = two.house.shop("Ekberg", 60.168, 24.938).await;
    two.house.happened().await;
    let long = format!("{}@dface.cn", "x".repeat(1_024));
    let room = format!("{shop}@c.dface.cn");
    let nobody = "0123456789abcdef01234567@dface.cn";
    for (to, expected) in [
        (nobody, "service-unavailable"),
        ("s99@dface.cn", "service-unavailable"),
        ("root@dface.cn", "service-unavailable"),
        ("root@dface.cn/\u{624b}\u{673a}", "service-unavailable"),
        ("dface.cn", "service-unavailable"),
        ("c.dface.cn", "service-unavailable"),
        ("99@c.dface.cn", "item-not-found"),
        ("lobby@c.dface.cn", "item-not-found"),
        ("-1@c.dface.cn/x", "item-not-found"),
        ("99999999999999999999@c.dface.cn", "item-not-found"),
        ("x@jabber.org", "remote-server-not-found"),
        ("jabber.org/x", "remote-server-not-found"),
        ("x@d.dface.cn", "remote-server-not-found"),
        ("x@sub.c.dface.cn", "remote-server-not-found"),
        ("x@[::1]", "remote-server-not-found"),
        ("", "jid-malformed"),
        ("@", "jid-malformed"),
        ("@dface.cn", "jid-malformed"),
        ("a@b@dface.cn", "jid-malformed"),
        ("a b@dface.cn", "jid-malformed"),
        ("dface.cn/", "jid-malformed"),
        ("\u{202e}@dface.cn", "jid-malformed"),
        ("&quot;&amp;&apos;@dface.cn", "jid-malformed"),
        (&long, "jid-malformed"),
        // Somebody who is not in the room.
        (&room, "not-acceptable"),
    ] {
        two.a
            .sends(&format!(
                "<message id='m' to='{to}'><body>hi</body></message>"
            ))
            .await;
        let answer = two.a.stanza("message").await;
        assert_eq!(condition(&answer), expected, "{to}: {answer}");
        assert!(
            answer.starts_with("<message type='error' id='m' from='"),
            "{answer}"
        );
        // An error is never answered, so that two servers cannot go on for ever.
        two.a
            .sends(&format!(
                "<message type='error' to='{to}'><body>hi</body></message>\
                 <iq type='error' id='e' to='{to}'/><iq type='result' id='r' to='{to}'/>\
                 <presence type='error' to='{to}'/>"
            ))
            .await;
        assert_eq!(two.a.is_answered().await, "", "{to}");
    }
    two.house.nothing_happened().await;
    two.all_is_well().await;
}

#[tokio::test]
async fn a_question_is_answered_once_wherever_it_goes() {
    let mut two = Two::new().await;
    let shop = two.house.shop("Ekberg", 60.168, 24.938).await;
    let (ana, bo) = (two.ana.clone(), two.bo.clone());
    let room = format!("{shop}@c.dface.cn");
    let mut number = 0;
    for to in [
        "",
        "dface.cn",
        "c.dface.cn",
        &room,
        &format!("{room}/x"),
        &ana,
        &bo,
        &format!("{bo}/gone"),
        "0123456789abcdef01234567@dface.cn",
        "99@c.dface.cn",
        "x@jabber.org",
        "@",
        "root@dface.cn",
    ] {
        for payload in [
            "<query xmlns='jabber:iq:roster'/>",
            "<x xmlns='urn:x'/>",
            "<ping xmlns='urn:xmpp:ping'/>",
            "<block xmlns='urn:xmpp:blocking'/>",
            "<query xmlns='http://jabber.org/protocol/muc#owner'/>",
            "<a xmlns='urn:x'/><b xmlns='urn:x'/>",
            "no element",
            "",
        ] {
            for kind in ["get", "set", "no-kind"] {
                number += 1;
                let id = format!("q{number}&lt;&apos;");
                let to = if to.is_empty() {
                    String::new()
                } else {
                    format!(" to='{to}'")
                };
                two.a
                    .sends(&format!("<iq type='{kind}' id='{id}'{to}>{payload}</iq>"))
                    .await;
                let heard = two.a.is_answered().await;
                let answers = heard.matches(&format!(" id='{id}' ")).count();
                assert_eq!(answers, 1, "{kind} {payload}{to}: {heard}");
            }
        }
    }
    // Without an id it cannot be answered as it should.
    two.a
        .sends("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    assert_eq!(condition(&two.a.stanza("iq").await), "bad-request");
    two.all_is_well().await;
}

#[tokio::test]
async fn odd_but_sound_stanzas_arrive_as_they_are() {
    let mut two = Two::new().await;
    let bo = two.bo.clone();
    let attributes: String = (0..1_000).map(|n| format!(" a{n:03}=''")).collect();
    for (number, inside) in [
        // What is inside a message is not a message.
        "<message to='x@jabber.org'><body>inside</body></message>",
        "<iq id='q' type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<body xml:lang='zh'>\u{66f4}\u{591a}</body><subject xml:lang='de'>x</subject>",
        "<x xmlns='urn:x' a='&quot;&apos;&lt;&#10;'><y xmlns=''/></x>",
        &format!("<x xmlns='urn:x'{attributes}/>"),
    ]
    .iter()
    .enumerate()
    {
        two.a
            .sends(&format!(
                "<message type='chat' id='&quot;&#10;\u{1f600}' to='{bo}'><body>{number}</body>{inside}</message>"
            ))
            .await;
        let whole = format!("<body>{number}</body>{inside}<stanza-id ");
        let heard = two.b.receives(&whole).await;
        two.b.receives("</message>").await;
        let head = "<message type='chat' id='&quot;&#10;\u{1f600}' from='";
        assert!(heard.starts_with(head), "{heard:.300}");
        assert_eq!(two.a.is_answered().await, "", "{inside:.80}");
    }
    // RFC 6121 §5.2.2: an unknown type is as good as none.
    two.a
        .sends(&format!(
            "<message type='spam' to='{bo}'><body>hi</body></message>"
        ))
        .await;
    assert!(two.b.stanza("message").await.starts_with("<message from='"));
    two.all_is_well().await;
}

#[tokio::test]
async fn what_is_too_long_to_be_kept_is_refused() {
    let mut two = Two::new().await;
    let bo = two.bo.clone();
    for (id, inside) in [
        (
            "m".to_owned(),
            format!("<body>{}</body>", "x".repeat(17_000)),
        ),
        (
            "m".to_owned(),
            format!("<body>hi</body><x xmlns='urn:x'>{}</x>", "y".repeat(9_000)),
        ),
        ("i".repeat(2_000), "<body>hi</body>".to_owned()),
    ] {
        two.a
            .sends(&format!("<message id='{id}' to='{bo}'>{inside}</message>"))
            .await;
        let answer = two.a.stanza("message").await;
        assert_eq!(condition(&answer), "not-acceptable", "{answer:.200}");
    }
    two.house.nothing_happened().await;
    two.all_is_well().await;
}

#[tokio::test]
async fn a_stanza_that_would_grow_on_its_way_harms_only_its_sender() {
    let far = "n".repeat(8_000);
    let brackets = ">".repeat(60_000);
    for payload in [
        format!("<x xmlns='urn:x'>{brackets}</x>"),
        format!(
            "<x xmlns='urn:x' xmlns:f='{far}'>{}</x>",
            "<f:y/>".repeat(5_000)
        ),
    ] {
        let mut two = Two::new().await;
        two.a
            .sends(&format!(
                "<iq type='get' id='g' to='{}/phone'>{payload}</iq>",
                two.bo
            ))
            .await;
        let rest = two.a.rest().await;
        assert!(rest.contains("<policy-violation "), "{rest:.300}");
        assert_eq!(two.b.is_answered().await, "");
    }
}

#[tokio::test]
async fn a_blacklist_takes_so_many_at_once_and_says_so() {
    let mut two = Two::new().await;
    let item = format!("<item jid='{}'/>", two.bo);
    for (count, last) in [
        (1_100, ""),
        (900, "<item jid='bo@jabber.org'/>"),
        (3, "<item/>"),
    ] {
        two.a
            .sends(&format!(
                "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'>{}{last}</block></iq>",
                item.repeat(count)
            ))
            .await;
        let answer = two.a.stanza("iq").await;
        assert!(
            answer.starts_with("<iq type='error' id='b' "),
            "{count}: {answer}"
        );
    }
    two.house.nothing_happened().await;
    two.a
        .sends(&format!(
            "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'>{}</block></iq>",
            item.repeat(900)
        ))
        .await;
    assert!(
        two.a
            .stanza("iq")
            .await
            .starts_with("<iq type='result' id='b' ")
    );
    assert_eq!(two.house.happened_types().await, ["block.blocked.v1"]);
}

#[tokio::test]
async fn one_person_has_sixteen_connections() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let mut all = Vec::new();
    for n in 0..16 {
        all.push(house.online(&ana, &format!("r{n}")).await);
    }
    let bind = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                <resource>one more</resource></bind></iq>";
    let mut more = Chatter::connect(house.xmpp_address()).await;
    more.begin(&ana.id, &ana.password).await;
    more.sends(bind).await;
    assert_eq!(condition(&more.stanza("iq").await), "resource-constraint");
    // Once one has gone there is a place again.
    all.pop().expect("a connection").goes().await;
    more.sends(bind).await;
    more.receives("<jid>").await;
    for one in &mut all {
        one.is_answered().await;
    }
}

#[tokio::test]
async fn one_connection_is_in_fifty_rooms() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let mut a = house.online(&ana, "phone").await;
    for n in 0..51 {
        let shop = house.shop(&format!("shop {n}"), 60.168, 24.938).await;
        a.sends(&format!(
            "<presence to='{shop}@c.dface.cn/x'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
        ))
        .await;
        if n < 50 {
            a.receives("<subject></subject></message>").await;
        } else {
            let answer = a.stanza("presence").await;
            assert_eq!(condition(&answer), "resource-constraint", "{answer}");
        }
    }
    a.is_answered().await;
}

#[tokio::test]
async fn bodies_of_the_web_interface_that_are_no_stanza_are_refused() {
    let two = Two::new().await;
    let web = two.house.xmpp_web();
    let (a, b) = (&two.ana, &two.bo);
    let message = format!("<message from='{a}' to='{b}'><body>hi</body></message>");
    let with = |old: &str, new: &str| message.replace(old, new).into_bytes();
    for body in [
        [message.as_bytes(), message.as_bytes()].concat(),
        [message.as_bytes(), b"<!-- -->"].concat(),
        [message.as_bytes(), b"text"].concat(),
        with("hi", "<!-- -->"),
        with("hi", "&lol;"),
        with("hi", "<?php ?>"),
        with("hi", "\u{0}"),
        with("<body>hi</body>", "<body>hi</bodx>"),
        with("<body>hi</body>", "<b:body>hi</b:body>"),
        with("</message>", ""),
        with("<message ", "<message from='x' "),
        with("<message ", "<message xmlns='jabber:server' "),
        with("message", "stream:stream"),
        with("hi", &"<a>".repeat(20_000)),
        [
            &message.as_bytes()[..20],
            b"\xff\xfe",
            &message.as_bytes()[20..],
        ]
        .concat(),
        vec![0xef, 0xbb, 0xbf],
        vec![0; 1_000],
    ] {
        let shown = String::from_utf8_lossy(&body)
            .chars()
            .take(120)
            .collect::<String>();
        let call = Call::new("POST", "/rest").body("application/octet-stream", body);
        let status = web.send(call).await.status;
        assert!((400..500).contains(&status), "{status}: {shown}");
    }
    two.house.nothing_happened().await;
}
