//! Pictures, drawn here: good ones, and such as nobody should send.

use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, Frame, GrayImage, ImageBuffer, ImageFormat, Rgb, RgbImage};
use std::io::Cursor;

/// What a camera writes beside the pixels, and nobody else shall read.
pub(crate) const SECRETS: [&str; 4] = [
    "Exif",
    "N 60 10 11",
    "ns.adobe.com/xap",
    "a diary behind the end",
];

/// What a picture is and how large.
pub(crate) type Seen = (ImageFormat, u32, u32);

/// What anybody who looks at the bytes sees; they must be a whole picture.
#[track_caller]
pub(crate) fn look(bytes: &[u8]) -> Seen {
    let format = image::guess_format(bytes).expect("a picture");
    let image = image::load_from_memory(bytes).expect("a whole picture");
    (format, image.width(), image.height())
}

pub(crate) fn jpeg(width: u32, height: u32) -> Vec<u8> {
    encoded(drawn(width, height).into(), ImageFormat::Jpeg)
}

pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    encoded(drawn(width, height).into(), ImageFormat::Png)
}

/// One with two frames.
pub(crate) fn gif(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for turned in [false, true] {
        let mut image = DynamicImage::from(drawn(width, height));
        if turned {
            image = image.rotate180();
        }
        let frame = Frame::new(image.into_rgba8());
        encoder.encode_frame(frame).expect("a frame");
    }
    drop(encoder);
    bytes
}

/// A PNG with sixteen bits a channel.
pub(crate) fn deep_png(width: u32, height: u32) -> Vec<u8> {
    let pixel = |x: u32, y: u32| Rgb([(x * 97) as u16, (y * 89) as u16, 40_000]);
    let image = ImageBuffer::from_fn(width, height, pixel);
    encoded(DynamicImage::ImageRgb16(image), ImageFormat::Png)
}

/// A JPEG of four colours, eight pixels a side: each block is a direct current of nothing.
pub(crate) fn cmyk_jpeg() -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    let mut segment = |marker: u8, content: &[u8]| {
        bytes.extend([0xff, marker]);
        bytes.extend((content.len() as u16 + 2).to_be_bytes());
        bytes.extend(content);
    };
    segment(0xee, b"Adobe\0\x64\0\0\0\0\0");
    segment(0xdb, &[&[0][..], &[1; 64]].concat());
    let parts = (1..=4).flat_map(|id| [id, 0x11, 0]);
    let frame = [8, 0, 8, 0, 8, 4].into_iter().chain(parts);
    segment(0xc0, &frame.collect::<Vec<u8>>());
    for table in [0x00, 0x10] {
        // One code, of one bit, for nothing.
        let mut codes = [0; 18];
        (codes[0], codes[1]) = (table, 1);
        segment(0xc4, &codes);
    }
    segment(0xda, &[4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0]);
    bytes.extend([0x00, 0xff, 0xd9]);
    bytes
}

/// A photograph as a phone takes it: where it was taken stands in it, three times over.
pub(crate) fn telltale_jpeg(width: u32, height: u32) -> Vec<u8> {
    let plain = jpeg(width, height);
    let mut bytes = plain[..2].to_vec();
    let mut segment = |marker: u8, content: &[u8]| {
        bytes.extend([0xff, marker]);
        bytes.extend((content.len() as u16 + 2).to_be_bytes());
        bytes.extend(content);
    };
    segment(0xe1, &[b"Exif\0\0", &sideways_exif()[..]].concat());
    segment(
        0xe1,
        b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>N 60 10 11</x:xmpmeta>",
    );
    segment(0xfe, b"N 60 10 11");
    bytes.extend(&plain[2..]);
    bytes.extend(b"<script>a diary behind the end</script>");
    bytes
}

/// EXIF that says that the picture lies on its side, and where it was taken.
fn sideways_exif() -> Vec<u8> {
    let mut exif = b"MM\0\x2a\0\0\0\x08\0\x01".to_vec();
    // Orientation 6: turned by 90 degrees.
    exif.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
    exif.extend([0; 4]);
    exif.extend(b"GPS N 60 10 11");
    exif
}

/// A PNG whose header tells this size, and nothing behind it.
pub(crate) fn png_of_size(width: u32, height: u32) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let tiny = png(1, 1);
    [&tiny[..8], &chunk(b"IHDR", &header), &tiny[33..]].concat()
}

/// A GIF whose screen has this size.
pub(crate) fn gif_of_size(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = gif(2, 2);
    bytes[6..8].copy_from_slice(&width.to_le_bytes());
    bytes[8..10].copy_from_slice(&height.to_le_bytes());
    bytes
}

/// A JPEG of sixteen pixels a side that says it had this size.
pub(crate) fn jpeg_of_size(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = jpeg(16, 16);
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]);
    let frame = frame.expect("a frame");
    bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

/// A PNG with compressed texts that would fill some hundred megabytes.
pub(crate) fn png_with_bombs() -> Vec<u8> {
    let black = encoded(GrayImage::new(4_000, 4_000).into(), ImageFormat::Png);
    let deflated = contents(&black, b"IDAT").concat();
    let text = [b"Comment\0\0", &deflated[..]].concat();
    let plain = png(30, 20);
    let mut bytes = plain[..33].to_vec();
    for _ in 0..10 {
        bytes.extend(chunk(b"zTXt", &text));
    }
    bytes.extend(chunk(b"iCCP", &[b"icc\0\0", &deflated[..]].concat()));
    bytes.extend(&plain[33..]);
    bytes
}

/// One picture and one web page in one file.
pub(crate) fn polyglot_gif() -> Vec<u8> {
    let mut bytes = gif(20, 20);
    bytes.extend(b"<html><script>alert(document.cookie)</script></html>");
    bytes
}

fn drawn(width: u32, height: u32) -> RgbImage {
    let pixel = |x: u32, y: u32| Rgb([(x * 3) as u8, (y * 5) as u8, (x + y) as u8]);
    RgbImage::from_fn(width, height, pixel)
}

fn encoded(image: DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    match format {
        ImageFormat::Jpeg => {
            image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 80))
        }
        format => image.write_to(&mut Cursor::new(&mut bytes), format),
    }
    .expect("a picture");
    bytes
}

/// A chunk of a PNG.
fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let named = [&name[..], content].concat();
    let length = content.len() as u32;
    [
        &length.to_be_bytes()[..],
        &named,
        &checksum(&named).to_be_bytes(),
    ]
    .concat()
}

/// What stands in the chunks with this name.
fn contents(png: &[u8], name: &[u8; 4]) -> Vec<Vec<u8>> {
    let (mut at, mut found) = (8, Vec::new());
    while let Some(length) = png.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        if &png[at + 4..at + 8] == name {
            found.push(png[at + 8..at + 8 + length].to_vec());
        }
        at += length + 12;
    }
    found
}

/// CRC-32, bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    })
}
