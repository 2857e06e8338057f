use super::*;
use crate::memory::MemoryProjection;
use crate::tests::{checked_in, opened, point, recorded, shop, user};
use domain::geo::Point;
use domain::{CheckinId, Event};

/// A point so many metres north of where the callers are.
fn north(metres: f64) -> Point {
    point(30.0 + metres / 111_195.0, 120.0)
}

/// Shops by id, with how far north they are and how often they were visited.
fn given(shops: impl IntoIterator<Item = (u64, f64, u32)>) -> (ShopIndex, Occupancy) {
    let (mut index, mut occupancy) = (ShopIndex::default(), Occupancy::default());
    let mut apply = |event: Event, position: u32| {
        let event = recorded(position.into(), 0, event);
        index.apply(&event).expect("no poison");
        occupancy.apply(&event).expect("no poison");
    };
    let mut position = 0;
    for (id, metres, visits) in shops {
        apply(opened(shop(id), "a shop", north(metres)), position);
        for _ in 0..visits {
            position += 1;
            let checkin = CheckinId::new(position, [0; 8]);
            apply(checked_in(checkin, user(1), shop(id)), position);
        }
    }
    (index, occupancy)
}

fn ranked(world: &(ShopIndex, Occupancy), accuracy_m: f64, limit: usize) -> Vec<u64> {
    let fix = Fix::new(north(0.0), accuracy_m);
    let ranked = rank(fix, &world.0, &world.1, limit);
    ranked.iter().map(|place| place.shop_id.get()).collect()
}

#[test]
fn of_places_that_nobody_visits_the_nearest_is_first() {
    let world = given([(1, 60.0, 0), (2, 20.0, 0), (3, 90.0, 0), (4, 20.0, 0)]);
    assert_eq!(ranked(&world, 30.0, 50), [2, 4, 1, 3], "ties by id");
    assert_eq!(ranked(&world, 30.0, 2), [2, 4]);
    assert!(ranked(&world, 30.0, 0).is_empty());
}

#[test]
fn a_popular_place_gets_in_front_where_the_fix_cannot_tell_them_apart() {
    let world = given([(1, 20.0, 0), (2, 60.0, 200)]);
    assert_eq!(ranked(&world, 65.0, 50), [2, 1]);
    // With a good fix it is too far away to be true.
    assert_eq!(ranked(&world, 8.0, 50), [1, 2]);
}

#[test]
fn the_score_is_the_formula() {
    let world = given([(1, 50.0, 3), (2, 5_000.0, 1)]);
    let best = rank(Fix::new(north(0.0), 65.0), &world.0, &world.1, 1)[0];
    let variance: f64 = 65.0 * 65.0 / 3.07;
    let off = best.distance_m * best.distance_m / (4.0 * variance);
    let expected = (3.5_f64 / (4.0 + 0.5 * 2.0)).ln() - variance.ln() - 3.0 * (1.0 + off).ln();
    assert!(
        (best.score - expected).abs() < 1e-9,
        "{} {expected}",
        best.score
    );
    assert!((best.distance_m - 50.0).abs() < 0.1);
}

#[test]
fn nothing_further_than_15_km_is_possible_however_bad_the_fix() {
    let world = given([
        (1, 14_900.0, 0),
        (2, 15_100.0, 1_000),
        (3, 100_000.0, 1_000),
    ]);
    assert_eq!(ranked(&world, 1e9, 50), [1]);
    assert!(ranked(&given([]), 1e9, 50).is_empty());
}

#[test]
fn where_shops_are_sparse_those_within_a_kilometre_are_possible() {
    let world = given([(1, 900.0, 0), (2, 1_100.0, 0)]);
    assert_eq!(ranked(&world, 10.0, 50), [1]);
}

#[test]
fn with_a_very_bad_fix_the_nearest_stay_in_front_of_the_popular_far_ones() {
    for accuracy_m in [2_000.0, 5_000.0, 100_000.0, f64::INFINITY, f64::NAN] {
        let world = given([
            (1, 10.0, 0),
            (2, 200.0, 1),
            (3, 3_000.0, 2_000),
            (4, 9_000.0, 2_000),
        ]);
        let order = ranked(&world, accuracy_m, 50);
        assert!(order.contains(&3), "{order:?} at {accuracy_m}");
        assert!(
            order[..2] == [1, 2] || order[..2] == [2, 1],
            "{order:?} at {accuracy_m}"
        );
    }
}

#[test]
fn among_very_many_the_nearest_and_the_most_visited_are_weighed() {
    // 400 within 400 m; the 390th is visited often.
    let many = (1..=400).map(|id| (id, id as f64, if id == 390 { 500 } else { 0 }));
    let world = given(many);
    let order = ranked(&world, 400.0, 500);
    assert_eq!(order[0], 390, "as popular as that");
    assert!((1..=150).all(|id| order.contains(&id)), "the nearest 150");
    assert!(order.len() <= 300, "{}", order.len());
    // With no visits at all the "most visited" are the nearest again.
    let world = given((1..=400).map(|id| (id, id as f64, 0)));
    assert_eq!(ranked(&world, 400.0, 500), (1..=150).collect::<Vec<_>>());
}

#[test]
fn exactly_as_many_as_are_weighed_are_all_weighed() {
    let world = given((1..=300).map(|id| (id, id as f64, 0)));
    assert_eq!(ranked(&world, 400.0, 500).len(), 300);
}
