//! Many pictures at once into a whole house: what they take in memory, and how soon all are shown.

use crate::house::House;
use crate::http::{self, Connection};
use crate::people::People;
use crate::report::{Report, Table};
use crate::tell;
use crate::world::World;
use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much memory the house may take meanwhile, in MiB.
const GOAL_MIB: f64 = 300.0;

/// After so long something is wrong.
const PATIENCE: Duration = Duration::from_secs(120);

/// Lets `many` people send one of the photographs in the folder `photos` each, all at the same
/// moment.
pub(super) async fn run(
    folder: &Path,
    photos: &Path,
    many: usize,
    report: &mut Report,
) -> Result<()> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(photos)? {
        files.push(std::fs::read(entry?.path())?);
    }
    ensure!(many > 0 && !files.is_empty(), "nothing to send");
    tell(&format!("{many} uploads at once"));
    let data = folder.join("house");
    let people = Arc::new(People::move_in(&data, World::new(10, many), many).await?);
    let house = House::start(&data, None).await?;
    let before = house.usage()?;
    let mut senders = Vec::with_capacity(many);
    for number in 0..many {
        let connection = Connection::open(house.address).await?;
        let photo = &files[number % files.len()];
        senders.push((connection, form(people.session(number), photo)));
    }
    let started = Instant::now();
    let sent = try_join_all(senders.iter_mut().map(|(connection, request)| async move {
        let asked = Instant::now();
        connection.succeed(request).await?;
        anyhow::Ok(asked.elapsed())
    }));
    let mut answered = sent.await?;
    answered.sort();
    let all_answered = started.elapsed();
    for (number, (connection, _)) in senders.iter_mut().enumerate() {
        let target = format!("/user_info/photos?id={}", World::user(number as u64));
        let request = http::get(&target, Some(people.session(number)));
        while !is_shown(connection.succeed(&request).await?)? {
            ensure!(started.elapsed() < PATIENCE, "a picture is not processed");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let all_shown = started.elapsed();
    let after = house.usage()?;
    house.stop().await?;

    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let mut table = Table::new(
        format!("{many} uploads of a photograph at once"),
        &[
            "answered p50 ms",
            "answered last ms",
            "shown last ms",
            "cpu ms each",
            "resident before MiB",
            "peak MiB",
        ],
    );
    table.row([
        ms(answered[answered.len() / 2]).into(),
        ms(all_answered).into(),
        ms(all_shown).into(),
        ((after.cpu_s - before.cpu_s) * 1e3 / many as f64).into(),
        before.resident_mib.into(),
        after.peak_mib.into(),
    ]);
    report.table(table);
    report.goal(
        format!("{GOAL_MIB:.0} MiB by the peak of {many} uploads at once"),
        1.0,
        GOAL_MIB / after.peak_mib,
    );
    Ok(())
}

/// The request that brings a picture into an album.
fn form(session: &str, photo: &[u8]) -> Vec<u8> {
    const BOUNDARY: &str = "----lianlian-bench";
    let head = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"user_logo[img]\"; \
         filename=\"photo.jpg\"\r\ncontent-type: image/jpeg\r\n\r\n"
    );
    let tail = format!("\r\n--{BOUNDARY}--\r\n");
    let length = head.len() + photo.len() + tail.len();
    let request = format!(
        "POST /user_logos HTTP/1.1\r\nhost: bench\r\ncookie: _session_id={session}\r\n\
         content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {length}\r\n\r\n"
    );
    [request.as_bytes(), head.as_bytes(), photo, tail.as_bytes()].concat()
}

/// Whether the only picture of this album has been processed.
fn is_shown(album: &[u8]) -> Result<bool> {
    let album: Value = serde_json::from_slice(album)?;
    let picture = album.get(0).context("a picture left its album")?;
    Ok(picture["img_file_size"]
        .as_u64()
        .is_some_and(|bytes| bytes > 0))
}
