//! When messages leave the inbox, and how much of it comes at once.

use super::*;

#[tokio::test]
async fn under_management_only_an_acknowledgement_takes_a_message_from_the_inbox() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let (mut b, _) = managed(&house, &bo, "phone").await;
    says(&mut a, &bare(&bo), "one").await;
    says(&mut a, &bare(&bo), "two").await;
    b.receives("<body>two</body>").await;
    // Its own presence, the answer to its ping, and one of the messages.
    acknowledges(&mut b, 3).await;
    b.is_answered().await;
    b.goes().await;
    let mut b = house.online(&bo, "phone").await;
    let heard = b.is_answered().await;
    assert!(bodies(&heard).is_empty(), "came with the presence: {heard}");
    b.goes().await;
    let mut b = house.chatter(&bo, "phone").await;
    b.sends("<presence/>").await;
    b.is_answered().await;
}

#[tokio::test]
async fn what_does_not_fit_any_more_waits_in_the_inbox() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    let (b, id) = managed(&house, &bo, "phone").await;
    drop(b);
    let padding = "x".repeat(8_000);
    for n in 0..40 {
        says(&mut a, &bare(&bo), &format!("{n} {padding}")).await;
    }
    is_over(&house, &bo, &id).await;
    let mut b = house.chatter(&bo, "phone").await;
    b.sends("<presence/>").await;
    for n in 0..40 {
        let message = b.stanza("message").await;
        assert!(message.contains(&format!("<body>{n} x")), "{message:.300}");
    }
}

#[tokio::test]
async fn an_inbox_comes_at_the_pace_of_acknowledgements_and_goes_on_after_a_break() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.online(&ana, "phone").await;
    // More than may wait for one connection.
    let padding = "x".repeat(8_000);
    for n in 0..80 {
        a.sends(&format!(
            "<message type='chat' to='{}'><body>{n} {padding}</body></message>",
            bare(&bo)
        ))
        .await;
    }
    a.is_answered().await;
    let mut b = house.chatter(&bo, "phone").await;
    let id = enable(&mut b).await;
    b.sends("<presence/>").await;
    // Its own presence, and the messages.
    let mut come = 1;
    for n in 0..80 {
        if n == 30 {
            drop(b);
            says(&mut a, &bare(&bo), "live").await;
            b = resume(&house, &bo, &id, come).await.0;
        }
        let message = b.stanza("message").await;
        let body = format!("<body>{n} x");
        assert!(message.contains(&body), "{n}: {message:.300}");
        come += 1;
        acknowledges(&mut b, come).await;
    }
    b.receives("<body>live</body>").await;
    acknowledges(&mut b, come + 1).await;
    assert!(bodies(&b.is_answered().await).is_empty());
    b.goes().await;
    let mut b = house.online(&bo, "phone").await;
    assert!(bodies(&b.is_answered().await).is_empty());
}

#[tokio::test]
async fn a_client_without_management_is_asked_whether_messages_have_come() {
    let house = House::with_xmpp(|settings| settings.confirm = Duration::from_millis(50)).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = house.chatter(&ana, "phone").await;
    let mut b = house.online(&bo, "phone").await;
    says(&mut a, &bare(&bo), "one").await;
    b.receives("<body>one</body>").await;
    let ping = b.stanza("iq").await;
    let id = ping
        .split("id='")
        .nth(1)
        .and_then(|rest| rest.split('\'').next());
    let id = id.expect("an id");
    assert!(ping.contains("<ping xmlns='urn:xmpp:ping'/>"), "{ping}");
    house.happened().await;
    b.sends(&format!("<iq type='result' id='{id}' to='dface.cn'/>"))
        .await;
    eventually("the message has arrived", async || {
        let types = house.happened_types().await;
        let arrived = "inbox.messages-delivered.v1".to_owned();
        types.contains(&arrived).then_some(())
    })
    .await;
}
