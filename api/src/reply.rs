//! Answers as JSON in UTF-8, never cached.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What most answers have room in, in bytes, without growing.
const ROOM: usize = 4_096;

/// A JSON answer.
pub(crate) struct Reply<T>(pub(crate) T);

impl<T: Serialize> Reply<T> {
    /// The answer, for which `room` bytes are set aside before it is written.
    pub(crate) fn with_room(self, room: usize) -> Response {
        let mut body = Vec::with_capacity(room);
        if serde_json::to_writer(&mut body, &self.0).is_err() {
            // Only maps with odd keys cannot be written, and we have none.
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        let fresh = HeaderValue::from_static("no-store");
        (
            [(header::CONTENT_TYPE, json), (header::CACHE_CONTROL, fresh)],
            body,
        )
            .into_response()
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        self.with_room(ROOM)
    }
}
