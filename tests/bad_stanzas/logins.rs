//! Logins that do not keep to the order of things (RFC 6120 §6, §7).

use super::condition;
use crate::harness::{Chatter, HEADER, House, plain};

const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";

#[tokio::test]
async fn what_comes_too_early_or_twice_ends_the_stream() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let right = plain(&ana.id, &ana.password);
    let auth = format!("<auth xmlns='{SASL}' mechanism='PLAIN'>{right}</auth>");
    let bind = format!("<iq type='set' id='b'><bind xmlns='{BIND}'/></iq>");
    let session =
        "<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>";
    for (text, condition) in [
        // Before the login.
        (bind.clone(), "not-authorized"),
        (session.to_owned(), "not-authorized"),
        ("<presence/>".into(), "not-authorized"),
        // Logged in, and logging in again, within the new stream and before it.
        (format!("{auth}{HEADER}{auth}"), "not-authorized"),
        (format!("{auth}{auth}"), "invalid-namespace"),
        (format!("{auth}{bind}"), "invalid-namespace"),
        // Before the binding.
        (format!("{auth}{HEADER}{session}"), "not-authorized"),
        (format!("{auth}{HEADER}<presence/>"), "not-authorized"),
        (
            format!("{auth}{HEADER}<message to='dface.cn'/>"),
            "not-authorized",
        ),
        (
            format!("{auth}{HEADER}<starttls xmlns='{TLS}'/>"),
            "not-authorized",
        ),
        (format!("{auth}{HEADER}{HEADER}"), "restricted-xml"),
        (
            format!("{auth}{}", HEADER.replace("dface.cn", "jabber.org")),
            "host-unknown",
        ),
    ] {
        let mut client = Chatter::connect(house.xmpp_address()).await;
        client.sends(&format!("{HEADER}{text}")).await;
        let rest = client.rest().await;
        let error = format!("<stream:error><{condition} ");
        assert!(rest.contains(&error), "{text}: {rest}");
    }
    let mut a = house.online(&ana, "phone").await;
    assert_eq!(a.is_answered().await, "");
}

#[tokio::test]
async fn a_login_may_be_broken_off_and_begun_again() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let right = plain(&ana.id, &ana.password);
    let mut client = Chatter::connect(house.xmpp_address()).await;
    client.sends(HEADER).await;
    for (text, answer) in [
        (format!("<abort xmlns='{SASL}'/>"), "<aborted/></failure>"),
        (
            format!("<auth xmlns='{SASL}' mechanism='PLAIN'>=</auth>"),
            "<challenge ",
        ),
        (format!("<abort xmlns='{SASL}'/>"), "<aborted/></failure>"),
        (
            format!("<auth xmlns='{SASL}' mechanism='PLAIN'/>"),
            "<challenge ",
        ),
        (format!("<response xmlns='{SASL}'/>"), "</failure>"),
        (
            format!("<auth xmlns='{SASL}'/>"),
            "<invalid-mechanism/></failure>",
        ),
        (
            format!("<auth xmlns='{SASL}' mechanism='PLAIN'>{right}</auth>"),
            "<success ",
        ),
    ] {
        client.sends(&text).await;
        client.receives(answer).await;
    }
}

#[tokio::test]
async fn a_login_that_goes_nowhere_ends() {
    let house = House::new().await;
    for text in [
        format!("<abort xmlns='{SASL}'/>"),
        format!("<success xmlns='{SASL}'/>"),
        format!("<response xmlns='{SASL}'>AAAA</response>"),
        format!("<auth xmlns='{SASL}' mechanism='PLAIN'>\u{fffd}</auth>"),
        format!(
            "<auth xmlns='{SASL}' mechanism='PLAIN'>{}</auth>",
            "A".repeat(9_000)
        ),
        format!("<auth xmlns='{SASL}' mechanism='{}'/>", "X".repeat(8_000)),
    ] {
        let mut client = Chatter::connect(house.xmpp_address()).await;
        client.sends(HEADER).await;
        client.pours(&text.repeat(5)).await;
        let rest = client.rest().await;
        assert_eq!(rest.matches("<failure ").count(), 5, "{text:.80}: {rest}");
        assert!(rest.contains("<policy-violation "), "{rest}");
    }
}

#[tokio::test]
async fn one_binds_once_and_under_a_name_that_is_one() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let mut a = Chatter::connect(house.xmpp_address()).await;
    a.begin(&ana.id, &ana.password).await;
    let bind = |kind: &str, resource: &str| {
        format!(
            "<iq type='{kind}' id='b'><bind xmlns='{BIND}'><resource>{resource}</resource></bind></iq>"
        )
    };
    for (kind, resource) in [
        ("set", &*"x".repeat(1_100)),
        ("set", "a\u{202e}b\u{7}".trim_end_matches('\u{7}')),
        ("get", "phone"),
        ("result", "phone"),
    ] {
        a.sends(&bind(kind, resource)).await;
        if kind == "result" {
            // Which is no question, and so has no answer.
            continue;
        }
        let answer = a.stanza("iq").await;
        assert_eq!(condition(&answer), "bad-request", "{kind} {resource:.40}");
    }
    a.sends(&bind("set", "\u{624b}\u{673a} &lt;&apos;&gt;"))
        .await;
    let bound = a.stanza("iq").await;
    let jid = format!(
        "<jid>{}@dface.cn/\u{624b}\u{673a} &lt;&apos;&gt;</jid>",
        ana.id
    );
    assert!(bound.contains(&jid), "{bound}");
    a.sends(&bind("set", "tablet")).await;
    assert_eq!(condition(&a.stanza("iq").await), "not-allowed");
    // Two with the same name cannot be: the second ends the first.
    let mut first = house.online(&ana, "phone").await;
    let mut second = house.online(&ana, "phone").await;
    first.receives("<conflict ").await;
    second.is_answered().await;
}

#[tokio::test]
async fn tls_begins_once_and_with_nothing_before_its_time() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let start = format!("<starttls xmlns='{TLS}'/>");
    let auth = plain(&ana.id, &ana.password);
    let auth = format!("<auth xmlns='{SASL}' mechanism='PLAIN'>{auth}</auth>");
    for behind in [&auth, HEADER, " ", "<", "\u{16}\u{3}\u{1}"] {
        let mut client = Chatter::connect(house.xmpp_address()).await;
        client.sends(HEADER).await;
        client.receives("</stream:features>").await;
        client.sends(&format!("{start}{behind}")).await;
        let rest = client.rest().await;
        for success in ["success", "<stream:features>", "failure"] {
            assert!(!rest.contains(success), "{behind}: {rest}");
        }
    }
    // No TLS at all.
    let mut client = Chatter::connect(house.xmpp_address()).await;
    client.sends(HEADER).await;
    client.sends(&start).await;
    client.receives("<proceed ").await;
    client.sends(&format!("{HEADER}{auth}")).await;
    assert!(!client.rest().await.contains("success"));
    // And TLS within TLS.
    let mut client = Chatter::connect(house.xmpp_address()).await;
    client.sends(HEADER).await;
    client.receives("</stream:features>").await;
    client.sends(&start).await;
    client.receives("<proceed ").await;
    client.receives("/>").await;
    let mut client = client.starts_tls().await;
    client.sends(&format!("{HEADER}{start}")).await;
    let rest = client.rest().await;
    assert!(
        rest.contains(&format!("<failure xmlns='{TLS}'/>")),
        "{rest}"
    );
}
