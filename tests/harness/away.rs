//! A folder that is away for a while, as a disk is that somebody pulled out, or full.

use std::path::{Path, PathBuf};

/// As long as it lives something else stands where the folder was.
pub(crate) struct Away {
    folder: PathBuf,
    kept: PathBuf,
}

impl Away {
    /// A file stands there: nobody can make the folder anew, not even root.
    pub(crate) fn take(folder: &Path) -> Self {
        let away = Self::hide(folder);
        std::fs::write(&away.folder, "away").expect("a file");
        away
    }

    /// A folder stands there that takes nothing.
    pub(crate) fn fill(folder: &Path) -> Self {
        let away = Self::hide(folder);
        std::os::unix::fs::symlink("/proc", &away.folder).expect("a link");
        away
    }

    fn hide(folder: &Path) -> Self {
        let mut kept = folder.as_os_str().to_owned();
        kept.push(".away");
        let away = Self {
            folder: folder.to_owned(),
            kept: kept.into(),
        };
        std::fs::rename(&away.folder, &away.kept).expect("taken away");
        away
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        std::fs::remove_file(&self.folder).expect("the file");
        std::fs::rename(&self.kept, &self.folder).expect("brought back");
    }
}
