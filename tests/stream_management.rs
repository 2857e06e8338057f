//! Sessions that outlive their connections, and messages that leave the inbox when the client says
//! that they have come (XEP-0198).

mod endings;
mod inbox;

use crate::harness::{Chatter, House, Phone, bare, eventually};
use std::time::Duration;

const ASK: &str = "<r xmlns='urn:xmpp:sm:3'/>";

/// Turns management on; by what the session may be resumed.
async fn enable(chatter: &mut Chatter) -> String {
    chatter
        .sends("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        .await;
    chatter
        .receives("<enabled xmlns='urn:xmpp:sm:3' id='")
        .await;
    let id = chatter.receives("'").await;
    chatter.receives(" resume='true' max='60'/>").await;
    id.trim_end_matches('\'').to_owned()
}

/// Somebody who is there, under management; the presences that came with it have been acknowledged.
async fn managed(house: &House, phone: &Phone, resource: &str) -> (Chatter, String) {
    let mut chatter = house.chatter(phone, resource).await;
    let id = enable(&mut chatter).await;
    chatter.comes().await;
    (chatter, id)
}

/// A new connection on which somebody has logged in.
async fn logged_in(house: &House, phone: &Phone) -> Chatter {
    let mut chatter = Chatter::connect(house.xmpp_address()).await;
    chatter.begin(&phone.id, &phone.password).await;
    chatter
}

/// A new connection goes on with a session, that of a phone, of which `h` stanzas have come; how many of its own
/// were dealt with.
async fn resume(house: &House, phone: &Phone, id: &str, h: u32) -> (Chatter, u32) {
    let mut chatter = logged_in(house, phone).await;
    chatter.jid = format!("{}/phone", bare(phone));
    asks_for(&mut chatter, id, h).await;
    chatter
        .receives(&format!("<resumed xmlns='urn:xmpp:sm:3' previd='{id}' h='"))
        .await;
    let handled = chatter.receives("'/>").await;
    let handled = handled.trim_end_matches("'/>").parse().expect("a number");
    (chatter, handled)
}

async fn asks_for(chatter: &mut Chatter, id: &str, h: u32) {
    let resume = format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='{h}'/>");
    chatter.sends(&resume).await;
}

/// The session cannot be resumed any more.
async fn is_over(house: &House, phone: &Phone, id: &str) {
    eventually("the session is over", async || {
        let mut chatter = logged_in(house, phone).await;
        asks_for(&mut chatter, id, 0).await;
        // The one or the other comes.
        let answer = chatter.receives("/>").await;
        // Where it can be, it stays so.
        answer.contains("<item-not-found ").then_some(())
    })
    .await;
}

async fn says(from: &mut Chatter, to: &str, text: &str) {
    from.sends(&format!(
        "<message type='chat' to='{to}'><body>{text}</body></message>"
    ))
    .await;
    from.is_answered().await;
}

async fn acknowledges(chatter: &mut Chatter, h: u32) {
    let answer = format!("<a xmlns='urn:xmpp:sm:3' h='{h}'/>");
    chatter.sends(&answer).await;
}

/// The bodies of all messages in what was heard.
fn bodies(heard: &str) -> Vec<&str> {
    let pieces = heard.split("<body>").skip(1);
    pieces.filter_map(|piece| piece.split('<').next()).collect()
}

#[tokio::test]
async fn each_side_says_what_has_come_when_it_is_asked() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.chatter(&ana, "phone").await;
    let mut b = house.online(&bo, "phone").await;
    enable(&mut a).await;
    a.sends(ASK).await;
    a.receives("<a xmlns='urn:xmpp:sm:3' h='0'/>").await;
    // Two stanzas, one of which is refused: both were dealt with.
    a.sends(&format!(
        "<message type='chat' to='{}'><body>hi</body></message>\
         <message type='chat' to='x@jabber.org'><body>hi</body></message>{ASK}",
        bare(&bo)
    ))
    .await;
    let heard = a.receives("<a xmlns='urn:xmpp:sm:3' h='2'/>").await;
    assert!(heard.contains("<remote-server-not-found "), "{heard}");
    if !heard.contains(ASK) {
        a.receives(ASK).await;
    }
    acknowledges(&mut a, 1).await;
    // It is asked once for all that came at once, and not while it owes an answer.
    let to = a.jid.clone();
    says(&mut b, &to, "one").await;
    a.receives("<body>one</body>").await;
    a.receives(ASK).await;
    for text in ["two", "three"] {
        says(&mut b, &to, text).await;
    }
    a.receives("<body>three</body>").await;
    let heard = a.is_answered().await;
    assert!(!heard.contains(ASK), "{heard}");
    acknowledges(&mut a, 5).await;
    assert_eq!(a.is_answered().await, "");
    a.receives(ASK).await;
}

