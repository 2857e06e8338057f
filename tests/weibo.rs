//! Logging in by Weibo, with a password or by way of the browser, when it is well and when it is
//! not (seed §2.1, §2.2). Sharing there is in [`share`], pictures in [`photo`], the way there in
//! [`way`].

mod photo;
mod share;
mod way;

use crate::harness::{
    Answer, Call, Door, FakeWeibo, House, Mood, Person, Phone, Stores, hash, same, settings,
};
use serde_json::json;

const ANA: &str = "1884834632";

/// A house that asks this Weibo.
async fn house(weibo: &FakeWeibo) -> House {
    House::at_weibo(Stores::Memory, settings(), weibo.settings()).await
}

/// Logs in with a password.
async fn with_password(door: &Door, pass: &str) -> Answer {
    door.try_login("ana@example.com", pass).await
}

/// Comes back from Weibo with a code.
async fn with_code(door: &Door, code: &str) -> Answer {
    door.get("/oauth2/sina_callback", &[("code", code)]).await
}

/// No session, and nothing recorded.
async fn kept_out(house: &House, answer: &Answer, status: u16) {
    answer.refused(status);
    assert!(answer.header("set-cookie").is_none(), "{answer:?}");
    house.nothing_happened().await;
}

#[tokio::test]
async fn weibo_is_asked_with_the_password_and_the_first_login_makes_an_account() {
    let weibo = FakeWeibo::new().await;
    let house = house(&weibo).await;
    let answer = with_password(&house, "Ana's secret").await;
    let ana = Phone::logged_in(house.door(), &answer);
    house.scrub.name(&ana.id, "ana");
    house.scrub.name(&ana.password, "password");
    same(
        &house.scrub.tidy(&answer.ok()),
        &json!({
            "id": "<ana>",
            "password": "<password>",
            "logo": "",
            "name": "阿娜 😀",
            "gender": 2,
            "wb_uid": ANA,
            "token": format!("2.00tOken0_{ANA}"),
            "expires_in": 157_679,
            "expires_at": 1_348_295_040 + 157_679,
        }),
    );
    same(
        &house.happened().await,
        &json!([
            {
                "stream": "identity-weibo-<id>",
                "type": "identity.linked.v1",
                "data": {"provider": "weibo", "user_id": "<ana>"},
            },
            {
                "stream": "user-<ana>",
                "type": "user.registered.v1",
                "data": {"user_id": "<ana>", "name": "阿娜 😀", "gender": 2, "wb_uid": ANA},
            },
        ]),
    );
    let app = json!({"client_id": "0123456789", "client_secret": "secret-of-the-app"});
    let mut told = json!({
        "grant_type": "password", "username": "ana@example.com", "password": "Ana's secret",
    });
    told.as_object_mut()
        .expect("an object")
        .extend(app.as_object().expect("an object").clone());
    let token = format!("2.00tOken0_{ANA}");
    same(
        &json!(weibo.calls()),
        &json!([
            {"method": "POST", "path": "/oauth2/access_token", "told": told},
            {"method": "GET", "path": "/2/users/show.json",
             "told": {"access_token": token, "uid": ANA}},
        ]),
    );
    let own = ana.get("/user_info/get_self", &[]).await.ok();
    assert_eq!((&own["wb_uid"], &own["gender"]), (&json!(ANA), &json!(2)));
}

#[tokio::test]
async fn password_and_code_lead_to_the_same_account_again_and_again() {
    for stores in [Stores::Memory, Stores::Sqlite, Stores::Postgres] {
        let weibo = FakeWeibo::new().await;
        let house = House::at_weibo(stores, settings(), weibo.settings()).await;
        let first = with_password(&house, "Ana's secret").await.ok();
        house.happened().await;
        weibo.calls();
        let house = house.restart().await;
        for _ in 0..2 {
            let by_code = with_code(&house, &weibo.code(ANA)).await;
            let phone = Phone::logged_in(house.door(), &by_code);
            assert_eq!(
                (&first["id"], &first["password"]),
                (&json!(phone.id), &json!(phone.password))
            );
            assert_ne!(first["token"], by_code.ok()["token"]);
            assert_eq!(by_code.ok()["wb_uid"], ANA);
            phone.get("/user_info/get_self", &[]).await.ok();
        }
        house.nothing_happened().await;
        // Who is known here is not looked up there.
        assert_eq!(weibo.calls_of("/2/users/show.json"), 0);
        assert_eq!(
            weibo.calls()[0]["told"]["redirect_uri"],
            "https://x.example/oauth2/sina_callback"
        );
    }
}

