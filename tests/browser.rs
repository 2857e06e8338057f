//! XMPP in a real browser: Chromium, with a client that others wrote, in a page of somebody else.
//! The script in `browser/` tells what people do with it. `./check` installs its packages below the
//! target folder.

use crate::harness::{Door, House, PATIENCE};
use crate::https::secured;
use std::path::{Path, PathBuf};
use tokio::process::Command;
use tokio::time::timeout;

fn packages() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(|| workspace.join("target"), PathBuf::from);
    let packages = target.join("browser");
    let how =
        "./check, or npm install --prefix target/browser with tests/browser/package.json there";
    assert!(
        packages.join("node_modules").exists(),
        "strophe.js is missing: {how}"
    );
    packages
}

/// Two people spend an evening with the server behind `door`, through pages in a browser.
async fn spend_an_evening(door: &Door) {
    let shop = door.shop("Ekberg", 60.168, 24.938).await;
    let (ana, bo) = (door.login("ana").await, door.login("bo").await);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/evening.mjs");
    let mut evening = Command::new("node");
    evening
        .arg(script)
        .arg(packages())
        .args([door.base(), shop])
        .args([&ana.id, &ana.password, &bo.id, &bo.password])
        .kill_on_drop(true);
    let output = timeout(4 * PATIENCE, evening.output()).await;
    let output = output.expect("ended in time").expect("node");
    let said = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.trim(), "ok", "{complaints}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_in_a_browser_spend_an_evening() {
    let house = House::new().await;
    spend_an_evening(&house.door()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_in_a_browser_spend_it_behind_https() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = secured(folder.path()).await;
    spend_an_evening(&server).await;
    assert!(server.terminate().await.success());
}
