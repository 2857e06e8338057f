//! Pictures and what happens to them.

use domain::album::{AlbumReordered, PhotoAdded, PhotoRemoved};
use domain::photo::{Format, PhotoProcessed, PhotoRejected, PhotoUploaded, Purpose, Reason};
use domain::{CheckinId, Event, PhotoId, ShopId, UserId};

pub(crate) fn photo(number: u8) -> PhotoId {
    PhotoId::new(3, [number; 8])
}

/// For a room, with something said of it.
pub(crate) fn for_room(shop_id: ShopId, checkin_id: Option<CheckinId>) -> Purpose {
    Purpose::Room {
        shop_id,
        desc: Some("海".into()),
        weibo: true,
        checkin_id,
    }
}

pub(crate) fn uploaded(photo_id: PhotoId, user_id: UserId, purpose: Purpose) -> Event {
    PhotoUploaded {
        photo_id,
        user_id,
        format: Format::Gif,
        bytes: 81_234,
        purpose,
    }
    .into()
}

/// As a JPEG of 960×720 with 80,111 bytes.
pub(crate) fn processed(photo_id: PhotoId, user_id: UserId) -> Event {
    published(photo_id, user_id, Format::Jpeg)
}

pub(crate) fn published(photo_id: PhotoId, user_id: UserId, format: Format) -> Event {
    PhotoProcessed {
        photo_id,
        user_id,
        format,
        width: 960,
        height: 720,
        bytes: 80_111,
    }
    .into()
}

pub(crate) fn rejected(photo_id: PhotoId, user_id: UserId) -> Event {
    PhotoRejected {
        photo_id,
        user_id,
        reason: Reason::Damaged,
    }
    .into()
}

pub(crate) fn added(photo_id: PhotoId, user_id: UserId) -> Event {
    PhotoAdded {
        user_id,
        photo_id,
        format: Format::Gif,
        bytes: 81_234,
    }
    .into()
}

pub(crate) fn removed(photo_id: PhotoId, user_id: UserId) -> Event {
    PhotoRemoved { user_id, photo_id }.into()
}

pub(crate) fn reordered(user_id: UserId, photo_ids: impl IntoIterator<Item = PhotoId>) -> Event {
    AlbumReordered {
        user_id,
        photo_ids: photo_ids.into_iter().collect(),
    }
    .into()
}
