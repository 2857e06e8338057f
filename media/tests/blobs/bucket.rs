//! What only a bucket can do and suffer.

use crate::fixture::{Fixture, thumb};
use bytes::Bytes;
use media::blobs::{Blobs, ByteRange, Conditions, Error, Settings};
use std::time::{Duration, Instant};
use test_s3::SECRET_KEY;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PATIENCE: Duration = Duration::from_secs(60);

impl Fixture {
    async fn signed_url(&self, life: Duration) -> String {
        let url = self.blobs.signed_url(&thumb(1), life).await;
        url.expect("signed").expect("a bucket signs")
    }

    /// Opens the store with other settings.
    fn opened(&self, change: impl FnOnce(&mut Settings)) -> Blobs {
        let mut settings = self.settings.clone();
        change(&mut settings);
        Blobs::open(&settings).expect("opened")
    }
}

/// What anybody gets who follows a link: status, type and text.
async fn follow(url: &str, range: Option<&str>) -> (u16, String, String) {
    let mut request = reqwest::Client::new().get(url);
    if let Some(range) = range {
        request = request.header("range", range);
    }
    let answer = request.send().await.expect("the server is there");
    let header = answer.headers().get("content-type");
    let kind = header.map_or("", |kind| kind.to_str().expect("text"));
    let (status, kind) = (answer.status().as_u16(), kind.to_owned());
    (status, kind, answer.text().await.expect("text"))
}

fn reason<T>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(Error::Unavailable(reason)) => reason,
        Ok(_) => panic!("nothing is wrong"),
    }
}

pub(crate) async fn anybody_can_follow_a_signed_link(store: Fixture) {
    store.put(&thumb(1), "0123456789").await;
    let url = store.signed_url(PATIENCE).await;
    let whole = follow(&url, None).await;
    assert_eq!(whole, (200, "image/png".into(), "0123456789".into()));
    let part = follow(&url, Some("bytes=2-4")).await;
    assert_eq!(part, (206, "image/png".into(), "234".into()));
    assert!(!url.contains(SECRET_KEY));
    // One that lives too long for S3 is shortened.
    let url = store.signed_url(Duration::from_secs(90 * 24 * 3600)).await;
    assert_eq!(follow(&url, None).await.0, 200);
}

pub(crate) async fn a_signed_link_ends(store: Fixture) {
    store.put(&thumb(1), "here").await;
    let url = store.signed_url(Duration::from_secs(1)).await;
    let give_up = Instant::now() + PATIENCE;
    while follow(&url, None).await.0 != 403 {
        assert!(Instant::now() < give_up, "it is followed for ever");
    }
}

pub(crate) async fn a_changed_link_leads_nowhere(mut store: Fixture) {
    store.put(&thumb(1), "here").await;
    store.put(&thumb(2), "there").await;
    let url = store.signed_url(PATIENCE).await;
    let (one, two) = (thumb(1).to_string(), thumb(2).to_string());
    let bare = format!(
        "{}/{}/some/prefix/{one}",
        store.server().endpoint(),
        test_s3::BUCKET
    );
    for changed in [
        url.replace(&one, &two),
        url.replace("X-Amz-Expires=60", "X-Amz-Expires=90"),
        url.replace("X-Amz-Signature=", "X-Amz-Signature=0"),
        bare,
    ] {
        assert_ne!(changed, url);
        let status = follow(&changed, None).await.0;
        assert!((400..404).contains(&status), "{status}: {changed}");
    }
}

pub(crate) async fn a_wrong_secret_is_refused_and_not_told(store: Fixture) {
    store.put(&thumb(1), "here").await;
    let secret = "a-wrong-secret-key";
    let blobs = store.opened(|settings| settings.s3.secret_key = Some(secret.into()));
    for reason in [
        reason(blobs.get(&thumb(1)).await),
        reason(blobs.put(&thumb(1), Bytes::new()).await),
        reason(blobs.delete(&thumb(1)).await),
        reason(blobs.check().await),
    ] {
        assert!(reason.contains("403"), "{reason}");
        assert!(!reason.contains(secret), "{reason}");
        assert!(!reason.contains(['<', '\n']), "{reason}");
    }
    assert_eq!(store.get(&thumb(1)).await.as_deref(), Some("here"));
}

pub(crate) async fn a_bucket_that_was_away_is_used_again_when_it_is_back(mut store: Fixture) {
    store.put(&thumb(1), "here").await;
    store.server().stop().await;
    let blobs = store.blobs.clone();
    for reason in [
        reason(blobs.get(&thumb(1)).await),
        reason(blobs.put(&thumb(1), Bytes::new()).await),
        reason(blobs.delete(&thumb(1)).await),
        reason(blobs.read(&thumb(1), Default::default()).await),
        reason(blobs.check().await),
    ] {
        assert!(
            reason.to_lowercase().contains("connection refused"),
            "{reason}"
        );
    }
    // Links need no server, and one may start while the store is away.
    store.signed_url(PATIENCE).await;
    let later = Blobs::open(&store.settings).expect("opened");
    store.server().start().await;
    for blobs in [blobs, later] {
        blobs.check().await.expect("it is back");
        let got = blobs.get(&thumb(1)).await.expect("it is back");
        assert_eq!(got.as_deref(), Some(&b"here"[..]));
    }
}

pub(crate) async fn a_missing_bucket_is_noticed(store: Fixture) {
    let blobs = store.opened(|settings| settings.url = "s3://elsewhere".into());
    reason(blobs.check().await);
}

pub(crate) async fn what_answers_in_the_place_of_s3_is_not_believed(store: Fixture) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let stranger = tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.expect("a connection");
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let answer =
                b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = socket.write_all(answer).await;
        }
    });
    let elsewhere =
        |settings: &mut Settings| settings.s3.endpoint = Some(format!("http://{address}"));
    let blobs = store.opened(elsewhere);
    let last = Conditions {
        range: Some(ByteRange::Last(1)),
        if_none_match: None,
    };
    for reason in [
        reason(blobs.get(&thumb(1)).await),
        reason(blobs.read(&thumb(1), Conditions::default()).await),
        reason(blobs.read(&thumb(1), last).await),
        reason(blobs.put(&thumb(1), Bytes::new()).await),
        reason(blobs.delete(&thumb(1)).await),
        reason(blobs.check().await),
    ] {
        assert!(reason.contains("404"), "{reason}");
    }
    stranger.abort();
}

pub(crate) async fn two_prefixes_share_a_bucket(store: Fixture) {
    store.put(&thumb(1), "ours").await;
    for url in ["s3://pictures/", "s3://pictures/some/prefix2"] {
        let other = store.opened(|settings| settings.url = url.into());
        assert_eq!(other.get(&thumb(1)).await, Ok(None), "{url}");
        other
            .put(&thumb(1), Bytes::from_static(b"theirs"))
            .await
            .expect("stored");
    }
    assert_eq!(store.get(&thumb(1)).await.as_deref(), Some("ours"));
    let listed = store.names(media::keys::Folder::Photos).await;
    assert_eq!(listed, [media::blobs::Name::Key(thumb(1))]);
}
