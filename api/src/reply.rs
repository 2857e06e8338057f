//! Answers as JSON in UTF-8, never cached.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What most answers have room in, in bytes, without growing.
const ROOM: usize = 4_096;

/// A JSON answer.
pub(crate) struct Reply<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        let mut body = Vec::with_capacity(ROOM);
        if serde_json::to_writer(&mut body, &self.0).is_err() {
            // Only maps with odd keys cannot be written, and we have none.
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        json(body)
    }
}

/// The answer whose body, which is JSON, has been written.
pub(crate) fn json(body: Vec<u8>) -> Response {
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    let fresh = HeaderValue::from_static("no-store");
    (
        [(header::CONTENT_TYPE, json), (header::CACHE_CONTROL, fresh)],
        body,
    )
        .into_response()
}
