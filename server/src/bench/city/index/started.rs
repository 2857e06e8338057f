//! What the index takes that was started from its snapshot, in a process that holds nothing else.

use super::{Options, REST, noticed};
use crate::machine::Usage;
use anyhow::{Context, Result, ensure};
use domain::Position;
use projections::{Live, ShopIndex};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// So many shops change, at least, and this part of all: enough that everything is packed anew.
const FEW: usize = 1_025;
const PART: usize = 60;

/// How long packing may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// What such a process says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Started {
    /// Memory that is resident for one shop, without its texts, and those.
    pub(crate) index_bytes: f64,
    pub(crate) text_bytes: f64,
    /// How long it took to read the snapshot.
    pub(crate) start_s: f64,
    /// How long it took after many changes until everything was packed anew, and the most that was
    /// resident for one shop meanwhile, texts and all. Nothing, where there are too few shops.
    pub(crate) merge_s: f64,
    pub(crate) merge_peak_bytes: f64,
}

/// Lets another process take over what `shops` knows, and measure.
pub(super) fn elsewhere(options: &Options, shops: &Live<ShopIndex>) -> Result<Started> {
    let position = Position((options.shops + REST.len()) as u64);
    let snapshot = shops.to_snapshot(position).context("no snapshot")?;
    let file = tempfile::NamedTempFile::new()?;
    fs::write(&file, snapshot)?;
    let output = Command::new(std::env::current_exe()?)
        .arg("city-index")
        .arg(options.shops.to_string())
        .arg(options.seed.to_string())
        .arg(options.seconds.to_string())
        .arg("--started")
        .arg(file.path())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    serde_json::from_slice(&output.stdout).context("the started index did not answer")
}

/// Measures the index that is in `file`.
pub(super) fn measure(options: &Options, file: &Path) -> Result<Started> {
    let before = Usage::ours()?.resident_mib;
    let bytes = |mib: f64| (mib - before) * 1_048_576.0 / options.shops as f64;
    let begun = Instant::now();
    let (shops, _) =
        Live::<ShopIndex>::from_snapshot(&fs::read(file)?).context("no such snapshot")?;
    let start_s = begun.elapsed().as_secs_f64();
    let text_bytes = shops.read(ShopIndex::text_bytes) as f64 / options.shops as f64;
    let index_bytes = bytes(Usage::ours_at_rest()?.resident_mib) - text_bytes;
    let (mut merge_s, mut merge_peak_bytes) = (0.0, 0.0);
    if options.shops >= FEW {
        // From now on the peak is that of packing.
        fs::write("/proc/self/clear_refs", "5")?;
        merge_s = merge(options, &shops)?.as_secs_f64();
        merge_peak_bytes = bytes(Usage::ours()?.peak_mib);
    }
    Ok(Started {
        index_bytes,
        text_bytes,
        start_s,
        merge_s,
        merge_peak_bytes,
    })
}

/// Changes many shops and waits until there are fewer of them: the others are packed.
fn merge(options: &Options, shops: &Live<ShopIndex>) -> Result<Duration> {
    let begun = Instant::now();
    let (mut unpacked, mut number) = (0, REST.len());
    loop {
        let before = std::mem::replace(&mut unpacked, shops.read(ShopIndex::unpacked));
        if unpacked < before {
            return Ok(begun.elapsed());
        }
        if number < FEW.max(options.shops / PART) {
            shops.fold(&noticed(options, number))?;
            number += 1;
        } else {
            ensure!(begun.elapsed() < PATIENCE, "it is never packed");
            thread::sleep(Duration::from_millis(1));
        }
    }
}
