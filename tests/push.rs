//! Waking phones through Apple's gateways (seed §33): whose, when, for what, and what becomes of a
//! device that its gateway does not know any more.

use crate::harness::{Chatter, DAY, Door, House, Phone, Server, Stores, bare, eventually, run};
use policies::ApnsSettings;
use serde_json::Value;
use std::net::SocketAddr;
use test_apns::{Apple, Asked, Gateway, Mood};

/// How long after a message somebody is woken, where a test decides when that is.
const AFTER: i64 = 10_000;

fn settings(apple: &Apple) -> ApnsSettings {
    ApnsSettings {
        key: apple.key().into(),
        key_id: test_apns::KEY_ID.into(),
        team_id: test_apns::TEAM_ID.into(),
        topic: test_apns::TOPIC.into(),
        production_url: apple.production.url(),
        development_url: apple.development.url(),
        ca: Some(apple.authority().into()),
        connect_limit: crate::harness::PATIENCE,
        call_limit: crate::harness::PATIENCE,
    }
}

/// A house that has phones woken at once.
async fn house(apple: &Apple) -> House {
    House::with_push(Stores::Memory, settings(apple), 0).await
}

/// The token of somebody's phone.
fn token(letter: &str) -> String {
    letter.repeat(64)
}

/// Somebody logs in from a phone that reports its state and its token.
async fn comes(address: SocketAddr, phone: &Phone, state: u8, letter: &str) -> Chatter {
    let password = format!("{}{state}{}", phone.password, token(letter));
    let mut chatter = Chatter::log_in_with(address, &phone.id, &password, "phone").await;
    chatter.comes().await;
    chatter
}

async fn say(from: &mut Chatter, to: &Phone, text: &str) {
    from.sends(&format!(
        "<message type='chat' id='{text}' to='{}'><body>{text}</body></message>",
        bare(to)
    ))
    .await;
    from.is_answered().await;
}

/// Waits until the gateway has woken devices so often.
async fn woken(gateway: &Gateway, times: usize) -> Vec<Asked> {
    eventually("somebody is woken", async || {
        let woken = gateway.woken();
        (woken.len() >= times).then_some(woken)
    })
    .await
}

/// Waits until the house knows that Ana's message with this number has reached Bo.
async fn arrived(house: &House, ana: &Phone, revision: u64) {
    eventually("the arrival is noted", async || {
        let happened = house.happened().await;
        let mut happened = happened.as_array().expect("events").iter();
        let noted = |event: &Value| {
            let of_ana = event["data"]["from"][&ana.id].as_array();
            of_ana.is_some_and(|revisions| revisions.contains(&revision.into()))
        };
        happened.any(noted).then_some(())
    })
    .await;
}

/// What fails at a gateway, as operators see it.
async fn failing(house: &House, policy: &str) -> Value {
    let shown = house.admin("GET", "/admin/policies", Value::Null).await;
    let shown = shown.ok();
    let mut policies = shown["policies"].as_array().expect("an array").iter();
    let policy = policies.find(|shown| shown["name"] == policy);
    policy.expect("a policy")["failing"].clone()
}

#[tokio::test]
async fn whoever_is_away_is_woken_and_the_badge_counts_what_waits() {
    let apple = Apple::new().await;
    let house = house(&apple).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    comes(house.xmpp_address(), &bo, 2, "b").await.goes().await;
    let mut a = house.online(&ana, "phone").await;
    say(&mut a, &bo, "one").await;
    woken(&apple.production, 1).await;
    say(&mut a, &bo, "two").await;
    let woken = woken(&apple.production, 2).await;
    for (asked, (body, badge)) in woken.iter().zip([("one", 1), ("two", 2)]) {
        assert_eq!(asked.device, token("b"));
        assert_eq!(asked.body(), body);
        assert_eq!(asked.payload["aps"]["alert"]["title"], "ana");
        assert_eq!(asked.payload["aps"]["badge"], badge);
        assert_eq!(asked.payload["from"], ana.id.as_str());
    }
    assert_eq!(woken[0].collapse_id, woken[1].collapse_id);
    assert_ne!(woken[0].id, woken[1].id);
    assert_eq!(apple.development.asked().len(), 0);

    // What was read is not counted.
    let mut b = house.online(&bo, "phone").await;
    b.is_answered().await;
    b.goes().await;
    arrived(&house, &ana, 1).await;
    say(&mut a, &bo, "three").await;
    let woken = self::woken(&apple.production, 3).await;
    assert_eq!(woken[2].payload["aps"]["badge"], 1);
}

