//! The names of blobs: what lies where in the blob store.
//!
//! Nothing here knows whether a blob is there, or who may have it.

use domain::photo::Format;
use domain::{CouponId, PhotoId};
use std::fmt;
use std::str::FromStr;

/// The refusal of a text that names no blob of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a blob")]
pub struct InvalidKey;

/// The name of a blob, `photos/509a…/1.png`.
///
/// Made only by the functions here, one for each kind of blob, and by reading such a name back, so
/// that the spelling of names is in one place and no name leads out of the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Kind);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Raw(PhotoId),
    Photo(PhotoId, Size, Extension),
    CouponImage(CouponId),
    CouponArt(CouponId, Digest, CouponSize),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Extension {
    Jpg,
    Png,
}

/// The part of the store that holds one kind of blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    /// Pictures as they were sent.
    Raw,
    /// Pictures as they are shown.
    Photos,
    /// Coupons, and what they are drawn from.
    Coupons,
}

impl Folder {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Raw, Self::Photos, Self::Coupons];

    /// The first part of the names of its blobs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Photos => "photos",
            Self::Coupons => "coupons",
        }
    }
}

/// How large a picture is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Size {
    /// As it was sent, but at most 960 pixels wide and high.
    Original = 0,
    /// 100 x 100.
    Thumb = 1,
    /// 200 x 200.
    Thumb2 = 2,
}

/// How large a coupon is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CouponSize {
    /// 580 x 224.
    Large = 0,
    /// 290 x 112.
    Small = 1,
}

