//! `lianlian-bench`: how fast the house is on this machine, and beside what.
//!
//! One file a benchmark; each prints tables, and says which goals it set itself. All of them stay
//! on this machine, are bounded in time, and leave nothing behind in the folder they measure in.

mod append;
mod checkin;
mod city;
mod crowd;
mod follows;
mod generator;
mod house;
mod http;
mod kept_log;
mod load;
mod machine;
mod people;
mod photos;
mod postgres;
mod ranking;
mod rebuild;
mod report;
mod runner;
mod start;
mod streets;
mod world;
mod xmpp;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};
use report::Report;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Loads and benchmarks of lianlian, each beside a peer where there is one.
#[derive(Parser)]
#[command(name = "lianlian-bench", version)]
struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
    #[command(flatten)]
    common: Common,
}

/// What every benchmark is told.
#[derive(Args)]
struct Common {
    /// A folder on the disk to measure; a temporary one is made in it and removed again
    #[arg(long, global = true, default_value = ".")]
    dir: PathBuf,
    /// How long each cell of a table is measured
    #[arg(long, global = true, default_value_t = 5.0, value_name = "SECONDS")]
    seconds: f64,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Benchmark {
    /// Durable appends to the event log, beside a raw loop of fdatasync
    Append(append::Options),
    /// Check-ins over HTTP through the whole house, beside the log alone
    Checkin(checkin::Options),
    /// Places among a million shops, beside Redis and PostGIS
    City(city::Options),
    /// Lists of people among millions of follows, beside textbook SQL
    People(follows::Options),
    /// What is published of photographs, beside the image crate, sharp and pyvips
    Photos(photos::Options),
    /// Where people are in the lists they are offered, in a made-up city, beside distance alone
    Ranking(ranking::Options),
    /// Building each read model anew, beside reading the log alone
    Rebuild(rebuild::Options),
    /// Start-up, memory and queries of a house with a large log
    Start(start::Options),
    /// Chat and rooms over XMPP, beside ejabberd
    Xmpp(xmpp::Options),
    /// The callers that `city` lets ask
    #[command(hide = true)]
    CityLoad,
    /// The index by itself that `city` measures
    #[command(hide = true)]
    CityIndex(city::index::Options),
    /// The house that the others measure
    #[command(hide = true)]
    House(house::Options),
    /// The work on photographs that `photos` measures
    #[command(hide = true)]
    PhotoWorker(photos::worker::Options),
    /// The clients that `xmpp` lets in
    #[command(hide = true)]
    XmppLoad,
}

impl Common {
    /// The temporary folder; removed when it is dropped.
    fn folder(&self) -> Result<TempDir> {
        tempfile::Builder::new()
            .prefix("lianlian-bench-")
            .tempdir_in(&self.dir)
            .with_context(|| format!("cannot make a folder in {}", self.dir.display()))
    }

    /// How long each cell is measured.
    fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { benchmark, common } = Arguments::parse();
    let sane = common.seconds.is_finite() && (0.1..=3_600.0).contains(&common.seconds);
    ensure!(sane, "--seconds must be from 0.1 to 3600");
    // As the product's own program does; clients then offer what phones do.
    server::install_provider();
    if let Benchmark::House(options) = benchmark {
        return house::run(options).await;
    }
    if let Benchmark::PhotoWorker(options) = benchmark {
        return photos::worker::run(&options);
    }
    if let Benchmark::CityIndex(options) = benchmark {
        return city::index::run(&options);
    }
    if let Benchmark::CityLoad = benchmark {
        return city::load::run().await;
    }
    if let Benchmark::XmppLoad = benchmark {
        return xmpp::load::run().await;
    }
    let machine = machine::Facts::measure(&common).await?;
    let report = tokio::select! {
        report = measure(benchmark, &common) => report?,
        // Leaving by this road drops the temporary folder and what runs in it.
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
    };
    report.print(&machine, common.json);
    Ok(())
}

async fn measure(benchmark: Benchmark, common: &Common) -> Result<Report> {
    match benchmark {
        Benchmark::Append(options) => append::run(options, common).await,
        Benchmark::Checkin(options) => checkin::run(options, common).await,
        Benchmark::City(options) => city::run(options, common).await,
        Benchmark::People(options) => follows::run(options, common).await,
        Benchmark::Photos(options) => photos::run(options, common).await,
        Benchmark::Ranking(options) => ranking::run(options, common).await,
        Benchmark::Rebuild(options) => rebuild::run(options, common).await,
        Benchmark::Start(options) => start::run(options, common).await,
        Benchmark::Xmpp(options) => xmpp::run(options, common).await,
        Benchmark::CityIndex(_)
        | Benchmark::CityLoad
        | Benchmark::House(_)
        | Benchmark::PhotoWorker(_)
        | Benchmark::XmppLoad => Ok(Report::default()),
    }
}

/// Says on standard error what takes a while.
fn tell(what: &str) {
    eprintln!("{what} …");
}
