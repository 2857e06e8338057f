//! Streams of XML from people who know better, and from people who do not (RFC 6120 §4).

use crate::harness::{Chatter, HEADER, House, bare};

/// What a stream ends with when it begins like this.
async fn end_of(house: &House, bytes: &[u8]) -> String {
    let mut client = Chatter::connect(house.xmpp_address()).await;
    client.sends_bytes(bytes).await;
    client.rest().await
}

#[tokio::test]
async fn what_is_no_stream_is_ended_with_the_reason() {
    let house = House::new().await;
    let header = |change: fn(&str) -> String| change(HEADER).into_bytes();
    let behind = |text: &str| format!("{HEADER}{text}").into_bytes();
    for (bytes, condition) in [
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "not-well-formed"),
        (
            header(|h| h.replace("dface.cn", "jabber.org")),
            "host-unknown",
        ),
        (
            header(|h| h.replace("version='1.0'>", "version='2.0'>")),
            "unsupported-version",
        ),
        (
            header(|h| h.replace("etherx", "other")),
            "invalid-namespace",
        ),
        (behind(&"<a>".repeat(4_000)), "policy-violation"),
        (
            behind(&format!("<a>{}</a>", "x".repeat(1 << 20))),
            "policy-violation",
        ),
        (behind("<!DOCTYPE a [<!ENTITY b 'c'>]>"), "restricted-xml"),
        (behind("<a>&b;</a>"), "restricted-xml"),
        (behind("<!-- hello -->"), "restricted-xml"),
        (behind("<?php ?>"), "restricted-xml"),
        (behind("<a></b>"), "not-well-formed"),
        (
            behind("<message><body>hi</body></message>"),
            "not-authorized",
        ),
        (
            [HEADER.as_bytes(), b"<a>\xff</a>"].concat(),
            "not-well-formed",
        ),
    ] {
        let rest = end_of(&house, &bytes).await;
        let error = format!("<stream:error><{condition} ");
        assert!(rest.contains(&error), "{condition}: {rest:.600}");
        assert!(
            rest.starts_with("<?xml version='1.0'?><stream:stream "),
            "{rest:.600}"
        );
        assert!(rest.ends_with("</stream:stream>"), "{rest:.600}");
    }
    // Nobody else has noticed.
    let ana = house.login("ana").await;
    house.online(&ana, "phone").await;
}

#[tokio::test]
async fn whoever_is_logged_in_may_send_more_but_not_without_limit() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let mut a = house.online(&ana, "phone").await;
    let long = "x".repeat(15_000);
    a.sends(&format!(
        "<message type='chat' to='{}'><body>{long}</body></message>",
        bare(&ana)
    ))
    .await;
    assert!(a.stanza("message").await.contains(&long));
    // What nobody knows is no harm.
    a.sends("<active xmlns='urn:xmpp:csi:0'/> <r xmlns='urn:xmpp:sm:3'/>\n")
        .await;
    assert_eq!(a.is_answered().await, "");
    a.sends(&format!("<message><body>{}", "x".repeat(70_000)))
        .await;
    assert!(a.rest().await.contains("<policy-violation "));
}

#[tokio::test]
async fn a_stranger_who_is_silent_is_shown_out() {
    let house = House::with_xmpp(|settings| {
        settings.login_limit = std::time::Duration::from_millis(100);
    })
    .await;
    let mut slow = Chatter::connect(house.xmpp_address()).await;
    slow.sends(HEADER).await;
    let rest = slow.rest().await;
    assert!(rest.contains("<connection-timeout "), "{rest}");
}

#[tokio::test]
async fn a_silent_client_is_asked_and_then_given_up() {
    let house = House::with_xmpp(|settings| {
        settings.quiet = std::time::Duration::from_millis(100);
        settings.answer_limit = std::time::Duration::from_millis(500);
    })
    .await;
    let ana = house.login("ana").await;
    let mut a = house.online(&ana, "phone").await;
    let ping = a.stanza("iq").await;
    assert!(ping.contains("<ping xmlns='urn:xmpp:ping'/>"), "{ping}");
    let rest = a.rest().await;
    assert!(rest.contains("<connection-timeout "), "{rest}");
}

