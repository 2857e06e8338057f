//! The callers that ask one server: this program again, as `city-load`, all on one thread. Each has a
//! connection of its own and one question on its way.

use super::postgis::{self, Question};
use super::redis;
use crate::generator::Orders;
use crate::{http, tell};
use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Of so many answers one is looked at closely, which takes time that the others have.
const LOOK_AT: u64 = 16;

/// What they are to do.
#[derive(Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) group: Group,
    /// How long it goes on before it counts, and then while it does.
    pub(super) warm_up: Duration,
    pub(super) time: Duration,
}

/// Some who ask the same server.
#[derive(Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) server: Server,
    pub(super) connections: usize,
    /// How often all of them ask, together; by default each does as soon as it has its answer.
    pub(super) per_second: Option<f64>,
    /// Whether they go before all others on this machine, the server among them: how long they wait
    /// for the processor would be counted as the server's time.
    pub(super) first: bool,
}

/// Whom they ask, and what; after the last question the first comes again.
#[derive(Serialize, Deserialize)]
pub(super) enum Server {
    /// Ours: whole requests.
    Http {
        address: SocketAddr,
        requests: Vec<String>,
    },
    /// Redis: whole commands.
    Redis {
        address: SocketAddr,
        commands: Vec<String>,
    },
    /// PostgreSQL.
    PostGis {
        url: String,
        questions: Vec<Question>,
    },
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// How many answers came while it counted, and from the beginning to the end.
    pub(super) counted: u64,
    pub(super) all: u64,
    /// How long an answer took, in milliseconds.
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// How many places an answer had.
    pub(super) rows: f64,
}

/// What came of one caller.
struct Tally {
    latency: Histogram<u64>,
    all: u64,
    looked_at: u64,
    rows: u64,
}

/// A connection, and what is asked over it.
struct Caller {
    connection: Connection,
    next: usize,
    asked: u64,
}

enum Connection {
    Http(http::Connection, Vec<Vec<u8>>),
    Redis(redis::Connection, Vec<Vec<u8>>),
    PostGis(postgis::Connection, Vec<Question>),
}

/// When one caller asks.
#[derive(Clone, Copy)]
struct Pace {
    first: Duration,
    every: Duration,
}

/// The callers' process.
///
/// # Errors
/// When a caller does not get what it should.
pub(crate) async fn run() -> Result<()> {
    Orders::follow(work).await
}

async fn work(mut orders: Orders) -> Result<()> {
    let job: Job = orders.job().await?;
    let Group {
        connections,
        per_second,
        first,
        ..
    } = job.group;
    if first && !crate::machine::go_first() {
        tell("whoever asks has to wait for the processor as everybody does, and that is counted");
    }
    let mut callers = Vec::with_capacity(connections);
    for number in 0..connections {
        let pace = per_second.map(|per_second| {
            let every = Duration::from_secs_f64(connections as f64 / per_second);
            let first = every.mul_f64(number as f64 / connections as f64);
            Pace { first, every }
        });
        callers.push((Caller::open(&job.group, number).await?, pace));
    }
    orders.ready().await?;
    let begin = Instant::now() + job.warm_up;
    let end = begin + job.time;
    let ask = |(caller, pace): (Caller, _)| tokio::spawn(caller.ask(pace, begin, end));
    let tasks: Vec<_> = callers.into_iter().map(ask).collect();
    let mut sum = Tally::new();
    for task in tasks {
        sum.add(&task.await.context("a caller broke")??);
    }
    orders.finish(&sum.outcome()).await
}

impl Caller {
    async fn open(group: &Group, number: usize) -> Result<Self> {
        let bytes = |texts: &[String]| texts.iter().map(|text| text.clone().into()).collect();
        let (connection, questions) = match &group.server {
            Server::Http { address, requests } => (
                Connection::Http(http::Connection::open(*address).await?, bytes(requests)),
                requests.len(),
            ),
            Server::Redis { address, commands } => (
                Connection::Redis(redis::Connection::open(*address).await?, bytes(commands)),
                commands.len(),
            ),
            Server::PostGis { url, questions } => (
                Connection::PostGis(postgis::Connection::open(url).await?, questions.clone()),
                questions.len(),
            ),
        };
        Ok(Self {
            connection,
            next: number * questions / group.connections,
            asked: 0,
        })
    }

    /// Asks until the end. Answers count that came after the beginning and before the end; whoever
    /// is late with a question because of the answer before is so at the expense of this one.
    async fn ask(mut self, pace: Option<Pace>, begin: Instant, end: Instant) -> Result<Tally> {
        let mut tally = Tally::new();
        let mut due = pace.map(|pace| Instant::now() + pace.first);
        loop {
            let mut asked = Instant::now();
            if let (Some(at), Some(pace)) = (&mut due, pace) {
                if *at > asked {
                    tokio::time::sleep_until((*at).into()).await;
                    // A timer that rings late is not the server's fault.
                    asked = Instant::now();
                } else {
                    asked = *at;
                }
                *at += pace.every;
            }
            let rows = self.once().await?;
            let answered = Instant::now();
            tally.all += 1;
            if let Some(rows) = rows {
                tally.looked_at += 1;
                tally.rows += rows;
            }
            if answered > end {
                return Ok(tally);
            }
            if answered >= begin {
                let micros = answered.duration_since(asked).as_micros();
                tally
                    .latency
                    .record(u64::try_from(micros).unwrap_or(u64::MAX))?;
            }
        }
    }

    /// Asks once; says of some answers how many places they had.
    async fn once(&mut self) -> Result<Option<u64>> {
        self.asked += 1;
        let (at, look) = (self.next, self.asked.is_multiple_of(LOOK_AT));
        let (rows, questions) = match &mut self.connection {
            Connection::Http(connection, requests) => {
                let body = connection.succeed(&requests[at]).await?;
                let rows = || memmem::find_iter(body, b"\"id\":").count() as u64;
                (look.then(rows), requests.len())
            }
            Connection::Redis(connection, commands) => {
                let rows = connection.ask(&commands[at]).await?;
                (look.then_some(rows), commands.len())
            }
            Connection::PostGis(connection, questions) => {
                let rows = connection.ask(&questions[at]).await?;
                (look.then_some(rows), questions.len())
            }
        };
        self.next = (at + 1) % questions;
        Ok(rows)
    }
}

impl Tally {
    fn new() -> Self {
        Self {
            latency: Histogram::new(3).expect("three digits are a precision there is"),
            all: 0,
            looked_at: 0,
            rows: 0,
        }
    }

    fn add(&mut self, other: &Self) {
        self.latency += &other.latency;
        self.all += other.all;
        self.looked_at += other.looked_at;
        self.rows += other.rows;
    }

    fn outcome(&self) -> Outcome {
        let ms = |percent| self.latency.value_at_percentile(percent) as f64 / 1_000.0;
        Outcome {
            counted: self.latency.len(),
            all: self.all,
            p50_ms: ms(50.0),
            p99_ms: ms(99.0),
            rows: self.rows as f64 / self.looked_at.max(1) as f64,
        }
    }
}
