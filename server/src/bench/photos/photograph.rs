//! Pictures like photographs, made from a number: a sky or wall that changes slowly, things with
//! edges before it, and over all of it the grain of a surface and of a sensor.

use anyhow::{Context, Result};
use image::{Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use std::fs;
use std::path::Path;

/// The sides of a photograph that a phone sends, in pixels.
const SIDE: u16 = 960;

/// As phones choose it, with colours at half the resolution.
const QUALITY: u8 = 92;

/// Sizes of the noise's cells in pixels, and how much each adds.
const OCTAVES: [(f32, f32); 6] = [
    (240.0, 60.0),
    (96.0, 34.0),
    (37.0, 20.0),
    (13.0, 14.0),
    (5.0, 11.0),
    (1.7, 8.0),
];

/// Makes the folder, and ten photographs in it; the same ones each time.
///
/// # Errors
/// When they cannot be written.
pub(crate) fn write_ten(folder: &Path) -> Result<()> {
    fs::create_dir(folder).with_context(|| format!("cannot make {folder:?}"))?;
    for number in 0..10 {
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, QUALITY);
        encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
        let pixels = photograph(number);
        encoder.encode(&pixels, SIDE, SIDE, ColorType::Rgb)?;
        fs::write(folder.join(format!("{number}.jpg")), jpeg)?;
    }
    Ok(())
}

fn photograph(number: u32) -> RgbImage {
    let discs: Vec<[f32; 6]> = (0..24)
        .map(|disc| std::array::from_fn(|at| random(number, disc, at as i32)))
        .collect();
    let size = f32::from(SIDE);
    RgbImage::from_fn(SIDE.into(), SIDE.into(), |x, y| {
        let (x, y) = (x as f32, y as f32);
        let mut light = 70.0 + 110.0 * (1.0 - y / size);
        let mut colour = [0.9, 1.0, 1.1];
        for [left, top, radius, red, green, blue] in &discs {
            let (dx, dy) = (x - left * size, y - top * size);
            // Some are round, some square.
            let away = if *red > 0.5 {
                dx.hypot(dy)
            } else {
                dx.abs().max(dy.abs())
            };
            if away < radius * size * 0.2 {
                light = 40.0 + 160.0 * blue - 40.0 * away / size;
                colour = [0.6 + 0.7 * red, 0.6 + 0.7 * green, 0.6 + 0.7 * blue];
            }
        }
        for (octave, (cell, strength)) in OCTAVES.into_iter().enumerate() {
            light += strength * (noise(number, octave as u32, x / cell, y / cell) - 0.5);
        }
        Rgb(colour.map(|part: f32| (light * part).clamp(0.0, 255.0) as u8))
    })
}

/// Between 0 and 1, changing smoothly from one whole number to the next.
fn noise(number: u32, octave: u32, x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
    let (right_share, low_share) = (smooth(x - left), smooth(y - top));
    let at = |dx: i32, dy: i32| random(number ^ octave << 8, left as i32 + dx, top as i32 + dy);
    let upper = at(0, 0) + (at(1, 0) - at(0, 0)) * right_share;
    let lower = at(0, 1) + (at(1, 1) - at(0, 1)) * right_share;
    upper + (lower - upper) * low_share
}

/// Between 0 and 1, by three numbers.
fn random(seed: u32, x: i32, y: i32) -> f32 {
    let mut bits = seed
        .wrapping_mul(0x9e37_79b9)
        .wrapping_add((x as u32).wrapping_mul(0x85eb_ca6b))
        .wrapping_add((y as u32).wrapping_mul(0xc2b2_ae35));
    for shift in [15, 13, 16] {
        bits = (bits ^ bits >> shift).wrapping_mul(0x2c1b_3c6d);
    }
    (bits >> 8) as f32 / (1 << 24) as f32
}
