//! Parameters of a request: query, form, multipart and JSON bodies read alike (contract §0).
//!
//! Each call's parameters are one struct: [`Input`] reads it, and the OpenAPI document shows it.

use crate::App;
use crate::error::ApiError;
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{Method, StatusCode, header};
use domain::geo::Point;
use futures_util::StreamExt;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// How many parameters a request may have.
const MAX_PARAMETERS: usize = 100;

/// How many times the longest body is read at most before hanging up.
const READ_ON: usize = 16;

/// How long a parameter may be, in bytes.
const MAX_VALUE_BYTES: usize = 16 * 1024;

/// Parameters that are lists; outside of JSON they are written as the text of a JSON list.
const LISTS: [&str; 1] = ["points"];

/// The rows of one page at most, whatever is asked.
const MAX_PER_PAGE: u32 = 100;

/// The parameters of a request as a `T`; names that `T` does not have are ignored.
pub(crate) struct Input<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Input<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        Pairs::of(request, app).await?.read().map(Self)
    }
}

/// Names and values in the order in which they came.
///
/// They are kept in one encoding, so that all sources are alike, also in what is said of mistakes.
#[derive(Default)]
pub(crate) struct Pairs {
    encoded: String,
    count: usize,
}

impl Pairs {
    /// What stands in the query and, where a body may be, in the body.
    pub(crate) async fn of(request: Request, app: &App) -> Result<Self, ApiError> {
        let mut pairs = Self::default();
        pairs.add_urlencoded(request.uri().query().unwrap_or_default().as_bytes())?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            pairs.add_body(request, app).await?;
        }
        Ok(pairs)
    }

    pub(crate) fn add(&mut self, name: &str, value: &str) -> Result<(), ApiError> {
        if self.count == MAX_PARAMETERS {
            return Err(ApiError::bad_request("too many parameters"));
        }
        if name.len() + value.len() > MAX_VALUE_BYTES {
            return Err(ApiError::bad_request("a parameter is too long"));
        }
        // Decoding put U+FFFD where the bytes were no UTF-8.
        if value.contains(['\0', '\u{fffd}']) || name.contains(['\0', '\u{fffd}']) {
            return Err(ApiError::bad_request("a parameter is not plain UTF-8 text"));
        }
        form_urlencoded::Serializer::new(&mut self.encoded).append_pair(name, value);
        self.count += 1;
        Ok(())
    }

    pub(crate) fn add_urlencoded(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        for (name, value) in form_urlencoded::parse(bytes) {
            self.add(&name, &value)?;
        }
        Ok(())
    }

    async fn add_body(&mut self, request: Request, app: &App) -> Result<(), ApiError> {
        let (parts, body) = request.into_parts();
        let body = whole(body, app.settings.limits.body_bytes).await?;
        let kind = parts.headers.get(header::CONTENT_TYPE);
        let kind = kind
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let kind = kind
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match kind.as_str() {
            "multipart/form-data" => {
                let request = Request::from_parts(parts, Body::from(body));
                self.add_multipart(request, app).await
            }
            "application/json" => self.add_json(&body),
            "application/x-www-form-urlencoded" => self.add_urlencoded(&body),
            _ if body.is_empty() => Ok(()),
            _ => Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be a form, multipart/form-data or JSON",
            )),
        }
    }

    fn add_json(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        let Ok(Value::Object(fields)) = serde_json::from_slice(bytes) else {
            return Err(ApiError::bad_request("the body must be a JSON object"));
        };
        for (name, value) in fields {
            match value {
                Value::Null => {}
                Value::String(text) => self.add(&name, &text)?,
                Value::Bool(_) | Value::Number(_) => self.add(&name, &value.to_string())?,
                Value::Array(_) if LISTS.contains(&name.as_str()) => {
                    self.add(&name, &value.to_string())?;
                }
                Value::Array(_) | Value::Object(_) => {
                    return Err(ApiError::bad_request(format!(
                        "{name}: must be a plain value"
                    )));
                }
            }
        }
        Ok(())
    }

    async fn add_multipart(&mut self, request: Request, app: &App) -> Result<(), ApiError> {
        let broken = |_| ApiError::bad_request("the multipart body is broken or too large");
        let mut form = Multipart::from_request(request, app)
            .await
            .map_err(|_| ApiError::bad_request("the multipart body has no boundary"))?;
        while let Some(field) = form.next_field().await.map_err(broken)? {
            let name = field.name().unwrap_or_default().to_owned();
            let value = field.bytes().await.map_err(broken)?;
            self.add(&name, &String::from_utf8_lossy(&value))?;
        }
        Ok(())
    }

    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let reader = || {
            let pairs = form_urlencoded::parse(self.encoded.as_bytes());
            serde_urlencoded::Deserializer::new(pairs)
        };
        // Keeping track of what is being read takes longer than reading: only mistakes are worth it.
        if let Ok(read) = T::deserialize(reader()) {
            return Ok(read);
        }
        serde_path_to_error::deserialize(reader()).map_err(|error| {
            let (path, cause) = (error.path().to_string(), error.into_inner());
            ApiError::bad_request(if path == "." {
                cause.to_string()
            } else {
                format!("{path}: {cause}")
            })
        })
    }
}

