//! `/photo2s/*`: pictures from one person to another (seed §30). Only these two get to see them.

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::input::Input;
use crate::photos::{Which, send};
use crate::pictures::{Arrived, chat_size, ready, unknown_picture};
use crate::reply::Reply;
use crate::session::Caller;
use crate::upload::{Upload, WithFile};
use axum::extract::State;
use axum::response::Response;
use domain::UserId;
use domain::photo::Purpose;
use media::keys::Key;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The form of a private picture.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "what the document says of a form that is read piece by piece"
)]
pub(crate) struct Photo2Form {
    /// A JPEG, PNG or GIF of at most 8 MiB, 4 megapixels and 4096 pixels a side.
    #[schema(rename = "photo[img]", value_type = String, format = Binary)]
    img: Vec<u8>,
    /// User id of the receiver; `photo[to.uid]` is the same.
    #[schema(rename = "photo[to_uid]")]
    to_uid: String,
}

/// For whom a picture is.
#[derive(Deserialize)]
pub(crate) struct Receiver {
    // COMPAT: the seed's table writes a dot where its clients write an underscore.
    #[serde(rename = "photo[to_uid]", alias = "photo[to.uid]")]
    to_id: UserId,
}

impl WithFile for Receiver {
    const FILE: &'static str = "photo[img]";
}

/// A picture that has arrived (seed §30.1).
#[derive(Serialize, ToSchema)]
pub(crate) struct NewPhoto2 {
    #[serde(flatten)]
    arrived: Arrived,
    /// The receiver.
    #[schema(value_type = String)]
    to_uid: UserId,
}

/// `POST /photo2s` (also `/photo2s/create`): a picture for one person.
///
/// Source: seed §30.1. It is answered as soon as it is stored, and processed in the background:
/// ask `/photo2s/show` for it.
#[utoipa::path(post, path = "/photo2s", tag = "pictures",
    request_body(content = Photo2Form, content_type = "multipart/form-data"),
    responses((status = 200, body = NewPhoto2), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create(
    State(app): State<App>,
    upload: Upload<Receiver>,
) -> Result<Reply<NewPhoto2>, ApiError> {
    let Upload {
        caller,
        texts: Receiver { to_id },
        file,
    } = upload;
    let id = send(&app, caller, Purpose::Private { to_id }, file).await?;
    Ok(Reply(NewPhoto2 {
        arrived: Arrived::new(id, caller),
        to_uid: to_id,
    }))
}

/// `GET /photo2s/show`: a picture between the caller and somebody else, by `302` to a link that is
/// good for five minutes; `Img_url` says where it is.
///
/// Source: seed §30.3. For everybody else it is not there.
#[utoipa::path(get, path = "/photo2s/show", tag = "pictures", params(Which),
    responses((status = 302), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Input(Which { id, size }): Input<Which>,
) -> Result<Response, ApiError> {
    let size = chat_size(size)?;
    let photo = app.projections.photos.get(id).await?;
    let photo = photo.filter(|photo| match photo.purpose {
        Purpose::Private { to_id } => caller == photo.user_id || caller == to_id,
        _ => false,
    });
    let format = ready(photo.ok_or_else(unknown_picture)?.state)?;
    let key = Key::photo(id, size, format);
    app.pictures.private(&key, app.now()).await
}
