//! Settings that make no sense, and what is printed of those that do.

use media::blobs::{Blobs, OpenError, S3, Settings};

fn opened(url: &str, s3: S3) -> Result<(), OpenError> {
    let url = url.to_owned();
    Blobs::open(&Settings { url, s3 }).map(drop)
}

#[test]
fn a_url_names_a_folder_or_a_bucket() {
    for url in [
        "",
        "blobs",
        "/var/blobs",
        "file:",
        "file:blobs",
        "file:///",
        "file://elsewhere/blobs",
        "file:///tmp/blobs?x",
        "s3://",
        "s3://key:secret@bucket",
        "s3://bucket/a//b",
        "http://bucket/",
    ] {
        assert_eq!(opened(url, S3::default()), Err(OpenError::Url), "{url}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_told_with_its_name() {
    let Err(OpenError::Folder(reason)) = opened("file:///dev/null/blobs", S3::default()) else {
        panic!("opened");
    };
    assert!(reason.starts_with("/dev/null/blobs: "), "{reason}");
}

#[test]
fn half_a_key_is_refused() {
    let half = S3 {
        access_key: Some("key".into()),
        ..S3::default()
    };
    let refused = opened("s3://bucket", half);
    assert!(matches!(refused, Err(OpenError::Bucket(_))), "{refused:?}");
}

#[test]
fn keys_are_not_printed() {
    let settings = Settings {
        url: "s3://bucket".into(),
        s3: S3 {
            access_key: Some("hush-1".into()),
            secret_key: Some("hush-2".into()),
            ..S3::default()
        },
    };
    assert!(!format!("{settings:?}").contains("hush"));
    let blobs = Blobs::open(&settings).expect("opened");
    assert_eq!(format!("{blobs:?}"), "Blobs(bucket)");
}
