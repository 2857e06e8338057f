//! Guessing passwords is slow: limits on failed logins, by name and address, and by address
//! (DESIGN §8).

use crate::harness::{Answer, Call, House, Stores, eventually, hash, settings};
use api::Limits;

/// A login for `name` that comes, as a proxy says, from `address`.
async fn login_from(house: &House, address: &str, name: &str, pass: &str) -> Answer {
    let hash = hash(&[name, pass, "m", "dface"]);
    let form = [
        ("name", name),
        ("pass", pass),
        ("mac", "m"),
        ("hash", hash.as_str()),
    ];
    let call = Call::new("POST", "/oauth2/login").form(&form);
    house.send(call.header("x-forwarded-for", address)).await
}

/// A house behind a proxy on this machine.
async fn behind_a_proxy(limits: Limits) -> House {
    let mut settings = settings();
    settings.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    settings.limits = limits;
    House::with(Stores::Memory, settings).await
}

#[tokio::test]
async fn after_ten_failures_not_even_the_right_password_opens_that_name_from_that_address() {
    let house = House::new().await;
    house.try_login("ana", "right").await.ok();
    house.try_login("bo", "right").await.ok();
    house.happened().await;
    for _ in 0..10 {
        house.try_login("ana", "wrong").await.refused(401);
    }
    for pass in ["right", "wrong"] {
        let answer = house.try_login("ana", pass).await;
        answer.refused(429);
        assert!(answer.header("set-cookie").is_none());
    }
    house.try_login("bo", "right").await.ok();
    house.nothing_happened().await;
}

#[tokio::test]
async fn a_locked_name_is_open_to_other_addresses_that_a_trusted_proxy_vouches_for() {
    let house = behind_a_proxy(Limits::default()).await;
    login_from(&house, "192.0.2.1", "ana", "right").await.ok();
    for _ in 0..10 {
        login_from(&house, "192.0.2.1", "ana", "wrong")
            .await
            .refused(401);
    }
    login_from(&house, "192.0.2.1", "ana", "right")
        .await
        .refused(429);
    // What stands left of the proxy's word is the client's own, and may be invented.
    login_from(&house, "192.0.2.9, 192.0.2.1", "ana", "right")
        .await
        .refused(429);
    login_from(&house, "192.0.2.2", "ana", "right").await.ok();
}

#[tokio::test]
async fn strangers_cannot_pass_for_somebody_elses_proxy() {
    let house = House::new().await;
    house.try_login("ana", "right").await.ok();
    for n in 0..10 {
        login_from(&house, &format!("192.0.2.{n}"), "ana", "wrong")
            .await
            .refused(401);
    }
    login_from(&house, "192.0.2.99", "ana", "right")
        .await
        .refused(429);
}

#[tokio::test]
async fn an_address_that_tries_many_names_is_slowed_down_but_the_right_password_passes() {
    let limits = Limits {
        login_failures_per_address: 12,
        ..Limits::default()
    };
    let house = behind_a_proxy(limits).await;
    for name in ["ana", "bo", "cai"] {
        login_from(&house, "192.0.2.1", name, "right").await.ok();
    }
    for name in ["ana", "bo"] {
        for _ in 0..6 {
            login_from(&house, "192.0.2.1", name, "wrong")
                .await
                .refused(401);
        }
    }
    login_from(&house, "192.0.2.1", "cai", "wrong")
        .await
        .refused(429);
    login_from(&house, "192.0.2.1", "cai", "right").await.ok();
    login_from(&house, "192.0.2.2", "cai", "wrong")
        .await
        .refused(401);
}

#[tokio::test]
async fn the_limits_are_forgotten_after_their_window() {
    let limits = Limits {
        login_failures_per_pair: 2,
        login_window_ms: 1_000,
        ..Limits::default()
    };
    let house = behind_a_proxy(limits).await;
    house.try_login("ana", "right").await.ok();
    eventually("the pair is locked", async || {
        (house.try_login("ana", "wrong").await.status == 429).then_some(())
    })
    .await;
    eventually("the pair is open again", async || {
        (house.try_login("ana", "right").await.status == 200).then_some(())
    })
    .await;
}

#[test]
fn by_default_ten_failures_lock_a_pair_and_five_hundred_an_address_for_a_quarter_of_an_hour() {
    let limits = Limits::default();
    assert_eq!(limits.login_failures_per_pair, 10);
    assert_eq!(limits.login_failures_per_address, 500);
    assert_eq!(limits.login_window_ms, 15 * 60 * 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_the_same_moment_are_counted_too() {
    let house = House::new().await;
    house.try_login("ana", "right").await.ok();
    let guesses = (0..40).map(|_| {
        let door = house.door();
        tokio::spawn(async move { door.try_login("ana", "wrong").await.status })
    });
    let mut tried = 0;
    for guess in guesses.collect::<Vec<_>>() {
        tried += usize::from(guess.await.expect("an answer") == 401);
    }
    assert!(tried <= 10, "{tried} passwords were tried");
}
