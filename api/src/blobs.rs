//! `/blobs/*`: the bytes of pictures, for whoever holds a link that was made here.
//!
//! Who gets such a link is decided by the calls that give them out.

use crate::App;
use crate::error::ApiError;
use crate::input::Input;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Millis;
use jiff::Timestamp;
use media::blobs::{ByteRange, Conditions, Content, Reading};
use media::keys::Key;
use media::links::LinkError;
use serde::Deserialize;
use std::time::Duration;

/// The part of a link that makes it good.
#[derive(Deserialize)]
pub(crate) struct Seal {
    /// Until when, in seconds since 1970.
    until: String,
    /// The signature.
    sig: String,
}

/// `GET /blobs/{key}`: a picture, by a link that another call gave. Links are opaque to clients, so
/// the OpenAPI document does not describe them.
///
/// Answers parts (`Range`, one) and `If-None-Match`. Pictures that lie in S3 are answered by a
/// redirect to a signed URL there.
pub(crate) async fn get(
    State(app): State<App>,
    key: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    Input(seal): Input<Seal>,
) -> Result<Response, ApiError> {
    let now = app.now();
    let Path(key) = key.map_err(|_| absent())?;
    let key = app.pictures.links.verify(&key, &seal.until, &seal.sig, now);
    let key = key.map_err(refused)?;
    let kind = key.content_type().ok_or_else(absent)?;
    let until = seal.until.parse().unwrap_or(0);
    let left_s = u64::try_from(until - now.0.div_euclid(1000)).unwrap_or(0);
    let left = Duration::from_secs(left_s);
    if let Some(url) = app.pictures.blobs.signed_url(&key, left).await? {
        let location = HeaderValue::try_from(url).map_err(ApiError::unavailable)?;
        return Ok((StatusCode::FOUND, [(header::LOCATION, location)]).into_response());
    }
    let mut response = read(&app, &key, &headers).await?;
    if response.status().is_client_error() {
        return Ok(response);
    }
    let fixed = response.headers_mut();
    fixed.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    fixed.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Whatever a browser takes the bytes for, it runs nothing.
    fixed.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    let caching = format!("private, max-age={left_s}, immutable");
    if let Ok(caching) = HeaderValue::try_from(caching) {
        fixed.insert(header::CACHE_CONTROL, caching);
    }
    Ok(response)
}

async fn read(app: &App, key: &Key, headers: &HeaderMap) -> Result<Response, ApiError> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let mut conditions = Conditions {
        range: text(header::RANGE).and_then(ByteRange::from_header),
        if_none_match: text(header::IF_NONE_MATCH).map(str::to_owned),
    };
    if let (Some(part), Some(tag)) = (conditions.range, text(header::IF_RANGE)) {
        // The part is of no use to a client that has parts of another picture (RFC 9110 §13.1.5).
        conditions.range = None;
        let whole = app.pictures.blobs.read(key, conditions.clone()).await?;
        let same =
            matches!(&whole, Reading::Found(content) if content.etag.as_deref() == Some(tag));
        conditions.range = same.then_some(part);
    }
    match app.pictures.blobs.read(key, conditions).await? {
        Reading::Found(content) => Ok(found(content)),
        Reading::Unchanged => Ok(StatusCode::NOT_MODIFIED.into_response()),
        Reading::OutOfRange { bytes } => {
            let range = HeaderValue::try_from(format!("bytes */{bytes}"));
            let mut response =
                ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "no such part").into_response();
            if let Ok(range) = range {
                response.headers_mut().insert(header::CONTENT_RANGE, range);
            }
            Ok(response)
        }
        Reading::Absent => Err(absent()),
    }
}

fn found(content: Content) -> Response {
    let Content {
        bytes,
        range,
        etag,
        modified,
        body,
    } = content;
    let whole = range.start == 0 && range.end == bytes;
    let status = if whole {
        StatusCode::OK
    } else {
        StatusCode::PARTIAL_CONTENT
    };
    let mut response = (status, Body::from_stream(body)).into_response();
    let mut set = |name: HeaderName, text: String| {
        if let Ok(value) = HeaderValue::try_from(text) {
            response.headers_mut().insert(name, value);
        }
    };
    set(
        header::CONTENT_LENGTH,
        (range.end - range.start).to_string(),
    );
    set(header::LAST_MODIFIED, http_date(modified));
    if let Some(etag) = etag {
        set(header::ETAG, etag);
    }
    if !whole {
        let last = range.end.saturating_sub(1);
        let part = format!("bytes {}-{last}/{bytes}", range.start);
        set(header::CONTENT_RANGE, part);
    }
    response
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
fn http_date(time: Millis) -> String {
    let moment = Timestamp::from_millisecond(time.0).unwrap_or_default();
    moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn refused(error: LinkError) -> ApiError {
    match error {
        LinkError::Bad => absent(),
        LinkError::Expired => ApiError::new(StatusCode::GONE, error.to_string()),
    }
}

fn absent() -> ApiError {
    ApiError::not_found("unknown picture")
}
