//! What is said, and finding it again in what comes.

use anyhow::Result;
use hdrhistogram::Histogram;
use memchr::memmem::Finder;
use std::fmt::Write;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is said besides who says it and when: an ordinary sentence.
const TEXT: &str = "今晚八点在西湖边的咖啡馆见，靠窗的位置，来了叫我";

/// When nothing has come for so long, nothing is on its way any more.
const QUIET: Duration = Duration::from_millis(400);

/// How long it may take until then.
const PATIENCE: Duration = Duration::from_secs(20);

static END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("</message>"));
static BODY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("<body>"));

/// What everybody knows of a load.
pub(super) struct Tally {
    started: Instant,
    phase: AtomicU8,
    heard: AtomicU64,
    /// How long each took, in microseconds.
    latency: Mutex<Histogram<u64>>,
}

const WARM_UP: u8 = 0;
const COUNTS: u8 = 1;
const OVER: u8 = 2;

/// What is read out of a body: who has said it, and when.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) by: usize,
    micros: u64,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            phase: AtomicU8::new(WARM_UP),
            heard: AtomicU64::new(0),
            latency: Mutex::new(Histogram::new(3).expect("three digits are a precision there is")),
        }
    }

    /// So many messages have come.
    pub(super) fn heard(&self, count: u64) {
        self.heard.fetch_add(count, Ordering::Relaxed);
    }

    /// Notes how long it took; whether there is more to be said.
    pub(super) fn took(&self, said: &Said) -> bool {
        let phase = self.phase.load(Ordering::Relaxed);
        if phase == COUNTS {
            let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
            // It grows as it must; there is no time that is too long for it.
            let _ = latency.record(self.micros().saturating_sub(said.micros));
        }
        phase != OVER
    }

    /// What person `by` says next, in so many sentences, `number` being different each time.
    pub(super) fn message(
        &self,
        kind: &str,
        to: &str,
        by: usize,
        number: u64,
        sentences: usize,
    ) -> String {
        let mut message = String::with_capacity(256);
        let (at, text) = (self.micros(), TEXT.repeat(sentences));
        let _ = write!(
            message,
            "<message type='{kind}' to='{to}' id='{by}-{number}'>\
             <body>{by} {at} {text}</body></message>"
        );
        message
    }

    /// Lets it go on, count and end; then waits until nothing is on its way any more. How much was
    /// heard while it counted, and in all, with what `percent` took at most.
    pub(super) async fn run(&self, warm_up: Duration, time: Duration) -> (u64, u64) {
        tokio::time::sleep(warm_up).await;
        let before = self.heard.load(Ordering::Relaxed);
        self.phase.store(COUNTS, Ordering::Relaxed);
        let began = Instant::now();
        tokio::time::sleep(time).await;
        let (elapsed, counted) = (began.elapsed(), self.heard.load(Ordering::Relaxed) - before);
        self.phase.store(OVER, Ordering::Relaxed);
        // The timer may be late when there is much to do.
        let counted = (counted as f64 * time.as_secs_f64() / elapsed.as_secs_f64()) as u64;
        let end = Instant::now() + PATIENCE;
        let mut all = self.heard.load(Ordering::Relaxed);
        loop {
            tokio::time::sleep(QUIET).await;
            let now = self.heard.load(Ordering::Relaxed);
            if now == all || Instant::now() > end {
                return (counted, now);
            }
            all = now;
        }
    }

    /// What `percent` took at most, in milliseconds.
    pub(super) fn percentile_ms(&self, percent: f64) -> f64 {
        let latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        latency.value_at_percentile(percent) as f64 / 1e3
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Takes all whole messages out of `buffer`; how many they were.
pub(super) fn count(buffer: &mut Vec<u8>) -> u64 {
    let (mut count, mut end) = (0, 0);
    while let Some(at) = END.find(&buffer[end..]) {
        count += 1;
        end += at + END.needle().len();
    }
    buffer.drain(..end);
    count
}

/// Takes all whole messages out of `buffer`, and hands each to `each`; how many they were.
///
/// # Errors
/// Those of `each`.
pub(super) fn read(buffer: &mut Vec<u8>, mut each: impl FnMut(Said) -> Result<()>) -> Result<u64> {
    let (mut count, mut start) = (0, 0);
    while let Some(at) = END.find(&buffer[start..]) {
        let message = &buffer[start..start + at];
        if let Some(said) = BODY.find(message).and_then(|at| parse(&message[at..])) {
            each(said)?;
        }
        count += 1;
        start += at + END.needle().len();
    }
    buffer.drain(..start);
    Ok(count)
}

/// Reads `<body>` and two numbers.
fn parse(body: &[u8]) -> Option<Said> {
    let body = body.get(BODY.needle().len()..)?;
    let mut numbers = body.splitn(3, |byte| *byte == b' ');
    let mut number = || -> Option<u64> {
        let digits = numbers.next()?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    Some(Said {
        by: usize::try_from(number()?).ok()?,
        micros: number()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_however_they_arrive() {
        let tally = Tally::new();
        let all: String = (0..3)
            .map(|number| tally.message("chat", "a@b", 7, number, 1))
            .collect();
        for size in [1, 5, 100, 10_000] {
            let (mut buffer, mut heard, mut counted) = (Vec::new(), 0, 0);
            for piece in all.as_bytes().chunks(size) {
                buffer.extend_from_slice(piece);
                let read = read(&mut buffer, |said| {
                    assert_eq!(said.by, 7);
                    heard += 1;
                    Ok(())
                });
                counted += read.expect("sound");
            }
            assert_eq!((heard, counted, buffer.len()), (3, 3, 0));
            let mut buffer = all.clone().into_bytes();
            buffer.push(b'<');
            assert_eq!((count(&mut buffer), buffer.len()), (3, 1));
        }
    }
}
