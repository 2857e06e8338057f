//! The machine: how many cores, how fast its disk says "done", what a process has used.
//!
//! Reads `/proc`, so it is for Linux.

use crate::Common;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// The ticks per second in which Linux tells programs about time spent.
const TICKS: f64 = 100.0;

/// Pages of the file that the raw loop overwrites.
const PAGES: u64 = 1_024;

const PAGE: [u8; 4_096] = [0x5a; 4_096];

/// How often somebody who comes to rest is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// The processor time that they may use from one look to the next.
const IDLE_S: f64 = 0.02;
/// How much memory they may give back, and for how long no more than that: what is free goes back to
/// the system by and by, within ten seconds.
const IDLE_MIB: f64 = 0.25;
const REST: Duration = Duration::from_secs(11);
/// How long it may take until they do not use more.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a reader must know to make sense of the figures.
pub(crate) struct Facts {
    cores: usize,
    /// How busy the machine was before: 1.0 is one core's worth of work of others.
    load: f64,
    /// 4 KiB at the end of a file and fdatasync, one after the other, per second.
    appending_syncs: f64,
    /// 4 KiB over old ones and fdatasync, per second.
    overwriting_syncs: f64,
}

/// The peer of every durable write: 4 KiB and fdatasync, again and again, by one thread.
pub(crate) struct RawSyncs {
    file: File,
    at: u64,
}

/// What a process has used so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Seconds of processor time, of all its threads.
    pub(crate) cpu_s: f64,
    /// Memory that is resident now.
    pub(crate) resident_mib: f64,
    /// The most that ever was.
    pub(crate) peak_mib: f64,
}

/// What the processors did since the machine was started, in ticks.
#[derive(Clone, Copy)]
pub(crate) struct Processors {
    all: u64,
    /// When we had work and the host let others work instead.
    stolen: u64,
}

/// Somebody who comes to rest: gives nothing more back.
struct Resting {
    begun: Instant,
    /// When they last gave something back.
    since: Instant,
    before_mib: f64,
}

impl Facts {
    pub(crate) async fn measure(common: &Common) -> Result<Self> {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let folder = common.folder()?;
        let (appending_syncs, overwriting_syncs) = tokio::task::spawn_blocking(move || {
            let time = Duration::from_secs(1);
            let appending = appending_syncs(folder.path(), time)?;
            let overwriting = RawSyncs::new(folder.path())?.per_second(time)?;
            anyhow::Ok((appending, overwriting))
        })
        .await??;
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            load: load
                .split(' ')
                .next()
                .and_then(|load| load.parse().ok())
                .unwrap_or(0.0),
            appending_syncs,
            overwriting_syncs,
        })
    }

    pub(crate) fn text(&self) -> String {
        format!(
            "machine: {} cores, load {:.1} before; 4 KiB and fdatasync: {:.0}/s appending, {:.0}/s overwriting",
            self.cores, self.load, self.appending_syncs, self.overwriting_syncs
        )
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "cores": self.cores, "load_before": self.load,
                "appending_fdatasyncs_per_s": self.appending_syncs,
                "overwriting_fdatasyncs_per_s": self.overwriting_syncs })
    }
}

impl RawSyncs {
    /// A file in `folder`, written full before: overwriting is the faster kind, so the harder peer.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let file = File::create(folder.join("raw")).context("cannot make a file")?;
        for page in 0..PAGES {
            file.write_all_at(&PAGE, page * 4_096)?;
        }
        file.sync_all()?;
        Ok(Self { file, at: 0 })
    }

    /// How many there are per second, for so long. Blocks.
    pub(crate) fn per_second(&mut self, time: Duration) -> Result<f64> {
        per_second(time, || {
            self.at = (self.at + 1) % PAGES;
            self.file.write_all_at(&PAGE, self.at * 4_096)?;
            self.file.sync_data()
        })
    }
}

/// Lets this thread, and those that it begins, go before all others; `false` where it may not, which
/// is where we are not root.
#[cfg(target_os = "linux")]
pub(crate) fn go_first() -> bool {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    // Of 0 to 99; as a nice value, -11.
    let higher = ThreadPriority::Crossplatform(75.try_into().expect("below 100"));
    let other = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    set_thread_priority_and_policy(thread_native_id(), higher, other).is_ok()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn go_first() -> bool {
    false
}

impl Processors {
    /// Until now.
    ///
    /// # Errors
    /// When Linux does not say.
    pub(crate) fn now() -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
        let line = stat.lines().next().unwrap_or_default();
        // Guests, behind the first eight, are counted as user's already.
        let ticks = line.split_whitespace().skip(1).take(8);
        let ticks: Vec<u64> = ticks.map(str::parse).collect::<Result<_, _>>()?;
        let stolen = *ticks.get(7).context("Linux does not say what was stolen")?;
        let all = ticks.iter().sum();
        Ok(Self { all, stolen })
    }

    /// Which share of the time was stolen since `before`.
    pub(crate) fn stolen_since(self, before: Self) -> f64 {
        let all = self.all.saturating_sub(before.all).max(1);
        self.stolen.saturating_sub(before.stolen) as f64 / all as f64
    }
}

