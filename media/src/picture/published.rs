//! The picture that everybody may fetch: the stripped bytes where they say all, otherwise encoded
//! anew.

use super::decode::{Pixels, on_white};
use super::{Published, Refusal, thumbnail};
use domain::photo::Format;
use image::DynamicImage;
use jpeg_encoder::{ColorType, Encoder};

/// Where nobody sees a difference any more; colours at half the resolution, as cameras have them.
const JPEG_QUALITY: u8 = 88;

/// Beside the pixels, uncompressed: tables, and a colour profile.
const MAX_BESIDES: usize = 64 << 10;

/// The stripped bytes, of which `pixels` were decoded.
pub(super) fn as_stripped(
    format: Format,
    bytes: Vec<u8>,
    pixels: Pixels,
) -> Result<Published, Refusal> {
    // More bytes than the pixels themselves: something else is in there.
    if bytes.len() > pixels.image.as_bytes().len() + MAX_BESIDES {
        return encode(format, pixels);
    }
    Ok(Published {
        bytes,
        format,
        width: pixels.image.width(),
        height: pixels.image.height(),
    })
}

/// The pixels, encoded anew: a JPEG remains one, everything else becomes PNG.
pub(super) fn encode(format: Format, pixels: Pixels) -> Result<Published, Refusal> {
    let (width, height) = (pixels.image.width(), pixels.image.height());
    let (bytes, format) = match format {
        Format::Jpeg => (jpeg(pixels)?, Format::Jpeg),
        Format::Png | Format::Gif => (thumbnail::encode(pixels)?, Format::Png),
    };
    Ok(Published {
        bytes,
        format,
        width,
        height,
    })
}

fn jpeg(pixels: Pixels) -> Result<Vec<u8>, Refusal> {
    let image = match pixels.image {
        image @ (DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_)) => image,
        image => on_white(image).into(),
    };
    let color = if image.color().has_color() {
        ColorType::Rgb
    } else {
        ColorType::Luma
    };
    let side = |length| u16::try_from(length).map_err(|_| Refusal::TooLarge);
    let (width, height) = (side(image.width())?, side(image.height())?);
    let mut bytes = Vec::new();
    // That of the image crate takes three times as long.
    let mut encoder = Encoder::new(&mut bytes, JPEG_QUALITY);
    if !pixels.profile.is_empty() {
        encoder
            .add_icc_profile(&pixels.profile)
            .map_err(|_| Refusal::Damaged)?;
    }
    encoder
        .encode(image.as_bytes(), width, height, color)
        .map_err(|_| Refusal::Damaged)?;
    Ok(bytes)
}
