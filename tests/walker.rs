//! A walk through every call that `/openapi.json` knows, with every parameter bad in every way:
//! the answer is an error object with 4xx, and nothing is recorded (contract §0).
//!
//! Which values are good and which are bad is written in [`kinds`]; a call or a parameter that is
//! new must be entered there, or the walk ends with an error.

mod kinds;
mod routes;
mod ways;
mod world;

use crate::harness::{Call, DAY, House, multipart};
use kinds::{ANYTHING, Kind};
use routes::{Place, Route, routes};
use serde_json::json;
use world::World;

/// What no parameter may hold, percent-encoded: a NUL, bytes that are no UTF-8.
const NO_TEXT: [&str; 5] = ["%00", "a%00b", "%ff", "%c3%28", "%ed%a0%80"];

/// Every call but those that Weibo has a part in, which are walked in `weibo`.
async fn all() -> Vec<Route> {
    let house = House::new().await;
    let mut routes = routes(&house.get("/openapi.json", &[]).await.ok());
    routes.retain(|route| !route.asks_weibo());
    assert!(routes.len() > 20, "{}", routes.len());
    routes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_value_of_any_parameter_is_refused_and_records_nothing() {
    let mut world = World::new().await;
    for route in all().await {
        world = world.unspoilt().await;
        for parameter in &route.parameters {
            if parameter.place == Place::File {
                assert!(parameter.required, "{}", route.path);
                for call in route.with_bad_files(&world, &parameter.name) {
                    world.refuses(call).await;
                }
                continue;
            }
            let kind = Kind::of(&route, &parameter.name);
            let bad = kind.bad(&world);
            for value in &bad {
                for call in route.with(&world, &parameter.name, value) {
                    world.refuses(call).await;
                }
            }
            if parameter.place == Place::Path {
                for call in route.with_raw_segment(&world, &parameter.name, &NO_TEXT) {
                    world.refuses(call).await;
                }
                continue;
            }
            for call in route.with_raw(&world, &parameter.name, &NO_TEXT) {
                world.refuses(call).await;
            }
            for call in route.twice(&world, &parameter.name) {
                world.refuses(call).await;
            }
            for call in route.with_structures(&world, &parameter.name, kind) {
                world.refuses(call).await;
            }
            let long = "1".repeat(20_000);
            for call in route.with(&world, &parameter.name, &long) {
                world.refuses(call).await;
            }
            if parameter.required {
                for call in route.without(&world, &parameter.name) {
                    world.refuses(call).await;
                }
            }
        }
        // All of that was refused for the one bad value: without it the call goes through.
        world.takes(route.good(&world)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_stands_in_a_parameter_nothing_breaks() {
    let mut world = World::new().await;
    for route in all().await {
        world = world.unspoilt().await;
        let texts = route.parameters.iter().filter(|it| it.place != Place::File);
        for parameter in texts {
            for value in ANYTHING {
                for call in route.with(&world, &parameter.name, value) {
                    world.survives(call).await;
                }
            }
        }
        world.house.get("/readyz", &[]).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_read_is_refused_by_every_call_that_takes_one() {
    let mut world = World::new().await;
    for route in all().await.iter().filter(|route| route.has_body()) {
        world = world.unspoilt().await;
        let bodies = [
            ("application/json", "{"),
            ("application/json", ""),
            ("application/json", "[]"),
            ("application/json", "null"),
            ("application/json", "{\"a\":1}}"),
            ("application/json", "\u{feff}{}"),
            ("multipart/form-data", "--x--"),
            ("multipart/form-data; boundary=x", "--x\r\n\r\nno name\r\n"),
            ("multipart/form-data; boundary=x", "no boundary"),
            ("multipart/form-data; boundary=", "--\r\n"),
            ("text/plain", "a=1"),
            ("application/octet-stream", "\u{1}\u{2}"),
            ("image/png", "x"),
        ];
        for (kind, body) in bodies {
            let call = Call::new(route.method.as_str(), route.target(&world, None));
            world
                .refuses(route.authorized(&world, call.body(kind, body)))
                .await;
        }
        let deep = "[".repeat(5_000);
        let call = Call::new(route.method.as_str(), route.target(&world, None));
        let call = call.body("application/json", format!("{{\"a\":{deep}"));
        world.refuses(route.authorized(&world, call)).await;
        world.takes(route.good(&world)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabytes_are_refused_by_every_call_that_takes_a_body() {
    let much = "a".repeat(10 << 20);
    let mut world = World::new().await;
    for route in all().await.iter().filter(|route| route.has_body()) {
        world = world.unspoilt().await;
        let (kind, form) = multipart(&[("name", &much)]);
        for (kind, body) in [
            ("application/x-www-form-urlencoded", format!("name={much}")),
            ("application/json", json!({"name": much}).to_string()),
            (kind.as_str(), form),
        ] {
            let call = Call::new(route.method.as_str(), route.target(&world, None));
            world
                .refuses_unread(route.authorized(&world, call.body(kind, body)))
                .await;
        }
        world.takes(route.good(&world)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_live_session_every_call_that_needs_one_is_refused() {
    let world = World::new().await;
    let expired = world.ana.session.clone();
    let ended = world.house.login("ana").await;
    ended.post("/oauth2/logout", &[]).await.ok();
    world.house.clock.pass(91 * DAY);
    let live = world.house.login("ana").await;
    let invented = "0123456789abcdef0123456789abcdef";
    let long = "a".repeat(2_000);
    let sessions = [
        Some(expired.as_str()),
        Some(&ended.session),
        Some(invented),
        Some(&live.session[..31]),
        Some(&long),
        Some("' OR 1=1"),
        Some("\u{e9}"),
        Some(""),
        None,
    ];
    for route in all().await {
        for session in sessions {
            let mut call = route.unauthorized_good(&world);
            if let Some(session) = session {
                call = call.header("cookie", format!("_session_id={session}"));
            }
            if route.needs_login() || route.is_admin() {
                let answer = world.refuses(call).await;
                assert_eq!(answer.status, 401, "{}: {session:?}", answer.to);
            } else if !route.records() {
                world.takes(call).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_a_path_does_not_have_is_refused() {
    let routes = all().await;
    let world = World::new().await;
    for route in &routes {
        for method in [
            "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
        ] {
            let documented = |other: &&Route| other.path == route.path && other.method == method;
            // These two answer both, as the original did.
            let both = matches!(route.path.as_str(), "/init/init" | "/oauth2/logout");
            if routes.iter().any(|other| documented(&other)) || (both && method != "PUT") {
                continue;
            }
            let mut call = route.good(&world);
            call.method = method.parse().expect("a method");
            let answer = world.refuses(call).await;
            assert_eq!(answer.status, 405, "{}", answer.to);
        }
    }
}