impl Usage {
    /// Of the process `pid`.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let ticks = [11, 12].map(|at| stat(pid, at));
        let [Some(user), Some(system)] = ticks else {
            bail!("cannot read /proc/{pid}/stat");
        };
        let path = format!("/proc/{pid}/status");
        let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
            Some(kib / 1_024.0)
        };
        Ok(Self {
            cpu_s: (user + system) / TICKS,
            resident_mib: mib("VmRSS:").unwrap_or(0.0),
            peak_mib: mib("VmHWM:").unwrap_or(0.0),
        })
    }

    /// Of the process `pid` and of all that it has started and that still run. The memory is that
    /// of the one process: what the others share with it would count twice.
    pub(crate) fn of_family(pid: u32) -> Result<Self> {
        let parents: HashMap<u32, u32> = fs::read_dir("/proc")?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|child| Some((child, stat(child, 1)? as u32)))
            .collect();
        let descends = |mut from: u32| loop {
            match parents.get(&from) {
                Some(parent) if *parent == pid => break true,
                Some(parent) => from = *parent,
                None => break false,
            }
        };
        let mut usage = Self::of(pid)?;
        for child in parents.keys().filter(|child| descends(**child)) {
            // One that has ended meanwhile has no more to say.
            usage.cpu_s += Self::of(*child).map_or(0.0, |used| used.cpu_s);
        }
        Ok(usage)
    }

    /// Waits until whoever `look` looks at has nothing more to do, and says what they have used.
    ///
    /// # Errors
    /// When they are gone.
    pub(crate) async fn settled(look: impl Fn() -> Result<Self>) -> Result<Self> {
        let started = Instant::now();
        let mut before = look()?;
        loop {
            tokio::time::sleep(LOOK).await;
            let now = look()?;
            if now.cpu_s - before.cpu_s < IDLE_S || started.elapsed() > PATIENCE {
                return Ok(now);
            }
            before = now;
        }
    }

    /// As [`Self::settled`], and then until there is nothing left to give back.
    ///
    /// # Errors
    /// When they are gone.
    pub(crate) async fn at_rest(look: impl Fn() -> Result<Self>) -> Result<Self> {
        let mut resting = Resting::new(Self::settled(&look).await?);
        loop {
            tokio::time::sleep(LOOK).await;
            let now = look()?;
            if resting.is_over(now) {
                return Ok(now);
            }
        }
    }

    /// Of ourselves, once there is nothing left to give back. Blocks.
    pub(crate) fn ours_at_rest() -> Result<Self> {
        let mut resting = Resting::new(Self::ours()?);
        loop {
            std::thread::sleep(LOOK);
            let now = Self::ours()?;
            if resting.is_over(now) {
                return Ok(now);
            }
        }
    }

    /// Of ourselves.
    pub(crate) fn ours() -> Result<Self> {
        Self::of(std::process::id())
    }
}

impl Resting {
    fn new(now: Usage) -> Self {
        Self {
            begun: Instant::now(),
            since: Instant::now(),
            before_mib: now.resident_mib,
        }
    }

    fn is_over(&mut self, now: Usage) -> bool {
        let before_mib = std::mem::replace(&mut self.before_mib, now.resident_mib);
        if before_mib - now.resident_mib > IDLE_MIB {
            self.since = Instant::now();
        }
        self.since.elapsed() >= REST || self.begun.elapsed() > PATIENCE
    }
}

/// The number `at` in `/proc/<pid>/stat`, counted behind the name of the process.
fn stat(pid: u32, at: usize) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything; behind it stand the numbers.
    let (_, numbers) = stat.rsplit_once(')')?;
    numbers.split_whitespace().nth(at)?.parse().ok()
}

fn appending_syncs(folder: &Path, time: Duration) -> Result<f64> {
    let file = File::create(folder.join("grows")).context("cannot make a file")?;
    let mut end = 0;
    per_second(time, || {
        file.write_all_at(&PAGE, end)?;
        end += 4_096;
        file.sync_data()
    })
}

fn per_second(time: Duration, mut once: impl FnMut() -> std::io::Result<()>) -> Result<f64> {
    let started = Instant::now();
    let mut count = 0.0;
    while started.elapsed() < time {
        once().context("the disk refused")?;
        count += 1.0;
    }
    Ok(count / started.elapsed().as_secs_f64())
}
