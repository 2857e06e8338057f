//! Bytes that are no stream of stanzas, from strangers and from members.

use crate::harness::{Chatter, HEADER, House};
use std::time::Duration;

/// What a stream of `bytes` behind a header ends with.
async fn end_of(mut client: Chatter, bytes: &[u8]) -> String {
    client.sends_bytes(bytes).await;
    client.rest().await
}

#[tokio::test]
async fn what_is_no_xml_ends_the_stream_before_and_after_the_login() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let bo = house.login("bo").await;
    let mut b = house.online(&bo, "phone").await;
    for (bytes, condition) in [
        (&b"<a>\xc0\x80</a>"[..], "not-well-formed"),
        (b"<a>\xed\xa0\x80</a>", "not-well-formed"),
        (b"<a>\xf4\x90\x80\x80</a>", "not-well-formed"),
        (b"<a>\xe4</a>", "not-well-formed"),
        (b"<a b='\xff'/>", "not-well-formed"),
        (b"<a>\0</a>", "not-well-formed"),
        (b"<a>&#0;</a>", "not-well-formed"),
        (b"<a>&#xd800;</a>", "not-well-formed"),
        (b"<a>&#x110000;</a>", "not-well-formed"),
        (b"<a b='c' b='d'/>", "not-well-formed"),
        (b"<a b=c/>", "not-well-formed"),
        (b"<a b='<'/>", "not-well-formed"),
        (b"<1/>", "not-well-formed"),
        (b"<a>]]></a>", "not-well-formed"),
        (b"</a>", "not-well-formed"),
        (b"<a:b/>", "bad-namespace-prefix"),
        (b"<a b:c=''/>", "bad-namespace-prefix"),
        (
            b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'>",
            "restricted-xml",
        ),
        (
            b"<!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;'>]>",
            "restricted-xml",
        ),
        (b"<a>&lol;</a>", "restricted-xml"),
        (b"<a b='&lol;'/>", "restricted-xml"),
        (b"<a><!-- hello --></a>", "restricted-xml"),
        (b"<a><?php ?></a>", "restricted-xml"),
        (b"text", "bad-format"),
        // A stream within the stream.
        (HEADER.as_bytes(), "restricted-xml"),
    ] {
        let shown = String::from_utf8_lossy(bytes).into_owned();
        let mut stranger = Chatter::connect(house.xmpp_address()).await;
        stranger.sends(HEADER).await;
        let member = house.online(&ana, "phone").await;
        for client in [stranger, member] {
            let rest = end_of(client, bytes).await;
            let error = format!("<stream:error><{condition} ");
            assert!(rest.contains(&error), "{shown}: {rest:.400}");
            assert!(rest.ends_with("</stream:stream>"), "{shown}: {rest:.400}");
        }
    }
    assert_eq!(b.is_answered().await, "");
}

#[tokio::test]
async fn a_stanza_of_a_member_is_deep_and_long_to_a_limit() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let deep = "<a>".repeat(4_000);
    let attributes: String = (0..20_000).map(|n| format!(" a{n}=''")).collect();
    for bytes in [
        deep,
        format!("<message>{}", "<a>".repeat(64)),
        format!("<message><body>{}", "x".repeat(1 << 20)),
        format!("<message{attributes}/>"),
        format!("<message a='{}'/>", "x".repeat(1 << 17)),
        format!("<{}/>", "n".repeat(1 << 17)),
    ] {
        let client = house.online(&ana, "phone").await;
        let rest = end_of(client, bytes.as_bytes()).await;
        let refused = ["policy-violation", "not-well-formed"]
            .iter()
            .any(|condition| rest.contains(&format!("<stream:error><{condition} ")));
        assert!(refused, "{bytes:.40}: {rest:.400}");
    }
    // White space is none, and what is short of the limits is sound.
    let mut client = house.online(&ana, "phone").await;
    client.sends(&" \n".repeat(200_000)).await;
    let nested = format!("{}{}", "<a>".repeat(60), "</a>".repeat(60));
    client.sends(&format!("<message>{nested}</message>")).await;
    client.receives(&nested.replace("<a></a>", "<a/>")).await;
    client
        .sends(&format!(
            "<iq type='result' id='x'><a>{}</a></iq>",
            "x".repeat(60_000)
        ))
        .await;
    assert_eq!(client.is_answered().await, "</message>");
}

#[tokio::test]
async fn what_is_said_in_another_namespace_is_not_said() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let mut a = house.online(&ana, "phone").await;
    house.happened().await;
    a.sends(
        "<message xmlns='jabber:server'><body>hi</body></message>\
         <message xmlns=''><body>hi</body></message>\
         <message><body xmlns='urn:x'>hi</body></message>\
         <iq xmlns='jabber:component:accept' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
    )
    .await;
    // The third has no body that means anything, and is for its sender.
    let heard = a.is_answered().await;
    assert!(heard.contains("<body xmlns='urn:x'>hi</body>"), "{heard}");
    assert_eq!(heard.matches("hi").count(), 1, "{heard}");
    house.nothing_happened().await;
    a.sends("<query xmlns='jabber:client'/>").await;
    assert!(a.rest().await.contains("<unsupported-stanza-type "));
}

#[tokio::test]
async fn whoever_sends_a_byte_now_and_then_is_shown_out_in_time() {
    let house = House::with_xmpp(|settings| {
        settings.login_limit = Duration::from_millis(400);
    })
    .await;
    let mut slow = Chatter::connect(house.xmpp_address()).await;
    // Every byte is news, and none of them puts the end off.
    for byte in HEADER.bytes() {
        slow.sends_bytes(&[byte]).await;
        let _ = tokio::time::timeout(Duration::from_millis(20), slow.hangs_up()).await;
        if slow.has_heard("</stream:stream>") {
            break;
        }
    }
    let rest = slow.rest().await;
    assert!(rest.contains("<connection-timeout "), "{rest}");
}

#[tokio::test]
async fn a_connection_that_is_closed_on_one_side_ends() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut stranger = Chatter::connect(house.xmpp_address()).await;
    stranger.sends(HEADER).await;
    stranger.says_no_more().await;
    stranger.rest().await;
    // Whoever was logged in is gone for the others, too.
    let mut other = house.online(&ana, "tablet").await;
    let mut half = house.online(&ana, "phone").await;
    other.receives("/phone' ").await;
    half.says_no_more().await;
    half.rest().await;
    let gone = other.receives("<presence type='unavailable' ").await;
    assert!(!gone.contains("<stream:error>"), "{gone}");
    let mut b = house.online(&bo, "phone").await;
    assert_eq!(b.is_answered().await, "");
}
