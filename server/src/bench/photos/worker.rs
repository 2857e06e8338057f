//! The process in which one of our ways works: this program again, as `photo-worker`.

use crate::machine::Usage;
use anyhow::{Context, Result, ensure};
use image::ImageFormat;
use image::imageops::FilterType;
use media::{coupon_art, picture};
use std::fs;
use std::hint::black_box;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// An EXIF segment that says nothing but: to be turned by a quarter.
const TURN: &[u8] =
    b"\xff\xe1\0\x22Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";

/// What the process is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    way: Way,
    /// A folder of photographs
    photos: PathBuf,
    /// How long to work, in seconds
    seconds: f64,
}

/// What it does with a photograph.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Way {
    /// All that is published of it; the photograph itself needs no change.
    Publish,
    /// The same, but it lies on its side.
    Turn,
    /// The thumbnails, as the `image` crate makes them.
    Image,
    /// A coupon with the photograph as its ground.
    Coupon,
    /// A coupon for which there is none.
    PlainCoupon,
}

/// Works, and says in a line of JSON what it took.
///
/// # Errors
/// When a photograph cannot be read.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut photos = read(&options.photos)?;
    for photo in &mut photos {
        match options.way {
            Way::Turn => drop(photo.splice(2..2, TURN.iter().copied())),
            // As it is kept from the moment when the coupon is offered.
            Way::Coupon => {
                let kept = coupon_art::ground(&picture::decode(photo)?);
                *photo = kept.context("an empty photograph")?;
            }
            _ => {}
        }
    }
    let pass = || -> Result<usize> {
        let mut bytes = 0;
        for photo in &photos {
            bytes += black_box(options.way.work(photo)?);
        }
        Ok(bytes)
    };
    // Once before, so that what is made once is there.
    pass()?;
    let time = Duration::from_secs_f64(options.seconds);
    let (started, before) = (Instant::now(), Usage::ours()?);
    let (mut done, mut bytes) = (0, 0);
    while started.elapsed() < time {
        bytes += pass()?;
        done += photos.len();
    }
    let usage = Usage::ours()?;
    let measured = serde_json::json!({
        "photos": done, "cpu_s": usage.cpu_s - before.cpu_s,
        "peak_mib": usage.peak_mib, "bytes": bytes,
    });
    println!("{measured}");
    Ok(())
}

/// The files in a folder, in the order of their names.
///
/// # Errors
/// When they cannot be read, or there are none.
pub(crate) fn read(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let entries = fs::read_dir(folder).with_context(|| format!("no folder {folder:?}"))?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(|error: std::io::Error| error)?;
    paths.sort();
    ensure!(!paths.is_empty(), "there is no photograph in {folder:?}");
    let read = |path| fs::read(&path).with_context(|| format!("cannot read {path:?}"));
    paths.into_iter().map(read).collect()
}

impl Way {
    /// As it stands on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Turn => "turn",
            Self::Image => "image",
            Self::Coupon => "coupon",
            Self::PlainCoupon => "plain-coupon",
        }
    }

    /// Does it once; how many bytes that made.
    fn work(self, photo: &[u8]) -> Result<usize> {
        match self {
            Self::Publish | Self::Turn => {
                let made = picture::process(photo)?;
                Ok(made.original.bytes.len() + made.thumb.len() + made.thumb2.len())
            }
            Self::Image => by_image_alone(photo),
            Self::Coupon => Ok(coupon(Some(&picture::decode(photo)?))),
            Self::PlainCoupon => Ok(coupon(None)),
        }
    }
}

fn by_image_alone(photo: &[u8]) -> Result<usize> {
    let photo = image::load_from_memory(photo)?;
    let mut bytes = 0;
    for side in [picture::THUMB_SIDE, picture::THUMB2_SIDE] {
        let thumb = photo.resize(side, side, FilterType::Lanczos3);
        let mut png = Cursor::new(Vec::new());
        thumb.write_to(&mut png, ImageFormat::Png)?;
        bytes += png.into_inner().len();
    }
    Ok(bytes)
}

fn coupon(ground: Option<&image::RgbImage>) -> usize {
    let coupon = coupon_art::Coupon {
        name: "第二杯半价",
        desc: "凡在本店消费任意一款手冲咖啡，第二杯立享半价优惠，每桌每天限用一次，不与其他优惠同享。",
        shop: "西湖边的咖啡馆",
        valid_until: Some("2013-12-31"),
    };
    let art = coupon_art::draw(&coupon, ground);
    art.large.len() + art.small.len()
}
