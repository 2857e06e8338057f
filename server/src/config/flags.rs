//! Settings on the command line.

use std::path::PathBuf;

/// Flags that every command takes.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct SettingsFlags {
    /// Read the settings from this file instead of ./lianlian.toml
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    pub config: Option<PathBuf>,
    /// The folder of the stores and the secret [default: ./data]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Settings")]
    data_dir: Option<String>,
    /// Where to listen for HTTP; port 0 picks a free one [default: 127.0.0.1:8080]
    #[arg(
        long,
        global = true,
        value_name = "HOST:PORT",
        help_heading = "Settings"
    )]
    http_addr: Option<String>,
    /// Where to listen for XMPP; port 0 picks a free one [default: 127.0.0.1:5222]
    #[arg(
        long,
        global = true,
        value_name = "HOST:PORT",
        help_heading = "Settings"
    )]
    xmpp_addr: Option<String>,
    /// Any setting by its name, like limits.body_bytes=1048576; `lianlian config` lists them all
    #[arg(
        long,
        global = true,
        value_name = "NAME=VALUE",
        help_heading = "Settings"
    )]
    #[arg(value_parser = assignment)]
    set: Vec<(String, String)>,
}

impl SettingsFlags {
    /// The settings that were given, by name.
    #[must_use]
    pub fn assignments(&self) -> Vec<(String, String)> {
        let named = [
            ("data_dir", &self.data_dir),
            ("http_addr", &self.http_addr),
            ("xmpp_addr", &self.xmpp_addr),
        ];
        let named = named
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        self.set.iter().cloned().chain(named).collect()
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}
