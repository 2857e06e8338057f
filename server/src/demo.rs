//! `lianlian demo`: everything on the embedded store, with the shops of central Helsinki and a
//! handful of simulated people; nothing of it is left when it ends.

mod face;
mod phone;

use crate::config::{Private, Settings};
use crate::folder::DataFolder;
use crate::import::{self, Format, Source};
use crate::serve::{Bound, Server, Signals, say};
use crate::wiring;
use anyhow::{Context, Result};
use phone::{Account, Phone};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// © OpenStreetMap contributors, ODbL 1.0: see `data/README.md`.
const SHOPS: &[u8] = include_bytes!("../../data/helsinki-centre.osm.pbf");

/// The middle of the bundled shops: latitude and longitude in degrees.
const CENTRE: (f64, f64) = (60.1695, 24.9410);

/// How far people stray from the middle, in metres.
const STRAY_M: f64 = 900.0;

/// How often somebody does something.
const PACE: Duration = Duration::from_millis(1_000);

/// Names of the people.
const PEOPLE: [&str; 6] = ["Aino", "Bo", "小明", "Eero", "Maria", "Väinö"];

/// `lianlian demo`: until somebody says stop.
///
/// # Errors
/// What keeps it from starting.
pub(crate) async fn run(settings: &Settings, quiet: bool) -> Result<()> {
    let mut signals = Signals::new()?;
    let folder = tempfile::Builder::new()
        .prefix("lianlian-demo-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .context("cannot make a temporary folder")?;
    let settings = demo_settings(settings, folder.path());
    let started = tokio::select! {
        started = start(&settings) => Some(started?),
        () = signals.stop() => None,
    };
    let mut outcome = Ok(());
    if let Some(mut server) = started {
        outcome = tokio::select! {
            outcome = show(&mut server, &settings, quiet) => outcome,
            () = signals.stop() => Ok(()),
        };
        server.stop().await;
    }
    folder
        .close()
        .context("cannot remove the temporary folder")?;
    outcome
}

/// The settings with stores of its own: a demonstration must not touch real ones.
fn demo_settings(settings: &Settings, folder: &std::path::Path) -> Settings {
    let token = || Private::new(hex::encode(rand::random::<[u8; 16]>()));
    Settings {
        data_dir: folder.to_owned(),
        admin_token: Some(settings.admin_token.clone().unwrap_or_else(token)),
        log_url: None,
        read_url: None,
        state_url: None,
        blob_url: None,
        // Its people have never been anywhere else.
        identity: "local".into(),
        tls_cert: None,
        tls_key: None,
        ..settings.clone()
    }
}

/// The settings with the same hosts, and whichever ports are free.
fn anywhere(settings: &Settings) -> Settings {
    let free = |address: &str| {
        let (host, _) = address.rsplit_once(':').unwrap_or(("127.0.0.1", ""));
        format!("{host}:0")
    };
    Settings {
        http_addr: free(&settings.http_addr),
        xmpp_addr: free(&settings.xmpp_addr),
        xmpps_addr: settings.xmpps_addr.as_deref().map(free),
        xmpp_web_addr: free(&settings.xmpp_web_addr),
        ..settings.clone()
    }
}

async fn start(settings: &Settings) -> Result<Server> {
    let bound = match Bound::new(settings).await {
        Ok(bound) => bound,
        Err(error) => {
            tracing::info!("{error:#}; taking free ports instead");
            Bound::new(&anywhere(settings)).await?
        }
    };
    for line in bound.lines()? {
        say(&line);
    }
    let folder = DataFolder::open(&settings.data_dir)?;
    let lock = folder.lock()?;
    let log = wiring::open_log(settings, &folder).await?;
    let importer = wiring::importer(log.clone());
    let imported = import::shops(
        &importer,
        Source::Embedded(SHOPS),
        Format::Osm,
        false,
        false,
    )
    .await;
    log.close().await;
    let summary = imported.context("cannot import the bundled shops")?;
    say(&format!(
        "{} shops of central Helsinki, © OpenStreetMap contributors",
        summary.registered
    ));
    let mut server = bound.serve(settings, &folder, lock).await?;
    if let Err(error) = server.caught_up().await {
        server.stop().await;
        return Err(error);
    }
    Ok(server)
}

/// Tells what to try, then lets people live.
async fn show(server: &mut Server, settings: &Settings, quiet: bool) -> Result<()> {
    let url = server.url(settings);
    let guest = Account::new("guest", "guest");
    let phone = Phone::log_in(&url, &guest)
        .await
        .context("the guest cannot log in")?;
    let (lat, lng) = CENTRE;
    let shops = phone
        .around(lat, lng, 30.0)
        .await
        .context("no shops are found")?;
    let nearest = shops.first().context("there are no shops around")?;
    let token = settings.admin_token.as_ref().map_or("", Private::get);
    let (hash, mac) = (guest.hash(), &guest.mac);
    say("");
    say(&format!("open   {url}/docs"));
    say(&format!("admin  {token}"));
    say("try    the places where a phone may be, a login, a check-in:");
    say(&format!(
        "curl '{url}/aroundme/shops?lat={lat}&lng={lng}&accuracy=30'"
    ));
    say(&format!(
        "curl -d name=guest -d pass=guest -d mac={mac} -d hash={hash} {url}/oauth2/login"
    ));
    say(&format!(
        "curl -b _session_id={} -d user_id={} -d shop_id={} -d lat={lat} -d lng={lng} \
         -d accuracy=30 -d od=1 {url}/checkins",
        phone.session(),
        phone.user_id(),
        nearest.id,
    ));
    say("");
    say("ready");
    let people = async {
        if quiet {
            std::future::pending::<()>().await;
        }
        live(&url).await;
    };
    tokio::select! {
        () = people => Ok(()),
        died = server.died() => Err(died),
    }
}

/// Lets somebody go somewhere, look around and check in, again and again.
async fn live(url: &str) {
    let mut phones = Vec::new();
    loop {
        tokio::time::sleep(PACE).await;
        if phones.len() < PEOPLE.len() {
            let name = PEOPLE[phones.len()];
            let password = hex::encode(rand::random::<[u8; 8]>());
            match arrive(url, name, &password).await {
                Ok(phone) => phones.push((name, phone)),
                Err(error) => {
                    tracing::warn!("{name} cannot come: {error:#}");
                    continue;
                }
            }
        }
        let (name, phone) = &phones[rand::random_range(0..phones.len())];
        match visit(phone).await {
            Ok(Some(shop)) => tracing::info!("{name} is at {shop}"),
            Ok(None) => {}
            Err(error) => tracing::warn!("{name} cannot check in: {error:#}"),
        }
    }
}

/// Logs in as somebody new, who shows a face.
async fn arrive(url: &str, name: &str, password: &str) -> Result<Phone> {
    let phone = Phone::log_in(url, &Account::new(name, password)).await?;
    if let Some(face) = face::of(name) {
        phone.show_face(face).await?;
    }
    Ok(phone)
}

/// Goes somewhere and checks in at one of the first places offered; its name.
async fn visit(phone: &Phone) -> Result<Option<String>> {
    let metre = 1.0 / 111_320.0;
    let stray = || rand::random_range(-STRAY_M..STRAY_M) * metre;
    let (lat, lng) = (
        CENTRE.0 + stray(),
        CENTRE.1 + stray() / CENTRE.0.to_radians().cos(),
    );
    let accuracy = rand::random_range(8.0..80.0);
    let shops = phone.around(lat, lng, accuracy).await?;
    // Mostly the first, as it should be.
    let rank =
        [0, 0, 0, 1, 1, 2, 3, 5][rand::random_range(0..8)].min(shops.len().saturating_sub(1));
    let Some(shop) = shops.get(rank) else {
        return Ok(None);
    };
    phone
        .check_in(shop.id, lat, lng, accuracy, rank + 1)
        .await?;
    Ok(Some(shop.name.clone()))
}
