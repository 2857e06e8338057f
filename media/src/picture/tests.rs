//! What becomes of the pictures that people send.

use super::samples::{
    BLUE, CMYK, PROGRESSIVE, RED, colours, exif, gif, holds, is_red, jpeg, opened, png, processed,
    profile, with_chunk, with_segment,
};
use super::{Format, decode, sniff};
use image::{DynamicImage, GenericImageView, ImageBuffer, Luma, Rgb, Rgba, RgbaImage};
use img_parts::ImageICC;
use img_parts::png::{Png, PngChunk};

/// Width and height.
type Sides = (u32, u32);

/// Format, width and height of what is published, and the sides of the thumbnails.
#[track_caller]
fn shape(bytes: &[u8]) -> (Format, Sides, Sides, Sides) {
    let processed = processed(bytes);
    let original = &processed.original;
    let shown = opened(&original.bytes);
    let (width, height) = (original.width, original.height);
    assert_eq!(shown.dimensions(), (width, height), "as it is said");
    assert_eq!(sniff(&original.bytes), Some(original.format), "as is said");
    let thumbs = [&processed.thumb, &processed.thumb2].map(|thumb| {
        assert_eq!(sniff(thumb), Some(Format::Png));
        opened(thumb).dimensions()
    });
    (original.format, (width, height), thumbs[0], thumbs[1])
}

#[test]
fn a_picture_is_known_by_its_first_bytes() {
    assert_eq!(sniff(&jpeg(8, 8)), Some(Format::Jpeg));
    assert_eq!(sniff(&png(colours(8, 8))), Some(Format::Png));
    assert_eq!(sniff(&gif(8, 8, &[RED])), Some(Format::Gif));
    assert_eq!(sniff(b"GIF88a"), None);
    assert_eq!(sniff(b"\xff\xd8"), None);
}

#[test]
fn a_square_gives_squares_and_others_fit_into_them() {
    let cases = [
        ((960, 960), (960, 960), (100, 100), (200, 200)),
        ((30, 30), (30, 30), (100, 100), (200, 200)),
        ((150, 100), (150, 100), (100, 67), (200, 133)),
        ((400, 800), (400, 800), (50, 100), (100, 200)),
        ((1_920, 1_080), (960, 540), (100, 56), (200, 113)),
        ((2_000, 3), (960, 1), (100, 1), (200, 1)),
    ];
    for ((width, height), original, thumb, thumb2) in cases {
        let shape = shape(&jpeg(width, height));
        assert_eq!(shape, (Format::Jpeg, original, thumb, thumb2));
    }
}

#[test]
fn what_needs_no_change_is_published_without_loss() {
    let jpeg = jpeg(100, 80);
    let bytes = processed(&jpeg).original.bytes;
    assert_eq!(opened(&bytes), opened(&jpeg));
    let png = png(colours(100, 80));
    assert_eq!(processed(&png).original.bytes, png);
}

#[test]
fn a_picture_is_turned_as_its_camera_was() {
    // Held upright: left of the sensor is the top.
    let upright = with_segment(&jpeg(80, 40), 0xe1, &exif(6));
    let png = with_chunk(&png(colours(80, 40)), b"eXIf", &exif(6)[6..]);
    let large = with_segment(&jpeg(1_600, 800), 0xe1, &exif(6));
    for (picture, width, height) in [(upright, 40, 80), (png, 40, 80), (large, 480, 960)] {
        let (_, size, thumb, _) = shape(&picture);
        assert_eq!((size, thumb), ((width, height), (50, 100)));
        let processed = processed(&picture);
        is_red(&opened(&processed.original.bytes), width - 2, 1);
        is_red(&opened(&processed.thumb), 48, 10);
        let pixels = DynamicImage::from(decode(&picture).unwrap());
        is_red(&pixels, pixels.width() - 2, 1);
    }
}

