//! The process of the clients: this program again, as `xmpp-load`.

mod chat;
mod logins;
mod rooms;
mod said;

use super::client::{Client, Entrance, Person};
use crate::generator::Orders;
use crate::machine::Usage;
use anyhow::Result;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

/// How many log in at the same time when it is not logins that are measured.
const AT_ONCE: usize = 32;

/// What the clients are to do.
#[derive(Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) address: SocketAddr,
    pub(super) domain: String,
    pub(super) tls: bool,
    /// Who there is; each is on one connection at most.
    pub(super) people: Vec<Person>,
    /// How long it goes on before it counts, and then while it does.
    pub(super) warm_up: Duration,
    pub(super) time: Duration,
    pub(super) work: Work,
}

/// What all of them do.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum Work {
    /// Nothing, once they are in.
    Idle,
    /// They log in and go, again and again, so many at the same time.
    LogIn { at_once: usize },
    /// They are in rooms, where some speak.
    Speak(Rooms),
    /// Each talks with one other; so many messages are on their way from each at the beginning.
    Talk { window: usize },
}

/// People in rooms.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Rooms {
    pub(super) rooms: usize,
    /// How many in each room speak; the rest listen.
    pub(super) speakers: usize,
    /// How many messages each of them has on their way.
    pub(super) window: usize,
    /// How long their messages are.
    pub(super) sentences: usize,
    /// The last of the people is in the first room, and never reads.
    pub(super) deaf: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// How much happened while it counted: deliveries, messages or logins.
    pub(super) counted: u64,
    /// How much happened from the beginning to the end.
    pub(super) all: u64,
    /// How long it took from saying something to hearing it, in milliseconds.
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    /// What the clients used, from the beginning to the end.
    pub(super) cpu_s: f64,
    /// Whoever never reads was disconnected.
    pub(super) cut_off: Option<bool>,
    /// So many bytes lay on their way to them.
    pub(super) held: Option<u64>,
}

/// The clients' process.
///
/// # Errors
/// When a client does not get what it should.
pub(crate) async fn run() -> Result<()> {
    Orders::follow(work).await
}

async fn work(mut orders: Orders) -> Result<()> {
    let job: Job = orders.job().await?;
    let entrance = Entrance::new(job.address, &job.domain, job.tls)?;
    match job.work {
        Work::Idle => {
            let clients = enter(&entrance, &job.people).await?;
            orders.ready().await?;
            orders.finish(&Outcome::default()).await?;
            drop(clients);
        }
        Work::LogIn { at_once } => {
            orders.ready().await?;
            let outcome = logins::run(&entrance, &job, at_once);
            orders.finish(&measured(outcome).await?).await?;
        }
        Work::Speak(rooms) => {
            let everybody = rooms::enter(&entrance, &job, rooms).await?;
            orders.ready().await?;
            let (outcome, everybody) = everybody.speak(&job).await?;
            orders.finish(&outcome).await?;
            drop(everybody);
        }
        Work::Talk { window } => {
            let clients = enter(&entrance, &job.people).await?;
            orders.ready().await?;
            let (outcome, clients) = chat::run(clients, &job, window).await?;
            orders.finish(&outcome).await?;
            drop(clients);
        }
    }
    Ok(())
}

/// Lets everybody in who says that they are there.
async fn enter(entrance: &Entrance, people: &[Person]) -> Result<Vec<Client>> {
    stream::iter(people.iter().enumerate())
        .map(|(number, person)| async move {
            let mut client = entrance.log_in(number, person, false).await?;
            client.appear().await?;
            anyhow::Ok(client)
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

/// Looks what `work` takes of ours.
async fn measured(work: impl Future<Output = Result<Outcome>>) -> Result<Outcome> {
    let before = Usage::ours()?.cpu_s;
    let outcome = work.await?;
    let cpu_s = Usage::ours()?.cpu_s - before;
    Ok(Outcome { cpu_s, ..outcome })
}
