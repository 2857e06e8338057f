//! `photos`: what is published of a photograph, in processor time and memory, beside what others
//! take for its two thumbnails alone; what drawing a coupon costs; and what a whole house takes when
//! many send a photograph at once.
//!
//! Each way is a process of its own, and all take turns, so that the machine's moods meet them all.

mod photograph;
mod uploads;
pub(crate) mod worker;

use crate::report::{Cell, Report, Table};
use crate::{Common, tell};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;
use worker::Way;

/// How often each way has its turn.
const ROUNDS: u32 = 3;

/// How many times as quick as the `image` crate alone.
const GOAL: f64 = 5.0;

/// What `photos` is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A folder with nothing but JPEG photographs; otherwise ten are made, of 960 x 960
    #[arg(long, value_name = "DIR")]
    photos: Option<PathBuf>,
    /// Also sharp: the folder in which `npm install sharp` was run
    #[arg(long, value_name = "DIR")]
    sharp: Option<PathBuf>,
    /// Also pyvips: a Python that has it (`pip install 'pyvips[binary]'`)
    #[arg(long, value_name = "PYTHON")]
    pyvips: Option<PathBuf>,
    /// How many people send a photograph at the same moment to a whole house
    #[arg(long, default_value_t = 200)]
    uploads: usize,
}

/// One way to make pictures, as a program that is told a folder of photographs and a time.
struct Peer {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    measured: Measured,
}

/// What a process says of itself in the end, as a line of JSON.
#[derive(Clone, Copy, Default, Deserialize)]
struct Measured {
    /// How often it did its work.
    photos: u32,
    /// What that took, of all threads.
    cpu_s: f64,
    /// The most memory that was resident.
    peak_mib: f64,
    /// What it made of the photographs, each counted as often as it was done.
    bytes: u64,
}

pub(crate) async fn run(options: Options, common: &Common) -> Result<Report> {
    let folder = common.folder()?;
    let photos = match options.photos {
        Some(photos) => photos,
        None => {
            tell("taking photographs");
            let photos = folder.path().join("photos");
            photograph::write_ten(&photos)?;
            photos
        }
    };
    let mut peers = vec![
        Peer::ours("ours, all that is published", Way::Publish)?,
        Peer::ours("ours, to be turned: encoded anew", Way::Turn)?,
        Peer::ours("ours, a coupon over the photo", Way::Coupon)?,
        Peer::ours("ours, a coupon without one", Way::PlainCoupon)?,
        Peer::ours("image alone, thumbnails", Way::Image)?,
    ];
    let (coupon, image) = (2, 4);
    peers.extend(options.sharp.map(Peer::sharp));
    peers.extend(options.pyvips.map(Peer::pyvips));
    for round in 1..=ROUNDS {
        for peer in &mut peers {
            tell(&format!("round {round} of {ROUNDS}: {}", peer.name));
            peer.measure(&photos, common.time() / ROUNDS).await?;
        }
    }
    let mut report = Report::default();
    report.table(table(&photos, &peers)?);
    let ours = peers[0].measured.cpu_ms();
    let times = |peer: &Peer| peer.measured.cpu_ms() / ours;
    report.goal(
        "image alone, times our processor time",
        GOAL,
        times(&peers[image]),
    );
    for peer in &peers[image + 1..] {
        let what = format!("{}, times our processor time", peer.name);
        report.goal(what, 1.0, times(peer));
    }
    report.goal(
        "all that is published of a photo, times the processor time of a coupon over one",
        1.0,
        1.0 / times(&peers[coupon]),
    );
    uploads::run(folder.path(), &photos, options.uploads, &mut report).await?;
    Ok(report)
}

impl Peer {
    fn new(name: &'static str, program: PathBuf, arguments: Vec<OsString>) -> Self {
        Self {
            name,
            program,
            arguments,
            measured: Measured::default(),
        }
    }

    /// This program again.
    fn ours(name: &'static str, way: Way) -> Result<Self> {
        let arguments = vec!["photo-worker".into(), way.name().into()];
        Ok(Self::new(name, std::env::current_exe()?, arguments))
    }

    fn sharp(folder: PathBuf) -> Self {
        let script = include_str!("photos/sharp.js");
        let arguments = vec!["-e".into(), script.into(), folder.into()];
        Self::new("sharp, thumbnails", "node".into(), arguments)
    }

    fn pyvips(python: PathBuf) -> Self {
        let script = include_str!("photos/vips.py");
        Self::new(
            "pyvips, thumbnails",
            python,
            vec!["-c".into(), script.into()],
        )
    }

    /// Lets it work for so long, and adds what it says.
    async fn measure(&mut self, photos: &Path, time: Duration) -> Result<()> {
        let output = Command::new(&self.program)
            .args(&self.arguments)
            .arg(photos)
            .arg(time.as_secs_f64().to_string())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {errors}", self.name);
        let measured = serde_json::from_slice(&output.stdout);
        self.measured.add(measured.context(self.name)?);
        Ok(())
    }
}

impl Measured {
    fn add(&mut self, other: Self) {
        self.photos += other.photos;
        self.cpu_s += other.cpu_s;
        self.peak_mib = self.peak_mib.max(other.peak_mib);
        self.bytes += other.bytes;
    }

    fn cpu_ms(&self) -> f64 {
        self.cpu_s * 1e3 / f64::from(self.photos)
    }
}

fn table(photos: &Path, peers: &[Peer]) -> Result<Table> {
    let sizes = worker::read(photos)?;
    let bytes: usize = sizes.iter().map(Vec::len).sum();
    let mut table = Table::new(
        format!(
            "{} photographs of {} KB on average",
            sizes.len(),
            bytes / sizes.len() / 1_000
        ),
        &["by", "cpu ms/photo", "KB made/photo", "peak MiB", "photos"],
    );
    for Peer { name, measured, .. } in peers {
        let photos = f64::from(measured.photos);
        table.row([
            Cell::from(*name),
            measured.cpu_ms().into(),
            (measured.bytes as f64 / photos / 1e3).into(),
            measured.peak_mib.into(),
            photos.into(),
        ]);
    }
    Ok(table)
}
