//! The listener: accepts connections, speaks TLS and HTTP on them, and ends them in good order.
//!
//! Whoever opens a connection must soon say something on it, and may not open too many; a proxy
//! on this machine or one that is trusted speaks for many and is spared. What a request means is
//! none of its business.

mod accept;
mod caps;
pub(crate) mod xmpp;

use crate::config::Settings;
use ::xmpp::Place;
use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use caps::Caps;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// How many requests of one HTTP/2 connection are answered at once.
const STREAMS: u32 = 128;

/// What a connection may do, and for how long.
#[derive(Clone)]
struct Terms {
    router: Router,
    tls: Option<TlsAcceptor>,
    /// Until when the first request's head must be there, TLS included.
    head: Duration,
    /// How long it may be quiet between requests.
    idle: Duration,
    head_bytes: usize,
}

/// Answers what comes to `listener` with `router`, until `stop` says so; then lets the requests
/// that are under way finish, and returns. With `tls`, connections are
/// under TLS from the first byte on.
///
/// # Errors
/// When the trusted proxies cannot be understood.
pub(crate) fn serve(
    listener: TcpListener,
    router: Router,
    settings: &Settings,
    tls: Option<TlsAcceptor>,
    stop: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()> + Send + use<>> {
    let limits = &settings.limits;
    let terms = Arc::new(Terms {
        router,
        tls,
        head: Duration::from_millis(limits.header_ms),
        idle: Duration::from_millis(limits.idle_ms),
        head_bytes: limits.header_bytes,
    });
    let caps = Caps::new(
        limits.connections,
        limits.connections_per_address,
        settings.trusted_proxies()?,
    );
    let admission = Arc::new(caps.clone());
    Ok(async move {
        let graceful = GracefulShutdown::new();
        accept::accept(listener, &caps, stop, |stream, from, slot| {
            // A WebSocket outlives what is known here of its connection.
            let place = Place {
                kept: Arc::new(slot),
                admission: admission.clone(),
            };
            let connection = connection(stream, from, terms.clone(), graceful.watcher(), place);
            tokio::spawn(connection);
        })
        .await;
        graceful.shutdown().await;
    })
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    terms: Arc<Terms>,
    watcher: Watcher,
    place: Place,
) {
    let _ = stream.set_nodelay(true);
    let started = Instant::now();
    match terms.tls.clone() {
        None => requests(stream, from, &terms, place, watcher, terms.head).await,
        Some(tls) => match tokio::time::timeout(terms.head, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let left = terms.head.saturating_sub(started.elapsed());
                requests(stream, from, &terms, place, watcher, left).await;
            }
            Ok(Err(error)) => tracing::debug!(%from, %error, "no TLS handshake"),
            Err(_) => tracing::debug!(%from, "no TLS handshake in time"),
        },
    }
}

/// Speaks HTTP on one connection; `head` is how long its first request may take to arrive.
async fn requests(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    from: SocketAddr,
    terms: &Terms,
    place: Place,
    watcher: Watcher,
    head: Duration,
) {
    let busy = Arc::new(Busy::new());
    let service = {
        let (busy, router) = (busy.clone(), terms.router.clone());
        hyper::service::service_fn(move |request: Request<Incoming>| {
            let (busy, router, place) = (busy.begin(), router.clone(), place.clone());
            async move { Ok::<_, Infallible>(answer(router, request, from, place, busy).await) }
        })
    };
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        // COMPAT: phones of 2013 look for `Img_url` letter by letter.
        .title_case_headers(true)
        .max_buf_size(terms.head_bytes);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(terms.head_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    let connection = http
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .into_owned();
    tokio::select! {
        ended = watcher.watch(connection) => {
            if let Err(error) = ended {
                tracing::debug!(%from, %error, "a connection broke");
            }
        }
        // Dropping the connection closes it.
        () = busy.quiet(head, terms.idle) => tracing::debug!(%from, "a quiet connection was closed"),
    }
}

/// Says where everybody looks for it by what name we were called: HTTP/2 has it in the address
/// (RFC 9113 §8.3.1).
fn name_host(request: &mut Request<Body>) {
    if let Some(host) = request.uri().authority()
        && !request.headers().contains_key(HOST)
        && let Ok(host) = HeaderValue::from_str(host.as_str())
    {
        request.headers_mut().insert(HOST, host);
    }
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    from: SocketAddr,
    place: Place,
    busy: Underway,
) -> Response<Body> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(from));
    request.extensions_mut().insert(place);
    name_host(&mut request);
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    response.map(|body| Body::new(Answer { body, _busy: busy }))
}

/// The body of an answer: the connection is busy until its last byte was handed over.
struct Answer {
    body: Body,
    _busy: Underway,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How many requests a connection is busy with, and since when it is not.
struct Busy {
    opened: Instant,
    requests: AtomicUsize,
    /// When the last request ended, in milliseconds after the connection was opened; 0 before.
    ended_ms: AtomicU64,
}

/// One request, from its head to the end of its answer.
struct Underway(Arc<Busy>);

impl Busy {
    fn new() -> Self {
        Self {
            opened: Instant::now(),
            requests: AtomicUsize::new(0),
            ended_ms: AtomicU64::new(0),
        }
    }

    fn begin(self: &Arc<Self>) -> Underway {
        self.requests.fetch_add(1, Ordering::AcqRel);
        Underway(self.clone())
    }

    /// Returns when no request came for `first`, or later none for `idle`.
    ///
    /// Requests do not wake it: whenever it might have been quiet for so long, it looks whether it
    /// was.
    async fn quiet(&self, first: Duration, idle: Duration) {
        let mut until = self.opened + first.min(idle);
        loop {
            tokio::time::sleep_until(until).await;
            let end = match self.ended_ms.load(Ordering::Acquire) {
                _ if self.requests.load(Ordering::Acquire) > 0 => Instant::now() + idle,
                0 => self.opened + first,
                ended_ms => self.opened + Duration::from_millis(ended_ms) + idle,
            };
            if end <= until {
                return;
            }
            until = end;
        }
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let ms = self.0.opened.elapsed().as_millis().max(1);
        let ms = u64::try_from(ms).unwrap_or(u64::MAX);
        self.0.ended_ms.store(ms, Ordering::Release);
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
