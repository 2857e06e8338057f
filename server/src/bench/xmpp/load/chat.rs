//! Pairs who talk: whoever hears something answers, so the same number of messages is always on
//! its way, and everybody speaks as much as they listen.

use super::said::{self, Tally};
use super::{Client, Job, Outcome, measured};
use anyhow::{Context, Result, ensure};
use std::sync::Arc;

/// Lets the people of `job` talk, the first with the second and so on; `window` messages are on
/// their way from each. The connections are handed back.
pub(super) async fn run(
    clients: Vec<Client>,
    job: &Job,
    window: usize,
) -> Result<(Outcome, Vec<Client>)> {
    ensure!(clients.len().is_multiple_of(2), "somebody is alone");
    let tally = Arc::new(Tally::new());
    let (over, ended) = tokio::sync::watch::channel(false);
    let mut kept = Vec::with_capacity(clients.len());
    let talking = async {
        let mut tasks = Vec::with_capacity(clients.len());
        for (number, client) in clients.into_iter().enumerate() {
            let to = format!("{}@{}", job.people[number ^ 1].name, job.domain);
            let (tally, mut ended) = (tally.clone(), ended.clone());
            tasks.push(tokio::spawn(async move {
                let mut client = client;
                tokio::select! {
                    talked = talk(&mut client, &to, number, window, &tally) => talked?,
                    _ = ended.wait_for(|over| *over) => {}
                }
                anyhow::Ok(client)
            }));
        }
        let (counted, all) = tally.run(job.warm_up, job.time).await;
        over.send_replace(true);
        for task in tasks {
            kept.push(task.await.context("a client broke")??);
        }
        Ok(Outcome {
            counted,
            all,
            p50_ms: Some(tally.percentile_ms(50.0)),
            p99_ms: Some(tally.percentile_ms(99.0)),
            ..Outcome::default()
        })
    };
    let outcome = measured(talking).await?;
    Ok((outcome, kept))
}

/// Answers for ever; ends only with the connection, which is an error.
async fn talk(
    client: &mut Client,
    to: &str,
    number: usize,
    window: usize,
    tally: &Tally,
) -> Result<()> {
    let mut next = 0;
    let mut answers = String::new();
    for _ in 0..window {
        answers += &tally.message("chat", to, number, next, 1);
        next += 1;
    }
    loop {
        if !answers.is_empty() {
            client.send(answers.as_bytes()).await?;
            answers.clear();
        }
        ensure!(client.read().await?, "the server hung up");
        let heard = said::read(&mut client.buffer, |said| {
            ensure!(said.by == number ^ 1, "a stranger speaks");
            if tally.took(&said) {
                answers += &tally.message("chat", to, number, next, 1);
                next += 1;
            }
            Ok(())
        })?;
        tally.heard(heard);
    }
}
