//! Asks Apple's gateways over HTTP/2 to wake devices.
//!
//! What is sent, and what the answers mean, is not known here.

use super::answer::{Answer, ApnsError, Verdict, broken};
use super::provider_token::ProviderToken;
use domain::Millis;
use domain::push::{Device, Gateway};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Client, Url, redirect};
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// How often an idle connection is looked after, so that the next message finds it open.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// How long a connection may take to show that it lives.
const KEEP_ALIVE_LIMIT: Duration = Duration::from_secs(20);

/// How to reach Apple's gateways, and as whom.
pub struct ApnsSettings {
    /// The contents of the `.p8` file that Apple gives to a team.
    pub key: Vec<u8>,
    /// The id of that key.
    pub key_id: String,
    /// The id of the team.
    pub team_id: String,
    /// The bundle id of the app.
    pub topic: String,
    /// Where apps of the store are known.
    pub production_url: String,
    /// Where apps under development are known.
    pub development_url: String,
    /// Certificates (PEM) of authorities to trust beside those that this machine trusts.
    pub ca: Option<Vec<u8>>,
    /// How long a connection may take to be made.
    pub connect_limit: Duration,
    /// How long a call may take, the connection included.
    pub call_limit: Duration,
}

impl ApnsSettings {
    /// How long a connection may take to be made, by default.
    pub const CONNECT_LIMIT: Duration = Duration::from_secs(3);
    /// How long a call may take, by default.
    pub const CALL_LIMIT: Duration = Duration::from_secs(4);
}

/// Why the gateways cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ApnsSetupError {
    /// The key is none.
    #[error("the key is no PKCS #8 key for P-256 in PEM, as in the .p8 files of apple")]
    Key,
    /// A topic is part of a header.
    #[error("the topic must be the bundle id of the app, like cn.dface.face")]
    Topic,
    /// An address is none.
    #[error("the address of a gateway must begin with https://")]
    Address,
    /// The certificates are none.
    #[error("the extra authorities hold no certificate in PEM")]
    Authority,
    /// The machine has no certificates, or something else that TLS needs.
    #[error("cannot speak HTTPS from here")]
    Client(#[source] reqwest::Error),
}

/// A client of Apple's gateways.
pub struct Apns {
    http: Client,
    provider: ProviderToken,
    topic: HeaderValue,
    production: Url,
    development: Url,
}

/// What is told to a gateway about a device that it is to wake.
pub(super) struct Notification {
    /// The same each time.
    pub(super) id: Uuid,
    /// Of those with the same, the device shows the last only. At most 64 bytes.
    pub(super) collapse_id: String,
    /// Until when the gateway tries to reach the device, in seconds since 1970.
    pub(super) expires_s: i64,
    /// JSON, at most 4,096 bytes.
    pub(super) payload: String,
}

impl Apns {
    /// A client that has not called anybody yet.
    ///
    /// # Errors
    /// When a setting is unusable, or TLS cannot be had.
    pub fn new(settings: ApnsSettings) -> Result<Self, ApnsSetupError> {
        // The provider of the whole binary: another one beside it would panic at the first
        // handshake. That it is there already is no error.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let provider = ProviderToken::new(&settings.key, &settings.key_id, &settings.team_id)?;
        let mut http = Client::builder()
            .https_only(true)
            .http2_prior_knowledge()
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_timeout(KEEP_ALIVE_LIMIT)
            .http2_keep_alive_while_idle(true)
            .pool_idle_timeout(None)
            .redirect(redirect::Policy::none())
            .connect_timeout(settings.connect_limit)
            .timeout(settings.call_limit);
        if let Some(pem) = &settings.ca {
            let authorities = Certificate::from_pem_bundle(pem).unwrap_or_default();
            if authorities.is_empty() {
                return Err(ApnsSetupError::Authority);
            }
            http = http.tls_certs_merge(authorities);
        }
        Ok(Self {
            http: http.build().map_err(ApnsSetupError::Client)?,
            provider,
            topic: HeaderValue::from_str(&settings.topic).map_err(|_| ApnsSetupError::Topic)?,
            production: address(&settings.production_url)?,
            development: address(&settings.development_url)?,
        })
    }

    /// Asks the gateway of `device` to wake it.
    pub(super) async fn wake(
        &self,
        device: &Device,
        notification: &Notification,
        now: Millis,
    ) -> Result<Verdict, ApnsError> {
        let token = self.provider.current(now)?;
        let (status, answer) = self.call(device, notification, &token).await?;
        if !(status == 403 && answer.reason == "ExpiredProviderToken") {
            return answer.verdict(status);
        }
        let renewed = self.provider.instead_of(&token, now)?;
        if renewed == token {
            // The clocks differ.
            return answer.verdict(status);
        }
        let (status, answer) = self.call(device, notification, &renewed).await?;
        answer.verdict(status)
    }

    async fn call(
        &self,
        device: &Device,
        notification: &Notification,
        token: &str,
    ) -> Result<(u16, Answer), ApnsError> {
        let mut url = match device.state {
            Gateway::Distribution => self.production.clone(),
            Gateway::Development => self.development.clone(),
        };
        url.path_segments_mut()
            .expect("an https address has a path")
            .pop_if_empty()
            .extend(["3", "device", device.token.as_str()]);
        let bearer = HeaderValue::from_str(&format!("bearer {token}"));
        let mut bearer = bearer.map_err(|_| ApnsError::away("the token is no header"))?;
        bearer.set_sensitive(true);
        let request = self
            .http
            .post(url)
            .header(AUTHORIZATION, bearer)
            .header(CONTENT_TYPE, "application/json")
            .header("apns-topic", &self.topic)
            .header("apns-push-type", "alert")
            .header("apns-priority", "10")
            .header("apns-id", notification.id.to_string())
            .header("apns-collapse-id", &notification.collapse_id)
            .header("apns-expiration", notification.expires_s)
            .body(notification.payload.clone());
        let response = request.send().await.map_err(broken)?;
        let status = response.status().as_u16();
        Ok((status, Answer::read(response).await?))
    }
}

impl fmt::Debug for Apns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Apns(..)")
    }
}

fn address(url: &str) -> Result<Url, ApnsSetupError> {
    let url = Url::parse(url).ok();
    url.filter(|url| url.scheme() == "https" && url.has_host())
        .ok_or(ApnsSetupError::Address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> ApnsSettings {
        ApnsSettings {
            key: test_apns::key().into(),
            key_id: "ABC123DEFG".into(),
            team_id: "DEF123GHIJ".into(),
            topic: "cn.dface.face".into(),
            production_url: "https://api.push.apple.com".into(),
            development_url: "https://api.sandbox.push.apple.com:443/".into(),
            ca: None,
            connect_limit: ApnsSettings::CONNECT_LIMIT,
            call_limit: ApnsSettings::CALL_LIMIT,
        }
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut ApnsSettings), says: &str) {
        let mut settings = settings();
        change(&mut settings);
        let error = Apns::new(settings)
            .expect_err("must be refused")
            .to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        Apns::new(settings()).expect("sound");
        refused(|s| s.key = b"hush".to_vec(), ".p8");
        refused(|s| s.topic = "a\nb".into(), "topic");
        refused(|s| s.production_url = "http://x".into(), "https://");
        refused(
            |s| s.development_url = "api.push.apple.com".into(),
            "https://",
        );
        refused(|s| s.ca = Some(b"no certificate".to_vec()), "authorities");
    }
}
