//! Reading what was said before over XMPP (XEP-0313): one's own conversations, and rooms.

mod clearing;
mod questions;
mod rooms;

use crate::harness::{Chatter, House, Phone, Stores, bare, settings};
use domain::chat::{Destination, HistoryCleared};

/// Asks an archive, one's own without `to`; everything up to the answer.
async fn asks(chatter: &mut Chatter, to: &str, payload: &str) -> String {
    chatter
        .sends(&format!("<iq type='set' id='q'{to}>{payload}</iq>"))
        .await;
    chatter.is_answered().await
}

/// A page with these fields and this part.
fn page(fields: &[(&str, &str)], set: &str) -> String {
    let fields: String = fields
        .iter()
        .map(|(name, value)| format!("<field var='{name}'><value>{value}</value></field>"))
        .collect();
    format!(
        "<query xmlns='urn:xmpp:mam:2' queryid='f1'><x xmlns='jabber:x:data' type='submit'>\
         <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>{fields}</x>\
         <set xmlns='http://jabber.org/protocol/rsm'>{set}</set></query>"
    )
}

/// What stands between `before` and `after` wherever that is in `text`.
fn all_between(text: &str, before: &str, after: &str) -> Vec<String> {
    let parts = text.split(before).skip(1);
    parts
        .map(|part| part.split(after).next().unwrap_or_default().to_owned())
        .collect()
}

fn bodies(heard: &str) -> Vec<String> {
    all_between(heard, "<body>", "</body>")
}

/// The places in the archive of what a page holds.
fn places(heard: &str) -> Vec<String> {
    all_between(heard, "queryid='f1' id='", "'")
}

/// The place that a live message says it has in the archive of `owner`.
fn place_of(message: &str, owner: &str) -> String {
    let before = format!("<stanza-id xmlns='urn:xmpp:sid:0' by='{owner}' id='");
    let found = all_between(message, &before, "'/>");
    assert_eq!(found.len(), 1, "{message}");
    found[0].clone()
}

async fn says(chatter: &mut Chatter, to: &Phone, bodies: &[&str]) {
    for body in bodies {
        let to = bare(to);
        chatter
            .sends(&format!(
                "<message type='chat' id='{body}' to='{to}'><body>{body}</body></message>"
            ))
            .await;
    }
    chatter.is_answered().await;
}

async fn clears(house: &House, by: &Phone, to: &Phone) {
    let cleared = HistoryCleared {
        by: by.id.parse().expect("an id"),
        of: Destination::To(to.id.parse().expect("an id")),
    };
    let cleared = house.commands().clear_history(cleared, true).await;
    drop(cleared.expect("a log"));
}

#[tokio::test]
async fn a_page_holds_what_was_said_word_for_word_and_where_it_stands() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut b = house.online(&bo, "tablet").await;
    let inside = "<body>你好 &lt;&amp;&gt; 🌊</body><request xmlns='urn:xmpp:receipts'/>";
    let (from, to) = (a.jid.clone(), bare(&bo));
    a.sends(&format!(
        "<message type='chat' id='m1' to='{to}'>{inside}</message>"
    ))
    .await;
    let live = b.stanza("message").await;
    let place = place_of(&live, &bare(&bo));
    let expected = |reader: &Chatter, owner: &str| {
        format!(
            "<message from='{owner}' to='{}'><result xmlns='urn:xmpp:mam:2' queryid='f1' id='{place}'>\
             <forwarded xmlns='urn:xmpp:forward:0'>\
             <delay xmlns='urn:xmpp:delay' stamp='2012-09-22T06:24:00.000Z'/>\
             <message xmlns='jabber:client' type='chat' id='m1' from='{from}' to='{to}'>{inside}\
             <stanza-id xmlns='urn:xmpp:sid:0' by='{owner}' id='{place}'/></message>\
             </forwarded></result></message>\
             <iq type='result' id='q' to='{}'><fin xmlns='urn:xmpp:mam:2' complete='true'>\
             <set xmlns='http://jabber.org/protocol/rsm'><first index='0'>{place}</first>\
             <last>{place}</last><count>1</count></set></fin></iq>",
            reader.jid, reader.jid
        )
    };
    let (of_ana, of_bo) = (expected(&a, &bare(&ana)), expected(&b, &bare(&bo)));
    assert_eq!(asks(&mut a, "", &page(&[], "")).await, of_ana);
    assert_eq!(asks(&mut b, "", &page(&[], "")).await, of_bo);
}

