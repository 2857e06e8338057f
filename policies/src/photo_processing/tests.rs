//! A picture is shown or rejected, once, whatever dies when.

use super::*;
use crate::testing::{House, PATIENCE, person, picture, until};
use domain::album::PhotoAdded;
use eventlog::Metadata;

const ADDED: &str = "album.photo-added.v1";
const UPLOADED: &str = "photo.uploaded.v1";
const PROCESSED: &str = "photo.processed.v1";
const REJECTED: &str = "photo.rejected.v1";
const REMOVED: &str = "album.photo-removed.v1";

fn policy(house: &House) -> Arc<PhotoProcessing> {
    let (commands, blobs) = (house.commands.clone(), house.blobs.clone());
    Arc::new(PhotoProcessing::new(commands, blobs))
}

/// A house where the policy has run, so that it will see what happens from now on.
async fn house() -> House {
    let house = House::new().await;
    house.run(policy(&house)).await.stop(PATIENCE).await;
    house
}

/// Runs the policy until it has done all that happened.
async fn work(house: &House) {
    let mut policies = house.run(policy(house)).await;
    until("all is done", async || {
        let head = house.log.head().await.expect("a log");
        house.commands.policies().status()[0].position == head
    })
    .await;
    policies.stop(PATIENCE).await;
}

fn shown(added: &PhotoAdded) -> Vec<String> {
    let name = |size| format!("photos/{}/{size}.png", added.photo_id);
    (0..3).map(name).collect()
}

#[tokio::test]
async fn a_picture_is_shown_in_three_sizes_and_its_raw_bytes_go() {
    let house = house().await;
    let added = house.send(1, &picture()).await;
    work(&house).await;
    assert_eq!(house.types().await, [ADDED, UPLOADED, PROCESSED]);
    assert_eq!(house.stored(), shown(&added));
    let (processed, uploaded) = (house.event(3).await, house.event(2).await);
    assert_eq!(processed.metadata.causation, Some(uploaded.id));
}

#[tokio::test]
async fn what_is_no_picture_leaves_the_album_and_the_store() {
    let house = house().await;
    house.send(1, b"\x89PNG\r\n\x1a\n and then nothing").await;
    work(&house).await;
    assert_eq!(house.types().await, [ADDED, UPLOADED, REJECTED, REMOVED]);
    assert_eq!(house.stored(), [""; 0]);
}

#[tokio::test]
async fn bad_pictures_do_not_stop_the_good_ones() {
    let house = house().await;
    let good = house.send(1, &picture()).await;
    house.send(2, b"GIF89a").await;
    let after = house.send(3, &picture()).await;
    work(&house).await;
    let album = house.commands.album(person(1)).await.expect("a log");
    assert_eq!(album, [good.photo_id, after.photo_id]);
    assert_eq!(house.stored(), [shown(&good), shown(&after)].concat());
}

#[tokio::test]
async fn an_upload_that_died_before_its_second_event_is_completed() {
    let house = house().await;
    let added = house.store(1, &picture()).await;
    let stream = domain::StreamName::album(added.user_id);
    let new = eventlog::NewEvent {
        id: uuid::Uuid::now_v7(),
        time: domain::Millis(0),
        event: added.clone().into(),
        metadata: Metadata::default(),
    };
    let appended = house
        .log
        .append(&stream, eventlog::ExpectedRevision::Any, vec![new]);
    appended.await.expect("appended");
    work(&house).await;
    work(&house).await;
    assert_eq!(house.types().await, [ADDED, UPLOADED, PROCESSED]);
    assert_eq!(house.stored(), shown(&added));
}

#[tokio::test]
async fn seen_again_after_a_crash_nothing_happens_twice() {
    let house = house().await;
    let added = house.send(1, &picture()).await;
    house.send(2, b"GIF89a").await;
    work(&house).await;
    let before = (house.types().await, house.stored());
    // The crash came before the raw bytes were deleted, and before the checkpoint was noted.
    house.store(1, &picture()).await;
    for position in 1..=4 {
        let seen = policy(&house).react(&house.event(position).await, 1).await;
        seen.expect("nothing to do");
    }
    assert_eq!((house.types().await, house.stored()), before);
    assert!(before.1.contains(&shown(&added)[0]));
}

#[tokio::test]
async fn a_picture_that_was_taken_out_meanwhile_is_not_made() {
    let house = house().await;
    let kept = house.send(1, &picture()).await;
    let gone = house.send(2, &picture()).await;
    let removed = house.commands.remove_from_album(person(1), gone.photo_id);
    let _ = removed.await.expect("removed");
    work(&house).await;
    assert_eq!(house.stored(), shown(&kept));
}

#[tokio::test]
async fn bytes_that_are_not_there_are_a_lost_picture() {
    let house = house().await;
    let added = house.send(1, &picture()).await;
    let deleted = house.blobs.delete(&Key::raw(added.photo_id)).await;
    deleted.expect("a blob store");
    work(&house).await;
    let Event::PhotoRejected(rejected) = house.event(3).await.event else {
        panic!("not rejected");
    };
    assert_eq!(rejected.reason, Reason::Lost);
}

#[tokio::test]
async fn while_the_blob_store_is_away_a_picture_is_neither_shown_nor_rejected() {
    let house = house().await;
    house.send(1, &picture()).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = nobody.local_addr().expect("an address");
    drop(nobody);
    let away = Blobs::open(&media::blobs::Settings {
        url: "s3://pictures".into(),
        s3: media::blobs::S3 {
            endpoint: Some(format!("http://{address}")),
            region: Some("eu-central-1".into()),
            access_key: Some("key".into()),
            secret_key: Some("secret".into()),
        },
    });
    let away = PhotoProcessing::new(house.commands.clone(), away.expect("settings"));
    let refused = away.react(&house.event(2).await, 1).await;
    assert!(refused.is_err());
    assert_eq!(house.types().await, [ADDED, UPLOADED]);
}
