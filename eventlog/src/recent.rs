//! The newest events, kept in memory: whoever follows the log closely is handed what was just
//! written, and no store is asked.
//!
//! Only what this process has committed is here, and only as long as nobody else has in between.

use crate::RecordedEvent;
use domain::Position;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// How many events are kept, and how many bytes their data may have together.
const EVENTS: usize = 4_096;
const BYTES: usize = 8 << 20;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Without gaps, each with the length of its data.
    events: VecDeque<(usize, Arc<RecordedEvent>)>,
    bytes: usize,
}

impl Recent {
    /// Adds what was committed, in order, each with the length of its data.
    pub(crate) fn add(&self, new: Vec<(usize, Arc<RecordedEvent>)>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (length, event) in new {
            let follows = kept
                .events
                .back()
                .is_none_or(|(_, last)| last.position.0 + 1 == event.position.0);
            if !follows {
                // Somebody else has written in between.
                *kept = Kept::default();
            }
            kept.bytes += length;
            kept.events.push_back((length, event));
        }
        while kept.events.len() > EVENTS || kept.bytes > BYTES {
            let Some((length, _)) = kept.events.pop_front() else {
                break;
            };
            kept.bytes -= length;
        }
    }

    /// The events after `after`, at most `limit`; empty when `after` is the newest that is known,
    /// and `None` when nothing is known of what comes after it.
    pub(crate) fn after(&self, after: Position, limit: usize) -> Option<Vec<Arc<RecordedEvent>>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = kept.events.front()?.1.position.0;
        let skip = usize::try_from((after.0 + 1).checked_sub(first)?).ok()?;
        if skip > kept.events.len() {
            return None;
        }
        let events = kept.events.range(skip..).take(limit);
        Some(events.map(|(_, event)| event.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metadata;
    use domain::shop::ShopClosed;
    use domain::{Millis, ShopId, StreamName};
    use uuid::Uuid;

    fn event(position: u64) -> Arc<RecordedEvent> {
        let shop_id = ShopId::new(7).expect("an id");
        Arc::new(RecordedEvent {
            position: Position(position),
            stream: StreamName::shop(shop_id),
            revision: position,
            id: Uuid::nil(),
            time: Millis(0),
            event: ShopClosed { shop_id }.into(),
            metadata: Metadata::default(),
        })
    }

    fn recent(positions: impl IntoIterator<Item = u64>, length: usize) -> Recent {
        let recent = Recent::default();
        recent.add(
            positions
                .into_iter()
                .map(|at| (length, event(at)))
                .collect(),
        );
        recent
    }

    #[track_caller]
    fn check(recent: &Recent, after: u64, expected: Option<&[u64]>) {
        let found = recent.after(Position(after), 3);
        let found = found.map(|found| found.iter().map(|one| one.position.0).collect::<Vec<_>>());
        assert_eq!(found.as_deref(), expected, "after {after}");
    }

    #[test]
    fn what_is_known_is_handed_out_and_nothing_is_guessed() {
        let recent = recent(5..=9, 1);
        check(&recent, 3, None);
        check(&recent, 4, Some(&[5, 6, 7]));
        check(&recent, 7, Some(&[8, 9]));
        check(&recent, 9, Some(&[]));
        check(&recent, 10, None);
        check(&Recent::default(), 0, None);
    }

    #[test]
    fn a_gap_makes_it_forget_what_was_before() {
        let recent = recent([5, 6, 8], 1);
        check(&recent, 5, None);
        check(&recent, 7, Some(&[8]));
    }

    #[test]
    fn it_is_bounded_in_events_and_in_bytes() {
        let many = EVENTS as u64 + 2;
        let by_count = recent(1..=many, 1);
        check(&by_count, 1, None);
        check(&by_count, 2, Some(&[3, 4, 5]));
        let by_bytes = recent(1..=5, BYTES / 3);
        check(&by_bytes, 1, None);
        check(&by_bytes, 2, Some(&[3, 4, 5]));
    }
}