#[tokio::test]
async fn an_account_can_begin_with_a_code_and_its_name_is_made_to_fit() {
    let weibo = FakeWeibo::new().await;
    weibo.knows(Person {
        uid: "77",
        login: "bo",
        password: "secret",
        screen_name: "字".repeat(100),
        gender: "m",
    });
    let house = house(&weibo).await;
    let answer = with_code(&house, &weibo.code("77")).await.ok();
    assert_eq!(answer["name"], "字".repeat(63));
    assert_eq!(
        (&answer["gender"], &answer["wb_uid"]),
        (&json!(1), &json!("77"))
    );
    assert_eq!(
        house.happened_types().await,
        ["identity.linked.v1", "user.registered.v1"]
    );
}

#[tokio::test]
async fn who_weibo_does_not_vouch_for_stays_out() {
    let weibo = FakeWeibo::new().await;
    let house = house(&weibo).await;
    for wrong in ["x", "ana's secret"] {
        kept_out(&house, &with_password(&house, wrong).await, 401).await;
    }
    let used = weibo.code(ANA);
    with_code(&house, &used).await.ok();
    house.happened().await;
    for code in [
        used.as_str(),
        "invented",
        "' OR 1=1 --",
        "脸脸",
        "a\r\nb: c",
    ] {
        kept_out(&house, &with_code(&house, code).await, 401).await;
    }
    kept_out(&house, &with_code(&house, &"c".repeat(2_000)).await, 401).await;
    let back = "/oauth2/sina_callback";
    kept_out(&house, &house.get(back, &[]).await, 400).await;
    kept_out(&house, &house.get(back, &[("code", "")]).await, 400).await;
    let good = weibo.code(ANA);
    let denied = [
        ("error", "access_denied"),
        ("error_code", "21330"),
        ("code", &good),
    ];
    kept_out(&house, &house.get(back, &denied).await, 401).await;
    let call = Call::new("GET", format!("{back}?code=%ff%00"));
    kept_out(&house, &house.send(call).await, 400).await;
    kept_out(&house, &house.post(back, &[("code", &good)]).await, 405).await;
    // Nobody has such a name there, so Weibo is not even asked.
    weibo.calls();
    for name in ["", " ", "a\nb", &"n".repeat(256)] {
        kept_out(&house, &house.try_login(name, "secret").await, 400).await;
    }
    assert!(weibo.calls().is_empty());
}

#[tokio::test]
async fn wrong_passwords_and_codes_are_not_tried_for_ever() {
    let weibo = FakeWeibo::new().await;
    let house = house(&weibo).await;
    for _ in 0..10 {
        with_password(&house, "wrong").await.refused(401);
        with_code(&house, "invented").await.refused(401);
    }
    weibo.calls();
    with_password(&house, "Ana's secret").await.refused(429);
    with_code(&house, "invented").await.refused(429);
    assert!(weibo.calls().is_empty());
    with_code(&house, &weibo.code(ANA)).await.ok();
}

#[tokio::test]
async fn a_hash_that_does_not_fit_is_not_shown_to_weibo() {
    let weibo = FakeWeibo::new().await;
    let house = house(&weibo).await;
    let hash = hash(&["ana@example.com", "Ana's secret", "m", "init"]);
    let form = [
        ("name", "ana@example.com"),
        ("pass", "Ana's secret"),
        ("mac", "m"),
        ("hash", hash.as_str()),
    ];
    kept_out(&house, &house.post("/oauth2/login", &form).await, 400).await;
    assert!(weibo.calls().is_empty());
}

#[tokio::test]
async fn somebody_who_is_banned_does_not_come_in_by_weibo_either() {
    let weibo = FakeWeibo::new().await;
    let house = house(&weibo).await;
    let account = with_password(&house, "Ana's secret").await.ok();
    let path = format!(
        "/admin/users/{}/ban",
        account["id"].as_str().expect("an id")
    );
    house.admin("POST", &path, json!(null)).await.ok();
    house.happened().await;
    kept_out(&house, &with_password(&house, "Ana's secret").await, 403).await;
    kept_out(&house, &with_code(&house, &weibo.code(ANA)).await, 403).await;
}

/// A browser that goes only where it is sent by hand.
fn browser(house: &House) -> Door {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    Door::new(client.build().expect("a client"), house.base())
}

/// Sets out for Weibo: the state that goes along, and the cookie that stays.
async fn set_out(browser: &Door) -> (String, String) {
    let answer = browser.get("/oauth2/sina", &[]).await;
    assert_eq!(answer.status, 302, "{answer:?}");
    let location = answer.header("location").expect("a destination");
    let url = reqwest::Url::parse(&location).expect("a URL");
    assert_eq!(url.path(), "/oauth2/authorize");
    let told = |name: &str| {
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.expect("a parameter").1.into_owned()
    };
    assert_eq!(told("client_id"), "0123456789");
    assert_eq!(told("response_type"), "code");
    assert_eq!(
        told("redirect_uri"),
        "https://x.example/oauth2/sina_callback"
    );
    let cookie = answer.header("set-cookie").expect("a cookie");
    let (pair, attributes) = cookie.split_once("; ").expect("attributes");
    assert_eq!(
        attributes,
        "Path=/oauth2; HttpOnly; SameSite=Lax; Max-Age=600"
    );
    (told("state"), pair.to_owned())
}

