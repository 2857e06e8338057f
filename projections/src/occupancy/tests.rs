use super::*;
use crate::tests::{check_in, checked_in, checkin, recorded, registered, shop, taken_back, user};
use domain::user::{ProfileChanged, ProfileEdit, VisibilityChanged};

const HOUR: i64 = 3_600_000;
const WINDOW: i64 = 12 * HOUR;

/// What has become of these events, which happened at these times.
fn given(events: impl IntoIterator<Item = (i64, Event)>) -> Occupancy {
    let mut occupancy = Occupancy::default();
    for (position, (at, event)) in (1..).zip(events) {
        let event = recorded(position, at, event);
        occupancy.apply(&event).expect("no poison");
    }
    occupancy
}

fn hides(person: UserId, invisible: Invisible) -> Event {
    VisibilityChanged {
        user_id: person,
        invisible,
    }
    .into()
}

#[track_caller]
fn check_crowd(occupancy: &Occupancy, place: u64, now: i64, [users, male, female]: [u32; 3]) {
    let crowds = occupancy.crowds([shop(place)].into_iter(), Millis(now), WINDOW);
    let expected = Crowd {
        users,
        male,
        female,
    };
    assert_eq!(crowds, [expected]);
    let present = occupancy.present(shop(place), Millis(now), WINDOW);
    assert_eq!(
        present.len(),
        users as usize,
        "those who are counted are listed"
    );
}

#[test]
fn people_are_counted_once_where_they_were_last() {
    let occupancy = given([
        (0, registered(user(1), Gender::Female)),
        (0, registered(user(2), Gender::Male)),
        (0, registered(user(3), Gender::Unset)),
        (1, checked_in(checkin(1), user(1), shop(7))),
        (2, checked_in(checkin(2), user(1), shop(7))),
        (3, checked_in(checkin(3), user(2), shop(7))),
        (4, checked_in(checkin(4), user(3), shop(7))),
        (5, checked_in(checkin(5), user(2), shop(8))),
    ]);
    check_crowd(&occupancy, 7, 6, [2, 0, 1]);
    check_crowd(&occupancy, 8, 6, [1, 1, 0]);
    check_crowd(&occupancy, 9, 6, [0, 0, 0]);
}

#[test]
fn who_came_last_stands_first_and_ties_go_by_id() {
    let occupancy = given([
        (5, checked_in(checkin(1), user(3), shop(7))),
        (5, checked_in(checkin(2), user(1), shop(7))),
        (9, checked_in(checkin(3), user(2), shop(7))),
    ]);
    let present = occupancy.present(shop(7), Millis(9), WINDOW);
    let order: Vec<_> = present
        .iter()
        .map(|presence| (presence.user_id, presence.at))
        .collect();
    assert_eq!(
        order,
        [
            (user(2), Millis(9)),
            (user(1), Millis(5)),
            (user(3), Millis(5))
        ]
    );
}

#[test]
fn people_leave_when_the_window_ends_and_not_before() {
    let occupancy = given([(HOUR, checked_in(checkin(1), user(1), shop(7)))]);
    check_crowd(&occupancy, 7, HOUR + WINDOW, [1, 0, 0]);
    check_crowd(&occupancy, 7, HOUR + WINDOW + 1, [0, 0, 0]);
    assert_eq!(occupancy.last_seen(user(1)), Some((shop(7), Millis(HOUR))));
}

#[test]
fn a_check_in_of_a_clock_that_is_fast_counts_now() {
    let occupancy = given([(HOUR, checked_in(checkin(1), user(1), shop(7)))]);
    check_crowd(&occupancy, 7, 0, [1, 0, 0]);
}

#[test]
fn whoever_hides_from_everyone_is_not_there_until_they_stop_hiding() {
    let there = (1, checked_in(checkin(1), user(1), shop(7)));
    let hidden = (2, hides(user(1), Invisible::ToEveryone));
    let occupancy = given([there.clone(), hidden.clone()]);
    check_crowd(&occupancy, 7, 3, [0, 0, 0]);
    assert_eq!(occupancy.invisible(user(1)), Invisible::ToEveryone);
    let occupancy = given([there, hidden, (3, hides(user(1), Invisible::ToNobody))]);
    check_crowd(&occupancy, 7, 3, [1, 0, 0]);
}

