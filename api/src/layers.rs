//! What happens to every request and answer: `.json`, time limit, headers, errors in one shape.

use crate::App;
use crate::error::ApiError;
use crate::settings::ErrorStatus;
use crate::upload;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use tower::Layer;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;

/// Puts the layers around all routes.
pub(crate) fn wrap(routes: Router, app: &App) -> Router {
    let named = MapRequestLayer::new(without_json_suffix).layer(routes);
    Router::new()
        .fallback_service(named)
        .layer(from_fn_with_state(app.clone(), around))
        .layer(CatchPanicLayer::custom(|_| {
            let message = "something broke here, and it was logged";
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
        }))
}

/// The answer to a path that nobody serves.
pub(crate) async fn unknown_action() -> ApiError {
    ApiError::not_found("unknown action")
}

/// The answer to a method that a path does not have.
pub(crate) async fn wrong_method(request: Request) -> ApiError {
    let message = format!("{} is not the method of this call", request.method());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message)
}

async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let limits = &app.settings.limits;
    let limit_ms = if upload::is_taken_at(request.uri().path().trim_end_matches(".json")) {
        limits.upload_ms
    } else {
        limits.request_ms
    };
    let limit = Duration::from_millis(limit_ms);
    let mut response = match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => in_our_shape(response),
        Err(_) => ApiError::new(StatusCode::REQUEST_TIMEOUT, "took too long").into_response(),
    };
    if app.settings.error_status == ErrorStatus::Ok && response.status().is_client_error() {
        *response.status_mut() = StatusCode::OK;
    }
    let nosniff = HeaderValue::from_static("nosniff");
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

/// What the framework itself refuses, like a path that is no text, it says in plain text; every
/// error has one shape (contract §0).
fn in_our_shape(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_ours = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if is_ours || !status.is_client_error() {
        return response;
    }
    let message = status.canonical_reason().unwrap_or("refused");
    ApiError::new(status, message.to_lowercase()).into_response()
}

/// `/shop/info.json` is `/shop/info`: every path answers with and without the suffix (contract §0).
fn without_json_suffix<B>(mut request: axum::http::Request<B>) -> axum::http::Request<B> {
    let uri = request.uri();
    let Some(path) = uri.path().strip_suffix(".json") else {
        return request;
    };
    if path == "/openapi" {
        return request;
    }
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    if let Ok(target) = PathAndQuery::try_from(target) {
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(target);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &str, expected: &str) {
        let request = axum::http::Request::builder()
            .uri(uri)
            .body(())
            .expect("a request");
        assert_eq!(without_json_suffix(request).uri(), expected);
    }

    #[test]
    fn a_path_is_the_same_with_and_without_json() {
        check("/shop/info.json?id=1", "/shop/info?id=1");
        check("/shop/info?name=.json", "/shop/info?name=.json");
        check("/openapi.json", "/openapi.json");
        check("/.json", "/");
    }
}
