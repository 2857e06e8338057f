//! The calls of Weibo's OAuth2 API that we need, over HTTP, each with an end in time and size.
//!
//! Who its people are in our house is not known here.

use super::answer::{self, WeiboError};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Url, redirect};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many calls may be under way at once: while Weibo hangs, no more than these hang with it.
const CALLS: usize = 256;

/// How to reach Weibo, and as which app.
#[derive(Clone)]
pub struct WeiboSettings {
    /// Where its API is, like `https://api.weibo.com`.
    pub base_url: String,
    /// The key of our app there.
    pub app_key: String,
    /// The secret of our app there.
    pub app_secret: String,
    /// Where Weibo sends browsers back to: our `/oauth2/sina_callback`, as registered there.
    pub redirect_uri: String,
    /// How long a connection may take to be made.
    pub connect_limit: Duration,
    /// How long a call may take, the connection included.
    pub call_limit: Duration,
}

impl WeiboSettings {
    /// How long a connection may take to be made, by default.
    pub const CONNECT_LIMIT: Duration = Duration::from_secs(5);
    /// How long a call may take, by default.
    pub const CALL_LIMIT: Duration = Duration::from_secs(10);
}

/// Why there can be no client.
#[derive(Debug, thiserror::Error)]
pub enum WeiboSetupError {
    /// The address is none.
    #[error("the address of weibo must begin with https:// or http://")]
    Address,
    /// The machine has no certificates, or something else that TLS needs.
    #[error("cannot speak HTTPS from here")]
    Client(#[source] reqwest::Error),
}

/// A client of Weibo's API.
pub struct Weibo {
    http: Client,
    base: Url,
    app_key: String,
    app_secret: String,
    redirect_uri: String,
    calls: Semaphore,
}

/// A picture that is posted.
#[derive(Clone, Debug)]
pub struct PostedPicture {
    /// A JPEG, PNG or GIF.
    pub bytes: Vec<u8>,
    /// Like `1.jpg`.
    pub file_name: &'static str,
    /// Like `image/jpeg`.
    pub content_type: &'static str,
}

/// What Weibo gives to somebody who has proved who they are.
#[derive(Deserialize)]
pub(super) struct Grant {
    #[serde(rename = "access_token")]
    pub(super) token: String,
    /// Seconds.
    #[serde(deserialize_with = "answer::whole")]
    pub(super) expires_in: u64,
    #[serde(deserialize_with = "answer::text")]
    pub(super) uid: String,
}

/// Somebody on Weibo.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Person {
    screen_name: String,
    name: String,
    /// `m`, `f` or `n`.
    pub(super) gender: String,
}

impl Person {
    /// The name that others see.
    pub(super) fn shown_name(&self) -> &str {
        if self.screen_name.trim().is_empty() {
            &self.name
        } else {
            &self.screen_name
        }
    }
}

impl Weibo {
    /// A client that has not called anybody yet.
    ///
    /// # Errors
    /// When the address is none, or TLS cannot be had.
    pub fn new(settings: WeiboSettings) -> Result<Self, WeiboSetupError> {
        // The provider of the whole binary: another one beside it would panic at the first
        // handshake. That it is there already is no error.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let base = Url::parse(&settings.base_url).map_err(|_| WeiboSetupError::Address)?;
        let builder = Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(settings.connect_limit)
            .timeout(settings.call_limit);
        let builder = match base.scheme() {
            "https" => builder,
            // Neither a proxy nor certificates: this is a double on the same machine or network.
            "http" => builder.no_proxy().tls_certs_only([]),
            _ => return Err(WeiboSetupError::Address),
        };
        Ok(Self {
            http: builder.build().map_err(WeiboSetupError::Client)?,
            base,
            app_key: settings.app_key,
            app_secret: settings.app_secret,
            redirect_uri: settings.redirect_uri,
            calls: Semaphore::new(CALLS),
        })
    }

    /// Where a browser goes to log in; Weibo sends it back with a code and this `state`.
    #[must_use]
    pub fn authorize_url(&self, state: &str) -> String {
        let mut url = self.url(&["oauth2", "authorize"]);
        url.query_pairs_mut()
            .append_pair("client_id", &self.app_key)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("response_type", "code")
            .append_pair("state", state);
        url.into()
    }

    pub(super) async fn grant_by_password(
        &self,
        name: &str,
        password: &str,
    ) -> Result<Grant, WeiboError> {
        let shown = [
            ("grant_type", "password"),
            ("username", name),
            ("password", password),
        ];
        self.grant(&shown).await
    }

