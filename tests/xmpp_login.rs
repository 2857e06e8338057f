//! Logging in over XMPP (seed §28.1, §33): the password, a push token behind it, TLS, and guessing.

mod scram;

use crate::harness::{Chatter, HEADER, House, plain};

const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";

/// The answer to one attempt on a connection of its own.
async fn attempt(house: &House, mechanism: &str, response: &str) -> String {
    let mut client = Chatter::connect(house.xmpp_address()).await;
    client.sends(HEADER).await;
    client.receives("</stream:features>").await;
    client
        .sends(&format!(
            "<auth xmlns='{SASL}' mechanism='{mechanism}'>{response}</auth>"
        ))
        .await;
    client.receives(&format!("xmlns='{SASL}'")).await;
    client.receives(">").await
}

#[tokio::test]
async fn only_the_password_opens_with_or_without_a_token() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let (id, password) = (ana.id.as_str(), ana.password.as_str());
    let token = "0f".repeat(32);
    for (name, given) in [
        (id.to_owned(), password.to_owned()),
        (format!("{id}@dface.cn"), password.to_owned()),
        (id.to_owned(), format!("{password}1{token}")),
        (id.to_owned(), format!("{password}2{token}")),
    ] {
        let answer = attempt(&house, "PLAIN", &plain(&name, &given)).await;
        assert_eq!(answer, "/>", "{given}");
    }
    for (name, given) in [
        (id, ""),
        (id, &password[1..]),
        (id, &bo.password),
        (id, &format!("{password}3{token}")),
        (id, &format!("{password}2{}", &token[1..])),
        (id, &format!("{password}2{token}0")),
        ("0123456789abcdef01234567", password),
        ("s77", "password"),
        (&format!("{id}@jabber.org"), password),
        ("", ""),
    ] {
        let answer = attempt(&house, "PLAIN", &plain(name, given)).await;
        assert_eq!(answer, "><not-authorized/>".split_at(1).0, "{name} {given}");
    }
}

#[tokio::test]
async fn what_is_no_login_is_told_what_is_wrong_with_it() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let bo = house.login("bo").await;
    let encoded =
        |text: String| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let for_another = encoded(format!("{}\0{}\0{}", bo.id, ana.id, ana.password));
    for (mechanism, response, failure) in [
        (
            "SCRAM-SHA-1",
            plain(&ana.id, &ana.password),
            "invalid-mechanism",
        ),
        ("PLAIN", "!".into(), "incorrect-encoding"),
        ("PLAIN", encoded("nothing".into()), "malformed-request"),
        ("PLAIN", for_another, "invalid-authzid"),
    ] {
        let mut client = Chatter::connect(house.xmpp_address()).await;
        client.sends(HEADER).await;
        client
            .sends(&format!(
                "<auth xmlns='{SASL}' mechanism='{mechanism}'>{response}</auth>"
            ))
            .await;
        client
            .receives(&format!("<failure xmlns='{SASL}'><{failure}/></failure>"))
            .await;
    }
    // COMPAT: clients that wait to be asked.
    let mut client = Chatter::connect(house.xmpp_address()).await;
    client.sends(HEADER).await;
    client
        .sends(&format!("<auth xmlns='{SASL}' mechanism='PLAIN'/>"))
        .await;
    client
        .receives(&format!("<challenge xmlns='{SASL}'/>"))
        .await;
    let response = plain(&ana.id, &ana.password);
    client
        .sends(&format!("<response xmlns='{SASL}'>{response}</response>"))
        .await;
    client.receives(&format!("<success xmlns='{SASL}'/>")).await;
}

#[tokio::test]
async fn a_device_belongs_to_whoever_logged_in_last_and_is_let_go_at_logout() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    house.happened().await;
    let token = "0f".repeat(32);
    let log_in = async |phone: &crate::harness::Phone| {
        let password = format!("{}2{token}", phone.password);
        Chatter::log_in_with(house.xmpp_address(), &phone.id, &password, "phone").await
    };
    let a = log_in(&ana).await;
    assert_eq!(house.happened_types().await, ["user.push-token-bound.v1"]);
    a.goes().await;
    let wait = async || house.get("/healthz", &[]).await;
    wait().await;
    log_in(&bo).await.goes().await;
    assert_eq!(house.happened_types().await, ["user.push-token-bound.v1"]);
    ana.post("/oauth2/logout", &[("pushtoken", &"a".repeat(64))])
        .await
        .ok();
    house.nothing_happened().await;
    bo.post("/oauth2/logout", &[("pushtoken", &token)])
        .await
        .ok();
    assert_eq!(house.happened_types().await, ["user.push-token-unbound.v1"]);
}

#[tokio::test]
async fn guessing_is_locked_out_after_ten_failures() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    for _ in 0..10 {
        attempt(&house, "PLAIN", &plain(&ana.id, "0123456789abcdef")).await;
    }
    let mut client = Chatter::connect(house.xmpp_address()).await;
    client.sends(HEADER).await;
    let right = plain(&ana.id, &ana.password);
    client
        .sends(&format!(
            "<auth xmlns='{SASL}' mechanism='PLAIN'>{right}</auth>"
        ))
        .await;
    client.receives("<temporary-auth-failure/></failure>").await;
}

#[tokio::test]
async fn one_connection_may_fail_only_so_often() {
    let house = House::new().await;
    let mut client = Chatter::connect(house.xmpp_address()).await;
    client.sends(HEADER).await;
    let wrong = plain("0123456789abcdef01234567", "x");
    for _ in 0..5 {
        client
            .sends(&format!(
                "<auth xmlns='{SASL}' mechanism='PLAIN'>{wrong}</auth>"
            ))
            .await;
    }
    let rest = client.rest().await;
    assert_eq!(rest.matches("<not-authorized/>").count(), 5, "{rest}");
    assert!(rest.contains("<policy-violation "), "{rest}");
}

#[tokio::test]
async fn under_tls_everything_works_as_without() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let mut client = Chatter::connect(house.xmpp_address()).await;
    client.sends(HEADER).await;
    let features = client.receives("</stream:features>").await;
    assert!(features.contains("<starttls "), "{features}");
    client
        .sends("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    client
        .receives("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    let mut client = client.starts_tls().await;
    client.sends(HEADER).await;
    let features = client.receives("</stream:features>").await;
    assert!(!features.contains("starttls"), "{features}");
    let auth = plain(&ana.id, &ana.password);
    client
        .sends(&format!(
            "<auth xmlns='{SASL}' mechanism='PLAIN'>{auth}</auth>{HEADER}"
        ))
        .await;
    client.receives("<bind ").await;
    client.bind("phone").await;
    client.comes().await;
}

#[tokio::test]
async fn what_was_slipped_in_behind_starttls_does_not_count() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    let mut client = Chatter::connect(house.xmpp_address()).await;
    client.sends(HEADER).await;
    client.receives("</stream:features>").await;
    let auth = plain(&ana.id, &ana.password);
    client
        .sends(&format!(
            "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\
             <auth xmlns='{SASL}' mechanism='PLAIN'>{auth}</auth>"
        ))
        .await;
    let rest = client.rest().await;
    assert!(!rest.contains("success"), "{rest}");
}