#[tokio::test]
async fn whoever_is_there_and_shows_it_is_left_in_peace() {
    let apple = Apple::new().await;
    let house = House::with_push(Stores::Memory, settings(&apple), AFTER).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let mut b = comes(house.xmpp_address(), &bo, 2, "b").await;
    let mut a = house.online(&ana, "phone").await;
    say(&mut a, &bo, "one").await;
    b.stanza("message").await;
    b.is_answered().await;
    arrived(&house, &ana, 0).await;
    house.clock.pass(AFTER);
    house.quiet().await;
    assert_eq!(apple.production.asked().len(), 0);

    // It may have lost the network without a word.
    say(&mut a, &bo, "two").await;
    b.stanza("message").await;
    house.clock.pass(AFTER);
    let woken = woken(&apple.production, 1).await;
    assert_eq!(woken[0].body(), "two");
}

#[tokio::test]
async fn each_gateway_is_asked_about_its_own_devices_and_waits_for_no_other() {
    let apple = Apple::new().await;
    let house = house(&apple).await;
    let (ana, bo, cy) = (
        house.login("ana").await,
        house.login("bo").await,
        house.login("cy").await,
    );
    comes(house.xmpp_address(), &bo, 2, "b").await.goes().await;
    comes(house.xmpp_address(), &cy, 1, "c").await.goes().await;
    let mut a = house.online(&ana, "phone").await;
    apple
        .production
        .feels(Mood::Says(503, "ServiceUnavailable", None));
    say(&mut a, &bo, "one").await;
    say(&mut a, &cy, "two").await;
    let woken_there = woken(&apple.development, 1).await;
    assert_eq!(woken_there[0].device, token("c"));
    let failing_there = eventually("the failure is shown", async || {
        let failing = failing(&house, "push_production").await;
        (failing["attempts"].as_u64() >= Some(2)).then_some(failing)
    })
    .await;
    let error = failing_there["error"].as_str().expect("a text");
    assert!(
        error.contains("503") && !error.contains(&token("b")),
        "{error}"
    );
    assert_eq!(failing(&house, "push_development").await, Value::Null);

    apple.production.feels(Mood::Well);
    let woken = woken(&apple.production, 1).await;
    assert_eq!(woken[0].device, token("b"));
    house.quiet().await;
    assert_eq!(failing(&house, "push_production").await, Value::Null);
}

#[tokio::test]
async fn a_message_that_waited_through_a_restart_wakes_once() {
    let apple = Apple::new().await;
    let house = House::with_push(Stores::Sqlite, settings(&apple), AFTER).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    comes(house.xmpp_address(), &bo, 2, "b").await.goes().await;
    let mut a = house.online(&ana, "phone").await;
    say(&mut a, &bo, "one").await;
    drop(a);
    let house = house.restart().await;
    assert_eq!(apple.production.asked().len(), 0, "it is too early");
    house.clock.pass(AFTER);
    woken(&apple.production, 1).await;
    house.quiet().await;
    let house = house.restart().await;
    house.quiet().await;
    assert_eq!(apple.production.asked().len(), 1);
}

#[tokio::test]
async fn nobody_is_woken_by_whom_they_do_not_want_or_in_the_name_of_another() {
    let apple = Apple::new().await;
    let house = house(&apple).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    comes(house.xmpp_address(), &bo, 2, "b").await.goes().await;
    let pair = [
        ("user_id", bo.id.as_str()),
        ("block_id", &ana.id),
        ("report", "0"),
    ];
    bo.post("/blacklists", &pair).await.ok();
    let mut a = house.online(&ana, "phone").await;
    say(&mut a, &bo, "one").await;
    house.quiet().await;
    // The phone is Cy's from now on.
    let cy = house.login("cy").await;
    let mut c = comes(house.xmpp_address(), &cy, 2, "b").await;
    say(&mut c, &bo, "two").await;
    house.quiet().await;
    assert_eq!(apple.production.asked().len(), 0);
}

