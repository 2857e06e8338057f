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

/// A folder with one private folder in it for each kind of blob. These are never removed, so that
/// a disk that is not there is not taken for an empty store.
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
    /// Makes the folder, or takes one that is there.
    pub(super) fn make(path: &Path) -> io::Result<Self> {
        let missing: Vec<&Path> = path.ancestors().take_while(|path| !path.exists()).collect();
        private(path)?;
        for folder in Folder::ALL {
            let folder = path.join(folder.name());
            private(&folder)?;
            // One that was restored from a backup may have come with another mode.
            if folder.metadata()?.permissions().mode() & 0o077 != 0 {
                std::fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
            }
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
        let is_there = |folder: Folder| self.0.join(folder.name()).is_dir();
        Folder::ALL.into_iter().all(is_there)
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

    /// Finds out whether the folders are there and files can be written.
    pub(super) fn check(&self) -> io::Result<()> {
        if !self.exists() {
            return Err(io::ErrorKind::NotFound.into());
        }
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
        match std::fs::remove_file(self.0.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes the folder of a blob that was removed, if it was the last one in it.
    pub(super) fn tidy(&self, name: &str) {
        let own = Path::new(name).parent();
        if let Some(own) = own.filter(|own| own.components().count() > 1) {
            // One that is not empty, or gone already, stays as it is.
            let _ = std::fs::remove_dir(self.0.join(own));
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
            let inner = folder.components().count() > 1;
            let entries = match std::fs::read_dir(self.0.join(&folder)) {
                Err(error) if inner && error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let path = folder.join(entry.file_name());
                // Links are not followed: none is ours. What was deleted meanwhile does not count.
                let metadata = match entry.metadata() {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    metadata => metadata?,
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

fn private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder) {
        // Deleting the last blob in it may have removed it again.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened?.sync_all(),
    }
}
