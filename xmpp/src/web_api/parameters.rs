//! The parameters of a call: in the query, a form, multipart or JSON, all alike.

use super::answer::Failure;
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use serde_json::Value;
use std::collections::BTreeMap;
use std::str::FromStr;

/// What was sent, by name. What stands in the query counts before the body.
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// The parameter `name`, which must be there.
    pub(super) fn get<T: FromStr>(&self, name: &str) -> Result<T, Failure> {
        let text = self.0.get(name).filter(|text| !text.is_empty());
        let value = text.and_then(|text| text.parse().ok());
        value.ok_or_else(|| Failure::parameter(name))
    }

    /// The number `name`, or `usual` where there is none.
    pub(super) fn number(&self, name: &str, usual: usize) -> usize {
        let text = self.0.get(name);
        text.and_then(|text| text.parse().ok()).unwrap_or(usual)
    }

    fn add(&mut self, pairs: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in pairs {
            self.0.entry(name).or_insert(value);
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Parameters {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let mut found = Self(BTreeMap::new());
        let query = request.uri().query().unwrap_or_default();
        found.add(pairs(query.as_bytes()));
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        match kind.to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => {
                found.add(pairs(&body(request, state).await?));
            }
            "application/json" => {
                let body = body(request, state).await?;
                let fields = serde_json::from_slice(&body);
                let fields: serde_json::Map<String, Value> = fields.map_err(|_| {
                    Failure::new(StatusCode::BAD_REQUEST, "the body is no JSON object")
                })?;
                found.add(fields.into_iter().filter_map(|(name, value)| match value {
                    Value::String(text) => Some((name, text)),
                    Value::Number(number) => Some((name, number.to_string())),
                    _ => None,
                }));
            }
            "multipart/form-data" => {
                let parts = Multipart::from_request(request, state).await;
                let mut parts = parts.map_err(|bad| Failure::new(bad.status(), bad.body_text()))?;
                let bad = |bad: axum::extract::multipart::MultipartError| {
                    Failure::new(bad.status(), bad.body_text())
                };
                while let Some(part) = parts.next_field().await.map_err(bad)? {
                    let name = part.name().unwrap_or_default().to_owned();
                    let text = part.text().await.map_err(bad)?;
                    found.add([(name, text)]);
                }
            }
            _ => {}
        }
        Ok(found)
    }
}

/// The whole body of a request.
pub(super) async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Failure> {
    let body = Bytes::from_request(request, state).await;
    body.map_err(|bad| Failure::new(bad.status(), bad.body_text()))
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}
