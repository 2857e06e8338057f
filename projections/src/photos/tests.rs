use super::*;
use crate::tests::pictures::{for_room, photo, processed, rejected, removed, uploaded};
use crate::tests::{Place, checkin, log_of, shop, user};

const READY: State = State::Ready {
    format: Format::Jpeg,
    width: 960,
    height: 720,
    bytes: 80_111,
};

fn in_album() -> Event {
    uploaded(photo(1), user(1), Purpose::Album)
}

/// The first picture, which the first person sent for `purpose`; its state is one of `second`.
fn found(purpose: Purpose, state: State, second: i64) -> Option<Photo> {
    Some(Photo {
        photo_id: photo(1),
        user_id: user(1),
        purpose,
        state,
        at: Millis(second * 1_000),
    })
}

/// After `events`, a second apart, this is what is known of the first picture, on both engines.
async fn check(events: impl IntoIterator<Item = Event>, expected: Option<Photo>) {
    let log = log_of(events).await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let found = projections.photos.get(photo(1)).await.expect("an answer");
        assert_eq!(found, expected);
        projections.stop().await;
    }
}

#[tokio::test]
async fn a_picture_waits_until_somebody_has_looked_at_it() {
    let album = |state, second| found(Purpose::Album, state, second);
    check([], None).await;
    check([in_album()], album(State::Pending, 0)).await;
    let looked_at = [in_album(), processed(photo(1), user(1))];
    check(looked_at, album(READY, 1)).await;
    let looked_at = [in_album(), rejected(photo(1), user(1))];
    check(looked_at, album(State::Rejected, 1)).await;
}

#[tokio::test]
async fn what_a_picture_was_sent_for_is_kept() {
    let of_room = |desc: Option<&str>, weibo, checkin_id| Purpose::Room {
        shop_id: shop(ShopId::MAX),
        desc: desc.map(Into::into),
        weibo,
        checkin_id,
    };
    for purpose in [
        of_room(Some("it's 海 \"%_\\\"\nline two"), true, Some(checkin(1))),
        of_room(Some(""), false, None),
        of_room(None, false, None),
        Purpose::Private { to_id: user(2) },
    ] {
        let event = uploaded(photo(1), user(1), purpose.clone());
        check([event], found(purpose, State::Pending, 0)).await;
    }
}

#[tokio::test]
async fn a_character_that_no_database_keeps_is_left_out() {
    let of_room = |desc: &str| Purpose::Room {
        shop_id: shop(1),
        desc: Some(desc.into()),
        weibo: false,
        checkin_id: None,
    };
    let event = uploaded(photo(1), user(1), of_room("a\0b"));
    check([event], found(of_room("ab"), State::Pending, 0)).await;
}

#[tokio::test]
async fn a_picture_arrives_once() {
    let again = uploaded(photo(1), user(2), for_room(shop(1), None));
    let events = [in_album(), processed(photo(1), user(1)), in_album(), again];
    check(events, found(Purpose::Album, READY, 1)).await;
}

#[tokio::test]
async fn what_was_taken_out_of_an_album_is_gone_whatever_comes_late() {
    let out = || removed(photo(1), user(1));
    let done = || processed(photo(1), user(1));
    check([in_album(), done(), out()], None).await;
    check([in_album(), out(), out(), done()], None).await;
    check([in_album(), rejected(photo(1), user(1)), out()], None).await;
    // The upload was cut short, and completed after the picture was taken out.
    check([out(), in_album(), done()], None).await;
}

#[tokio::test]
async fn nothing_takes_a_picture_of_a_room_out_of_an_album() {
    let purpose = || for_room(shop(1), None);
    let event = || uploaded(photo(1), user(1), purpose());
    let kept = || found(purpose(), State::Pending, 0);
    check([event(), removed(photo(1), user(1))], kept()).await;
}

#[tokio::test]
async fn nobody_takes_out_a_picture_of_another() {
    let events = [in_album(), removed(photo(1), user(2))];
    check(events, found(Purpose::Album, State::Pending, 0)).await;
}

#[tokio::test]
async fn what_is_told_of_unknown_pictures_changes_nothing() {
    let events = [
        processed(photo(1), user(1)),
        rejected(photo(1), user(1)),
        in_album(),
    ];
    check(events, found(Purpose::Album, State::Pending, 2)).await;
}

#[tokio::test]
async fn many_are_asked_for_at_once() {
    let numbers: Vec<u8> = (1..=30).collect();
    let events = numbers.iter().map(|number| {
        let purpose = Purpose::Private { to_id: user(2) };
        uploaded(photo(*number), user(1), purpose)
    });
    let log = log_of(events.chain([removed(photo(30), user(1))])).await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        for count in [0, 1, 2, 20, 21, 30] {
            let asked: Vec<PhotoId> = numbers[..count].iter().map(|n| photo(*n)).collect();
            let found = projections.photos.many(&asked).await.expect("an answer");
            assert_eq!(found.len(), count);
            assert!(found.iter().all(|(id, photo)| *id == photo.photo_id));
        }
        let asked: Vec<PhotoId> = (100..200).map(photo).collect();
        let found = projections.photos.many(&asked).await.expect("an answer");
        assert!(found.is_empty());
        projections.stop().await;
    }
}

#[tokio::test]
async fn pictures_of_a_check_in_are_those_for_the_room_that_can_be_shown_oldest_first() {
    let sent = |number, at: u8| {
        let purpose = for_room(shop(7), Some(checkin(at)));
        uploaded(photo(number), user(1), purpose)
    };
    let log = log_of([
        sent(4, 1),
        sent(2, 1),
        sent(3, 2),
        sent(5, 1),
        sent(6, 1),
        uploaded(photo(7), user(1), for_room(shop(7), None)),
        uploaded(photo(8), user(1), Purpose::Album),
        // Ready in another order than they were sent in; one is rejected, one not looked at.
        processed(photo(2), user(1)),
        processed(photo(4), user(1)),
        processed(photo(3), user(1)),
        processed(photo(7), user(1)),
        processed(photo(8), user(1)),
        rejected(photo(5), user(1)),
    ])
    .await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let of = async |checkins: &[u8]| {
            let asked: Vec<CheckinId> = checkins.iter().map(|number| checkin(*number)).collect();
            let found = projections.photos.of_checkins(&asked).await;
            let mut found: Vec<(CheckinId, Vec<PhotoId>)> = found
                .expect("an answer")
                .into_iter()
                .map(|(id, photos)| (id, photos.iter().map(|photo| photo.photo_id).collect()))
                .collect();
            found.sort();
            found
        };
        assert_eq!(of(&[1]).await, [(checkin(1), vec![photo(4), photo(2)])]);
        assert_eq!(
            of(&[3, 2, 1]).await,
            [
                (checkin(1), vec![photo(4), photo(2)]),
                (checkin(2), vec![photo(3)])
            ]
        );
        assert!(of(&[3]).await.is_empty());
        assert!(of(&[]).await.is_empty());
        projections.stop().await;
    }
}
