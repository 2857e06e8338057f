//! What the lists are like: the order, what is possible at all, and odd questions. What is learnt
//! from which events is in [`learning`], and that nothing is overlooked in [`exact`].

mod exact;
mod learning;

use super::*;
use crate::tests::{made, opened, point, recorded, shop, user};
use domain::geo::{Fix, Point};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// A day on which things happen.
const TODAY: i64 = 20_000 * DAY;

/// Shops and what was learnt of them.
struct World {
    shops: ShopIndex,
    ranker: PlaceRanker,
    position: u64,
    /// When the next thing happens.
    now: i64,
}

use crate::shop_index::ShopIndex;

impl World {
    fn new() -> Self {
        Self {
            shops: ShopIndex::default(),
            ranker: PlaceRanker::default(),
            position: 0,
            now: TODAY,
        }
    }

    /// Shops by id, with how far north they are and how many people were there, each once.
    fn given(shops: impl IntoIterator<Item = (u64, f64, u64)>) -> Self {
        let mut world = Self::new();
        for (id, metres, visits) in shops {
            world.happens(opened(shop(id), "a shop", north(metres)));
            for person in 0..visits {
                world.visits(somebody(person), id);
            }
        }
        world
    }

    fn happens(&mut self, event: impl Into<Event>) {
        self.position += 1;
        let event = recorded(self.position, self.now, event.into());
        let wanted = |kinds: &[EventKind]| kinds.contains(&event.event.kind());
        if wanted(ShopIndex::KINDS) {
            self.shops.apply(&event).expect("no poison");
        }
        if wanted(PlaceRanker::KINDS) {
            self.ranker.apply(&event).expect("no poison");
        }
    }

    /// Somebody checks in; gives the id.
    fn visits(&mut self, person: UserId, place: u64) -> CheckinId {
        self.visits_as(person, place, |_| {})
    }

    /// Somebody checks in in a special way.
    fn visits_as(
        &mut self,
        person: UserId,
        place: u64,
        change: impl FnOnce(&mut CheckedIn),
    ) -> CheckinId {
        let id = CheckinId::new(1, self.position.to_be_bytes());
        let mut made = made(id, person, shop(place), false);
        change(&mut made);
        self.happens(made);
        id
    }

    /// Somebody at the origin, without history or access point.
    fn asked(&self, accuracy_m: f64) -> Asked {
        Asked {
            fix: Fix::new(north(0.0), accuracy_m),
            caller: None,
            hidden: true,
            bssid: None,
            now: Millis(self.now),
        }
    }

    fn list(&self, asked: &Asked, limit: usize) -> Vec<u64> {
        let ranked = self.ranker.rank(&self.shops, asked, limit);
        ranked.iter().map(|place| place.shop.id.get()).collect()
    }

    /// The list for somebody with this accuracy.
    fn ranked(&self, accuracy_m: f64) -> Vec<u64> {
        self.list(&self.asked(accuracy_m), 500)
    }

    fn known(&self, asked: &Asked, place: u64) -> Known {
        let ranked = self.ranker.explain(&self.shops, asked, 500);
        let mut ranked = ranked.iter();
        let found = ranked.find(|ranked| ranked.shop.id == shop(place));
        found.expect("a candidate").known
    }

    /// How often a place was visited, as anybody knows it.
    fn popularity(&self, place: u64) -> f64 {
        self.known(&self.asked(5_000.0), place).visits
    }
}

fn somebody(number: u64) -> UserId {
    UserId::new(1, number.to_be_bytes())
}

/// A point so many metres north of where the callers are.
fn north(metres: f64) -> Point {
    point(30.0 + metres / 111_195.0, 120.0)
}

#[test]
fn of_places_that_nobody_visits_the_nearest_is_first() {
    let world = World::given([(1, 60.0, 0), (2, 20.0, 0), (3, 90.0, 0), (4, 20.0, 0)]);
    assert_eq!(world.ranked(30.0), [2, 4, 1, 3], "ties by id");
    assert_eq!(world.list(&world.asked(30.0), 2), [2, 4]);
    assert!(world.list(&world.asked(30.0), 0).is_empty());
}

#[test]
fn a_popular_place_gets_in_front_where_the_fix_cannot_tell_them_apart() {
    let world = World::given([(1, 20.0, 0), (2, 60.0, 100)]);
    assert_eq!(world.ranked(65.0), [2, 1]);
    // With a good fix it is too far away to be true.
    let world = World::given([(1, 0.0, 1), (2, 140.0, 100)]);
    assert_eq!(world.ranked(8.0), [1, 2]);
}

#[test]
fn nothing_further_than_15_km_is_possible_however_bad_the_fix() {
    let mut world = World::given([(1, 14_900.0, 0), (2, 15_100.0, 9), (3, 100_000.0, 9)]);
    assert_eq!(world.ranked(1e9), [1]);
    assert!(World::new().ranked(1e9).is_empty());
    // Not even where the caller was, or where the access point was seen.
    for place in [2, 3] {
        world.visits_as(user(1), place, |made| made.bssid = Some("x".into()));
    }
    let asked = Asked {
        caller: Some(user(1)),
        bssid: Bssid::named("x"),
        ..world.asked(1e9)
    };
    assert_eq!(world.list(&asked, 50), [1]);
}

#[test]
fn where_shops_are_sparse_those_within_a_kilometre_are_possible() {
    let world = World::given([(1, 900.0, 0), (2, 1_100.0, 0)]);
    assert_eq!(world.ranked(10.0), [1]);
}