#[tokio::test]
async fn the_server_answers_what_every_client_asks() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let mut a = house.online(&ana, "phone").await;
    for (to, payload, answer) in [
        (
            "",
            "<query xmlns='jabber:iq:roster'/>",
            "<query xmlns='jabber:iq:roster'/>",
        ),
        (
            "dface.cn",
            "<query xmlns='http://jabber.org/protocol/disco#info'/>",
            "<identity category='server' type='im' name='lianlian'/>",
        ),
        (
            "dface.cn",
            "<query xmlns='http://jabber.org/protocol/disco#items'/>",
            "<item jid='c.dface.cn' ",
        ),
        (
            "dface.cn",
            "<query xmlns='jabber:iq:version'/>",
            "<name>lianlian</name>",
        ),
        (
            "dface.cn",
            "<query xmlns='urn:example'/>",
            "<service-unavailable ",
        ),
        (
            "x@jabber.org",
            "<query xmlns='urn:example'/>",
            "<remote-server-not-found ",
        ),
        (
            "",
            "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
            "<not-allowed ",
        ),
    ] {
        let to = if to.is_empty() {
            String::new()
        } else {
            format!(" to='{to}'")
        };
        a.sends(&format!("<iq type='get' id='q'{to}>{payload}</iq>"))
            .await;
        let iq = a.stanza("iq").await;
        assert!(iq.contains(answer), "{payload}: {iq}");
        assert!(iq.contains(" id='q'"), "{iq}");
    }
    a.sends("<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>")
        .await;
    assert!(a.stanza("iq").await.starts_with("<iq type='result' id='s'"));
    a.sends("<iq type='get' id='empty'/>").await;
    assert!(a.stanza("iq").await.contains("<bad-request "));
}

#[tokio::test]
async fn the_blacklist_is_the_same_as_over_http() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut tablet = house.online(&ana, "tablet").await;
    let list = "<iq type='get' id='l'><blocklist xmlns='urn:xmpp:blocking'/></iq>";
    let item = format!("<item jid='{}'/>", bare(&bo));
    tablet.sends(list).await;
    tablet
        .receives("<blocklist xmlns='urn:xmpp:blocking'></blocklist></iq>")
        .await;
    house.happened().await;
    let order = |name: &str, items: &str| {
        format!("<iq type='set' id='o'><{name} xmlns='urn:xmpp:blocking'>{items}</{name}></iq>")
    };
    a.sends(&order("block", &item)).await;
    assert!(a.stanza("iq").await.starts_with("<iq type='result' id='o'"));
    assert_eq!(house.happened_types().await, ["block.blocked.v1"]);
    let push = tablet.stanza("iq").await;
    let pushed = format!("<block xmlns='urn:xmpp:blocking'>{item}</block>");
    assert!(
        push.starts_with("<iq type='set' ") && push.contains(&pushed),
        "{push}"
    );
    a.sends(list).await;
    assert!(a.stanza("iq").await.contains(&item));
    let over_http = ana
        .get("/blacklists", &[("id", &ana.id), ("hash", "1")])
        .await
        .ok();
    assert!(over_http.to_string().contains(&bo.id), "{over_http}");
    // All or nothing.
    let strange = format!("{item}<item jid='bo@jabber.org'/>");
    for (items, condition) in [("", "bad-request"), (&strange, "item-not-found")] {
        a.sends(&order("block", items)).await;
        assert!(a.stanza("iq").await.contains(condition), "{items}");
    }
    house.nothing_happened().await;
    a.sends(&order("unblock", "")).await;
    let (push, result) = (a.stanza("iq").await, a.stanza("iq").await);
    let both = format!("{push}{result}");
    assert!(
        both.contains("<unblock ") && both.contains("type='result'"),
        "{both}"
    );
    assert_eq!(house.happened_types().await, ["block.unblocked.v1"]);
}

#[tokio::test]
async fn people_and_shops_have_cards_with_their_names() {
    let house = House::new().await;
    let shop = house.shop("Café <&>", 60.168, 24.938).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let own = String::new();
    for (to, says) in [
        (own, "<FN>ana</FN>".to_owned()),
        (bare(&bo), "<FN>bo</FN>".to_owned()),
        (
            format!("s{shop}@dface.cn"),
            "<FN>Café &lt;&amp;&gt;</FN>".to_owned(),
        ),
        (
            "0123456789abcdef01234567@dface.cn".into(),
            "<item-not-found ".into(),
        ),
    ] {
        let to = if to.is_empty() {
            to
        } else {
            format!(" to='{to}'")
        };
        a.sends(&format!(
            "<iq type='get' id='v'{to}><vCard xmlns='vcard-temp'/></iq>"
        ))
        .await;
        let card = a.stanza("iq").await;
        assert!(card.contains(&says), "{card}");
    }
    a.sends("<iq type='set' id='v'><vCard xmlns='vcard-temp'/></iq>")
        .await;
    assert!(a.stanza("iq").await.contains("<not-allowed "));
}
