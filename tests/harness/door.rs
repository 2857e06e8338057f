//! The house as seen from outside: an address to send requests to, whoever answers there.

use super::answer::Answer;
use super::phone::Phone;
use super::scrub::Scrub;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use std::sync::{Arc, PoisonError, RwLock};

/// The operator's token of every house of the tests.
pub(crate) const ADMIN_TOKEN: &str = "an-operators-token";

/// An address and a client. Cheap to clone; clones follow the house when it moves.
#[derive(Clone)]
pub(crate) struct Door {
    http: Client,
    base: Arc<RwLock<String>>,
    pub(crate) scrub: Scrub,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query, as they stand in the request; a whole URL leads elsewhere.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Call {
    /// `Call::new("GET", "/shop/info?id=1")`
    pub(crate) fn new(method: &str, target: impl Into<String>) -> Self {
        Self {
            method: method.parse().expect("a method"),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn query(mut self, parameters: &[(&str, &str)]) -> Self {
        if !parameters.is_empty() {
            let join = if self.target.contains('?') { '&' } else { '?' };
            self.target.push(join);
            self.target.push_str(&encoded(parameters));
        }
        self
    }

    pub(crate) fn form(self, parameters: &[(&str, &str)]) -> Self {
        self.body("application/x-www-form-urlencoded", encoded(parameters))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }

    /// The request as it goes over a connection that ends after it.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: x\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let length = self.body.len();
        head.push_str(&format!(
            "connection: close\r\ncontent-length: {length}\r\n\r\n"
        ));
        [head.as_bytes(), &self.body].concat()
    }

    /// As an operator.
    pub(crate) fn admin(self) -> Self {
        self.header("authorization", format!("Bearer {ADMIN_TOKEN}"))
    }
}

impl Door {
    /// A door at `base`, like `http://127.0.0.1:8080`, through which `http` goes.
    pub(crate) fn new(http: Client, base: String) -> Self {
        Self {
            http,
            base: Arc::new(RwLock::new(base)),
            scrub: Scrub::default(),
        }
    }

    /// A client that goes to plain HTTP doors, and nowhere by itself.
    pub(crate) fn client() -> Client {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let stays = reqwest::redirect::Policy::none();
        let client = Client::builder().no_proxy().redirect(stays);
        client.build().expect("a client")
    }

    pub(crate) fn base(&self) -> String {
        self.base
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// `host:port`, for raw sockets.
    pub(crate) fn authority(&self) -> String {
        let base = self.base();
        base.split_once("://").expect("a URL").1.to_owned()
    }

    /// The house answers at another address now.
    pub(crate) fn moved(&self, base: String) {
        *self.base.write().unwrap_or_else(PoisonError::into_inner) = base;
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(&self, call: Call) -> Answer {
        let to = format!("{} {}", call.method, call.target);
        match self.try_send(call).await {
            Ok(answer) => answer,
            Err(error) => panic!("{to}: no answer: {error:?}"),
        }
    }

    /// Sends a request, which may fail while the house is being killed.
    pub(crate) async fn try_send(&self, call: Call) -> Result<Answer, reqwest::Error> {
        let shown: String = call.target.chars().take(200).collect();
        let to = format!("{} {shown}", call.method);
        let url = if call.target.starts_with("http") {
            call.target
        } else {
            format!("{}{}", self.base(), call.target)
        };
        let mut request = self.http.request(call.method, url);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let response = request.body(call.body).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?.to_vec();
        Ok(Answer {
            to,
            status,
            headers,
            body,
        })
    }

    pub(crate) async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        self.send(Call::new("GET", path).query(parameters)).await
    }

    pub(crate) async fn post(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        self.send(Call::new("POST", path).form(parameters)).await
    }

    /// A call of the operators' API.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Value) -> Answer {
        let call = Call::new(method, path).admin();
        self.send(if body.is_null() {
            call
        } else {
            call.json(&body)
        })
        .await
    }

    /// Tries to log in.
    pub(crate) async fn try_login(&self, name: &str, pass: &str) -> Answer {
        let mac = "00:1b:2c:3d:4e:5f";
        let hash = hash(&[name, pass, mac, "dface"]);
        self.post("/oauth2/login", &credentials(name, pass, mac, &hash))
            .await
    }

    /// Logs in as `name`, whose account is made by the first login; from then on the id is shown
    /// as `<name>`.
    pub(crate) async fn login(&self, name: &str) -> Phone {
        let answer = self.try_login(name, &format!("password of {name}")).await;
        let phone = Phone::logged_in(self.clone(), &answer);
        self.scrub.name(&phone.id, name);
        phone
    }

    /// Registers a café; answers its id.
    pub(crate) async fn shop(&self, name: &str, lat: f64, lng: f64) -> String {
        self.shop_with(json!({"name": name, "lat": lat, "lng": lng, "t": 2}))
            .await
    }

    /// Registers a shop; answers its id.
    pub(crate) async fn shop_with(&self, shop: Value) -> String {
        let answer = self.admin("POST", "/admin/shops", shop).await.ok();
        answer["id"].as_u64().expect("an id").to_string()
    }
}

/// The parameters of a login.
pub(crate) fn credentials<'a>(
    name: &'a str,
    pass: &'a str,
    mac: &'a str,
    hash: &'a str,
) -> [(&'static str, &'a str); 4] {
    [("name", name), ("pass", pass), ("mac", mac), ("hash", hash)]
}

/// The first 32 hex digits of SHA1 over the parts (seed §1, §2.2).
pub(crate) fn hash(parts: &[&str]) -> String {
    let mut digits = full_hash(parts);
    digits.truncate(32);
    digits
}

/// All 40 of them.
pub(crate) fn full_hash(parts: &[&str]) -> String {
    hex::encode(Sha1::digest(parts.concat()))
}

pub(crate) fn encoded(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish()
}
