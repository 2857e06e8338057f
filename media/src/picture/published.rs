//! The picture that everybody may fetch: the stripped bytes where they say all, otherwise encoded
//! anew.

use super::decode::{Pixels, on_white, refusal};
use super::{Published, Refusal, thumbnail};
use domain::photo::Format;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageEncoder};

/// Where nobody sees a difference any more.
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
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
    // Only formats without room for one refuse it.
    let _ = encoder.set_icc_profile(pixels.profile);
    let color = image.color().into();
    encoder
        .write_image(image.as_bytes(), image.width(), image.height(), color)
        .map_err(refusal)?;
    Ok(bytes)
}
