//! A closed loop: so many callers, each of whom asks again as soon as it has its answer.

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use std::future::Future;
use std::time::{Duration, Instant};

/// Someone who asks again and again.
pub(crate) trait Caller: Send + 'static {
    /// Asks once and waits for the answer.
    fn call(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// What a load came to.
pub(crate) struct Load {
    /// Answers within the time.
    pub(crate) calls: u64,
    /// The time.
    pub(crate) elapsed: Duration,
    /// How long each answer took, in microseconds.
    latency: Histogram<u64>,
}

impl Load {
    /// Nothing yet; others are added.
    pub(crate) fn new() -> Self {
        let latency = Histogram::new(3).expect("three digits are a precision there is");
        Self {
            calls: 0,
            elapsed: Duration::ZERO,
            latency,
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.elapsed += other.elapsed;
        self.latency += &other.latency;
    }

    /// Answers per second.
    pub(crate) fn rate(&self) -> f64 {
        self.calls as f64 / self.elapsed.as_secs_f64()
    }

    /// What `percent` of the answers took at most, in milliseconds.
    pub(crate) fn percentile_ms(&self, percent: f64) -> f64 {
        self.latency.value_at_percentile(percent) as f64 / 1_000.0
    }
}

/// Lets all `callers` ask for `time`, and hands them back with what it came to.
///
/// # Errors
/// The first error of a caller.
pub(crate) async fn run<C: Caller>(callers: Vec<C>, time: Duration) -> Result<(Vec<C>, Load)> {
    let started = Instant::now();
    let end = started + time;
    let tasks: Vec<_> = callers
        .into_iter()
        .map(|caller| tokio::spawn(ask_until(caller, end)))
        .collect();
    let mut load = Load::new();
    let mut callers = Vec::with_capacity(tasks.len());
    for task in tasks {
        let (caller, latency) = task.await.context("a caller broke")??;
        load.calls += latency.len();
        load.latency += &latency;
        callers.push(caller);
    }
    load.elapsed = time;
    Ok((callers, load))
}

/// Answers that come after the end are not counted, as those are not that were asked for before
/// the beginning.
async fn ask_until<C: Caller>(mut caller: C, end: Instant) -> Result<(C, Histogram<u64>)> {
    let mut latency = Load::new().latency;
    loop {
        let asked = Instant::now();
        caller.call().await?;
        let answered = Instant::now();
        if answered > end {
            return Ok((caller, latency));
        }
        let micros = answered.duration_since(asked).as_micros();
        latency.record(u64::try_from(micros).unwrap_or(u64::MAX))?;
    }
}

/// Runs `work` on a thread and a runtime of its own, so that the load takes one core at most and
/// the rest is the server's.
///
/// # Errors
/// Those of `work`.
pub(crate) async fn on_one_thread<T, F>(work: impl FnOnce() -> F + Send + 'static) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>>,
{
    let thread = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot make a runtime")?;
        runtime.block_on(work())
    });
    thread.await.context("the load broke")?
}
