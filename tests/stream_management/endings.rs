//! How sessions end that have no connection: nobody comes back, others want their place, or the house
//! closes.

use super::*;

#[tokio::test]
async fn when_nobody_resumes_a_session_everything_happens_as_when_a_connection_ends() {
    let house = House::with_xmpp(|settings| settings.resume = Duration::from_millis(700)).await;
    let shop = house.shop("Ekberg", 60.168, 24.938).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let mut tablet = house.online(&bo, "tablet").await;
    let mut b = house.chatter(&bo, "phone").await;
    b.sends("<enable xmlns='urn:xmpp:sm:3' resume='1' max='3600'/>")
        .await;
    b.receives("<enabled xmlns='urn:xmpp:sm:3' id='").await;
    let id = b.receives("'").await;
    let id = id.trim_end_matches('\'');
    b.receives(" resume='true' max='1'/>").await;
    b.comes().await;
    let room = format!("{shop}@c.dface.cn");
    for (one, phone) in [(&mut b, &bo), (&mut a, &ana)] {
        one.sends(&format!(
            "<presence to='{room}/{}'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
            phone.id
        ))
        .await;
        one.receives("<subject></subject></message>").await;
    }
    let to = b.jid.clone();
    drop(b);
    // For this connection alone.
    says(&mut a, &to, "alone").await;
    a.receives("<presence type='unavailable'").await;
    // The other one learns of both, and only once.
    tablet.receives("<presence type='unavailable'").await;
    let message = tablet.stanza("message").await;
    assert!(
        message.contains("<body>alone</body>") && message.contains("<delay "),
        "{message}"
    );
    assert!(bodies(&tablet.is_answered().await).is_empty());
    let mut late = logged_in(&house, &bo).await;
    asks_for(&mut late, id, 0).await;
    let failed = late.receives("</failed>").await;
    assert!(
        failed.starts_with("<failed xmlns='urn:xmpp:sm:3' h='3'><item-not-found "),
        "it is told what was dealt with: {failed}"
    );
    late.bind("phone").await;
    late.comes().await;
    assert!(bodies(&late.is_answered().await).is_empty());
}

#[tokio::test]
async fn what_ends_connections_ends_sessions_without_one() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    // Another connection of the same name.
    let (a, id) = managed(&house, &ana, "phone").await;
    drop(a);
    let mut same = house.chatter(&ana, "phone").await;
    is_over(&house, &ana, &id).await;
    same.is_answered().await;
    // The end of the stream.
    let (a, id) = managed(&house, &ana, "other").await;
    a.goes().await;
    is_over(&house, &ana, &id).await;
    // Another password.
    let (a, id) = managed(&house, &ana, "third").await;
    drop(a);
    let path = format!("/admin/users/{}/reset_password", ana.id);
    let reset = house.admin("POST", &path, serde_json::Value::Null).await;
    let password = reset.ok()["password"].as_str().expect("text").to_owned();
    eventually("the session is over", async || {
        let mut again = Chatter::connect(house.xmpp_address()).await;
        again.begin(&ana.id, &password).await;
        asks_for(&mut again, &id, 0).await;
        again
            .receives("/>")
            .await
            .contains("<item-not-found ")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn sessions_without_a_connection_make_room_for_new_ones() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let mut ids = Vec::new();
    let mut there = Vec::new();
    for n in 0..16 {
        let (a, id) = managed(&house, &ana, &format!("phone {n}")).await;
        if n < 14 {
            there.push(a);
        } else {
            // Whoever is gone first has to make room first.
            drop(a);
            ids.push(id);
        }
    }
    eventually("there is room", async || {
        let mut one_more = logged_in(&house, &ana).await;
        one_more
            .sends(
                "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                 <resource>one more</resource></bind></iq>",
            )
            .await;
        let answer = one_more.receives("</iq>").await;
        let bound = answer.contains("<jid>");
        there.push(one_more);
        bound.then_some(())
    })
    .await;
    is_over(&house, &ana, &ids[0]).await;
    resume(&house, &ana, &ids[1], 0).await;
}

#[tokio::test]
async fn a_house_that_closes_does_not_wait_for_sessions_without_a_connection() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let (b, _) = managed(&house, &bo, "phone").await;
    drop(b);
    says(&mut a, &bare(&bo), "one").await;
    let house = house.restart().await;
    let mut b = house.chatter(&bo, "phone").await;
    b.sends("<presence/>").await;
    b.receives("<body>one</body>").await;
}

#[tokio::test]
async fn a_managed_client_that_does_not_answer_is_let_go_but_may_come_back() {
    let house = House::with_xmpp(|settings| {
        settings.answer_limit = Duration::from_millis(200);
    })
    .await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let (b, id) = managed(&house, &bo, "phone").await;
    let rest = b.rest().await;
    assert!(rest.contains("<connection-timeout "), "{rest}");
    says(&mut a, &bare(&bo), "one").await;
    let (mut b, _) = resume(&house, &bo, &id, 2).await;
    b.receives("<body>one</body>").await;
}
