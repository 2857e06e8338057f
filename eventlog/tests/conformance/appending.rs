//! What an append does, and does not do.

use crate::fixture::{Fixture, append, append_one, check_acknowledged, event, everything, stream};
use ExpectedRevision::{Any, Exact, NoStream};
use domain::Position;
use domain::shop::ShopClosed;
use eventlog::{Append, Appended, Error, ExpectedRevision, Metadata, NewEvent, RecordedEvent};
use futures_util::future::join_all;
use std::sync::Arc;
use uuid::Uuid;

pub(crate) async fn events_come_back_as_they_were_appended(fixture: &Fixture) {
    let log = fixture.open().await;
    let shop_id = domain::ShopId::new(7).expect("an id");
    let mut events = vec![event("it's \"quoted\" \\ 字 🎉 \u{1} \0"), event("")];
    events[0].metadata = Metadata {
        causation: Some(Uuid::now_v7()),
        correlation: Some(Uuid::now_v7()),
        actor: Some("admin".into()),
    };
    events.push(NewEvent {
        event: ShopClosed { shop_id }.into(),
        ..event("")
    });

    append_one(&log, "shop-6").await;
    let appended = log
        .append(&stream("shop-7"), NoStream, events.clone())
        .await
        .expect("appended");
    let expected = Appended {
        position: Position(4),
        revision: 2,
        repeated: false,
    };
    assert_eq!(appended, expected);

    let recorded = log
        .read_stream(&stream("shop-7"), 0, 10)
        .await
        .expect("read");
    let as_appended = events
        .into_iter()
        .zip(0..)
        .map(|(new, revision)| RecordedEvent {
            position: Position(revision + 2),
            stream: stream("shop-7"),
            revision,
            id: new.id,
            time: new.time,
            event: new.event,
            metadata: new.metadata,
        });
    assert_eq!(recorded, as_appended.collect::<Vec<_>>());
    let stored = everything(&log).await;
    assert_eq!(stored[3].type_name, "shop.closed.v1");
    assert_eq!(stored[3].data, r#"{"shop_id":7}"#);
}

pub(crate) async fn what_is_submitted_keeps_its_order(fixture: &Fixture) {
    let log = fixture.open().await;
    let mut answers = Vec::new();
    for number in 0..100 {
        // Two streams in turns, one of which must be where it is believed to be.
        let (name, expected) = match number % 2 {
            0 => ("room-7", Any),
            _ if number == 1 => ("shop-7", NoStream),
            _ => ("shop-7", Exact(number / 2 - 1)),
        };
        let submitted = log.submit(append(name, expected, vec![event("")])).await;
        answers.push(submitted.expect("submitted"));
    }
    let stale = append("shop-7", NoStream, vec![event("")]);
    let stale = log.submit(stale).await;
    let stale = stale.expect("submitted");
    for (answer, number) in answers.into_iter().zip(0..) {
        let appended = answer.await.expect("appended");
        let place = (appended.position, appended.revision);
        assert_eq!(place, (Position(number + 1), number / 2));
    }
    let refused = stale.await.expect_err("the stream is there");
    assert!(
        matches!(
            refused,
            Error::Conflict {
                actual: Some(49),
                ..
            }
        ),
        "{refused}"
    );
}

pub(crate) async fn positions_have_no_gaps_with_64_writers_at_once(fixture: &Fixture) {
    let log = fixture.open().await;
    let writers = (0..64).map(|writer| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let mut acknowledged: Vec<(Uuid, Position)> = Vec::new();
            for round in 0..20 {
                let name = if round % 2 == 0 {
                    "shared".into()
                } else {
                    format!("own-{writer}")
                };
                let (id, appended) = append_one(&log, &name).await;
                if let Some((_, before)) = acknowledged.last() {
                    assert!(*before < appended.position, "positions follow the answers");
                }
                acknowledged.push((id, appended.position));
            }
            acknowledged
        })
    });
    let acknowledged = join_all(writers).await;
    let events = everything(&log).await;
    assert_eq!(events.len(), 64 * 20);
    for of_one in acknowledged {
        check_acknowledged(&events, &of_one.expect("no panic"));
    }
}

