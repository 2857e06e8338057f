//! A clock that moves when a test says so.

use commands::Clock;
use domain::Millis;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// 2012-09-22, 14:24 in Shanghai.
const START: i64 = 1_348_295_040_000;

/// Begins at 14:24 on 22 September 2012 in Shanghai.
#[derive(Clone)]
pub(crate) struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }

    /// Lets `ms` pass.
    pub(crate) fn pass(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn for_the_house(&self) -> Clock {
        let now = self.0.clone();
        Clock::new(move || Millis(now.load(Ordering::SeqCst)))
    }
}
