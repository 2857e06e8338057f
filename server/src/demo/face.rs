//! Faces for the people of the demonstration: a pattern of squares made from a name, the same each
//! time.

use image::{ImageFormat, Rgb, RgbImage};
use sha1::{Digest, Sha1};
use std::io::Cursor;

/// Squares across and down.
const SQUARES: u32 = 5;

/// The side of a square in pixels; the picture has one more of them around it.
const SIDE: u32 = 40;

const GROUND: Rgb<u8> = Rgb([240, 240, 244]);

/// The face of `name`, a PNG of 240x240.
pub(super) fn of(name: &str) -> Option<Vec<u8>> {
    let digest = Sha1::digest(name);
    // Neither too dark nor too pale.
    let colour = Rgb([digest[0], digest[1], digest[2]].map(|part| 64 + part / 2));
    let whole = (SQUARES + 1) * SIDE;
    let face = RgbImage::from_fn(whole, whole, |x, y| {
        let inside = |at: u32| at.checked_sub(SIDE / 2).map(|at| at / SIDE);
        match (inside(x), inside(y)) {
            (Some(column), Some(row)) if column < SQUARES && row < SQUARES => {
                // Left and right are alike, as in faces.
                let column = column.min(SQUARES - 1 - column);
                let bit = digest[3 + (row * 3 + column) as usize] & 1;
                if bit == 1 { colour } else { GROUND }
            }
            _ => GROUND,
        }
    });
    let mut png = Cursor::new(Vec::new());
    face.write_to(&mut png, ImageFormat::Png).ok()?;
    Some(png.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_face_and_another_name_another() {
        let aino = of("Aino").expect("a face");
        assert_eq!(Some(&aino), of("Aino").as_ref());
        assert_ne!(Some(aino), of("Bo"));
    }
}
