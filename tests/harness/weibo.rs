//! A double of Weibo's API on this machine: it knows some people, gives tokens for passwords and
//! codes, takes posts, and is in the mood that a test wants.

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use commands::identity::WeiboSettings;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const APP_KEY: &str = "0123456789";
const APP_SECRET: &str = "secret-of-the-app";
const REDIRECT_URI: &str = "https://x.example/oauth2/sina_callback";

/// Where posts with pictures go.
const UPLOAD: &str = "/2/statuses/upload.json";

/// Seconds that a token lives.
const LIFETIME: i64 = 157_679;

/// What all tokens begin with.
const TOKEN: &str = "2.00tOken";

/// Somebody on Weibo.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) uid: &'static str,
    /// What they log in with.
    pub(crate) login: &'static str,
    pub(crate) password: &'static str,
    pub(crate) screen_name: String,
    pub(crate) gender: &'static str,
}

/// How Weibo feels about one of its paths.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    Well,
    /// Answers this status, and a page of a gateway's.
    Status(u16),
    /// Answers this error with status 400.
    Error(u64, &'static str),
    /// Says yes in no language.
    Garbage,
    /// Says yes, and no end.
    Huge,
    /// Does not answer as long as it is in this mood.
    Hanging,
}

/// Weibo. It is gone when this is dropped.
pub(crate) struct FakeWeibo {
    base: String,
    inside: Arc<Mutex<Inside>>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Inside {
    people: Vec<Person>,
    /// Codes that were not used yet, and whose.
    codes: BTreeMap<String, &'static str>,
    /// Tokens, and whose.
    tokens: BTreeMap<String, &'static str>,
    moods: BTreeMap<String, Mood>,
    /// Paths and parameters, as they came.
    calls: Vec<Value>,
    /// Whose, and what they say.
    posts: Vec<(String, String)>,
    /// What was posted with pictures: their types and their bytes.
    pictures: Vec<(String, Vec<u8>)>,
}

/// The picture of a call, if it brings one.
type Picture = Option<(String, Vec<u8>)>;

impl Drop for FakeWeibo {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl FakeWeibo {
    /// Weibo with Ana in it.
    pub(crate) async fn new() -> Self {
        let inside = Arc::new(Mutex::new(Inside::default()));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(inside.clone());
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("a listener");
        });
        let weibo = Self {
            base,
            inside,
            serving,
        };
        weibo.knows(Person {
            uid: "1884834632",
            login: "ana@example.com",
            password: "Ana's secret",
            screen_name: "阿娜 😀".into(),
            gender: "f",
        });
        weibo
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How to ask it.
    pub(crate) fn settings(&self) -> WeiboSettings {
        WeiboSettings {
            base_url: self.base.clone(),
            app_key: APP_KEY.into(),
            app_secret: APP_SECRET.into(),
            redirect_uri: REDIRECT_URI.into(),
            connect_limit: Duration::from_secs(60),
            call_limit: Duration::from_secs(60),
        }
    }

    /// `host:port`.
    pub(crate) fn authority(&self) -> String {
        self.base.split_once("://").expect("a URL").1.to_owned()
    }

