//! A person's client: keeps the session's cookie, as the phones do.

use super::answer::Answer;
use super::door::{Call, Door};
use super::form::{Form, JPEG};
use super::picture;
use serde_json::Value;
use std::ops::Deref;

/// Somebody who is logged in. Cheap to clone; clones share the session.
#[derive(Clone)]
pub(crate) struct Phone {
    pub(crate) door: Door,
    pub(crate) id: String,
    /// The XMPP password, as of the login.
    pub(crate) password: String,
    /// The value of the cookie.
    pub(crate) session: String,
}

impl Deref for Phone {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

impl Phone {
    /// The client that this answer to a login was given to.
    #[track_caller]
    pub(crate) fn logged_in(door: Door, answer: &Answer) -> Self {
        let account = answer.ok();
        let text = |key: &str| account[key].as_str().expect("a text").to_owned();
        let (session, _) = answer.set_cookie().expect("a login sets the cookie");
        Self {
            id: text("id"),
            password: text("password"),
            session,
            door,
        }
    }

    pub(crate) fn signed(&self, call: Call) -> Call {
        call.header("cookie", format!("_session_id={}", self.session))
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        self.door.send(self.signed(call)).await
    }

    pub(crate) async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        self.send(Call::new("GET", path).query(parameters)).await
    }

    pub(crate) async fn post(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        self.send(Call::new("POST", path).form(parameters)).await
    }

    /// The request that [`Self::check_in`] sends.
    pub(crate) fn check_in_call(&self, shop: &str) -> Call {
        let here = [
            ("lat", "60.168"),
            ("lng", "24.938"),
            ("accuracy", "65"),
            ("shop_id", shop),
            ("user_id", &self.id),
            ("od", "1"),
        ];
        self.signed(Call::new("POST", "/checkins").form(&here))
    }

    /// Checks in; answers the id of the check-in.
    pub(crate) async fn check_in(&self, shop: &str) -> String {
        let row = self.door.send(self.check_in_call(shop)).await.ok();
        row["id"].as_str().expect("an id").to_owned()
    }

    /// Sends a picture for one's album, a square JPEG, which is shown as `<name>` from then on;
    /// answers its id.
    pub(crate) async fn add_picture(&self, name: &str) -> String {
        let form = Form::logo(JPEG, &picture::jpeg(120, 120));
        self.upload(form.to("/user_logos"), name).await
    }

    /// Sends a picture by this request; answers its id.
    pub(crate) async fn upload(&self, call: Call, name: &str) -> String {
        let id = id_of(&self.send(call).await.ok());
        self.scrub.name(&id, name);
        id
    }

    /// The ids of somebody's album, in order.
    pub(crate) async fn album_of(&self, id: &str) -> Vec<String> {
        let rows = self.get("/user_info/photos", &[("id", id)]).await.ok();
        rows.as_array()
            .expect("an array")
            .iter()
            .map(id_of)
            .collect()
    }

    /// The picture to which a call sends this one.
    pub(crate) async fn see(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        let sent = self.get(path, parameters).await;
        let link = sent.elsewhere();
        // Whoever holds the link may follow it.
        let picture = self.door.get(&link, &[]).await;
        assert_eq!(picture.status, 200, "{}: {}", picture.to, picture.text());
        picture
    }

    /// Changes some of one's settings.
    pub(crate) async fn set(&self, settings: &[(&str, &str)]) -> Value {
        self.post("/user_info/set", settings).await.ok()
    }

    /// All of one's check-ins, unmerged, newest first.
    pub(crate) async fn checkins(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for page in 1.. {
            let page = page.to_string();
            let rows = self
                .get("/checkins", &[("page", &page), ("pcount", "100")])
                .await
                .ok();
            let rows = rows.as_array().expect("an array").clone();
            let last = rows.len() < 100;
            all.extend(rows);
            if last {
                break;
            }
        }
        all
    }

    /// The pages `page` of the trace as an object.
    pub(crate) async fn trace(&self) -> Value {
        self.get("/user_info/trace", &[("hash", "1")]).await.ok()
    }

    /// The ids of the people whom this one sees at a shop, in order.
    pub(crate) async fn sees_at(&self, shop: &str) -> Vec<String> {
        let rows = self.get("/shop/users", &[("id", shop)]).await.ok();
        rows.as_array()
            .expect("an array")
            .iter()
            .map(id_of)
            .collect()
    }
}

/// The field `id` of a row, as a text.
#[track_caller]
pub(crate) fn id_of(row: &Value) -> String {
    match &row["id"] {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        other => panic!("{other} is no id"),
    }
}