pub(crate) async fn one_of_many_appends_at_the_same_revision_wins(fixture: &Fixture) {
    let log = fixture.open().await;
    for (round, expected) in [NoStream, Exact(0), Exact(1), Exact(2)]
        .into_iter()
        .enumerate()
    {
        let rivals = (0..16).map(|_| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                log.append(&stream("prize"), expected, vec![event("mine")])
                    .await
            })
        });
        let mut winners = 0;
        for result in join_all(rivals).await {
            match result.expect("no panic") {
                Ok(appended) => {
                    assert_eq!(appended.revision, round as u64);
                    winners += 1;
                }
                Err(Error::Conflict {
                    expected: told,
                    actual,
                }) => {
                    assert_eq!((told, actual), (expected, Some(round as u64)));
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(winners, 1);
    }
    let nothing = log
        .append(&stream("other"), Exact(0), vec![event("")])
        .await;
    assert!(
        matches!(nothing, Err(Error::Conflict { actual: None, .. })),
        "{nothing:?}"
    );
}

pub(crate) async fn a_repeated_id_appends_nothing_and_is_answered_as_the_first_time(
    fixture: &Fixture,
) {
    let log = fixture.open().await;
    let (first, second) = (event("first"), event("second"));
    let both = vec![first.clone(), second.clone()];
    let answer = log
        .append(&stream("a"), NoStream, both.clone())
        .await
        .expect("appended");
    append_one(&log, "a").await;

    let again = Appended {
        repeated: true,
        ..answer
    };
    for expected in [Any, NoStream, Exact(1), Exact(77), Exact(u64::MAX)] {
        let repeated = log
            .append(&stream("a"), expected, both.clone())
            .await
            .expect("answered");
        assert_eq!(repeated, again, "{expected:?}");
    }
    // Of an append that was longer or shorter the first time, what both have counts.
    let shorter = log
        .append(&stream("a"), NoStream, vec![first.clone()])
        .await
        .expect("answered");
    assert_eq!((shorter.position, shorter.revision), (Position(1), 0));
    let longer = vec![first.clone(), second.clone(), event("third")];
    let longer = log
        .append(&stream("a"), NoStream, longer)
        .await
        .expect("answered");
    assert_eq!(longer, again);
    // In the middle of another append it is a mistake.
    let mixed = log
        .append(&stream("a"), Any, vec![event("new"), second])
        .await;
    assert!(matches!(mixed, Err(Error::Invalid(_))), "{mixed:?}");
    assert_eq!(log.head().await.expect("read"), Position(3));
    // In another stream it is another event.
    let elsewhere = log
        .append(&stream("b"), NoStream, vec![first])
        .await
        .expect("appended");
    assert_eq!(
        (elsewhere.position, elsewhere.repeated),
        (Position(4), false)
    );
    everything(&log).await;
}

pub(crate) async fn an_event_is_recognised_by_a_former_id(fixture: &Fixture) {
    let log = fixture.open().await;
    let (first, appended) = append_one(&log, "a").await;
    append_one(&log, "a").await;
    let repeated = |name| Append {
        formerly: Some(first),
        ..append(name, Any, vec![event("again")])
    };
    let first = (appended.position, appended.revision, true);
    for (names, places) in [
        (&["a"][..], &[first][..]),
        (&["b", "a"], &[(Position(3), 0, false), first]),
        (&["a", "a"], &[first, first]),
    ] {
        let again = log.append_batch(names.iter().copied().map(repeated).collect());
        let again = again.await.expect("appended").into_iter().map(|appended| {
            let appended = appended.expect("appended");
            (appended.position, appended.revision, appended.repeated)
        });
        assert_eq!(again.collect::<Vec<_>>(), places, "{names:?}");
    }
    assert_eq!(everything(&log).await.len(), 3);
}

pub(crate) async fn the_same_append_from_many_callers_at_once_goes_in_once(fixture: &Fixture) {
    let log = fixture.open().await;
    for expected in [NoStream, Any] {
        let name = format!("{expected:?}");
        let events = vec![event("one"), event("two")];
        let callers = (0..16).map(|_| {
            let (log, name, events) = (Arc::clone(&log), name.clone(), events.clone());
            tokio::spawn(async move { log.append(&stream(name), expected, events).await })
        });
        let answers: Vec<_> = join_all(callers)
            .await
            .into_iter()
            .map(|answer| answer.expect("no panic").expect("answered"))
            .collect();
        assert_eq!(answers.iter().filter(|answer| !answer.repeated).count(), 1);
        assert!(
            answers
                .iter()
                .all(|answer| answer.position == answers[0].position)
        );
        assert!(answers.iter().all(|answer| answer.revision == 1));
    }
    // Within one batch too.
    let twice = append("batch", NoStream, vec![event("one")]);
    let answers = log
        .append_batch(vec![twice.clone(), twice])
        .await
        .expect("answered");
    let answers: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.expect("answered"))
        .collect();
    assert_eq!(
        answers[1],
        Appended {
            repeated: true,
            ..answers[0]
        }
    );
    assert_eq!(everything(&log).await.len(), 5);
}

