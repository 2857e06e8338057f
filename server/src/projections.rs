//! `lianlian projections`: how the read models are, and building them anew, on a running server
//! through its admin API, else on the stores themselves.

use crate::client::{AdminClient, Target};
use crate::config::Settings;
use crate::folder::{Claim, DataFolder, Lock};
use crate::wiring;
use anyhow::{Context, Result, bail, ensure};
use eventlog::EventLog;
use indicatif::{ProgressBar, ProgressStyle};
use projections::Projections;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a rebuild is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// How often a plain line tells of a rebuild where there is no terminal.
const PLAIN: Duration = Duration::from_secs(5);

/// How a projection is, as the admin API tells it.
#[derive(Clone, Debug, Deserialize)]
struct Row {
    name: String,
    kind: String,
    version: u64,
    position: u64,
    lag: u64,
    state: State,
    failing: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
enum State {
    Running,
    CatchingUp,
    Rebuilding {
        done: u64,
        of: u64,
        per_second: u64,
        seconds_left: Option<u64>,
    },
    Paused {
        position: u64,
        #[serde(rename = "type")]
        type_name: String,
        error: String,
    },
    /// A newer server says something that we do not know.
    #[serde(other)]
    Other,
}

/// Whom to ask.
enum Desk {
    /// The server that runs on the data folder.
    Server(AdminClient),
    /// Nobody runs on it: we do it ourselves, and nobody may start meanwhile.
    Own {
        projections: Arc<Projections>,
        log: Arc<dyn EventLog>,
        _lock: Lock,
    },
}

/// `lianlian projections list`.
///
/// # Errors
/// When neither a server nor the stores can be reached.
pub(crate) async fn list(settings: &Settings, target: &Target, json: bool) -> Result<()> {
    let desk = Desk::open(settings, target).await?;
    let status = desk.status().await;
    desk.close().await;
    let status = status?;
    let text = if json {
        format!("{status}\n")
    } else {
        table(&rows(status)?)
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// `lianlian projections rebuild`.
///
/// # Errors
/// An unknown name; a rebuild that met an event that it cannot fold.
pub(crate) async fn rebuild(settings: &Settings, target: &Target, names: &[String]) -> Result<()> {
    let desk = Desk::open(settings, target).await?;
    let outcome = rebuild_at(&desk, names).await;
    desk.close().await;
    outcome
}

async fn rebuild_at(desk: &Desk, names: &[String]) -> Result<()> {
    let known = rows(desk.status().await?)?;
    for name in names {
        ensure!(
            known.iter().any(|row| row.name == *name),
            "there is no projection named {name}"
        );
    }
    let mut shown = Shown::default();
    for name in names {
        desk.begin(name).await?;
    }
    loop {
        let rows = rows(desk.status().await?)?;
        let rows = rows.iter().filter(|row| names.contains(&row.name));
        if shown.update(rows) {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    for name in names {
        desk.finish(name).await?;
    }
    for row in rows(desk.status().await?)? {
        if names.contains(&row.name) {
            if let State::Paused { .. } = row.state {
                bail!("{}: {}", row.name, row.doing());
            }
            writeln!(
                std::io::stdout(),
                "rebuilt {} up to position {}",
                row.name,
                row.position
            )?;
        }
    }
    Ok(())
}

impl Desk {
    async fn open(settings: &Settings, target: &Target) -> Result<Self> {
        if target.url.is_some() {
            return Ok(Self::Server(AdminClient::new(settings, target)?));
        }
        let folder = DataFolder::open(&settings.data_dir)?;
        match folder.claim()? {
            Claim::Served(_) => {
                let client = AdminClient::new(settings, target)
                    .context("a server runs on this data folder, so it must be asked")?;
                Ok(Self::Server(client))
            }
            Claim::Ours(lock) => {
                let log = wiring::open_log(settings, &folder).await?;
                let projections = wiring::open_projections(settings, &folder, log.clone()).await?;
                Ok(Self::Own {
                    projections,
                    log,
                    _lock: lock,
                })
            }
        }
    }

    /// An array of what [`Row`] describes.
    async fn status(&self) -> Result<Value> {
        match self {
            Self::Server(client) => {
                let mut answer = client.call(Method::GET, &["projections"], None).await?;
                Ok(answer["projections"].take())
            }
            Self::Own { projections, .. } => {
                serde_json::to_value(projections.status()).context("the status")
            }
        }
    }

    async fn begin(&self, name: &str) -> Result<()> {
        match self {
            Self::Server(client) => {
                client
                    .call(Method::POST, &["projections", name, "rebuild"], None)
                    .await?;
            }
            Self::Own { projections, .. } => projections.rebuild(name).await?,
        }
        Ok(())
    }

    /// What became of a rebuild that is over.
    async fn finish(&self, name: &str) -> Result<()> {
        match self {
            // The status says it.
            Self::Server(_) => Ok(()),
            Self::Own { projections, .. } => Ok(projections.rebuilt(name).await?),
        }
    }

    async fn close(self) {
        if let Self::Own {
            projections, log, ..
        } = self
        {
            wiring::stop(&projections, &*log).await;
        }
    }
}

fn rows(status: Value) -> Result<Vec<Row>> {
    serde_json::from_value(status).context("the server's status cannot be read")
}

impl Row {
    /// What it is doing, in words.
    fn doing(&self) -> String {
        let state = match &self.state {
            State::Running => "running".to_owned(),
            State::CatchingUp => "catching up".to_owned(),
            State::Rebuilding {
                done,
                of,
                per_second,
                seconds_left,
            } => {
                let left = seconds_left.map_or_else(String::new, |s| format!(", {s} s left"));
                format!("rebuilding, {done} of {of}, {per_second}/s{left}")
            }
            State::Paused {
                position,
                type_name,
                error,
            } => {
                format!("paused before event {position} ({type_name}): {error}")
            }
            State::Other => "unknown".to_owned(),
        };
        match &self.failing {
            Some(why) => format!("{state}; failing: {why}"),
            None => state,
        }
    }
}

/// Columns as wide as their widest cell.
fn table(rows: &[Row]) -> String {
    let head = ["NAME", "KIND", "VERSION", "POSITION", "LAG", "STATE"].map(str::to_owned);
    let mut cells = vec![head];
    for row in rows {
        cells.push([
            row.name.clone(),
            row.kind.clone(),
            row.version.to_string(),
            row.position.to_string(),
            row.lag.to_string(),
            row.doing(),
        ]);
    }
    let width = |at: usize| {
        cells
            .iter()
            .map(|row| row[at].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let padded: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    cells.iter().map(line).collect()
}

/// Rebuilds as they are shown on standard error.
#[derive(Default)]
struct Shown {
    bars: HashMap<String, ProgressBar>,
    last_line: Option<Instant>,
}

impl Shown {
    /// Shows `rows`; whether all of them are over.
    fn update<'a>(&mut self, rows: impl Iterator<Item = &'a Row>) -> bool {
        let terminal = std::io::stderr().is_terminal();
        let plain = !terminal && self.last_line.is_none_or(|last| last.elapsed() >= PLAIN);
        let mut over = true;
        for row in rows {
            let State::Rebuilding { done, of, .. } = row.state else {
                if let Some(bar) = self.bars.remove(&row.name) {
                    bar.finish_and_clear();
                }
                continue;
            };
            over = false;
            if terminal {
                let bar = self.bars.entry(row.name.clone()).or_insert_with(|| {
                    let style = ProgressStyle::with_template("{bar:32} {percent:>3} %  {msg}");
                    ProgressBar::new(of)
                        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
                });
                bar.set_length(of);
                bar.set_position(done);
                bar.set_message(format!("{}: {}", row.name, row.doing()));
            } else if plain {
                let _ = writeln!(std::io::stderr(), "{}: {}", row.name, row.doing());
                self.last_line = Some(Instant::now());
            }
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_table_tells_what_each_one_is_doing() {
        let status = json!([
            {"name": "occupancy", "kind": "memory", "version": 1, "position": 90, "head": 90, "lag": 0,
             "state": {"name": "running"}, "failing": null},
            {"name": "traces", "kind": "sql", "version": 2, "position": 90, "head": 100, "lag": 10,
             "state": {"name": "paused", "position": 91, "type": "x.y.v1", "error": "odd"},
             "failing": null},
            {"name": "profiles", "kind": "sql", "version": 1, "position": 9, "head": 100, "lag": 91,
             "state": {"name": "rebuilding", "done": 5, "of": 10, "per_second": 3, "seconds_left": 2},
             "failing": "the disk is full"},
            {"name": "new", "kind": "sql", "version": 1, "position": 9, "head": 9, "lag": 0,
             "state": {"name": "dreaming", "of": "sheep"}, "failing": null},
        ]);
        let expected = "\
NAME       KIND    VERSION  POSITION  LAG  STATE
occupancy  memory  1        90        0    running
traces     sql     2        90        10   paused before event 91 (x.y.v1): odd
profiles   sql     1        9         91   rebuilding, 5 of 10, 3/s, 2 s left; failing: the disk is full
new        sql     1        9         0    unknown
";
        assert_eq!(table(&rows(status).expect("rows")), expected);
    }
}
