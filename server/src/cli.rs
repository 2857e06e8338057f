//! The command line: what can be asked of the binary, and who does it.

use crate::admin::Admin;
use crate::client::Target;
use crate::config::{self, Settings, SettingsFlags};
use crate::events::{Export, Tail};
use crate::import::Format;
use crate::{admin, demo, events, import, projections, serve, telemetry, tls};
use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// How long tasks in the background may delay the end of the program.
const LINGER: Duration = Duration::from_millis(500);

/// A server for a location-based social app: places, people and chat on one event log.
#[derive(Parser)]
#[command(name = "lianlian", version, arg_required_else_help = true)]
#[command(
    after_help = "Settings come from ./lianlian.toml, then from the environment \
(LIANLIAN_DATA_DIR, LIANLIAN_LIMITS__BODY_BYTES, …), then from flags.\n\
To see it at work: lianlian demo"
)]
struct Line {
    #[command(flatten)]
    settings: SettingsFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve,
    /// Show everything at work on bundled shops, in a temporary folder
    Demo {
        /// Without simulated people
        #[arg(long)]
        quiet: bool,
    },
    /// Print the settings that are in force, without what is secret
    Config,
    /// Import records from a file
    #[command(subcommand)]
    Import(Import),
    /// Look after the read models, of a running server or a stopped one
    #[command(subcommand)]
    Projections(ProjectionsOrder),
    /// Read the event log, one JSON object a line
    #[command(subcommand)]
    Events(Events),
    /// Do what the admin API does, from a shell
    Admin(Admin),
}

#[derive(Subcommand)]
enum Import {
    /// Import shops; beside a running server too, and as often as you like
    ///
    /// .osm.pbf: named places of OpenStreetMap. .csv: a header with the columns id, name, lat, lng,
    /// t (category, 1 to 6) and, if you like, address and phone. .ndjson: one object a line with
    /// the same keys. .geojson: points and areas, in a FeatureCollection or one a line, with the same
    /// keys as properties. A record that has not changed since the last import changes nothing.
    /// Killed half-way, the same import again goes on where it was.
    Shops {
        /// The file
        file: PathBuf,
        /// What it looks like [default: by the end of its name]
        #[arg(long)]
        format: Option<Format>,
        /// Stop at the first bad record, instead of reporting it and going on
        #[arg(long)]
        strict: bool,
    },
}

#[derive(Subcommand)]
enum ProjectionsOrder {
    /// Show how far each one is
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Build some anew from the first event, while the old ones go on serving
    Rebuild {
        /// Their names
        #[arg(required = true)]
        names: Vec<String>,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Subcommand)]
enum Events {
    /// Follow the log
    Tail(Tail),
    /// Write what is in the log now
    Export(Export),
}

/// The whole program.
pub(crate) fn run() -> ExitCode {
    let line = Line::parse();
    match start(line) {
        Ok(code) => code,
        // Whoever read our output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(line: Line) -> Result<ExitCode> {
    let flags = line.settings.assignments();
    let settings = config::load(line.settings.config.as_deref(), std::env::vars_os(), &flags)?;
    telemetry::start(&settings.log)?;
    tls::install_provider();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let outcome = runtime.block_on(dispatch(line.command, &settings));
    runtime.shutdown_timeout(LINGER);
    outcome
}

async fn dispatch(command: Command, settings: &Settings) -> Result<ExitCode> {
    match command {
        Command::Serve => serve::run(settings).await?,
        Command::Demo { quiet } => demo::run(settings, quiet).await?,
        Command::Config => std::io::stdout().write_all(settings.to_toml()?.as_bytes())?,
        Command::Import(Import::Shops {
            file,
            format,
            strict,
        }) => {
            if !import::run(settings, file, format, strict).await? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Projections(ProjectionsOrder::List { json, target }) => {
            projections::list(settings, &target, json).await?;
        }
        Command::Projections(ProjectionsOrder::Rebuild { names, target }) => {
            projections::rebuild(settings, &target, &names).await?;
        }
        Command::Events(Events::Tail(tail)) => events::tail(settings, tail).await?,
        Command::Events(Events::Export(export)) => events::export(settings, export).await?,
        Command::Admin(order) => admin::run(settings, order).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Line::command().debug_assert();
    }

    #[test]
    fn settings_are_taken_before_and_after_the_command() {
        let line = Line::try_parse_from([
            "lianlian",
            "--set",
            "log=warn",
            "serve",
            "--http-addr",
            "127.0.0.1:0",
            "--set",
            "a.b=c=d",
        ])
        .expect("a line");
        let given = line.settings.assignments();
        assert!(
            given.contains(&("http_addr".into(), "127.0.0.1:0".into())),
            "{given:?}"
        );
        assert!(given.contains(&("a.b".into(), "c=d".into())), "{given:?}");
    }

    #[test]
    fn only_a_closed_pipe_is_no_error() {
        let closed = anyhow::Error::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert!(is_broken_pipe(&closed.context("cannot print")));
        assert!(!is_broken_pipe(&anyhow::anyhow!("cannot print")));
    }
}
