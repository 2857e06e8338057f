//! What strangers send as pictures: told apart, decoded within bounds, and made fit to be shown.
//!
//! Nothing that was uploaded is published as it came: see [`process`]. Where the results are kept,
//! and who may see them, is not known here.

mod decode;
#[cfg(test)]
mod hostile;
mod jpeg;
mod png;
mod published;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
mod thumbnail;

use domain::photo::{Format, Reason};
use image::RgbImage;
use image::metadata::Orientation;
use std::borrow::Cow;

/// More bytes than this are not looked at.
pub const MAX_BYTES: usize = 8 << 20;

/// The longest side of a picture that is decoded, in pixels.
pub const MAX_SIDE: u32 = 4_096;

/// The most pixels of a picture that is decoded.
pub const MAX_PIXELS: u32 = 4_000_000;

/// The longest side of a picture that is published, in pixels.
pub const PUBLISHED_SIDE: u32 = 960;

/// The longer side of the small thumbnail, in pixels.
pub const THUMB_SIDE: u32 = 100;

/// The longer side of the large thumbnail, in pixels.
pub const THUMB2_SIDE: u32 = 200;

/// Everything that is published of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processed {
    /// The picture itself.
    pub original: Published,
    /// PNG, its longer side [`THUMB_SIDE`]: a small picture is made larger.
    pub thumb: Vec<u8>,
    /// PNG, its longer side [`THUMB2_SIDE`].
    pub thumb2: Vec<u8>,
}

/// A picture without anything but its pixels and their colours, upright.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The file.
    pub bytes: Vec<u8>,
    /// JPEG, or PNG: a GIF is published as a PNG of its first frame.
    pub format: Format,
    /// In pixels, at most [`PUBLISHED_SIDE`].
    pub width: u32,
    /// In pixels, at most [`PUBLISHED_SIDE`].
    pub height: u32,
}

/// Why a picture is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is neither JPEG nor PNG nor GIF.
    #[error("this is not a jpeg, png or gif picture")]
    NotAPicture,
    /// It has too many bytes or pixels, or would take too long or too much memory.
    #[error("the picture is too large")]
    TooLarge,
    /// It cannot be read to its end.
    #[error("the picture is damaged")]
    Damaged,
}

/// A picture stripped of all that is not needed to show it; nothing else of it is ever decoded.
struct Stripped<'a> {
    bytes: Cow<'a, [u8]>,
    /// How it must be turned: the tag that said so is gone.
    orientation: Orientation,
    /// Browsers show `bytes` as we do, so that they may be published.
    plain: bool,
    /// There is something that says it is a colour profile.
    profiled: bool,
}

/// What the picture is, by its first bytes only.
#[must_use]
pub fn sniff(bytes: &[u8]) -> Option<Format> {
    if bytes.starts_with(&jpeg::SIGNATURE) {
        Some(Format::Jpeg)
    } else if bytes.starts_with(&png::SIGNATURE) {
        Some(Format::Png)
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        Some(Format::Gif)
    } else {
        None
    }
}

/// What the picture is, by its header: cheap, and no pixel is decoded.
///
/// # Errors
/// What can be told at once. That there is none does not mean that [`process`] will find none.
pub fn look(bytes: &[u8]) -> Result<Format, Refusal> {
    let format = sniff(bytes).ok_or(Refusal::NotAPicture)?;
    if bytes.len() > MAX_BYTES {
        return Err(Refusal::TooLarge);
    }
    let (width, height) = match format {
        Format::Jpeg => jpeg::size(bytes)?,
        Format::Png => png::size(bytes)?,
        Format::Gif => gif_size(bytes)?,
    };
    check_size(width, height)?;
    Ok(format)
}

/// Makes everything that is published of a picture. Takes processor time: call it where blocking
/// is allowed.
///
/// # Errors
/// [`Refusal`], whatever the bytes; there is nothing that it panics at.
pub fn process(bytes: &[u8]) -> Result<Processed, Refusal> {
    let format = look(bytes)?;
    let stripped = strip(format, bytes)?;
    let mut pixels = decode::decode(format, &stripped.bytes)?;
    // What says it is a profile, and cannot be read as one of these colours, may be anything.
    let odd_profile = stripped.profiled && pixels.profile.is_empty();
    let mut changed = !stripped.plain || odd_profile;
    if pixels.longer_side() > PUBLISHED_SIDE {
        // Before turning it: that is quicker the fewer pixels there are.
        pixels = thumbnail::fit(&pixels, PUBLISHED_SIDE)?;
        changed = true;
    }
    if stripped.orientation != Orientation::NoTransforms {
        pixels.image.apply_orientation(stripped.orientation);
        changed = true;
    }
    let (thumb, thumb2) = thumbnail::pair(&pixels)?;
    let original = if changed {
        published::encode(format, pixels)?
    } else {
        published::as_stripped(format, stripped.bytes.into_owned(), pixels)?
    };
    Ok(Processed {
        original,
        thumb,
        thumb2,
    })
}

/// The pixels of a picture, upright and within the limits of [`process`]; what is transparent in it
/// lies on white.
///
/// # Errors
/// [`Refusal`], whatever the bytes.
pub fn decode(bytes: &[u8]) -> Result<RgbImage, Refusal> {
    let format = look(bytes)?;
    let stripped = strip(format, bytes)?;
    let mut image = decode::decode(format, &stripped.bytes)?.image;
    image.apply_orientation(stripped.orientation);
    Ok(decode::on_white(image))
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotAPicture => Self::NotAPicture,
            Refusal::TooLarge => Self::TooLarge,
            Refusal::Damaged => Self::Damaged,
        }
    }
}

fn strip(format: Format, bytes: &[u8]) -> Result<Stripped<'_>, Refusal> {
    match format {
        Format::Jpeg => jpeg::strip(bytes),
        Format::Png => png::strip(bytes),
        Format::Gif => Ok(Stripped {
            bytes: Cow::Borrowed(bytes),
            orientation: Orientation::NoTransforms,
            plain: false,
            profiled: false,
        }),
    }
}

/// The width and height of the screen that a GIF draws on.
fn gif_size(bytes: &[u8]) -> Result<(u32, u32), Refusal> {
    let &[w0, w1, h0, h1] = bytes
        .get(6..)
        .and_then(<[u8]>::first_chunk)
        .ok_or(Refusal::Damaged)?;
    let side = |bytes| u32::from(u16::from_le_bytes(bytes));
    Ok((side([w0, w1]), side([h0, h1])))
}

fn check_size(width: u32, height: u32) -> Result<(), Refusal> {
    if width == 0 || height == 0 {
        return Err(Refusal::Damaged);
    }
    if width.max(height) > MAX_SIDE || width * height > MAX_PIXELS {
        return Err(Refusal::TooLarge);
    }
    Ok(())
}
