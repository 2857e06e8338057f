//! Packing while questions are asked and things happen, and what is written down.

use super::super::merge::FEW;
use super::*;
use crate::Live;
use crate::memory::{Applied, slot};
use domain::Position;
use std::time::{Duration, Instant};

fn many(count: u64) -> Vec<Event> {
    let place = |id: u64| point(30.0 + id as f64 * 1e-4, 120.0);
    (1..=count)
        .map(|id| opened(shop(id), &format!("shop {id}"), place(id)))
        .collect()
}

/// What an index knows, whichever way it lies there.
fn all_of(index: &ShopIndex) -> String {
    let shops: Vec<Shop<'_>> = index.iter().collect();
    format!("{shops:?} {:?} {:?}", index.closed, index.max_id)
}

#[test]
fn many_shops_are_packed_aside_and_none_is_missing_meanwhile() {
    let live = Live::<ShopIndex>::default();
    let slot = slot(&live);
    let events = many(5_000);
    let is_packed = || live.read(|index| index.fresh.len() <= FEW);
    for (position, event) in (1..).zip(&events) {
        let event = Ok(Arc::new(recorded(position, 0, event.clone())));
        let applied = slot.apply(&[event], Position(position - 1));
        assert_eq!(applied, Applied::All { folded: 1 });
        if position % 100 == 0 {
            live.read(|index| {
                let from = point(30.0, 120.0);
                assert_eq!(index.len() as u64, position);
                let last = index.nearest(from, &Filter::default(), index.len() - 1, 9);
                assert_eq!(ids(&last), [position]);
            });
        }
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_packed() {
        assert!(Instant::now() < deadline, "it was never packed");
        std::thread::yield_now();
    }
    assert_eq!(live.read(all_of), all_of(&given(events)));
}

#[test]
fn a_few_shops_are_packed_as_soon_as_there_is_time() {
    let live = Live::<ShopIndex>::default();
    let slot = slot(&live);
    let events: Vec<_> = (1..)
        .zip(many(40))
        .map(|(position, event)| Ok(Arc::new(recorded(position, 0, event))))
        .collect();
    let deadline = Instant::now() + Duration::from_secs(60);
    for (before, batch) in (0..).step_by(20).zip(events.chunks(20)) {
        slot.apply(batch, Position(before));
        while live.read(|index| index.packed.len() as u64) < before + 20 {
            assert!(Instant::now() < deadline, "they were never packed");
            slot.tend();
            std::thread::yield_now();
        }
    }
    live.read(|index| assert_eq!(index.fresh.len(), 0));
}

#[test]
fn a_few_shops_wait_until_packing_has_rested() {
    let mut index = given(many(40));
    let mut merge = index.merge().expect("nothing is being made");
    merge.work();
    merge.took = Duration::from_secs(3_600);
    merge.finish(&mut index);
    let mut add = |id: u64| {
        let event = opened(shop(id), "later", point(1.0, 2.0));
        index.apply(&recorded(id, 0, event)).expect("no poison");
        [index.merge_few().is_some(), index.merge_many().is_some()]
    };
    let few = (100..).take(FEW);
    assert!(few.map(&mut add).all(|begun| begun == [false; 2]));
    assert_eq!(add(100 + FEW as u64), [false, true], "so many are too many");
    index.resting = Some(Instant::now());
    assert!(index.merge_few().is_some());
}

#[test]
fn a_copy_is_packed_before_it_takes_over() {
    let live = Live::<ShopIndex>::default();
    let mut copy = slot(&live).copy();
    let events: Vec<_> = (1..)
        .zip(many(3_000))
        .map(|(position, event)| Ok(Arc::new(recorded(position, 0, event))))
        .collect();
    let applied = copy.apply(&events, Position::START);
    assert_eq!(applied, Applied::All { folded: 3_000 });
    copy.tidy();
    copy.adopt();
    live.read(|index| assert_eq!((index.packed.len(), index.fresh.len()), (3_000, 0)));
}

#[test]
fn what_is_being_made_of_another_index_is_not_taken_over() {
    let mut index = given(many(40));
    let mut merge = index.merge().expect("nothing is being made");
    assert!(index.merge().is_none(), "one at a time");
    merge.work();
    let mut other = given(many(3));
    merge.finish(&mut other);
    assert_eq!(other.len(), 3);
    drop(merge);
    // It came to nothing, so that another one may be begun.
    assert_eq!(packed(index).packed.len(), 40);
}

/// One of everything: packed, closed, changed since, with several points, with staff.
fn motley() -> ShopIndex {
    let mut index = given(
        many(40).into_iter().chain([
            spread(
                50,
                "Σ chain",
                &[point(1.0, 2.0), point(3.0, 4.0), point(1.0, 2.0)],
            ),
            StaffAdded {
                shop_id: shop(50),
                user_id: user(2),
            }
            .into(),
            opened(shop(51), "nine", point(89.9, 0.0)),
        ]),
    );
    index = packed(index);
    let later: [Event; 4] = [
        ShopClosed { shop_id: shop(51) }.into(),
        NoticePosted {
            shop_id: shop(7),
            title: "hello".into(),
        }
        .into(),
        StaffAdded {
            shop_id: shop(8),
            user_id: user(1),
        }
        .into(),
        spread(60, "fresh", &[point(1.0, 2.0), point(3.0, 4.0)]),
    ];
    for event in later {
        index.apply(&recorded(99, 0, event)).expect("no poison");
    }
    index
}

#[test]
fn a_snapshot_holds_everything() {
    let index = motley();
    let bytes = postcard::to_stdvec(&index).expect("bytes");
    let read: ShopIndex = postcard::from_bytes(&bytes).expect("an index");
    assert_eq!(all_of(&read), all_of(&index));
    assert_eq!(read.max_id(), Some(shop(60)));
    assert_eq!(read.name(shop(51)), Some("nine"));
    assert_eq!(postcard::to_stdvec(&read).expect("bytes"), bytes);
    // It lies there as it did: nothing had to be packed.
    assert_eq!(read.packed.len(), index.packed.len());
    let from = point(3.0, 4.0);
    for name in ["shop", "σ c", "fresh", "9"] {
        let found = |index: &ShopIndex| ids(&index.nearest(from, &named(name), 0, 99));
        assert!(!found(&read).is_empty());
        assert_eq!(found(&read), found(&index), "{name}");
    }
}

#[test]
fn a_broken_snapshot_is_refused_or_at_least_answers() {
    let whole = postcard::to_stdvec(&motley()).expect("bytes");
    let mut refused = 0;
    for at in 0..whole.len() {
        for change in [1, 0x40, 0x80, 0xff] {
            let mut broken = whole.clone();
            broken[at] ^= change;
            let Ok(read) = postcard::from_bytes::<ShopIndex>(&broken) else {
                refused += 1;
                continue;
            };
            let from = point(1.0, 2.0);
            for filter in [named("shop 1"), named("c"), Filter::default()] {
                let _ = read.nearest(from, &filter, 0, 9);
            }
            read.for_each_within(from, 1e7, |id, _| assert!(read.get(id).is_some()));
            let _ = all_of(&packed(read));
        }
        assert!(postcard::from_bytes::<ShopIndex>(&whole[..at]).is_err());
    }
    assert!(refused > 0);
}
