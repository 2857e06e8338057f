//! The data folder: private, locked by the one server that runs on it, and home of the secret.
//!
//! What the stores in it contain is the business of those who open them.

use anyhow::{Context, Result, bail};
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A folder for the stores, the snapshots and the secret: mode 0700, its files 0600.
#[derive(Clone, Debug)]
pub struct DataFolder(PathBuf);

/// Held by the one process that serves this folder, until it is dropped or the process dies.
#[derive(Debug)]
pub struct Lock(File);

/// Whether somebody serves the folder.
#[derive(Debug)]
pub enum Claim {
    /// Nobody did; we do now.
    Ours(Lock),
    /// A server runs; where it answers, if it has said so.
    Served(Option<String>),
}

impl DataFolder {
    /// The folder at `path`, made if it is not there. A folder that was there keeps its mode: it
    /// may be shared for a reason; what is made in it is private anyway.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(path: &Path) -> Result<Self> {
        private_folder(path)?;
        let mode = std::fs::metadata(path).map_or(0, |found| found.permissions().mode());
        if mode & 0o007 != 0 {
            tracing::warn!(folder = %path.display(), "everybody can look into the data folder");
        }
        Ok(Self(path.to_owned()))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A folder in it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        private_folder(&path)?;
        Ok(path)
    }

    /// Makes an empty file that only we may read, unless it is there; an engine that finds it
    /// gives the files beside it the same mode.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn private_file(&self, name: &str) -> Result<()> {
        let path = self.0.join(name);
        open_private(&path).with_context(|| format!("cannot open {}", path.display()))?;
        Ok(())
    }

    /// Claims the folder, unless somebody else serves it.
    ///
    /// # Errors
    /// When the lock file cannot be opened or locked.
    pub fn claim(&self) -> Result<Claim> {
        let path = self.0.join("lock");
        let mut file =
            open_private(&path).with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                Ok(Claim::Ours(Lock(file)))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                Ok(Claim::Served(text.lines().next().map(str::to_owned)))
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }

    /// Claims the folder for a server.
    ///
    /// # Errors
    /// When another one runs on it.
    pub fn lock(&self) -> Result<Lock> {
        match self.claim()? {
            Claim::Ours(lock) => Ok(lock),
            Claim::Served(at) => bail!(
                "the data folder {} is in use by another lianlian{}",
                self.0.display(),
                at.map_or_else(String::new, |at| format!(" at {at}")),
            ),
        }
    }

    /// The secret that passwords and digests are derived from: made once. When two start at once,
    /// one makes it and both use it.
    ///
    /// # Errors
    /// When it cannot be written or read, or is too short to be one.
    pub fn secret(&self) -> Result<String> {
        let path = self.0.join("secret");
        if !path.exists() {
            self.make_secret(&path)
                .with_context(|| format!("cannot write the secret {}", path.display()))?;
        }
        let secret = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the secret {}", path.display()))?;
        let secret = secret.trim();
        if secret.len() < 16 {
            bail!(
                "the secret in {} is too short: restore it from a backup",
                path.display()
            );
        }
        Ok(secret.to_owned())
    }

    fn make_secret(&self, path: &Path) -> std::io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".secret")
            .tempfile_in(&self.0)?;
        writeln!(file, "{}", hex::encode(rand::random::<[u8; 32]>()))?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Err(lost) if lost.error.kind() != ErrorKind::AlreadyExists => return Err(lost.error),
            _ => {}
        }
        File::open(&self.0)?.sync_all()
    }
}

impl Lock {
    /// Tells the programs beside us where the server answers.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn announce(&mut self, url: &str) -> Result<()> {
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{url}\npid {}", std::process::id())
        };
        write(&mut self.0).context("cannot write the lock file")
    }
}

fn private_folder(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make the folder {}", path.display()))
}

fn open_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    // One that was restored from a backup may have come with another mode.
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path)
            .expect("is there")
            .permissions()
            .mode()
            & 0o777
    }

    fn folder() -> (tempfile::TempDir, DataFolder) {
        let outer = tempfile::tempdir().expect("a folder");
        let folder = DataFolder::open(&outer.path().join("a/data")).expect("made");
        (outer, folder)
    }

    #[test]
    fn what_is_made_is_private() {
        let (_outer, folder) = folder();
        folder.secret().expect("made");
        folder.private_file("events.sqlite").expect("made");
        let snapshots = folder.folder("snapshots").expect("made");
        assert_eq!((mode(folder.path()), mode(&snapshots)), (0o700, 0o700));
        for name in ["secret", "events.sqlite"] {
            assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn a_file_that_was_open_to_others_is_closed_and_kept() {
        let (_outer, folder) = folder();
        let path = folder.path().join("events.sqlite");
        std::fs::write(&path, "rows").expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("opened");
        folder.private_file("events.sqlite").expect("there");
        assert_eq!(
            (mode(&path), std::fs::read_to_string(&path).expect("read")),
            (0o600, "rows".into())
        );
    }

    #[test]
    fn the_secret_is_made_once_even_by_many_at_once() {
        let (_outer, folder) = folder();
        let secrets: Vec<String> = std::thread::scope(|scope| {
            let many: Vec<_> = (0..8).map(|_| scope.spawn(|| folder.secret())).collect();
            many.into_iter()
                .map(|one| one.join().expect("ran").expect("a secret"))
                .collect()
        });
        assert_eq!(secrets[0].len(), 64);
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        let left: Vec<_> = std::fs::read_dir(folder.path())
            .expect("readable")
            .collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_torn_secret_is_not_used() {
        let (_outer, folder) = folder();
        std::fs::write(folder.path().join("secret"), "\n").expect("written");
        let error = folder.secret().expect_err("too short").to_string();
        assert!(error.contains("backup"), "{error}");
    }

    #[test]
    fn a_second_server_on_the_same_folder_is_told_where_the_first_is() {
        let (_outer, folder) = folder();
        let mut lock = folder.lock().expect("free");
        lock.announce("http://127.0.0.1:4012").expect("written");
        let error = folder.lock().expect_err("taken").to_string();
        assert!(error.contains("http://127.0.0.1:4012"), "{error}");
        drop(lock);
        folder.lock().expect("free again");
    }
}
