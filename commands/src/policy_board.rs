//! How the policies are doing: written by whoever runs them, read by the operators' doors. The two
//! may not know each other, so the board hangs here.

use domain::{Millis, Position};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The state of every policy. Cheap to clone; clones are the same board.
#[derive(Clone, Debug, Default)]
pub struct PolicyBoard(Arc<Mutex<BTreeMap<&'static str, PolicyStatus>>>);

/// How one policy is doing.
///
/// `{"name":"share","position":90,"failing":{"since":1357948800000,"attempts":3,"error":"…"}}`;
/// `failing` is null while all is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyStatus {
    /// Its name.
    pub name: &'static str,
    /// Everything up to here is done.
    #[serde(serialize_with = "number")]
    pub position: Position,
    /// Why it does not go on at the moment; it tries again by itself.
    pub failing: Option<Failing>,
}

/// A failure that is being retried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// When it failed first, in milliseconds since 1970.
    #[serde(serialize_with = "millis")]
    pub since: Millis,
    /// How often it has failed.
    pub attempts: u32,
    /// What went wrong last, without secrets.
    pub error: String,
}

impl PolicyBoard {
    /// The state of every policy, by name.
    #[must_use]
    pub fn status(&self) -> Vec<PolicyStatus> {
        self.entries().values().cloned().collect()
    }

    /// Everything up to `position` is done, and nothing is wrong.
    pub fn moved(&self, name: &'static str, position: Position) {
        let status = PolicyStatus {
            name,
            position,
            failing: None,
        };
        self.entries().insert(name, status);
    }

    /// What was wrong is so no longer.
    pub fn recovered(&self, name: &'static str) {
        if let Some(status) = self.entries().get_mut(name) {
            status.failing = None;
        }
    }

    /// The next event fails at `now`, not necessarily for the first time.
    pub fn failed(&self, name: &'static str, now: Millis, error: String) {
        let mut entries = self.entries();
        let status = entries.entry(name).or_insert(PolicyStatus {
            name,
            position: Position::START,
            failing: None,
        });
        let (since, attempts) = match &status.failing {
            Some(before) => (before.since, before.attempts.saturating_add(1)),
            None => (now, 1),
        };
        status.failing = Some(Failing {
            since,
            attempts,
            error,
        });
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<&'static str, PolicyStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn number<S: Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(position.0)
}

fn millis<S: Serializer>(time: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_dated_to_its_first_attempt_and_gone_with_the_next_success() {
        let board = PolicyBoard::default();
        board.moved("share", Position(3));
        board.failed("share", Millis(1_000), "away".into());
        board.failed("share", Millis(2_000), "still away".into());
        let shown = serde_json::to_value(board.status()).expect("JSON");
        let expected = serde_json::json!([{
            "name": "share",
            "position": 3,
            "failing": {"since": 1_000, "attempts": 2, "error": "still away"},
        }]);
        assert_eq!(shown, expected);
        board.moved("share", Position(4));
        assert_eq!(board.status()[0].failing, None);
    }
}
