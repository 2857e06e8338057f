//! Listing everything, and deleting what was listed.

use crate::fixture::{Fixture, coupon, photo, thumb};
use futures_util::TryStreamExt;
use media::blobs::{Blob, Name};
use media::keys::{Folder, Key};

impl Fixture {
    pub(crate) async fn list(&self, folder: Folder) -> Vec<Blob> {
        let listed = self.blobs.list(folder).try_collect().await;
        listed.expect("the store is there")
    }

    pub(crate) async fn names(&self, folder: Folder) -> Vec<Name> {
        let listed = self.list(folder).await;
        listed.into_iter().map(|blob| blob.name).collect()
    }
}

pub(crate) async fn a_list_names_what_is_there_and_when_it_came(store: Fixture) {
    // More than S3 puts on one page, and than a walk is ahead of its reader.
    let many = (0..1_100_u32).map(|i| domain::PhotoId::new(i, [0; 8]));
    for id in many.clone() {
        store.put(&Key::raw(id), "raw").await;
    }
    store.put(&thumb(1), "shown").await;
    store.put(&Key::coupon_image(coupon(1)), "merchant's").await;
    let mut raw: Vec<_> = store.list(Folder::Raw).await;
    assert!(
        raw.iter()
            .all(|blob| blob.bytes == 3 && blob.modified.0 > 1_700_000_000_000)
    );
    raw.sort_by_key(|blob| format!("{:?}", blob.name));
    let names: Vec<_> = raw.into_iter().map(|blob| blob.name).collect();
    let expected: Vec<_> = many.map(|id| Name::Key(Key::raw(id))).collect();
    assert!(names == expected, "{} of {}", names.len(), expected.len());
    assert_eq!(store.names(Folder::Photos).await, [Name::Key(thumb(1))]);
    let coupons = store.names(Folder::Coupons).await;
    assert_eq!(coupons, [Name::Key(Key::coupon_image(coupon(1)))]);
}

pub(crate) async fn what_is_not_ours_is_listed_and_can_be_deleted(store: Fixture) {
    store.put(&thumb(1), "ours").await;
    let strange = store.files().join("photos/sub folder");
    std::fs::create_dir_all(&strange).expect("a folder");
    std::fs::write(strange.join("ö.txt"), "theirs").expect("a file");
    let listed = store.list(Folder::Photos).await;
    assert_eq!(listed.len(), 2, "{listed:?}");
    for blob in listed {
        if let Name::Unknown(name) = &blob.name {
            assert_eq!(name, "photos/sub folder/ö.txt");
            store.blobs.delete_listed(&blob).await.expect("deleted");
            store
                .blobs
                .delete_listed(&blob)
                .await
                .expect("gone already");
        }
    }
    assert_eq!(store.names(Folder::Photos).await, [Name::Key(thumb(1))]);
    for blob in store.list(Folder::Photos).await {
        store.blobs.delete_listed(&blob).await.expect("deleted");
    }
    assert_eq!(store.get(&thumb(1)).await, None);
}

pub(crate) async fn a_store_that_is_empty_has_empty_lists(store: Fixture) {
    store.put(&Key::raw(photo(1)), "x").await;
    store.blobs.delete_photo(photo(1)).await.expect("deleted");
    for folder in Folder::ALL {
        assert_eq!(store.list(folder).await, []);
    }
}
