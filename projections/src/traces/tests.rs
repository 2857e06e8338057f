use super::*;
use crate::tests::{
    Place, append_at, check_in, checked_in, checkin, log_of, shop, taken_back, user,
};
use eventlog::MemoryLog;
use std::sync::Arc;

const DAY: i64 = 24 * 3_600_000;

fn shanghai() -> TimeZone {
    TimeZone::get("Asia/Shanghai").expect("a time zone")
}

/// A check-in as it stands in a trace: number, shop, time.
fn seen((number, place, at): (u8, u64, i64)) -> Trace {
    Trace {
        checkin_id: checkin(number),
        shop_id: shop(place),
        at: Millis(at),
        position: Position(number.into()),
    }
}

/// The members of the visits that these check-ins, newest first, add up to.
fn merged(newest_first: &[(u8, u64, i64)]) -> Vec<Vec<CheckinId>> {
    let traces: Vec<Trace> = newest_first.iter().copied().map(seen).collect();
    let visits = merge(&traces, &shanghai());
    for visit in &visits {
        assert_eq!(visit.checkin_id, visit.members[0]);
        let newest = traces
            .iter()
            .find(|trace| trace.checkin_id == visit.checkin_id);
        let newest = newest.expect("a member");
        assert_eq!((visit.shop_id, visit.at), (newest.shop_id, newest.at));
    }
    visits.into_iter().map(|visit| visit.members).collect()
}

fn numbers<const N: usize>(numbers: [u8; N]) -> Vec<CheckinId> {
    numbers.into_iter().map(checkin).collect()
}

#[test]
fn check_ins_in_one_shop_on_one_day_are_one_visit() {
    assert!(merged(&[]).is_empty());
    assert_eq!(
        merged(&[(3, 7, 30), (2, 7, 20), (1, 7, 10)]),
        [numbers([3, 2, 1])]
    );
}

#[test]
fn going_somewhere_else_in_between_makes_three_visits() {
    assert_eq!(
        merged(&[(3, 7, 30), (2, 8, 20), (1, 7, 10)]),
        [numbers([3]), numbers([2]), numbers([1])]
    );
}

#[test]
fn midnight_of_the_zone_parts_visits() {
    // 16:00 UTC is midnight in Shanghai.
    let midnight = 16 * 3_600_000;
    assert_eq!(
        merged(&[(3, 7, midnight), (2, 7, midnight - 1), (1, 7, 0)]),
        [numbers([3]), numbers([2, 1])]
    );
    assert_eq!(
        merged(&[(2, 7, i64::MAX), (1, 7, i64::MIN)]),
        [numbers([2, 1])]
    );
}

#[tokio::test]
async fn a_trace_is_paged_newest_first_without_what_was_taken_back() {
    let log = log_of([
        checked_in(checkin(1), user(1), shop(7)),
        checked_in(checkin(2), user(2), shop(7)),
        check_in(checkin(3), user(1), shop(8), true),
        checked_in(checkin(4), user(1), shop(9)),
        taken_back(checkin(4), user(1), shop(9)),
        checked_in(checkin(5), user(1), shop(7)),
    ])
    .await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let page = async |page, per_page| {
            let found = projections.traces.page(user(1), page, per_page).await;
            let found = found.expect("an answer");
            found
                .iter()
                .map(|trace| trace.checkin_id)
                .collect::<Vec<_>>()
        };
        assert_eq!(page(1, 20).await, numbers([5, 3, 1]));
        assert_eq!(page(1, 2).await, numbers([5, 3]));
        assert_eq!(page(2, 2).await, numbers([1]));
        assert!(page(3, 2).await.is_empty());
        assert!(page(u64::MAX, u64::MAX).await.is_empty());
        let found = projections
            .traces
            .page(user(1), 1, 1)
            .await
            .expect("an answer");
        let newest = Trace {
            position: Position(6),
            ..seen((5, 7, 5_000))
        };
        assert_eq!(found, [newest]);
        projections.stop().await;
    }
}

#[tokio::test]
async fn the_check_in_before_an_event_is_ones_own_and_not_taken_back() {
    let log = log_of([
        check_in(checkin(1), user(1), shop(7), true),
        checked_in(checkin(2), user(2), shop(8)),
        checked_in(checkin(3), user(1), shop(9)),
        taken_back(checkin(3), user(1), shop(9)),
        checked_in(checkin(4), user(1), shop(7)),
    ])
    .await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let before = async |position| {
            let found = projections.traces.last_before(user(1), Position(position));
            let found = found.await.expect("an answer");
            found.map(|trace| trace.checkin_id)
        };
        assert_eq!(before(1).await, None);
        assert_eq!(before(5).await, Some(checkin(1)));
        assert_eq!(before(6).await, Some(checkin(4)));
        projections.stop().await;
    }
}

#[tokio::test]
async fn a_visit_has_all_its_members_however_many() {
    let log = Arc::new(MemoryLog::new());
    // Longer than what is read at once, in both directions.
    let ids: Vec<CheckinId> = (0..140)
        .map(|second| CheckinId::new(second, [99; 8]))
        .collect();
    let visit = ids.iter().map(|id| checked_in(*id, user(1), shop(7)));
    append_at(&*log, 0, [checked_in(checkin(1), user(1), shop(8))]).await;
    append_at(&*log, DAY, visit).await;
    append_at(&*log, DAY, [checked_in(checkin(2), user(2), shop(7))]).await;
    append_at(&*log, 2 * DAY, [checked_in(checkin(3), user(1), shop(7))]).await;
    append_at(&*log, 2 * DAY, [checked_in(checkin(4), user(1), shop(8))]).await;
    let newest_first: Vec<CheckinId> = ids.iter().rev().copied().collect();
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let visit_of = async |person, id| {
            let found = projections.traces.visit_of(person, id, &shanghai()).await;
            found.expect("an answer")
        };
        for id in [ids[0], ids[70], ids[139]] {
            assert_eq!(visit_of(user(1), id).await, newest_first);
        }
        assert_eq!(visit_of(user(1), checkin(3)).await, numbers([3]));
        assert!(visit_of(user(1), checkin(9)).await.is_empty(), "unknown");
        assert!(
            visit_of(user(2), ids[0]).await.is_empty(),
            "somebody else's"
        );
        projections.stop().await;
    }
}