#[test]
fn whoever_hides_from_strangers_is_listed_as_such() {
    let occupancy = given([
        (1, checked_in(checkin(1), user(1), shop(7))),
        (2, hides(user(1), Invisible::ToStrangers)),
    ]);
    check_crowd(&occupancy, 7, 3, [1, 0, 0]);
    let present = occupancy.present(shop(7), Millis(3), WINDOW);
    assert_eq!(present[0].invisible, Invisible::ToStrangers);
}

#[test]
fn a_hidden_check_in_moves_nobody_and_counts_nowhere() {
    let occupancy = given([
        (1, checked_in(checkin(1), user(1), shop(7))),
        (2, check_in(checkin(2), user(1), shop(8), true)),
        (3, taken_back(checkin(2), user(1), shop(8))),
    ]);
    check_crowd(&occupancy, 7, 3, [1, 0, 0]);
    check_crowd(&occupancy, 8, 3, [0, 0, 0]);
    assert_eq!(occupancy.last_seen(user(1)), Some((shop(7), Millis(1))));
}

#[test]
fn taking_the_latest_back_restores_the_one_before() {
    let first = (1, checked_in(checkin(1), user(1), shop(7)));
    let second = (2, checked_in(checkin(2), user(1), shop(8)));
    let occupancy = given([
        first.clone(),
        second.clone(),
        (3, taken_back(checkin(2), user(1), shop(8))),
    ]);
    check_crowd(&occupancy, 7, 3, [1, 0, 0]);
    check_crowd(&occupancy, 8, 3, [0, 0, 0]);

    // And the first one: then the person is nowhere, but still known.
    let occupancy = given([
        first,
        second,
        (3, taken_back(checkin(2), user(1), shop(8))),
        (4, taken_back(checkin(1), user(1), shop(7))),
        (5, taken_back(checkin(1), user(1), shop(7))),
    ]);
    check_crowd(&occupancy, 7, 3, [0, 0, 0]);
    assert_eq!(occupancy.last_seen(user(1)), None);
}

#[test]
fn taking_an_older_one_back_moves_nobody() {
    let occupancy = given([
        (1, checked_in(checkin(1), user(1), shop(7))),
        (2, checked_in(checkin(2), user(1), shop(8))),
        (3, taken_back(checkin(1), user(1), shop(7))),
    ]);
    check_crowd(&occupancy, 8, 3, [1, 0, 0]);
}

#[test]
fn the_latest_is_the_last_in_the_log_even_if_a_clock_was_slow() {
    let occupancy = given([
        (9, checked_in(checkin(1), user(1), shop(7))),
        (5, checked_in(checkin(2), user(1), shop(8))),
    ]);
    check_crowd(&occupancy, 7, 9, [0, 0, 0]);
    check_crowd(&occupancy, 8, 9, [1, 0, 0]);
}

#[test]
fn a_new_gender_counts_at_once() {
    let change = ProfileEdit {
        gender: Some(Gender::Male),
        ..ProfileEdit::default()
    };
    let occupancy = given([
        (0, registered(user(1), Gender::Female)),
        (1, checked_in(checkin(1), user(1), shop(7))),
        (
            2,
            ProfileChanged {
                user_id: user(1),
                changes: change,
            }
            .into(),
        ),
        (
            3,
            ProfileChanged {
                user_id: user(1),
                changes: ProfileEdit::default(),
            }
            .into(),
        ),
    ]);
    check_crowd(&occupancy, 7, 3, [1, 1, 0]);
    assert_eq!(occupancy.gender(user(1)), Gender::Male);
    assert_eq!(occupancy.gender(user(2)), Gender::Unset);
}

#[test]
fn a_million_check_ins_of_a_hundred_thousand_people_take_well_under_100_mb() {
    // By what is allocated, not by what a machine says: sizes of the parts times their numbers.
    let mut occupancy = Occupancy::default();
    let people = 1_000_u32;
    for number in 0..10 * people {
        let person = UserId::new(number % people, [0; 8]);
        let visit = Visit {
            id: [0; 12],
            shop: u64::from(number % 77),
            at: number.into(),
        };
        occupancy.check_in(person, visit).expect("room for all");
    }
    let visits: usize = occupancy
        .people
        .iter()
        .map(|person| person.visits.capacity())
        .sum();
    let bytes = visits * size_of::<Visit>()
        + occupancy.people.capacity() * size_of::<Person>()
        + occupancy.numbers.capacity() * size_of::<([u8; 12], u32, u64)>()
        + occupancy.last_in.bytes();
    let of_a_million = bytes * 100;
    assert!(of_a_million < 70_000_000, "{of_a_million} bytes");
}
