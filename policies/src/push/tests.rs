use super::*;
use crate::testing::House;
use commands::Circumstances;
use domain::Position;
use domain::inbox::MessagesDelivered;
use domain::push::{Device, Token};
use std::time::Duration;
use test_apns::{Apple, Mood};

const MINUTE: i64 = 60_000;

/// A house with Ana, who writes, and Bo, who is away and whose phone Apple knows.
struct Scene {
    house: House,
    apple: Apple,
    policies: Vec<Arc<dyn Policy>>,
    ana: UserId,
    bo: UserId,
}

fn device(state: Gateway, letter: &str) -> Device {
    Device {
        state,
        token: Token::new(&letter.repeat(64)).expect("a token"),
    }
}

fn settings(apple: &Apple) -> ApnsSettings {
    ApnsSettings {
        key: apple.key().into(),
        key_id: test_apns::KEY_ID.into(),
        team_id: test_apns::TEAM_ID.into(),
        topic: test_apns::TOPIC.into(),
        production_url: apple.production.url(),
        development_url: apple.development.url(),
        ca: Some(apple.authority().into()),
        connect_limit: Duration::from_secs(30),
        call_limit: Duration::from_secs(30),
    }
}

impl Scene {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut ApnsSettings)) -> Self {
        let (house, apple) = (House::new().await, Apple::new().await);
        let mut settings = settings(&apple);
        change(&mut settings);
        let apns = Arc::new(Apns::new(settings).expect("a client"));
        let policies = Push::both(&house.commands, &house.projections, &apns, 0);
        let (ana, bo) = (house.account("ana").await, house.account("bo").await);
        let scene = Self {
            house,
            apple,
            policies,
            ana,
            bo,
        };
        scene.binds(device(Gateway::Distribution, "b")).await;
        scene
    }

    /// Bo logs in with this device.
    async fn binds(&self, device: Device) {
        let bound = self.house.commands.bind_device(self.bo, device, false);
        let _ = bound.await.expect("bound");
    }

    /// Somebody says something.
    async fn says(&self, from: impl Into<Party>, to: Destination, body: &str) -> Position {
        let message = MessageSent::new(from.into(), to, body);
        let all_is_well = Circumstances {
            present: true,
            fits: true,
        };
        let sent = self.house.commands.send_message(message, all_is_well).await;
        sent.expect("sent").position.expect("an event")
    }

    /// Ana writes to Bo.
    async fn writes(&self, body: &str) -> Position {
        let bo = Destination::To(self.bo.into());
        self.says(self.ana, bo, body).await
    }

    /// Both policies look at the event at `position`, for the time `attempt`.
    async fn tries(&self, position: Position, attempt: u32) -> Result<(), String> {
        self.house.projections.caught_up().await;
        let event = self.house.event(position.0).await;
        for policy in &self.policies {
            let done = policy.react(&event, attempt).await;
            done.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn looks(&self, position: Position) {
        self.tries(position, 1).await.expect("done");
    }

    /// What Bo's device shows, by the bodies.
    fn shown(&self) -> Vec<String> {
        let woken = self.apple.production.woken().into_iter();
        woken.map(|asked| asked.body().to_owned()).collect()
    }

    /// Bo's device, as the read model has it.
    async fn bound(&self) -> Option<Device> {
        self.house.projections.caught_up().await;
        let bound = self.house.projections.push_tokens.of(self.bo).await;
        bound.expect("an answer")
    }
}

#[tokio::test]
async fn a_message_that_waits_wakes_the_device_at_the_gateway_that_knows_it() {
    let scene = Scene::new().await;
    let said = scene.writes("你好").await;
    scene.looks(said).await;
    assert_eq!(scene.apple.development.asked().len(), 0);
    let woken = scene.apple.production.woken();
    let asked = woken.first().expect("a notification");
    assert_eq!(asked.device, "b".repeat(64));
    assert_eq!(asked.expires_s, 1_357_948_800 + KEPT_S);
    let ana = scene.ana.to_string();
    let expected = serde_json::json!({
        "aps": {
            "alert": {"title": "ana", "body": "你好"},
            "badge": 1,
            "sound": "default",
            "thread-id": ana,
        },
        "from": ana,
    });
    assert_eq!(asked.payload, expected);

    scene.binds(device(Gateway::Development, "b")).await;
    let again = scene.writes("还在吗").await;
    scene.looks(again).await;
    assert_eq!(scene.shown(), ["你好"]);
    let woken = scene.apple.development.woken();
    assert_eq!(woken[0].payload["aps"]["badge"], 2);
}

#[tokio::test]
async fn a_repetition_has_the_same_id_and_a_conversation_one_place_on_the_screen() {
    let scene = Scene::new().await;
    let shop = scene.house.open_shop(7, "Ekberg").await;
    let bo = Destination::To(scene.bo.into());
    let one = scene.writes("one").await;
    scene.looks(one).await;
    scene.looks(one).await;
    let two = scene.writes("two").await;
    scene.looks(two).await;
    let three = scene.says(shop, bo, "three").await;
    scene.looks(three).await;
    assert_eq!(scene.shown(), ["one", "one", "two", "three"]);
    let woken = scene.apple.production.woken();
    assert_eq!(woken[0].id, woken[1].id);
    assert_ne!(woken[1].id, woken[2].id);
    assert_eq!(woken[0].collapse_id, woken[2].collapse_id);
    assert_ne!(woken[2].collapse_id, woken[3].collapse_id);
    let badges: Vec<_> = woken
        .iter()
        .map(|asked| &asked.payload["aps"]["badge"])
        .collect();
    assert_eq!(badges, [1, 1, 2, 3]);
    assert_eq!(woken[3].payload["aps"]["alert"]["title"], "Ekberg");
    assert_eq!(woken[3].payload["from"], "s7");
    assert_eq!(scene.apple.production.connections(), 1);
}

#[tokio::test]
async fn nobody_is_woken_for_what_has_arrived_or_is_not_for_them() {
    let scene = Scene::new().await;
    let (ana, bo) = (scene.ana, scene.bo);
    let arrived = scene.writes("arrived").await;
    let delivered = MessagesDelivered {
        owner: bo.into(),
        from: [(ana.into(), vec![0])].into(),
    };
    let noted = scene.house.commands.note_delivered(delivered).await;
    let _ = noted.expect("noted");
    scene.looks(arrived).await;

    let shop = scene.house.open_shop(7, "Ekberg").await;
    for (from, to) in [
        (ana, Destination::Room(shop)),
        (ana, Destination::To(shop.into())),
        (bo, Destination::To(bo.into())),
        (bo, Destination::To(ana.into())),
    ] {
        let said = scene.says(from, to, "not for Bo's phone").await;
        scene.looks(said).await;
    }

    let before = scene.writes("before the blacklist").await;
    let blocked = scene.house.commands.block(bo, ana, false).await;
    let _ = blocked.expect("blocked");
    scene.looks(before).await;
    let unblocked = scene.house.commands.unblock(bo, ana).await;
    let _ = unblocked.expect("unblocked");

    let old = scene.writes("old").await;
    scene.house.pass(STALE_MS + 1);
    scene.looks(old).await;

    let banned = scene.house.commands.ban(bo).await;
    let _ = banned.expect("banned");
    let said = scene.writes("to somebody who is banned").await;
    scene.looks(said).await;
    assert_eq!(scene.apple.production.asked().len(), 0);
}

#[tokio::test]
async fn a_device_that_was_reported_before_its_gateway_lost_it_is_let_go() {
    let scene = Scene::new().await;
    let phone = device(Gateway::Distribution, "b");
    let since = scene.house.commands.clock().now().0;
    let gone = |since| Mood::Says(410, "Unregistered", Some(since));
    let gateway = &scene.apple.production;
    gateway.feels_about(phone.token.as_str(), gone(since));
    let one = scene.writes("one").await;
    scene.looks(one).await;
    assert_eq!(
        scene.bound().await,
        Some(phone.clone()),
        "it came back since"
    );

    gateway.feels_about(phone.token.as_str(), gone(since + 1));
    scene.looks(one).await;
    assert_eq!(scene.bound().await, None);
    scene.looks(one).await;
    assert_eq!(gateway.asked().len(), 2, "nobody is asked any more");
    let types = scene.house.types().await;
    assert_eq!(types.last().expect("events"), "user.push-token-unbound.v1");
}

#[tokio::test]
async fn a_device_that_a_gateway_never_knew_is_let_go_there_only() {
    for reason in ["BadDeviceToken", "DeviceTokenNotForTopic"] {
        let scene = Scene::new().await;
        let token = "b".repeat(64);
        scene.apple.production.feels_about(&token, Mood::Hangs);
        let one = scene.writes("one").await;
        let production = scene.apple.production.asked().len();
        let looking = scene.looks(one);
        // While the gateway thinks, the app is installed from elsewhere.
        let reinstalled = async {
            while scene.apple.production.asked().len() == production {
                tokio::task::yield_now().await;
            }
            scene.binds(device(Gateway::Development, "b")).await;
            let says = Mood::Says(400, reason, None);
            scene.apple.production.feels_about(&token, says);
        };
        tokio::join!(looking, reinstalled);
        assert_eq!(scene.bound().await, Some(device(Gateway::Development, "b")));

        scene
            .apple
            .development
            .feels_about(&token, Mood::Says(400, reason, None));
        let two = scene.writes("two").await;
        scene.looks(two).await;
        assert_eq!(scene.bound().await, None);
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_gateway_or_the_settings_costs_no_device() {
    let limit = Duration::from_secs(2);
    let scene = Scene::with(|settings| settings.call_limit = limit).await;
    let one = scene.writes("one").await;
    let gateway = &scene.apple.production;
    for (mood, says) in [
        (Mood::Says(403, "InvalidProviderToken", None), "settings"),
        (Mood::Says(400, "TopicDisallowed", None), "settings"),
        (Mood::Says(429, "TooManyRequests", None), "too often"),
        (Mood::Says(500, "InternalServerError", None), "status 500"),
        (Mood::Says(503, "ServiceUnavailable", None), "status 503"),
        (Mood::Breaks, "the connection broke"),
        (Mood::Hangs, "no answer in time"),
    ] {
        gateway.feels(mood);
        let error = scene.tries(one, 1).await.expect_err("not done");
        assert!(error.contains(says), "{mood:?}: {error}");
        assert!(!error.contains("bbb") && !error.contains("one"), "{error}");
    }
    gateway.feels(Mood::Well);
    scene.looks(one).await;
    // It may have changed its mood before it heard that it was waited for no longer.
    let mut ids: Vec<_> = gateway.woken().into_iter().map(|asked| asked.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert!(scene.bound().await.is_some());
}

#[tokio::test]
async fn a_gateway_that_is_gone_is_found_again() {
    let mut scene = Scene::new().await;
    let one = scene.writes("one").await;
    scene.apple.production.stop().await;
    let error = scene.tries(one, 1).await.expect_err("not done");
    assert!(error.contains("no connection"), "{error}");
    scene.apple.production.start().await;
    scene.looks(one).await;
    scene.apple.production.stop().await;
    scene.apple.production.start().await;
    let two = scene.writes("two").await;
    let done = scene.tries(two, 1).await;
    if done.is_err() {
        // The old connection was noticed to be gone only now.
        scene.looks(two).await;
    }
    assert_eq!(scene.shown(), ["one", "two"]);
}

#[tokio::test]
async fn a_gateway_of_another_authority_is_told_nothing() {
    let stranger = Apple::new().await;
    let url = stranger.production.url();
    let scene = Scene::with(|settings| settings.production_url = url).await;
    let one = scene.writes("one").await;
    let error = scene.tries(one, 1).await.expect_err("not done");
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(stranger.production.asked().len(), 0);
}

#[tokio::test]
async fn an_expired_provider_token_is_replaced_at_once_if_it_is_old_enough() {
    let scene = Scene::new().await;
    let one = scene.writes("one").await;
    scene.looks(one).await;
    scene.apple.production.ends_tokens();
    let error = scene.tries(one, 1).await.expect_err("not done");
    assert!(error.contains("ExpiredProviderToken"), "{error}");
    scene.house.pass(20 * MINUTE);
    scene.looks(one).await;
    let woken = scene.apple.production.woken();
    assert_eq!(woken.len(), 2);
    assert_ne!(woken[0].provider_token, woken[1].provider_token);
    assert!(scene.bound().await.is_some());
}

#[tokio::test]
async fn a_message_is_given_up_while_its_gateway_answers_others_and_not_before() {
    let scene = Scene::new().await;
    let one = scene.writes("one").await;
    let gateway = &scene.apple.production;
    gateway.feels(Mood::Says(500, "InternalServerError", None));
    for attempt in 1..20 {
        let tried = scene.tries(one, attempt).await;
        tried.expect_err("nobody says that it would not work for others");
    }
    gateway.feels(Mood::Well);
    gateway.feels_about(&"b".repeat(64), Mood::Says(429, "TooManyRequests", None));
    for attempt in 1..ATTEMPTS {
        scene.tries(one, attempt).await.expect_err("not done");
    }
    scene.tries(one, ATTEMPTS).await.expect("given up");
    scene.house.pass(STALE_MS + 1);
    gateway.feels(Mood::Says(500, "InternalServerError", None));
    scene.tries(one, 1).await.expect("stale");
    assert_eq!(scene.shown(), [""; 0]);
}

#[tokio::test]
async fn what_a_gateway_never_takes_is_not_sent_again() {
    let scene = Scene::new().await;
    let one = scene.writes("one").await;
    scene
        .apple
        .production
        .feels(Mood::Says(400, "BadPriority", None));
    scene.looks(one).await;
    assert!(scene.bound().await.is_some());
}

#[tokio::test]
async fn the_longest_message_is_cut_to_what_apple_takes() {
    let scene = Scene::new().await;
    let said = scene.writes(&"🌊\"".repeat(3_200)).await;
    scene.looks(said).await;
    let woken = scene.apple.production.woken();
    assert!(woken[0].payload_bytes > 4_000, "{}", woken[0].payload_bytes);
    assert!(woken[0].body().ends_with('…'));
}

#[tokio::test]
async fn many_are_woken_over_one_connection() {
    let scene = Scene::new().await;
    let mut policies = Vec::new();
    for policy in &scene.policies {
        policies.push(scene.house.run(policy.clone()).await);
    }
    for number in 0..100 {
        scene.writes(&number.to_string()).await;
    }
    crate::testing::until("all are told of", async || scene.shown().len() >= 100).await;
    for mut policies in policies {
        policies.stop(crate::testing::PATIENCE).await;
    }
    let mut shown = scene.shown();
    shown.sort_by_key(|body| body.parse::<u32>().expect("a number"));
    let expected: Vec<_> = (0..100).map(|number: u32| number.to_string()).collect();
    assert_eq!(shown, expected);
    assert_eq!(scene.apple.production.connections(), 1);
}
