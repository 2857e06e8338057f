//! What a coupon looks like: a ticket with its name, what it is good for, the shop and the last
//! day, over the merchant's picture or a plain ground.
//!
//! Where the drawn ticket is kept, and who sees it, is not known here.

mod ticket;
mod writing;

use crate::keys::Digest;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage, RgbaImage};
use sha2::{Digest as _, Sha256};
use ticket::{Colours, Ground, Ticket};
use writing::{Block, Style, Writer};

/// Counts the ways in which tickets have been drawn: raise it with every change that shows, so
/// that what was drawn before is drawn anew.
pub const ART_VERSION: u32 = 1;

const WHITE: [u8; 3] = [255, 255, 255];
const INK: [u8; 3] = [58, 50, 46];
const PALE_INK: [u8; 3] = [132, 122, 116];

/// What stands on a coupon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coupon<'a> {
    /// One line; what is too long is cut.
    pub name: &'a str,
    /// Some lines; what is too long is cut.
    pub desc: &'a str,
    /// The name of the shop.
    pub shop: &'a str,
    /// The last day, `YYYY-MM-DD`.
    pub valid_until: Option<&'a str>,
}

/// A drawn coupon, as two PNG files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Art {
    /// 580 x 224.
    pub large: Vec<u8>,
    /// 290 x 112, with less text, in letters that can be read.
    pub small: Vec<u8>,
}

/// Where things stand on a ticket, in pixels.
struct Layout {
    ticket: Ticket,
    /// Between the edges and the text.
    margin: u32,
    /// The name; it is set in the first of the sizes in which it fits, or else in the last.
    name: [Style; 3],
    /// Between the name and what follows.
    gap: f32,
    desc: Style,
    shop: Style,
    day: Style,
}

const LARGE: Layout = Layout {
    ticket: Ticket {
        width: 580,
        height: 224,
        stub: 52,
        corner: 14.0,
        notch: 10.0,
        dash: 8,
    },
    margin: 28,
    name: [
        Style::bold(34.0, 44.0, WHITE),
        Style::bold(30.0, 42.0, WHITE),
        Style::bold(27.0, 40.0, WHITE),
    ],
    gap: 6.0,
    desc: Style::shaded(20.0, 29.0, 3, WHITE),
    shop: Style::plain(20.0, 28.0, INK),
    day: Style::plain(17.0, 28.0, PALE_INK),
};

const SMALL: Layout = Layout {
    ticket: Ticket {
        width: 290,
        height: 112,
        stub: 29,
        corner: 8.0,
        notch: 6.0,
        dash: 5,
    },
    margin: 15,
    name: [
        Style::bold(20.0, 26.0, WHITE),
        Style::bold(18.0, 25.0, WHITE),
        Style::bold(16.0, 24.0, WHITE),
    ],
    gap: 2.0,
    desc: Style::shaded(12.5, 17.0, 2, WHITE),
    shop: Style::plain(12.5, 16.0, INK),
    day: Style::plain(11.0, 16.0, PALE_INK),
};

/// Draws a coupon, over the picture if there is one; the same input gives the same bytes.
///
/// Takes some milliseconds of computing: not for threads that must not wait.
#[must_use]
pub fn draw(coupon: &Coupon<'_>, picture: Option<&RgbImage>) -> Art {
    let colours = Colours::of(coupon.shop);
    let ground = picture.and_then(|picture| Ground::cover(picture, &LARGE.ticket));
    let small_ground = ground
        .as_ref()
        .and_then(|ground| ground.shrunk(&SMALL.ticket));
    let mut large = LARGE.ticket.draw(colours, ground.as_ref());
    let mut small = SMALL.ticket.draw(colours, small_ground.as_ref());
    Writer::with(|writer| {
        LARGE.write(writer, coupon, &mut large);
        SMALL.write(writer, coupon, &mut small);
    });
    Art {
        large: png(&large),
        small: png(&small),
    }
}