#[tokio::test]
async fn a_device_that_its_gateway_lost_is_asked_about_again_after_the_next_login() {
    let apple = Apple::new().await;
    let house = house(&apple).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    comes(house.xmpp_address(), &bo, 2, "b").await.goes().await;
    let mut a = house.online(&ana, "phone").await;
    let lost = house.commands().clock().now().0 + 1;
    let unregistered = Mood::Says(410, "Unregistered", Some(lost));
    apple.production.feels_about(&token("b"), unregistered);
    house.happened().await;
    say(&mut a, &bo, "one").await;
    house.quiet().await;
    let happened = house.happened_types().await;
    assert_eq!(
        happened.last().expect("events"),
        "user.push-token-unbound.v1"
    );
    say(&mut a, &bo, "two").await;
    house.quiet().await;
    assert_eq!(apple.production.asked().len(), 1);

    house.clock.pass(DAY);
    apple.production.feels_about(&token("b"), Mood::Well);
    comes(house.xmpp_address(), &bo, 2, "b").await.goes().await;
    say(&mut a, &bo, "three").await;
    let woken = woken(&apple.production, 1).await;
    assert_eq!(woken[0].body(), "three");

    bo.post("/oauth2/logout", &[("pushtoken", &token("b"))])
        .await
        .ok();
    say(&mut a, &bo, "four").await;
    house.quiet().await;
    assert_eq!(apple.production.asked().len(), 2);
}

/// What the program is told.
fn variables(apple: &Apple, folder: &std::path::Path) -> Vec<(String, String)> {
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    [
        ("KEY_FILE", file("AuthKey.p8", apple.key())),
        ("KEY_ID", test_apns::KEY_ID.into()),
        ("TEAM_ID", test_apns::TEAM_ID.into()),
        ("TOPIC", test_apns::TOPIC.into()),
        ("PRODUCTION_URL", apple.production.url()),
        ("DEVELOPMENT_URL", apple.development.url()),
        ("CA_FILE", file("authority.pem", apple.authority())),
        ("AFTER_MS", "0".into()),
    ]
    .map(|(name, value)| (format!("LIANLIAN_PUSH__{name}"), value))
    .into()
}

#[tokio::test]
async fn the_program_wakes_phones_as_it_is_set_and_goes_on_after_a_kill() {
    let apple = Apple::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let variables = variables(&apple, folder.path());
    let variables: Vec<(&str, &str)> = variables.iter().map(|(k, v)| (&**k, &**v)).collect();
    let door = Door::new(Door::client(), String::new());
    let mut server = Server::start_with(folder.path(), door, &variables).await;
    let (ana, bo) = (server.login("ana").await, server.login("bo").await);
    comes(server.xmpp_address, &bo, 2, "b").await.goes().await;
    apple.production.feels(Mood::Hangs);
    let mut a = comes(server.xmpp_address, &ana, 1, "a").await;
    say(&mut a, &bo, "one").await;
    eventually("the gateway is asked", async || {
        (!apple.production.asked().is_empty()).then_some(())
    })
    .await;
    server.kill().await;
    apple.production.feels(Mood::Well);
    server.start_again().await;
    let woken = eventually("Bo is woken", async || {
        let asked = apple.production.woken();
        asked.into_iter().next_back()
    })
    .await;
    assert_eq!(woken.id, apple.production.asked()[0].id);
    assert_eq!(woken.device, token("b"));
    let complaints = server.complaints();
    let key = apple.key().lines().nth(1).expect("a key");
    for secret in [key, &token("b"), &woken.provider_token] {
        assert!(!complaints.contains(secret), "{complaints}");
    }
}

#[tokio::test]
async fn a_key_that_is_none_keeps_the_program_from_starting() {
    let apple = Apple::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let wrong = folder.path().join("wrong.p8");
    std::fs::write(&wrong, "hush").expect("a file");
    let set = |name: &str, value: &str| format!("push.{name}={value}");
    let arguments = |key_file: &str| {
        [
            set("key_file", key_file),
            set("key_id", test_apns::KEY_ID),
            set("team_id", test_apns::TEAM_ID),
            set("topic", test_apns::TOPIC),
            set("production_url", &apple.production.url()),
        ]
    };
    for (key_file, says) in [
        ("missing.p8".to_owned(), "missing.p8"),
        (wrong.display().to_string(), ".p8 files of apple"),
    ] {
        let settings = arguments(&key_file);
        let mut called = vec!["serve"];
        for setting in &settings {
            called.extend(["--set", setting]);
        }
        let refused = run(folder.path(), &called).await.failed();
        assert!(refused.contains(says), "{refused}");
        assert!(!refused.contains("hush"), "{refused}");
    }
}
