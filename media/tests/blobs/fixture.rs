//! A fresh blob store of each kind.

use bytes::Bytes;
use domain::photo::Format;
use domain::{CouponId, PhotoId};
use media::blobs::{Blobs, S3, Settings};
use media::keys::{Key, Size};
use std::path::PathBuf;
use tempfile::TempDir;
use test_s3::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY, Server};

/// An empty store and how to open it.
pub(crate) struct Fixture {
    pub(crate) blobs: Blobs,
    pub(crate) settings: Settings,
    pub(crate) place: Place,
}

pub(crate) enum Place {
    Folder(TempDir),
    Bucket(Server),
}

pub(crate) async fn folder() -> Fixture {
    let outer = tempfile::tempdir().expect("a folder");
    let path = outer.path().join("new/blobs");
    let settings = Settings {
        url: format!("file://{}", path.display()),
        s3: S3::default(),
    };
    Fixture {
        blobs: Blobs::open(&settings).expect("opened"),
        settings,
        place: Place::Folder(outer),
    }
}

pub(crate) async fn bucket() -> Fixture {
    let server = test_s3::server().await;
    let settings = Settings {
        url: format!("s3://{BUCKET}/some/prefix"),
        s3: S3 {
            endpoint: Some(server.endpoint()),
            region: Some(REGION.into()),
            access_key: Some(ACCESS_KEY.into()),
            secret_key: Some(SECRET_KEY.into()),
        },
    };
    Fixture {
        blobs: Blobs::open(&settings).expect("opened"),
        settings,
        place: Place::Bucket(server),
    }
}

impl Fixture {
    /// Where the blobs lie as files.
    pub(crate) fn files(&self) -> PathBuf {
        match &self.place {
            Place::Folder(outer) => outer.path().join("new/blobs"),
            Place::Bucket(server) => server.folder().join("some/prefix"),
        }
    }

    pub(crate) fn server(&mut self) -> &mut Server {
        match &mut self.place {
            Place::Bucket(server) => server,
            Place::Folder(_) => panic!("not a bucket"),
        }
    }

    pub(crate) async fn put(&self, key: &Key, text: &str) {
        let stored = self.blobs.put(key, Bytes::from(text.to_owned())).await;
        stored.unwrap_or_else(|error| panic!("{key}: {error}"));
    }

    /// The whole blob as text.
    pub(crate) async fn get(&self, key: &Key) -> Option<String> {
        let found = self.blobs.get(key).await.expect("the store is there");
        found.map(|bytes| String::from_utf8(bytes.to_vec()).expect("text"))
    }
}

/// A picture's id.
pub(crate) fn photo(number: u8) -> PhotoId {
    PhotoId::new(1_357_000_000, [number; 8])
}

/// A coupon's id.
pub(crate) fn coupon(number: u8) -> CouponId {
    CouponId::new(1_357_000_000, [number; 8])
}

/// The small picture.
pub(crate) fn thumb(number: u8) -> Key {
    Key::photo(photo(number), Size::Thumb, Format::Jpeg)
}
