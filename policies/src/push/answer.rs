//! What Apple's gateways answer: read up to a limit, and sorted into done, unknown, never, and not
//! now.
//!
//! Nothing that was sent, and no device, is repeated in an error.

use domain::Millis;
use reqwest::Response;
use serde_json::Value;
use std::error::Error;

/// The longest answer that is read, in bytes; real ones have less than hundred.
const MAX_BYTES: usize = 4 * 1024;

/// The longest reason that is repeated, in bytes.
const MAX_REASON: usize = 64;

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

/// What stands in the body of an answer that is no yes.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Apple's word for what is wrong; empty when there is none.
    pub(super) reason: String,
    /// Since when, in milliseconds.
    timestamp: Option<i64>,
}

impl Answer {
    /// Reads an answer, up to a limit.
    pub(super) async fn read(mut response: Response) -> Result<Self, ApnsError> {
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

    /// What it means, with this status.
    pub(super) fn verdict(self, status: u16) -> Result<Verdict, ApnsError> {
        let Self { reason, timestamp } = self;
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
            (403..=405, _) | (400, "BadTopic" | "MissingTopic" | "TopicDisallowed") => {
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
}

/// What went wrong on the way. The error's own text has the device's token in it; what caused it
/// has not.
pub(super) fn broken(error: reqwest::Error) -> ApnsError {
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

    /// The answer in one word.
    fn word(status: u16, body: &str) -> String {
        match Answer::from_json(body.as_bytes()).verdict(status) {
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
