//! `xmpp`: chat, rooms and logins over XMPP, beside ejabberd from Debian.
//!
//! The servers take turns with each kind of load, so that the machine's moods meet all of them. The
//! clients are a process of their own, and behave alike whomever they talk to. Ours stores every
//! message before anybody sees it; ejabberd is measured storing (mod_mam in PostgreSQL, and in
//! SQLite, as ours) and not storing.

mod client;
mod ejabberd;
mod generator;
pub(crate) mod load;
mod peer;

use crate::report::{Cell, Report, Table};
use crate::{Common, tell};
use anyhow::{Result, ensure};
use ejabberd::{Archive, Ejabberd};
use generator::{Measured, measure};
use load::{Job, Rooms, Work};
use peer::{Peer, People};
use std::path::Path;
use std::time::Duration;

/// The most clients of a load that is not idle: 20 rooms of 50, and one who does not read.
const BUSY: usize = 1_001;

/// KiB of memory that an idle connection may take, plain and with TLS.
const PLAIN_KIB: f64 = 8.0;
const TLS_KIB: f64 = 16.0;

/// How many times as much as ejabberd.
const ROOMS_GOAL: f64 = 3.0;
const CPU_GOAL: f64 = 4.0;
const CHAT_GOAL: f64 = 2.0;
const LOGINS_GOAL: f64 = 3.0;

/// How many log in at the same time: as when phones come back after a break.
const AT_ONCE: usize = 256;

/// How many sentences a message has where somebody does not read: 1 KB, so that much lies on its way
/// to them soon.
const LONG: usize = 15;

/// The share of the speed that must be left when somebody does not read.
const DEAF_GOAL: f64 = 0.8;

/// What `xmpp` is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many connections are idle
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// Pairs who talk
    #[arg(long, default_value_t = 50)]
    pairs: usize,
    /// How many messages of each who talk are on their way
    #[arg(long, default_value_t = 8)]
    window: usize,
    /// How often each server has its turn with each load
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Where ejabberd archives when it does, each in its turn; "none" for not at all
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["postgres", "sqlite"])]
    archive: Vec<Archive>,
    /// Measure ours alone
    #[arg(long)]
    alone: bool,
    /// Only these loads
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Memory of idle connections
    Idle,
    /// One room of 200, twenty of 50
    Rooms,
    /// Pairs who talk
    Chat,
    /// Logins
    Logins,
    /// Somebody in a room who does not read
    Deaf,
}

/// One kind of load.
struct Load {
    name: &'static str,
    part: Part,
    people: usize,
    tls: bool,
    work: Work,
}

/// All that is measured with.
struct Bench {
    people: People,
    /// Ours first; then ejabberd storing, and last not storing.
    peers: Vec<Peer>,
    time: Duration,
    rounds: u32,
}

pub(crate) async fn run(options: Options, common: &Common) -> Result<Report> {
    ensure!(options.pairs > 0 && options.window > 0, "nobody would talk");
    ensure!(options.pairs * 2 <= BUSY, "too many pairs");
    ensure!(options.rounds > 0, "nobody would have a turn");
    let folder = common.folder()?;
    let wanted = |part| options.only.is_empty() || options.only.contains(&part);
    let idle = if wanted(Part::Idle) { options.idle } else { 0 };
    let count = idle.max(BUSY);
    tell(&format!("{count} people move in"));
    let people = People::move_in(&folder.path().join("house"), count, 20).await?;
    let mut bench = Bench {
        peers: peers(&people, folder.path(), &options),
        people,
        time: common.time(),
        rounds: options.rounds,
    };
    let mut report = Report::default();
    if idle > 0 {
        bench.idle(idle, &mut report).await?;
    }
    for peer in &mut bench.peers {
        peer.start(&bench.people).await?;
        peer.register(&bench.people, BUSY).await?;
    }
    let loads = loads(&options);
    for part in [Part::Rooms, Part::Chat, Part::Logins, Part::Deaf] {
        if wanted(part) {
            let loads = loads.iter().filter(|load| load.part == part);
            bench.compare(part, loads, &mut report).await?;
        }
    }
    for peer in &mut bench.peers {
        peer.stop().await?;
    }
    Ok(report)
}

fn peers(people: &People, folder: &Path, options: &Options) -> Vec<Peer> {
    let mut peers = vec![Peer::ours(people)];
    if !options.alone {
        let archives = options.archive.iter().copied();
        let archives = archives.filter(|archive| *archive != Archive::None);
        for archive in archives.chain([Archive::None]) {
            peers.extend(Peer::ejabberd(folder, archive));
        }
    }
    peers
}

