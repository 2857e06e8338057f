//! What becomes of pictures that somebody made to do harm, and of what must not be published.

use super::samples::{
    BLUE, CMYK, PROGRESSIVE, RED, claiming, colours, exif, gif, holds, jpeg, png, processed,
    with_chunk, with_segment,
};
use super::{Refusal, decode, look, process};
use image::GrayImage;
use img_parts::ImageICC;
use img_parts::png::{Png, PngChunk};

#[track_caller]
fn refused(bytes: &[u8], refusal: Refusal) {
    assert_eq!(process(bytes), Err(refusal));
    assert!(decode(bytes).is_err());
}

/// Refused already by its header.
#[track_caller]
fn refused_at_the_door(bytes: &[u8], refusal: Refusal) {
    assert_eq!(look(bytes), Err(refusal));
    refused(bytes, refusal);
}

#[test]
fn what_is_no_picture_is_refused_whatever_its_name() {
    refused_at_the_door(b"", Refusal::NotAPicture);
    refused_at_the_door(b"all the world's a stage", Refusal::NotAPicture);
    refused_at_the_door(b"<svg onload='alert(1)'/>", Refusal::NotAPicture);
    refused_at_the_door(b"RIFF\x24\0\0\0WEBPVP8 ", Refusal::NotAPicture);
}

#[test]
fn sides_and_pixels_are_counted_before_any_has_a_place() {
    let grey = |width, height| png(GrayImage::new(width, height));
    assert!(process(&grey(2_000, 2_000)).is_ok());
    refused_at_the_door(&grey(2_000, 2_001), Refusal::TooLarge);
    refused_at_the_door(&grey(4_097, 1), Refusal::TooLarge);
    refused_at_the_door(&claiming(&jpeg(8, 8), 65_535, 65_535), Refusal::TooLarge);
    refused_at_the_door(&claiming(&jpeg(8, 8), 0, 8), Refusal::Damaged);
    let mut header = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    header.extend(30_000_u32.to_be_bytes());
    header.extend(30_000_u32.to_be_bytes());
    header.extend([8, 6, 0, 0, 0, 0, 0, 0, 0]);
    refused_at_the_door(&header, Refusal::TooLarge);
    let screen = b"GIF89a\xff\xff\xff\xff\0\0\0;";
    refused_at_the_door(screen, Refusal::TooLarge);
    let mut long = jpeg(8, 8);
    long.resize(super::MAX_BYTES + 1, 0);
    refused_at_the_door(&long, Refusal::TooLarge);
}

#[test]
fn a_frame_larger_than_its_screen_gets_no_memory() {
    let mut gif = gif(8, 8, &[RED]);
    let frame = gif.iter().position(|byte| *byte == b',').expect("a frame") + 5;
    gif[frame..frame + 4].copy_from_slice(&[0xff; 4]);
    refused(&gif, Refusal::TooLarge);
}

#[test]
fn a_second_frame_cannot_be_larger_than_the_first() {
    let small = jpeg(8, 8);
    let large = claiming(&small, 4_000, 4_000);
    let at = |bytes: &[u8]| {
        bytes
            .windows(2)
            .position(|two| two == [0xff, 0xc0])
            .unwrap()
    };
    let (header, rest) = small.split_at(at(&small));
    let frame = &large[at(&large)..][..19];
    refused(
        &[header, &rest[..19], frame, &rest[19..]].concat(),
        Refusal::Damaged,
    );
}

#[test]
fn a_claimed_size_without_the_pixels_is_decoded_or_refused() {
    let _ = process(&claiming(&jpeg(8, 8), 2_000, 2_000));
}

#[test]
fn half_a_picture_is_refused() {
    let pictures = [
        jpeg(300, 200),
        png(colours(300, 200)),
        gif(300, 200, &[RED]),
    ];
    for picture in pictures.iter().map(Vec::as_slice).chain([PROGRESSIVE]) {
        refused(&picture[..picture.len() / 2], Refusal::Damaged);
        assert!(look(&picture[..9]).is_err(), "not even a header");
    }
    // Everything but the end itself.
    let (jpeg, png) = (&pictures[0], &pictures[1]);
    refused(&jpeg[..jpeg.len() - 2], Refusal::Damaged);
    refused(&png[..png.len() - 12], Refusal::Damaged);
}

