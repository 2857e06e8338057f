use super::*;
use crate::tests::{Place, log_of, registered, user};
use domain::block::{Blocked, Unblocked};
use domain::user::{Gender, ProfileChanged, ProfileEdit};

fn block(a: u8, b: u8, report: bool) -> Event {
    Blocked {
        user_id: user(a),
        block_id: user(b),
        report,
    }
    .into()
}

fn unblock(a: u8, b: u8) -> Event {
    Unblocked {
        user_id: user(a),
        block_id: user(b),
    }
    .into()
}

/// After five people have registered and `events` have happened, the first one's blacklist with
/// `name` in the names, and the pairs of all reports, are these, on both engines.
async fn check(
    events: impl IntoIterator<Item = Event>,
    name: Option<&str>,
    blocked: &[u8],
    reports: &[(u8, u8)],
) {
    let people = (1..=5).map(|number| registered(user(number), Gender::Unset));
    let log = log_of(people.chain(events)).await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let found = projections
            .blacklist
            .page(user(1), name, 0, 10)
            .await
            .expect("an answer");
        let users: Vec<UserId> = blocked.iter().map(|number| user(*number)).collect();
        assert_eq!(
            found,
            People {
                count: users.len() as u64,
                users
            }
        );
        let found = projections
            .blacklist
            .reports(0, 10)
            .await
            .expect("an answer");
        let pairs: Vec<_> = found
            .iter()
            .map(|report| (report.user_id, report.block_id))
            .collect();
        let expected: Vec<_> = reports.iter().map(|(a, b)| (user(*a), user(*b))).collect();
        assert_eq!(pairs, expected);
        projections.stop().await;
    }
}

#[tokio::test]
async fn the_newest_stands_first_and_only_once() {
    let events = [
        block(1, 2, false),
        block(1, 3, false),
        block(1, 2, true),
        block(4, 5, false),
    ];
    check(events, None, &[3, 2], &[(1, 2)]).await;
}

#[tokio::test]
async fn who_is_taken_off_stays_reported() {
    check(
        [block(1, 2, true), unblock(1, 2), unblock(1, 2)],
        None,
        &[],
        &[(1, 2)],
    )
    .await;
}

#[tokio::test]
async fn a_name_is_searched_as_plain_text() {
    let changes = ProfileEdit {
        name: Some("50%_安".into()),
        ..ProfileEdit::default()
    };
    let named = || {
        ProfileChanged {
            user_id: user(2),
            changes: changes.clone(),
        }
        .into()
    };
    let events = || [named(), block(1, 2, false), block(1, 3, false)];
    check(events(), Some("%_安"), &[2], &[]).await;
    check(events(), Some("ana"), &[3], &[]).await;
    check(events(), Some("_"), &[2], &[]).await;
}