/// As much of a merchant's picture as is seen on a coupon, as a JPEG: what is kept of it, so that
/// drawing need not decode the whole. None if it has no pixels.
///
/// Takes some milliseconds of computing: not for threads that must not wait.
#[must_use]
pub fn ground(picture: &RgbImage) -> Option<Vec<u8>> {
    let ground = Ground::cover(picture, &LARGE.ticket)?;
    ground.to_jpeg()
}

/// Tells one drawing from another without drawing: the name under which it is kept.
///
/// `picture` is anything that tells the merchant's picture from another, like its own digest.
#[must_use]
pub fn digest(coupon: &Coupon<'_>, picture: Option<&[u8]>) -> Digest {
    let mut hash = Sha256::new();
    hash.update(ART_VERSION.to_be_bytes());
    let texts = [Some(coupon.name), Some(coupon.desc), Some(coupon.shop)];
    let parts = texts.into_iter().chain([coupon.valid_until]);
    for part in parts.map(|text| text.map(str::as_bytes)).chain([picture]) {
        // Lengths keep apart what stands side by side; nothing is not the same as empty.
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        hash.update(length.to_be_bytes());
        hash.update(part.unwrap_or_default());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    Digest::new(bytes)
}

impl Layout {
    fn write(&self, writer: &mut Writer, coupon: &Coupon<'_>, canvas: &mut RgbaImage) {
        let width = (self.ticket.width - 2 * self.margin) as f32;
        let left = self.margin as f32;
        let name = self.name(writer, coupon.name, width);
        let desc = writer.set(coupon.desc, width, &self.desc);
        // In the middle of what is above the stub, where the text is short.
        let above = (self.ticket.height - self.ticket.stub) as f32;
        let gap = if desc.height() > 0.0 { self.gap } else { 0.0 };
        let top = ((above - name.height() - gap - desc.height()) / 2.0).floor();
        writer.paint(canvas, &name, left, top);
        writer.paint(canvas, &desc, left, top + name.height() + gap);

        let day = coupon.valid_until.map(|day| format!("有效期至 {day}"));
        let day = writer.set(day.as_deref().unwrap_or("优惠券"), width, &self.day);
        let shop = writer.set(coupon.shop, width - day.width() - left, &self.shop);
        let middle = above + self.ticket.stub as f32 / 2.0;
        let line = |block: &Block| (middle - block.height() / 2.0).floor();
        writer.paint(canvas, &shop, left, line(&shop));
        writer.paint(canvas, &day, left + width - day.width(), line(&day));
    }

    fn name(&self, writer: &mut Writer, text: &str, width: f32) -> Block {
        let [first, second, last] = &self.name;
        for style in [first, second] {
            let block = writer.set(text, width, style);
            if !block.is_cut() {
                return block;
            }
        }
        writer.set(text, width, last)
    }
}

fn png(canvas: &RgbaImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(
            canvas.as_raw(),
            canvas.width(),
            canvas.height(),
            ExtendedColorType::Rgba8,
        )
        .expect("a picture of this size fits into memory");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    const COUPON: Coupon<'static> = Coupon {
        name: "老王咖啡·下午茶第二杯半价",
        desc: "每桌限用一张，不与其他优惠同享（含会员折扣）。\n营业时间 10:00—22:00",
        shop: "Blue Frog 蓝蛙",
        valid_until: Some("2013-12-31"),
    };

    fn picture() -> RgbImage {
        RgbImage::from_fn(320, 240, |x, y| Rgb([x as u8, y as u8, (x ^ y) as u8]))
    }

    fn pixels(png: &[u8]) -> RgbaImage {
        image::load_from_memory(png)
            .expect("a picture")
            .into_rgba8()
    }

    #[test]
    fn what_is_kept_of_a_picture_is_what_is_seen_of_it() {
        let picture = RgbImage::from_fn(960, 960, |x, y| Rgb([(x / 4) as u8, (y / 4) as u8, 90]));
        let kept = ground(&picture).expect("it has pixels");
        let kept = crate::picture::decode(&kept).expect("a picture");
        assert_eq!(kept.dimensions(), (580, 172));
        let seen = Ground::cover(&picture, &LARGE.ticket).expect("it has pixels");
        let again = Ground::cover(&kept, &LARGE.ticket).expect("it has pixels");
        assert!(seen.differs_at_most(&again, 12));
    }

    #[test]
    fn a_coupon_is_drawn_in_both_sizes_of_the_contract() {
        for picture in [None, Some(&picture())] {
            let art = draw(&COUPON, picture);
            assert_eq!(pixels(&art.large).dimensions(), (580, 224));
            assert_eq!(pixels(&art.small).dimensions(), (290, 112));
        }
    }

    #[test]
    fn the_same_coupon_is_drawn_the_same_by_every_thread() {
        let picture = picture();
        let first = draw(&COUPON, Some(&picture));
        std::thread::scope(|scope| {
            for name in ["一", "二", "三"] {
                let (first, picture) = (&first, &picture);
                scope.spawn(move || {
                    assert!(draw(&Coupon { name, ..COUPON }, None) != *first);
                    assert!(draw(&COUPON, Some(picture)) == *first);
                });
            }
        });
    }

    #[test]
    fn a_change_that_shows_counts_up_the_version() {
        // What is cached stays until the version changes. When this fails, look at the drawing,
        // count the version up, and write down the new digest.
        let art = draw(&COUPON, None);
        let mut hash = Sha256::new();
        hash.update(pixels(&art.large).as_raw());
        hash.update(pixels(&art.small).as_raw());
        let seen = hex::encode(&hash.finalize()[..8]);
        assert_eq!((ART_VERSION, seen.as_str()), (1, "f12e9245e64702ae"));
    }

    #[test]
    fn everything_that_is_drawn_shows() {
        let plain = draw(&COUPON, None);
        let other = "别的";
        for changed in [
            draw(
                &Coupon {
                    name: other,
                    ..COUPON
                },
                None,
            ),
            draw(
                &Coupon {
                    desc: other,
                    ..COUPON
                },
                None,
            ),
            draw(
                &Coupon {
                    shop: other,
                    ..COUPON
                },
                None,
            ),
            draw(
                &Coupon {
                    valid_until: None,
                    ..COUPON
                },
                None,
            ),
            draw(&COUPON, Some(&picture())),
        ] {
            assert!(changed.large != plain.large && changed.small != plain.small);
        }
    }

    #[test]
    fn odd_texts_and_pictures_are_drawn_too() {
        let empty = Coupon {
            name: "",
            desc: "🎉",
            shop: "مرحبا",
            valid_until: Some(""),
        };
        let endless = "永".repeat(10_000);
        let endless = Coupon {
            name: &endless,
            desc: &endless,
            shop: &endless,
            valid_until: Some(&endless),
        };
        for coupon in [COUPON, empty, endless] {
            assert!(draw(&coupon, Some(&RgbImage::new(0, 0))) == draw(&coupon, None));
            let thin = draw(&coupon, Some(&RgbImage::new(1, 3000)));
            assert_eq!(pixels(&thin.large).dimensions(), (580, 224));
        }
    }

    #[test]
    fn a_digest_tells_every_drawing_from_another() {
        let base = digest(&COUPON, None);
        assert_eq!(base, digest(&COUPON, None));
        for other in [
            digest(&Coupon { name: "", ..COUPON }, None),
            digest(&Coupon { desc: "", ..COUPON }, None),
            digest(&Coupon { shop: "", ..COUPON }, None),
            digest(
                &Coupon {
                    valid_until: None,
                    ..COUPON
                },
                None,
            ),
            digest(&COUPON, Some(b"")),
            digest(&COUPON, Some(b"a picture")),
        ] {
            assert_ne!(base, other);
        }
        let moved = |name, desc| {
            digest(
                &Coupon {
                    name,
                    desc,
                    ..COUPON
                },
                None,
            )
        };
        assert_ne!(moved("一", "二三"), moved("一二", "三"));
    }
}
