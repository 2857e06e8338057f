use super::*;
use crate::chat_history::Said;
use crate::tests::{Place, append_at, log_of, shop, user};
use domain::Event;
use domain::chat::{Destination, HistoryCleared, MessageSent};
use eventlog::MemoryLog;
use std::sync::Arc;

const ALL: usize = 100;

fn to(person: u8) -> Destination {
    Destination::To(user(person).into())
}

fn says(from: u8, to: Destination, body: &str) -> Event {
    MessageSent::new(user(from).into(), to, body).into()
}

fn says_from(from: (u8, &str), to: (u8, &str), body: &str) -> Event {
    let resource = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    MessageSent {
        from_resource: resource(from.1),
        to_resource: resource(to.1),
        ..MessageSent::new(user(from.0).into(), self::to(to.0), body)
    }
    .into()
}

fn whispers(from: u8, to: u8, place: u64, body: &str) -> Event {
    MessageSent {
        via: Some(shop(place)),
        ..MessageSent::new(user(from).into(), self::to(to), body)
    }
    .into()
}

fn clears(by: u8, of: Destination) -> Event {
    let by = user(by).into();
    HistoryCleared { by, of }.into()
}

fn archive(person: u8) -> Archive {
    Archive::Of(user(person).into())
}

fn everything() -> Criteria {
    Criteria::upto(Position(u64::MAX))
}

fn bodies(said: Result<Vec<Said>, Error>) -> Vec<String> {
    let said = said.expect("an answer").into_iter();
    said.map(|said| said.message.body).collect()
}

/// Whose archive, what is looked for there, and what is found.
type Case = (Archive, Criteria, &'static [&'static str]);

fn case(
    archive: Archive,
    change: impl Fn(&mut Criteria),
    expected: &'static [&'static str],
) -> Case {
    let mut criteria = everything();
    change(&mut criteria);
    (archive, criteria, expected)
}

/// Looks for each on each engine, from either end.
async fn check(log: &Arc<MemoryLog>, cases: &[Case]) {
    for place in Place::both() {
        let projections = place.projections(log).await;
        let history = &projections.chat_history;
        for (archive, criteria, expected) in cases {
            for end in [End::Oldest, End::Newest] {
                let found = bodies(history.archived(*archive, criteria, end, ALL).await);
                assert_eq!(found, *expected, "{criteria:?} from {end:?}");
            }
            let count = history.count_archived(*archive, criteria, ALL).await;
            assert_eq!(count.expect("an answer"), expected.len(), "{criteria:?}");
        }
        projections.stop().await;
    }
}

fn with(peer: u8, resource: Option<&str>) -> impl Fn(&mut Criteria) {
    let with = With::Party(user(peer).into(), resource.map(str::to_owned));
    move |criteria| criteria.with = Some(with.clone())
}

fn among(place: u64, nick: Option<u8>) -> impl Fn(&mut Criteria) {
    let with = With::Occupants(shop(place), nick.map(|nick| user(nick).into()));
    move |criteria| criteria.with = Some(with.clone())
}

#[tokio::test]
async fn everybody_has_what_they_said_and_heard_alone_until_they_clear_it() {
    let log = log_of([
        says(1, to(2), "a"),
        says(2, to(1), "b"),
        says(1, to(3), "c"),
        says(1, Destination::Room(shop(7)), "in a room"),
        says(1, to(1), "to myself"),
        clears(2, to(1)),
        says(3, to(2), "d"),
        says(2, to(1), "e"),
    ])
    .await;
    let all = |_: &mut Criteria| {};
    let cases = [
        case(archive(1), all, &["a", "b", "c", "to myself", "e"]),
        case(archive(2), all, &["d", "e"]),
        case(archive(3), all, &["c", "d"]),
        case(archive(4), all, &[]),
        case(archive(1), with(1, None), &["to myself"]),
        case(archive(1), with(2, None), &["a", "b", "e"]),
        case(archive(2), with(1, None), &["e"]),
    ];
    check(&log, &cases).await;
}

#[tokio::test]
async fn the_other_side_may_be_a_device_or_somebody_in_a_room() {
    let log = log_of([
        says_from((1, "phone"), (2, ""), "from a phone"),
        says_from((2, "web"), (1, "phone"), "to a phone"),
        says_from((2, "web"), (1, "web"), "from a browser"),
        says_from((1, "web"), (2, "web"), "to a browser"),
        whispers(1, 2, 7, "in seven"),
        whispers(2, 1, 8, "in eight"),
        whispers(3, 1, 7, "from another"),
    ])
    .await;
    let cases = [
        case(
            archive(1),
            with(2, Some("web")),
            &["to a phone", "from a browser", "to a browser"],
        ),
        case(
            archive(2),
            with(1, Some("phone")),
            &["from a phone", "to a phone"],
        ),
        case(archive(1), with(2, Some("' OR 1 = 1")), &[]),
        case(archive(1), among(7, Some(2)), &["in seven"]),
        case(archive(1), among(7, None), &["in seven", "from another"]),
        case(archive(2), among(8, None), &["in eight"]),
    ];
    check(&log, &cases).await;
}

