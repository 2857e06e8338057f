//! Everything that lies in the store, for whoever looks for what nobody needs any more.
//!
//! What is needed is not known here.

use super::failure::{Error, failed};
use super::folder::{BlobFolder, Found};
use super::{Blobs, Place};
use crate::keys::{Folder, Key};
use domain::Millis;
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use std::time::UNIX_EPOCH;
use tokio::sync::mpsc;

/// How many files a walk is ahead of whoever reads the list.
const AHEAD: usize = 1024;

/// Something in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// What it is called.
    pub name: Name,
    /// Its length.
    pub bytes: u64,
    /// When it was stored.
    pub modified: Millis,
}

/// What something in the store is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A blob of ours.
    Key(Key),
    /// Something else, like what is left of an upload that was killed half-way.
    Unknown(String),
}

impl Name {
    fn new(name: &str) -> Self {
        name.parse()
            .map_or_else(|_| Self::Unknown(name.to_owned()), Self::Key)
    }
}

impl Blobs {
    /// All that lies in a folder, in no order. What is stored or deleted meanwhile may be missing
    /// or not.
    ///
    /// The list ends with the first error.
    #[must_use]
    pub fn list(&self, folder: Folder) -> BoxStream<'static, Result<Blob, Error>> {
        match &self.0.place {
            Place::Folder(place) => walk(place.clone(), folder),
            Place::Bucket(_) => {
                let within = Path::from(format!("{}/{}", self.0.prefix, folder.name()));
                let what = move || format!("cannot list {}", folder.name());
                let blobs = self.clone();
                let listed = self.0.objects.list(Some(&within));
                listed
                    .map(move |object| match object {
                        Ok(object) => Ok(blobs.named(&object)),
                        Err(error) => Err(failed(what, &error)),
                    })
                    .boxed()
            }
        }
    }

    /// Deletes what was found in a list; what is gone already may be deleted too.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_listed(&self, blob: &Blob) -> Result<(), Error> {
        let name = match &blob.name {
            Name::Key(key) => return self.delete(key).await,
            Name::Unknown(name) => name.clone(),
        };
        let what = format!("cannot delete {name}");
        if let Place::Bucket(_) = &self.0.place {
            let path = Path::parse(format!("{}/{name}", self.0.prefix))
                .map_err(|error| Error::Unavailable(format!("{what}: {error}")))?;
            return self.delete_all(vec![path]).await;
        }
        let job = move |folder: &BlobFolder| {
            folder.remove(&name)?;
            folder.tidy(&name);
            Ok(())
        };
        self.in_folder(|| what, job).await
    }

    fn named(&self, object: &ObjectMeta) -> Blob {
        let path = object.location.as_ref();
        let name = path.strip_prefix(self.0.prefix.as_ref()).unwrap_or(path);
        Blob {
            name: Name::new(name.trim_start_matches('/')),
            bytes: object.size,
            modified: Millis(object.last_modified.timestamp_millis()),
        }
    }
}

/// Walks through a folder on a thread that may wait for the disk, not further ahead than needed.
fn walk(place: BlobFolder, folder: Folder) -> BoxStream<'static, Result<Blob, Error>> {
    let (found, list) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let walked = place.walk(folder, |file| found.blocking_send(Ok(blob(file))).is_ok());
        if let Err(error) = walked {
            let message = format!("cannot list {}: {error}", folder.name());
            // Nobody wants the list any more if this fails.
            let _ = found.blocking_send(Err(Error::Unavailable(message)));
        }
    });
    stream::unfold(list, async |mut list| {
        list.recv().await.map(|blob| (blob, list))
    })
    .boxed()
}

fn blob(file: Found) -> Blob {
    let modified = file.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    Blob {
        name: Name::new(&file.name),
        bytes: file.bytes,
        modified: Millis(i64::try_from(modified.as_millis()).unwrap_or(i64::MAX)),
    }
}