#[tokio::test]
async fn everybody_reads_both_sides_of_what_they_have_not_cleared() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let eve = house.login("eve").await;
    let mut a = house.online(&ana, "phone").await;
    let mut b = house.online(&bo, "phone").await;
    let mut e = house.online(&eve, "phone").await;
    says(&mut a, &bo, &["one"]).await;
    says(&mut b, &ana, &["two"]).await;
    says(&mut e, &ana, &["three"]).await;
    clears(&house, &bo, &ana).await;
    says(&mut a, &bo, &["four"]).await;
    let all = page(&[], "");
    assert_eq!(
        bodies(&asks(&mut a, "", &all).await),
        ["one", "two", "three", "four"]
    );
    a.heard.clear();
    let to_self = format!(" to='{}'", bare(&bo));
    // What came live meanwhile is not part of a page.
    b.is_answered().await;
    assert_eq!(bodies(&asks(&mut b, &to_self, &all).await), ["four"]);
    assert_eq!(bodies(&asks(&mut e, "", &all).await), ["three"]);
    let with_eve = bare(&eve);
    let with = page(&[("with", &with_eve)], "");
    assert_eq!(bodies(&asks(&mut a, "", &with).await), ["three"]);
    assert!(bodies(&asks(&mut b, "", &with).await).is_empty());
}

#[tokio::test]
async fn an_archive_is_paged_from_either_end() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let said: Vec<String> = (0..7).map(|n| n.to_string()).collect();
    says(
        &mut a,
        &bo,
        &said.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .await;
    let (mut forwards, mut set) = (Vec::new(), "<max>3</max>".to_owned());
    loop {
        let heard = asks(&mut a, "", &page(&[], &set)).await;
        forwards.push(bodies(&heard));
        if heard.contains("complete='true'") {
            break;
        }
        let last = places(&heard).pop().expect("a message");
        assert!(heard.contains(&format!("<last>{last}</last>")), "{heard}");
        set = format!("<max>3</max><after>{last}</after>");
    }
    assert_eq!(forwards, [&said[..3], &said[3..6], &said[6..]]);
    let (mut backwards, mut set) = (Vec::new(), "<max>3</max><before/>".to_owned());
    loop {
        let heard = asks(&mut a, "", &page(&[], &set)).await;
        backwards.push(bodies(&heard));
        if heard.contains("complete='true'") {
            assert!(heard.contains("<first index='0'>"), "{heard}");
            break;
        }
        let first = places(&heard)[0].clone();
        assert!(
            heard.contains(&format!("<first>{first}</first>")),
            "{heard}"
        );
        set = format!("<max>3</max><before>{first}</before>");
    }
    assert_eq!(backwards, [&said[4..], &said[1..4], &said[..1]]);
    let counted = asks(&mut a, "", &page(&[], "<max>0</max>")).await;
    assert!(counted.contains("<count>7</count>"), "{counted}");
    assert!(bodies(&counted).is_empty() && !counted.contains("complete"));
}

