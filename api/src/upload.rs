//! Reading a body that brings a file along: `multipart/form-data` with one picture and some texts.
//!
//! The file goes to the disk as it arrives, so that a thousand slow phones take no memory. What it
//! is, is found out by whoever takes it from there.

mod incoming;

use crate::App;
use crate::error::ApiError;
use crate::input::Pairs;
use crate::session::Caller;
use axum::body::Body;
use axum::extract::multipart::Field;
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use axum::http::{StatusCode, header};
use domain::UserId;
use incoming::Incoming;
use serde::de::DeserializeOwned;
use std::io::{Read, Seek};
use std::path::Path;
use tokio::io::AsyncWriteExt;

/// What clients may say that a picture is (seed §17); what it really is, its bytes say.
// COMPAT: `image/jpg` is what some HTTP libraries of 2013 made of a `.jpg`.
const TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/jpg"];

/// How many bytes of a body may be something else than the picture.
const BESIDE: usize = 64 * 1024;

/// The paths that take pictures: their bodies may be longer, and take longer.
const PATHS: [&str; 7] = [
    "/user_logos",
    "/user_logos/create",
    "/photos",
    "/photos/create",
    "/photo2s",
    "/photo2s/create",
    "/admin/coupons",
];

/// Whether a picture may be sent to `path`.
pub(crate) fn is_taken_at(path: &str) -> bool {
    PATHS.contains(&path)
}

/// The texts that come with a picture, and under which name the picture comes.
pub(crate) trait WithFile: DeserializeOwned {
    /// The name of the file's part.
    const FILE: &'static str;
}

/// A picture that the caller sends, with its texts.
pub(crate) struct Upload<T> {
    pub(crate) caller: UserId,
    pub(crate) texts: T,
    pub(crate) file: Spooled,
}

impl<T: WithFile> FromRequest<App> for Upload<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, app).await;
        let request = Request::from_parts(parts, body);
        let allowed = caller.map(|Caller(caller)| caller);
        let (caller, pairs, file) = read(request, app, T::FILE, allowed).await?;
        let missing = || ApiError::bad_request(format!("{} is missing", T::FILE));
        Ok(Self {
            caller,
            texts: pairs.read()?,
            file: file.ok_or_else(missing)?,
        })
    }
}

/// The texts of a request, and the file under the name `name` if it brings one. Nothing is kept
/// where the caller is not `allowed`.
pub(crate) async fn read<T>(
    request: Request,
    app: &App,
    name: &'static str,
    allowed: Result<T, ApiError>,
) -> Result<(T, Pairs, Option<Spooled>), ApiError> {
    let (parts, body) = request.into_parts();
    let incoming = Incoming::new(body, app.settings.limits.picture_bytes + BESIDE);
    let read = async {
        let allowed = allowed?;
        if !is_multipart(&parts.headers) {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be multipart/form-data",
            ));
        }
        let mut pairs = Pairs::default();
        pairs.add_urlencoded(parts.uri.query().unwrap_or_default().as_bytes())?;
        let request = Request::from_parts(parts, Body::from_stream(incoming.clone()));
        let mut form = Multipart::from_request(request, app)
            .await
            .map_err(|_| ApiError::bad_request("the multipart body has no boundary"))?;
        let mut file = None;
        while let Some(field) = form.next_field().await.map_err(|_| incoming.broken())? {
            if field.name() == Some(name) {
                if file.is_some() {
                    return Err(ApiError::bad_request(format!("{name}: one file only")));
                }
                file = Some(spool(field, app, &incoming).await?);
            } else if field.file_name().is_some() {
                return Err(ApiError::bad_request(format!("the file must be {name}")));
            } else {
                let name = field.name().unwrap_or_default().to_owned();
                let value = field.bytes().await.map_err(|_| incoming.broken())?;
                pairs.add(&name, &String::from_utf8_lossy(&value))?;
            }
        }
        incoming.end().await?;
        Ok((allowed, pairs, file))
    }
    .await;
    if read.is_err() {
        // A client that is still sending when we hang up may never see the answer.
        incoming.drain().await;
    }
    read
}

/// Whether a body is one that may bring files along.
pub(crate) fn is_multipart(headers: &axum::http::HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    kind.eq_ignore_ascii_case("multipart/form-data")
}

/// Writes a file to the disk as it comes in.
async fn spool(mut field: Field<'_>, app: &App, incoming: &Incoming) -> Result<Spooled, ApiError> {
    let kind = field.content_type().unwrap_or_default();
    if !TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the file must be image/jpeg, image/png or image/gif",
        ));
    }
    let mut file = Spooling::begin(app.pictures.spool_dir()).await?;
    while let Some(chunk) = field.chunk().await.map_err(|_| incoming.broken())? {
        if file.bytes + chunk.len() > app.settings.limits.picture_bytes {
            return Err(ApiError::too_large("the picture is too large"));
        }
        file.write(&chunk).await?;
    }
    file.end().await
}

/// A file on its way to the disk.
struct Spooling {
    file: tokio::fs::File,
    bytes: usize,
}

impl Spooling {
    /// The file has no name, so nothing is left of it, whatever happens.
    async fn begin(folder: &Path) -> Result<Self, ApiError> {
        let folder = folder.to_owned();
        let made = tokio::task::spawn_blocking(move || tempfile::tempfile_in(folder)).await;
        let made = made.map_err(std::io::Error::other).flatten();
        Ok(Self {
            file: tokio::fs::File::from_std(made.map_err(ApiError::unavailable)?),
            bytes: 0,
        })
    }

    async fn write(&mut self, chunk: &[u8]) -> Result<(), ApiError> {
        self.bytes += chunk.len();
        let written = self.file.write_all(chunk).await;
        written.map_err(ApiError::unavailable)
    }

    async fn end(mut self) -> Result<Spooled, ApiError> {
        if self.bytes == 0 {
            return Err(ApiError::bad_request("the file is empty"));
        }
        self.file.flush().await.map_err(ApiError::unavailable)?;
        Ok(Spooled {
            file: self.file.into_std().await,
            bytes: self.bytes,
        })
    }
}

/// A file that has arrived whole; dropping it forgets it.
#[derive(Debug)]
pub(crate) struct Spooled {
    file: std::fs::File,
    bytes: usize,
}

impl Spooled {
    /// All of it.
    pub(crate) async fn read(mut self) -> std::io::Result<Vec<u8>> {
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::with_capacity(self.bytes);
            self.file.rewind()?;
            self.file.read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        read.await.map_err(std::io::Error::other).flatten()
    }
}