#[tokio::test]
async fn a_broken_connection_is_followed_by_one_that_gets_exactly_what_had_not_come() {
    let house = House::new().await;
    let shop = house.shop("Ekberg", 60.168, 24.938).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let (mut b, id) = managed(&house, &bo, "phone").await;
    let room = format!("{shop}@c.dface.cn");
    for (one, phone) in [(&mut a, &ana), (&mut b, &bo)] {
        one.sends(&format!(
            "<presence to='{room}/{}'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
            phone.id
        ))
        .await;
        one.receives("<subject></subject></message>").await;
        one.is_answered().await;
    }
    a.receives(&format!("from='{room}/{}'", bo.id)).await;
    let to = bare(&bo);
    says(&mut a, &to, "one").await;
    b.receives("<body>one</body>").await;
    let heard = b.is_answered().await;
    assert!(bodies(&heard).is_empty(), "{heard}");
    says(&mut a, &to, "two").await;
    b.receives("<body>two</body>").await;
    drop(b);

    says(&mut a, &to, "three").await;
    a.sends(&format!(
        "<message type='groupchat' id='r' to='{room}'><body>room</body></message>"
    ))
    .await;
    a.receives("<body>room</body>").await;
    says(&mut a, &to, "four").await;
    let heard = a.is_answered().await;
    assert!(!heard.contains("unavailable"), "nobody has left: {heard}");

    // What it was sent in all: its presence, an answer, two presences in the room, the subject, an
    // answer, `one`, and an answer.
    let (mut b, handled) = resume(&house, &bo, &id, 8).await;
    assert_eq!(handled, 5, "two presences and three pings");
    let heard = b.receives("<body>four</body>").await;
    assert_eq!(bodies(&heard), ["two", "three", "room", "four"]);
    assert!(!heard.contains("<delay "), "as they came: {heard}");
    b.receives(ASK).await;
    acknowledges(&mut b, 12).await;
    // It is still in the room, and goes on.
    b.sends(&format!(
        "<message type='groupchat' id='s' to='{room}'><body>back</body></message>"
    ))
    .await;
    a.receives("<body>back</body>").await;
    b.receives("<body>back</body>").await;
    b.receives(ASK).await;
    acknowledges(&mut b, 13).await;
    b.is_answered().await;
    b.goes().await;
    let mut b = house.online(&bo, "phone").await;
    assert!(bodies(&b.is_answered().await).is_empty(), "all have come");
}

#[tokio::test]
async fn a_connection_that_seems_to_live_is_left_to_the_one_that_resumes() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let (b, id) = managed(&house, &bo, "phone").await;
    says(&mut a, &bare(&bo), "one").await;
    let (mut again, _) = resume(&house, &bo, &id, 2).await;
    again.receives("<body>one</body>").await;
    let rest = b.rest().await;
    assert!(
        rest.contains("<conflict ") && !rest.contains("resumed"),
        "{rest}"
    );
    says(&mut a, &bare(&bo), "two").await;
    again.receives("<body>two</body>").await;
    // And once more.
    drop(again);
    let (mut third, _) = resume(&house, &bo, &id, 3).await;
    let heard = third.receives("<body>two</body>").await;
    assert_eq!(bodies(&heard), ["two"]);
}

#[tokio::test]
async fn what_is_asked_at_the_wrong_time_fails_and_the_stream_goes_on() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let (b, of_bo) = managed(&house, &bo, "phone").await;
    let failed = |condition: &str| {
        format!(
            "<failed xmlns='urn:xmpp:sm:3'><{condition} \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
        )
    };
    let enable_again = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";
    let mut a = Chatter::connect(house.xmpp_address()).await;
    a.sends(crate::harness::HEADER).await;
    a.sends(enable_again).await;
    a.receives(&failed("unexpected-request")).await;
    let mut a = logged_in(&house, &ana).await;
    for (text, condition) in [
        (enable_again.to_owned(), "unexpected-request"),
        (
            "<resume xmlns='urn:xmpp:sm:3' h='0'/>".into(),
            "bad-request",
        ),
        (
            format!("<resume xmlns='urn:xmpp:sm:3' previd='{of_bo}' h='-1'/>"),
            "bad-request",
        ),
        (
            "<resume xmlns='urn:xmpp:sm:3' previd='' h='0'/>".into(),
            "item-not-found",
        ),
        (
            format!("<resume xmlns='urn:xmpp:sm:3' previd='{of_bo}' h='0'/>"),
            "item-not-found",
        ),
    ] {
        a.sends(&text).await;
        let heard = a.receives("</failed>").await;
        assert_eq!(heard, failed(condition), "{text}");
    }
    a.bind("phone").await;
    let id = enable(&mut a).await;
    for text in [
        enable_again.to_owned(),
        format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/>"),
    ] {
        a.sends(&text).await;
        a.receives(&failed("unexpected-request")).await;
    }
    a.is_answered().await;
    // Bo has noticed nothing of it.
    drop(b);
    resume(&house, &bo, &of_bo, 0).await;
}

#[tokio::test]
async fn whoever_acknowledges_more_than_was_sent_is_shown_out() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let too_high = "<undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                    <handled-count-too-high xmlns='urn:xmpp:sm:3' h='9' send-count='2'/>";
    let (mut a, id) = managed(&house, &ana, "phone").await;
    acknowledges(&mut a, 9).await;
    let rest = a.rest().await;
    assert!(rest.contains(too_high), "{rest}");
    is_over(&house, &ana, &id).await;
    let (a, id) = managed(&house, &ana, "phone").await;
    drop(a);
    let mut again = logged_in(&house, &ana).await;
    asks_for(&mut again, &id, 9).await;
    let rest = again.rest().await;
    assert!(
        rest.contains(too_high) && !rest.contains("resumed"),
        "{rest}"
    );
    let (mut a, _) = managed(&house, &ana, "phone").await;
    a.sends("<a xmlns='urn:xmpp:sm:3' h='many'/>").await;
    assert!(a.rest().await.contains("<bad-format "));
}
