//! Every error that HTTP shows: one status table, one shape.
//!
//! `{"error":"unknown shop"}`, with a status of 4xx, or 503 while a store is away (contract §0).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use commands::AddRejection;
use commands::identity::LoginError;
use commands::shop::ShopRejection;
use domain::{album, block, checkin, coupon, follow, grant, photo, push, share, shop, user};
use serde::Serialize;
use std::convert::Infallible;
use utoipa::ToSchema;

/// What went wrong, for the client.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
}

/// The body of every error.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// What went wrong: lower case, short, without secrets.
    error: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn not_logged_in() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not logged in")
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    /// A store is away; what it said goes to the log, not to the client.
    pub(crate) fn unavailable(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a store is away");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily unavailable, try again",
        )
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (
            self.status,
            crate::reply::Reply(ErrorBody {
                error: self.message,
            }),
        )
            .into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §11.6.1 wants a challenge; `Session` is the cookie's.
            let challenge = HeaderValue::from_static("Session");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// The status of a refusal by the rules.
trait Refusal: std::error::Error {
    fn status(&self) -> StatusCode;
}

impl Refusal for Infallible {
    fn status(&self) -> StatusCode {
        match *self {}
    }
}

impl Refusal for checkin::Rejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::UnknownCheckin => StatusCode::NOT_FOUND,
            Self::NotYourCheckin => StatusCode::FORBIDDEN,
        }
    }
}

impl Refusal for user::Rejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::UnknownUser => StatusCode::NOT_FOUND,
            Self::Name | Self::Birthday | Self::Signature | Self::Job | Self::Hobby => {
                StatusCode::BAD_REQUEST
            }
        }
    }
}

impl Refusal for shop::Rejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::UnknownShop => StatusCode::NOT_FOUND,
            Self::IdTaken | Self::TooManyStaff => StatusCode::CONFLICT,
            Self::Name | Self::Address | Self::Phone | Self::TooManyPoints | Self::Title => {
                StatusCode::BAD_REQUEST
            }
        }
    }
}

impl Refusal for follow::Rejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::Yourself => StatusCode::BAD_REQUEST,
            Self::UnknownUser => StatusCode::NOT_FOUND,
        }
    }
}

impl Refusal for push::Rejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::UnknownUser => StatusCode::NOT_FOUND,
        }
    }
}

impl Refusal for share::Rejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::UnknownUser => StatusCode::NOT_FOUND,
            Self::NoToken => StatusCode::CONFLICT,
        }
    }
}

impl Refusal for block::Rejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::Yourself => StatusCode::BAD_REQUEST,
            Self::UnknownUser => StatusCode::NOT_FOUND,
        }
    }
}

impl Refusal for ShopRejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::Shop(rejection) => rejection.status(),
            Self::UnknownUser => StatusCode::NOT_FOUND,
        }
    }
}

impl Refusal for album::Rejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::UnknownPhoto => StatusCode::NOT_FOUND,
            Self::Full { .. } | Self::LastPhoto => StatusCode::CONFLICT,
            Self::NamedTwice | Self::NoneNamed => StatusCode::BAD_REQUEST,
        }
    }
}

impl Refusal for photo::Rejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::UnknownPhoto | Self::UnknownUser => StatusCode::NOT_FOUND,
            Self::Desc => StatusCode::BAD_REQUEST,
        }
    }
}

impl Refusal for AddRejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::Album(rejection) => rejection.status(),
            Self::Photo(rejection) => rejection.status(),
        }
    }
}

impl Refusal for coupon::Rejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::UnknownCoupon | Self::UnknownShop => StatusCode::NOT_FOUND,
            Self::Name | Self::Desc | Self::ValidUntil => StatusCode::BAD_REQUEST,
        }
    }
}

impl Refusal for grant::Rejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::UnknownCoupon | Self::NoCopy => StatusCode::NOT_FOUND,
            Self::Used | Self::Expired => StatusCode::CONFLICT,
        }
    }
}

impl<R: Refusal> From<commands::Error<R>> for ApiError {
    fn from(error: commands::Error<R>) -> Self {
        match error {
            commands::Error::Rejected(refusal) => Self::new(refusal.status(), refusal.to_string()),
            commands::Error::Busy => Self::new(StatusCode::CONFLICT, error.to_string()),
            commands::Error::Log(cause) => Self::unavailable(cause),
            commands::Error::State(cause) => Self::unavailable(cause),
        }
    }
}

impl From<LoginError> for ApiError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::WrongPassword | LoginError::WrongCode => {
                Self::new(StatusCode::UNAUTHORIZED, error.to_string())
            }
            LoginError::Banned => Self::forbidden(error.to_string()),
            LoginError::Name | LoginError::WeiboName | LoginError::Password => {
                Self::bad_request(error.to_string())
            }
            LoginError::NoWeibo => Self::not_found(error.to_string()),
            LoginError::WeiboAway(cause) => {
                tracing::error!(%cause, "nobody can log in by weibo");
                let message = "weibo cannot be asked now, try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
            }
            LoginError::Command(error) => error.into(),
        }
    }
}

impl From<commands::StateError> for ApiError {
    fn from(error: commands::StateError) -> Self {
        Self::unavailable(error)
    }
}

impl From<projections::Error> for ApiError {
    fn from(error: projections::Error) -> Self {
        Self::unavailable(error)
    }
}
