//! A folder of this machine that holds blobs: nobody else reads it, and what was stored is on disk.
//!
//! Writing and reading single blobs is `object_store`'s; here is what it leaves undone.

use crate::keys::Folder;
use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Written and removed to find out whether the disk takes anything.
const CHECK: &str = ".check";

#[derive(Clone)]
pub(super) struct BlobFolder(PathBuf);

/// A file in the folder.
pub(super) struct Found {
    /// Its path inside the folder.
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
}

impl BlobFolder {
    /// Makes the folder, or takes one that is there and shuts others out.
    pub(super) fn make(path: &Path) -> io::Result<Self> {
        let private = |path: &Path| DirBuilder::new().recursive(true).mode(0o700).create(path);
        let missing: Vec<&Path> = path.ancestors().take_while(|path| !path.exists()).collect();
        private(path)?;
        if path.metadata()?.permissions().mode() & 0o077 != 0
            && let Err(error) = std::fs::set_permissions(path, Permissions::from_mode(0o700))
        {
            let shown = path.display();
            tracing::warn!("others may read the folder of blobs {shown}: {error}");
        }
        for folder in Folder::ALL {
            private(&path.join(folder.name()))?;
        }
        sync(path)?;
        for parent in missing.iter().filter_map(|made| made.parent()) {
            sync(parent)?;
        }
        Ok(Self(path.to_owned()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn exists(&self) -> bool {
        self.0.is_dir()
    }

    /// Makes sure that the folders above the one of a new blob are on disk.
    ///
    /// `object_store` syncs the blob, its folder, and the parents of folders that it made for it;
    /// but not of those that another upload has made a moment ago and not yet synced itself.
    pub(super) fn sync_above(&self, name: &str) -> io::Result<()> {
        let own = Path::new(name).parent().unwrap_or(Path::new(""));
        own.ancestors()
            .skip(1)
            .try_for_each(|above| sync(&self.0.join(above)))
    }

    /// Finds out whether files can be written.
    pub(super) fn check(&self) -> io::Result<()> {
        let path = self.0.join(CHECK);
        std::fs::write(&path, CHECK)?;
        match std::fs::remove_file(&path) {
            // Somebody else has checked at the same moment.
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes a file by its name inside the folder; an absent one is removed already.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.0.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Calls `found` for every file below one of the folders until it wants no more.
    ///
    /// Unlike `object_store` it names what an upload left behind that was killed half-way
    /// (`photos/509a…/1.png#1`), so that it can be removed.
    pub(super) fn walk(
        &self,
        folder: Folder,
        mut found: impl FnMut(Found) -> bool,
    ) -> io::Result<()> {
        let mut folders = vec![PathBuf::from(folder.name())];
        while let Some(folder) = folders.pop() {
            let Some(entries) = unless_gone(std::fs::read_dir(self.0.join(&folder)))? else {
                continue;
            };
            for entry in entries {
                let entry = entry?;
                let path = folder.join(entry.file_name());
                // Links are not followed: none is ours.
                let Some(metadata) = unless_gone(entry.metadata())? else {
                    continue;
                };
                if metadata.is_dir() {
                    folders.push(path);
                } else if let Some(name) = path.to_str() {
                    let file = Found {
                        name: name.to_owned(),
                        bytes: metadata.len(),
                        modified: metadata.modified()?,
                    };
                    if !found(file) {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}

/// What was deleted while we looked is none of our business.
fn unless_gone<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match looked {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        looked => looked.map(Some),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder) {
        // Deleting the last blob in it may have removed it again.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened?.sync_all(),
    }
}
