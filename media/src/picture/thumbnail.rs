//! Smaller pictures: scaled with Lanczos3, and written as PNG quickly rather than as small as can
//! be, which costs twice the time for a twentieth of the bytes.

use super::decode::{Pixels, refusal};
use super::{Refusal, THUMB_SIDE, THUMB2_SIDE};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, Resizer};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{
    ColorType, DynamicImage, GrayAlphaImage, GrayImage, ImageEncoder, RgbImage, RgbaImage,
};

/// A longer profile would be most of a thumbnail.
const MAX_THUMB_PROFILE: usize = 4 << 10;

/// The two thumbnails as PNG: the small one, then the large one.
pub(super) fn pair(pixels: &Pixels) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
    let large = fit(pixels, THUMB2_SIDE)?;
    // From the large one it costs an eighth, and nobody sees the difference; but not after that one
    // had to be made larger than the picture.
    let from = if pixels.longer_side() >= THUMB2_SIDE {
        &large
    } else {
        pixels
    };
    let small = scale(from, fitted(&pixels.image, THUMB_SIDE))?;
    Ok((thumbnail(small)?, thumbnail(large)?))
}

/// The picture scaled until its longer side is `side`.
pub(super) fn fit(pixels: &Pixels, side: u32) -> Result<Pixels, Refusal> {
    scale(pixels, fitted(&pixels.image, side))
}

/// The width and height when the longer side is `side`; the other keeps the ratio, and is a pixel
/// at least.
fn fitted(image: &DynamicImage, side: u32) -> (u32, u32) {
    let longer = image.width().max(image.height());
    let scaled = |length: u32| ((length * side + longer / 2) / longer).max(1);
    (scaled(image.width()), scaled(image.height()))
}

fn scale(pixels: &Pixels, (width, height): (u32, u32)) -> Result<Pixels, Refusal> {
    let image = &pixels.image;
    // Each kind is scaled as it is: alpha is multiplied in before, and out again after.
    let kind = match image.color() {
        ColorType::L8 => PixelType::U8,
        ColorType::La8 => PixelType::U8x2,
        ColorType::Rgb8 => PixelType::U8x3,
        ColorType::Rgba8 => PixelType::U8x4,
        _ => return Err(Refusal::Damaged),
    };
    let from = ImageRef::new(image.width(), image.height(), image.as_bytes(), kind)
        .map_err(|_| Refusal::Damaged)?;
    let mut to = Image::new(width, height, kind);
    Resizer::new()
        .resize(&from, &mut to, None)
        .map_err(|_| Refusal::Damaged)?;
    let bytes = to.into_vec();
    let image = match kind {
        PixelType::U8 => GrayImage::from_raw(width, height, bytes).map(DynamicImage::from),
        PixelType::U8x2 => GrayAlphaImage::from_raw(width, height, bytes).map(DynamicImage::from),
        PixelType::U8x3 => RgbImage::from_raw(width, height, bytes).map(DynamicImage::from),
        _ => RgbaImage::from_raw(width, height, bytes).map(DynamicImage::from),
    };
    Ok(Pixels {
        image: image.ok_or(Refusal::Damaged)?,
        profile: pixels.profile.clone(),
    })
}

fn thumbnail(mut pixels: Pixels) -> Result<Vec<u8>, Refusal> {
    if pixels.profile.len() > MAX_THUMB_PROFILE {
        pixels.profile.clear();
    }
    encode(pixels)
}

/// PNG of the picture.
pub(super) fn encode(pixels: Pixels) -> Result<Vec<u8>, Refusal> {
    let Pixels { image, profile } = pixels;
    let mut bytes = Vec::new();
    let mut encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive);
    // Only formats without room for one refuse it.
    let _ = encoder.set_icc_profile(profile);
    let color = image.color().into();
    encoder
        .write_image(image.as_bytes(), image.width(), image.height(), color)
        .map_err(refusal)?;
    Ok(bytes)
}