fn loads(options: &Options) -> Vec<Load> {
    let load = |name, part, people, work| Load {
        name,
        part,
        people,
        tls: false,
        work,
    };
    let rooms = |rooms, speakers, sentences, deaf| {
        Work::Speak(Rooms {
            rooms,
            speakers,
            window: 4,
            sentences,
            deaf,
        })
    };
    let chat = Work::Talk {
        window: options.window,
    };
    let logins = Work::LogIn { at_once: AT_ONCE };
    vec![
        load("one room of 200", Part::Rooms, 200, rooms(1, 10, 1, false)),
        load("20 rooms of 50", Part::Rooms, 1_000, rooms(20, 2, 1, false)),
        load("pairs", Part::Chat, 2 * options.pairs, chat),
        load("plain", Part::Logins, BUSY, logins),
        Load {
            tls: true,
            ..load("TLS", Part::Logins, BUSY, logins)
        },
        load("all read", Part::Deaf, 50, rooms(1, 5, LONG, false)),
        load("and one does not", Part::Deaf, 51, rooms(1, 5, LONG, true)),
    ]
}

impl Bench {
    fn job(&self, peer: &Peer, people: usize, tls: bool, work: Work) -> Result<Job> {
        Ok(Job {
            address: peer.address()?,
            domain: self.people.domain.clone(),
            tls,
            people: self.people.people[..people].to_vec(),
            warm_up: self.time.min(Duration::from_secs(2)),
            time: self.time,
            work,
        })
    }

    /// Memory of `count` connections on servers that have done nothing else.
    async fn idle(&mut self, count: usize, report: &mut Report) -> Result<()> {
        let mut table = Table::new(
            format!("{count} idle connections, logged in and available"),
            &["server", "plain KiB each", "TLS KiB each"],
        );
        // Storing or not makes no difference to who says nothing.
        let others = 1..self.peers.len().saturating_sub(1).max(1);
        let measured = (0..self.peers.len()).filter(|at| !others.contains(at));
        for at in measured {
            let mut each = [0.0; 2];
            for (tls, each) in [false, true].into_iter().zip(&mut each) {
                let name = &self.peers[at].name;
                tell(&format!("{count} idle connections, TLS {tls}: {name}"));
                self.peers[at].start(&self.people).await?;
                self.peers[at].register(&self.people, count).await?;
                // What making the accounts took is not to be counted.
                self.peers[at].stop().await?;
                self.peers[at].start(&self.people).await?;
                let job = self.job(&self.peers[at], count, tls, Work::Idle)?;
                let measured = measure(&self.peers[at], &job).await?;
                *each = measured.idle_mib * 1_024.0 / count as f64;
                self.peers[at].stop().await?;
            }
            let [plain, tls] = each;
            table.row([self.peers[at].name.clone().into(), plain.into(), tls.into()]);
            if at == 0 {
                report.goal(
                    "8 KiB by what a plain connection takes",
                    1.0,
                    PLAIN_KIB / plain,
                );
                report.goal("16 KiB by what one with TLS takes", 1.0, TLS_KIB / tls);
            }
        }
        report.table(table);
        Ok(())
    }

    /// Lets all servers take turns with each of `loads`.
    async fn compare(
        &self,
        part: Part,
        loads: impl Iterator<Item = &Load>,
        report: &mut Report,
    ) -> Result<()> {
        let nothing = vec![Measured::default(); self.peers.len()];
        let mut results: Vec<_> = loads.map(|load| (load, nothing.clone())).collect();
        for round in 1..=self.rounds {
            for (load, all) in &mut results {
                for (peer, sum) in self.peers.iter().zip(all) {
                    let (rounds, name, who) = (self.rounds, load.name, &peer.name);
                    tell(&format!(
                        "round {round} of {rounds}, {part:?}, {name}: {who}"
                    ));
                    let job = self.job(peer, load.people, load.tls, load.work)?;
                    sum.add(&measure(peer, &job).await?);
                }
            }
        }
        report.table(self.table(part, &results).await);
        goals(part, &self.peers, &results, report);
        Ok(())
    }

