//! Snapshots of the projections in memory, so that a start does not replay the whole log.
//!
//! A snapshot is a convenience: whenever one is in doubt it is thrown away and the log replayed.
//! A file is a header and the model, written by postcard.

use domain::Position;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The first bytes of every snapshot.
const MAGIC: &[u8; 8] = b"llsnap01";

/// So much of a file is on disk before more of it is written. Otherwise a log on the same disk would
/// wait for all of it with its next sync, and whoever appends with it.
const PIECE: usize = 4 << 20;

/// What stands before the model.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    name: String,
    version: u32,
    /// The model contains every event up to this one.
    position: u64,
    /// Of everything else: see [`checksum`].
    sha256: [u8; 32],
}

/// Where snapshots lie, and how often they are taken.
#[derive(Clone, Debug)]
pub(crate) struct Snapshots {
    dir: Option<PathBuf>,
    /// After how many events.
    pub(crate) every: u64,
}

impl Snapshots {
    pub(crate) fn new(dir: Option<PathBuf>, every: u64) -> Self {
        Self {
            dir,
            every: every.max(1),
        }
    }

    /// Whether any are taken.
    pub(crate) fn wanted(&self) -> bool {
        self.dir.is_some()
    }

    /// The last snapshot of `name`, whatever it is worth. Blocks.
    pub(crate) fn load(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.path(name)?).ok()
    }

    /// Puts `file` in the place of the last snapshot of `name`: a reader, also one after a power
    /// cut, finds either of the two, whole. Blocks.
    pub(crate) fn store(&self, name: &str, file: &[u8]) {
        let Some(path) = self.path(name) else { return };
        if let Err(error) = replace(&path, file) {
            tracing::warn!(projection = name, %error, "snapshot not written");
        }
    }

    /// Removes the snapshot of `name`, which belongs to another log. Blocks.
    pub(crate) fn discard(&self, name: &str) {
        if let Some(path) = self.path(name) {
            let _ = fs::remove_file(path);
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.dir.as_ref()?.join(format!("{name}.snapshot")))
    }
}

/// The bytes of a snapshot; `None` (and a warning) when the model cannot be written down.
pub(crate) fn write<P: Serialize>(
    name: &str,
    version: u32,
    position: Position,
    state: &P,
) -> Option<Vec<u8>> {
    let bytes = || -> postcard::Result<Vec<u8>> {
        let model = postcard::to_stdvec(state)?;
        let header = postcard::to_stdvec(&Header {
            name: name.into(),
            version,
            position: position.0,
            sha256: checksum(name, version, position.0, &model),
        })?;
        Ok([MAGIC.as_slice(), &header, &model].concat())
    };
    bytes()
        .inspect_err(|error| tracing::warn!(projection = name, %error, "snapshot not made"))
        .ok()
}

/// The model in a snapshot of this name and version; `None` when the file is anything else.
pub(crate) fn read<P: DeserializeOwned>(
    name: &str,
    version: u32,
    file: &[u8],
) -> Option<(Position, P)> {
    let file = file.strip_prefix(MAGIC)?;
    let (header, model) = postcard::take_from_bytes::<Header>(file).ok()?;
    let ours = header.name == name && header.version == version;
    let whole = header.sha256 == checksum(name, version, header.position, model);
    if !(ours && whole) {
        return None;
    }
    let (state, rest) = postcard::take_from_bytes(model).ok()?;
    rest.is_empty()
        .then_some((Position(header.position), state))
}

fn checksum(name: &str, version: u32, position: u64, model: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(name)
        .chain_update(version.to_le_bytes())
        .chain_update(position.to_le_bytes())
        .chain_update(model)
        .finalize()
        .into()
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let temporary = path.with_extension("writing");
    let mut file = File::create(&temporary)?;
    for piece in bytes.chunks(PIECE) {
        file.write_all(piece)?;
        file.sync_data()?;
    }
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    // The name is on disk only when its folder is.
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        write("model", 3, Position(9), &vec![1_u32, 2]).expect("a snapshot")
    }

    fn model(version: u32, file: &[u8]) -> Option<(Position, Vec<u32>)> {
        read("model", version, file)
    }

    #[test]
    fn a_snapshot_reads_back() {
        assert_eq!(model(3, &file()), Some((Position(9), vec![1, 2])));
    }

    #[test]
    fn a_snapshot_of_another_version_or_name_is_none() {
        assert_eq!(model(4, &file()), None);
        assert_eq!(read::<Vec<u32>>("other", 3, &file()), None);
    }

    #[test]
    fn a_snapshot_is_none_wherever_it_is_cut_off_or_broken() {
        let whole = file();
        for at in 0..whole.len() {
            assert_eq!(model(3, &whole[..at]), None, "cut off at {at}");
            let mut broken = whole.clone();
            broken[at] ^= 1;
            assert_eq!(model(3, &broken), None, "broken at {at}");
        }
        assert_eq!(model(3, &[whole.as_slice(), &[0]].concat()), None);
    }

    #[test]
    fn storing_replaces_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().expect("a folder");
        let snapshots = Snapshots::new(Some(dir.path().join("deep")), 1);
        snapshots.store("model", b"one");
        snapshots.store("model", b"two");
        assert_eq!(snapshots.load("model").as_deref(), Some(&b"two"[..]));
        let files = fs::read_dir(dir.path().join("deep")).expect("the folder");
        assert_eq!(files.count(), 1);
    }
}
