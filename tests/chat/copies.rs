//! Copies for a person's other connections (XEP-0280).

use crate::harness::{Chatter, House, Phone, bare};
use crate::room::{Cafe, enter};

async fn wants_copies(chatter: &mut Chatter) {
    chatter
        .sends("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
        .await;
    let answer = chatter.is_answered().await;
    let expected = format!("<iq type='result' id='c' to='{}'/>", chatter.jid);
    assert!(answer.ends_with(&expected), "{answer}");
}

/// Ana with a phone and a browser that wants copies, and Bo with two as well.
struct Homes {
    house: House,
    ana: Phone,
    bo: Phone,
    phone: Chatter,
    browser: Chatter,
    tablet: Chatter,
    laptop: Chatter,
    /// Somebody whom everybody hears.
    eve: Chatter,
}

impl Homes {
    async fn new() -> Self {
        let house = House::new().await;
        let (ana, bo) = (house.login("ana").await, house.login("bo").await);
        let phone = house.online(&ana, "phone").await;
        let mut browser = house.online(&ana, "browser").await;
        let tablet = house.online(&bo, "tablet").await;
        let mut laptop = house.online(&bo, "laptop").await;
        let eve = house.login("eve").await;
        let eve = house.online(&eve, "phone").await;
        wants_copies(&mut browser).await;
        wants_copies(&mut laptop).await;
        let mut homes = Self {
            house,
            ana,
            bo,
            phone,
            browser,
            tablet,
            laptop,
            eve,
        };
        for one in [&mut homes.phone, &mut homes.tablet] {
            one.is_answered().await;
        }
        homes
    }

    /// What each has heard since the last look: the phone, the browser, the tablet, the laptop.
    async fn heard(&mut self) -> [String; 4] {
        let all = [
            &mut self.phone,
            &mut self.browser,
            &mut self.tablet,
            &mut self.laptop,
        ];
        let mut heard = [const { String::new() }; 4];
        // What they sent has been dealt with.
        for (one, heard) in all.into_iter().zip(&mut heard) {
            heard.push_str(&one.is_answered().await);
        }
        // What follows from it stands before this in the log.
        for to in [&self.ana, &self.bo] {
            let to = bare(to);
            self.eve
                .sends(&format!("<message to='{to}'><body>done</body></message>"))
                .await;
        }
        let all = [
            &mut self.phone,
            &mut self.browser,
            &mut self.tablet,
            &mut self.laptop,
        ];
        for (one, heard) in all.into_iter().zip(&mut heard) {
            let until = one.receives("<body>done</body>").await;
            let start = until.rfind("<message ").expect("a message");
            heard.push_str(&until[..start]);
            one.receives("</message>").await;
        }
        heard
    }
}

#[tokio::test]
async fn what_one_connection_says_the_others_that_want_to_are_shown() {
    let mut homes = Homes::new().await;
    let (from, to) = (homes.phone.jid.clone(), bare(&homes.bo));
    homes
        .phone
        .sends(&format!(
            "<message type='chat' id='m1' to='{to}'><body>hi</body></message>"
        ))
        .await;
    let copy = homes.browser.receives("</sent></message>").await;
    let place = homes.house.head().await.0;
    assert_eq!(
        copy,
        format!(
            "<message type='chat' from='{own}' to='{}'><sent xmlns='urn:xmpp:carbons:2'>\
             <forwarded xmlns='urn:xmpp:forward:0'>\
             <message xmlns='jabber:client' type='chat' id='m1' from='{from}' to='{to}'>\
             <body>hi</body><stanza-id xmlns='urn:xmpp:sid:0' by='{own}' id='{place}'/></message>\
             </forwarded></sent></message>",
            homes.browser.jid,
            own = bare(&homes.ana),
        )
    );
    // All of the receiver's heard the message itself.
    for one in [&mut homes.tablet, &mut homes.laptop] {
        let heard = one.stanza("message").await;
        assert!(heard.contains("<body>hi</body>") && !heard.contains("carbons"));
    }
    assert_eq!(homes.heard().await, ["", "", "", ""]);
}

#[tokio::test]
async fn what_is_for_one_connection_alone_the_others_that_want_to_are_shown() {
    let mut homes = Homes::new().await;
    let to = homes.tablet.jid.clone();
    homes
        .browser
        .sends(&format!(
            "<message id='m1' to='{to}'><body>hi</body></message>"
        ))
        .await;
    let copy = homes.laptop.receives("</received></message>").await;
    let head = format!(
        "<message from='{}' to='{}'><received xmlns='urn:xmpp:carbons:2'>",
        bare(&homes.bo),
        homes.laptop.jid
    );
    assert!(copy.starts_with(&head), "{copy}");
    let inside = format!(
        "<message xmlns='jabber:client' id='m1' from='{}' to='{to}'>",
        homes.browser.jid
    );
    assert!(copy.contains(&inside), "{copy}");
    let heard = homes.tablet.stanza("message").await;
    assert!(heard.contains("<body>hi</body>") && !heard.contains("carbons"));
    // The phone has not asked for copies.
    assert_eq!(homes.heard().await, ["", "", "", ""]);
    let disable = "<iq type='set' id='d'><disable xmlns='urn:xmpp:carbons:2'/></iq>";
    homes.laptop.sends(disable).await;
    assert!(homes.laptop.is_answered().await.contains("type='result'"));
    homes
        .browser
        .sends(&format!(
            "<message id='m2' to='{to}'><body>ho</body></message>"
        ))
        .await;
    homes.tablet.stanza("message").await;
    assert_eq!(homes.heard().await, ["", "", "", ""]);
}

#[tokio::test]
async fn notices_are_copied_too_and_what_is_private_or_dropped_is_not() {
    let mut homes = Homes::new().await;
    let (all, one) = (bare(&homes.bo), homes.tablet.jid.clone());
    let receipt = "<received xmlns='urn:xmpp:receipts' id='m1'/>";
    for (to, copies) in [(&all, 0), (&one, 1)] {
        homes
            .phone
            .sends(&format!("<message to='{to}'>{receipt}</message>"))
            .await;
        homes.phone.is_answered().await;
        let copy = homes.browser.is_answered().await;
        assert!(copy.contains("<sent xmlns='urn:xmpp:carbons:2'>") && copy.contains(receipt));
        assert!(homes.tablet.is_answered().await.contains(receipt));
        let heard = homes.laptop.is_answered().await;
        assert!(heard.contains(receipt), "{heard}");
        let copied = heard
            .matches("<received xmlns='urn:xmpp:carbons:2'>")
            .count();
        assert_eq!(copied, copies, "{heard}");
    }
    let private = "<private xmlns='urn:xmpp:carbons:2'/>";
    let no_copy = "<no-copy xmlns='urn:xmpp:hints'/>";
    let typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
    for inside in [
        format!("<body>secret</body>{private}{no_copy}"),
        format!("<body>secret</body>{private}"),
        format!("{typing}{no_copy}"),
    ] {
        homes
            .phone
            .sends(&format!(
                "<message type='chat' to='{one}'>{inside}</message>"
            ))
            .await;
        assert!(homes.tablet.stanza("message").await.contains(&inside));
        assert_eq!(homes.heard().await, ["", "", "", ""]);
    }
    // Neither is what is no part of a conversation, nor what the receiver does not want.
    let headline = format!("<message type='headline' to='{one}'><body>news</body></message>");
    homes.phone.sends(&headline).await;
    homes.tablet.stanza("message").await;
    assert_eq!(homes.heard().await, ["", "", "", ""]);
    let (by, whom) = (&homes.bo, &homes.ana);
    by.post(
        "/blacklists",
        &[("user_id", &by.id), ("block_id", &whom.id), ("report", "0")],
    )
    .await
    .ok();
    for inside in ["<body>dropped</body>", typing] {
        homes
            .phone
            .sends(&format!(
                "<message type='chat' to='{one}'>{inside}</message>"
            ))
            .await;
        assert_eq!(homes.heard().await, ["", "", "", ""]);
    }
}

#[tokio::test]
async fn what_one_says_to_oneself_is_heard_once() {
    let mut homes = Homes::new().await;
    let (all, one) = (bare(&homes.ana), homes.phone.jid.clone());
    for to in [all, one] {
        homes
            .browser
            .sends(&format!(
                "<message type='chat' to='{to}'><body>note</body></message>"
            ))
            .await;
        homes.phone.stanza("message").await;
        let [phone, browser, ..] = homes.heard().await;
        assert_eq!(phone, "");
        assert!(!browser.contains("carbons"), "{browser}");
    }
}

#[tokio::test]
async fn a_copy_does_not_take_a_message_out_of_the_inbox() {
    let mut homes = Homes::new().await;
    let to = homes.tablet.jid.clone();
    homes
        .phone
        .sends(&format!(
            "<message type='chat' id='m1' to='{to}'><body>hi</body></message>"
        ))
        .await;
    homes.laptop.receives("</received></message>").await;
    homes.tablet.stanza("message").await;
    // The laptop shows that it lives, the tablet breaks off without a word.
    homes.laptop.is_answered().await;
    drop(homes.tablet);
    homes.house.happened().await;
    let mut again = homes.house.chatter(&homes.bo, "tablet").await;
    again.sends("<presence/>").await;
    let heard = again.stanza("message").await;
    assert!(
        heard.contains("<body>hi</body>") && heard.contains("<delay "),
        "{heard}"
    );
}

#[tokio::test]
async fn what_is_said_in_a_room_is_not_copied_and_a_whisper_to_those_who_are_there() {
    let mut cafe = Cafe::new().await;
    let mut there = cafe.house.online(&cafe.ana, "browser").await;
    let mut away = cafe.house.online(&cafe.ana, "laptop").await;
    for one in [&mut there, &mut away] {
        wants_copies(one).await;
    }
    enter(&mut there, &cafe.shop, &cafe.ana.id, "").await;
    cafe.a.sends(&cafe.says("m1", "to all")).await;
    for one in [&mut there, &mut cafe.b] {
        let heard = one.receives("<body>to all</body>").await;
        assert!(!heard.contains("carbons"), "{heard}");
    }
    let to = format!("{}@c.dface.cn/{}", cafe.shop, cafe.bo.id);
    cafe.a
        .sends(&format!(
            "<message type='chat' id='w1' to='{to}'><body>psst</body></message>"
        ))
        .await;
    cafe.b.receives("<body>psst</body>").await;
    let copy = there.receives("</sent></message>").await;
    let inside = format!("id='w1' from='{}' to='{to}'><body>psst</body>", cafe.a.jid);
    assert!(copy.contains(&inside), "{copy}");
    let heard = away.is_answered().await;
    assert!(!heard.contains("<body>"), "{heard}");
}

#[tokio::test]
async fn what_the_house_says_in_ones_name_is_shown_to_those_who_want_copies() {
    let mut homes = Homes::new().await;
    let (ana, bo) = (&homes.ana, &homes.bo);
    ana.post("/follows", &[("user_id", &ana.id), ("follow_id", &bo.id)])
        .await
        .ok();
    homes.tablet.stanza("message").await;
    let copy = homes.browser.receives("</sent></message>").await;
    assert!(copy.contains(&format!(" to='{}'>", bare(bo))), "{copy}");
    homes.house.quiet().await;
    assert_eq!(homes.heard().await[0], "");
}
