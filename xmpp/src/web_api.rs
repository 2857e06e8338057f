//! The web interface of the XMPP server, on a port of its own (seed §32): histories, and orders of
//! programs beside the house. Whoever may call it reads everybody's messages and speaks in
//! everybody's name, so `access` lets in only this machine and holders of the token.
//!
//! Nothing here is for phones; their API is another crate's.

mod access;
mod answer;
mod history;
mod orders;
mod parameters;
mod stanzas;

pub(crate) use access::is_forwarded;

use crate::Service;
use answer::Failure;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use commands::Receipt;
use domain::Position;
use std::sync::Arc;
use std::time::Duration;

/// The longest body of a request, in bytes: more than the longest stanza, as a form writes it.
const BODY_BYTES: usize = 256 * 1024;

/// What whoever runs the server may choose about this interface.
#[derive(Clone)]
pub struct WebSettings {
    /// The bearer token that lets callers in from anywhere; without one only this machine may call.
    pub token: Option<String>,
    /// How long one request may take.
    pub request_limit: Duration,
}

/// What every request is answered from.
#[derive(Clone)]
struct Web {
    service: Arc<Service>,
    settings: Arc<WebSettings>,
}

/// The routes. Whoever serves them must say who calls, with
/// [`ConnectInfo`](axum::extract::ConnectInfo); a caller that is not known is a stranger.
pub fn web_router(service: Arc<Service>, settings: WebSettings) -> Router {
    let web = Web {
        service,
        settings: Arc::new(settings),
    };
    Router::new()
        .route("/api/gchat", get(history::gchat))
        .route("/api/chat", get(history::chat))
        .route("/api/chat2", get(history::chat2))
        .route("/api/room", post(orders::room))
        .route("/api/block", post(orders::block))
        .route("/api/unblock", post(orders::unblock))
        .route("/api/clear", post(history::clear))
        .route("/rest", post(stanzas::rest))
        .fallback(unknown_action)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(web.clone(), access::around))
        .with_state(web)
}

impl Web {
    /// Returns where the log ended, once what is said can be read up to there.
    async fn head(&self) -> Result<Position, Failure> {
        let head = self.service.commands.log().head().await;
        let head = head.map_err(Failure::away)?;
        let readable = self.service.readable(head).await;
        readable.map_err(|_| Failure::away("the read models have not caught up"))?;
        Ok(head)
    }

    /// Waits until what was written can be read.
    async fn written(&self, receipt: Receipt) {
        if let Some(position) = receipt.position {
            let projections = &self.service.projections;
            let _ = projections.wait(position, &receipt.kinds).await;
        }
    }
}

async fn unknown_action() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, "unknown action")
}

async fn wrong_method(request: Request) -> Failure {
    let message = format!("{} is not the method of this call", request.method());
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, message)
}