async fn come_back(browser: &Door, cookie: &str, told: &[(&str, &str)]) -> Answer {
    let call = Call::new("GET", "/oauth2/sina_callback").query(told);
    browser.send(call.header("cookie", cookie)).await
}

#[tokio::test]
async fn a_browser_comes_back_with_the_state_that_it_was_sent_away_with() {
    let weibo = FakeWeibo::new().await;
    let house = house(&weibo).await;
    let browser = browser(&house);
    let (state, cookie) = set_out(&browser).await;
    let (other, _) = set_out(&browser).await;
    assert_eq!(state.len(), 32);
    assert_ne!(state, other);
    assert_eq!(cookie, format!("_oauth_state={state}"));

    let code = weibo.code(ANA);
    for (cookie, state) in [
        (cookie.as_str(), other.as_str()),
        (&cookie, ""),
        (&cookie, &state[..31]),
        ("", &state),
        ("_oauth_state=", ""),
        ("_oauth_state=x", "x"),
    ] {
        let told = [("code", code.as_str()), ("state", state)];
        kept_out(&house, &come_back(&browser, cookie, &told).await, 403).await;
    }
    // Not even Weibo's refusal is believed then.
    let told = [("error", "access_denied"), ("state", "x")];
    kept_out(&house, &come_back(&browser, &cookie, &told).await, 403).await;
    assert!(weibo.calls().is_empty());

    let told = [("code", code.as_str()), ("state", state.as_str())];
    let answer = come_back(&browser, &format!("a=b; {cookie}"), &told).await;
    let phone = Phone::logged_in(house.door(), &answer);
    phone.get("/user_info/get_self", &[]).await.ok();
    let cookies = answer.headers.get_all("set-cookie").iter();
    let cookies: Vec<&str> = cookies.map(|c| c.to_str().expect("ASCII")).collect();
    assert!(cookies[1].starts_with("_oauth_state=; ") && cookies[1].ends_with("Max-Age=0"));
}

#[tokio::test]
async fn without_a_state_the_setting_decides() {
    let weibo = FakeWeibo::new().await;
    let house = house(&weibo).await;
    with_code(&house, &weibo.code(ANA)).await.ok();
    house.happened().await;
    let house = house
        .restart_with(|settings| settings.weibo_require_state = true)
        .await;
    let code = weibo.code(ANA);
    kept_out(&house, &with_code(&house, &code).await, 403).await;
    let browser = browser(&house);
    let (state, cookie) = set_out(&browser).await;
    let told = [("code", code.as_str()), ("state", state.as_str())];
    come_back(&browser, &cookie, &told).await.ok();
}

/// Both ways in are closed for now, and say so.
async fn nobody_comes_in(house: &House, weibo: &FakeWeibo) {
    for answer in [
        with_password(house, "Ana's secret").await,
        with_code(house, &weibo.code(ANA)).await,
    ] {
        kept_out(house, &answer, 503).await;
        assert_eq!(answer.header("retry-after").as_deref(), Some("1"));
        assert_eq!(
            answer.error().as_deref(),
            Some("weibo cannot be asked now, try again")
        );
    }
}

#[tokio::test]
async fn while_weibo_is_away_nobody_comes_in_and_nothing_is_recorded() {
    let weibo = FakeWeibo::new().await;
    let house = house(&weibo).await;
    for path in ["/oauth2/access_token", "/2/users/show.json"] {
        for mood in [
            Mood::Status(500),
            Mood::Status(502),
            Mood::Status(302),
            Mood::Status(404),
            Mood::Status(429),
            Mood::Error(10_001, "system error"),
            Mood::Error(21_324, "invalid_client"),
            Mood::Garbage,
            Mood::Huge,
        ] {
            weibo.feels(path, mood);
            nobody_comes_in(&house, &weibo).await;
        }
        weibo.feels(path, Mood::Well);
    }
    with_password(&house, "Ana's secret").await.ok();
    assert_eq!(
        house.happened_types().await,
        ["identity.linked.v1", "user.registered.v1"]
    );
}

#[tokio::test]
async fn a_house_that_knows_its_people_itself_asks_no_weibo() {
    let house = House::new().await;
    for path in [
        "/oauth2/sina",
        "/oauth2/sina_callback?code=x",
        "/oauth2/sina_callback.json",
    ] {
        let answer = house.send(Call::new("GET", path)).await;
        kept_out(&house, &answer, 404).await;
    }
    let ana = house.login("ana").await;
    house.happened().await;
    ana.post("/oauth2/share", &[]).await.refused(409);
    house.nothing_happened().await;
}
