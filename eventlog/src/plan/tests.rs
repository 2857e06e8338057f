use super::*;
use crate::{Metadata, NewEvent};
use ExpectedRevision::{Any, Exact, NoStream};
use domain::Millis;
use domain::shop::ShopClosed;

const CONFLICT_AT_0: Result<(u64, u64, bool), &str> = Err("conflict at Some(0)");

fn append(stream: &str, expected: ExpectedRevision, ids: &[u128]) -> Append {
    let shop_id = domain::ShopId::new(7).expect("an id");
    let event = |id: &u128| NewEvent {
        id: Uuid::from_u128(*id),
        time: Millis(0),
        event: ShopClosed { shop_id }.into(),
        metadata: Metadata::default(),
    };
    let stream = StreamName::from_stored(stream.into());
    Append::new(stream, expected, ids.iter().map(event).collect())
}

/// A log whose last position is 10; stream `a` holds the events 1 and 2 at positions 4 and 10.
fn facts() -> Facts<'static> {
    let at = |position, revision| Place { position, revision };
    Facts {
        head: 10,
        streams: [("a", 1)].into(),
        known: [
            (("a", Uuid::from_u128(1)), at(4, 0)),
            (("a", Uuid::from_u128(2)), at(10, 1)),
        ]
        .into(),
    }
}

/// Plans the appends over `facts`; an answer is (position, revision, repeated) or what is wrong.
#[track_caller]
fn check(facts: Facts<'_>, appends: Vec<Append>, answers: &[Result<(u64, u64, bool), &str>]) {
    let batch: Vec<_> = appends
        .into_iter()
        .map(|append| Prepared::new(append).expect("sound"))
        .collect();
    let before = facts.head;
    let facts = Facts {
        head: facts.head,
        streams: facts.streams,
        known: facts.known,
    };
    let plan = facts.plan(&batch);
    let got: Vec<_> = plan
        .answers
        .iter()
        .map(|answer| match answer {
            Ok(appended) => Ok((appended.position.0, appended.revision, appended.repeated)),
            Err(Error::Conflict { actual, .. }) => Err(format!("conflict at {actual:?}")),
            Err(error) => Err(error.to_string()),
        })
        .collect();
    let expected: Vec<_> = answers
        .iter()
        .map(|answer| answer.map_err(str::to_owned))
        .collect();
    assert_eq!(got, expected);
    let positions: Vec<_> = plan.rows.iter().map(|row| row.place.position).collect();
    assert_eq!(
        positions,
        (before + 1..=plan.head.0).collect::<Vec<_>>(),
        "positions are dense"
    );
}

#[test]
fn an_append_goes_through_when_the_stream_is_as_expected() {
    check(
        facts(),
        vec![append("a", Exact(1), &[3])],
        &[Ok((11, 2, false))],
    );
    check(facts(), vec![append("a", Any, &[3])], &[Ok((11, 2, false))]);
    check(
        facts(),
        vec![append("b", NoStream, &[3])],
        &[Ok((11, 0, false))],
    );
    check(facts(), vec![append("b", Any, &[3])], &[Ok((11, 0, false))]);
}

#[test]
fn an_append_to_a_stream_that_is_elsewhere_conflicts() {
    check(
        facts(),
        vec![append("a", NoStream, &[3])],
        &[Err("conflict at Some(1)")],
    );
    check(
        facts(),
        vec![append("a", Exact(0), &[3])],
        &[Err("conflict at Some(1)")],
    );
    check(
        facts(),
        vec![append("b", Exact(0), &[3])],
        &[Err("conflict at None")],
    );
}

#[test]
fn an_append_of_several_events_lies_together() {
    let answers = [Ok((13, 4, false)), Ok((15, 1, false))];
    check(
        facts(),
        vec![append("a", Exact(1), &[3, 4, 5]), append("b", Any, &[3, 4])],
        &answers,
    );
}

#[test]
fn appends_of_one_batch_to_one_stream_see_each_other() {
    let appends = vec![
        append("b", NoStream, &[3]),
        append("b", NoStream, &[4]),
        append("b", Exact(0), &[5]),
        append("b", Exact(0), &[6]),
    ];
    check(
        facts(),
        appends,
        &[
            Ok((11, 0, false)),
            CONFLICT_AT_0,
            Ok((12, 1, false)),
            Err("conflict at Some(1)"),
        ],
    );
}

#[test]
fn a_repeated_first_id_is_answered_before_any_conflict_is_looked_for() {
    for expected in [Any, NoStream, Exact(0), Exact(77)] {
        check(
            facts(),
            vec![append("a", expected, &[1])],
            &[Ok((4, 0, true))],
        );
    }
}

#[test]
fn a_repetition_within_one_batch_is_answered_as_the_first() {
    let appends = vec![
        append("b", NoStream, &[3, 4]),
        append("b", NoStream, &[3, 4]),
    ];
    check(facts(), appends, &[Ok((12, 1, false)), Ok((12, 1, true))]);
}

#[test]
fn a_first_event_is_recognised_by_its_former_id() {
    let formerly = |stream, id, former| Append {
        formerly: Some(Uuid::from_u128(former)),
        ..append(stream, Any, &[id])
    };
    let appends = vec![
        formerly("a", 3, 2),
        formerly("a", 3, 9),
        formerly("a", 4, 3),
        formerly("b", 3, 2),
    ];
    let answers = [
        Ok((10, 1, true)),
        Ok((11, 2, false)),
        Ok((11, 2, true)),
        Ok((12, 0, false)),
    ];
    check(facts(), appends, &answers);
}

#[test]
fn the_same_id_in_another_stream_is_another_event() {
    check(
        facts(),
        vec![append("b", NoStream, &[1])],
        &[Ok((11, 0, false))],
    );
}

#[test]
fn a_repetition_with_more_events_than_the_first_time_appends_nothing() {
    check(
        facts(),
        vec![append("a", Any, &[2, 3])],
        &[Ok((10, 1, true))],
    );
    check(
        facts(),
        vec![append("a", Any, &[1, 2, 3])],
        &[Ok((10, 1, true))],
    );
}

#[test]
fn an_append_whose_later_event_is_there_already_is_refused() {
    let refused = Err("the stream holds a later event of the append already");
    check(
        facts(),
        vec![append("a", Any, &[3, 1]), append("a", Any, &[4])],
        &[refused, Ok((11, 2, false))],
    );
}

#[test]
fn an_append_has_1_to_1024_events_of_different_ids() {
    let ids: Vec<u128> = (0..1_025).collect();
    assert!(Prepared::new(append("a", Any, &ids[..1_024])).is_ok());
    for wrong in [&[][..], &ids, &[1, 2, 1]] {
        let refused = Prepared::new(append("a", Any, wrong));
        assert!(
            matches!(refused, Err(Error::Invalid(_))),
            "{} events",
            wrong.len()
        );
    }
}
