//! XMPP over WebSockets, for clients in browsers (RFC 7395): the same conversation, an element a
//! message.

mod limits;

use crate::harness::{House, OPEN, WebChatter, bare};
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "xmpp");
const CLOSE: &str = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
const BIND: &str = "<iq xmlns='jabber:client' type='set' id='b'>\
    <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>web</resource></bind></iq>";

#[tokio::test]
async fn somebody_in_a_browser_talks_to_somebody_with_a_phone() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut stranger = WebChatter::connect(&house.base()).await;
    let features = stranger.opens().await;
    assert!(
        features.contains("<mechanism>PLAIN</mechanism>") && !features.contains("starttls"),
        "{features}"
    );
    let mut b = WebChatter::log_in(&house.base(), &bo).await;
    b.sends(BIND).await;
    let bound = b.hears().await;
    let jid = format!("{}/web", bare(&bo));
    assert!(
        bound.starts_with("<iq xmlns='jabber:client' ") && bound.contains(&jid),
        "{bound}"
    );
    b.sends("<presence xmlns='jabber:client'/>").await;
    let presence = b.hears().await;
    assert_eq!(
        presence,
        format!("<presence xmlns='jabber:client' from='{jid}' to='{jid}'></presence>")
    );
    let to = bare(&bo);
    a.sends(&format!(
        "<message type='chat' id='1' to='{to}'><body>one</body></message>\
         <message type='chat' id='2' to='{to}'><body>two</body></message>"
    ))
    .await;
    for (id, text) in [("1", "one"), ("2", "two")] {
        let heard = b.hears().await;
        let whole = format!(
            "<message xmlns='jabber:client' type='chat' id='{id}' from='{}' to='{to}'>\
             <body>{text}</body><stanza-id ",
            a.jid
        );
        assert!(heard.starts_with(&whole), "{heard}");
    }
    b.sends(&format!(
        "<message xmlns='jabber:client' type='chat' to='{}'><body>back</body></message>",
        bare(&ana)
    ))
    .await;
    a.receives("<body>back</body>").await;
    b.sends(CLOSE).await;
    assert_eq!(b.hears().await, CLOSE);
    assert!(matches!(b.hears_message().await, Some(Message::Close(_))));
}

#[tokio::test]
async fn what_is_not_one_whole_element_ends_the_stream() {
    let house = House::new().await;
    let long = format!("<a xmlns='b'>{}</a>", "x".repeat(11_000));
    for (message, condition) in [
        (Message::text("<auth xmlns='urn:a'>"), "not-well-formed"),
        (Message::text("<a xmlns='b'/><a xmlns='b'/>"), "bad-format"),
        (Message::text("<iq/>"), "invalid-namespace"),
        (Message::text("<!-- --><a xmlns='b'/>"), "restricted-xml"),
        (Message::text(OPEN), "bad-format"),
        (Message::binary(OPEN), "bad-format"),
        (Message::text(long), "policy-violation"),
        (
            Message::text("<iq xmlns='jabber:client'/>"),
            "not-authorized",
        ),
    ] {
        let mut chatter = WebChatter::connect(&house.base()).await;
        chatter.opens().await;
        chatter.sends_message(message).await;
        let error = format!(
            "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><{condition} \
             xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
        );
        assert_eq!(chatter.hears().await, error);
        assert_eq!(chatter.hears().await, CLOSE);
    }
    // Nothing comes before the stream is open; the error is told on one.
    let mut chatter = WebChatter::connect(&house.base()).await;
    chatter.sends("<iq xmlns='jabber:client'/>").await;
    assert!(chatter.hears().await.starts_with("<open "));
    assert!(chatter.hears().await.contains("<bad-format "));
    // What is far too long is not even read.
    let mut chatter = WebChatter::connect(&house.base()).await;
    chatter.opens().await;
    chatter.sends(&"x".repeat(1 << 20)).await;
    while chatter.hears_message().await.is_some() {}
    let ana = house.login("ana").await;
    house.online(&ana, "phone").await;
}

