//! Starting servers that others wrote: as whom, and where they listen.

use anyhow::{Context, Result};
use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use tokio::process::Command;

/// Somebody who may run servers: as root, another user of the machine.
#[derive(Clone, Copy)]
pub(crate) struct Runner(Option<(u32, u32)>);

impl Runner {
    /// `name` if we are root, whom servers do not like, or ourselves.
    ///
    /// # Errors
    /// When there is no such user.
    pub(crate) fn new(name: &str) -> Result<Self> {
        if fs::metadata("/proc/self")?.uid() != 0 {
            return Ok(Self(None));
        }
        let users = fs::read_to_string("/etc/passwd")?;
        let ids = users.lines().find_map(|line| {
            // `name:x:uid:gid:…`
            let fields = line.strip_prefix(name)?.strip_prefix(':')?;
            let mut fields = fields.split(':').skip(1).map(str::parse);
            Some((fields.next()?.ok()?, fields.next()?.ok()?))
        });
        Ok(Self(Some(ids.with_context(|| format!("no user {name}"))?)))
    }

    /// Makes a folder of its own in `folder`, which it can reach.
    pub(crate) fn folder(self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        if let (Some((user, group)), Some(around)) = (self.0, folder.parent()) {
            fs::set_permissions(around, Permissions::from_mode(0o711))?;
            chown(folder, Some(user), Some(group))?;
        }
        Ok(())
    }

    /// A command that it gives.
    pub(crate) fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command.kill_on_drop(true);
        command
    }
}

/// A port that nobody uses at the moment.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
