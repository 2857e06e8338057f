//! Trying again until it works, longer and longer apart, with the failure on the board.

use crate::Trouble;
use commands::{Clock, Commands, PolicyBoard};
use std::time::Duration;
use tokio::sync::watch;

/// How long to wait before something that failed is tried again.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// After the first failure; each time it is twice as long,
    pub first: Duration,
    /// up to this.
    pub most: Duration,
}

impl Default for Pace {
    /// From a second to five minutes.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            most: Duration::from_secs(300),
        }
    }
}

/// The patience of one policy.
pub(super) struct Insist {
    name: &'static str,
    board: PolicyBoard,
    clock: Clock,
    pace: Pace,
    stopping: watch::Receiver<bool>,
}

impl Insist {
    pub(super) fn new(
        name: &'static str,
        commands: &Commands,
        pace: Pace,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            name,
            board: commands.policies().clone(),
            clock: commands.clock().clone(),
            pace,
            stopping,
        }
    }

    /// What `work` yields once it succeeds; it is told its attempt, from 1. An attempt that has
    /// begun is waited for; `None` when we are to stop before the next one.
    pub(super) async fn on<T, F: Future<Output = Result<T, Trouble>>>(
        &self,
        work: impl Fn(u32) -> F,
    ) -> Option<T> {
        let mut attempt = 1;
        loop {
            match work(attempt).await {
                Ok(done) => {
                    if attempt > 1 {
                        self.recovered();
                    }
                    return Some(done);
                }
                Err(trouble) => self.failed(&trouble.to_string()),
            }
            self.wait(self.pace.after(attempt)).await?;
            attempt = attempt.saturating_add(1);
        }
    }

    /// Waits so long; `None` when we are to stop.
    pub(super) async fn wait(&self, time: Duration) -> Option<()> {
        self.unless_stopped(tokio::time::sleep(time)).await
    }

    /// What `future` yields; `None` when we are to stop before.
    pub(super) async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            biased;
            // An error says that nobody is left who could tell, which is a stop as well.
            _ = stopping.wait_for(|stopping| *stopping) => None,
            done = future => Some(done),
        }
    }

    /// Says that the next event cannot be done now.
    pub(super) fn failed(&self, error: &str) {
        tracing::warn!(
            policy = self.name,
            error,
            "a policy cannot go on, trying again"
        );
        self.board
            .failed(self.name, self.clock.now(), error.to_owned());
    }

    /// Says that it can again.
    pub(super) fn recovered(&self) {
        self.board.recovered(self.name);
    }
}

impl Pace {
    /// How long to wait after the attempt with this number.
    fn after(self, attempt: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        self.first.saturating_mul(doubled).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_attempts_doubles_up_to_a_limit() {
        let pace = Pace::default();
        let seconds = |attempt| pace.after(attempt).as_secs();
        let waits: Vec<u64> = (1..=5).map(seconds).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16]);
        assert_eq!(seconds(10), 300);
        assert_eq!(seconds(u32::MAX), 300);
    }
}
