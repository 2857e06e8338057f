//! The paper of a coupon: its outline with notches, the ground, and the stub to tear off.
//!
//! What is written on it is not known here.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{RgbImage, Rgba, RgbaImage};
use jpeg_encoder::{ColorType, Encoder};

const STUB: [u8; 3] = [255, 252, 247];
const DASHES: [u8; 3] = [208, 198, 190];

/// How much of the merchant's picture is left at the left edge and at the right one, in 256ths:
/// white letters must be legible on a white picture.
const LIGHT: (u32, u32) = (84, 116);

/// Of what is kept of a merchant's picture.
const JPEG_QUALITY: u8 = 90;

/// The measures of a ticket in pixels.
pub(super) struct Ticket {
    pub(super) width: u32,
    pub(super) height: u32,
    /// The height of the part below the perforation.
    pub(super) stub: u32,
    /// The radius of the corners.
    pub(super) corner: f32,
    /// The radius of the notches at the ends of the perforation.
    pub(super) notch: f32,
    /// From one dash of the perforation to the next.
    pub(super) dash: u32,
}

/// The colours of the ground where there is no picture, from left to right.
#[derive(Clone, Copy)]
pub(super) struct Colours {
    from: [u8; 3],
    to: [u8; 3],
}

impl Colours {
    const ALL: [Self; 5] = [
        Self::new([188, 36, 44], [214, 76, 52]),
        Self::new([8, 92, 98], [24, 134, 120]),
        Self::new([52, 58, 146], [104, 102, 204]),
        Self::new([150, 28, 88], [204, 66, 110]),
        Self::new([20, 76, 140], [40, 122, 190]),
    ];

    const fn new(from: [u8; 3], to: [u8; 3]) -> Self {
        Self { from, to }
    }

    /// Each shop has its own, as far as they go round.
    pub(super) fn of(shop: &str) -> Self {
        // FNV-1a: spreads well, and is the same for ever.
        let hash = shop.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        Self::ALL[hash as usize % Self::ALL.len()]
    }

    /// The colour at a point, `across` from 0 at the left edge to 256 at the right one.
    fn at(self, across: u32) -> [u8; 3] {
        std::array::from_fn(|i| mix(self.from[i], self.to[i], across))
    }
}

/// A picture cut and scaled to the part above the perforation.
pub(super) struct Ground(RgbImage);

impl Ground {
    /// Covers the ground with the middle of a picture; none if it has no pixels.
    pub(super) fn cover(picture: &RgbImage, ticket: &Ticket) -> Option<Self> {
        if picture.is_empty() {
            return None;
        }
        let source = ImageRef::new(
            picture.width(),
            picture.height(),
            picture.as_raw(),
            PixelType::U8x3,
        );
        let (width, height) = (ticket.width, ticket.height - ticket.stub);
        let mut target = Image::new(width, height, PixelType::U8x3);
        let options = ResizeOptions::new()
            // Darkened and behind text: nobody sees a better one.
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .fit_into_destination(None);
        Resizer::new()
            .resize(&source.ok()?, &mut target, &options)
            .ok()?;
        RgbImage::from_raw(width, height, target.into_vec()).map(Self)
    }

    /// As a JPEG; behind text, and darkened, nobody sees a better one.
    pub(super) fn to_jpeg(&self) -> Option<Vec<u8>> {
        let (width, height) = self.0.dimensions();
        let (width, height) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
        let mut bytes = Vec::new();
        let encoder = Encoder::new(&mut bytes, JPEG_QUALITY);
        encoder
            .encode(self.0.as_raw(), width, height, ColorType::Rgb)
            .ok()?;
        Some(bytes)
    }

    /// Whether no colour of a pixel is further from the other's.
    #[cfg(test)]
    pub(super) fn differs_at_most(&self, other: &Self, most: u8) -> bool {
        let pairs = self.0.as_raw().iter().zip(other.0.as_raw());
        self.0.dimensions() == other.0.dimensions()
            && pairs.into_iter().all(|(a, b)| a.abs_diff(*b) <= most)
    }

    /// The same for a smaller ticket.
    pub(super) fn shrunk(&self, ticket: &Ticket) -> Option<Self> {
        Self::cover(&self.0, ticket)
    }
}

impl Ticket {
    /// Draws the ticket without a word on it; outside of it the canvas is transparent.
    pub(super) fn draw(&self, colours: Colours, ground: Option<&Ground>) -> RgbaImage {
        let above = self.height - self.stub;
        let mut canvas = RgbaImage::from_fn(self.width, self.height, |x, y| {
            let [r, g, b] = match ground {
                _ if y >= above => STUB,
                Some(ground) => self.darkened(ground, x, y),
                None => self.plain(colours, x, y),
            };
            Rgba([r, g, b, 255])
        });
        self.perforate(&mut canvas);
        self.cut(&mut canvas);
        canvas
    }

    fn darkened(&self, ground: &Ground, x: u32, y: u32) -> [u8; 3] {
        let (left, right) = LIGHT;
        let light = left + (right - left) * x / self.width;
        let pixel = ground.0.get_pixel(x, y).0;
        pixel.map(|value| (u32::from(value) * light / 256) as u8)
    }

