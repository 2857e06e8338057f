//! Very bad files, imports that are killed, and two at once.

use super::{file, log};
use crate::harness::{PATIENCE, Program, eventually, run};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// Lines of CSV for shops with these ids.
fn lines(ids: std::ops::Range<u64>) -> String {
    let mut lines = String::new();
    for id in ids {
        let lat = 60.0 + (id % 1_000) as f64 / 10_000.0;
        let _ = writeln!(lines, "{id},shop {id},{lat},24.9,2");
    }
    lines
}

const HEADER: &str = "id,name,lat,lng,t\n";

/// The ids of all shops in the log, each of which was registered once.
async fn registered(folder: &Path) -> BTreeSet<u64> {
    let mut ids = BTreeSet::new();
    for event in log(folder).await {
        assert_eq!(event["type"], "shop.registered.v1");
        let id = event["data"]["shop_id"].as_u64().expect("an id");
        assert!(ids.insert(id), "{id} twice");
    }
    ids
}

#[tokio::test]
async fn of_very_many_bad_records_the_first_are_told_and_the_rest_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut csv = format!("{HEADER}{}", lines(1..3));
    for line in 4..20_004 {
        // Each is wrong in its own way, and some would write over the screen.
        let _ = match line % 4 {
            0 => writeln!(csv, "{line},,60,24,2"),
            1 => writeln!(csv, "{line},\u{1b}[2J,91,24,2"),
            2 => writeln!(csv, "x{line},{},60,24,2", "y".repeat(300)),
            _ => writeln!(csv, "{line}"),
        };
    }
    csv += &lines(3..5);
    let (_, path) = file(folder.path(), "shops.csv", &csv);
    let done = run(folder.path(), &["import", "shops", &path]).await;
    assert!(done.status.success(), "{done:?}");
    assert_eq!(
        done.stdout,
        "registered 4, revised 0, unchanged 0, rejected 20000\n"
    );
    for number in [4, 103] {
        assert!(
            done.stderr.contains(&format!("line {number}: ")),
            "{}",
            done.stderr
        );
    }
    assert!(!done.stderr.contains("line 104: "), "{}", done.stderr);
    assert!(done.stderr.contains("and 19,900 more"), "{}", done.stderr);
    assert!(done.stderr.len() < 40_000, "{}", done.stderr.len());
    assert!(!done.stderr.contains('\u{1b}'), "{:?}", done.stderr);
    assert_eq!(registered(folder.path()).await, BTreeSet::from_iter(1..5));
}

#[tokio::test]
async fn an_import_that_was_killed_goes_on_when_it_is_run_again() {
    let folder = tempfile::tempdir().expect("a folder");
    // The first half comes through a pipe that stays open, so that the import cannot be over.
    let pipe = folder.path().join("half.csv");
    let made = tokio::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.await.expect("mkfifo").success());
    let shown = pipe.to_str().expect("a path");
    let import = Program::start(folder.path(), &["import", "shops", shown], &[]);
    let (held, hold) = std::sync::mpsc::channel::<()>();
    let half = format!("{HEADER}{}", lines(1..2_501));
    let writing = std::thread::spawn(move || {
        let mut pipe = std::fs::File::options()
            .write(true)
            .open(pipe)
            .expect("a reader");
        pipe.write_all(half.as_bytes()).expect("written");
        let _ = hold.recv_timeout(2 * PATIENCE);
    });
    let before = eventually("some shops are in", async || {
        let ids = registered(folder.path()).await;
        (!ids.is_empty()).then_some(ids)
    })
    .await;
    import.kill().await;
    drop(held);
    let _ = writing.join();
    let after = registered(folder.path()).await;
    assert!(
        after.is_superset(&before) && after.len() < 2_501,
        "{}",
        after.len()
    );

    let (_, path) = file(
        folder.path(),
        "whole.csv",
        &format!("{HEADER}{}", lines(1..5_001)),
    );
    let (there, new) = (after.len(), 5_000 - after.len());
    let again = run(folder.path(), &["import", "shops", &path]).await.ok();
    let expected = format!("registered {new}, revised 0, unchanged {there}, rejected 0\n");
    assert_eq!(again, expected);
    assert_eq!(
        registered(folder.path()).await,
        BTreeSet::from_iter(1..5_001)
    );
}

#[tokio::test]
async fn two_imports_at_once_register_each_shop_once() {
    let folder = tempfile::tempdir().expect("a folder");
    // One goes forwards and one backwards, so that they meet in the middle at the latest.
    let there = format!("{HEADER}{}", lines(1..4_001));
    let mut back: Vec<&str> = there.lines().skip(1).collect();
    back.reverse();
    let back = format!("{HEADER}{}\n", back.join("\n"));
    let (_, there) = file(folder.path(), "there.csv", &there);
    let (_, back) = file(folder.path(), "back.csv", &back);
    let arguments = [["import", "shops", &there], ["import", "shops", &back]];
    let (one, other) = tokio::join!(
        run(folder.path(), &arguments[0]),
        run(folder.path(), &arguments[1]),
    );
    let mut sums = [0, 0];
    for summary in [one.ok(), other.ok()] {
        let numbers: Vec<u64> = summary
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse().ok())
            .collect();
        let [registered, revised, unchanged, rejected] = numbers[..] else {
            panic!("{summary}")
        };
        assert_eq!((revised, rejected), (0, 0), "{summary}");
        sums[0] += registered;
        sums[1] += unchanged;
    }
    assert_eq!(sums, [4_000, 4_000]);
    assert_eq!(
        registered(folder.path()).await,
        BTreeSet::from_iter(1..4_001)
    );
}
