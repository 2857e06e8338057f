//! More than anybody can read: whoever floods, or does not listen, pays for it alone.

use super::Two;
use crate::harness::{Chatter, Server, bare};
use std::time::Duration;

/// By how much the server may grow, whatever is thrown at it, in KiB.
const GROWTH_KIB: u64 = 100 * 1024;

#[tokio::test]
async fn a_flood_of_questions_is_answered_as_far_as_the_answers_are_read() {
    let mut two = Two::new().await;
    let ping = "<iq type='get' id='flood' to='dface.cn'><ping xmlns='urn:xmpp:ping'/></iq>";
    let flood = ping.repeat(20_000);
    two.a.pours(&flood).await;
    let heard = two.a.is_answered().await;
    assert_eq!(heard.matches("type='result' id='flood'").count(), 20_000);
    two.all_is_well().await;
}

#[tokio::test]
async fn a_flood_of_presence_harms_nobody() {
    let mut two = Two::new().await;
    let shop = two.house.shop("Ekberg", 60.168, 24.938).await;
    let enter = format!(
        "<presence to='{shop}@c.dface.cn/x'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
    );
    for chatter in [&mut two.a, &mut two.b] {
        chatter.sends(&enter).await;
        chatter.receives("<subject></subject></message>").await;
    }
    let flood: String = (0..3_000)
        .map(|n| {
            format!(
                "<presence><status>{n}</status></presence>\
                 <presence to='{shop}@c.dface.cn/x'><show>away</show></presence>\
                 <presence type='subscribe' to='{}'/><presence type='probe'/>",
                two.bo
            )
        })
        .collect();
    let (a, b) = (&mut two.a, &mut two.b);
    let flooding = async {
        a.pours(&flood).await;
        a.is_answered().await
    };
    let listening = async {
        let mut shows = 0;
        while shows < 3_000 {
            shows += b
                .receives("<show>away</show>")
                .await
                .matches("<show>")
                .count();
        }
    };
    let (heard, ()) = tokio::join!(flooding, listening);
    assert_eq!(heard.matches("<status>2999</status>").count(), 1);
    // Coming and going as fast as one can.
    let restless = format!("{enter}<presence to='{shop}@c.dface.cn/x' type='unavailable'/>");
    a.pours(&restless.repeat(300)).await;
    a.is_answered().await;
    b.is_answered().await;
    two.all_is_well().await;
}

#[tokio::test]
async fn a_presence_too_long_to_be_told_to_others_is_refused() {
    let mut two = Two::new().await;
    let shop = two.house.shop("Ekberg", 60.168, 24.938).await;
    let enter = |status: &str| {
        format!(
            "<presence to='{shop}@c.dface.cn/x'><x xmlns='http://jabber.org/protocol/muc'/>\
             <status>{status}</status></presence>"
        )
    };
    two.a.sends(&enter(&"x".repeat(5_000))).await;
    let answer = two.a.stanza("presence").await;
    assert_eq!(super::condition(&answer), "not-acceptable");
    two.a.sends(&enter("short")).await;
    two.a.receives("<subject></subject></message>").await;
    two.b.sends(&enter("short")).await;
    two.b.receives("<subject></subject></message>").await;
    two.a.receives("</presence>").await;
    let long = "x".repeat(5_000);
    for presence in [
        enter(&long),
        format!("<presence><status>{long}</status></presence>"),
    ] {
        two.a.sends(&presence).await;
        let answer = two.a.stanza("presence").await;
        assert_eq!(super::condition(&answer), "not-acceptable");
    }
    assert_eq!(two.b.is_answered().await, "");
}

#[tokio::test]
async fn somebody_away_is_kept_so_much_and_the_rest_is_refused_one_by_one() {
    const SENT: usize = 100_000;
    const BATCH: usize = 200;
    let mut two = Two::new().await;
    let eve = two.house.login("eve").await;
    let mut refused = 0;
    for batch in 0..SENT / BATCH {
        let messages: String = (0..BATCH)
            .map(|n| {
                format!(
                    "<message type='chat' id='{batch}-{n}' to='{}'><body>{batch} {n}</body></message>",
                    bare(&eve)
                )
            })
            .collect();
        two.a.pours(&messages).await;
        let heard = two.a.is_answered().await;
        let errors = heard.matches("<message type='error' id='").count();
        let clear = "<resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
                     <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>the inbox of the receiver is full</text>";
        assert_eq!(heard.matches(clear).count(), errors, "{heard:.500}");
        refused += errors;
    }
    let kept = SENT - refused;
    // The limit is 1,000; the count follows a moment behind.
    assert!((1_000..SENT).contains(&kept), "{kept}");
    let mut e = two.house.chatter(&eve, "phone").await;
    e.sends("<presence/>").await;
    let mut heard = String::new();
    while heard.matches("<body>").count() < kept {
        heard += &e.receives("</body>").await;
    }
    assert!(!e.is_answered().await.contains("<body>"));
    two.all_is_well().await;
}

