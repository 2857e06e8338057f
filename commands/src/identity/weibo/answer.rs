//! What Weibo answers: read up to a limit, and sorted into yes, no, and not now.
//!
//! Nothing of an answer or a request is ever repeated in an error, for either may hold a token.

use reqwest::{Response, StatusCode};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The longest answer that is read, in bytes; real ones have some thousand.
const MAX_BYTES: usize = 64 * 1024;

/// Codes of "not now": Weibo's system is ill, or we, or somebody, asked too often.
const NOT_NOW: [u64; 11] = [
    10001, 10002, 10003, 10004, 10009, 10010, 10022, 10023, 10024, 20016, 21331,
];

/// Codes of "not this app": a setting of ours is wrong, and no person can do anything about it.
const NOT_THIS_APP: [u64; 5] = [21322, 21324, 21326, 21328, 21337];

/// Names of the same.
const NOT_THIS_APP_NAMES: [&str; 5] = [
    "redirect_uri_mismatch",
    "invalid_client",
    "unauthorized_client",
    "unsupported_grant_type",
    "applications over the unaudited use restrictions!",
];

/// Codes of a token that has ended, was revoked, or never was one.
const DEAD_TOKEN: [u64; 8] = [21314, 21315, 21316, 21317, 21319, 21327, 21332, 21501];

/// Codes of a post that is there already.
const SAID_BEFORE: [u64; 2] = [20017, 20019];

/// Why Weibo did not do what was asked. Holds no name, password, code or token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeiboError {
    /// It says no, and would again.
    #[error("weibo refused with status {status}, code {code}")]
    Refused {
        /// Of the answer.
        status: u16,
        /// `error_code` of the answer; 0 when there is none.
        code: u64,
    },
    /// It cannot be reached, takes too long, answers nonsense or will not deal with this app;
    /// later it may.
    #[error("weibo is away: {0}")]
    Away(String),
}

impl WeiboError {
    pub(crate) fn away(why: &str) -> Self {
        Self::Away(why.to_owned())
    }

    /// The token that was shown is worth nothing any more.
    pub(crate) fn is_about_the_token(&self) -> bool {
        matches!(self, Self::Refused { status, code }
            if DEAD_TOKEN.contains(code) || (*status == 401 && *code == 0))
    }

    /// The post that was sent is there already.
    pub(crate) fn was_said_before(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if SAID_BEFORE.contains(code))
    }
}

/// The JSON object that Weibo answers when it says yes, as a `T`.
pub(super) async fn read<T: for<'de> Deserialize<'de>>(
    sent: reqwest::Result<Response>,
) -> Result<T, WeiboError> {
    let response = sent.map_err(|error| broken(&error))?;
    let status = response.status();
    let body = bytes(response).await?;
    let body: Option<Value> = serde_json::from_slice(&body).ok();
    if let Some(error) = refusal(status, body.as_ref()) {
        return Err(error);
    }
    body.and_then(|body| T::deserialize(body).ok())
        .ok_or_else(|| WeiboError::away("its answer makes no sense"))
}

/// At most [`MAX_BYTES`] of the body; more is nonsense.
async fn bytes(mut response: Response) -> Result<Vec<u8>, WeiboError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(WeiboError::away("its answer is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What went wrong on the way. The error's own text has the address in it, and that a token.
fn broken(error: &reqwest::Error) -> WeiboError {
    WeiboError::away(if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    })
}

/// Why this is no yes, if it is none.
fn refusal(status: StatusCode, body: Option<&Value>) -> Option<WeiboError> {
    let field = |name| body.and_then(|body| body.get(name));
    let code = field("error_code").map_or(0, |code| number(code).unwrap_or(0));
    let name = field("error").map(|name| name.as_str().unwrap_or_default());
    if status.is_success() && code == 0 && name.is_none() {
        return None;
    }
    if NOT_THIS_APP.contains(&code) || name.is_some_and(|name| NOT_THIS_APP_NAMES.contains(&name)) {
        return Some(WeiboError::Away(format!(
            "it does not accept the settings of this app (code {code})"
        )));
    }
    // Proxies and gateways have no body of Weibo's; these three are about what was asked.
    let about_us = matches!(status.as_u16(), 200..=299 | 400 | 401 | 403);
    let known = status.is_client_error() && code != 0 && status != StatusCode::TOO_MANY_REQUESTS;
    if NOT_NOW.contains(&code) || !(about_us || known) {
        return Some(WeiboError::Away(format!(
            "it answered {} (code {code})",
            status.as_u16()
        )));
    }
    Some(WeiboError::Refused {
        status: status.as_u16(),
        code,
    })
}

/// A number that may be written as a text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Reads a whole number that may be written as a text.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    number(&value).ok_or_else(|| serde::de::Error::custom("no whole number"))
}

/// Reads a text that may be written as a whole number.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) if number.is_u64() => Ok(number.to_string()),
        _ => Err(serde::de::Error::custom("no text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, expected: &str) {
        let status = StatusCode::from_u16(status).expect("a status");
        let body = serde_json::from_str(body).ok();
        let found = match refusal(status, body.as_ref()) {
            None => "yes".to_owned(),
            Some(WeiboError::Refused { code, .. }) => format!("no {code}"),
            Some(WeiboError::Away(_)) => "not now".to_owned(),
        };
        assert_eq!(found, expected, "{status} {body:?}");
    }

    #[test]
    fn answers_are_sorted_into_yes_no_and_not_now() {
        check(200, r#"{"uid":"1"}"#, "yes");
        check(
            400,
            r#"{"error":"invalid_grant","error_code":21325}"#,
            "no 21325",
        );
        check(
            200,
            r#"{"error":"expired_token","error_code":"21327"}"#,
            "no 21327",
        );
        check(
            403,
            r#"{"error":"repeat content!","error_code":20019}"#,
            "no 20019",
        );
        check(401, "", "no 0");
        check(400, "<html>", "no 0");
        check(
            403,
            r#"{"error":"too often","error_code":10023}"#,
            "not now",
        );
        check(
            401,
            r#"{"error":"invalid_client","error_code":21324}"#,
            "not now",
        );
        check(400, r#"{"error":"redirect_uri_mismatch"}"#, "not now");
        for status in [301, 404, 407, 408, 429, 500, 502, 503] {
            check(status, "", "not now");
        }
        check(
            500,
            r#"{"error":"invalid_grant","error_code":21325}"#,
            "not now",
        );
    }

    #[test]
    fn what_a_refusal_means_is_known_by_its_code() {
        let refused = |status, code| WeiboError::Refused { status, code };
        assert!(refused(400, 21327).is_about_the_token());
        assert!(refused(401, 0).is_about_the_token());
        assert!(!refused(403, 20003).is_about_the_token());
        assert!(refused(400, 20019).was_said_before());
        assert!(!WeiboError::away("x").is_about_the_token());
    }
}