    /// The same for the program.
    pub(crate) fn variables(&self) -> [(&'static str, &str); 5] {
        [
            ("LIANLIAN_IDENTITY", "weibo"),
            ("LIANLIAN_WEIBO__BASE_URL", &self.base),
            ("LIANLIAN_WEIBO__APP_KEY", APP_KEY),
            ("LIANLIAN_WEIBO__APP_SECRET", APP_SECRET),
            ("LIANLIAN_WEIBO__REDIRECT_URI", REDIRECT_URI),
        ]
    }

    pub(crate) fn knows(&self, person: Person) {
        self.inside().people.push(person);
    }

    /// A code that is good once, for the person `uid`.
    pub(crate) fn code(&self, uid: &'static str) -> String {
        let mut inside = self.inside();
        let code = format!("c0de{}of{uid}", inside.calls.len());
        inside.codes.insert(code.clone(), uid);
        code
    }

    pub(crate) fn feels(&self, path: &str, mood: Mood) {
        self.inside().moods.insert(path.to_owned(), mood);
    }

    /// No token is good any more.
    pub(crate) fn revokes_all(&self) {
        self.inside().tokens.clear();
    }

    /// The calls since the last look: path and parameters.
    pub(crate) fn calls(&self) -> Vec<Value> {
        std::mem::take(&mut self.inside().calls)
    }

    /// How many of them went to `path`, without forgetting any.
    pub(crate) fn calls_of(&self, path: &str) -> usize {
        let inside = self.inside();
        let calls = inside.calls.iter();
        calls.filter(|call| call["path"] == path).count()
    }

    /// Whose posts there are, and what they say.
    pub(crate) fn posts(&self) -> Vec<(String, String)> {
        self.inside().posts.clone()
    }

    /// The types and the bytes of the pictures there.
    pub(crate) fn pictures(&self) -> Vec<(String, Vec<u8>)> {
        self.inside().pictures.clone()
    }
}

async fn answer(State(inside): State<Arc<Mutex<Inside>>>, request: Request) -> Response {
    let (method, path) = (
        request.method().as_str().to_owned(),
        request.uri().path().to_owned(),
    );
    let (told, picture) = if path == UPLOAD {
        read_upload(request).await
    } else {
        (read(request).await, None)
    };
    let mut mood = {
        let mut inside = inside.lock().unwrap_or_else(PoisonError::into_inner);
        let call = json!({"method": method, "path": path, "told": told});
        inside.calls.push(call);
        inside.mood(&path)
    };
    while matches!(mood, Mood::Hanging) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let inside = inside.lock().unwrap_or_else(PoisonError::into_inner);
        mood = inside.mood(&path);
    }
    match mood {
        Mood::Well | Mood::Hanging => {
            let mut inside = inside.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = match (method.as_str(), path.as_str()) {
                ("POST", "/oauth2/access_token") => inside.grant(&told),
                ("GET", "/2/users/show.json") => inside.show(&told),
                ("POST", "/2/statuses/update.json") => inside.update(&told),
                ("POST", UPLOAD) => inside.upload(&told, picture),
                _ => Err((404, 10020, "request api not found")),
            };
            match answer {
                Ok(body) => Json(body).into_response(),
                Err((status, code, error)) => refusal(status, code, error),
            }
        }
        Mood::Error(code, error) => refusal(400, code, error),
        Mood::Status(status) => {
            let status = StatusCode::from_u16(status).expect("a status");
            let elsewhere = [(header::LOCATION, "/elsewhere")];
            (status, elsewhere, "<html>a gateway</html>").into_response()
        }
        Mood::Garbage => "\u{1}{\"access_token\":".into_response(),
        Mood::Huge => {
            let page = "[".repeat(16 << 10);
            let pages = futures_util::stream::repeat_with(move || {
                Ok::<_, std::convert::Infallible>(page.clone())
            });
            Body::from_stream(pages).into_response()
        }
    }
}

/// What stands in the query and in the form.
async fn read(request: Request) -> BTreeMap<String, String> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let pairs = form_urlencoded::parse(query).chain(form_urlencoded::parse(&body));
    pairs
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// What stands in a form with a picture; of the picture, its type.
async fn read_upload(request: Request) -> (BTreeMap<String, String>, Picture) {
    let mut form = Multipart::from_request(request, &()).await.expect("a form");
    let (mut told, mut picture) = (BTreeMap::new(), None);
    while let Some(field) = form.next_field().await.expect("a field") {
        let name = field.name().unwrap_or_default().to_owned();
        let kind = field.content_type().map(str::to_owned);
        let value = field.bytes().await.expect("a value").to_vec();
        told.insert(
            name,
            match kind {
                Some(kind) => {
                    picture = Some((kind.clone(), value));
                    kind
                }
                None => String::from_utf8(value).expect("a text"),
            },
        );
    }
    (told, picture)
}

type Refused = (u16, u64, &'static str);

fn refusal(status: u16, code: u64, error: &str) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    let body = json!({"error": error, "error_code": code, "request": "/"});
    (status, Json(body)).into_response()
}

impl Inside {
    fn mood(&self, path: &str) -> Mood {
        self.moods.get(path).copied().unwrap_or(Mood::Well)
    }

    fn grant(&mut self, told: &BTreeMap<String, String>) -> Result<Value, Refused> {
        let told = |name: &str| told.get(name).map_or("", String::as_str);
        if told("client_id") != APP_KEY || told("client_secret") != APP_SECRET {
            return Err((401, 21324, "invalid_client"));
        }
        let uid = match told("grant_type") {
            "password" => {
                let (login, password) = (told("username"), told("password"));
                let mut people = self.people.iter();
                people
                    .find(|person| person.login == login && person.password == password)
                    .map(|person| person.uid)
            }
            "authorization_code" if told("redirect_uri") != REDIRECT_URI => {
                return Err((400, 21322, "redirect_uri_mismatch"));
            }
            "authorization_code" => self.codes.remove(told("code")),
            _ => return Err((400, 21328, "unsupported_grant_type")),
        };
        let uid = uid.ok_or((400, 21325, "invalid_grant"))?;
        let token = format!("{TOKEN}{}_{uid}", self.tokens.len());
        self.tokens.insert(token.clone(), uid);
        Ok(json!({
            "access_token": token, "remind_in": LIFETIME.to_string(), "expires_in": LIFETIME, "uid": uid,
        }))
    }

    fn show(&self, told: &BTreeMap<String, String>) -> Result<Value, Refused> {
        self.owner(told)?;
        let mut people = self.people.iter();
        let person = people.find(|person| Some(person.uid) == told.get("uid").map(String::as_str));
        let person = person.ok_or((400, 20003, "User does not exists!"))?;
        Ok(json!({
            "id": person.uid.parse::<u64>().expect("a number"),
            "idstr": person.uid,
            "screen_name": person.screen_name,
            "name": person.screen_name,
            "gender": person.gender,
            "followers_count": 7,
        }))
    }

    fn update(&mut self, told: &BTreeMap<String, String>) -> Result<Value, Refused> {
        let owner = self.owner(told)?;
        let status = told.get("status").cloned().unwrap_or_default();
        let post = (owner.to_owned(), status);
        if self.posts.contains(&post) {
            return Err((400, 20019, "repeat content!"));
        }
        self.posts.push(post);
        Ok(json!({"id": 1, "idstr": "1"}))
    }

    fn upload(
        &mut self,
        told: &BTreeMap<String, String>,
        picture: Picture,
    ) -> Result<Value, Refused> {
        let owner = self.owner(told)?;
        let status = told.get("status").filter(|status| !status.is_empty());
        let (Some(status), Some(picture)) = (status, picture) else {
            return Err((400, 10008, "param error"));
        };
        self.posts.push((owner.to_owned(), status.clone()));
        self.pictures.push(picture);
        Ok(json!({"id": 2, "idstr": "2"}))
    }

    /// Whose token it is.
    fn owner(&self, told: &BTreeMap<String, String>) -> Result<&'static str, Refused> {
        let token = told.get("access_token").map_or("", String::as_str);
        let owner = self.tokens.get(token).copied();
        owner.ok_or((401, 21332, "invalid_access_token"))
    }
}
