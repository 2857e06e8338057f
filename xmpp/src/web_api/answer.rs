//! What this interface answers: JSON, and the one table of its errors, `{"error":"unknown room"}`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use commands::Error;
use domain::{block, chat};
use serde_json::json;
use std::fmt::Display;

/// What went wrong.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    message: String,
}

impl Failure {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// A parameter is missing, or cannot be what it must be.
    pub(super) fn parameter(name: &str) -> Self {
        let message = format!("{name} is missing or malformed");
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// What was sent is not a stanza that can be delivered.
    pub(super) fn stanza(message: &str) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, message)
    }

    /// A store is away; what it said goes to the log, not to the caller.
    pub(super) fn away(cause: impl Display) -> Self {
        tracing::error!(%cause, "a store is away");
        let message = "temporarily unavailable, try again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({"error": self.message}))).into_response();
        let more = match self.status {
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, "1")),
            _ => None,
        };
        if let Some((name, value)) = more {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<chat::Rejection> for Failure {
    fn from(rejection: chat::Rejection) -> Self {
        use chat::Rejection::{Body, Children, Id, InboxFull, NotInTheRoom, UnknownParty};
        let status = match rejection {
            UnknownParty => StatusCode::NOT_FOUND,
            Body | Children | Id => StatusCode::BAD_REQUEST,
            NotInTheRoom => StatusCode::FORBIDDEN,
            InboxFull => StatusCode::CONFLICT,
        };
        Self::new(status, rejection.to_string())
    }
}

impl From<block::Rejection> for Failure {
    fn from(rejection: block::Rejection) -> Self {
        let status = match rejection {
            block::Rejection::UnknownUser => StatusCode::NOT_FOUND,
            block::Rejection::Yourself => StatusCode::BAD_REQUEST,
        };
        Self::new(status, rejection.to_string())
    }
}

impl<R: std::error::Error + Into<Self>> From<Error<R>> for Failure {
    fn from(error: Error<R>) -> Self {
        match error {
            Error::Rejected(rejection) => rejection.into(),
            Error::Busy => Self::new(StatusCode::CONFLICT, error.to_string()),
            Error::Log(error) => Self::away(error),
            Error::State(error) => Self::away(error),
        }
    }
}

impl From<projections::Error> for Failure {
    fn from(error: projections::Error) -> Self {
        Self::away(error)
    }
}