#[tokio::test]
async fn whoever_acknowledges_no_page_waits_for_the_next() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let long = "x".repeat(16_000);
    for _ in 0..20 {
        let to = bare(&bo);
        a.sends(&format!(
            "<message type='chat' to='{to}'><body>{long}</body></message>"
        ))
        .await;
    }
    a.sends("<enable xmlns='urn:xmpp:sm:3'/>").await;
    a.receives("<enabled xmlns='urn:xmpp:sm:3'").await;
    let first = places(&asks(&mut a, "", &page(&[], "")).await).len();
    assert!(first > 0);
    assert!(!places(&asks(&mut a, "", &page(&[], "")).await).is_empty());
    let refused = asks(&mut a, "", &page(&[], "")).await;
    assert!(refused.contains("<resource-constraint "), "{refused:.500}");
    assert!(places(&refused).is_empty());
    a.sends(&format!("<a xmlns='urn:xmpp:sm:3' h='{first}'/>"))
        .await;
    assert!(!places(&asks(&mut a, "", &page(&[], "")).await).is_empty());
}

#[tokio::test]
async fn a_page_is_no_longer_than_a_connection_bears() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let long = "x".repeat(16_000);
    for n in 0..30 {
        let to = bare(&bo);
        a.sends(&format!(
            "<message type='chat' to='{to}'><body>{n} {long}</body></message>"
        ))
        .await;
    }
    let (mut read, mut pages, mut set) = (0, 0, String::new());
    loop {
        let heard = asks(&mut a, "", &page(&[], &set)).await;
        assert!(heard.len() < 120_000, "{}", heard.len());
        for body in bodies(&heard) {
            assert!(body.starts_with(&format!("{read} x")), "{read}: {body:.20}");
            read += 1;
        }
        pages += 1;
        if heard.contains("complete='true'") {
            break;
        }
        let last = places(&heard).pop().expect("a message");
        set = format!("<max>100</max><after>{last}</after>");
    }
    assert_eq!(read, 30);
    assert!(pages > 3, "{pages}");
    let newest = asks(&mut a, "", &page(&[], "<before/>")).await;
    let newest = bodies(&newest);
    assert!(newest.last().is_some_and(|body| body.starts_with("29 x")));
    assert!(newest.len() > 1 && newest.len() < 30, "{}", newest.len());
}

#[tokio::test]
async fn nobody_forges_a_place_in_an_archive_of_ours() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut b = house.online(&bo, "phone").await;
    let forged = |by: &str| format!("<stanza-id xmlns='urn:xmpp:sid:0' by='{by}' id='forged'/>");
    let ours = [&bare(&bo), &bare(&ana), "dface.cn", "7@c.dface.cn", "", "@"].map(forged);
    let theirs = forged("room@muc.example.org");
    let origin = "<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>";
    for body in [
        "<body>hi</body>",
        "<active xmlns='http://jabber.org/protocol/chatstates'/>",
    ] {
        a.sends(&format!(
            "<message type='chat' to='{}'>{body}{}{theirs}{origin}</message>",
            bare(&bo),
            ours.concat()
        ))
        .await;
        let heard = b.stanza("message").await;
        assert_eq!(heard.matches("id='forged'").count(), 1, "{heard}");
        assert!(heard.contains(&theirs) && heard.contains(origin), "{heard}");
    }
}

#[tokio::test]
async fn an_archive_is_the_same_after_a_rebuild() {
    for stores in [Stores::Sqlite, Stores::Postgres] {
        let house = House::with(stores, settings()).await;
        let (ana, bo) = (house.login("ana").await, house.login("bo").await);
        let mut a = house.online(&ana, "phone").await;
        says(&mut a, &bo, &["gone"]).await;
        clears(&house, &ana, &bo).await;
        says(&mut a, &bo, &["one", "two", "three"]).await;
        let with = bare(&bo);
        let ask = page(
            &[("with", &with), ("start", "2012-09-22T00:00:00Z")],
            "<max>2</max>",
        );
        let before = asks(&mut a, "", &ask).await;
        assert_eq!(bodies(&before), ["one", "two"], "{stores:?}");
        drop(a);
        let house = house.restart_from_the_log_alone().await;
        let mut a = house.online(&ana, "phone").await;
        assert_eq!(asks(&mut a, "", &ask).await, before, "{stores:?}");
    }
}