#[tokio::test]
async fn fragments_are_put_together_and_pings_answered() {
    let house = House::new().await;
    let mut chatter = WebChatter::connect(&house.base()).await;
    chatter.opens().await;
    let piece = |text: &'static str, code, last| {
        Message::Frame(Frame::message(text.as_bytes(), OpCode::Data(code), last))
    };
    chatter
        .sends_message(piece(
            "<auth xmlns='urn:ietf:params:xml:",
            Data::Text,
            false,
        ))
        .await;
    chatter.sends_message(Message::Ping("hello".into())).await;
    let pong = chatter.hears_message().await;
    assert_eq!(pong, Some(Message::Pong("hello".into())));
    chatter
        .sends_message(piece("ns:xmpp-sasl' mechanism='X'/>", Data::Continue, true))
        .await;
    let failure = chatter.hears().await;
    assert!(failure.contains("<invalid-mechanism/>"), "{failure}");
}

#[tokio::test]
async fn only_those_who_name_the_protocol_are_let_in() {
    let house = House::new().await;
    let status = async |headers: &[(&'static str, &str)]| {
        let Err(Error::Http(answer)) = WebChatter::connect_with(&house.base(), headers).await
        else {
            panic!("no answer of HTTP");
        };
        answer.status().as_u16()
    };
    assert_eq!(status(&[]).await, 400);
    assert_eq!(status(&[("sec-websocket-protocol", "mqtt")]).await, 400);
    // Any page may: passwords are in what is said.
    let origin = ("origin", "https://example.com");
    let chatter = WebChatter::connect_with(&house.base(), &[PROTOCOL, origin]).await;
    chatter.expect("a WebSocket").opens().await;
    let plain = house.get("/xmpp-websocket", &[]).await;
    assert!((400..500).contains(&plain.status), "{plain:?}");
}

#[tokio::test]
async fn a_proxy_that_is_not_known_must_not_carry_passwords() {
    let house = House::new().await;
    let forwarded = ("x-forwarded-for", "192.0.2.1");
    let chatter = WebChatter::connect_with(&house.base(), &[PROTOCOL, forwarded]).await;
    let mut chatter = chatter.expect("a WebSocket");
    let features = chatter.opens().await;
    assert!(!features.contains("mechanism"), "{features}");
    let auth = crate::harness::plain("502e6303421aa918ba000001", "secret");
    chatter
        .sends(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{auth}</auth>"
        ))
        .await;
    let failure = chatter.hears().await;
    assert!(failure.contains("<encryption-required/>"), "{failure}");
}

#[tokio::test]
async fn a_session_goes_on_over_a_websocket() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut b = house.chatter(&bo, "phone").await;
    b.sends("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        .await;
    b.receives(" id='").await;
    let id = b.receives("'").await;
    let id = id.trim_end_matches('\'').to_owned();
    b.comes().await;
    drop(b);
    a.sends(&format!(
        "<message type='chat' to='{}'><body>one</body></message>",
        bare(&bo)
    ))
    .await;
    a.is_answered().await;
    let mut b = WebChatter::log_in(&house.base(), &bo).await;
    b.sends(&format!(
        "<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='2'/>"
    ))
    .await;
    let resumed = format!("<resumed xmlns='urn:xmpp:sm:3' previd='{id}' h='2'/>");
    assert_eq!(b.hears().await, resumed);
    let message = b.hears().await;
    assert!(
        message.starts_with("<message xmlns='jabber:client' ")
            && message.contains("<body>one</body>"),
        "{message}"
    );
    assert_eq!(b.hears().await, "<r xmlns='urn:xmpp:sm:3'/>");
    // It ends with the house.
    let house = house.restart().await;
    assert!(b.hears().await.contains("<system-shutdown "));
    assert_eq!(b.hears().await, CLOSE);
    drop(house);
}

#[tokio::test]
async fn where_the_websocket_is_can_be_found() {
    let house = House::new().await;
    let place = house.base().replace("http://", "ws://");
    let link = format!("{place}/xmpp-websocket");
    let found = house.get("/.well-known/host-meta.json", &[]).await.ok();
    let relation = "urn:xmpp:alt-connections:websocket";
    crate::harness::same(&found, &json!({"links": [{"rel": relation, "href": link}]}));
    let found = house.get("/.well-known/host-meta", &[]).await;
    let link = format!("<Link rel='{relation}' href='{link}'/>");
    assert!(found.text().contains(&link), "{found:?}");
}
