//! Messages to somebody who is away (DESIGN §6): they wait, in order, until they have arrived.

use crate::harness::{Chatter, House, MINUTE, Phone, Stores, bare, eventually, settings};

/// `from` says `texts`, one after the other.
async fn say(from: &mut Chatter, to: &Phone, texts: &[&str]) {
    for text in texts {
        from.sends(&format!(
            "<message type='chat' id='{text}' to='{}'><body>{text}</body></message>",
            bare(to)
        ))
        .await;
    }
    assert_eq!(from.is_answered().await, "");
}

/// The bodies of all messages in what was heard.
fn bodies(heard: &str) -> Vec<&str> {
    let pieces = heard.split("<body>").skip(1);
    pieces.filter_map(|piece| piece.split('<').next()).collect()
}

#[tokio::test]
async fn messages_wait_and_come_once_in_order_with_their_time() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    say(&mut a, &bo, &["one", "two"]).await;
    house.clock.pass(MINUTE);
    say(&mut a, &bo, &["three"]).await;

    let mut b = house.chatter(&bo, "phone").await;
    assert_eq!(
        b.is_answered().await,
        "",
        "nobody has said that they are there"
    );
    b.sends("<presence><priority>-1</priority></presence>")
        .await;
    assert!(
        !b.is_answered().await.contains("<message"),
        "nor wants messages"
    );
    b.sends("<presence/>").await;
    let first = b.stanza("message").await;
    assert!(
        first.starts_with("<message type='chat' id='one' "),
        "{first}"
    );
    let stamps = "<delay xmlns='urn:xmpp:delay' from='dface.cn' stamp='2012-09-22T06:24:00.000Z'/>\
                  <x xmlns='jabber:x:delay' from='dface.cn' stamp='20120922T06:24:00'/>";
    assert!(first.contains(stamps), "{first}");
    b.stanza("message").await;
    let third = b.stanza("message").await;
    assert!(
        third.contains("stamp='2012-09-22T06:25:00.000Z'"),
        "{third}"
    );
    say(&mut a, &bo, &["live"]).await;
    let live = b.stanza("message").await;
    assert!(
        live.contains("<body>live</body>") && !live.contains("delay"),
        "{live}"
    );
    assert!(!b.goes().await.contains("<message"));

    let mut b = house.online(&bo, "phone").await;
    assert_eq!(b.is_answered().await, "", "all have arrived");
}

#[tokio::test]
async fn what_was_on_its_way_when_the_connection_broke_comes_again() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut b = house.online(&bo, "phone").await;
    say(&mut a, &bo, &["one"]).await;
    b.stanza("message").await;
    // Any stanza shows that it lives, so this one has arrived.
    b.is_answered().await;
    say(&mut a, &bo, &["two", "three"]).await;
    b.stanza("message").await;
    b.stanza("message").await;
    drop(b);

    let mut b = house.chatter(&bo, "phone").await;
    b.sends("<presence/>").await;
    b.receives("<body>two</body>").await;
    b.receives("<body>three</body>").await;
    assert!(bodies(&b.is_answered().await).is_empty());
    b.goes().await;
    let mut b = house.online(&bo, "phone").await;
    assert!(bodies(&b.is_answered().await).is_empty());
}

#[tokio::test]
async fn a_second_connection_is_not_told_again_what_the_first_has_heard() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut phone = house.online(&bo, "phone").await;
    say(&mut a, &bo, &["one"]).await;
    phone.stanza("message").await;
    phone.is_answered().await;
    let mut tablet = house.online(&bo, "tablet").await;
    assert!(bodies(&tablet.is_answered().await).is_empty());
    // Going away and coming back is no new login.
    phone.sends("<presence type='unavailable'/>").await;
    say(&mut a, &bo, &["two"]).await;
    tablet.stanza("message").await;
    tablet.is_answered().await;
    phone.sends("<presence/>").await;
    assert!(bodies(&phone.is_answered().await).is_empty());
}

