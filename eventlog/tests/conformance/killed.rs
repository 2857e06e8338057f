//! Processes that end in the middle of it.
//!
//! The process that is killed is this same test binary, running only
//! [`the_process_that_is_killed`].

use crate::fixture::{Fixture, append, check_acknowledged, event, everything};
use domain::Position;
use eventlog::{Error, ExpectedRevision};
use futures_util::future::join_all;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use uuid::Uuid;

/// The URL of the log to append to; set for the process that is killed only.
const URL: &str = "EVENTLOG_TEST_APPEND_TO";

/// How many processes are killed, one after another, on one log.
const ROUNDS: usize = 20;

pub(crate) async fn what_was_acknowledged_survives_the_end_of_the_process(fixture: &Fixture) {
    let mut acknowledged = Vec::new();
    for _ in 0..ROUNDS {
        let (mut child, mut lines) = start(fixture, Command::new(this_binary()));
        let enough = acknowledged.len() + 1 + usize::from(Uuid::now_v7().as_bytes()[15]);
        while acknowledged.len() < enough {
            let line = lines
                .next()
                .expect("it runs until it is killed")
                .expect("text");
            acknowledged.extend(acknowledgement(&line));
        }
        child.kill().expect("killed");
        for line in lines {
            acknowledged.extend(acknowledgement(&line.expect("text")));
        }
        child.wait().expect("gone");
    }
    let log = fixture.open().await;
    check_acknowledged(&everything(&log).await, &acknowledged);
}

/// A process that may not write more than some hundred KB into a file has, as far as the store can
/// tell, a full disk.
pub(crate) async fn what_was_acknowledged_survives_a_full_disk(fixture: &Fixture) {
    fixture.open().await.close().await;
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"trap "" XFSZ; ulimit -f 600; exec "$0" "$@""#])
        .arg(this_binary());
    let (mut child, lines) = start(fixture, command);
    let lines: Vec<_> = lines.map(|line| line.expect("text")).collect();
    assert!(child.wait().expect("ended").success());
    assert!(
        lines.iter().any(|line| line == "unavailable"),
        "the disk was not full: {lines:?}"
    );
    let acknowledged: Vec<_> = lines
        .iter()
        .filter_map(|line| acknowledgement(line))
        .collect();
    assert!(!acknowledged.is_empty());

    let log = fixture.open().await;
    let before = everything(&log).await;
    check_acknowledged(&before, &acknowledged);
    let (_, appended) = crate::fixture::append_one(&log, "a").await;
    assert_eq!(appended.position.0, before.len() as u64 + 1);
}

/// Appends to the log of [`URL`] from 8 tasks at once and prints a line for each event that was
/// acknowledged, until it is killed or the store is unavailable to all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let Ok(url) = std::env::var(URL) else { return };
    let log = eventlog::open(&url).await.expect("opened");
    // Lines of our own, whatever the test runner has written before.
    say("\n");
    let tasks = (0..8).map(|task| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            loop {
                let events = vec![event("x".repeat(100).as_str()), event("y")];
                let ids = [events[0].id, events[1].id];
                let append = append(
                    &format!("stream-{}", task % 4),
                    ExpectedRevision::Any,
                    events,
                );
                match log
                    .append(&append.stream, append.expected, append.events)
                    .await
                {
                    Ok(appended) => {
                        let last = appended.position.0;
                        let (first, second) = (ids[0], ids[1]);
                        say(&format!(
                            "ack {first} {} .\nack {second} {last} .\n",
                            last - 1
                        ));
                    }
                    Err(Error::Unavailable(_)) => {
                        say("unavailable\n");
                        return;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        })
    });
    join_all(tasks).await;
    log.close().await;
}

fn say(lines: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(lines.as_bytes()).expect("the parent listens");
    out.flush().expect("the parent listens");
}

fn this_binary() -> std::path::PathBuf {
    std::env::current_exe().expect("known")
}

fn start(fixture: &Fixture, mut command: Command) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = command
        .args([
            "--exact",
            "killed::the_process_that_is_killed",
            "--nocapture",
        ])
        .env(URL, fixture.url())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    (child, lines)
}

/// What a line acknowledges; one that was cut short acknowledges nothing.
fn acknowledgement(line: &str) -> Option<(Uuid, Position)> {
    let (id, position) = line
        .strip_prefix("ack ")?
        .strip_suffix(" .")?
        .split_once(' ')?;
    Some((id.parse().ok()?, Position(position.parse().ok()?)))
}