/// The whole body, if it has at most `limit` bytes.
///
/// A longer one is read on for a while and forgotten: a client that is still sending when we hang
/// up may never see the answer.
async fn whole(body: Body, limit: usize) -> Result<Vec<u8>, ApiError> {
    let mut chunks = body.into_data_stream();
    let (mut whole, mut length) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::bad_request("the body is broken"))?;
        length += chunk.len();
        if length <= limit {
            whole.extend_from_slice(&chunk);
        } else if length > limit.saturating_mul(READ_ON) {
            break;
        }
    }
    if length > limit {
        return Err(ApiError::too_large("the body is too large"));
    }
    Ok(whole)
}

/// The point at `lat`, `lng`.
pub(crate) fn point(lat: f64, lng: f64) -> Result<Point, ApiError> {
    Point::new(lat, lng).map_err(|error| ApiError::bad_request(error.to_string()))
}

/// Refuses an accuracy that no phone means: not a number, negative, or more than 10^9 m.
pub(crate) fn accuracy(metres: f64) -> Result<f64, ApiError> {
    in_range("accuracy", metres, 0.0..=1e9)
}

/// Refuses a number outside `range`, and NaN.
pub(crate) fn in_range(
    name: &str,
    number: f64,
    range: std::ops::RangeInclusive<f64>,
) -> Result<f64, ApiError> {
    if range.contains(&number) {
        return Ok(number);
    }
    let (from, to) = range.into_inner();
    Err(ApiError::bad_request(format!(
        "{name} must be a number from {from} to {to}"
    )))
}

/// Refuses a text that is empty or longer than 255 characters.
pub(crate) fn short(name: &str, text: String) -> Result<String, ApiError> {
    match text.chars().count() {
        1..=255 => Ok(text),
        _ => Err(ApiError::bad_request(format!(
            "{name} must have 1 to 255 characters"
        ))),
    }
}

/// One page of a list: which one, from 1, and how many rows each has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) number: u32,
    pub(crate) rows: u32,
}

impl Page {
    /// The page number `page`, from 1 and by default 1, of `pcount` rows, by default 20.
    pub(crate) fn of(page: Option<u32>, pcount: Option<u32>) -> Result<Self, ApiError> {
        match (page.unwrap_or(1), pcount.unwrap_or(20)) {
            (0, _) | (_, 0) => Err(ApiError::bad_request("page and pcount must be at least 1")),
            (page, pcount) => Ok(Self {
                number: page,
                rows: pcount.min(MAX_PER_PAGE),
            }),
        }
    }

