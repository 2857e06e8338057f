//! `/oauth2/login` and `/oauth2/logout`: sessions and accounts (seed §2.2, §2.3).

use crate::harness::{Call, DAY, House, Phone, Stores, hash, same, settings};
use serde_json::json;

/// The login whose hash the seed prints.
const SEED: [(&str, &str); 4] = [
    ("name", "name"),
    ("pass", "pa"),
    ("mac", "ss"),
    ("hash", "11f4004a73a65117071bc4a7d3dfdf07"),
];

#[tokio::test]
async fn the_login_of_the_seed_makes_an_account_with_every_field() {
    let house = House::new().await;
    let answer = house.post("/oauth2/login", &SEED).await;
    let phone = Phone::logged_in(house.door(), &answer);
    house.scrub.name(&phone.id, "name");
    house.scrub.name(&phone.password, "password");
    same(
        &house.scrub.tidy(&answer.ok()),
        &json!({
            "id": "<name>",
            "password": "<password>",
            "logo": "",
            "name": "name",
            "gender": 0,
            "wb_uid": null,
            "token": null,
            "expires_in": null,
            "expires_at": null,
        }),
    );
    assert_eq!(phone.password.len(), 16, "{}", phone.password);
    assert!(
        phone.password.bytes().all(|b| b.is_ascii_hexdigit()),
        "{}",
        phone.password
    );
    // A JID that begins with `s` is a shop (seed §28.2).
    assert!(
        !phone.id.starts_with('s') && phone.id.len() == 24,
        "{}",
        phone.id
    );
    same(
        &house.happened().await,
        &json!([
            {
                "stream": "identity-local-<id>",
                "type": "identity.linked.v1",
                "data": {"provider": "local", "user_id": "<name>"},
            },
            {
                "stream": "user-<name>",
                "type": "user.registered.v1",
                "data": {"user_id": "<name>", "name": "name", "gender": 0, "wb_uid": null},
            },
        ]),
    );
}

#[tokio::test]
async fn the_next_login_finds_the_same_account_in_a_new_session() {
    let house = House::new().await;
    let first = house.login("ana").await;
    house.happened().await;
    house.clock.pass(DAY);
    let second = house.login("ana").await;
    assert_eq!((&first.id, &first.password), (&second.id, &second.password));
    assert_ne!(first.session, second.session);
    house.nothing_happened().await;
    for phone in [first, second] {
        assert_eq!(
            phone.get("/user_info/get_self", &[]).await.ok()["id"],
            phone.id
        );
    }
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_goes_to_every_path() {
    let house = House::new().await;
    let answer = house.try_login("ana", "secret").await;
    let (session, attributes) = answer.set_cookie().expect("a cookie");
    assert_eq!(session.len(), 32);
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax");
}

#[tokio::test]
async fn a_session_that_the_client_brought_is_never_adopted() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    for brought in ["0123456789abcdef0123456789abcdef", &ana.session] {
        let hash = hash(&["bo", "secret", "m", "dface"]);
        let bo = [
            ("name", "bo"),
            ("pass", "secret"),
            ("mac", "m"),
            ("hash", hash.as_str()),
        ];
        let call = Call::new("POST", "/oauth2/login").form(&bo);
        let call = call.header("cookie", format!("_session_id={brought}"));
        let (given, _) = house.send(call).await.set_cookie().expect("a cookie");
        assert_ne!(given, brought);
    }
    // What an attacker planted stays worthless, and Ana's session stays Ana's.
    let planted = Call::new("GET", "/user_info/get_self")
        .header("cookie", "_session_id=0123456789abcdef0123456789abcdef");
    house.send(planted).await.refused(401);
    assert_eq!(
        ana.get("/user_info/get_self", &[]).await.ok()["name"],
        "ana"
    );
}

#[tokio::test]
async fn a_wrong_password_opens_no_session() {
    let house = House::new().await;
    house.login("ana").await;
    house.happened().await;
    for wrong in ["x", "Password of ana", "password of ana "] {
        let answer = house.try_login("ana", wrong).await;
        answer.refused(401);
        assert!(answer.header("set-cookie").is_none());
    }
    house.nothing_happened().await;
}

