//! Talking to one person over XMPP (seed §28): stored before it is seen, in order, once.

mod copies;
mod inbox;
mod kicked;
mod killed;

use crate::harness::{House, bare};
use serde_json::json;

#[tokio::test]
async fn what_one_says_the_other_hears_word_for_word() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut b = house.online(&bo, "tablet").await;
    house.happened().await;
    let inside = "<body>你好 &lt;&amp;&gt; 🌊</body><request xmlns='urn:xmpp:receipts'/>\
                  <x xmlns='jabber:x:event'><delivered/></x>";
    let (from, to) = (&a.jid.clone(), bare(&bo));
    a.sends(&format!(
        "<message type='chat' id='m1' from='spoofed@dface.cn' to='{to}'>{inside}</message>"
    ))
    .await;
    let heard = b.stanza("message").await;
    let place = house.head().await.0;
    let stamped = format!("<stanza-id xmlns='urn:xmpp:sid:0' by='{to}' id='{place}'/>");
    assert_eq!(
        heard,
        format!("<message type='chat' id='m1' from='{from}' to='{to}'>{inside}{stamped}</message>")
    );
    // The same name from either side.
    let stream = if ana.id < bo.id {
        "chat-<ana>-<bo>"
    } else {
        "chat-<bo>-<ana>"
    };
    crate::harness::same(
        &house.happened().await,
        &json!([{
            "stream": stream,
            "type": "chat.message-sent.v1",
            "data": {
                "from": "<ana>",
                "from_resource": "phone",
                "to": "<bo>",
                "id": "m1",
                "body": "你好 <&> 🌊",
                "children": "<request xmlns='urn:xmpp:receipts'/>\
                             <x xmlns='jabber:x:event'><delivered/></x>",
            },
        }]),
    );
}

#[tokio::test]
async fn many_messages_keep_their_order() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut b = house.online(&bo, "phone").await;
    let mut all = String::new();
    for n in 0..200 {
        all.push_str(&format!(
            "<message type='chat' id='m{n}' to='{}'><body>{n}</body></message>",
            bare(&bo)
        ));
    }
    a.sends(&all).await;
    for n in 0..200 {
        let message = b.stanza("message").await;
        assert!(
            message.contains(&format!("<body>{n}</body>")),
            "{n}: {message}"
        );
    }
    assert_eq!(b.is_answered().await, "");
}

#[tokio::test]
async fn what_becomes_of_many_messages_at_once_is_told_in_their_order() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut b = house.online(&bo, "phone").await;
    let to = bare(&bo);
    let nobody = "50e6303421aa918ba0000001@dface.cn";
    let says = |to: &str, n: usize| {
        format!("<message type='chat' id='m{n}' to='{to}'><body>{n}</body></message>")
    };
    let mut all = String::new();
    for n in 0..50 {
        all += &says(if n % 5 == 4 { nobody } else { &to }, n);
    }
    all += "<iq type='get' id='last' to='dface.cn'><ping xmlns='urn:xmpp:ping'/></iq>";
    a.sends(&all).await;
    for n in (0..50).filter(|n| n % 5 == 4) {
        let error = a.stanza("message").await;
        assert!(
            error.contains("type='error'") && error.contains(&format!("id='m{n}'")),
            "{error}"
        );
    }
    // By now everything that was said before is on disk.
    assert!(a.stanza("iq").await.contains("id='last'"));
    let happened = house.happened_types().await;
    let said = happened
        .iter()
        .filter(|name| *name == "chat.message-sent.v1");
    assert_eq!(said.count(), 40);
    for n in (0..50).filter(|n| n % 5 != 4) {
        let message = b.stanza("message").await;
        assert!(
            message.contains(&format!("<body>{n}</body>")),
            "{n}: {message}"
        );
    }
}

#[tokio::test]
async fn all_of_a_persons_connections_hear_and_one_that_is_named_hears_alone() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut phone = house.online(&bo, "phone").await;
    let mut tablet = house.online(&bo, "tablet").await;
    // It has not said that it is there, and hears only what is for it alone.
    let mut quiet = house.chatter(&bo, "quiet").await;
    phone.is_answered().await;
    a.sends(&format!(
        "<message type='chat' to='{}'><body>all</body></message>",
        bare(&bo)
    ))
    .await;
    for b in [&mut phone, &mut tablet] {
        assert!(b.stanza("message").await.contains("<body>all</body>"));
    }
    let to = quiet.jid.clone();
    a.sends(&format!(
        "<message type='chat' to='{to}'><body>alone</body></message>"
    ))
    .await;
    let alone = quiet.stanza("message").await;
    assert!(alone.contains("<body>alone</body>"), "{alone}");
    assert!(alone.contains(&format!("to='{to}'")), "{alone}");
    assert_eq!(quiet.is_answered().await, "");
    assert_eq!(phone.is_answered().await, "");
    assert_eq!(tablet.is_answered().await, "");
    // Once it has gone, its messages are everybody's.
    quiet.goes().await;
    a.sends(&format!(
        "<message type='chat' to='{to}'><body>gone</body></message>"
    ))
    .await;
    for b in [&mut phone, &mut tablet] {
        assert!(b.stanza("message").await.contains("<body>gone</body>"));
    }
}

