use super::*;
use crate::tests::{Place, append_at, log_of, shop, user};
use domain::inbox::MessagesDelivered;
use eventlog::MemoryLog;
use std::sync::Arc;

/// Everything to the end of the log.
const ALL: Position = Position(u64::MAX);

fn says(from: u8, to: Destination, body: &str) -> Event {
    MessageSent::new(user(from).into(), to, body).into()
}

fn to(person: u8) -> Destination {
    Destination::To(user(person).into())
}

fn arrived(owner: u8, from: u8, revisions: &[u64]) -> Event {
    MessagesDelivered {
        owner: user(owner).into(),
        from: [(user(from).into(), revisions.to_vec())].into(),
    }
    .into()
}

#[tokio::test]
async fn messages_wait_in_order_until_they_have_arrived() {
    // All in one stream, so the revision is the place in this list.
    let log = log_of([
        says(1, to(2), "zero"),
        says(3, to(2), "one"),
        says(1, Destination::Room(shop(7)), "to nobody in particular"),
        says(1, to(2), "three"),
        arrived(2, 1, &[0]),
        says(1, to(2), "five"),
        arrived(2, 3, &[5]),
    ])
    .await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let waiting = async |owner, after, upto, limit| {
            let owner = user(owner).into();
            let found = projections.inbox.waiting(owner, after, upto, limit).await;
            let found = found.expect("an answer").into_iter();
            found
                .map(|waiting| (waiting.position.0, waiting.revision, waiting.message.body))
                .collect::<Vec<_>>()
        };
        let (one, three, five) = (
            (2, 1, "one".to_owned()),
            (4, 3, "three".to_owned()),
            (6, 5, "five".to_owned()),
        );
        let start = Position::START;
        assert_eq!(
            waiting(2, start, ALL, 9).await,
            [one.clone(), three.clone(), five.clone()]
        );
        assert_eq!(waiting(2, start, ALL, 1).await, [one]);
        assert_eq!(waiting(2, Position(2), Position(5), 9).await, [three]);
        assert!(waiting(1, start, ALL, 9).await.is_empty());
        let count = projections.inbox.count(user(2).into()).await;
        assert_eq!(count.expect("an answer"), 3);
        let waits = async |owner, position| {
            let owner = user(owner).into();
            let waits = projections.inbox.waits(owner, Position(position)).await;
            waits.expect("an answer")
        };
        assert!(waits(2, 4).await);
        assert!(!waits(2, 1).await, "it has arrived");
        assert!(!waits(1, 4).await, "it is for somebody else");
        projections.stop().await;
    }
}

#[tokio::test]
async fn what_waits_keeps_its_time_and_everything_else() {
    let log = Arc::new(MemoryLog::new());
    let message = MessageSent {
        from_resource: Some("phone".into()),
        id: Some("m1".into()),
        children: "<request xmlns='urn:xmpp:receipts'/>".into(),
        ..MessageSent::new(user(1).into(), to(2), "你好 <&> 🌊")
    };
    append_at(&*log, 1_357_948_800_000, [message.clone().into()]).await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let found = projections
            .inbox
            .waiting(user(2).into(), Position::START, ALL, 9);
        let expected = Waiting {
            position: Position(1),
            revision: 0,
            at: Millis(1_357_948_800_000),
            message: message.clone(),
        };
        assert_eq!(found.await.expect("an answer"), [expected]);
        projections.stop().await;
    }
}
