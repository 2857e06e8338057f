//! Who is in a room, and who is told (XEP-0045 §7).

use super::{Cafe, enter};
use crate::harness::House;
use serde_json::{Value, json};

/// A presence as its type, the nick, and the status codes.
fn seen(presence: &str) -> (bool, String, Vec<String>) {
    let between = |text: &str, before: &str, after: char| -> Option<String> {
        let rest = text.split(before).nth(1)?;
        Some(rest.split(after).next()?.to_owned())
    };
    let from = between(presence, "from='", '\'').expect("a sender");
    let nick = from.split('/').nth(1).expect("a nick").to_owned();
    let codes = presence.split("<status code='").skip(1);
    let codes = codes.filter_map(|rest| Some(rest.split('\'').next()?.to_owned()));
    (
        presence.contains("type='unavailable'"),
        nick,
        codes.collect(),
    )
}

#[tokio::test]
async fn the_nick_is_ones_id_whatever_was_asked() {
    let house = House::new().await;
    let shop = house.shop("Ekberg", 60.168, 24.938).await;
    let ana = house.login("ana").await;
    let mut a = house.online(&ana, "phone").await;
    let heard = enter(&mut a, &shop, "阿娜", "").await;
    let own = heard.split("</presence>").next().expect("a presence");
    assert_eq!(
        seen(own),
        (false, ana.id.clone(), vec!["110".into(), "210".into()])
    );
    assert!(
        own.contains("affiliation='none' role='participant'"),
        "{own}"
    );
    assert!(heard.ends_with("<subject></subject></message>"), "{heard}");
}

#[tokio::test]
async fn those_who_are_there_are_told_who_comes_and_goes() {
    let mut cafe = Cafe::new().await;
    let eve = cafe.house.login("eve").await;
    let mut e = cafe.house.online(&eve, "phone").await;
    let heard = enter(&mut e, &cafe.shop, &eve.id, "").await;
    let told: Vec<_> = heard
        .split_inclusive("</presence>")
        .map(seen_or_none)
        .collect();
    let nicks: Vec<String> = told
        .iter()
        .flatten()
        .map(|(_, nick, _)| nick.clone())
        .collect();
    let mut others = vec![cafe.ana.id.clone(), cafe.bo.id.clone()];
    others.sort();
    others.push(eve.id.clone());
    assert_eq!(nicks, others, "those who are there, and then oneself");
    for chatter in [&mut cafe.a, &mut cafe.b] {
        let came = seen(&chatter.stanza("presence").await);
        assert_eq!(came, (false, eve.id.clone(), vec![]));
    }
    // By breaking off, too.
    drop(e);
    for chatter in [&mut cafe.a, &mut cafe.b] {
        let went = seen(&chatter.stanza("presence").await);
        assert_eq!(went, (true, eve.id.clone(), vec![]));
    }
}

fn seen_or_none(piece: &str) -> Option<(bool, String, Vec<String>)> {
    piece.contains("<presence").then(|| seen(piece))
}

#[tokio::test]
async fn a_person_with_two_connections_comes_and_goes_once() {
    let mut cafe = Cafe::new().await;
    let eve = cafe.house.login("eve").await;
    let mut phone = cafe.house.online(&eve, "phone").await;
    let mut tablet = cafe.house.online(&eve, "tablet").await;
    enter(&mut phone, &cafe.shop, &eve.id, "").await;
    enter(&mut tablet, &cafe.shop, &eve.id, "").await;
    let says = cafe.says("m1", "hi");
    cafe.a.sends(&says).await;
    phone.receives("<body>hi</body>").await;
    tablet.receives("<body>hi</body>").await;
    phone.goes().await;
    tablet.is_answered().await;
    tablet.goes().await;
    let (came, went) = (
        cafe.b.stanza("presence").await,
        cafe.b.stanza("presence").await,
    );
    assert!(!seen(&came).0 && seen(&went).0, "{came}{went}");
    assert!(!cafe.b.is_answered().await.contains("<presence"));
}

