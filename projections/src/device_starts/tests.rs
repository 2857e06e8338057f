//! Days, kinds and how many of them are kept apart, on both engines.

use super::*;
use crate::tests::{Place, append_at, log_of};
use crate::{Options, Projections};
use domain::device::AppStarted;
use eventlog::{EventLog, MemoryLog};
use std::sync::Arc;

const HOUR_MS: i64 = 3_600_000;

fn started(os: &str, model: &str) -> Event {
    AppStarted {
        model: model.into(),
        os: os.into(),
        ver: None,
    }
    .into()
}

fn days(from: &str, to: &str) -> Days {
    let day = |text: &str| text.parse().expect("a day");
    Days {
        from: day(from),
        to: day(to),
    }
}

fn always() -> Days {
    days("1969-01-01", "2099-12-31")
}

/// `day os/model starts` of all kinds.
async fn kinds(starts: &DeviceStarts, days: Days) -> Vec<String> {
    let found = starts.by_kind(days, 0, 10_000).await.expect("an answer");
    let told = found.into_iter().map(|row| {
        let kind = row.kind.map(|(os, model)| format!("{os}/{model}"));
        let kind = kind.unwrap_or_else(|| "others".into());
        format!("{} {kind} {}", row.day, row.starts)
    });
    told.collect()
}

fn told(shares: Vec<Share>) -> Vec<String> {
    let told = shares.into_iter().map(|share| {
        let name = share.name.unwrap_or_else(|| "others".into());
        format!("{name} {}", share.starts)
    });
    told.collect()
}

#[tokio::test]
async fn starts_are_counted_by_day_system_and_model() {
    let log = Arc::new(MemoryLog::new());
    append_at(
        &*log,
        HOUR_MS,
        [
            started("6.0", "iPhone"),
            started("4.1", "小米"),
            started("6.0", "iPhone"),
        ],
    )
    .await;
    append_at(
        &*log,
        25 * HOUR_MS,
        [started("6.0", "iPad"), started("6.0", "iPhone")],
    )
    .await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let starts = &projections.device_starts;
        assert_eq!(
            kinds(starts, always()).await,
            [
                "1970-01-02 6.0/iPad 1",
                "1970-01-02 6.0/iPhone 1",
                "1970-01-01 6.0/iPhone 2",
                "1970-01-01 4.1/小米 1",
            ]
        );
        assert_eq!(
            kinds(starts, days("1970-01-01", "1970-01-01")).await,
            ["1970-01-01 6.0/iPhone 2", "1970-01-01 4.1/小米 1"]
        );
        let systems = starts.by_system(always(), 10).await.expect("an answer");
        assert_eq!(told(systems), ["6.0 4", "4.1 1"]);
        let models = starts.by_model(always(), 2).await.expect("an answer");
        assert_eq!(told(models), ["iPhone 3", "小米 1"]);
        let by_day = starts.by_day(always()).await.expect("an answer");
        let by_day: Vec<u64> = by_day.into_iter().map(|day| day.starts).collect();
        assert_eq!(by_day, [2, 3]);
        let second = starts.by_kind(always(), 1, 1).await.expect("an answer");
        assert_eq!(second[0].kind, Some(("6.0".into(), "iPhone".into())));
        projections.stop().await;
    }
}

#[tokio::test]
async fn a_day_keeps_so_many_kinds_apart_and_counts_the_others_together() {
    let kept = usize::try_from(KINDS).expect("a number");
    let many = (0..kept + 5).map(|n| started("6.0", &format!("model {n}")));
    let log = log_of(many).await;
    // One that is kept goes on being counted by itself, one that is not does not, and one without
    // any name is like those.
    for again in ["model 0", "model 1004"] {
        append_at(&*log, 2 * HOUR_MS, [started("6.0", again)]).await;
    }
    append_at(&*log, 2 * HOUR_MS, [started("", "")]).await;
    append_at(&*log, 30 * HOUR_MS, [started("6.0", "model 1004")]).await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        let starts = &projections.device_starts;
        let first = kinds(starts, days("1970-01-01", "1970-01-01")).await;
        assert_eq!(first.len(), kept + 1);
        assert_eq!(first[0], "1970-01-01 others 7");
        assert_eq!(first[1], "1970-01-01 6.0/model 0 2");
        let next = kinds(starts, days("1970-01-02", "1970-01-02")).await;
        assert_eq!(next, ["1970-01-02 6.0/model 1004 1"]);
        projections.stop().await;
    }
}

#[tokio::test]
async fn odd_and_long_names_are_kept_within_bounds() {
    let long = "字".repeat(400);
    let log = log_of([started("a\0b", &long), started("%' --", "\u{202e}\\")]).await;
    for place in Place::both() {
        let projections = place.projections(&log).await;
        assert!(projections.status().iter().all(|status| {
            status.name != "device_starts" || matches!(status.state, crate::State::Running)
        }));
        let expected = [
            format!("1970-01-01 ab/{} 1", "字".repeat(LONGEST)),
            "1970-01-01 %' --/\u{202e}\\ 1".into(),
        ];
        assert_eq!(kinds(&projections.device_starts, always()).await, expected);
        projections.stop().await;
    }
}

#[tokio::test]
async fn days_are_those_of_the_house_and_counted_anew_when_it_moves() {
    // Half past five in the evening in London is the next day in Shanghai.
    let log = Arc::new(MemoryLog::new());
    append_at(&*log, 17 * HOUR_MS + HOUR_MS / 2, [started("6.0", "a")]).await;
    for place in Place::both() {
        // There and back: neither zone's version may look older than the other's.
        for (zone, day) in [
            ("UTC", "1970-01-01"),
            ("Asia/Shanghai", "1970-01-02"),
            ("UTC", "1970-01-01"),
        ] {
            let options = Options {
                read_url: place.url.clone(),
                snapshot_dir: None,
                snapshot_every: 1_000,
                timezone: TimeZone::get(zone).expect("a zone"),
            };
            let log: Arc<dyn EventLog> = Arc::clone(&log) as _;
            let projections = Projections::start(log, options).await;
            let projections = projections.expect("projections that start");
            crate::tests::in_time(projections.caught_up()).await;
            let found = kinds(&projections.device_starts, always()).await;
            assert_eq!(found, [format!("{day} 6.0/a 1")]);
            projections.stop().await;
        }
    }
}
