//! A load from outside: the process of the clients is started, told when to begin, and asked what
//! came of it, while we look what the server uses.

use super::load::{Job, Outcome, Work};
use super::peer::Peer;
use crate::generator::Generator;
use anyhow::Result;
use std::time::Duration;

/// How often the server's memory is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What a load came to, and what the server used for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    pub(super) outcome: Outcome,
    pub(super) time: Duration,
    /// From the beginning until it had nothing more to do.
    pub(super) server_s: f64,
    /// With everybody in and nothing happening, less what it had before.
    pub(super) idle_mib: f64,
    /// The most memory that was resident while it worked.
    pub(super) peak_mib: f64,
    rounds: u32,
}

/// Lets `job` be done by a process of its own, on `peer`.
///
/// # Errors
/// When the clients do not get what they should.
pub(super) async fn measure(peer: &Peer, job: &Job) -> Result<Measured> {
    let usage = async || match job.work {
        Work::Idle => peer.at_rest().await,
        _ => peer.settled().await,
    };
    let empty = usage().await?;
    let mut generator = Generator::start("xmpp-load", job).await?;
    let before = usage().await?;
    generator.begin().await?;
    let mut peak_mib = before.resident_mib;
    let outcome = loop {
        tokio::select! {
            outcome = generator.outcome() => break outcome?,
            () = tokio::time::sleep(LOOK) => {
                peak_mib = peak_mib.max(peer.usage()?.resident_mib);
            }
        }
    };
    let after = peer.settled().await?;
    generator.end().await?;
    Ok(Measured {
        outcome,
        time: job.time,
        server_s: after.cpu_s - before.cpu_s,
        idle_mib: before.resident_mib - empty.resident_mib,
        peak_mib: peak_mib.max(after.resident_mib),
        rounds: 1,
    })
}

impl Measured {
    /// Adds another round; of what is no sum the mean, or the most.
    pub(super) fn add(&mut self, other: &Self) {
        let (old, new) = (f64::from(self.rounds), f64::from(other.rounds));
        let mean = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some((a * old + b * new) / (old + new)),
            (a, b) => a.or(b),
        };
        let (outcome, more) = (&mut self.outcome, &other.outcome);
        outcome.p50_ms = mean(outcome.p50_ms, more.p50_ms);
        outcome.p99_ms = mean(outcome.p99_ms, more.p99_ms);
        outcome.counted += more.counted;
        outcome.all += more.all;
        outcome.cpu_s += more.cpu_s;
        outcome.held = outcome.held.max(more.held);
        // Once is not enough.
        outcome.cut_off = match (outcome.cut_off, more.cut_off) {
            (Some(a), Some(b)) => Some(a && b),
            (a, b) => a.or(b),
        };
        self.time += other.time;
        self.server_s += other.server_s;
        self.idle_mib = self.idle_mib.max(other.idle_mib);
        self.peak_mib = self.peak_mib.max(other.peak_mib);
        self.rounds += other.rounds;
    }

    /// How much happened in a second.
    pub(super) fn rate(&self) -> f64 {
        self.outcome.counted as f64 / self.time.as_secs_f64()
    }

    /// What the server used for each, in microseconds.
    pub(super) fn server_us(&self) -> f64 {
        self.server_s * 1e6 / self.outcome.all as f64
    }

    /// What the clients used for each, in microseconds.
    pub(super) fn load_us(&self) -> f64 {
        self.outcome.cpu_s * 1e6 / self.outcome.all as f64
    }
}
