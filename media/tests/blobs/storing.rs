//! Storing, getting and deleting.

use crate::fixture::{Fixture, photo, thumb};
use bytes::Bytes;
use futures_util::future::join_all;
use media::blobs::Blobs;
use media::keys::Key;

pub(crate) async fn a_blob_comes_back_as_it_was_stored(store: Fixture) {
    let megabytes: Vec<u8> = (0..3_000_000_u32)
        .map(|i| (i.wrapping_mul(i) >> 7) as u8)
        .collect();
    for bytes in [Bytes::new(), Bytes::from_static(b"\0"), megabytes.into()] {
        let put = store.blobs.put(&thumb(1), bytes.clone()).await;
        put.expect("stored");
        let got = store.blobs.get(&thumb(1)).await.expect("read");
        assert!(got == Some(bytes));
    }
    store.blobs.check().await.expect("the store is there");
}

pub(crate) async fn a_blob_takes_the_place_of_the_one_before(store: Fixture) {
    store.put(&thumb(1), "the first, which is longer").await;
    store.put(&thumb(1), "the second").await;
    assert_eq!(store.get(&thumb(1)).await.as_deref(), Some("the second"));
}

pub(crate) async fn an_absent_blob_is_no_error(store: Fixture) {
    assert_eq!(store.get(&thumb(1)).await, None);
    store.blobs.delete(&thumb(1)).await.expect("deleted");
    store.put(&thumb(1), "here").await;
    for _ in 0..2 {
        store.blobs.delete(&thumb(1)).await.expect("deleted");
        assert_eq!(store.get(&thumb(1)).await, None);
    }
}

pub(crate) async fn everything_of_a_picture_goes_at_once(store: Fixture) {
    for key in Key::all_of_photo(photo(1)).iter().chain([&thumb(2)]) {
        store.put(key, "a picture").await;
    }
    for _ in 0..2 {
        store.blobs.delete_photo(photo(1)).await.expect("deleted");
    }
    for key in Key::all_of_photo(photo(1)) {
        assert_eq!(store.get(&key).await, None, "{key}");
    }
    assert!(store.get(&thumb(2)).await.is_some());
}

pub(crate) async fn the_same_blobs_may_be_stored_and_deleted_by_many_at_once(store: Fixture) {
    let some = &store;
    for _ in 0..5 {
        let putting = Key::all_of_photo(photo(1))
            .into_iter()
            .map(|key| async move {
                some.put(&key, "whole").await;
                assert!(matches!(
                    some.get(&key).await.as_deref(),
                    None | Some("whole")
                ));
            });
        let deleting = (0..3).map(|_| some.blobs.delete_photo(photo(1)));
        let (_, deleted) = tokio::join!(join_all(putting), join_all(deleting));
        for outcome in deleted {
            outcome.expect("deleted");
        }
    }
    store.put(&thumb(1), "the last").await;
    assert_eq!(store.get(&thumb(1)).await.as_deref(), Some("the last"));
}

pub(crate) async fn what_was_stored_is_there_after_opening_again(store: Fixture) {
    store.put(&thumb(1), "here").await;
    let again = Blobs::open(&store.settings).expect("opened");
    let got = again.get(&thumb(1)).await.expect("read");
    assert_eq!(got.as_deref(), Some(&b"here"[..]));
}
