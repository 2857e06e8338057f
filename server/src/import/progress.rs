//! Progress and bad records on standard error: a bar on a terminal, plain lines elsewhere.

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many bad records are told; a million of them would drown everything else.
const REPORTS: u64 = 100;

/// How much is told of one, in characters; a reason may quote what stands in the file.
const LONGEST: usize = 300;

/// How often a plain line is written.
const PLAIN: Duration = Duration::from_secs(5);

/// Tells how far an import is.
pub(super) struct Progress {
    /// On a terminal.
    bar: Option<ProgressBar>,
    show: bool,
    total_bytes: u64,
    /// What the reader has read.
    bytes: Arc<AtomicU64>,
    records: u64,
    reports: u64,
    started: Instant,
    last_line: Instant,
}

impl Progress {
    /// Progress over `total_bytes`, of which `bytes` have been read; silent unless `show`.
    pub(super) fn new(show: bool, total_bytes: u64, bytes: Arc<AtomicU64>) -> Self {
        let bar = (show && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(total_bytes);
            let style = ProgressStyle::with_template("{bar:32} {percent:>3} %  {msg}  {eta} left");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        let started = Instant::now();
        Self {
            bar,
            show,
            total_bytes,
            bytes,
            records: 0,
            reports: 0,
            started,
            last_line: started,
        }
    }

    /// Tells of a bad record.
    pub(super) fn report(&mut self, place: &str, reason: &str) {
        self.reports += 1;
        if self.reports <= REPORTS {
            self.line(&told(place, reason));
        }
    }

    /// `records` more are done.
    pub(super) fn advance(&mut self, records: u64) {
        self.records += records;
        let bytes = self.bytes.load(Ordering::Relaxed).min(self.total_bytes);
        let rate = self.records as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        let rate = HumanCount(rate as u64);
        let records = HumanCount(self.records);
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{records} records, {rate}/s"));
            bar.set_position(bytes);
        } else if self.last_line.elapsed() >= PLAIN && bytes > 0 {
            self.last_line = Instant::now();
            let percent = bytes * 100 / self.total_bytes.max(1);
            let done = bytes as f64 / self.total_bytes.max(1) as f64;
            let left = self.started.elapsed().mul_f64((1.0 / done - 1.0).max(0.0));
            let left = HumanDuration(left);
            self.line(&format!(
                "{percent} %: {records} records, {rate}/s, {left} left"
            ));
        }
    }

    /// Takes the bar away and says how many reports were held back.
    pub(super) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if self.reports > REPORTS {
            self.line(&format!(
                "... and {} more",
                HumanCount(self.reports - REPORTS)
            ));
        }
    }

    fn line(&self, text: &str) {
        if !self.show {
            return;
        }
        // That nobody reads the reports is no reason to stop.
        let write = || {
            let _ = writeln!(std::io::stderr(), "{text}");
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

/// A complaint as it is written: short, on one line, and nothing that a terminal would obey.
fn told(place: &str, reason: &str) -> String {
    let whole = format!("{place}: {reason}");
    let plain = whole.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut told: String = plain.take(LONGEST).collect();
    if whole.chars().count() > LONGEST {
        told.push('…');
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_short_and_cannot_write_elsewhere_on_the_screen() {
        assert_eq!(told("line 7", "name is missing"), "line 7: name is missing");
        let odd = told("line 7", "unknown variant `\x1b[2J\r\n`");
        assert_eq!(odd, "line 7: unknown variant ` [2J  `");
        let long = told("line 7", &"字".repeat(10_000));
        assert_eq!(long.chars().count(), LONGEST + 1);
        assert!(long.ends_with("字…"), "{long}");
    }
}
