use super::*;
use crate::tests::{Place, append, log_of, registered, user};
use domain::block::{Blocked, Unblocked};
use domain::follow::{Followed, Unfollowed};
use domain::user::{Gender, ProfileChanged, ProfileEdit};
use eventlog::MemoryLog;
use std::sync::Arc;

fn follow(a: u8, b: u8) -> Event {
    let (user_id, follow_id) = (user(a), user(b));
    Followed { user_id, follow_id }.into()
}

fn unfollow(a: u8, b: u8) -> Event {
    let (user_id, follow_id) = (user(a), user(b));
    Unfollowed { user_id, follow_id }.into()
}

fn block(a: u8, b: u8) -> Event {
    let (user_id, block_id) = (user(a), user(b));
    Blocked {
        user_id,
        block_id,
        report: false,
    }
    .into()
}

fn unblock(a: u8, b: u8) -> Event {
    let (user_id, block_id) = (user(a), user(b));
    Unblocked { user_id, block_id }.into()
}

fn named(number: u8, name: &str) -> Event {
    let changes = ProfileEdit {
        name: Some(name.into()),
        ..ProfileEdit::default()
    };
    ProfileChanged {
        user_id: user(number),
        changes,
    }
    .into()
}

/// After five people have registered and `events` have happened, the lists of the first person
/// with `name` in the names are these, on both engines.
async fn check(
    events: impl IntoIterator<Item = Event>,
    name: Option<&str>,
    followers: &[u8],
    friends: &[u8],
) {
    let people = (1..=5).map(|number| registered(user(number), Gender::Unset));
    let log = log_of(people.chain(events)).await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        for (list, expected) in [(List::Followers, followers), (List::Friends, friends)] {
            let found = projections.followers.page(user(1), list, name, 0, 10).await;
            let users: Vec<UserId> = expected.iter().map(|number| user(*number)).collect();
            let expected = People {
                count: users.len() as u64,
                users,
            };
            assert_eq!(found.expect("an answer"), expected, "{list:?}");
        }
        projections.stop().await;
    }
}

#[tokio::test]
async fn both_lists_are_newest_first() {
    let events = [
        follow(2, 1),
        follow(1, 3),
        follow(3, 1),
        follow(1, 2),
        follow(4, 5),
    ];
    check(events, None, &[3, 2], &[2, 3]).await;
}

#[tokio::test]
async fn who_follows_again_stands_first() {
    let events = [
        follow(2, 1),
        follow(3, 1),
        unfollow(2, 1),
        follow(2, 1),
        follow(2, 1),
    ];
    check(events, None, &[2, 3], &[]).await;
    check(
        [follow(2, 1), unfollow(2, 1), unfollow(2, 1)],
        None,
        &[],
        &[],
    )
    .await;
}

#[tokio::test]
async fn only_the_owners_blacklist_hides_from_the_owners_lists() {
    check([follow(2, 1), follow(1, 2), block(1, 2)], None, &[], &[]).await;
    check([block(1, 2), follow(2, 1), follow(1, 2)], None, &[], &[]).await;
    check([follow(2, 1), follow(1, 2), block(2, 1)], None, &[2], &[2]).await;
    let undone = [follow(2, 1), block(1, 2), follow(3, 1), unblock(1, 2)];
    check(undone, None, &[3, 2], &[]).await;
    check(
        [follow(2, 1), block(1, 2), unfollow(2, 1), unblock(1, 2)],
        None,
        &[],
        &[],
    )
    .await;
}

#[tokio::test]
async fn a_name_is_searched_as_plain_text() {
    let events = || {
        [
            named(2, "100%_Ana\\"),
            named(3, "安娜 ÄNA"),
            named(4, "(ana.*)"),
            follow(2, 1),
            follow(3, 1),
            follow(4, 1),
        ]
    };
    check(events(), Some("%_a"), &[2], &[]).await;
    check(events(), Some("\\"), &[2], &[]).await;
    check(events(), Some("娜"), &[3], &[]).await;
    check(events(), Some("äna"), &[3], &[]).await;
    check(events(), Some(".*"), &[4], &[]).await;
    check(events(), Some("ANA"), &[4, 2], &[]).await;
    check(events(), Some("'"), &[], &[]).await;
}

#[tokio::test]
async fn pages_of_a_long_list_are_disjoint_and_complete() {
    let crowd: Vec<UserId> = (0..2_600)
        .map(|second| UserId::new(second, [7; 8]))
        .collect();
    let log = Arc::new(MemoryLog::new());
    append(&*log, [registered(user(1), Gender::Unset)]).await;
    append(
        &*log,
        crowd
            .iter()
            .map(|person| registered(*person, Gender::Unset)),
    )
    .await;
    let follows = crowd.iter().map(|person| {
        Followed {
            user_id: *person,
            follow_id: user(1),
        }
        .into()
    });
    append(&*log, follows).await;
    // Some leave, and some are not wanted, so that blocks are not full.
    let gone = crowd.iter().step_by(7).map(|person| {
        Unfollowed {
            user_id: *person,
            follow_id: user(1),
        }
        .into()
    });
    append(&*log, gone).await;
    let hidden = crowd.iter().skip(1).step_by(7).map(|person| {
        Blocked {
            user_id: user(1),
            block_id: *person,
            report: false,
        }
        .into()
    });
    append(&*log, hidden).await;
    let shown = crowd.iter().enumerate().filter(|(at, _)| at % 7 > 1);
    let expected: Vec<UserId> = shown.map(|(_, person)| *person).rev().collect();
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let mut found = Vec::new();
        for page in 0..=expected.len() / 100 {
            let people =
                projections
                    .followers
                    .page(user(1), List::Followers, None, page * 100, 100);
            let people = people.await.expect("an answer");
            assert_eq!(people.count, expected.len() as u64);
            found.extend(people.users);
        }
        assert_eq!(found, expected);
        let beyond = projections
            .followers
            .page(user(1), List::Followers, None, 9_999, 20)
            .await;
        assert!(beyond.expect("an answer").users.is_empty());
        projections.stop().await;
    }
}

#[tokio::test]
async fn flags_are_seen_from_the_viewer() {
    let people = (1..=5).map(|number| registered(user(number), Gender::Unset));
    let events = [
        follow(1, 2),
        follow(3, 1),
        follow(1, 4),
        follow(4, 1),
        block(4, 1),
        block(1, 5),
    ];
    let log = log_of(people.chain(events)).await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let asked: Vec<UserId> = (2..=6).map(user).collect();
        let flags = projections
            .followers
            .flags(user(1), &asked)
            .await
            .expect("an answer");
        let of = |number| {
            let flags = flags[&user(number)];
            (flags.friend, flags.follower, flags.blocks_viewer)
        };
        assert_eq!(of(2), (true, false, false));
        assert_eq!(of(3), (false, true, false));
        assert_eq!(of(4), (true, true, true));
        assert_eq!(of(5), (false, false, false));
        assert!(!flags.contains_key(&user(6)));
        projections.stop().await;
    }
}
