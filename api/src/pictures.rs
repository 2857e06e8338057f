//! What the calls about pictures have in common: taking one in, and sending clients to where it is.

use crate::App;
use crate::error::ApiError;
use crate::upload::Spooled;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::photo::Format;
use domain::{Millis, PhotoId, UserId};
use media::blobs::Blobs;
use media::keys::{Key, Size};
use media::links::Links;
use media::picture::{self, Refusal};
use moka::sync::Cache;
use projections::albums::Logo;
use projections::photos::State;
use serde::{Deserialize, Deserializer, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use utoipa::ToSchema;

/// How many pictures are in memory at once on their way into the blob store.
const AT_ONCE: usize = 8;

/// How many coupons are known to be drawn.
const DRAWN: u64 = 10_000;

/// How long a picture waits for its turn before its sender is told to try again.
const TURN: Duration = Duration::from_secs(10);

/// The header that says where a picture is (seed §11).
const IMG_URL: HeaderName = HeaderName::from_static("img_url");

/// Where pictures are kept, and how clients get there.
pub struct Pictures {
    pub(crate) blobs: Blobs,
    pub(crate) links: Links,
    spool_dir: PathBuf,
    turns: Semaphore,
    /// Coupons that lie in the blob store as pictures.
    pub(crate) drawn: Cache<Key, ()>,
}

/// A picture that lies in the blob store as it was sent.
pub(crate) struct Sent {
    pub(crate) photo_id: PhotoId,
    pub(crate) format: Format,
    pub(crate) bytes: u64,
}

impl Pictures {
    /// Pictures are kept in `blobs` and reached by `links`; those that are being sent lie in
    /// `spool_dir` meanwhile, without a name.
    #[must_use]
    pub fn new(blobs: Blobs, links: Links, spool_dir: PathBuf) -> Self {
        Self {
            blobs,
            links,
            spool_dir,
            turns: Semaphore::new(AT_ONCE),
            drawn: Cache::new(DRAWN),
        }
    }

    pub(crate) fn spool_dir(&self) -> &Path {
        &self.spool_dir
    }

    /// Stores a picture that somebody sent, under a new id.
    pub(crate) async fn take(&self, app: &App, file: Spooled) -> Result<Sent, ApiError> {
        let _turn = self.turn().await?;
        let bytes = file.read().await.map_err(ApiError::unavailable)?;
        let format = picture::look(&bytes)?;
        let sent = Sent {
            photo_id: app.commands.new_photo_id(),
            format,
            bytes: bytes.len() as u64,
        };
        let key = Key::raw(sent.photo_id);
        self.blobs.put(&key, Bytes::from(bytes)).await?;
        Ok(sent)
    }

    /// Forgets a picture of which no event tells. If that fails, a sweep will do it.
    pub(crate) async fn forget(&self, key: &Key) {
        if let Err(error) = self.blobs.delete(key).await {
            tracing::warn!(%error, "a picture that nobody needs was left for the sweep");
        }
    }

    /// The right to have a picture in memory.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        match tokio::time::timeout(TURN, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(ApiError::unavailable("too many pictures wait to be stored")),
        }
    }

    /// Sends a client to a blob that everybody may see.
    pub(crate) async fn public(&self, key: &Key, now: Millis) -> Result<Response, ApiError> {
        let link = self.links.daily(key, now);
        self.redirect(key, link, Duration::from_secs(24 * 60 * 60))
            .await
    }

    /// Sends a client to a blob that only some may see, by a link that is soon worth nothing.
    pub(crate) async fn private(&self, key: &Key, now: Millis) -> Result<Response, ApiError> {
        let link = self.links.brief(key, now);
        self.redirect(key, link, Duration::from_secs(5 * 60)).await
    }

    /// `302` to the blob; `Img_url` holds its path here.
    async fn redirect(
        &self,
        key: &Key,
        link: String,
        life: Duration,
    ) -> Result<Response, ApiError> {
        let elsewhere = self.blobs.signed_url(key, life).await?;
        let value = |text: &str| HeaderValue::try_from(text).map_err(ApiError::unavailable);
        let location = value(elsewhere.as_deref().unwrap_or(&link))?;
        let headers = [
            (header::LOCATION, location),
            (IMG_URL, value(&link)?),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        Ok((StatusCode::FOUND, headers).into_response())
    }

    /// The link to a picture that everybody may see.
    pub(crate) fn link(&self, id: PhotoId, size: Size, format: Format, now: Millis) -> String {
        self.links.daily(&Key::photo(id, size, format), now)
    }
}

/// The links of the picture that stands for a person; empty without one (seed §8, §10).
#[derive(Clone, Debug, Default)]
pub(crate) struct LogoLinks {
    pub(crate) logo: String,
    pub(crate) logo_thumb: String,
    pub(crate) logo_thumb2: String,
}

impl LogoLinks {
    pub(crate) fn new(app: &App, logo: Option<&Logo>) -> Self {
        let Some(Logo { photo_id, format }) = logo else {
            return Self::default();
        };
        let now = app.now();
        let link = |size| app.pictures.link(*photo_id, size, *format, now);
        Self {
            logo: link(Size::Original),
            logo_thumb: link(Size::Thumb),
            logo_thumb2: link(Size::Thumb2),
        }
    }
}

/// Which size of an album's picture a client wants: 0, 1 or 2.
pub(crate) fn album_size(size: Option<u8>) -> Result<Size, ApiError> {
    match size.unwrap_or(1) {
        0 => Ok(Size::Original),
        1 => Ok(Size::Thumb),
        2 => Ok(Size::Thumb2),
        _ => Err(ApiError::bad_request("size must be 0, 1 or 2")),
    }
}

/// Which size of a conversation's picture a client wants: 0 or 2.
pub(crate) fn chat_size(size: Option<u8>) -> Result<Size, ApiError> {
    match size.unwrap_or(2) {
        0 => Ok(Size::Original),
        2 => Ok(Size::Thumb2),
        _ => Err(ApiError::bad_request("size must be 0 or 2")),
    }
}

/// A picture of a conversation that has arrived; it has no links before it has been processed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Arrived {
    /// The same as `id`.
    #[schema(value_type = String)]
    _id: PhotoId,
    #[schema(value_type = String)]
    id: PhotoId,
    #[schema(value_type = String)]
    user_id: UserId,
    /// A name; it says that the picture has yet to be processed.
    img_tmp: String,
    /// Empty.
    logo: &'static str,
    /// Null.
    logo_thumb2: Option<String>,
}

impl Arrived {
    pub(crate) fn new(id: PhotoId, user_id: UserId) -> Self {
        Self {
            _id: id,
            id,
            user_id,
            img_tmp: id.to_string(),
            logo: "",
            logo_thumb2: None,
        }
    }
}

/// What a processed picture is.
pub(crate) fn ready(state: State) -> Result<Format, ApiError> {
    match state {
        State::Ready { format, .. } => Ok(format),
        State::Pending => Err(ApiError::not_found("not processed yet")),
        State::Rejected => Err(unknown_picture()),
    }
}

/// The answer about a picture that is not there.
pub(crate) fn unknown_picture() -> ApiError {
    ApiError::not_found("unknown picture")
}

/// Reads 0 or 1.
pub(crate) fn choice<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(serde::de::Error::custom("must be 0 or 1")),
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::NotAPicture => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Damaged => StatusCode::BAD_REQUEST,
        };
        Self::new(status, refusal.to_string())
    }
}

impl From<media::blobs::Error> for ApiError {
    fn from(error: media::blobs::Error) -> Self {
        Self::unavailable(error)
    }
}