#[tokio::test]
async fn notices_without_a_body_pass_by_the_log() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut b = house.online(&bo, "phone").await;
    house.happened().await;
    let delivered = "<x xmlns='jabber:x:event'><delivered/><id>m1</id></x>";
    let typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
    for (to, inside) in [(bare(&bo), delivered), (b.jid.clone(), typing)] {
        a.sends(&format!("<message to='{to}'>{inside}</message>"))
            .await;
        let message = b.stanza("message").await;
        assert!(message.contains(inside), "{message}");
        assert!(message.contains(&format!("from='{}'", a.jid)), "{message}");
    }
    house.nothing_happened().await;
    let displayed = "<x xmlns='jabber:x:event'><displayed/><id>m1</id></x>";
    a.sends(&format!(
        "<message to='{}'>{displayed}</message>",
        bare(&bo)
    ))
    .await;
    assert!(b.stanza("message").await.contains(displayed));
    assert_eq!(
        house.happened_types().await,
        ["inbox.message-displayed.v1"],
        "that somebody looked is worth keeping"
    );
}

#[tokio::test]
async fn what_cannot_be_delivered_is_answered() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let mut a = house.online(&ana, "phone").await;
    house.happened().await;
    for (to, kind, condition) in [
        (
            "0123456789abcdef01234567@dface.cn",
            "chat",
            "service-unavailable",
        ),
        ("root@dface.cn", "chat", "service-unavailable"),
        ("s77@dface.cn", "chat", "service-unavailable"),
        ("dface.cn", "chat", "service-unavailable"),
        ("ana@jabber.org", "chat", "remote-server-not-found"),
        ("a@b@c", "chat", "jid-malformed"),
        ("lobby@c.dface.cn", "groupchat", "item-not-found"),
        ("77@c.dface.cn", "groupchat", "item-not-found"),
    ] {
        a.sends(&format!(
            "<message type='{kind}' id='x' to='{to}'><body>hi</body></message>"
        ))
        .await;
        let error = a.stanza("message").await;
        assert!(
            error.starts_with(&format!("<message type='error' id='x' from='{to}'")),
            "{to}: {error}"
        );
        assert!(error.contains(&format!("<{condition} ")), "{to}: {error}");
    }
    let long = "x".repeat(20_000);
    a.sends(&format!(
        "<message type='chat' to='{}'><body>{long}</body></message>",
        bare(&ana)
    ))
    .await;
    assert!(a.stanza("message").await.contains("<not-acceptable "));
    // An error is not answered with one.
    a.sends("<message type='error' to='root@dface.cn'/>").await;
    assert_eq!(a.is_answered().await, "");
    house.nothing_happened().await;
}

#[tokio::test]
async fn one_may_talk_to_oneself() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let mut phone = house.online(&ana, "phone").await;
    phone
        .sends("<message type='chat' id='1'><body>milk</body></message>")
        .await;
    let note = phone.stanza("message").await;
    assert!(note.contains("<body>milk</body>"), "{note}");
}

#[tokio::test]
async fn the_same_message_again_is_not_shown_again() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut b = house.online(&bo, "phone").await;
    let again = format!(
        "<message type='chat' id='1' to='{}'><body>hi</body></message>",
        bare(&bo)
    );
    for _ in 0..3 {
        // From a new connection each time, as after a bad one.
        let mut a = house.online(&ana, "phone").await;
        a.sends(&again).await;
        a.is_answered().await;
        a.goes().await;
    }
    assert!(b.stanza("message").await.contains("<body>hi</body>"));
    assert_eq!(b.is_answered().await, "");
}

#[tokio::test]
async fn whoever_is_on_the_blacklist_is_not_heard_live_or_later() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    bo.post(
        "/blacklists",
        &[("user_id", &bo.id), ("block_id", &ana.id), ("report", "0")],
    )
    .await
    .ok();
    let mut a = house.online(&ana, "phone").await;
    let mut b = house.online(&bo, "phone").await;
    let says = |text: &str| {
        format!(
            "<message type='chat' to='{}'><body>{text}</body></message>",
            bare(&bo)
        )
    };
    a.sends(&says("live")).await;
    a.sends(&format!(
        "<message to='{}'><x xmlns='jabber:x:event'/></message>",
        b.jid
    ))
    .await;
    assert_eq!(a.is_answered().await, "");
    assert_eq!(b.is_answered().await, "");
    b.goes().await;
    a.sends(&says("later")).await;
    assert_eq!(a.is_answered().await, "");
    let mut b = house.online(&bo, "phone").await;
    assert_eq!(b.is_answered().await, "");
    bo.post(
        "/blacklists/delete",
        &[("user_id", &bo.id), ("block_id", &ana.id)],
    )
    .await
    .ok();
    a.sends(&says("again")).await;
    assert!(b.stanza("message").await.contains("<body>again</body>"));
}