#[tokio::test]
async fn a_wrong_hash_or_a_missing_field_makes_no_account() {
    let house = House::new().await;
    let right = hash(&["ana", "secret", "m", "dface"]);
    let login = |hash| {
        [
            ("name", "ana"),
            ("pass", "secret"),
            ("mac", "m"),
            ("hash", hash),
        ]
    };
    let of_a_start = hash(&["ana", "secret", "m", "init"]);
    for wrong in ["", "x", &right[..31], &of_a_start] {
        let answer = house.post("/oauth2/login", &login(wrong)).await;
        answer.refused(400);
        assert!(answer.header("set-cookie").is_none());
        assert!(!answer.text().contains(&right), "{}", answer.text());
    }
    for missing in ["name", "pass", "mac", "hash"] {
        let rest = login(&right)
            .into_iter()
            .filter(|(name, _)| *name != missing);
        house
            .post("/oauth2/login", &rest.collect::<Vec<_>>())
            .await
            .refused(400);
    }
    // The hash fits, but nobody is called nothing, and nothing is no password.
    for (name, pass) in [("", "secret"), (" ", "secret"), ("ana", "")] {
        house.try_login(name, pass).await.refused(400);
    }
    house.nothing_happened().await;
}

#[tokio::test]
async fn logging_out_ends_this_session_and_no_other() {
    let house = House::new().await;
    let phone = house.login("ana").await;
    let tablet = house.login("ana").await;
    for session in [&phone, &tablet] {
        session.get("/user_info/get_self", &[]).await.ok();
    }
    let answer = phone
        .post("/oauth2/logout", &[("pushtoken", &"a".repeat(64))])
        .await;
    same(&answer.ok(), &json!({"logout": true}));
    let (value, attributes) = answer.set_cookie().expect("takes the cookie away");
    assert!(
        value.is_empty() && attributes.contains("Max-Age=0"),
        "{attributes}"
    );
    phone.get("/user_info/get_self", &[]).await.refused(401);
    tablet.get("/user_info/get_self", &[]).await.ok();
}

#[tokio::test]
async fn logging_out_without_a_session_does_no_harm() {
    let house = House::new().await;
    let phone = house.login("ana").await;
    let token = "1".repeat(65);
    for method in ["GET", "POST"] {
        let call = Call::new(method, "/oauth2/logout").query(&[("pushtoken", &token)]);
        same(&house.send(call).await.ok(), &json!({"logout": true}));
    }
    phone.get("/oauth2/logout", &[]).await.ok();
    phone.post("/oauth2/logout", &[]).await.ok();
    phone.get("/user_info/get_self", &[]).await.refused(401);
}

#[tokio::test]
async fn a_session_survives_a_restart_and_ends_when_its_time_is_up() {
    let house = House::with(Stores::Sqlite, settings()).await;
    let ana = house.login("ana").await;
    let house = house.restart().await;
    assert_eq!(
        ana.get("/user_info/get_self", &[]).await.ok()["password"],
        ana.password
    );
    house.clock.pass(89 * DAY);
    ana.get("/user_info/get_self", &[]).await.ok();
    house.clock.pass(2 * DAY);
    ana.get("/user_info/get_self", &[]).await.refused(401);
}

#[tokio::test]
async fn a_reset_changes_the_xmpp_password_everywhere_and_not_the_login() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    house.happened().await;
    let path = format!("/admin/users/{}/reset_password", ana.id);
    let answer = house.admin("POST", &path, json!(null)).await.ok();
    let new = answer["password"].as_str().expect("a password");
    assert_ne!(new, ana.password);
    assert_eq!(
        ana.get("/user_info/get_self", &[]).await.ok()["password"],
        new
    );
    let again = house.login("ana").await;
    assert_eq!((again.id, again.password.as_str()), (ana.id.clone(), new));
    same(
        &house.happened().await,
        &json!([{
            "stream": "user-<ana>",
            "type": "user.password-reset.v1",
            "data": {"user_id": "<ana>", "generation": 1},
        }]),
    );
    house
        .admin(
            "POST",
            "/admin/users/502e6303421aa918ba000001/reset_password",
            json!(null),
        )
        .await
        .refused(404);
}

#[tokio::test]
async fn no_password_ever_stands_in_the_log() {
    let house = House::new().await;
    let ana = house.login("ana").await;
    house.try_login("bo", "Correct Horse").await.ok();
    house
        .admin(
            "POST",
            &format!("/admin/users/{}/reset_password", ana.id),
            json!(null),
        )
        .await
        .ok();
    for event in house.stored().await {
        let all = format!("{} {} {}", event.stream, event.data, event.metadata);
        for secret in [
            "password of ana",
            "Correct Horse",
            &ana.password,
            &ana.session,
            "argon2",
        ] {
            assert!(!all.contains(secret), "{all}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn first_logins_at_the_same_moment_make_one_account() {
    let house = House::with(Stores::Sqlite, settings()).await;
    let logins = (0..6).map(|_| {
        let door = house.door();
        tokio::spawn(async move { door.login("ana").await.id })
    });
    let mut ids = Vec::new();
    for login in logins.collect::<Vec<_>>() {
        ids.push(login.await.expect("a login"));
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(
        house.happened_types().await,
        ["identity.linked.v1", "user.registered.v1"]
    );
}
