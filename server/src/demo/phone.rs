//! A phone as the server sees it: logs in, looks around, checks in, over HTTP like any other.

use crate::client;
use anyhow::{Context, Result, bail};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, Response, header};
use serde::Deserialize;
use sha1::{Digest, Sha1};

/// Somebody's name and password, on a device.
pub(super) struct Account {
    name: String,
    pass: String,
    /// The address of the device's wireless card.
    pub(super) mac: String,
}

/// A logged-in phone.
pub(super) struct Phone {
    http: Client,
    url: String,
    user_id: String,
    session: String,
}

/// A row of `/aroundme/shops`.
#[derive(Deserialize)]
pub(super) struct Shop {
    pub(super) id: u64,
    pub(super) name: String,
}

impl Account {
    /// An account on a device of its own.
    pub(super) fn new(name: &str, pass: &str) -> Self {
        // The second bit of the first byte says that no manufacturer gave this address.
        let mac = format!("02{}", hex::encode(rand::random::<[u8; 5]>()));
        Self {
            name: name.to_owned(),
            pass: pass.to_owned(),
            mac,
        }
    }

    /// What proves to the server that an app is calling (seed §2.2).
    pub(super) fn hash(&self) -> String {
        let text = format!("{}{}{}dface", self.name, self.pass, self.mac);
        let mut hash = hex::encode(Sha1::digest(text));
        hash.truncate(32);
        hash
    }
}

impl Phone {
    /// Logs in; the first login makes the account.
    pub(super) async fn log_in(url: &str, account: &Account) -> Result<Self> {
        #[derive(Deserialize)]
        struct LoggedIn {
            id: String,
        }
        let http = client::build(client::without_tls(Client::builder()))?;
        let form = [
            ("name", account.name.as_str()),
            ("pass", &account.pass),
            ("mac", &account.mac),
            ("hash", &account.hash()),
        ];
        let answer = send(http.post(format!("{url}/oauth2/login")).form(&form)).await?;
        let session = answer
            .headers()
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|cookie| cookie.to_str().ok()?.strip_prefix("_session_id="))
            .filter_map(|cookie| cookie.split(';').next())
            .next()
            .context("the login gave no session")?
            .to_owned();
        let LoggedIn { id } = answer.json().await.context("an odd answer to the login")?;
        Ok(Self {
            http,
            url: url.to_owned(),
            user_id: id,
            session,
        })
    }

    /// Whose phone it is.
    pub(super) fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The value of the session's cookie.
    pub(super) fn session(&self) -> &str {
        &self.session
    }

    /// Where the phone may be, most probable first.
    pub(super) async fn around(&self, lat: f64, lng: f64, accuracy: f64) -> Result<Vec<Shop>> {
        let query = [("lat", lat), ("lng", lng), ("accuracy", accuracy)];
        let request = self
            .http
            .get(format!("{}/aroundme/shops", self.url))
            .query(&query);
        let answer = send(self.known(request)).await?;
        answer.json().await.context("an odd list of shops")
    }

    /// Checks in at a shop that stood at `rank`, from 1, in the list.
    pub(super) async fn check_in(
        &self,
        shop: u64,
        lat: f64,
        lng: f64,
        accuracy: f64,
        rank: usize,
    ) -> Result<()> {
        let form = [
            ("lat", lat.to_string()),
            ("lng", lng.to_string()),
            ("accuracy", accuracy.to_string()),
            ("shop_id", shop.to_string()),
            ("user_id", self.user_id.clone()),
            ("od", rank.to_string()),
        ];
        let request = self.http.post(format!("{}/checkins", self.url)).form(&form);
        send(self.known(request)).await?;
        Ok(())
    }

    /// Puts a picture (PNG) into one's album.
    pub(super) async fn show_face(&self, png: Vec<u8>) -> Result<()> {
        let picture = Part::bytes(png)
            .file_name("face.png")
            .mime_str("image/png")?;
        let form = Form::new().part("user_logo[img]", picture);
        let request = self.http.post(format!("{}/user_logos", self.url));
        send(self.known(request).multipart(form)).await?;
        Ok(())
    }

    fn known(&self, request: RequestBuilder) -> RequestBuilder {
        request.header(header::COOKIE, format!("_session_id={}", self.session))
    }
}

async fn send(request: RequestBuilder) -> Result<Response> {
    let answer = request
        .send()
        .await
        .context("the server cannot be reached")?;
    let status = answer.status();
    if !status.is_success() {
        bail!(
            "the server answered {status}: {}",
            answer.text().await.unwrap_or_default()
        );
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_contract() {
        let account = Account {
            name: "name".into(),
            pass: "pa".into(),
            mac: "ss".into(),
        };
        assert_eq!(account.hash(), "11f4004a73a65117071bc4a7d3dfdf07");
    }
}