#[test]
fn scans_without_end_are_refused() {
    let mut jpeg = jpeg(64, 64);
    let scan = jpeg
        .windows(2)
        .position(|bytes| bytes == [0xff, 0xda])
        .unwrap();
    let header = jpeg[scan..scan + 14].to_vec();
    jpeg.truncate(jpeg.len() - 2);
    for _ in 0..1_000 {
        jpeg.extend(&header);
    }
    jpeg.extend([0xff, 0xd9]);
    refused(&jpeg, Refusal::TooLarge);
}

#[test]
fn where_a_picture_was_taken_is_not_published() {
    let jpeg = with_segment(&jpeg(40, 20), 0xe1, &exif(1));
    let jpeg = with_segment(&jpeg, 0xe1, b"http://ns.adobe.com/xap/1.0/\0GPS-WAS-HERE");
    let jpeg = with_segment(&jpeg, 0xed, b"Photoshop 3.0\0GPS-WAS-HERE");
    let png = with_chunk(&png(colours(40, 20)), b"eXIf", &exif(1)[6..]);
    let png = with_chunk(&png, b"tEXt", b"Comment\0GPS-WAS-HERE");
    for picture in [jpeg, png] {
        assert!(holds(&picture, "GPS-WAS-HERE"));
        let processed = processed(&picture);
        for made in [processed.original.bytes, processed.thumb, processed.thumb2] {
            assert!(!holds(&made, "GPS-WAS-HERE"));
            assert!(!holds(&made, "Exif"));
        }
    }
}

#[test]
fn a_picture_that_is_a_page_too_is_only_a_picture() {
    let page = "<html><script>alert(1)</script>";
    let mut jpeg = with_segment(&jpeg(40, 20), 0xfe, page.as_bytes());
    jpeg.extend(page.as_bytes());
    let mut png = with_chunk(&png(colours(40, 20)), b"zzZz", page.as_bytes());
    png.extend(page.as_bytes());
    let mut gif = gif(40, 20, &[RED]);
    gif.extend(page.as_bytes());
    for picture in [jpeg, png, gif] {
        let original = processed(&picture).original;
        assert!(!holds(&original.bytes, "script"));
    }
}

#[test]
fn a_picture_in_a_picture_is_cut_out() {
    let preview = [b"JFIF\0\x01\x02\0\0\x01\0\x01\x02\x02".as_slice(), &[9; 12]].concat();
    let picture = with_segment(&jpeg(40, 20), 0xe0, &preview);
    let original = processed(&picture).original.bytes;
    assert!(!original.windows(12).any(|part| part == [9; 12]));
}

#[test]
fn what_unpacks_to_very_much_is_not_unpacked() {
    let mut packed = Png::from_bytes(png(colours(40, 20)).into()).unwrap();
    packed.set_icc_profile(Some(vec![0; 64 << 20].into()));
    let bomb = packed.encoder().bytes();
    assert!(bomb.len() < 1 << 20);
    assert!(!holds(&processed(&bomb).original.bytes, "iCCP"));
    let content = Png::from_bytes(bomb).unwrap().chunks()[1]
        .contents()
        .clone();
    let text = with_chunk(&png(colours(40, 20)), b"zTXt", &content);
    assert_eq!(processed(&text).original.bytes, png(colours(40, 20)));
}

#[test]
fn bytes_that_are_not_pixels_make_no_file_longer() {
    let mut picture = Png::from_bytes(png(colours(40, 20)).into()).unwrap();
    let end = picture.chunks().len() - 1;
    let hidden = PngChunk::new(*b"IDAT", vec![7; 200_000].into());
    picture.chunks_mut().insert(end, hidden);
    let original = processed(&picture.encoder().bytes()).original;
    assert!(original.bytes.len() < 10_000);
}

/// Changes and cuts sound pictures in thousands of ways.
#[test]
fn whatever_the_bytes_a_picture_is_decoded_or_refused() {
    let sound = [
        jpeg(48, 32),
        PROGRESSIVE.to_vec(),
        CMYK.to_vec(),
        png(colours(48, 32)),
        gif(48, 32, &[RED, BLUE]),
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        // Xorshift: the same every time.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let (mut decoded, mut refused) = (0, 0);
    for picture in &sound {
        for _ in 0..200 {
            let mut bytes = picture.clone();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                bytes[at] = random(256) as u8;
            }
            if random(4) == 0 {
                bytes.truncate(random(bytes.len()));
            }
            match process(&bytes) {
                Ok(_) => decoded += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(decoded > 100 && refused > 100, "{decoded} and {refused}");
}
