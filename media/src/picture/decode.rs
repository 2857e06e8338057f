//! From stripped bytes to pixels of eight bits, within bounds that are checked before any of them
//! has a place in memory.

use super::{Refusal, check_size};
use domain::photo::Format;
use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::{DynamicImage, ImageDecoder, ImageError, Limits, Rgb, RgbImage};
use std::io::Cursor;

/// The most that a decoder may allocate, its result included.
const MAX_ALLOC: u64 = 96 << 20;

/// What the reader of PNG may allocate beside the pixels: rows, and a colour profile, which may be
/// compressed a thousandfold.
const MAX_PNG_BESIDES: u64 = 4 << 20;

/// Pixels of one of the four kinds with eight bits: grey or RGB, with or without alpha.
pub(super) struct Pixels {
    pub(super) image: DynamicImage,
    /// The ICC profile that says what the colours mean; empty without one.
    pub(super) profile: Vec<u8>,
}

impl Pixels {
    pub(super) fn longer_side(&self) -> u32 {
        self.image.width().max(self.image.height())
    }
}

/// The pixels of `bytes`, not turned.
pub(super) fn decode(format: Format, bytes: &[u8]) -> Result<Pixels, Refusal> {
    let bytes = Cursor::new(bytes);
    match format {
        Format::Jpeg => read(JpegDecoder::new(bytes).map_err(refusal)?),
        Format::Png => {
            let besides = limits(MAX_PNG_BESIDES);
            read(PngDecoder::with_limits(bytes, besides).map_err(refusal)?)
        }
        // Its first frame, wherever that lies on its screen.
        Format::Gif => read(GifDecoder::new(bytes).map_err(refusal)?),
    }
}

/// The same pixels without alpha: what shines through is white.
pub(super) fn on_white(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let image = image.into_rgba8();
    let mut flat = RgbImage::new(image.width(), image.height());
    for (to, from) in flat.pixels_mut().zip(image.pixels()) {
        let [red, green, blue, alpha] = from.0.map(u16::from);
        let over = |part| ((part * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        *to = Rgb([over(red), over(green), over(blue)]);
    }
    flat
}

/// What a codec's complaint means to the sender.
pub(super) fn refusal(error: ImageError) -> Refusal {
    match error {
        ImageError::Limits(_) => Refusal::TooLarge,
        _ => Refusal::Damaged,
    }
}

fn read(mut decoder: impl ImageDecoder) -> Result<Pixels, Refusal> {
    // Again, although the header said so: what counts is what the decoder makes of it.
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let mut limits = limits(MAX_ALLOC);
    // `from_decoder` does not ask the limits.
    limits.reserve(decoder.total_bytes()).map_err(refusal)?;
    decoder.set_limits(limits).map_err(refusal)?;
    let profile = decoder.icc_profile().ok().flatten().unwrap_or_default();
    let image = eight_bits(DynamicImage::from_decoder(decoder).map_err(refusal)?);
    let profile = if fits(&profile, &image) {
        profile
    } else {
        Vec::new()
    };
    Ok(Pixels { image, profile })
}

fn limits(max_alloc: u64) -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(super::MAX_SIDE);
    limits.max_image_height = Some(super::MAX_SIDE);
    limits.max_alloc = Some(max_alloc);
    limits
}

fn eight_bits(image: DynamicImage) -> DynamicImage {
    match image {
        DynamicImage::ImageLuma16(_) => image.into_luma8().into(),
        DynamicImage::ImageLumaA16(_) => image.into_luma_alpha8().into(),
        DynamicImage::ImageRgb16(_) => image.into_rgb8().into(),
        DynamicImage::ImageRgba16(_) => image.into_rgba8().into(),
        image => image,
    }
}

/// Whether an ICC profile speaks of these pixels: that of a CMYK picture no longer does when they
/// have become RGB.
fn fits(profile: &[u8], image: &DynamicImage) -> bool {
    let space: &[u8] = if image.color().has_color() {
        b"RGB "
    } else {
        b"GRAY"
    };
    profile.get(16..20) == Some(space)
}
