use crate::tests::*;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates() {
    let log = Arc::new(MemoryLog::new());
    let mut r = 12345_u64;
    let mut rnd = move || {
        r ^= r << 13;
        r ^= r >> 7;
        r ^= r << 17;
        r
    };
    let mut events = Vec::new();
    for id in 1..=20_000 {
        let p = point(
            30.0 + (rnd() % 100_000) as f64 * 2e-6,
            120.0 + (rnd() % 100_000) as f64 * 2e-6,
        );
        events.push(opened(shop(id), "新紫轩花店", p));
    }
    for u in 0..30_000_u32 {
        events.push(registered(UserId::new(u, [1; 8]), Gender::Male));
    }
    for c in 0..300_000_u32 {
        let u = (rnd() % 30_000) as u32;
        events.push(checked_in(
            CheckinId::new(c, [1; 8]),
            UserId::new(u, [1; 8]),
            shop(1 + rnd() % 20_000),
        ));
    }
    for u in 0..30_000_u32 {
        events.push(
            domain::user::ProfileChanged {
                user_id: UserId::new(u, [1; 8]),
                changes: domain::user::ProfileEdit {
                    signature: Some("hello".into()),
                    ..Default::default()
                },
            }
            .into(),
        );
    }
    let n = events.len();
    append(&*log, events).await;
    for place in Place::both() {
        let t = Instant::now();
        let p = place.projections(&log).await;
        println!(
            "cold start {} : {:.0} events/s",
            &place.url[..6],
            n as f64 / t.elapsed().as_secs_f64()
        );
        for (name, n) in [
            ("shop_index", 20_000),
            ("occupancy", 360_000),
            ("profiles", 60_000),
            ("traces", 300_000),
        ] {
            let t = Instant::now();
            p.rebuild(name).await.unwrap();
            p.rebuilt(name).await.unwrap();
            println!(
                "rebuild {name}: {:.0} events/s ({:?})",
                n as f64 / t.elapsed().as_secs_f64(),
                t.elapsed()
            );
        }
        for acc in [30.0, 200.0, 1000.0, 5000.0] {
            let t = Instant::now();
            let fix = domain::geo::Fix::new(point(30.1, 120.1), acc);
            for _ in 0..200 {
                let _ = p.shop_index.read(|s| {
                    p.occupancy
                        .read(|o| crate::place_ranker::rank(fix, s, o, 50).len())
                });
            }
            println!("rank acc {acc}: {:?}", t.elapsed() / 200);
        }
        let t = Instant::now();
        for _ in 0..200 {
            p.shop_index.read(|s| {
                s.nearest(
                    point(30.1, 120.1),
                    &crate::shop_index::Filter {
                        name: Some("nope".into()),
                        ..Default::default()
                    },
                    0,
                    20,
                )
                .len()
            });
        }
        println!("rare name: {:?}", t.elapsed() / 200);
        let t = Instant::now();
        for _ in 0..2000 {
            p.shop_index.read(|s| {
                s.nearest(point(30.1, 120.1), &Default::default(), 0, 50)
                    .len()
            });
        }
        println!("nearest 50: {:?}", t.elapsed() / 2000);
        let t = Instant::now();
        for id in 0..500_u32 {
            let pos = append(
                &*log,
                [checked_in(
                    CheckinId::new(1_000_000 + id, [2; 8]),
                    UserId::new(id, [1; 8]),
                    shop(1 + u64::from(id)),
                )],
            )
            .await;
            assert!(p.wait(pos, &[domain::EventKind::CheckedIn]).await);
        }
        println!("append + wait: {:?}", t.elapsed() / 500);
        let t = Instant::now();
        p.stop().await;
        println!("stop {:?}", t.elapsed());
        for f in std::fs::read_dir(place.snapshots()).unwrap() {
            let f = f.unwrap();
            println!("{:?} {}", f.file_name(), f.metadata().unwrap().len());
        }
        let t = Instant::now();
        let p = place.projections(&log).await;
        println!("warm start {:?}", t.elapsed());
        p.stop().await;
    }
}
