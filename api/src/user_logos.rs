//! `/user_logos/*`: the pictures of one's album (seed §17 to §20).

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::input::Input;
use crate::pictures::{album_size, ready, unknown_picture};
use crate::reply::Reply;
use crate::session::Caller;
use crate::upload::{Upload, WithFile};
use crate::user_info::photos::{AlbumRow, album_rows};
use axum::extract::State;
use axum::response::Response;
use domain::album::PhotoAdded;
use domain::photo::Purpose;
use domain::{PhotoId, UserId};
use media::keys::Key;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How many characters the list of a new order may have.
const MAX_IDS: usize = 100;

/// The form of a new picture.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "what the document says of a form that is read piece by piece"
)]
pub(crate) struct LogoForm {
    /// A JPEG, PNG or GIF of at most 8 MiB, 4 megapixels and 4096 pixels a side.
    #[schema(rename = "user_logo[img]", value_type = String, format = Binary)]
    img: Vec<u8>,
}

/// An album's picture comes without words.
#[derive(Deserialize)]
pub(crate) struct NoWords {}

impl WithFile for NoWords {
    const FILE: &'static str = "user_logo[img]";
}

/// A picture that has arrived (seed §17); it has no links before it has been processed.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewLogo {
    #[schema(value_type = String)]
    id: PhotoId,
    #[schema(value_type = String)]
    user_id: UserId,
    /// Empty.
    logo: &'static str,
    /// Null.
    logo_thumb: Option<String>,
    /// Null.
    logo_thumb1: Option<String>,
    /// Null.
    logo_thumb2: Option<String>,
    /// A name; it says that the picture has yet to be processed.
    img_tmp: String,
}

/// `POST /user_logos` (also `/user_logos/create`): a new picture at the end of the caller's album.
///
/// Source: seed §17. It is answered as soon as it is stored, and processed in the background: ask
/// `/user_logos/show` for it. One that cannot be shown leaves the album by itself.
#[utoipa::path(post, path = "/user_logos", tag = "pictures",
    request_body(content = LogoForm, content_type = "multipart/form-data"),
    responses((status = 200, body = NewLogo), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create(
    State(app): State<App>,
    upload: Upload<NoWords>,
) -> Result<Reply<NewLogo>, ApiError> {
    let Upload { caller, file, .. } = upload;
    let sent = app.pictures.take(&app, file).await?;
    let photo_id = sent.photo_id;
    let added = PhotoAdded {
        user_id: caller,
        photo_id,
        format: sent.format,
        bytes: sent.bytes,
    };
    let most = app.settings.limits.album_pictures;
    match app.commands.add_to_album(added, most).await {
        Ok(receipt) => app.settle(&receipt).await,
        Err(error) => {
            if let commands::Error::Rejected(_) = error {
                app.pictures.forget(&Key::raw(photo_id)).await;
            }
            return Err(error.into());
        }
    }
    Ok(Reply(NewLogo {
        id: photo_id,
        user_id: caller,
        logo: "",
        logo_thumb: None,
        logo_thumb1: None,
        logo_thumb2: None,
        img_tmp: photo_id.to_string(),
    }))
}

/// Which picture, how large.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Picture id.
    #[param(value_type = String)]
    id: PhotoId,
    /// 0 the picture itself, 1 at 100x100, 2 at 200x200.
    #[param(default = 1, minimum = 0, maximum = 2)]
    size: Option<u8>,
}

/// `GET /user_logos/show`: a picture of anybody's album, by `302`; `Img_url` says where it is.
///
/// Source: seed §18. A picture that has yet to be processed is not there.
#[utoipa::path(get, path = "/user_logos/show", tag = "pictures", params(Which),
    responses((status = 302), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn show(
    State(app): State<App>,
    _: Caller,
    Input(Which { id, size }): Input<Which>,
) -> Result<Response, ApiError> {
    let size = album_size(size)?;
    let photo = app.projections.photos.get(id).await?;
    let photo = photo.filter(|photo| photo.purpose == Purpose::Album);
    let format = ready(photo.ok_or_else(unknown_picture)?.state)?;
    let key = Key::photo(id, size, format);
    app.pictures.public(&key, app.now()).await
}

/// A new order.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewOrder {
    /// Picture ids, joined by commas; those that are not named keep their place behind.
    ids: String,
}

/// `POST /user_logos/change_all_position` (also `/user_logos/position`): puts the pictures of the
/// caller's album in another order; the first is the logo. Answers the album.
///
/// Source: seed §19. All or nothing.
#[utoipa::path(post, path = "/user_logos/change_all_position", tag = "pictures",
    request_body(content = NewOrder, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Vec<AlbumRow>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn change_all_position(
    State(app): State<App>,
    Caller(caller): Caller,
    Input(NewOrder { ids }): Input<NewOrder>,
) -> Result<Reply<Vec<AlbumRow>>, ApiError> {
    let ids: Vec<PhotoId> = ids
        .split(',')
        .take(MAX_IDS + 1)
        .map(|id| id.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|_| ApiError::bad_request("ids must be picture ids, joined by commas"))?;
    if ids.len() > MAX_IDS {
        return Err(ApiError::bad_request("too many ids"));
    }
    let receipt = app.commands.reorder_album(caller, ids).await?;
    app.settle(&receipt).await;
    Ok(Reply(album_rows(&app, caller).await?))
}

/// Which picture.
#[derive(Deserialize, ToSchema)]
pub(crate) struct WhichPicture {
    /// Picture id.
    #[schema(value_type = String)]
    id: PhotoId,
}

/// `{"deleted":"509a1ffcbe4b1982a4000002"}`
#[derive(Serialize, ToSchema)]
pub(crate) struct Deleted {
    #[schema(value_type = String)]
    deleted: PhotoId,
}

/// `POST /user_logos/delete`: takes a picture out of the caller's album. The last one stays.
///
/// Source: seed §20.
#[utoipa::path(post, path = "/user_logos/delete", tag = "pictures",
    request_body(content = WhichPicture, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Deleted), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn delete(
    State(app): State<App>,
    Caller(caller): Caller,
    Input(WhichPicture { id }): Input<WhichPicture>,
) -> Result<Reply<Deleted>, ApiError> {
    let receipt = app.commands.remove_from_album(caller, id).await?;
    app.settle(&receipt).await;
    Ok(Reply(Deleted { deleted: id }))
}
