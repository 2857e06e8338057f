//! Logging in and going away, again and again.

use super::{Entrance, Job, Outcome};
use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Lets `at_once` clients do so, each as somebody else every time.
pub(super) async fn run(entrance: &Entrance, job: &Job, at_once: usize) -> Result<Outcome> {
    let begin = Instant::now() + job.warm_up;
    let end = begin + job.time;
    let next = Arc::new(AtomicUsize::new(0));
    let people: Arc<[_]> = job.people.clone().into();
    let mut tasks = Vec::with_capacity(at_once);
    for _ in 0..at_once {
        let (entrance, next, people) = (entrance.clone(), next.clone(), people.clone());
        tasks.push(tokio::spawn(async move {
            let (mut counted, mut all) = (0_u64, 0_u64);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let person = &people[number % people.len()];
                let mut client = entrance.log_in(number, person, false).await?;
                all += 1;
                let now = Instant::now();
                counted += u64::from(now >= begin && now < end);
                client.send(b"</stream:stream>").await?;
                if now >= end {
                    return anyhow::Ok((counted, all));
                }
            }
        }));
    }
    let mut outcome = Outcome::default();
    for task in tasks {
        let (counted, all) = task.await.context("a client broke")??;
        outcome.counted += counted;
        outcome.all += all;
    }
    Ok(outcome)
}
