//! `/photos/*`: pictures for everybody in the room of a shop (seed §29).

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::input::Input;
use crate::pictures::{Arrived, chat_size, choice, ready, unknown_picture};
use crate::reply::Reply;
use crate::session::Caller;
use crate::shop::check_shop;
use crate::upload::{Spooled, Upload, WithFile};
use axum::extract::State;
use axum::response::Response;
use domain::photo::{PhotoUploaded, Purpose};
use domain::{CheckinId, PhotoId, ShopId, UserId};
use media::keys::Key;
use projections::photos;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The form of a room's picture.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "what the document says of a form that is read piece by piece"
)]
pub(crate) struct PhotoForm {
    /// A JPEG, PNG or GIF of at most 8 MiB, 4 megapixels and 4096 pixels a side.
    #[schema(rename = "photo[img]", value_type = String, format = Binary)]
    img: Vec<u8>,
    /// Shop id.
    #[schema(rename = "photo[room]")]
    room: String,
    /// 1: post it on Weibo too, in the caller's name.
    #[schema(rename = "photo[weibo]", minimum = 0, maximum = 1)]
    weibo: Option<u8>,
    /// Fewer than 255 characters.
    #[schema(rename = "photo[desc]")]
    desc: Option<String>,
}

/// The words that come with a room's picture.
#[derive(Deserialize)]
pub(crate) struct Words {
    #[serde(rename = "photo[room]")]
    room: ShopId,
    #[serde(default, rename = "photo[weibo]", deserialize_with = "choice")]
    weibo: bool,
    #[serde(rename = "photo[desc]")]
    desc: Option<String>,
}

impl WithFile for Words {
    const FILE: &'static str = "photo[img]";
}

/// A picture that has arrived (seed §29.1).
#[derive(Serialize, ToSchema)]
pub(crate) struct NewPhoto {
    #[serde(flatten)]
    arrived: Arrived,
    /// Shop id.
    room: String,
    weibo: bool,
    desc: Option<String>,
}

/// `POST /photos` (also `/photos/create`): a picture for everybody in the room of a shop.
///
/// Source: seed §29.1. It is answered as soon as it is stored, and processed in the background:
/// ask `/photos/show` for it.
#[utoipa::path(post, path = "/photos", tag = "pictures",
    request_body(content = PhotoForm, content_type = "multipart/form-data"),
    responses((status = 200, body = NewPhoto), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create(
    State(app): State<App>,
    upload: Upload<Words>,
) -> Result<Reply<NewPhoto>, ApiError> {
    let Upload {
        caller,
        texts: Words { room, weibo, desc },
        file,
    } = upload;
    check_shop(&app, room)?;
    let desc = desc.filter(|desc| !desc.is_empty());
    let purpose = Purpose::Room {
        shop_id: room,
        desc: desc.clone(),
        weibo,
        checkin_id: current_checkin(&app, caller, room).await?,
    };
    let id = send(&app, caller, purpose, file).await?;
    Ok(Reply(NewPhoto {
        arrived: Arrived::new(id, caller),
        room: room.to_string(),
        weibo,
        desc,
    }))
}

/// Stores a picture of a conversation and records that it has arrived.
pub(crate) async fn send(
    app: &App,
    user_id: UserId,
    purpose: Purpose,
    file: Spooled,
) -> Result<PhotoId, ApiError> {
    let sent = app.pictures.take(app, file).await?;
    let uploaded = PhotoUploaded {
        photo_id: sent.photo_id,
        user_id,
        format: sent.format,
        bytes: sent.bytes,
        purpose,
    };
    match app.commands.upload_photo(uploaded).await {
        Ok(receipt) => {
            app.settle(&receipt).await;
            Ok(sent.photo_id)
        }
        Err(error) => {
            if let commands::Error::Rejected(_) = error {
                app.pictures.forget(&Key::raw(sent.photo_id)).await;
            }
            Err(error.into())
        }
    }
}

/// The check-in during which a picture is sent: the person's last, if it is at this shop and the
/// person still counts as being there.
async fn current_checkin(
    app: &App,
    user: UserId,
    shop: ShopId,
) -> Result<Option<CheckinId>, ApiError> {
    let last = app.projections.traces.page(user, 1, 1).await?;
    let since = app.now().0.saturating_sub(app.settings.presence_window_ms);
    let here = last
        .first()
        .filter(|last| last.shop_id == shop && last.at.0 > since);
    Ok(here.map(|last| last.checkin_id))
}

/// Which picture, how large.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Picture id.
    #[param(value_type = String)]
    pub(crate) id: PhotoId,
    /// 0 the picture itself, 2 at 200x200.
    #[param(default = 2, minimum = 0, maximum = 2)]
    pub(crate) size: Option<u8>,
}

/// `GET /photos/show`: a picture of a room, by `302`; `Img_url` says where it is.
///
/// Source: seed §29.3. A picture that has yet to be processed is not there.
#[utoipa::path(get, path = "/photos/show", tag = "pictures", params(Which),
    responses((status = 302), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn show(
    State(app): State<App>,
    _: Caller,
    Input(Which { id, size }): Input<Which>,
) -> Result<Response, ApiError> {
    let size = chat_size(size)?;
    let photo = app.projections.photos.get(id).await?;
    let in_a_room = |photo: &photos::Photo| matches!(photo.purpose, Purpose::Room { .. });
    let photo = photo.filter(in_a_room).ok_or_else(unknown_picture)?;
    let key = Key::photo(id, size, ready(photo.state)?);
    app.pictures.public(&key, app.now()).await
}
