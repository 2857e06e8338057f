//! What lies in the blob store of a house, for whoever looks behind it.

use super::House;
use futures_util::StreamExt;
use media::blobs::{Blobs, Name};
use media::keys::Folder;
use std::path::PathBuf;

impl House {
    /// Where the pictures lie.
    pub(crate) fn blobs(&self) -> &Blobs {
        &self.parts.blobs
    }

    /// The folder in which they lie, unless the house was told otherwise.
    pub(crate) fn blob_folder(&self) -> PathBuf {
        self.plan.folder.path().join("blobs")
    }

    /// The names of all blobs.
    pub(crate) async fn blob_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for folder in Folder::ALL {
            let listed: Vec<_> = self.blobs().list(folder).collect().await;
            let listed = listed.into_iter().map(|blob| blob.expect("a blob").name);
            names.extend(listed.map(|name| match name {
                Name::Key(key) => key.to_string(),
                other => format!("{other:?}"),
            }));
        }
        names.sort();
        names
    }
}