#[tokio::test]
async fn an_inbox_is_longer_than_what_is_written_at_once() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    // More than may wait for one connection.
    let padding = "x".repeat(8_000);
    for n in 0..120 {
        a.sends(&format!(
            "<message type='chat' to='{}'><body>{n} {padding}</body></message>",
            bare(&bo)
        ))
        .await;
    }
    a.is_answered().await;
    let mut b = house.chatter(&bo, "phone").await;
    b.sends("<presence/>").await;
    for n in 0..120 {
        let message = b.stanza("message").await;
        assert!(
            message.contains(&format!("<body>{n} x")),
            "{n}: {message:.300}"
        );
    }
    assert!(bodies(&b.is_answered().await).is_empty());
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_between_the_inbox_and_what_comes_live() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut next = 0;
    for round in 0..8 {
        let to = bare(&bo);
        let from = next;
        let talking = async {
            for n in from..from + 40 {
                a.sends(&format!(
                    "<message type='chat' id='m{n}' to='{to}'><body>{n}</body></message>"
                ))
                .await;
            }
            a.is_answered().await;
        };
        let coming = async {
            let mut b = house.chatter(&bo, "phone").await;
            b.sends("<presence/>").await;
            b
        };
        let ((), mut b) = tokio::join!(talking, coming);
        for n in from..from + 40 {
            let message = b.stanza("message").await;
            let body = format!("<body>{n}</body>");
            assert!(message.contains(&body), "{round}: {n}: {message}");
        }
        next += 40;
        assert!(bodies(&b.goes().await).is_empty(), "{round}");
    }
}

#[tokio::test]
async fn an_inbox_that_is_full_says_so_to_the_sender() {
    let house = House::with_xmpp(|settings| settings.inbox_limit = 3).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut refused = None;
    for n in 0..1_000 {
        // The count follows a moment behind.
        a.sends(&format!(
            "<message type='chat' id='{n}' to='{}'><body>hi</body></message>",
            bare(&bo)
        ))
        .await;
        let heard = a.is_answered().await;
        if !heard.is_empty() {
            refused = Some((n, heard));
            break;
        }
    }
    let (n, error) = refused.expect("a limit");
    assert!(n >= 3, "{n}");
    assert!(
        error.contains("<resource-constraint ") && error.contains("inbox"),
        "{error}"
    );
    let mut b = house.online(&bo, "phone").await;
    b.is_answered().await;
    say(&mut a, &bo, &["there is room again"]).await;
    assert!(b.stanza("message").await.contains("room again"));
}

#[tokio::test]
async fn an_inbox_survives_the_house() {
    for stores in [Stores::Sqlite, Stores::Postgres] {
        let house = House::with(stores, settings()).await;
        let (ana, bo) = (house.login("ana").await, house.login("bo").await);
        let mut a = house.online(&ana, "phone").await;
        say(&mut a, &bo, &["one", "two"]).await;
        let mut b = house.online(&bo, "phone").await;
        b.is_answered().await;
        b.goes().await;
        say(&mut a, &bo, &["three"]).await;
        drop(a);
        let house = house.restart_from_the_log_alone().await;
        let mut b = house.chatter(&bo, "phone").await;
        b.sends("<presence/>").await;
        b.receives("<body>three</body>").await;
        let heard = b.is_answered().await;
        assert!(bodies(&heard).is_empty(), "{stores:?}: {heard}");
    }
}

#[tokio::test]
async fn that_messages_have_arrived_is_told_for_many_at_once() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut b = house.online(&bo, "phone").await;
    house.happened().await;
    say(&mut a, &bo, &["one", "two", "three"]).await;
    b.receives("<body>three</body>").await;
    b.is_answered().await;
    let mut happened = Vec::new();
    eventually("the arrivals are told", async || {
        happened.extend(house.happened().await.as_array().expect("events").clone());
        happened
            .iter()
            .any(|event| event["type"] == "inbox.messages-delivered.v1")
            .then_some(())
    })
    .await;
    let told = happened.last().expect("an event");
    assert_eq!(told["stream"], "inbox-<bo>");
    assert_eq!(told["data"]["from"][&ana.id], serde_json::json!([0, 1, 2]));
}
