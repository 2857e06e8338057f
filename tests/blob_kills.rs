//! Pictures and a server that is killed in the middle: every upload that was answered is processed
//! after the restart, once, and nothing lies about.

use crate::harness::{Form, JPEG, PATIENCE, Phone, Server, Wire, eventually, id_of, picture, run};
use commands::{Clock, Commands, Secret, State};
use domain::Millis;
use futures_util::StreamExt;
use media::blobs::{Blobs, Settings};
use media::keys::Folder;
use policies::BlobSweep;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How often the server is killed.
const KILLS: usize = 4;

/// How many uploads are answered before it is killed.
const BETWEEN_KILLS: usize = 12;

/// How many people send pictures at once.
const PEOPLE: usize = 3;

/// Room for all of it.
const SETTINGS: [(&str, &str); 1] = [("LIANLIAN_LIMITS__ALBUM_PICTURES", "10000")];

/// Sends good and bad pictures until the server is gone; those that were answered, and whether
/// they are good.
async fn send_until_it_breaks(
    phone: Phone,
    shop: String,
    answered: Arc<AtomicUsize>,
) -> Vec<(&'static str, String, bool)> {
    let good = picture::jpeg(900, 700);
    let half = good[..good.len() / 2].to_vec();
    let mut sent = Vec::new();
    for number in 0.. {
        let is_good = number % 3 != 2;
        let bytes = if is_good { &good } else { &half };
        let (path, show) = match number % 2 {
            0 => ("/user_logos", "/user_logos/show"),
            _ => ("/photos", "/photos/show"),
        };
        let form = match path {
            "/photos" => Form::photo(JPEG, bytes).text("photo[room]", &shop),
            _ => Form::logo(JPEG, bytes),
        };
        let call = phone.signed(form.to(path));
        let Ok(answer) = phone.try_send(call).await else {
            break;
        };
        sent.push((show, id_of(&answer.ok()), is_good));
        answered.fetch_add(1, Ordering::SeqCst);
    }
    sent
}

/// What became of every picture that the log knows: the types of its events.
async fn fates(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let exported = run(folder, &["events", "export"]).await.ok();
    let mut fates: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in exported.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let stream = event["stream"].as_str().expect("a stream");
        if let Some(id) = stream.strip_prefix("photo-") {
            let kind = event["type"].as_str().expect("a type");
            fates
                .entry(id.to_owned())
                .or_default()
                .push(kind.to_owned());
        }
    }
    fates
}

/// Everything in the blob store, after what no event names was swept away.
async fn swept(folder: &Path) -> Vec<String> {
    let data = folder.join("data");
    let file = |name: &str| format!("sqlite:{}", data.join(name).display());
    let log = eventlog::open(&file("events.sqlite")).await.expect("a log");
    let state = State::open(&file("state.sqlite")).await.expect("a state");
    let secret = Secret::new(*b"the secret of the tests");
    let commands = Commands::new(log, state, secret, Clock::system());
    let blobs = Blobs::open(&Settings {
        url: format!("file://{}", data.join("blobs").display()),
        ..Settings::default()
    });
    let blobs = blobs.expect("a blob store");
    let later = Millis(Clock::system().now().0 + 60_000);
    let swept = BlobSweep::once(&commands, &blobs, later).await;
    swept.expect("a sweep");
    let mut names = Vec::new();
    for part in Folder::ALL {
        let listed: Vec<_> = blobs.list(part).collect().await;
        let listed = listed.into_iter().map(|blob| blob.expect("a blob").name);
        names.extend(listed.map(|name| format!("{name:?}")));
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answered_upload_survives_a_kill_and_is_processed_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let door = crate::harness::Door::new(crate::harness::Door::client(), String::new());
    let mut server = Server::start_with(folder.path(), door, &SETTINGS).await;
    let cafe = server.shop("Ekberg", 60.168, 24.938).await;
    let mut people = Vec::new();
    for n in 0..PEOPLE {
        people.push(server.login(&format!("person {n}")).await);
    }
    let mut known = Vec::new();
    for _ in 0..KILLS {
        let answered = Arc::new(AtomicUsize::new(0));
        let senders: Vec<_> = people
            .iter()
            .map(|phone| {
                let (phone, cafe) = (phone.clone(), cafe.clone());
                tokio::spawn(send_until_it_breaks(phone, cafe, answered.clone()))
            })
            .collect();
        let enough = async {
            while answered.load(Ordering::SeqCst) < BETWEEN_KILLS {
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, enough).await;
        in_time.expect("enough uploads");
        // Some are on their way in, some wait, some are being processed.
        server.kill().await;
        for sender in senders {
            known.extend(sender.await.expect("ended by the kill"));
        }
        server.start_again().await;
    }
    let viewer = &people[0];
    for (show, id, good) in &known {
        let asked = [("id", id.as_str())];
        let answer = eventually("the picture has a fate", async || {
            let answer = viewer.get(show, &asked).await;
            let early = answer.error().as_deref() == Some("not processed yet");
            (!early).then_some(answer)
        })
        .await;
        if *good {
            let link = answer.elsewhere();
            let shown = server.get(&link, &[]).await;
            assert_eq!(shown.status, 200, "{id}: {}", shown.text());
            picture::look(&shown.body);
        } else {
            answer.refused(404);
        }
    }
    let complaints = server.complaints();
    assert!(!complaints.contains("panicked"), "{complaints}");

    // Also those that nobody got an answer about.
    let all = eventually("every picture has a fate", async || {
        let fates = fates(folder.path()).await;
        fates.values().all(|types| types.len() > 1).then_some(fates)
    })
    .await;
    assert!(server.terminate().await.success());
    for (id, types) in &all {
        assert_eq!(types[0], "photo.uploaded.v1", "{id}");
        assert_eq!(types.len(), 2, "{id}: {types:?}");
    }
    for (_, id, good) in &known {
        let expected = match good {
            true => "photo.processed.v1",
            false => "photo.rejected.v1",
        };
        assert_eq!(all[id][1], expected, "{id}");
    }
    let names = swept(folder.path()).await;
    for name in &names {
        let id = name.split('/').nth(1).expect("an id");
        let shown = all
            .get(id)
            .is_some_and(|types| types[1] == "photo.processed.v1");
        assert!(shown, "{name} belongs to no picture that is shown");
        assert!(!name.contains("raw"), "{name}");
    }
}

#[tokio::test]
async fn an_upload_that_a_kill_cut_off_leaves_nothing_after_a_sweep() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(folder.path()).await;
    let ana = server.login("ana").await;
    let whole = Form::logo(JPEG, &picture::jpeg(900, 700)).to("/user_logos");
    let whole = ana.signed(whole).to_bytes();
    let mut wires = Vec::new();
    for cut in 1..10 {
        let mut wire = Wire::connect(&server.authority()).await;
        wire.send(&whole[..whole.len() * cut / 10]).await;
        wires.push(wire);
    }
    server.kill().await;
    drop(wires);
    server.start_again().await;
    assert!(ana.album_of(&ana.id).await.is_empty());
    assert!(server.terminate().await.success());
    assert!(swept(folder.path()).await.is_empty());
    assert!(fates(folder.path()).await.is_empty());
}
