//! `/user_info/logo` and `/user_info/photos`: the pictures of a person's album (seed §11, §12).

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::input::Input;
use crate::pictures::album_size;
use crate::reply::Reply;
use crate::rows::profile;
use crate::session::Caller;
use axum::extract::State;
use axum::response::Response;
use domain::{PhotoId, UserId};
use jiff::Timestamp;
use media::keys::{Key, Size};
use projections::albums::{self, AlbumPhoto};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Whose picture, how large.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Whose {
    /// User id.
    #[param(value_type = String)]
    id: UserId,
    /// 0 the picture itself, 1 at 100x100, 2 at 200x200.
    #[param(default = 1, minimum = 0, maximum = 2)]
    size: Option<u8>,
}

/// `GET /user_info/logo`: the first picture of a person's album, by `302`; `Img_url` says where it
/// is.
///
/// Source: seed §11.
#[utoipa::path(get, path = "/user_info/logo", tag = "pictures", params(Whose),
    responses((status = 302), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn logo(
    State(app): State<App>,
    _: Caller,
    Input(Whose { id, size }): Input<Whose>,
) -> Result<Response, ApiError> {
    let size = album_size(size)?;
    profile(&app, id).await?;
    let logos = app.projections.albums.logos(&[id]).await?;
    let none = || ApiError::not_found("this person has no picture");
    let logo = logos.get(&id).ok_or_else(none)?;
    let key = Key::photo(logo.photo_id, size, logo.format);
    app.pictures.public(&key, app.now()).await
}

/// Whose album.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhoseAlbum {
    /// User id.
    #[param(value_type = String)]
    id: UserId,
}

/// A picture of an album (seed §12). Links are empty and null until it has been processed.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlbumRow {
    #[schema(value_type = String)]
    id: PhotoId,
    #[schema(value_type = String)]
    user_id: UserId,
    logo: String,
    logo_thumb: Option<String>,
    logo_thumb2: Option<String>,
    /// `YYYY-MM-DD HH:MM:SS`
    updated_at: String,
    /// Bytes of the picture; 0 until it has been processed.
    img_file_size: u64,
}

/// `GET /user_info/photos`: a person's album; the first picture is the logo.
///
/// Source: seed §12.
#[utoipa::path(get, path = "/user_info/photos", tag = "pictures", params(WhoseAlbum),
    responses((status = 200, body = Vec<AlbumRow>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn photos(
    State(app): State<App>,
    _: Caller,
    Input(WhoseAlbum { id }): Input<WhoseAlbum>,
) -> Result<Reply<Vec<AlbumRow>>, ApiError> {
    profile(&app, id).await?;
    Ok(Reply(album_rows(&app, id).await?))
}

/// The album of `owner`.
pub(crate) async fn album_rows(app: &App, owner: UserId) -> Result<Vec<AlbumRow>, ApiError> {
    let album = app.projections.albums.of(owner).await?;
    Ok(album.iter().map(|photo| row(app, owner, photo)).collect())
}

fn row(app: &App, owner: UserId, photo: &AlbumPhoto) -> AlbumRow {
    let (id, now) = (photo.photo_id, app.now());
    let (links, bytes) = match photo.state {
        albums::State::Pending => (None, 0),
        albums::State::Ready { format, bytes } => {
            let link = |size| app.pictures.link(id, size, format, now);
            let links = [Size::Original, Size::Thumb, Size::Thumb2].map(link);
            (Some(links), bytes)
        }
    };
    let (logo, logo_thumb, logo_thumb2) = match links {
        Some([logo, thumb, thumb2]) => (logo, Some(thumb), Some(thumb2)),
        None => (String::new(), None, None),
    };
    let updated_at = Timestamp::from_millisecond(photo.updated_at.0)
        .unwrap_or_default()
        .to_zoned(app.settings.timezone.clone());
    AlbumRow {
        id,
        user_id: owner,
        logo,
        logo_thumb,
        logo_thumb2,
        updated_at: updated_at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        img_file_size: bytes,
    }
}
