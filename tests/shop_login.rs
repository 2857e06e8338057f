//! The staff of a shop log in to XMPP as the shop, `s{id}`, with what an operator gave them
//! (seed §28.2).

use crate::harness::{Chatter, HEADER, House, bare, plain, same};
use crate::room::enter;
use serde_json::{Value, json};

/// A house with a shop, whose staff have a password.
struct Shop {
    house: House,
    id: String,
    path: String,
    password: String,
}

impl Shop {
    async fn new() -> Self {
        let house = House::new().await;
        let id = house.shop("Ekberg", 60.168, 24.938).await;
        let path = format!("/admin/shops/{id}/xmpp_secret");
        let mut shop = Self {
            house,
            id,
            path,
            password: String::new(),
        };
        shop.password = shop.new_password().await;
        shop
    }

    async fn new_password(&self) -> String {
        let answer = self.house.admin("POST", &self.path, Value::Null).await;
        let answer = answer.ok();
        let password = answer["password"].as_str().expect("a password");
        password.to_owned()
    }

    fn name(&self) -> String {
        format!("s{}", self.id)
    }

    async fn log_in(&self, resource: &str) -> Chatter {
        let address = self.house.xmpp_address();
        Chatter::log_in_with(address, &self.name(), &self.password, resource).await
    }

    async fn online(&self, resource: &str) -> Chatter {
        let mut chatter = self.log_in(resource).await;
        chatter.comes().await;
        chatter
    }

    /// Why a login is refused.
    async fn refusal(&self, password: &str) -> String {
        let mut client = Chatter::connect(self.house.xmpp_address()).await;
        client.sends(HEADER).await;
        client.receives("</stream:features>").await;
        let auth = plain(&self.name(), password);
        client
            .sends(&format!(
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{auth}</auth>"
            ))
            .await;
        client.receives("xmpp-sasl'>").await;
        client.receives("/></failure>").await
    }
}

#[tokio::test]
async fn without_a_password_from_an_operator_nobody_is_a_shop() {
    let house = House::new().await;
    let id = house.shop("Ekberg", 60.168, 24.938).await;
    let shop = Shop {
        path: format!("/admin/shops/{id}/xmpp_secret"),
        house,
        id,
        password: String::new(),
    };
    for guess in ["", "password", "0123456789abcdef0123456789abcdef"] {
        assert_eq!(shop.refusal(guess).await, "<not-authorized/></failure>");
    }
    let password = shop.new_password().await;
    for wrong in [
        &password[1..],
        &password.to_uppercase(),
        &format!("{password}2{}", "0f".repeat(32)),
    ] {
        assert_eq!(shop.refusal(wrong).await, "<not-authorized/></failure>");
    }
    shop.house
        .admin("DELETE", &shop.path, Value::Null)
        .await
        .ok();
    let refusal = shop.refusal(&password).await;
    assert_eq!(refusal, "<not-authorized/></failure>");
}

#[tokio::test]
async fn guesses_at_the_password_of_a_shop_are_counted() {
    let shop = Shop::new().await;
    for _ in 0..10 {
        shop.refusal("a guess").await;
    }
    let refusal = shop.refusal(&shop.password).await;
    assert_eq!(refusal, "<temporary-auth-failure/></failure>");
}

#[tokio::test]
async fn the_password_stands_in_no_event_and_what_is_repeated_is_recorded_as_it_should_be() {
    let shop = Shop::new().await;
    let stream = format!("shop-{}", shop.id);
    let number: u64 = shop.id.parse().expect("a number");
    shop.house.happened().await;
    let second = shop.new_password().await;
    assert_ne!(second, shop.password);
    let issued = json!([{
        "stream": stream, "type": "shop.xmpp-secret-issued.v1",
        "data": {"shop_id": number, "generation": 2},
    }]);
    same(&shop.house.happened().await, &issued);
    let revoke = async || {
        let answer = shop.house.admin("DELETE", &shop.path, Value::Null).await;
        same(&answer.ok(), &json!({"id": number}));
    };
    revoke().await;
    let revoked = json!([{
        "stream": stream, "type": "shop.xmpp-secret-revoked.v1", "data": {"shop_id": number},
    }]);
    same(&shop.house.happened().await, &revoked);
    revoke().await;
    shop.house.nothing_happened().await;
    let third = shop.new_password().await;
    for stored in shop.house.stored().await {
        for password in [&shop.password, &second, &third] {
            assert!(!stored.data.contains(password.as_str()), "{}", stored.data);
        }
    }
}

#[tokio::test]
async fn a_new_password_the_end_of_the_last_and_of_the_shop_end_its_connections() {
    let mut shop = Shop::new().await;
    let connection = shop.online("till").await;
    shop.password = shop.new_password().await;
    let rest = connection.rest().await;
    assert!(rest.contains("<stream:error><reset "), "{rest}");

    let connection = shop.online("till").await;
    shop.house
        .admin("DELETE", &shop.path, Value::Null)
        .await
        .ok();
    let rest = connection.rest().await;
    assert!(rest.contains("<stream:error><not-authorized "), "{rest}");

    shop.password = shop.new_password().await;
    let mut connection = shop.online("till").await;
    enter(&mut connection, &shop.id, &shop.name(), "").await;
    let path = format!("/admin/shops/{}", shop.id);
    shop.house.admin("DELETE", &path, Value::Null).await.ok();
    let rest = connection.rest().await;
    assert!(rest.contains("<stream:error><not-authorized "), "{rest}");
    let refusal = shop.refusal(&shop.password).await;
    assert_eq!(refusal, "<not-authorized/></failure>");
    shop.house
        .admin("POST", &shop.path, Value::Null)
        .await
        .refused(404);
}

