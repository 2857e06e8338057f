//! tokio-xmpp as the client: an implementation of the standard that is not ours.

use crate::harness::{House, PATIENCE, Phone};
use futures_util::StreamExt;
use tokio::time::timeout;
use tokio_xmpp::connect::DnsConfig;
use tokio_xmpp::jid::Jid;
use tokio_xmpp::parsers::message::{Lang, Message, MessageType};
use tokio_xmpp::parsers::muc::Muc;
use tokio_xmpp::parsers::presence::{Presence, Type};
use tokio_xmpp::xmlstream::Timeouts;
use tokio_xmpp::{Client, Event, Stanza};

async fn online(house: &House, phone: &Phone) -> Client {
    let jid: Jid = format!("{}@dface.cn/phone", phone.id)
        .parse()
        .expect("a JID");
    let server = DnsConfig::addr(&house.xmpp_address().to_string());
    let password = phone.password.clone();
    let mut client = Client::new_plaintext(jid, password, server, Timeouts::default());
    while !matches!(next(&mut client).await, Event::Online { .. }) {}
    let presence = Presence::new(Type::None);
    client.send_stanza(presence.into()).await.expect("sent");
    client
}

async fn next(client: &mut Client) -> Event {
    let event = timeout(PATIENCE, client.next()).await;
    match event.expect("in time").expect("a stream") {
        Event::Disconnected(error) => panic!("{error}"),
        event => event,
    }
}

/// The next message with a body.
async fn message(client: &mut Client) -> (Message, String) {
    loop {
        if let Event::Stanza(Stanza::Message(message)) = next(client).await
            && let Some(body) = message.bodies.values().next().cloned()
        {
            return (message, body);
        }
    }
}

fn says(to: &str, kind: MessageType, text: &str) -> Stanza {
    let mut message = Message::new(Some(to.parse::<Jid>().expect("a JID")));
    message.type_ = kind;
    message.bodies.insert(Lang::default(), text.to_owned());
    message.into()
}

#[tokio::test]
async fn two_clients_of_tokio_xmpp_talk_and_meet_in_a_room() {
    let house = House::new().await;
    let shop = house.shop("Ekberg", 60.168, 24.938).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut a = online(&house, &ana).await;
    let mut b = online(&house, &bo).await;
    let to = format!("{}@dface.cn", bo.id);
    let sent = a
        .send_stanza(says(&to, MessageType::Chat, "你好 <&> 🌊"))
        .await;
    sent.expect("sent");
    let (heard, body) = message(&mut b).await;
    assert_eq!(body, "你好 <&> 🌊");
    let from = heard.from.expect("a sender").to_string();
    assert_eq!(from, format!("{}@dface.cn/phone", ana.id));

    let room = format!("{shop}@c.dface.cn");
    for client in [&mut a, &mut b] {
        let mut join = Presence::new(Type::None).with_payloads(vec![Muc::new().into()]);
        join.to = Some(format!("{room}/me").parse().expect("a JID"));
        client.send_stanza(join.into()).await.expect("sent");
        loop {
            if let Event::Stanza(Stanza::Message(message)) = next(client).await
                && !message.subjects.is_empty()
            {
                break;
            }
        }
    }
    let sent = b
        .send_stanza(says(&room, MessageType::Groupchat, "hello all"))
        .await;
    sent.expect("sent");
    for client in [&mut a, &mut b] {
        let (heard, body) = message(client).await;
        assert_eq!(body, "hello all");
        let from = heard.from.expect("a sender").to_string();
        assert_eq!(from, format!("{room}/{}", bo.id));
    }
    for client in [a, b] {
        timeout(PATIENCE, client.send_end())
            .await
            .expect("in time")
            .expect("an end");
    }
}
