//! A body as it comes in, with an end to its patience: parsed by one, drained by another.

use crate::error::ApiError;
use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::{Stream, StreamExt};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// How many times the longest body is read at most before hanging up.
const READ_ON: usize = 16;

/// The body of a request. Clones are the same body.
#[derive(Clone)]
pub(super) struct Incoming(Arc<Mutex<Inner>>);

struct Inner {
    chunks: BodyDataStream,
    bytes: usize,
    limit: usize,
}

/// The body is longer than it may be, or its end never came.
#[derive(Debug, thiserror::Error)]
#[error("the body cannot be read")]
pub(super) struct Unreadable;

impl Incoming {
    /// A body that may have at most `limit` bytes.
    pub(super) fn new(body: Body, limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            chunks: body.into_data_stream(),
            bytes: 0,
            limit,
        })))
    }

    /// What is wrong with a body that could not be parsed.
    pub(super) fn broken(&self) -> ApiError {
        let inner = self.inner();
        if inner.bytes > inner.limit {
            ApiError::too_large("the body is too large")
        } else {
            ApiError::bad_request("the multipart body is broken")
        }
    }

    /// Waits for the end: a form may be whole although the connection was cut behind it.
    pub(super) async fn end(&self) -> Result<(), ApiError> {
        let mut rest = self.clone();
        while let Some(chunk) = rest.next().await {
            chunk.map_err(|_| self.broken())?;
        }
        Ok(())
    }

    /// Reads what is left for a while, and forgets it.
    pub(super) async fn drain(&self) {
        let mut rest = Draining(self.clone());
        while rest.next().await.is_some() {}
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Unreadable>>> {
        let mut inner = self.inner();
        let chunk = std::task::ready!(inner.chunks.poll_next_unpin(context));
        if let Some(Ok(chunk)) = &chunk {
            inner.bytes += chunk.len();
        }
        Poll::Ready(chunk.map(|chunk| chunk.map_err(|_| Unreadable)))
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes, Unreadable>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chunk = std::task::ready!(self.poll(context));
        let inner = self.inner();
        Poll::Ready(if inner.bytes > inner.limit {
            Some(Err(Unreadable))
        } else {
            chunk
        })
    }
}

/// What is read after nobody wants it any more.
struct Draining(Incoming);

impl Stream for Draining {
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let chunk = std::task::ready!(self.0.poll(context));
        let inner = self.0.inner();
        let enough = inner.bytes > inner.limit.saturating_mul(READ_ON);
        Poll::Ready(chunk.and_then(Result::ok).filter(|_| !enough))
    }
}