    pub(super) async fn grant_by_code(&self, code: &str) -> Result<Grant, WeiboError> {
        let shown = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
        ];
        self.grant(&shown).await
    }

    async fn grant(&self, shown: &[(&str, &str)]) -> Result<Grant, WeiboError> {
        let mut form = vec![
            ("client_id", self.app_key.as_str()),
            ("client_secret", self.app_secret.as_str()),
        ];
        form.extend(shown);
        let request = self.http.post(self.url(&["oauth2", "access_token"]));
        let grant: Grant = self.call(request.form(&form)).await?;
        if grant.is_sound() {
            Ok(grant)
        } else {
            Err(WeiboError::away("its answer makes no sense"))
        }
    }

    /// Who `uid` is.
    pub(super) async fn person(&self, token: &str, uid: &str) -> Result<Person, WeiboError> {
        let request = self.http.get(self.url(&["2", "users", "show.json"]));
        self.call(request.query(&[("access_token", token), ("uid", uid)]))
            .await
    }

    /// Posts `status` in the name of the token's owner.
    pub(crate) async fn post(&self, token: &str, status: &str) -> Result<(), WeiboError> {
        let request = self.http.post(self.url(&["2", "statuses", "update.json"]));
        let request = request.form(&[("access_token", token), ("status", status)]);
        let _: Value = self.call(request).await?;
        Ok(())
    }

    /// Posts `status` with a picture in the name of the token's owner.
    pub(crate) async fn post_picture(
        &self,
        token: &str,
        status: &str,
        picture: PostedPicture,
    ) -> Result<(), WeiboError> {
        let pic = Part::bytes(picture.bytes)
            .file_name(picture.file_name)
            .mime_str(picture.content_type)
            .map_err(|_| WeiboError::away("no such content type"))?;
        let form = Form::new()
            .text("access_token", token.to_owned())
            .text("status", status.to_owned())
            .part("pic", pic);
        let request = self.http.post(self.url(&["2", "statuses", "upload.json"]));
        let _: Value = self.call(request.multipart(form)).await?;
        Ok(())
    }

    async fn call<T: for<'de> Deserialize<'de>>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, WeiboError> {
        let Ok(_turn) = self.calls.try_acquire() else {
            return Err(WeiboError::away("too many calls wait for it"));
        };
        answer::read(request.send().await).await
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("an http address has a path")
            .pop_if_empty()
            .extend(path);
        url
    }
}

impl Grant {
    /// Whether it is shaped like Weibo's: what is kept and sent on must be plain and short.
    fn is_sound(&self) -> bool {
        let plain = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        };
        plain(&self.token, 1_024) && plain(&self.uid, 64)
    }
}

impl fmt::Debug for Weibo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Weibo(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weibo(base_url: &str) -> Result<Weibo, WeiboSetupError> {
        Weibo::new(WeiboSettings {
            base_url: base_url.into(),
            app_key: "1234567890".into(),
            app_secret: "hush".into(),
            redirect_uri: "https://x.example/oauth2/sina_callback".into(),
            connect_limit: WeiboSettings::CONNECT_LIMIT,
            call_limit: WeiboSettings::CALL_LIMIT,
        })
    }

    #[test]
    fn browsers_are_sent_to_weibo_with_the_apps_key_and_the_state() {
        let expected = "http://127.0.0.1:9/oauth2/authorize?client_id=1234567890\
                        &redirect_uri=https%3A%2F%2Fx.example%2Foauth2%2Fsina_callback\
                        &response_type=code&state=abc";
        for base in ["http://127.0.0.1:9", "http://127.0.0.1:9/"] {
            let weibo = weibo(base).expect("a client");
            assert_eq!(weibo.authorize_url("abc"), expected);
            assert!(!format!("{weibo:?}").contains("hush"));
        }
    }

    #[test]
    fn what_is_no_address_of_a_server_is_refused() {
        for base in ["", "api.weibo.com", "ftp://api.weibo.com", "data:x"] {
            let refused = weibo(base);
            assert!(matches!(refused, Err(WeiboSetupError::Address)), "{base}");
        }
    }

    #[tokio::test]
    async fn a_server_that_speaks_no_tls_is_away() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let base = format!("https://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        let error = weibo(&base)
            .expect("a client")
            .post("t-hush", "hello")
            .await;
        let error = error.expect_err("no TLS there");
        assert!(matches!(error, WeiboError::Away(_)), "{error}");
        assert!(!format!("{error} {error:?}").contains("hush"));
    }
}