#[test]
fn a_profile_of_the_same_colours_stays_and_others_go() {
    let with_profile = |space| {
        let profile = [b"ICC_PROFILE\0\x01\x01".as_slice(), &profile(space)].concat();
        let small = with_segment(&jpeg(40, 20), 0xe2, &profile);
        let large = with_segment(&jpeg(1_000, 20), 0xe2, &profile);
        [small, large].map(|picture| processed(&picture))
    };
    for processed in with_profile(b"RGB ") {
        assert!(holds(&processed.original.bytes, "ICC_PROFILE"));
        let thumb = Png::from_bytes(processed.thumb.into()).unwrap();
        assert_eq!(thumb.icc_profile().unwrap(), profile(b"RGB "));
    }
    for processed in with_profile(b"CMYK") {
        assert!(!holds(&processed.original.bytes, "ICC_PROFILE"));
    }
}

#[test]
fn four_colours_become_three() {
    let original = processed(CMYK).original;
    let image = opened(&original.bytes);
    assert_eq!(
        (original.format, image.dimensions()),
        (Format::Jpeg, (24, 16))
    );
    is_red(&image, 12, 8);
    assert!(!holds(&original.bytes, "Adobe"));
}

#[test]
fn a_progressive_picture_is_published_as_it_came() {
    let original = processed(PROGRESSIVE).original.bytes;
    assert_eq!(opened(&original), opened(PROGRESSIVE));
    assert!(original.windows(2).any(|bytes| bytes == [0xff, 0xc2]));
}

#[test]
fn sixteen_bits_become_eight() {
    let grey = ImageBuffer::from_pixel(30, 20, Luma([0x8080_u16]));
    let colour = ImageBuffer::from_pixel(30, 20, Rgb([0xffff_u16, 0, 0]));
    let clear = ImageBuffer::from_pixel(30, 20, Rgba([0xffff_u16, 0, 0, 0xffff]));
    let pictures: [DynamicImage; 3] = [grey.into(), colour.into(), clear.into()];
    for picture in pictures {
        let eight = match picture.color().has_color() {
            true => picture.to_rgba8(),
            false => RgbaImage::from_pixel(30, 20, Rgba([0x80, 0x80, 0x80, 255])),
        };
        let original = opened(&processed(&png(picture)).original.bytes);
        assert_eq!(
            original.color().bits_per_pixel() / u16::from(original.color().channel_count()),
            8
        );
        assert_eq!(original.to_rgba8(), eight);
    }
    let large = ImageBuffer::from_pixel(1_000, 1_000, Rgba([0xffff_u16, 0, 0, 0xffff]));
    assert_eq!(shape(&png(DynamicImage::from(large))).1, (960, 960));
}

#[test]
fn what_is_transparent_does_not_bleed_and_lies_on_white() {
    let image = RgbaImage::from_fn(400, 400, |x, _| {
        Rgba(if x < 200 { RED } else { [0, 255, 0, 0] })
    });
    let picture = png(image);
    let thumb = opened(&processed(&picture).thumb);
    for x in 0..100 {
        let Rgba([red, green, _, alpha]) = thumb.get_pixel(x, 50);
        assert!(
            alpha == 0 || (red > 250 && green < 5),
            "{red} {green} at {x}"
        );
    }
    let flat = decode(&picture).unwrap();
    assert_eq!(flat.get_pixel(10, 10), &Rgb([255, 0, 0]));
    assert_eq!(flat.get_pixel(390, 10), &Rgb([255, 255, 255]));
}

#[test]
fn of_many_frames_the_first_is_shown() {
    let (format, size, ..) = shape(&gif(40, 20, &[RED, BLUE]));
    assert_eq!((format, size), (Format::Png, (40, 20)));
    is_red(
        &opened(&processed(&gif(40, 20, &[RED, BLUE])).original.bytes),
        5,
        5,
    );
    let mut moving = Png::from_bytes(png(colours(40, 20)).into()).unwrap();
    let control = [0, 0, 0, 2, 0, 0, 0, 0];
    let frame = [&[0, 0, 0, 1, 0, 0, 0, 40, 0, 0, 0, 20][..], &[0; 14]].concat();
    let chunks = moving.chunks_mut();
    let end = chunks.len() - 1;
    chunks.insert(
        end,
        PngChunk::new(*b"fdAT", vec![0, 0, 0, 2, 1, 2, 3].into()),
    );
    chunks.insert(end, PngChunk::new(*b"fcTL", frame.into()));
    chunks.insert(1, PngChunk::new(*b"acTL", control.to_vec().into()));
    let original = processed(&moving.encoder().bytes()).original.bytes;
    assert_eq!(original, png(colours(40, 20)), "nothing moves");
}
