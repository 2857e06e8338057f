//! Pictures for the tests: sound ones, and ways to put into them what a stranger might.

use super::{Processed, process};
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, Frame, GenericImageView, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use img_parts::jpeg::{Jpeg, JpegSegment};
use img_parts::png::{Png, PngChunk};
use std::io::Cursor;

pub(super) const RED: [u8; 4] = [255, 0, 0, 255];
pub(super) const BLUE: [u8; 4] = [0, 0, 255, 255];

/// Of four colours, as an encoder other than ours writes it (Pillow 13): red all over.
pub(super) const CMYK: &[u8] = include_bytes!("../../tests/pictures/cmyk.jpg");

/// Scans of more and more detail, by the same.
pub(super) const PROGRESSIVE: &[u8] = include_bytes!("../../tests/pictures/progressive.jpg");

/// Red on the left, blue on the right, and not quite even.
pub(super) fn colours(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let grain = ((x * 7 + y * 13) % 32) as u8;
        if x < width / 2 {
            Rgb([220 + grain, grain, 20])
        } else {
            Rgb([20, grain, 220 + grain])
        }
    })
}

pub(super) fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
    let image = colours(width, height);
    image.write_with_encoder(encoder).expect("a sample");
    bytes
}

pub(super) fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image
        .into()
        .write_to(&mut bytes, ImageFormat::Png)
        .expect("a sample");
    bytes.into_inner()
}

/// A GIF of one frame in each colour.
pub(super) fn gif(width: u32, height: u32, colours: &[[u8; 4]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for colour in colours {
        let frame = RgbaImage::from_pixel(width, height, Rgba(*colour));
        encoder.encode_frame(Frame::new(frame)).expect("a sample");
    }
    drop(encoder);
    bytes
}

/// The JPEG with another segment behind its start.
pub(super) fn with_segment(jpeg: &[u8], marker: u8, content: &[u8]) -> Vec<u8> {
    let mut jpeg = Jpeg::from_bytes(jpeg.to_vec().into()).expect("a sample");
    let segment = JpegSegment::new_with_contents(marker, content.to_vec().into());
    jpeg.segments_mut().insert(0, segment);
    jpeg.encoder().bytes().to_vec()
}

/// The PNG with another chunk behind its header.
pub(super) fn with_chunk(png: &[u8], name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut png = Png::from_bytes(png.to_vec().into()).expect("a sample");
    let chunk = PngChunk::new(*name, content.to_vec().into());
    png.chunks_mut().insert(1, chunk);
    png.encoder().bytes().to_vec()
}

/// EXIF, as it stands in a JPEG: how to turn the picture, and where it was taken.
pub(super) fn exif(orientation: u8) -> Vec<u8> {
    let entry = |tag: u16, kind: u16, value: u32| {
        let mut entry = Vec::new();
        entry.extend(tag.to_le_bytes());
        entry.extend(kind.to_le_bytes());
        entry.extend(1_u32.to_le_bytes());
        entry.extend(value.to_le_bytes());
        entry
    };
    let mut exif = b"Exif\0\0II\x2a\0\x08\0\0\0\x02\0".to_vec();
    exif.extend(entry(0x0112, 3, orientation.into()));
    // The list of where it was taken: a reference, N.
    exif.extend(entry(0x8825, 4, 38));
    exif.extend([0, 0, 0, 0, 1, 0]);
    exif.extend(entry(0x0001, 2, u32::from(b'N')));
    exif.extend(b"\0\0\0\0GPS-WAS-HERE");
    exif
}

/// An ICC profile by its header only, for colours of this kind.
pub(super) fn profile(space: &[u8; 4]) -> Vec<u8> {
    let mut profile = vec![0; 128];
    profile[16..20].copy_from_slice(space);
    profile
}

/// The same JPEG, but its frame claims this size.
pub(super) fn claiming(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = jpeg.to_vec();
    let frame = jpeg.windows(2).position(|bytes| bytes == [0xff, 0xc0]);
    let at = frame.expect("a frame") + 5;
    jpeg[at..at + 2].copy_from_slice(&height.to_be_bytes());
    jpeg[at + 2..at + 4].copy_from_slice(&width.to_be_bytes());
    jpeg
}

#[track_caller]
pub(super) fn processed(bytes: &[u8]) -> Processed {
    process(bytes).expect("a sound picture")
}

#[track_caller]
pub(super) fn opened(bytes: &[u8]) -> DynamicImage {
    image::load_from_memory(bytes).expect("a picture that was made here")
}

/// Red is where it should be, within what JPEG makes of it.
#[track_caller]
pub(super) fn is_red(image: &DynamicImage, x: u32, y: u32) {
    let Rgba([red, green, blue, alpha]) = image.get_pixel(x, y);
    let is_red = red > 180 && green < 80 && blue < 80 && alpha == 255;
    assert!(is_red, "{red} {green} {blue} {alpha} at {x}, {y}");
}

pub(super) fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}
