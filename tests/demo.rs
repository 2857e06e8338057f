//! `lianlian demo`: everything at work without a file beside it (DESIGN §1).

use crate::harness::{Door, Program};
use std::time::Duration;

#[tokio::test]
async fn a_quiet_demo_prints_what_works_ends_in_time_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut demo = Program::start(folder.path(), &["demo", "--quiet"], &[]);
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line| line != "ready") {
        lines.push(demo.line().await);
    }
    let address = lines
        .iter()
        .find_map(|line| line.strip_prefix("http listening on "));
    let base = format!("http://{}", address.expect("says where it listens"));
    let door = Door::new(Door::client(), base.clone());

    let open = lines
        .iter()
        .find_map(|line| line.strip_prefix("open "))
        .expect("an address");
    assert!(open.trim().starts_with(&base), "{open}");
    // A browser goes on to where the pages are.
    let page = door.get(open.trim(), &[]).await;
    assert_eq!(page.status, 303);
    let page = page.header("location").expect("a destination");
    assert_eq!(door.get(&page, &[]).await.status, 200);
    assert!(
        lines.iter().any(|line| line.starts_with("1386 shops")),
        "{lines:?}"
    );

    let tries: Vec<&String> = lines
        .iter()
        .filter(|line| line.starts_with("curl "))
        .collect();
    assert_eq!(tries.len(), 3, "{lines:?}");
    for line in tries {
        let words: Vec<&str> = line
            .split(' ')
            .map(|word| word.trim_matches('\''))
            .collect();
        let output = tokio::process::Command::new(words[0])
            .args(["--silent", "--show-error", "--fail-with-body"])
            .args(&words[1..])
            .output()
            .await
            .expect("curl");
        let answer = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && !answer.contains("error"),
            "{line}: {output:?}"
        );
    }

    // The contract's own deadline.
    let ended = tokio::time::timeout(Duration::from_secs(10), demo.terminate()).await;
    assert!(ended.expect("ended within ten seconds").success());
    let left: Vec<_> = std::fs::read_dir(folder.path().join("tmp"))
        .expect("a folder")
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!folder.path().join("data").exists());
}

#[tokio::test]
async fn a_demo_without_quiet_lets_people_check_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut demo = Program::start(folder.path(), &["demo"], &[]);
    let mut base = String::new();
    loop {
        let line = demo.line().await;
        if let Some(address) = line.strip_prefix("http listening on ") {
            base = format!("http://{address}");
        }
        if line == "ready" {
            break;
        }
    }
    let door = Door::new(Door::client(), base);
    crate::harness::eventually("somebody is somewhere", async || {
        let here = [("lat", "60.1695"), ("lng", "24.941"), ("accuracy", "5000")];
        let mut busy = false;
        for page in [
            "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14",
        ] {
            let page = [("page", page), ("pcount", "100")];
            let rows = door
                .get("/shop/nearby", &[&here[..], &page].concat())
                .await
                .ok();
            let rows = rows.as_array().expect("an array");
            busy |= rows.iter().any(|row| row["user"] != 0);
        }
        busy.then_some(())
    })
    .await;
    assert!(demo.terminate().await.success());
}
