//! That a list is that of all places, although few of them are looked at.

use super::*;
use crate::place_ranker::ranking::FURTHEST_M;
use crate::place_ranker::search::{SPARSE, SPARSE_M};
use crate::shop_index::Near;
use crate::tests::details;
use domain::shop::{ShopDetails, ShopRegistered};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// How long the lists are.
const WANTED: usize = 50;

/// A city: shops with how far they are from its middle, by place and category, and the numbers of
/// those where somebody was, with an access point or none.
#[derive(Clone, Debug)]
struct City {
    shops: Vec<([f64; 2], u8, bool)>,
    visits: Vec<(u8, u16, u8, u8)>,
    /// How wide it is, in metres.
    wide_m: f64,
    accuracy_m: f64,
}

fn city() -> impl Strategy<Value = City> {
    let shops = prop::collection::vec(
        ([-1.0..1.0, -1.0..1.0], 1..=6_u8, prop::bool::weighted(0.05)),
        0..700,
    );
    let visits = prop::collection::vec((0..40_u8, any::<u16>(), 0..4_u8, 0..24_u8), 0..300);
    let wide_m = prop::sample::select(vec![150.0, 600.0, 2_000.0, 8_000.0]);
    let accuracy_m = prop::sample::select(vec![10.0, 65.0, 200.0, 1_000.0, 1_500.0, 5_000.0]);
    (shops, visits, wide_m, accuracy_m).prop_map(|(shops, visits, wide_m, accuracy_m)| City {
        shops,
        visits,
        wide_m,
        accuracy_m,
    })
}

fn at([north, east]: [f64; 2], metres: f64) -> Point {
    let degrees = metres / 111_195.0;
    let east = east.abs().powi(3).copysign(east);
    point(30.0 + north * degrees, 120.0 + east * degrees / 0.866)
}

fn built(city: &City) -> World {
    let mut world = World::new();
    for (id, (place, category, several)) in (1..).zip(&city.shops) {
        let points = several.then(|| at([place[1], place[0]], city.wide_m));
        world.happens(ShopRegistered {
            shop_id: shop(id),
            details: ShopDetails {
                category: Category::try_from(*category).expect("1 to 6"),
                points: points.into_iter().collect(),
                ..details("a shop", at(*place, city.wide_m))
            },
            source: None,
        });
    }
    for (person, place, bssid, hour) in &city.visits {
        if city.shops.is_empty() {
            break;
        }
        // By a power law, so that some places are visited often.
        let share = f64::from(*place) / 65_536.0;
        let place = 1 + (share.powi(4) * city.shops.len() as f64) as u64;
        world.now = TODAY + i64::from(*hour) * HOUR;
        world.visits_as(user(*person), place, |made| {
            made.bssid = (*bssid > 0).then(|| format!("x{bssid}"));
        });
    }
    world
}

/// All places that are possible, each with its merit.
fn all_possible(world: &World, asked: &Asked) -> Vec<(u64, f64)> {
    let question = world.ranker.question(&world.shops, asked);
    let near = world.shops.within(asked.fix.point, FURTHEST_M, usize::MAX);
    let possible = |(number, near): (usize, &Near<'_>)| {
        let id = near.shop.id.get();
        let number_of = world.ranker.numbers.get(&id).copied();
        let seen = number_of.is_some_and(|number| question.bssid.contains_key(&number));
        let sparse = number < SPARSE && near.distance_m <= SPARSE_M;
        if near.distance_m > question.radius_m && !sparse && !seen {
            return None;
        }
        let known = question.known(number_of);
        let evidence = question.evidence(near.shop.category(), near.distance_m, &known);
        Some((id, question.scale.merit(&evidence)))
    };
    near.iter().enumerate().filter_map(possible).collect()
}

/// Places are known to a few centimetres, so the order of those that are as good is not told.
#[track_caller]
fn check(world: &World, asked: &Asked) {
    let mut possible = all_possible(world, asked);
    let ranked = world.ranker.rank(&world.shops, asked, WANTED);
    assert_eq!(ranked.len(), possible.len().min(WANTED), "as many");
    possible.sort_by(|a, b| b.1.total_cmp(&a.1));
    let merit = |id: u64| possible.iter().find(|(other, _)| *other == id);
    let ids: BTreeSet<u64> = ranked.iter().map(|place| place.shop.id.get()).collect();
    assert_eq!(ids.len(), ranked.len(), "none twice");
    for (rank, (place, (best, expected))) in ranked.iter().zip(&possible).enumerate() {
        let (id, found) = merit(place.shop.id.get()).expect("a possible place");
        let apart = (found / expected - 1.0).abs();
        assert!(
            apart < 0.01,
            "{id} stands for {best} at rank {rank} of {asked:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_list_is_that_of_all_possible_places(city in city(), hour in 0..24_i64) {
        let mut world = built(&city);
        world.now = TODAY + DAY + hour * HOUR;
        let stranger = world.asked(city.accuracy_m);
        check(&world, &stranger);
        let caller = Some(user(1));
        check(&world, &Asked { caller, ..stranger });
        let bssid = Bssid::named("x1");
        check(&world, &Asked { bssid, ..stranger });
        check(&world, &Asked { caller, bssid, ..stranger });
    }
}
