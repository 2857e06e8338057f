//! What only a folder of this machine can do and suffer.

use crate::fixture::{Fixture, photo, thumb};
use bytes::Bytes;
use futures_util::TryStreamExt;
use media::blobs::{Blob, Blobs, Error, Name};
use media::keys::{Folder, Key};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

pub(crate) async fn the_folder_is_private(store: Fixture) {
    let mode = |name: &str| {
        let metadata = fs::metadata(store.files().join(name)).expect("it is there");
        metadata.permissions().mode() & 0o777
    };
    let photos = store.files().join("photos");
    for name in ["..", "", "raw", "photos", "coupons"] {
        assert_eq!(mode(name), 0o700, "{name}");
    }
    // Somebody else's folder stays as it is; what is ours in it is private all the same.
    for folder in [store.files(), photos] {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("ours");
    }
    Blobs::open(&store.settings).expect("opened");
    assert_eq!((mode(""), mode("photos")), (0o755, 0o700));
    store.put(&thumb(1), "a picture").await;
    store.blobs.delete(&thumb(1)).await.expect("deleted");
    assert_eq!(mode("photos"), 0o700);
    assert!(!store.files().join(format!("photos/{}", photo(1))).exists());
}

pub(crate) async fn what_a_killed_upload_left_is_never_read_and_can_be_swept(store: Fixture) {
    store.put(&Key::raw(photo(1)), "whole").await;
    // What object_store writes to before it puts it in its place.
    let half = store.files().join(format!("{}#1", Key::raw(photo(2))));
    fs::write(&half, "hal").expect("a file");
    assert_eq!(store.get(&Key::raw(photo(2))).await, None);
    store.put(&Key::raw(photo(2)), "whole").await;
    assert_eq!(
        store.get(&Key::raw(photo(2))).await.as_deref(),
        Some("whole")
    );

    let name = Name::Unknown(format!("raw/{}#1", photo(2)));
    let listed = store.list(Folder::Raw).await;
    assert_eq!(listed.len(), 3, "{listed:?}");
    let left: Vec<Blob> = listed
        .into_iter()
        .filter(|blob| blob.name == name)
        .collect();
    let [left] = left.as_slice() else {
        panic!("{left:?}");
    };
    store.blobs.delete_listed(left).await.expect("deleted");
    assert!(!half.exists());
    assert_eq!(store.list(Folder::Raw).await.len(), 2);
}

pub(crate) async fn a_folder_that_is_gone_is_not_taken_for_an_empty_one(store: Fixture) {
    store.put(&thumb(1), "here").await;
    // As if the disk were not mounted.
    fs::remove_dir_all(store.files()).expect("removed");
    fs::create_dir(store.files()).expect("an empty folder");
    let blobs = &store.blobs;
    let unavailable = |outcome: Result<(), Error>| {
        let Err(Error::Unavailable(reason)) = outcome else {
            panic!("nothing is wrong");
        };
        assert!(
            reason.contains("not found") || reason.contains("os error 2"),
            "{reason}"
        );
    };
    unavailable(blobs.check().await);
    unavailable(blobs.get(&thumb(1)).await.map(drop));
    unavailable(blobs.read(&thumb(1), Default::default()).await.map(drop));
    unavailable(blobs.put(&thumb(1), Bytes::new()).await);
    unavailable(blobs.delete(&thumb(1)).await);
    let listed: Result<Vec<Blob>, Error> = blobs.list(Folder::Photos).try_collect().await;
    unavailable(listed.map(drop));
}

pub(crate) async fn what_cannot_be_written_is_not_there(store: Fixture) {
    // No permission stops the superuser, who may run the tests; a file where a folder must be does.
    let folder = store.files().join(format!("photos/{}", photo(1)));
    fs::write(folder, "").expect("a file");
    let put = store.blobs.put(&thumb(1), Bytes::from_static(b"x")).await;
    let Err(Error::Unavailable(reason)) = put else {
        panic!("stored");
    };
    assert!(reason.starts_with("cannot store photos/"), "{reason}");
    store.put(&Key::raw(photo(1)), "elsewhere is room").await;
}