#[tokio::test]
async fn in_a_crowd_nobody_is_told_who_comes() {
    let house = House::with_xmpp(|settings| settings.room_presence = 2).await;
    let shop = house.shop("Ekberg", 60.168, 24.938).await;
    let mut chatters = Vec::new();
    for name in ["ana", "bo", "eve"] {
        let phone = house.login(name).await;
        let mut chatter = house.online(&phone, "phone").await;
        let heard = enter(&mut chatter, &shop, &phone.id, "").await;
        chatters.push((chatter, heard));
    }
    let presences = |heard: &str| heard.matches("<presence").count();
    assert_eq!(presences(&chatters[1].1), 2);
    assert_eq!(presences(&chatters[2].1), 1, "only oneself");
    let (mut e, _) = chatters.pop().expect("three");
    e.sends(&format!(
        "<message type='groupchat' to='{shop}@c.dface.cn'><body>hi</body></message>"
    ))
    .await;
    let (a, _) = &mut chatters[0];
    let heard = a.receives("<body>hi</body>").await;
    assert_eq!(presences(&heard), 1, "of the second, not of the third");
    e.goes().await;
    assert!(!a.is_answered().await.contains("<presence"));
}

#[tokio::test]
async fn a_room_is_there_exactly_as_long_as_its_shop() {
    let mut cafe = Cafe::new().await;
    cafe.a
        .sends("<presence to='999@c.dface.cn/ana'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
        .await;
    let error = cafe.a.stanza("presence").await;
    assert!(
        error.contains("type='error'") && error.contains("<item-not-found "),
        "{error}"
    );
    let path = format!("/admin/shops/{}", cafe.shop);
    cafe.house.admin("DELETE", &path, Value::Null).await.ok();
    for chatter in [&mut cafe.a, &mut cafe.b] {
        let out = chatter.stanza("presence").await;
        assert!(out.contains("<destroy/>") && seen(&out).0, "{out}");
    }
    let says = cafe.says("m1", "hello?");
    cafe.a.sends(&says).await;
    assert!(cafe.a.stanza("message").await.contains("<item-not-found "));
}

#[tokio::test]
async fn those_who_work_there_are_moderators_and_show_people_out() {
    let mut cafe = Cafe::new().await;
    let kick = |id: &str| {
        format!(
            "<iq type='set' id='k' to='{}@c.dface.cn'><query xmlns='http://jabber.org/protocol/muc#admin'>\
             <item nick='{id}' role='none'/></query></iq>",
            cafe.shop
        )
    };
    let (bo_out, ana_out) = (kick(&cafe.bo.id), kick(&cafe.ana.id));
    cafe.a.sends(&bo_out).await;
    assert!(cafe.a.stanza("iq").await.contains("<forbidden "));
    let path = format!("/admin/shops/{}/staffs", cafe.shop);
    let staff = json!({"user_id": cafe.ana.id});
    cafe.house.admin("POST", &path, staff).await.ok();
    let told = cafe.b.stanza("presence").await;
    assert!(
        told.contains("affiliation='admin' role='moderator'"),
        "{told}"
    );
    cafe.b.sends(&ana_out).await;
    assert!(cafe.b.stanza("iq").await.contains("<forbidden "));
    cafe.a.receives("role='moderator'").await;
    cafe.a.sends(&bo_out).await;
    let out = seen(&cafe.b.stanza("presence").await);
    assert_eq!(
        out,
        (true, cafe.bo.id.clone(), vec!["307".into(), "110".into()])
    );
    cafe.a.receives("<status code='307'/>").await;
    assert!(cafe.a.stanza("iq").await.starts_with("<iq type='result'"));
    let says = cafe.says("m1", "hello?");
    cafe.b.sends(&says).await;
    assert!(cafe.b.stanza("message").await.contains("<not-acceptable "));
}