    /// The colours of the shop, with two large rings of light at the right.
    fn plain(&self, colours: Colours, x: u32, y: u32) -> [u8; 3] {
        let colour = colours.at(x * 256 / self.width);
        let (width, height) = (self.width as f32, self.height as f32);
        let rings = [(0.93, 0.06, 0.62), (0.80, 0.80, 0.40)];
        let light: f32 = rings
            .iter()
            .map(|(across, down, radius)| {
                let distance = length(x as f32 - across * width, y as f32 - down * height);
                (radius * height - distance).clamp(0.0, 1.0)
            })
            .sum();
        let light = (light * 22.0) as u32;
        colour.map(|value| mix(value, 255, light))
    }

    fn perforate(&self, canvas: &mut RgbaImage) {
        let above = self.height - self.stub;
        let thick = self.dash.div_ceil(4);
        let [r, g, b] = DASHES;
        let first = self.notch as u32 + self.dash;
        for x in (first..self.width - first).filter(|x| (x - first) % self.dash < self.dash / 2) {
            for y in above..above + thick {
                canvas.put_pixel(x, y, Rgba([r, g, b, 255]));
            }
        }
    }

    /// Makes transparent what is outside: round corners, and a notch at each end of the
    /// perforation.
    fn cut(&self, canvas: &mut RgbaImage) {
        let near = self.corner.max(self.notch).ceil() as u32 + 1;
        let above = (self.height - self.stub) as f32;
        let (middle_x, middle_y) = (self.width as f32 / 2.0, self.height as f32 / 2.0);
        for y in 0..self.height {
            let edges = (0..near).chain(self.width - near..self.width);
            for x in edges {
                let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
                // Distances from the nearest corner's circle, and from the nearest notch's.
                let beyond_x = (px - middle_x).abs() - (middle_x - self.corner);
                let beyond_y = (py - middle_y).abs() - (middle_y - self.corner);
                let outside = length(beyond_x.max(0.0), beyond_y.max(0.0)) - self.corner;
                let from_edge = middle_x - (px - middle_x).abs();
                let in_notch = self.notch - length(from_edge, py - above);
                let kept = (0.5 - outside.max(in_notch)).clamp(0.0, 1.0);
                canvas.get_pixel_mut(x, y).0[3] = (kept * 255.0).round() as u8;
            }
        }
    }
}

/// Unlike `hypot` the same on every machine.
fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

/// From `a` to `b`, by `share` 256ths.
pub(super) fn mix(a: u8, b: u8, share: u32) -> u8 {
    ((u32::from(a) * (256 - share) + u32::from(b) * share) / 256) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKET: Ticket = Ticket {
        width: 580,
        height: 224,
        stub: 52,
        corner: 14.0,
        notch: 10.0,
        dash: 8,
    };

    /// How well white letters stand out (WCAG 2.1, 1.4.3); 4.5 is enough for any.
    fn contrast(colour: &Rgba<u8>) -> f64 {
        let [r, g, b] = [0, 1, 2].map(|i| {
            let value = f64::from(colour.0[i]) / 255.0;
            ((value + 0.055) / 1.055).powf(2.4)
        });
        1.05 / (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05)
    }

    #[track_caller]
    fn check_legible(canvas: &RgbaImage, least: f64) {
        for (x, y) in [(30, 20), (30, 160), (290, 90), (550, 20), (550, 160)] {
            let contrast = contrast(canvas.get_pixel(x, y));
            assert!(contrast > least, "{contrast} at {x}, {y}");
        }
    }

    #[test]
    fn white_letters_are_legible_on_a_white_picture() {
        let white = RgbImage::from_pixel(300, 300, image::Rgb([255; 3]));
        let ground = Ground::cover(&white, &TICKET).expect("it has pixels");
        check_legible(&TICKET.draw(Colours::of(""), Some(&ground)), 4.5);
    }

    #[test]
    fn white_letters_are_legible_on_the_colours_of_every_shop() {
        for colours in Colours::ALL {
            // Large ones with a shade need 3.
            check_legible(&TICKET.draw(colours, None), 3.4);
        }
    }

    #[test]
    fn the_outside_is_transparent() {
        let canvas = TICKET.draw(Colours::of(""), None);
        let alpha = |x, y| canvas.get_pixel(x, y).0[3];
        let (right, bottom, middle) = (579, 223, 172);
        for (x, y) in [(0, 0), (right, 0), (0, bottom), (right, bottom)] {
            assert_eq!(alpha(x, y), 0, "corner {x}, {y}");
        }
        for (x, y) in [(0, middle), (right, middle), (8, middle), (571, middle)] {
            assert_eq!(alpha(x, y), 0, "notch {x}, {y}");
        }
        for (x, y) in [(290, 0), (0, 90), (290, bottom), (12, middle), (290, 90)] {
            assert_eq!(alpha(x, y), 255, "{x}, {y}");
        }
    }
}
