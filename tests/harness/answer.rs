//! An answer over HTTP, and the shape that every answer has (contract §0).

use reqwest::header::HeaderMap;
use serde_json::Value;

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The request, for messages.
    pub(crate) to: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, which must be JSON and say so.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let kind = self.header("content-type").unwrap_or_default();
        assert!(kind.contains("json"), "{self:?} is not marked as JSON");
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.to, self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The value of the cookie that the answer sets, with its attributes.
    pub(crate) fn set_cookie(&self) -> Option<(String, String)> {
        let header = self.header("set-cookie")?;
        let (pair, attributes) = header.split_once(';').unwrap_or((&header, ""));
        let value = pair.strip_prefix("_session_id=")?;
        Some((value.to_owned(), attributes.trim().to_owned()))
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}: {}", self.to, self.text());
        let body = self.json();
        assert!(body.get("error").is_none(), "{}: {body}", self.to);
        body
    }

    /// Where a redirect leads to.
    #[track_caller]
    pub(crate) fn elsewhere(&self) -> String {
        assert_eq!(self.status, 302, "{}: {}", self.to, self.text());
        assert!(self.body.is_empty(), "{}: {}", self.to, self.text());
        self.header("location").expect("a destination")
    }

    /// The sentence of an error with this status: an object with a text and nothing beside it.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}: {}", self.to, self.text());
        self.error()
            .unwrap_or_else(|| panic!("{}: not an error object: {}", self.to, self.text()))
    }

    /// The sentence of the error object, if the body is one.
    pub(crate) fn error(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        let fields = body.as_object()?;
        let error = fields.get("error")?.as_str()?;
        let alone = fields.len() == 1 && !error.is_empty();
        let marked = self.header("content-type")?.contains("json");
        (alone && marked).then(|| error.to_owned())
    }
}

/// Two values must be equal; otherwise both are shown as JSON.
#[track_caller]
pub(crate) fn same(actual: &Value, expected: &Value) {
    assert!(
        actual == expected,
        "{actual:#}\nis not what was expected:\n{expected:#}"
    );
}