    async fn table(&self, part: Part, results: &[(&Load, Vec<Measured>)]) -> Table {
        let (title, headings): (_, &[&str]) = match part {
            Part::Logins => ("Logins, 256 at the same time", &LOGINS),
            Part::Chat => ("Pairs who talk", &MESSAGES),
            Part::Deaf => ("A room of 50, and one more who does not read", &DEAF),
            Part::Rooms | Part::Idle => ("Rooms", &DELIVERIES),
        };
        let title = match self.peers.len() {
            1 => title.to_owned(),
            _ => format!("{title}; ejabberd {}", Ejabberd::version().await),
        };
        let mut table = Table::new(title, headings);
        for (load, all) in results {
            for (peer, measured) in self.peers.iter().zip(all) {
                let outcome = &measured.outcome;
                let name = Cell::from(format!("{}: {}", load.name, peer.name));
                let [rate, server, clients] =
                    [measured.rate(), measured.server_us(), measured.load_us()].map(Cell::from);
                let [p50, p99] = [outcome.p50_ms, outcome.p99_ms].map(Cell::from);
                let peak = measured.peak_mib.into();
                match part {
                    Part::Logins => table.row([name, rate, server, clients]),
                    Part::Deaf => {
                        let end = outcome.cut_off.map_or(Cell::Nothing, |cut_off| {
                            Cell::from(if cut_off { "cut off" } else { "NOT cut off" })
                        });
                        let held = outcome.held.map(|bytes| bytes as f64 / 1_024.0);
                        table.row([name, rate, server, p50, p99, peak, end, held.into()]);
                    }
                    _ => table.row([name, rate, server, p50, p99, peak, clients]),
                }
            }
        }
        table
    }
}

const DELIVERIES: [&str; 7] = [
    "load",
    "deliveries/s",
    "server cpu us each",
    "p50 ms",
    "p99 ms",
    "server peak MiB",
    "load cpu us each",
];
const MESSAGES: [&str; 7] = [
    "load",
    "messages/s",
    "server cpu us each",
    "p50 ms",
    "p99 ms",
    "server peak MiB",
    "load cpu us each",
];
const DEAF: [&str; 8] = [
    "load",
    "deliveries/s",
    "server cpu us each",
    "p50 ms",
    "p99 ms",
    "server peak MiB",
    "who does not read",
    "KiB on the way to them",
];
const LOGINS: [&str; 4] = ["load", "logins/s", "server cpu us each", "load cpu us each"];

/// What was hoped for, of ours against each of the others.
fn goals(part: Part, peers: &[Peer], results: &[(&Load, Vec<Measured>)], report: &mut Report) {
    if part == Part::Deaf {
        if let [(_, without), (_, with)] = results {
            let (without, with) = (&without[0], &with[0]);
            let left = with.rate() / without.rate();
            report.goal(
                "deliveries/s with one who does not read, by those without",
                DEAF_GOAL,
                left,
            );
            let cut_off = with.outcome.cut_off == Some(true);
            let cut_off = if cut_off { 1.0 } else { 0.0 };
            report.goal("who does not read is cut off", 1.0, cut_off);
        }
        return;
    }
    for (load, all) in results {
        let Some((ours, others)) = all.split_first() else {
            continue;
        };
        for (their, peer) in others.iter().zip(&peers[1..]) {
            let (who, stores) = (&peer.name, peer.stores);
            if their.rate() <= 0.0 {
                // Nothing came back in the time, so there is nothing to compare with.
                continue;
            }
            let (name, speed) = (load.name, ours.rate() / their.rate());
            match part {
                Part::Rooms => {
                    report.goal(format!("{name}: deliveries/s by {who}"), ROOMS_GOAL, speed);
                    let saved = their.server_us() / ours.server_us();
                    let what = format!("{name}: processor time each, {who} by ours");
                    report.goal(what, CPU_GOAL, saved);
                }
                // To say more than who stores nothing is not asked of who stores everything.
                Part::Chat if stores => {
                    report.goal(format!("{name}: messages/s by {who}"), CHAT_GOAL, speed);
                    let p99 = |of: &Measured| of.outcome.p99_ms.unwrap_or(f64::NAN);
                    let what = format!("{name}: p99, {who} by ours");
                    report.goal(what, 1.0, p99(their) / p99(ours));
                }
                Part::Logins if stores => {
                    report.goal(format!("logins/s {name} by {who}"), LOGINS_GOAL, speed);
                }
                Part::Chat | Part::Logins | Part::Idle | Part::Deaf => {}
            }
        }
    }
}
