//! slixmpp, a client that others wrote, against a house: the scripts in `slixmpp/` tell what people do
//! with it. `./check` installs it below the target folder.

use crate::harness::{House, PATIENCE};
use sha1::Digest;
use std::path::{Path, PathBuf};
use tokio::process::Command;
use tokio::time::timeout;

fn python() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(|| workspace.join("target"), PathBuf::from);
    let python = target.join("slixmpp/bin/python");
    let how = "python3 -m venv target/slixmpp && target/slixmpp/bin/pip install slixmpp";
    assert!(python.exists(), "slixmpp is missing: ./check, or {how}");
    python
}

/// Runs a script, which says `ok` when all went well.
async fn plays(script: &str, house: &House, arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let mut play = Command::new(python());
    play.arg(script)
        .arg(house.xmpp_address().port().to_string())
        .args(arguments)
        .kill_on_drop(true);
    let output = timeout(2 * PATIENCE, play.output()).await;
    let output = output.expect("ended in time").expect("python");
    let said = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.trim(), "ok", "{complaints}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slixmpp_logs_in_by_each_mechanism() {
    let house = House::with_xmpp(|settings| settings.scram = true).await;
    let ana = house.login("ana").await;
    plays("slixmpp/scram.py", &house, &[&ana.id, &ana.password]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_with_slixmpp_spend_an_evening() {
    let house = House::new().await;
    let shop = house.shop("Ekberg", 60.168, 24.938).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let people = [&shop, &ana.id, &ana.password, &bo.id, &bo.password];
    let people = people.map(String::as_str);
    plays("slixmpp/evening.py", &house, &people).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_slixmpp_nothing_is_lost_or_doubled_when_connections_break() {
    let house = House::new().await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    let people = [&ana.id, &ana.password, &bo.id, &bo.password];
    let people = people.map(String::as_str);
    plays("slixmpp/broken.py", &house, &people).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_with_slixmpp_read_what_was_said() {
    let house = House::new().await;
    let shop = house.shop("Ekberg", 60.168, 24.938).await;
    let (ana, bo) = (house.login("ana").await, house.login("bo").await);
    ana.add_picture("sea").await;
    house.quiet().await;
    let shown = [("id", ana.id.as_str()), ("size", "1")];
    let thumbnail = bo.see("/user_info/logo.json", &shown).await.body;
    let picture = hex::encode(sha1::Sha1::digest(&thumbnail));
    let people = [&ana.id, &ana.password, &bo.id, &bo.password];
    let mut arguments = people.map(String::as_str).to_vec();
    arguments.insert(0, &shop);
    arguments.push(&picture);
    plays("slixmpp/archive.py", &house, &arguments).await;
}
