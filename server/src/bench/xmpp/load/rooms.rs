//! People in rooms. Some speak: whoever hears their own words says the next ones. All listen.

use super::said::{self, Tally};
use super::{AT_ONCE, Client, Entrance, Job, Outcome, Rooms, measured};
use anyhow::{Context, Result, ensure};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::sync::Arc;
use std::time::Duration;

/// How long the deaf one listens in the end.
const LISTENS: Duration = Duration::from_secs(5);

/// Everybody, each in a room.
pub(super) struct Everybody {
    rooms: Rooms,
    clients: Vec<(String, Client)>,
    deaf: Option<Client>,
}

/// Lets everybody in: the rooms share out the people.
pub(super) async fn enter(entrance: &Entrance, job: &Job, rooms: Rooms) -> Result<Everybody> {
    let room = |number: usize| format!("{}@c.{}", number % rooms.rooms + 1, job.domain);
    let (people, deaf) = match job.people.split_last() {
        Some((deaf, people)) if rooms.deaf => (people, Some(deaf)),
        _ => (job.people.as_slice(), None),
    };
    let clients = stream::iter(people.iter().enumerate())
        .map(|(number, person)| async move {
            let mut client = entrance.log_in(number, person, false).await?;
            let room = room(number);
            client.enter(&room, &person.name).await?;
            anyhow::Ok((room, client))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let deaf = match deaf {
        Some(person) => {
            let mut client = entrance.log_in(people.len(), person, true).await?;
            client.enter(&room(0), &person.name).await?;
            Some(client)
        }
        None => None,
    };
    Ok(Everybody {
        rooms,
        clients,
        deaf,
    })
}

impl Everybody {
    /// Lets them speak and listen; hands the connections back.
    pub(super) async fn speak(mut self, job: &Job) -> Result<(Outcome, Self)> {
        let tally = Arc::new(Tally::new());
        let (over, ended) = tokio::sync::watch::channel(false);
        let clients = std::mem::take(&mut self.clients);
        let speakers = self.rooms.rooms * self.rooms.speakers;
        let speaking = async {
            let mut tasks = Vec::with_capacity(clients.len());
            for (number, (room, mut client)) in clients.into_iter().enumerate() {
                let (tally, mut ended) = (tally.clone(), ended.clone());
                let speaks =
                    (number < speakers).then_some((self.rooms.window, self.rooms.sentences));
                tasks.push(tokio::spawn(async move {
                    // Who came later is no message.
                    client.buffer.clear();
                    tokio::select! {
                        took_part = take_part(&mut client, &room, number, speaks, &tally) => took_part?,
                        _ = ended.wait_for(|over| *over) => {}
                    }
                    anyhow::Ok((room, client))
                }));
            }
            let (counted, all) = tally.run(job.warm_up, job.time).await;
            over.send_replace(true);
            for task in tasks {
                self.clients.push(task.await.context("a client broke")??);
            }
            Ok(Outcome {
                counted,
                all,
                p50_ms: Some(tally.percentile_ms(50.0)),
                p99_ms: Some(tally.percentile_ms(99.0)),
                ..Outcome::default()
            })
        };
        let mut outcome = measured(speaking).await?;
        if let Some(deaf) = self.deaf.take() {
            let (held, cut_off) = listen(deaf).await;
            outcome.held = Some(held);
            outcome.cut_off = Some(cut_off);
        }
        Ok((outcome, self))
    }
}

/// Listens for ever, and speaks in a window, so many sentences at once; ends only with the connection, which is an error.
async fn take_part(
    client: &mut Client,
    room: &str,
    number: usize,
    speaks: Option<(usize, usize)>,
    tally: &Tally,
) -> Result<()> {
    let Some((window, sentences)) = speaks else {
        loop {
            ensure!(client.read().await?, "the server hung up");
            tally.heard(said::count(&mut client.buffer));
        }
    };
    let mut next = 0;
    let mut words = String::new();
    for _ in 0..window {
        words += &tally.message("groupchat", room, number, next, sentences);
        next += 1;
    }
    loop {
        if !words.is_empty() {
            client.send(words.as_bytes()).await?;
            words.clear();
        }
        ensure!(client.read().await?, "the server hung up");
        let heard = said::read(&mut client.buffer, |said| {
            if said.by == number && tally.took(&said) {
                words += &tally.message("groupchat", room, number, next, sentences);
                next += 1;
            }
            Ok(())
        })?;
        tally.heard(heard);
    }
}

/// Reads everything that is there; how much it was, and whether the server has hung up.
async fn listen(mut client: Client) -> (u64, bool) {
    let mut held = 0;
    loop {
        client.buffer.clear();
        match tokio::time::timeout(LISTENS, client.read()).await {
            Ok(Ok(true)) => held += client.buffer.len() as u64,
            Ok(Ok(false) | Err(_)) => return (held, true),
            Err(_) => return (held, false),
        }
    }
}