/// What a drawn coupon was drawn from; 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest from its bytes.
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl Key {
    /// `raw/<id>`: a picture as somebody sent it. It is shown to nobody.
    #[must_use]
    pub fn raw(id: PhotoId) -> Self {
        Self(Kind::Raw(id))
    }

    /// `photos/<id>/0.jpg`, `0.png`, `1.png` or `2.png`: a picture as it is shown.
    ///
    /// `format` is that of the original; thumbnails are PNG always, and so is what is kept of a
    /// GIF.
    #[must_use]
    pub fn photo(id: PhotoId, size: Size, format: Format) -> Self {
        let extension = match (size, format) {
            (Size::Original, Format::Jpeg) => Extension::Jpg,
            _ => Extension::Png,
        };
        Self(Kind::Photo(id, size, extension))
    }

    /// `coupons/<id>/image`: the merchant's picture behind a coupon. It is shown only as a part of
    /// the drawn coupon.
    #[must_use]
    pub fn coupon_image(id: CouponId) -> Self {
        Self(Kind::CouponImage(id))
    }

    /// `coupons/<id>/<digest>-0.png` or `-1.png`: a coupon as it is shown.
    #[must_use]
    pub fn coupon_art(id: CouponId, digest: Digest, size: CouponSize) -> Self {
        Self(Kind::CouponArt(id, digest, size))
    }

    /// All names that blobs of a picture may have.
    #[must_use]
    pub fn all_of_photo(id: PhotoId) -> [Self; 5] {
        [
            Self::raw(id),
            Self::photo(id, Size::Original, Format::Jpeg),
            Self::photo(id, Size::Original, Format::Png),
            Self::photo(id, Size::Thumb, Format::Png),
            Self::photo(id, Size::Thumb2, Format::Png),
        ]
    }

    /// What the blob is served as; none for what is never served.
    #[must_use]
    pub fn content_type(self) -> Option<&'static str> {
        match self.0 {
            Kind::Raw(_) | Kind::CouponImage(_) => None,
            Kind::Photo(_, _, Extension::Jpg) => Some("image/jpeg"),
            Kind::Photo(_, _, Extension::Png) | Kind::CouponArt(..) => Some("image/png"),
        }
    }

    /// The picture that the blob is of.
    #[must_use]
    pub fn photo_id(self) -> Option<PhotoId> {
        match self.0 {
            Kind::Raw(id) | Kind::Photo(id, ..) => Some(id),
            Kind::CouponImage(_) | Kind::CouponArt(..) => None,
        }
    }

    /// The coupon that the blob is of.
    #[must_use]
    pub fn coupon_id(self) -> Option<CouponId> {
        match self.0 {
            Kind::Raw(_) | Kind::Photo(..) => None,
            Kind::CouponImage(id) | Kind::CouponArt(id, ..) => Some(id),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Raw(id) => write!(f, "raw/{id}"),
            Kind::Photo(id, size, extension) => {
                let extension = match extension {
                    Extension::Jpg => "jpg",
                    Extension::Png => "png",
                };
                write!(f, "photos/{id}/{}.{extension}", size as u8)
            }
            Kind::CouponImage(id) => write!(f, "coupons/{id}/image"),
            Kind::CouponArt(id, digest, size) => {
                write!(f, "coupons/{id}/{digest}-{}.png", size as u8)
            }
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Key {
    type Err = InvalidKey;

    /// Reads a name back that [`Key`] spelled; everything else is refused.
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let (kind, rest) = text.split_once('/').ok_or(InvalidKey)?;
        let (id, file) = rest.split_once('/').unwrap_or((rest, ""));
        match (kind, file) {
            ("raw", _) => Ok(Self::raw(rest.parse().map_err(|_| InvalidKey)?)),
            ("photos", _) => {
                let id = id.parse().map_err(|_| InvalidKey)?;
                let of_photo = Self::all_of_photo(id).into_iter().skip(1);
                let mut named = of_photo.filter(|key| key.file_is(file));
                named.next().ok_or(InvalidKey)
            }
            ("coupons", "image") => Ok(Self::coupon_image(id.parse().map_err(|_| InvalidKey)?)),
            ("coupons", _) => {
                let id = id.parse().map_err(|_| InvalidKey)?;
                let (digest, size) = file.split_once('-').ok_or(InvalidKey)?;
                let size = match size {
                    "0.png" => CouponSize::Large,
                    "1.png" => CouponSize::Small,
                    _ => return Err(InvalidKey),
                };
                Ok(Self::coupon_art(id, digest.parse()?, size))
            }
            _ => Err(InvalidKey),
        }
    }
}

impl Key {
    /// Whether the last part of the name is this.
    fn file_is(self, file: &str) -> bool {
        self.to_string().rsplit_once('/').map(|(_, own)| own) == Some(file)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Digest {
    type Err = InvalidKey;

    /// Lower-case digits only, so that a blob has one name.
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidKey)?;
        let digest = Self(bytes);
        (digest.to_string() == text)
            .then_some(digest)
            .ok_or(InvalidKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "502e6303421aa918ba000001";

    fn photo() -> PhotoId {
        ID.parse().expect("an id")
    }

    fn coupon() -> CouponId {
        ID.parse().expect("an id")
    }

    #[track_caller]
    fn check(key: Key, name: &str, content_type: Option<&str>) {
        assert_eq!(key.to_string(), name.replace("ID", ID));
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(key.content_type(), content_type);
    }

    #[test]
    fn a_key_reads_back_what_it_prints() {
        let (jpeg, png) = (Some("image/jpeg"), Some("image/png"));
        let of_photo = |size, format| Key::photo(photo(), size, format);
        check(Key::raw(photo()), "raw/ID", None);
        check(
            of_photo(Size::Original, Format::Jpeg),
            "photos/ID/0.jpg",
            jpeg,
        );
        check(
            of_photo(Size::Original, Format::Png),
            "photos/ID/0.png",
            png,
        );
        check(
            of_photo(Size::Original, Format::Gif),
            "photos/ID/0.png",
            png,
        );
        check(of_photo(Size::Thumb, Format::Jpeg), "photos/ID/1.png", png);
        check(of_photo(Size::Thumb2, Format::Jpeg), "photos/ID/2.png", png);
        check(Key::coupon_image(coupon()), "coupons/ID/image", None);
        let digest = "000102030405060708090a0b0c0d0e0f".parse().expect("hex");
        let art = |size| Key::coupon_art(coupon(), digest, size);
        check(
            art(CouponSize::Large),
            &format!("coupons/ID/{digest}-0.png"),
            png,
        );
        check(
            art(CouponSize::Small),
            &format!("coupons/ID/{digest}-1.png"),
            png,
        );
    }

    #[test]
    fn a_key_tells_whose_it_is() {
        for key in Key::all_of_photo(photo()) {
            assert_eq!((key.photo_id(), key.coupon_id()), (Some(photo()), None));
        }
        let key = Key::coupon_image(coupon());
        assert_eq!((key.photo_id(), key.coupon_id()), (None, Some(coupon())));
    }

    #[test]
    fn every_other_text_is_refused() {
        for text in [
            "",
            "/",
            "raw",
            "raw/",
            "raw/..",
            "raw/ID/",
            "raw/ID/0.jpg",
            "/raw/ID",
            "raw//ID",
            "RAW/ID",
            "photos/ID",
            "photos/ID/",
            "photos/ID/3.png",
            "photos/ID/1.jpg",
            "photos/ID/01.png",
            "photos/ID/0.gif",
            "photos/ID/0.jpg#1",
            "photos/ID/../ID/0.jpg",
            "photos/ID/ID",
            "photos/../raw/ID",
            "photos/ID%2f0.jpg",
            "photos/502E6303421AA918BA000001/0.jpg",
            "coupons/ID/image.jpg",
            "coupons/ID/-0.png",
            "coupons/ID/00-0.png",
            "coupons/ID/000102030405060708090A0B0C0D0E0F-0.png",
            "coupons/ID/000102030405060708090a0b0c0d0e0f-2.png",
            "coupons/ID/000102030405060708090a0b0c0d0e0f-0.png/",
            "state.db",
        ] {
            let text = text.replace("ID", ID);
            assert_eq!(text.parse::<Key>(), Err(InvalidKey), "{text}");
        }
    }
}
