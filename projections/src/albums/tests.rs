use super::*;
use crate::tests::pictures::{
    added, for_room, photo, processed, published, rejected, removed, reordered, uploaded,
};
use crate::tests::{Place, log_of, shop, user};
use domain::Decider;
use domain::album::Album;

/// A picture that the first person put into the album.
fn put(number: u8) -> Event {
    added(photo(number), user(1))
}

fn done(number: u8) -> Event {
    processed(photo(number), user(1))
}

fn bad(number: u8) -> Event {
    rejected(photo(number), user(1))
}

fn out(number: u8) -> Event {
    removed(photo(number), user(1))
}

fn order<const N: usize>(numbers: [u8; N]) -> Event {
    reordered(user(1), numbers.map(photo))
}

/// After `events`, the first person's album has these pictures, and this one is the logo, on both
/// engines.
async fn check(events: impl IntoIterator<Item = Event>, album: &[u8], logo: Option<u8>) {
    let log = log_of(events).await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let albums = &projections.albums;
        let found = albums.of(user(1)).await.expect("an answer");
        let found: Vec<PhotoId> = found.iter().map(|photo| photo.photo_id).collect();
        let expected: Vec<PhotoId> = album.iter().map(|number| photo(*number)).collect();
        assert_eq!(found, expected);
        let found = albums.logos(&[user(1)]).await.expect("an answer");
        let found = found.get(&user(1)).map(|logo| logo.photo_id);
        assert_eq!(found, logo.map(photo));
        projections.stop().await;
    }
}

#[tokio::test]
async fn a_picture_stands_in_the_album_before_it_can_be_shown() {
    let log = log_of([put(1), put(2), done(1)]).await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let shown = AlbumPhoto {
            photo_id: photo(1),
            state: State::Ready {
                format: Format::Jpeg,
                bytes: 80_111,
            },
            updated_at: Millis(2_000),
        };
        let waiting = AlbumPhoto {
            photo_id: photo(2),
            state: State::Pending,
            updated_at: Millis(1_000),
        };
        let found = projections.albums.of(user(1)).await.expect("an answer");
        assert_eq!(found, [shown, waiting]);
        let found = projections.albums.of(user(2)).await.expect("an answer");
        assert!(found.is_empty());
        projections.stop().await;
    }
}

#[tokio::test]
async fn the_logo_is_the_first_picture_that_can_be_shown() {
    check([put(1), put(2)], &[1, 2], None).await;
    check([put(1), put(2), done(2)], &[1, 2], Some(2)).await;
    let both = || [put(1), put(2), done(2), done(1)];
    check(both(), &[1, 2], Some(1)).await;
    check(both().into_iter().chain([order([2, 1])]), &[2, 1], Some(2)).await;
    check(both().into_iter().chain([out(1)]), &[2], Some(2)).await;
    check(both().into_iter().chain([out(1), out(2)]), &[], None).await;
}

#[tokio::test]
async fn an_album_stands_in_the_order_that_its_own_stream_tells() {
    let mut events = vec![put(4), put(3), put(2), order([2, 4, 3]), put(9), put(3)];
    events.extend([out(4), put(1), order([9, 1, 2, 3]), put(4), out(9), put(9)]);
    let told = Album::fold(&events);
    assert_eq!(told, [1, 2, 3, 4, 9].map(photo));
    check(events, &[1, 2, 3, 4, 9], None).await;
}

#[tokio::test]
async fn pictures_that_are_not_named_keep_their_order_behind() {
    let album = || [put(1), put(2), put(3), put(4), done(2), done(3)];
    let with = |event| album().into_iter().chain([event]);
    check(with(order([3])), &[3, 1, 2, 4], Some(3)).await;
    check(with(order([4, 2])), &[4, 2, 1, 3], Some(2)).await;
    check(with(order([])), &[1, 2, 3, 4], Some(2)).await;
}

#[tokio::test]
async fn a_new_order_may_name_what_is_unknown_and_name_pictures_twice() {
    let album = || [put(1), put(2), done(1), done(2)];
    let with = |event| album().into_iter().chain([event, put(3)]);
    check(with(order([9, 2, 1])), &[2, 1, 3], Some(2)).await;
    check(with(order([2, 1, 2])), &[2, 1, 3], Some(2)).await;
    check([order([1]), put(1)], &[1], None).await;
}

#[tokio::test]
async fn a_rejected_picture_leaves_at_once() {
    let album = || [put(1), put(2), done(2), bad(1)];
    let with = |events| album().into_iter().chain(events);
    check(album(), &[2], Some(2)).await;
    check(with([out(1), out(1)]), &[2], Some(2)).await;
    // Its own stream still holds the picture, and may name it.
    check(with([order([1, 2]), done(1)]), &[2], Some(2)).await;
}

#[tokio::test]
async fn what_comes_before_a_picture_is_added_changes_nothing() {
    check([bad(1), done(1), out(1), put(1)], &[1], None).await;
}

#[tokio::test]
async fn what_is_removed_may_come_again_at_the_end() {
    let events = [put(1), put(2), done(1), done(2), out(1), put(1)];
    check(events, &[2, 1], Some(2)).await;
}

#[tokio::test]
async fn pictures_that_were_sent_elsewhere_change_nothing() {
    let events = [
        put(1),
        uploaded(photo(2), user(1), for_room(shop(1), None)),
        done(2),
        bad(2),
        // Whose picture it is counts too.
        processed(photo(1), user(2)),
        removed(photo(1), user(2)),
        reordered(user(2), [photo(1)]),
    ];
    check(events, &[1], None).await;
}

#[tokio::test]
async fn logos_are_asked_for_at_once_and_without_those_who_have_none() {
    let picture = |number| {
        let (id, owner) = (photo(number), user(number));
        [added(id, owner), published(id, owner, Format::Gif)]
    };
    let events = (1..=25).flat_map(picture);
    let log = log_of(events.chain([added(photo(26), user(26))])).await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let logos = async |users: &[UserId]| {
            let found = projections.albums.logos(users).await;
            found.expect("an answer")
        };
        let everybody: Vec<UserId> = (1..=30).map(user).collect();
        let found = logos(&everybody).await;
        assert_eq!(found.len(), 25);
        for number in 1..=25 {
            let expected = Logo {
                photo_id: photo(number),
                format: Format::Gif,
            };
            assert_eq!(found.get(&user(number)), Some(&expected));
        }
        assert_eq!(logos(&everybody[20..]).await.len(), 5);
        assert!(logos(&[]).await.is_empty());
        projections.stop().await;
    }
}

#[tokio::test]
async fn people_with_the_newest_logo_come_first() {
    let mut events: Vec<Event> = (1..=4)
        .map(|number| added(photo(number), user(number)))
        .collect();
    events.extend((1..=3).map(|number| processed(photo(number), user(number))));
    // A second picture behind the first changes no logo; moving it to the front does.
    events.extend([put(9), done(9)]);
    let before = events.clone();
    events.push(order([9, 1]));
    for (events, expected) in [(before, [3, 2, 1]), (events, [1, 3, 2])] {
        let expected = expected.map(user);
        let log = log_of(events).await;
        for place in Place::both() {
            let projections = place.projections(&log).await;
            let page = async |skip, limit| {
                let found = projections.albums.with_pictures(skip, limit).await;
                found.expect("an answer")
            };
            assert_eq!(page(0, 9).await, expected);
            assert_eq!(page(1, 1).await, expected[1..2]);
            assert!(page(3, 1).await.is_empty());
            assert_eq!(page(0, usize::MAX).await, expected);
            projections.stop().await;
        }
    }
}