pub(crate) async fn conflicts_within_an_import_leave_the_rest_alone(fixture: &Fixture) {
    let log = fixture.open().await;
    for taken in (0..3_000).step_by(500) {
        append_one(&log, &format!("shop-{taken}")).await;
    }
    let import: Vec<_> = (0..3_000)
        .map(|shop| {
            let events = if shop % 7 == 0 {
                vec![event("a"), event("b")]
            } else {
                vec![event("a")]
            };
            append(&format!("shop-{shop}"), NoStream, events)
        })
        .collect();
    let answers = log.append_batch(import.clone()).await.expect("there");
    assert_eq!(answers.len(), 3_000);
    let mut last = Position(6);
    for (shop, answer) in answers.iter().enumerate() {
        match answer {
            Ok(appended) => {
                assert!(shop % 500 != 0 && !appended.repeated);
                assert_eq!(appended.revision, import[shop].events.len() as u64 - 1);
                assert_eq!(
                    appended.position.0,
                    last.0 + import[shop].events.len() as u64
                );
                last = appended.position;
            }
            Err(Error::Conflict { actual, .. }) => {
                assert_eq!((shop % 500, *actual), (0, Some(0)));
            }
            Err(error) => panic!("{error}"),
        }
    }
    // The same import again changes nothing, and is told so.
    let again = log.append_batch(import).await.expect("there");
    for (first, again) in answers.iter().zip(again) {
        match (first, again) {
            (Ok(first), Ok(again)) => assert_eq!(
                again,
                Appended {
                    repeated: true,
                    ..*first
                }
            ),
            (Err(_), Err(_)) => {}
            different => panic!("{different:?}"),
        }
    }
    assert_eq!(
        everything(&log).await.last().map(|event| event.position),
        Some(last)
    );
    assert!(
        log.append_batch(Vec::new())
            .await
            .expect("there")
            .is_empty()
    );
}

pub(crate) async fn an_append_that_makes_no_sense_is_refused(fixture: &Fixture) {
    let log = fixture.open().await;
    let twice = event("");
    let too_many = (0..1_025).map(|_| event("")).collect();
    for wrong in [vec![], too_many, vec![twice.clone(), event(""), twice]] {
        let refused = log.append(&stream("a"), Any, wrong).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    let most = (0..1_024).map(|_| event("")).collect();
    let appended = log
        .append(&stream("a"), NoStream, most)
        .await
        .expect("appended");
    assert_eq!(appended.position, Position(1_024));
    everything(&log).await;
}
