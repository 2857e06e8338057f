//! A walk through every call that `/openapi.json` knows, with every parameter bad in every way:
//! the answer is an error object with 4xx, and nothing is recorded (contract §0).
//!
//! Which values are good and which are bad is written in [`kinds`]; a call or a parameter that is
//! new must be entered there, or the walk ends with an error.

mod kinds;
mod routes;
mod world;

use crate::harness::{Call, House, Phone, multipart};
use kinds::{ANYTHING, Kind};
use routes::{Place, Route, routes};
use serde_json::{Map, Value, json};
use world::World;

/// What no parameter may hold, percent-encoded: a NUL, bytes that are no UTF-8.
const NO_TEXT: [&str; 5] = ["%00", "a%00b", "%ff", "%c3%28", "%ed%a0%80"];

/// Every call but those that answer nobody's parameters.
async fn all() -> Vec<Route> {
    let house = House::new().await;
    let routes = routes(&house.get("/openapi.json", &[]).await.ok());
    assert!(routes.len() > 20, "{}", routes.len());
    routes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_value_of_any_parameter_is_refused_and_records_nothing() {
    for route in all().await {
        let world = World::new().await;
        for parameter in &route.parameters {
            let kind = Kind::of(&route, &parameter.name);
            let bad = kind.bad(&world);
            for value in &bad {
                for call in route.with(&world, &parameter.name, value) {
                    world.refuses(call).await;
                }
            }
            if parameter.place == Place::Path {
                continue;
            }
            for call in route.with_raw(&world, &parameter.name, &NO_TEXT) {
                world.refuses(call).await;
            }
            for call in route.twice(&world, &parameter.name) {
                world.refuses(call).await;
            }
            for call in route.with_structures(&world, &parameter.name, kind.is_text()) {
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
    for route in all().await {
        let world = World::new().await;
        for parameter in &route.parameters {
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
    for route in all().await.iter().filter(|route| route.has_body()) {
        let world = World::new().await;
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
    for route in all().await.iter().filter(|route| route.has_body()) {
        let world = World::new().await;
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
    for route in all().await {
        let world = World::new().await;
        let expired = world.ana.session.clone();
        let ended = world.house.login("ana").await;
        ended.post("/oauth2/logout", &[]).await.ok();
        let invented = "0123456789abcdef0123456789abcdef";
        world.house.clock.pass(91 * crate::harness::DAY);
        let live = world.house.login("ana").await;
        let odd = [
            "",
            "x",
            "' OR 1=1",
            &live.session[..31],
            &"a".repeat(2_000),
            "\u{e9}",
        ];
        let sessions = [&expired, &ended.session, invented];
        let cookies = sessions
            .into_iter()
            .map(String::from)
            .chain(odd.map(String::from));
        for session in cookies.map(Some).chain([None]) {
            let mut call = route.unauthorized_good(&world);
            if let Some(session) = &session {
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

impl Route {
    /// The call with all parameters good.
    fn good(&self, world: &World) -> Call {
        self.authorized(world, self.unauthorized_good(world))
    }

    fn unauthorized_good(&self, world: &World) -> Call {
        let call = Call::new(self.method.as_str(), self.target(world, None));
        let fields = self.fields(world);
        let pairs: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        if self.has_body() {
            call.form(&pairs)
        } else {
            call.query(&pairs)
        }
    }

    /// As the one who may do it.
    fn authorized(&self, world: &World, call: Call) -> Call {
        if self.is_admin() {
            call.admin()
        } else {
            Phone::signed(&world.ana, call)
        }
    }

    /// The parameters that do not stand in the path, all good.
    fn fields(&self, world: &World) -> Vec<(&str, String)> {
        self.parameters
            .iter()
            .filter(|parameter| parameter.place != Place::Path)
            .map(|parameter| {
                let good = Kind::of(self, &parameter.name).good(world);
                (parameter.name.as_str(), good)
            })
            .collect()
    }

    /// The path, with `bad` in the place of one of its parameters.
    fn target(&self, world: &World, bad: Option<(&str, &str)>) -> String {
        let mut target = self.path.clone();
        for parameter in self
            .parameters
            .iter()
            .filter(|parameter| parameter.place == Place::Path)
        {
            let value = match bad {
                Some((name, value)) if name == parameter.name => value.to_owned(),
                _ => Kind::of(self, &parameter.name).good(world),
            };
            target = target.replace(&format!("{{{}}}", parameter.name), &escaped(&value));
        }
        target
    }

    /// In every encoding that the call takes, with these parameters.
    fn in_every_way(&self, world: &World, fields: &[(&str, String)]) -> Vec<Call> {
        let call = || Call::new(self.method.as_str(), self.target(world, None));
        let pairs: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let mut calls = vec![call().query(&pairs)];
        if self.has_body() {
            let (kind, body) = multipart(&pairs);
            let object: Map<String, Value> = pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), json!(v)))
                .collect();
            let bodies = [
                call().form(&pairs),
                call().body(&kind, body),
                call().json(&Value::Object(object)),
            ];
            calls.extend(bodies);
        }
        calls
            .into_iter()
            .map(|call| self.authorized(world, call))
            .collect()
    }

    fn with(&self, world: &World, name: &str, value: &str) -> Vec<Call> {
        if self
            .parameters
            .iter()
            .any(|it| it.name == name && it.place == Place::Path)
        {
            let fields = self.fields(world);
            let pairs: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
            let call = Call::new(
                self.method.as_str(),
                self.target(world, Some((name, value))),
            );
            let call = if self.has_body() {
                call.form(&pairs)
            } else {
                call
            };
            return vec![self.authorized(world, call)];
        }
        let mut fields = self.fields(world);
        for field in fields.iter_mut().filter(|field| field.0 == name) {
            field.1 = value.to_owned();
        }
        self.in_every_way(world, &fields)
    }

    fn without(&self, world: &World, name: &str) -> Vec<Call> {
        let fields: Vec<_> = self
            .fields(world)
            .into_iter()
            .filter(|it| it.0 != name)
            .collect();
        let mut calls = self.in_every_way(world, &fields);
        if self.has_body() {
            // In JSON, null is missing.
            let mut object: Map<String, Value> = fields
                .iter()
                .map(|(k, v)| ((*k).to_owned(), json!(v)))
                .collect();
            object.insert(name.to_owned(), Value::Null);
            let call = Call::new(self.method.as_str(), self.target(world, None));
            calls.push(self.authorized(world, call.json(&Value::Object(object))));
        }
        calls
    }

    fn twice(&self, world: &World, name: &str) -> Vec<Call> {
        let mut fields = self.fields(world);
        let again = fields
            .iter()
            .find(|field| field.0 == name)
            .expect("a parameter")
            .clone();
        fields.push(again.clone());
        // An object of JSON cannot hold a name twice once it is read; the rest can.
        let mut calls = self.in_every_way(world, &fields);
        calls.truncate(3);
        if self.has_body() {
            let mut call = self.good(world);
            call = call.query(&[(again.0, again.1.as_str())]);
            calls.push(call);
        }
        calls
    }

    /// With bytes that are no text, percent-encoded.
    fn with_raw(&self, world: &World, name: &str, values: &[&str]) -> Vec<Call> {
        let fields: Vec<_> = self
            .fields(world)
            .into_iter()
            .filter(|it| it.0 != name)
            .collect();
        let pairs: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let calls = values.iter().flat_map(|value| {
            let target = format!("{}?{name}={value}", self.target(world, None));
            let query = Call::new(self.method.as_str(), target).query(&pairs);
            let form = self.has_body().then(|| {
                let body = format!("{}&{name}={value}", crate::harness::encoded(&pairs));
                let call = Call::new(self.method.as_str(), self.target(world, None));
                call.body("application/x-www-form-urlencoded", body)
            });
            [Some(query), form].into_iter().flatten()
        });
        calls.map(|call| self.authorized(world, call)).collect()
    }

    /// In JSON, with an array and an object in the place of a plain value.
    fn with_structures(&self, world: &World, name: &str, text: bool) -> Vec<Call> {
        if !self.has_body() {
            return Vec::new();
        }
        let fields = self.fields(world);
        let good = fields
            .iter()
            .find(|field| field.0 == name)
            .expect("a parameter")
            .1
            .clone();
        let mut values = vec![json!([]), json!([good]), json!({}), json!({"value": good})];
        if !text {
            values.extend([json!(true), json!(false), json!(1e300)]);
        }
        let calls = values.into_iter().map(|value| {
            let mut object: Map<String, Value> = fields
                .iter()
                .map(|(k, v)| ((*k).to_owned(), json!(v)))
                .collect();
            object.insert(name.to_owned(), value);
            let call = Call::new(self.method.as_str(), self.target(world, None));
            self.authorized(world, call.json(&Value::Object(object)))
        });
        calls.collect()
    }
}

/// A segment of a path.
fn escaped(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}
