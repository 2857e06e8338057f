//! Asks Apple's gateways over HTTP/2 to wake devices, and sorts what they answer into done, dead,
//! never, and not now.
//!
//! What is sent is not known here. Nothing that is sent, and no device, is repeated in an error.

use super::provider_token::ProviderToken;
use domain::Millis;
use domain::push::{Device, Gateway};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Client, Response, Url, redirect};
use serde_json::Value;
use std::error::Error;
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// The longest answer that is read, in bytes; real ones have less than hundred.
const MAX_BYTES: usize = 4 * 1024;

/// The longest reason that is repeated, in bytes.
const MAX_REASON: usize = 64;

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

/// What a gateway says about a device or a notification. It would say it again.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It wakes the device.
    Woken,
    /// It does not know the device, or does not any more.
    Unknown {
        /// Apple's word for it.
        reason: String,
        /// When it found that out, if it says so.
        since: Option<Millis>,
    },
    /// It does not take such a notification.
    Refused {
        /// Apple's word for it.
        reason: String,
    },
}

/// Why a gateway did not say anything about a device. Later it may. Holds no token of any kind.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApnsError {
    /// It cannot be reached, takes too long, or is ill.
    #[error("apple's gateway is away: {0}")]
    Away(String),
    /// An operator must do something about it.
    #[error("apple's gateway does not accept the settings of this server: {0}")]
    Settings(String),
    /// It has heard of this device too often.
    #[error("apple's gateway has been asked to wake the same device too often")]
    Often,
}

impl ApnsError {
    pub(super) fn away(why: &str) -> Self {
        Self::Away(why.to_owned())
    }
}

impl Apns {
    /// A client that has not called anybody yet.
    ///
    /// # Errors
    /// When a setting is unusable, or TLS cannot be had.
    pub fn new(settings: ApnsSettings) -> Result<Self, ApnsSetupError> {
        // The provider of the whole binary: another one beside it would panic at the first
        // handshake. That it is there already is no error.
        let _ = rustls::crypto::ring::default_provider().install_default();
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
            return verdict(status, answer);
        }
        // The clocks may differ.
        let token = self.provider.instead_of(&token, now)?;
        let (status, answer) = self.call(device, notification, &token).await?;
        verdict(status, answer)
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

/// What stands in the body of an answer that is no yes.
#[derive(Debug, Default)]
struct Answer {
    /// Apple's word for what is wrong; empty when there is none.
    reason: String,
    /// Since when, in milliseconds.
    timestamp: Option<i64>,
}

impl Answer {
    async fn read(mut response: Response) -> Result<Self, ApnsError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(ApnsError::away("its answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self::from_json(&body))
    }

    fn from_json(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let reason = body["reason"].as_str().unwrap_or_default();
        let is_word =
            reason.len() <= MAX_REASON && reason.bytes().all(|b| b.is_ascii_alphanumeric());
        Self {
            reason: if is_word { reason } else { "" }.to_owned(),
            timestamp: body["timestamp"].as_i64(),
        }
    }
}

/// What an answer means.
fn verdict(status: u16, answer: Answer) -> Result<Verdict, ApnsError> {
    let Answer { reason, timestamp } = answer;
    match (status, reason.as_str()) {
        (200, _) => Ok(Verdict::Woken),
        (410, _) => Ok(Verdict::Unknown {
            reason,
            since: timestamp.map(Millis),
        }),
        (400, "BadDeviceToken" | "DeviceTokenNotForTopic") => Ok(Verdict::Unknown {
            reason,
            since: None,
        }),
        (429, "TooManyProviderTokenUpdates") => Err(ApnsError::Away(reason)),
        (429, _) => Err(ApnsError::Often),
        // 404 and 405 are about the path, which follows from the address.
        (403 | 404 | 405, _) | (400, "BadTopic" | "MissingTopic" | "TopicDisallowed") => {
            Err(ApnsError::Settings(if reason.is_empty() {
                format!("status {status}")
            } else {
                reason
            }))
        }
        (400 | 413, word) if !word.is_empty() => Ok(Verdict::Refused { reason }),
        _ => Err(ApnsError::Away(format!("status {status}"))),
    }
}

fn address(url: &str) -> Result<Url, ApnsSetupError> {
    let url = Url::parse(url).ok();
    url.filter(|url| url.scheme() == "https" && url.has_host())
        .ok_or(ApnsSetupError::Address)
}

/// What went wrong on the way. The error's own text has the device's token in it; what caused it
/// has not.
fn broken(error: reqwest::Error) -> ApnsError {
    if error.is_timeout() {
        return ApnsError::away("no answer in time");
    }
    let mut why = if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    }
    .to_owned();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        cause = deeper.source();
        if cause.is_none() {
            why = format!("{why} ({deeper})");
        }
    }
    ApnsError::Away(why)
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

    /// The answer in one word.
    fn word(status: u16, body: &str) -> String {
        match verdict(status, Answer::from_json(body.as_bytes())) {
            Ok(Verdict::Woken) => "woken".into(),
            Ok(Verdict::Unknown { since, .. }) => format!("unknown {since:?}"),
            Ok(Verdict::Refused { reason }) => format!("never: {reason}"),
            Err(ApnsError::Away(why)) => format!("away: {why}"),
            Err(ApnsError::Settings(why)) => format!("settings: {why}"),
            Err(ApnsError::Often) => "often".into(),
        }
    }

    #[test]
    fn each_answer_is_about_the_device_the_message_the_settings_or_the_gateway() {
        for (status, reason, expected) in [
            (200, "", "woken"),
            (400, "BadDeviceToken", "unknown None"),
            (400, "DeviceTokenNotForTopic", "unknown None"),
            (400, "BadCollapseId", "never: BadCollapseId"),
            (400, "TopicDisallowed", "settings: TopicDisallowed"),
            (
                403,
                "InvalidProviderToken",
                "settings: InvalidProviderToken",
            ),
            (
                403,
                "ExpiredProviderToken",
                "settings: ExpiredProviderToken",
            ),
            (404, "BadPath", "settings: BadPath"),
            (413, "PayloadTooLarge", "never: PayloadTooLarge"),
            (429, "TooManyRequests", "often"),
            (
                429,
                "TooManyProviderTokenUpdates",
                "away: TooManyProviderTokenUpdates",
            ),
            (500, "InternalServerError", "away: status 500"),
            (503, "Shutdown", "away: status 503"),
            (302, "", "away: status 302"),
        ] {
            let body = format!(r#"{{"reason":"{reason}"}}"#);
            assert_eq!(word(status, &body), expected);
        }
        let since = r#"{"reason":"Unregistered","timestamp":1357948800000}"#;
        assert_eq!(word(410, since), "unknown Some(Millis(1357948800000))");
        // What stands between us and Apple answers as it likes.
        assert_eq!(word(400, "<html>"), "away: status 400");
        assert_eq!(
            word(403, r#"{"reason":"<script>"}"#),
            "settings: status 403"
        );
        assert_eq!(word(410, r#"{"timestamp":"x"}"#), "unknown None");
    }
}