#[tokio::test]
async fn whoever_does_not_read_the_inbox_is_given_up() {
    let house = crate::harness::House::with_xmpp(|settings| {
        settings.quiet = Duration::from_secs(1);
        settings.answer_limit = Duration::from_secs(1);
        settings.inbox_limit = 100_000;
    })
    .await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let long = "x".repeat(15_000);
    // More than the sockets between the two hold.
    for batch in 0..40 {
        let mut a = house.online(&ana, "phone").await;
        let messages: String = (0..40)
            .map(|n| {
                format!(
                    "<message type='chat' id='{batch}-{n}' to='{}'><body>{long}</body></message>",
                    bare(&bo)
                )
            })
            .collect();
        a.pours(&messages).await;
        a.is_answered().await;
        a.goes().await;
    }
    let mut b = house.chatter(&bo, "phone").await;
    b.sends("<presence/>").await;
    // To be seen from elsewhere: what is for that connection no longer reaches it.
    crate::harness::eventually("it is given up", async || {
        let mut tablet = house.online(&ana, "tablet").await;
        tablet
            .sends(&format!(
                "<iq type='get' id='there' to='{}'><x xmlns='urn:x'/></iq>",
                b.jid
            ))
            .await;
        let heard = tablet.is_answered().await;
        heard.contains("<service-unavailable ").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_listen_is_cut_off_and_costs_little() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(folder.path()).await;
    let (ana, bo, eve) = (
        server.login("ana").await,
        server.login("bo").await,
        server.login("eve").await,
    );
    let log_in = async |phone: &crate::harness::Phone| {
        let (address, id, password) = (server.xmpp_address, &phone.id, &phone.password);
        let mut chatter = Chatter::log_in_with(address, id, password, "phone").await;
        chatter.comes().await;
        chatter
    };
    let (mut a, deaf, mut e) = (log_in(&ana).await, log_in(&bo).await, log_in(&eve).await);
    let before = server.resident_kib();
    let long = "x".repeat(15_000);
    let said = |kind: &str| {
        format!(
            "<message type='{kind}' to='{}'><body>{long}</body></message>",
            bare(&bo)
        )
    };
    for kind in ["headline", "chat"] {
        // 75 MB of what nobody keeps, which never does harm, and 15 of what must not be lost.
        let times = if kind == "chat" { 10 } else { 50 };
        for _ in 0..times {
            a.pours(&said(kind).repeat(100)).await;
            assert_eq!(a.is_answered().await, "");
        }
    }
    // Questions whose answers nobody reads are not read either.
    let pings = "<iq type='get' id='p' to='dface.cn'><ping xmlns='urn:xmpp:ping'/></iq>";
    let mut mute = log_in(&eve).await;
    e.receives("<conflict ").await;
    let flooding = tokio::spawn(async move {
        mute.sends(&pings.repeat(500_000)).await;
    });
    for n in 0..20 {
        a.sends(&format!(
            "<message type='chat' id='{n}' to='{}'><body>{n}</body></message>",
            bare(&ana)
        ))
        .await;
        a.receives(&format!("<body>{n}</body>")).await;
        assert!(!a.is_answered().await.contains("error"));
    }
    let grown = server.resident_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB, "{grown} KiB");
    flooding.abort();
    // All of it did not fit, so it was cut off; what it has missed comes again.
    let heard = deaf.rest().await;
    assert!(heard.matches("type='headline'").count() < 5_000);
    assert!(heard.matches("type='chat'").count() < 1_000);
    let mut b = Chatter::log_in_with(server.xmpp_address, &bo.id, &bo.password, "phone").await;
    b.sends("<presence/>").await;
    for _ in 0..1_000 {
        b.receives("</body>").await;
    }
    assert!(!b.is_answered().await.contains("<body>"));
    assert!(
        server.terminate().await.success(),
        "{}",
        server.complaints()
    );
}
