//! The blob store: pictures and coupons in a folder of this machine, or in a bucket of S3.
//!
//! What the bytes are, who may have them and when they go is not known here.

mod failure;
mod folder;
mod open;
mod reading;
mod sweep;

pub use failure::{Error, OpenError};
pub use open::{S3, Settings};
pub use reading::{ByteRange, Conditions, Content, Reading};
pub use sweep::{Blob, Name};

use crate::keys::Key;
use bytes::Bytes;
use domain::PhotoId;
use failure::{failed, no_such_key};
use folder::BlobFolder;
use futures_util::stream::{self, StreamExt};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::signer::{Method, Signer};
use object_store::{Attribute, Attributes, ObjectStore, ObjectStoreExt, PutOptions, PutPayload};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The longest life that S3 allows a signed URL.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The blob store; cheap to clone.
///
/// A blob that was put is on disk and stays until it is deleted. Under its key there is all of it
/// or nothing, whatever dies when. An absent blob is no error, and one that cannot be reached is
/// never taken for absent.
#[derive(Clone)]
pub struct Blobs(Arc<Inner>);

struct Inner {
    objects: Arc<dyn ObjectStore>,
    /// What stands before every key in the bucket; empty in a folder.
    prefix: Path,
    place: Place,
}

enum Place {
    Folder(BlobFolder),
    Bucket(AmazonS3),
}

impl Blobs {
    /// Opens the store and, where it is a folder, makes it. A bucket is not asked before the first
    /// call, so that the server starts while S3 is away.
    ///
    /// # Errors
    /// When the settings make no sense, or the folder cannot be made.
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        open::open(settings).map(|inner| Self(Arc::new(inner)))
    }

    /// Stores a blob, in the place of the one that was there. When this returns, it is on disk.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the blob may be there nevertheless when S3's answer was lost.
    pub async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), Error> {
        let what = || format!("cannot store {key}");
        let mut options = PutOptions::default();
        match &self.0.place {
            // Else it would be stored below the place where the disk should be.
            Place::Folder(folder) if !folder.exists() => {
                let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
                return Err(Error::Unavailable(format!("{}: {gone}", what())));
            }
            Place::Folder(_) => {}
            Place::Bucket(_) => {
                // S3 serves it by signed URL, so it must know what it is.
                let kind = key.content_type().unwrap_or("application/octet-stream");
                options.attributes = Attributes::from_iter([(Attribute::ContentType, kind)]);
            }
        }
        let (path, payload) = (self.0.path(key), PutPayload::from_bytes(bytes));
        let stored = self.0.objects.put_opts(&path, payload, options).await;
        stored.map_err(|error| failed(what, &error))?;
        let name = key.to_string();
        self.in_folder(what, move |folder| folder.sync_above(&name))
            .await
    }

    /// The whole blob, if it is there.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn get(&self, key: &Key) -> Result<Option<Bytes>, Error> {
        let what = || format!("cannot read {key}");
        let found = match self.0.objects.get(&self.0.path(key)).await {
            Err(error) if self.0.lacks_only_this(&error) => return Ok(None),
            found => found.map_err(|error| failed(what, &error))?,
        };
        let bytes = found.bytes().await;
        bytes.map(Some).map_err(|error| failed(what, &error))
    }

    /// Deletes a blob; one that is not there may be deleted too.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete(&self, key: &Key) -> Result<(), Error> {
        self.delete_all(vec![self.0.path(key)]).await
    }

    /// Deletes every blob of a picture.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; some may be gone.
    pub async fn delete_photo(&self, id: PhotoId) -> Result<(), Error> {
        let keys = Key::all_of_photo(id);
        self.delete_all(keys.iter().map(|key| self.0.path(key)).collect())
            .await
    }

    /// A URL by which anybody can read the blob from S3 without us for so long, at most a week;
    /// none where the store is a folder.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the credentials to sign with cannot be had.
    pub async fn signed_url(&self, key: &Key, life: Duration) -> Result<Option<String>, Error> {
        let Place::Bucket(bucket) = &self.0.place else {
            return Ok(None);
        };
        let path = self.0.path(key);
        let signed = bucket.signed_url(Method::GET, &path, life.min(LONGEST));
        let what = || format!("cannot sign a link to {key}");
        let url = signed.await.map_err(|error| failed(what, &error))?;
        Ok(Some(url.into()))
    }

    /// Finds out whether the store can be used; cheap.
    ///
    /// # Errors
    /// [`Error::Unavailable`] says why not.
    pub async fn check(&self) -> Result<(), Error> {
        let what = || "the blob store is away".to_owned();
        if let Place::Bucket(bucket) = &self.0.place {
            // Nothing lies there, so the answer is short; only a list tells a missing bucket.
            let nothing = Path::from(format!("{}/check", self.0.prefix));
            if let Some(Err(error)) = bucket.list(Some(&nothing)).next().await {
                return Err(failed(what, &error));
            }
        }
        self.in_folder(what, BlobFolder::check).await
    }

    /// Does what has to wait for the disk; nothing where the store is a bucket.
    async fn in_folder(
        &self,
        what: impl FnOnce() -> String,
        job: impl FnOnce(&BlobFolder) -> std::io::Result<()> + Send + 'static,
    ) -> Result<(), Error> {
        let Place::Folder(folder) = &self.0.place else {
            return Ok(());
        };
        let folder = folder.clone();
        let done = tokio::task::spawn_blocking(move || job(&folder)).await;
        done.map_err(std::io::Error::other)
            .flatten()
            .map_err(|error| Error::Unavailable(format!("{}: {error}", what())))
    }

    async fn delete_all(&self, paths: Vec<Path>) -> Result<(), Error> {
        let what = || "cannot delete".to_owned();
        let each = stream::iter(paths.clone().into_iter().map(Ok)).boxed();
        let mut deleted = self.0.objects.delete_stream(each);
        let mut outcome = Ok(());
        while let Some(one) = deleted.next().await {
            match one {
                // The others are deleted all the same.
                Err(error) if !self.0.lacks_only_this(&error) => {
                    outcome = Err(failed(what, &error));
                }
                _ => {}
            }
        }
        outcome?;
        self.in_folder(what, move |folder| {
            paths.iter().for_each(|path| folder.tidy(path.as_ref()));
            Ok(())
        })
        .await
    }
}

impl Inner {
    fn path(&self, key: &Key) -> Path {
        Path::from(format!("{}/{key}", self.prefix))
    }

    /// Whether the blob is missing from a store that is there. Whoever takes a missing bucket or
    /// an unplugged disk for a missing picture throws the picture away.
    fn lacks_only_this(&self, error: &object_store::Error) -> bool {
        match &self.place {
            Place::Folder(folder) => {
                matches!(error, object_store::Error::NotFound { .. }) && folder.exists()
            }
            Place::Bucket(_) => no_such_key(error),
        }
    }
}

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.0.place {
            Place::Folder(_) => "folder",
            Place::Bucket(_) => "bucket",
        };
        write!(f, "Blobs({place})")
    }
}