    /// How many rows stand before the page.
    pub(crate) fn skip(self) -> usize {
        (self.number as usize - 1) * self.rows as usize
    }

    pub(crate) fn take(self) -> usize {
        self.rows as usize
    }
}

/// Reads one of [`LISTS`], of objects.
pub(crate) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let read = || -> serde_json::Result<Vec<T>> {
        // An array is no object: in which order would its numbers stand?
        let objects: Vec<serde_json::Map<String, Value>> = serde_json::from_str(&text)?;
        let objects = objects.into_iter().map(Value::Object);
        objects.map(serde_json::from_value).collect()
    };
    let list = read().map_err(|error| {
        // Where in the text it stands means nothing to whoever sent JSON.
        let reason = error.to_string();
        D::Error::custom(reason.split(" at line ").next().unwrap_or_default())
    })?;
    Ok(Some(list))
}

/// Reads `hash=1`: only a true value switches the shape of an answer.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(matches!(text.as_str(), "1" | "true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Sample {
        lat: f64,
        name: Option<String>,
    }

    #[track_caller]
    fn check(
        fill: impl FnOnce(&mut Pairs) -> Result<(), ApiError>,
        expected: Result<Sample, &str>,
    ) {
        let mut pairs = Pairs::default();
        let read = fill(&mut pairs).and_then(|()| pairs.read::<Sample>());
        let read = read.map_err(|error| format!("{error:?}"));
        match (read, expected) {
            (Ok(read), Ok(expected)) => assert_eq!(read, expected),
            (Err(read), Err(part)) => assert!(read.contains(part), "{read}"),
            (read, expected) => panic!("{read:?} is not {expected:?}"),
        }
    }

    #[test]
    fn json_and_forms_read_alike() {
        let sample = || {
            Ok(Sample {
                lat: 30.5,
                name: Some("a&b=脸".into()),
            })
        };
        check(
            |p| p.add_urlencoded("lat=30.5&name=a%26b%3D脸&more=1".as_bytes()),
            sample(),
        );
        check(
            |p| p.add_json(r#"{"lat":30.5,"name":"a&b=脸","x":null}"#.as_bytes()),
            sample(),
        );
        check(
            |p| p.add_json(r#"{"lat":"30.5","name":"a&b=脸"}"#.as_bytes()),
            sample(),
        );
    }

    #[test]
    fn mistakes_are_told_by_name() {
        check(|p| p.add_urlencoded(b""), Err("missing field `lat`"));
        check(
            |p| p.add_urlencoded(b"lat=x"),
            Err("lat: invalid float literal"),
        );
        check(|p| p.add_urlencoded(b"lat="), Err("lat"));
        check(
            |p| p.add_urlencoded(b"lat=1&lat=2"),
            Err("duplicate field `lat`"),
        );
        check(
            |p| p.add_urlencoded(b"lat=1&name=%00"),
            Err("not plain UTF-8"),
        );
        check(
            |p| p.add_urlencoded(b"lat=1&name=%ff"),
            Err("not plain UTF-8"),
        );
        check(|p| p.add_json(b"[1]"), Err("must be a JSON object"));
        check(
            |p| p.add_json(b"{\"lat\":{}}"),
            Err("lat: must be a plain value"),
        );
        check(
            |p| p.add_json(b"{\"lat\":[1]}"),
            Err("lat: must be a plain value"),
        );
    }

    #[test]
    fn a_page_is_counted_from_one_and_bounded() {
        let page = |page, pcount| Page::of(Some(page), Some(pcount)).ok();
        assert_eq!(Page::of(None, None).ok(), page(1, 20));
        assert_eq!(
            page(1, 20),
            Some(Page {
                number: 1,
                rows: 20
            })
        );
        assert_eq!(
            page(3, u32::MAX),
            Some(Page {
                number: 3,
                rows: 100
            })
        );
        assert_eq!(page(0, 20), None);
        assert_eq!(page(1, 0), None);
    }
}
