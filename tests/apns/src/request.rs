//! What a gateway is asked, and what Apple has to say about it.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, Version};
use serde_json::{Value, json};
use uuid::Uuid;

/// The longest payload, in bytes.
const MAX_PAYLOAD: usize = 4096;

/// The longest id under which notifications replace each other, in bytes.
const MAX_COLLAPSE_ID: usize = 64;

/// What a gateway was asked.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The token of the device.
    pub device: String,
    /// What was shown to prove who asks.
    pub provider_token: String,
    /// `apns-id`.
    pub id: String,
    /// `apns-collapse-id`.
    pub collapse_id: String,
    /// `apns-expiration`, in seconds since 1970.
    pub expires_s: i64,
    /// What the device is to show; null when it was no JSON.
    pub payload: Value,
    /// Its length in bytes.
    pub payload_bytes: usize,
    /// What was answered, if anything was.
    pub status: Option<u16>,
    well_formed: bool,
    topic: String,
    push_type: String,
    priority: String,
}

/// What a gateway knows of the team.
pub(crate) struct Checks {
    public_key: Vec<u8>,
}

impl Asked {
    /// The body that the device shows.
    #[must_use]
    pub fn body(&self) -> &str {
        self.payload["aps"]["alert"]["body"]
            .as_str()
            .unwrap_or_default()
    }

    pub(crate) async fn read(request: Request<Incoming>) -> Self {
        let header = |name: &str| {
            let value = request.headers().get(name);
            let text = value.and_then(|value| value.to_str().ok());
            text.unwrap_or_default().to_owned()
        };
        let path = request.uri().path();
        let bearer = header("authorization");
        let asked = Self {
            device: path.rsplit('/').next().unwrap_or_default().to_owned(),
            provider_token: bearer
                .strip_prefix("bearer ")
                .unwrap_or_default()
                .to_owned(),
            id: header("apns-id"),
            collapse_id: header("apns-collapse-id"),
            expires_s: header("apns-expiration").parse().unwrap_or_default(),
            well_formed: request.version() == Version::HTTP_2
                && request.method() == "POST"
                && path.starts_with("/3/device/"),
            topic: header("apns-topic"),
            push_type: header("apns-push-type"),
            priority: header("apns-priority"),
            ..Self::default()
        };
        let body = request.into_body().collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        Self {
            payload: serde_json::from_slice(&body).unwrap_or_default(),
            payload_bytes: body.len(),
            ..asked
        }
    }
}

impl Checks {
    pub(crate) fn new(public_key: &[u8]) -> Self {
        Self {
            public_key: public_key.to_vec(),
        }
    }

    /// What is wrong with what was asked, in Apple's words; `ended` says that the provider token
    /// is too old.
    pub(crate) fn fault(&self, asked: &Asked, ended: bool) -> Option<(u16, &'static str)> {
        let plain = asked.device.bytes().all(|b| b.is_ascii_hexdigit());
        let id = Uuid::parse_str(&asked.id);
        let canonical = id.is_ok_and(|id| id.to_string() == asked.id);
        let faults = [
            (!asked.well_formed, 404, "BadPath"),
            (asked.provider_token.is_empty(), 403, "MissingProviderToken"),
            (
                !self.is_signed(&asked.provider_token),
                403,
                "InvalidProviderToken",
            ),
            (ended, 403, "ExpiredProviderToken"),
            (asked.topic.is_empty(), 400, "MissingTopic"),
            (asked.topic != crate::TOPIC, 400, "TopicDisallowed"),
            (!canonical, 400, "BadMessageId"),
            (
                asked.collapse_id.len() > MAX_COLLAPSE_ID,
                400,
                "BadCollapseId",
            ),
            (asked.push_type != "alert", 400, "InvalidPushType"),
            (asked.priority != "10", 400, "BadPriority"),
            (asked.payload_bytes > MAX_PAYLOAD, 413, "PayloadTooLarge"),
            (!asked.payload["aps"].is_object(), 400, "PayloadEmpty"),
            (!plain || asked.device.len() != 64, 400, "BadDeviceToken"),
        ];
        let fault = faults.into_iter().find(|(is_so, ..)| *is_so);
        fault.map(|(_, status, reason)| (status, reason))
    }

    /// Whether a provider token is of the team and was signed by it.
    fn is_signed(&self, token: &str) -> bool {
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        let read = |part| serde_json::from_slice::<Value>(&decoded(part)).unwrap_or_default();
        let Some((signed, signature)) = token.rsplit_once('.') else {
            return false;
        };
        let (header, claims) = signed.split_once('.').unwrap_or_default();
        let expected = json!({"alg": "ES256", "kid": crate::KEY_ID});
        let claims = read(claims);
        read(header) == expected
            && claims["iss"] == crate::TEAM_ID
            && claims["iat"].is_i64()
            && UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.public_key)
                .verify(signed.as_bytes(), &decoded(signature))
                .is_ok()
    }
}

/// An answer; a yes has no body.
pub(crate) fn reply(
    id: &str,
    status: u16,
    reason: &str,
    timestamp: Option<i64>,
) -> Response<Full<Bytes>> {
    let mut said = json!({"reason": reason});
    if let Some(timestamp) = timestamp {
        said["timestamp"] = timestamp.into();
    }
    let body = if status == 200 {
        String::new()
    } else {
        said.to_string()
    };
    let answer = Response::builder().status(status).header("apns-id", id);
    answer
        .body(Full::from(body))
        .expect("a status and an id that came in")
}