#[tokio::test]
async fn a_room_is_the_same_for_everybody() {
    let room = Destination::Room(shop(7));
    let log = log_of([
        says(1, room, "gone"),
        clears(2, room),
        says(1, room, "a"),
        says(1, Destination::Room(shop(8)), "elsewhere"),
        whispers(1, 2, 7, "psst"),
        says(2, room, "b"),
    ])
    .await;
    let archive = Archive::Room(shop(7));
    let cases = [
        case(archive, |_| {}, &["a", "b"]),
        case(archive, among(7, Some(2)), &["b"]),
        case(archive, among(7, None), &["a", "b"]),
        case(archive, among(8, Some(1)), &[]),
        case(archive, with(1, None), &[]),
    ];
    check(&log, &cases).await;
}

#[tokio::test]
async fn places_and_moments_bound_what_is_found() {
    let events = ["a", "b", "c", "d", "e"].map(|body| says(1, to(2), body));
    let log = log_of(events).await;
    let at = |position| Some(Position(position));
    let placed = |after, before| {
        move |criteria: &mut Criteria| {
            criteria.after = after;
            criteria.before = before;
        }
    };
    let timed = |since, until| {
        move |criteria: &mut Criteria| {
            criteria.since = since;
            criteria.until = until;
        }
    };
    let s = |seconds: i64| Some(Millis(seconds * 1_000));
    let extreme = timed(Some(Millis(i64::MIN)), Some(Millis(i64::MAX)));
    let only = |places: &[u64]| {
        let places: Vec<_> = places.iter().map(|place| Position(*place)).collect();
        move |criteria: &mut Criteria| criteria.only = Some(places.clone())
    };
    let cases = [
        case(archive(1), placed(at(2), None), &["c", "d", "e"]),
        case(archive(1), placed(None, at(2)), &["a"]),
        case(archive(2), placed(at(1), at(4)), &["b", "c"]),
        case(archive(2), placed(at(u64::MAX), at(0)), &[]),
        case(
            archive(1),
            |criteria| criteria.upto = Position(2),
            &["a", "b"],
        ),
        case(archive(1), timed(s(1), s(3)), &["b", "c", "d"]),
        case(archive(1), timed(s(3), None), &["d", "e"]),
        case(archive(1), timed(None, s(-1)), &[]),
        case(archive(1), timed(s(9_999_999), None), &[]),
        case(archive(1), extreme, &["a", "b", "c", "d", "e"]),
        case(archive(1), only(&[4, 2]), &["b", "d"]),
        case(archive(1), only(&[]), &[]),
        case(archive(3), only(&[4]), &[]),
    ];
    check(&log, &cases).await;
}

#[tokio::test]
async fn clocks_that_disagree_hide_nothing() {
    const DAY: i64 = 24 * 60 * 60 * 1_000;
    let log = Arc::new(MemoryLog::new());
    for (day, body) in [(1, "a"), (9, "b"), (2, "c"), (-3, "d"), (3, "e")] {
        append_at(&*log, day * DAY, [says(1, to(2), body)]).await;
    }
    let days = |since: i64, until: i64| {
        move |criteria: &mut Criteria| {
            criteria.since = Some(Millis(since * DAY));
            criteria.until = Some(Millis(until * DAY));
        }
    };
    let cases = [
        case(archive(1), days(1, 3), &["a", "c", "e"]),
        case(archive(1), days(2, 9), &["b", "c", "e"]),
        case(archive(2), days(-9, 1), &["a", "d"]),
        case(archive(2), days(4, 8), &[]),
    ];
    check(&log, &cases).await;
}

#[tokio::test]
async fn a_page_is_taken_from_one_end_and_told_from_the_oldest() {
    let room = Destination::Room(shop(7));
    let log = log_of(["a", "b", "c"].map(|body| says(1, room, body))).await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let history = &projections.chat_history;
        let (room, all) = (Archive::Room(shop(7)), everything());
        let page = async |end| bodies(history.archived(room, &all, end, 2).await);
        assert_eq!(page(End::Oldest).await, ["a", "b"]);
        assert_eq!(page(End::Newest).await, ["b", "c"]);
        assert_eq!(history.count_archived(room, &all, 2).await.ok(), Some(2));
        projections.stop().await;
    }
}

#[tokio::test]
async fn a_place_stays_a_place_when_what_stood_there_is_cleared() {
    let room = Destination::Room(shop(7));
    let log = log_of([
        says(1, to(2), "a"),
        says(1, room, "b"),
        clears(1, to(2)),
        clears(1, room),
    ])
    .await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let history = &projections.chat_history;
        let has = async |archive, places: &[u64]| {
            let places: Vec<_> = places.iter().map(|place| Position(*place)).collect();
            history
                .has_places(archive, &places)
                .await
                .expect("an answer")
        };
        assert!(has(archive(1), &[1, 1]).await);
        assert!(has(archive(2), &[1]).await);
        assert!(has(archive(1), &[]).await);
        for missing in [&[2][..], &[3], &[1, 9], &[0], &[u64::MAX]] {
            assert!(!has(archive(1), missing).await, "{missing:?}");
        }
        assert!(!has(archive(3), &[1]).await);
        assert!(has(Archive::Room(shop(7)), &[2]).await);
        assert!(!has(Archive::Room(shop(7)), &[1]).await);
        projections.stop().await;
    }
}