#[tokio::test]
async fn a_shop_reads_what_waits_for_it_and_answers() {
    let shop = Shop::new().await;
    let ana = shop.house.login("ana").await;
    let mut a = shop.house.online(&ana, "phone").await;
    let to = format!("{}@dface.cn", shop.name());
    a.sends(&format!(
        "<message type='chat' id='m1' to='{to}'><body>is the coupon good?</body></message>"
    ))
    .await;
    a.is_answered().await;
    let mut till = shop.log_in("till").await;
    assert_eq!(till.jid, format!("{to}/till"));
    till.sends("<presence/>").await;
    let waiting = till.stanza("message").await;
    assert!(waiting.contains("is the coupon good?"), "{waiting}");
    assert!(waiting.contains("urn:xmpp:delay"), "{waiting}");
    till.sends(&format!(
        "<message type='chat' id='m2' to='{}'><body>it is</body></message>",
        bare(&ana)
    ))
    .await;
    let answer = a.stanza("message").await;
    let from = format!("from='{to}/till'");
    assert!(
        answer.contains(&from) && answer.contains("it is"),
        "{answer}"
    );
    // It has confirmed that the first one arrived.
    till.goes().await;
    let mut till = shop.online("till").await;
    let heard = till.is_answered().await;
    assert!(!heard.contains("coupon"), "{heard}");
    // Both tills hear what is said from now on.
    let mut other = shop.online("other till").await;
    a.sends(&format!(
        "<message type='chat' id='m3' to='{to}'><body>thank you</body></message>"
    ))
    .await;
    for connection in [&mut till, &mut other] {
        let heard = connection.stanza("message").await;
        assert!(heard.contains("thank you"), "{heard}");
    }
}

#[tokio::test]
async fn a_shop_has_a_card_and_no_blacklist() {
    let shop = Shop::new().await;
    let mut till = shop.online("till").await;
    till.sends("<iq type='get' id='card'><vCard xmlns='vcard-temp'/></iq>")
        .await;
    let card = till.stanza("iq").await;
    assert!(card.contains("<FN>Ekberg</FN>"), "{card}");
    for (kind, order) in [("get", "blocklist"), ("set", "block"), ("set", "unblock")] {
        till.sends(&format!(
            "<iq type='{kind}' id='list'><{order} xmlns='urn:xmpp:blocking'/></iq>"
        ))
        .await;
        let answer = till.stanza("iq").await;
        assert!(answer.contains("<not-allowed "), "{answer}");
    }
}

#[tokio::test]
async fn a_shop_keeps_order_in_its_own_room() {
    let shop = Shop::new().await;
    let (ana, bo) = (shop.house.login("ana").await, shop.house.login("bo").await);
    let mut a = shop.house.online(&ana, "phone").await;
    let mut b = shop.house.online(&bo, "phone").await;
    let mut till = shop.online("till").await;
    let heard = enter(&mut till, &shop.id, "the boss", "").await;
    let own = format!("from='{}@c.dface.cn/{}'", shop.id, shop.name());
    assert!(heard.contains(&own), "{heard}");
    assert!(
        heard.contains("affiliation='admin' role='moderator'"),
        "{heard}"
    );
    enter(&mut a, &shop.id, &ana.id, "").await;
    enter(&mut b, &shop.id, &bo.id, "").await;
    let room = format!("{}@c.dface.cn", shop.id);
    till.sends(&format!(
        "<message type='groupchat' id='g1' to='{room}'><body>last orders</body></message>"
    ))
    .await;
    let said = a.stanza("message").await;
    assert!(
        said.contains(&own) && said.contains("last orders"),
        "{said}"
    );
    // Alone to one of them, and back.
    till.sends(&format!(
        "<message type='chat' id='w1' to='{room}/{}'><body>your bill</body></message>",
        ana.id
    ))
    .await;
    let whisper = a.stanza("message").await;
    assert!(
        whisper.contains(&own) && whisper.contains("your bill"),
        "{whisper}"
    );
    a.sends(&format!(
        "<message type='chat' id='w2' to='{room}/{}'><body>here you are</body></message>",
        shop.name()
    ))
    .await;
    till.receives("here you are").await;
    till.sends(&format!(
        "<message type='groupchat' to='{room}'><subject>closing</subject></message>"
    ))
    .await;
    a.receives("<subject>closing</subject>").await;
    till.sends(&format!(
        "<iq type='set' id='kick' to='{room}'>\
         <query xmlns='http://jabber.org/protocol/muc#admin'>\
         <item nick='{}' role='none'/></query></iq>",
        bo.id
    ))
    .await;
    b.receives("<status code='307'/>").await;
    till.receives("<iq type='result' id='kick'").await;
    // Operators make and set up rooms, nobody else.
    for (kind, namespace) in [("get", "owner"), ("set", "owner"), ("get", "admin")] {
        till.sends(&format!(
            "<iq type='{kind}' id='own' to='{room}'>\
             <query xmlns='http://jabber.org/protocol/muc#{namespace}'/></iq>"
        ))
        .await;
        till.receives("id='own'").await;
        till.receives("<forbidden ").await;
    }
}
