//! The archives of rooms, and what was said there to one person alone.

use super::{asks, bodies, page, place_of, places};
use crate::harness::bare;
use crate::room::Cafe;
use domain::chat::{Destination, HistoryCleared};

#[tokio::test]
async fn whoever_may_come_in_reads_what_was_said_in_a_room() {
    let mut cafe = Cafe::new().await;
    let says = cafe.says("m1", "hello");
    let spoofed = "<x xmlns='http://jabber.org/protocol/muc#user'><item jid='king@dface.cn'/></x>";
    cafe.a
        .sends(&says.replace("</message>", &format!("{spoofed}</message>")))
        .await;
    let room = format!("{}@c.dface.cn", cafe.shop);
    let live = cafe.b.stanza("message").await;
    let place = place_of(&live, &room);
    assert!(!live.contains("king"), "{live}");
    cafe.b.sends(&cafe.says("m2", "hello to you")).await;
    cafe.b.stanza("message").await;
    let eve = cafe.house.login("eve").await;
    let mut e = cafe.house.online(&eve, "phone").await;
    let to = format!(" to='{room}'");
    let heard = asks(&mut e, &to, &page(&[], "<max>1</max>")).await;
    let expected = format!(
        "<message from='{room}' to='{}'><result xmlns='urn:xmpp:mam:2' queryid='f1' id='{place}'>\
         <forwarded xmlns='urn:xmpp:forward:0'>\
         <delay xmlns='urn:xmpp:delay' stamp='2012-09-22T06:24:00.000Z'/>\
         <message xmlns='jabber:client' type='groupchat' id='m1' from='{room}/{}'>\
         <body>hello</body><stanza-id xmlns='urn:xmpp:sid:0' by='{room}' id='{place}'/></message>\
         </forwarded></result></message>",
        e.jid, cafe.ana.id
    );
    assert!(heard.starts_with(&expected), "{heard}\n{expected}");
    let nick = format!("{room}/{}", cafe.bo.id);
    let heard = asks(&mut e, &to, &page(&[("with", &nick)], "")).await;
    assert_eq!(bodies(&heard), ["hello to you"]);
    // It is not part of anybody's own conversations.
    cafe.a.is_answered().await;
    assert!(bodies(&asks(&mut cafe.a, "", &page(&[], "")).await).is_empty());
    let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    e.sends(&format!("<iq type='get' id='i'{to}>{info}</iq>"))
        .await;
    let info = e.is_answered().await;
    assert!(info.contains("<feature var='urn:xmpp:mam:2'/>"), "{info}");
    for nowhere in ["999@c.dface.cn", "lobby@c.dface.cn"] {
        let heard = asks(&mut e, &format!(" to='{nowhere}'"), &page(&[], "")).await;
        assert!(heard.contains("<item-not-found "), "{heard}");
    }
    for (payload, to) in [
        (page(&[], ""), format!("{room}/{}", cafe.ana.id)),
        ("<prefs xmlns='urn:xmpp:mam:2'/>".into(), room),
    ] {
        let heard = asks(&mut e, &format!(" to='{to}'"), &payload).await;
        assert!(heard.contains("<service-unavailable "), "{heard}");
    }
}

#[tokio::test]
async fn what_is_cleared_in_a_room_is_gone_for_everybody() {
    let mut cafe = Cafe::new().await;
    let says = cafe.says("m1", "gone");
    cafe.a.sends(&says).await;
    cafe.b.stanza("message").await;
    let shop = cafe.shop.parse().expect("an id");
    let cleared = HistoryCleared {
        by: cafe.ana.id.parse().expect("an id"),
        of: Destination::Room(shop),
    };
    let cleared = cafe.house.commands().clear_history(cleared, true).await;
    drop(cleared.expect("a log"));
    let says = cafe.says("m2", "stays");
    cafe.b.sends(&says).await;
    cafe.b.stanza("message").await;
    let to = format!(" to='{}@c.dface.cn'", cafe.shop);
    let heard = asks(&mut cafe.b, &to, &page(&[], "")).await;
    assert_eq!(bodies(&heard), ["stays"]);
}

#[tokio::test]
async fn a_whisper_belongs_to_the_two_and_not_to_the_room() {
    let mut cafe = Cafe::new().await;
    let room = format!("{}@c.dface.cn", cafe.shop);
    let (of_ana, of_bo) = (
        format!("{room}/{}", cafe.ana.id),
        format!("{room}/{}", cafe.bo.id),
    );
    cafe.a
        .sends(&format!(
            "<message type='chat' id='w1' to='{of_bo}'><body>psst</body>\
             <x xmlns='http://jabber.org/protocol/muc#user'/></message>"
        ))
        .await;
    let live = cafe.b.stanza("message").await;
    let place = place_of(&live, &bare(&cafe.bo));
    assert_eq!(live.matches("muc#user").count(), 1, "{live}");
    let to = format!(" to='{room}'");
    assert!(bodies(&asks(&mut cafe.a, &to, &page(&[], "")).await).is_empty());
    let sent = asks(&mut cafe.a, "", &page(&[("with", &of_bo)], "")).await;
    assert_eq!(places(&sent), [place.as_str()]);
    let expected = format!(
        "id='w1' from='{}' to='{of_bo}'><body>psst</body>",
        cafe.a.jid
    );
    assert!(sent.contains(&expected), "{sent}");
    cafe.b.is_answered().await;
    let received = asks(&mut cafe.b, "", &page(&[("with", &room)], "")).await;
    assert_eq!(places(&received), [place]);
    let expected = format!(
        "id='w1' from='{of_ana}' to='{}'><body>psst</body>",
        bare(&cafe.bo)
    );
    assert!(received.contains(&expected), "{received}");
    // Nor is it one of those that went from one JID to another.
    let others = bare(&cafe.bo);
    let plain = asks(&mut cafe.a, "", &page(&[("with", &others)], "")).await;
    assert!(bodies(&plain).is_empty(), "{plain}");
}
