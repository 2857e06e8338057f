use super::*;
use crate::tests::{Place, log_of, shop, user};

const ALL: Stretch = Stretch {
    upto: Position(u64::MAX),
    since: Millis(i64::MIN),
    limit: 100,
};

fn says(from: u8, to: Destination, body: &str) -> Event {
    MessageSent::new(user(from).into(), to, body).into()
}

fn cleared(by: u8, of: Destination) -> Event {
    HistoryCleared {
        by: user(by).into(),
        of,
    }
    .into()
}

fn bodies(said: Result<Vec<Said>, Error>) -> Vec<String> {
    let said = said.expect("an answer").into_iter();
    said.map(|said| said.message.body).collect()
}

#[tokio::test]
async fn a_conversation_is_the_same_from_both_sides_until_one_clears_it() {
    let to = |person: u8| Destination::To(user(person).into());
    let log = log_of([
        says(1, to(2), "a"),
        says(2, to(1), "b"),
        says(1, to(3), "to another"),
        cleared(2, to(1)),
        says(1, to(2), "c"),
    ])
    .await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let between = async |reader: u8, other: u8| {
            let (reader, other) = (user(reader).into(), user(other).into());
            bodies(projections.chat_history.between(reader, other, ALL).await)
        };
        assert_eq!(between(1, 2).await, ["a", "b", "c"]);
        assert_eq!(between(2, 1).await, ["c"]);
        assert_eq!(between(3, 1).await, ["to another"]);
        assert!(between(2, 3).await.is_empty());
        projections.stop().await;
    }
}

#[tokio::test]
async fn a_room_shows_its_newest_end_and_is_cleared_for_everybody() {
    let room = Destination::Room(shop(7));
    let log = log_of([
        says(1, room, "gone"),
        cleared(1, room),
        says(1, room, "a"),
        says(2, room, "b"),
        says(1, Destination::Room(shop(8)), "elsewhere"),
        says(1, room, "c"),
    ])
    .await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let in_room =
            async |stretch| bodies(projections.chat_history.in_room(shop(7), stretch).await);
        assert_eq!(in_room(ALL).await, ["a", "b", "c"]);
        assert_eq!(in_room(Stretch { limit: 2, ..ALL }).await, ["b", "c"]);
        let upto = Position(4);
        assert_eq!(in_room(Stretch { upto, ..ALL }).await, ["a", "b"]);
        let since = Millis(3_000);
        assert_eq!(in_room(Stretch { since, ..ALL }).await, ["b", "c"]);
        assert!(in_room(Stretch { limit: 0, ..ALL }).await.is_empty());
        projections.stop().await;
    }
}

#[tokio::test]
async fn a_part_is_counted_from_the_newest_end() {
    let to = |person: u8| Destination::To(user(person).into());
    let room = Destination::Room(shop(7));
    let log = log_of([
        says(1, room, "gone"),
        cleared(1, room),
        says(1, room, "a"),
        says(2, room, "b"),
        says(1, to(2), "c"),
        says(2, to(1), "d"),
        says(1, to(3), "e"),
        cleared(1, to(2)),
        says(1, room, "f"),
    ])
    .await;
    let part = |skip, count| Page {
        upto: Position(8),
        skip,
        count,
    };
    let all = part(0, 100);
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let history = &projections.chat_history;
        let room = async |page| bodies(history.page_of_room(shop(7), page).await);
        assert_eq!(
            room(all).await,
            ["b", "a"],
            "neither what is gone nor what came later"
        );
        assert_eq!(room(part(1, 1)).await, ["a"]);
        assert!(room(part(2, 1)).await.is_empty());
        for (one, other) in [(1, 2), (2, 1)] {
            let two = history.page_of_two(user(one).into(), user(other).into(), all);
            assert_eq!(bodies(two.await), ["d", "c"]);
        }
        let sent = history.page_of_sender(user(1).into(), all);
        assert_eq!(bodies(sent.await), ["e", "c"]);
        projections.stop().await;
    }
}