#[test]
fn with_a_very_bad_fix_the_nearest_stay_in_front_of_the_popular_far_ones() {
    for accuracy_m in [2_000.0, 5_000.0, 100_000.0, f64::INFINITY, f64::NAN] {
        let world = World::given([
            (1, 10.0, 0),
            (2, 200.0, 1),
            (3, 3_000.0, 1_000),
            (4, 9_000.0, 1_000),
        ]);
        let order = world.ranked(accuracy_m);
        assert!(order.contains(&3), "{order:?} at {accuracy_m}");
        assert!(
            order[..2] == [1, 2] || order[..2] == [2, 1],
            "{order:?} at {accuracy_m}"
        );
    }
}

#[test]
fn a_place_that_is_visited_often_is_found_among_very_many() {
    // 400 within 400 m; the 390th is visited often.
    let many = (1..=400).map(|id| (id, id as f64, if id == 390 { 500 } else { 0 }));
    let world = World::given(many);
    let order = world.list(&world.asked(400.0), 50);
    assert_eq!(order[0], 390, "as popular as that");
    assert_eq!(order[1..], (1..50).collect::<Vec<_>>());
    let world = World::given((1..=400).map(|id| (id, id as f64, 0)));
    let order = world.list(&world.asked(400.0), 50);
    assert_eq!(order, (1..=50).collect::<Vec<_>>());
    assert_eq!(world.ranked(400.0), (1..=400).collect::<Vec<_>>());
}

#[test]
fn among_very_many_the_callers_own_and_those_of_the_access_point_are_weighed_too() {
    let busy = |id| if id > 150 && id <= 310 { 2 } else { 0 };
    let mut world = World::given((1..=400).map(|id| (id, id as f64, busy(id))));
    world.visits(user(1), 380);
    world.visits_as(user(2), 390, |made| made.bssid = Some("x".into()));
    assert!(!world.list(&world.asked(400.0), 50).contains(&380));
    let asked = Asked {
        caller: Some(user(1)),
        bssid: Bssid::named("x"),
        ..world.asked(400.0)
    };
    let order = world.list(&asked, 50);
    assert!(order.contains(&380) && order.contains(&390), "{order:?}");
    let distinct: std::collections::BTreeSet<_> = order.iter().collect();
    assert_eq!(distinct.len(), order.len(), "none twice");
}

#[test]
fn a_shop_with_several_points_is_weighed_once_by_the_nearest() {
    let mut world = World::given((1..=400).map(|id| (id, id as f64, 0)));
    let chain = |points: &[f64]| domain::shop::ShopDetails {
        points: points.iter().map(|metres| north(*metres)).collect(),
        ..crate::tests::details("a chain", north(100_000.0))
    };
    world.happens(domain::shop::ShopRegistered {
        shop_id: shop(500),
        details: chain(&[390.0, 3_000.0, 9_000.0, 399.0]),
        source: None,
    });
    for person in 0..500 {
        world.visits(somebody(person), 500);
    }
    let asked = world.asked(400.0);
    let ranked = world.ranker.rank(&world.shops, &asked, 500);
    assert_eq!(ranked[0].shop.id, shop(500), "as popular as that");
    assert!((ranked[0].distance_m - 390.0).abs() < 1.0);
    let times = ranked.iter().filter(|place| place.shop.id == shop(500));
    assert_eq!(times.count(), 1);
    // Without the near ones it is too far away, however popular.
    world.happens(domain::shop::ShopRevised {
        shop_id: shop(500),
        details: chain(&[]),
        source: None,
    });
    assert!(!world.ranked(400.0).contains(&500));
    let bytes = postcard::to_stdvec(&world.ranker).expect("bytes");
    let read: PlaceRanker = postcard::from_bytes(&bytes).expect("a ranker");
    assert_eq!(read.popular, world.ranker.popular);
}

#[test]
fn at_the_poles_and_the_antimeridian_distances_are_what_they_are() {
    for (here, there, far) in [
        ((0.0, 179.999_9), (0.0, -179.999_9), (0.0, 179.99)),
        ((0.0, -180.0), (0.0, 180.0), (0.0, -179.99)),
        ((90.0, 0.0), (89.999_9, 180.0), (89.99, 0.0)),
        ((-90.0, 77.0), (-89.999_9, -120.0), (-89.99, 77.0)),
    ] {
        let mut world = World::new();
        world.happens(opened(shop(1), "far", point(far.0, far.1)));
        world.happens(opened(shop(2), "there", point(there.0, there.1)));
        world.visits_as(user(1), 2, |made| made.bssid = Some("x".into()));
        let asked = Asked {
            fix: Fix::new(point(here.0, here.1), 500.0),
            caller: Some(user(1)),
            bssid: Bssid::named("x"),
            ..world.asked(500.0)
        };
        let ranked = world.ranker.rank(&world.shops, &asked, 9);
        assert_eq!(ranked[0].shop.id, shop(2), "{here:?}");
        assert!(ranked[0].distance_m < 30.0, "{here:?}: {ranked:?}");
        assert_eq!(ranked.len(), 2, "{here:?}");
    }
}

#[test]
fn odd_accuracies_and_moments_are_answered() {
    let mut world = World::given([(1, 10.0, 3), (2, 100.0, 0)]);
    world.visits(user(1), 1);
    for accuracy_m in [0.0, -1.0, 1e9, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for now in [i64::MIN, -1, 0, TODAY, i64::MAX] {
            let asked = Asked {
                caller: Some(user(1)),
                bssid: Bssid::named("x"),
                now: Millis(now),
                ..world.asked(accuracy_m)
            };
            let ranked = world.ranker.explain(&world.shops, &asked, 9);
            assert_eq!(ranked.len(), 2);
            let all = ranked.iter().all(|ranked| ranked.score.is_finite());
            assert!(all, "{accuracy_m} {now}: {ranked:?}");
        }
    }
}
