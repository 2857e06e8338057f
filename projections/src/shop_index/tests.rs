//! What the index answers, by example; [`brute_force`] holds it against looking at every shop, and
//! [`packing`] is about what goes on beside the answers.

mod brute_force;
mod packing;

use super::*;
use crate::tests::{details, opened, point, recorded, shop, user};
use domain::gcj02;
use domain::shop::{
    NoticePosted, ShopClosed, ShopDetails, ShopRegistered, ShopRevised, StaffAdded, StaffRemoved,
};

/// What has become of these events.
fn given(events: impl IntoIterator<Item = Event>) -> ShopIndex {
    let mut index = ShopIndex::default();
    for (position, event) in (1..).zip(events) {
        index
            .apply(&recorded(position, 0, event))
            .expect("no poison");
    }
    index
}

/// With all shops packed.
fn packed(mut index: ShopIndex) -> ShopIndex {
    let mut merge = index.merge().expect("nothing is being made");
    merge.work();
    merge.finish(&mut index);
    assert_eq!(index.fresh.len(), 0);
    index
}

/// A shop with several points.
fn spread(id: u64, name: &str, points: &[Point]) -> Event {
    ShopRegistered {
        shop_id: shop(id),
        details: ShopDetails {
            points: points[1..].to_vec(),
            ..details(name, points[0])
        },
        source: None,
    }
    .into()
}

fn ids(found: &[Near<'_>]) -> Vec<u64> {
    found.iter().map(|near| near.shop.id.get()).collect()
}

fn named(name: &str) -> Filter {
    Filter {
        name: Some(name.into()),
        ..Filter::default()
    }
}

#[test]
fn a_shop_is_what_was_last_said_of_it() {
    let here = point(30.28, 120.12);
    let there = point(30.29, 120.13);
    let index = given([
        opened(shop(7), "old", here),
        StaffAdded {
            shop_id: shop(7),
            user_id: user(2),
        }
        .into(),
        StaffAdded {
            shop_id: shop(7),
            user_id: user(1),
        }
        .into(),
        StaffAdded {
            shop_id: shop(7),
            user_id: user(2),
        }
        .into(),
        StaffAdded {
            shop_id: shop(7),
            user_id: user(3),
        }
        .into(),
        StaffRemoved {
            shop_id: shop(7),
            user_id: user(3),
        }
        .into(),
        NoticePosted {
            shop_id: shop(7),
            title: "hello".into(),
        }
        .into(),
        ShopRevised {
            shop_id: shop(7),
            details: details("new", there),
            source: None,
        }
        .into(),
    ]);
    let found = index.get(shop(7)).expect("a shop");
    assert_eq!((found.name(), found.point()), ("new", there));
    assert!(found.on_map().distance_m(gcj02::on_map(there)) < 1e-3);
    assert_eq!(
        (found.notice(), found.staff()),
        ("hello", &[user(1), user(2)][..])
    );
    assert_eq!(ids(&index.nearest(there, &named("new"), 0, 9)), [7]);
    assert!(index.nearest(there, &named("old"), 0, 9).is_empty());
    assert_eq!(index.len(), 1);
}

#[test]
fn a_closed_shop_is_found_nowhere_but_its_id_is_not_given_again() {
    let here = point(30.28, 120.12);
    let index = given([
        opened(shop(7), "a", here),
        opened(shop(9), "b", here),
        ShopClosed { shop_id: shop(9) }.into(),
        NoticePosted {
            shop_id: shop(9),
            title: "late".into(),
        }
        .into(),
    ]);
    assert_eq!(index.get(shop(9)), None);
    assert_eq!(ids(&index.nearest(here, &Filter::default(), 0, 9)), [7]);
    assert_eq!(ids(&index.within(here, 1e9, 9)), [7]);
    assert_eq!(index.max_id(), Some(shop(9)));
    assert_eq!(ShopIndex::default().max_id(), None);
}

#[test]
fn names_are_searched_as_plain_text() {
    let here = point(0.0, 0.0);
    let index = given([
        opened(shop(1), "Café (old) 100%", here),
        opened(shop(2), "新紫轩花店", here),
        opened(shop(3), "a_b.*[c]\\", here),
        opened(shop(4), "Ο ΟΙΝΟΣ 👩‍🍳🎉", here),
        opened(shop(5), "麦霸KTV2店", here),
    ]);
    let long = "花".repeat(500);
    for index in [&index, &packed(index.frozen().expect("a copy"))] {
        for (name, found) in [
            ("caf", vec![1]),
            ("CAFÉ", vec![1]),
            ("(", vec![1]),
            ("%", vec![1]),
            ("紫轩", vec![2]),
            ("店", vec![2, 5]),
            ("ktv", vec![5]),
            ("霸kTv2", vec![5]),
            ("ktw", vec![]),
            ("轩店", vec![]),
            ("花", vec![2]),
            (&long, vec![]),
            (".*", vec![3]),
            ("_", vec![3]),
            ("[", vec![3]),
            ("\\", vec![3]),
            ("a.b", vec![]),
            ("__", vec![]),
            ("οινος", vec![4]),
            ("οινοσ", vec![4]),
            ("🎉", vec![4]),
            ("👩", vec![4]),
            ("\u{200d}🍳", vec![4]),
            ("🍔", vec![]),
            (" ", vec![1, 4]),
            ("", vec![1, 2, 3, 4, 5]),
            ("nowhere", vec![]),
        ] {
            assert_eq!(
                ids(&index.nearest(here, &named(name), 0, 9)),
                found,
                "{name}"
            );
        }
    }
}

#[test]
fn a_rare_name_is_found_behind_very_many_others() {
    let far = 2_000;
    let index = given((1..=far).map(|id| {
        let place = point(id as f64 * 1e-3, 0.0);
        let name = if id % (far - 1) == 1 { "rare" } else { "plain" };
        opened(shop(id), name, place)
    }));
    let from = point(0.0, 0.0);
    for index in [&index, &packed(index.frozen().expect("a copy"))] {
        assert_eq!(ids(&index.nearest(from, &named("rare"), 0, 9)), [1, far]);
        assert_eq!(ids(&index.nearest(from, &named("rare"), 1, 1)), [far]);
        assert_eq!(ids(&index.nearest(from, &named("plain"), 0, 2)), [2, 3]);
    }
}

#[test]
fn names_that_only_seem_to_fit_take_no_place_in_a_page() {
    // So long a name has all bits of a signature.
    let long: String = ('一'..).take(250).collect();
    let fitting = |id: u64| id.is_multiple_of(3) || id > 400;
    let index = given((1..=600).map(|id| {
        let name = if fitting(id) { "the needle" } else { &long };
        opened(shop(id), name, point(id as f64 * 1e-3, 0.0))
    }));
    let expected: Vec<u64> = (1..=600).filter(|id| fitting(*id)).collect();
    let from = point(0.0, 0.0);
    for index in [&index, &packed(index.frozen().expect("a copy"))] {
        for page in expected.chunks(20).zip((0..).step_by(20)) {
            let (expected, skip) = page;
            assert_eq!(
                ids(&index.nearest(from, &named("needle"), skip, 20)),
                expected
            );
        }
    }
}

#[test]
fn a_shop_with_several_points_is_as_near_as_the_nearest_and_comes_once() {
    let at = |metres: f64| point(0.0, metres / 111_195.0);
    let index = given([
        spread(1, "chain", &[at(5_000.0), at(100.0), at(90.0), at(100.0)]),
        opened(shop(2), "single", at(95.0)),
        spread(3, "twice at one place", &[at(95.0), at(95.0)]),
    ]);
    for index in [&index, &packed(index.frozen().expect("a copy"))] {
        let found = index.nearest(at(0.0), &Filter::default(), 0, 9);
        assert_eq!(ids(&found), [1, 2, 3]);
        assert!((found[0].distance_m - 90.0).abs() < 0.1);
        assert_eq!(ids(&index.nearest(at(0.0), &named("chain"), 0, 9)), [1]);
        assert_eq!(ids(&index.nearest(at(5_001.0), &named(""), 0, 1)), [1]);
        assert_eq!(ids(&index.within(at(0.0), 92.0, 9)), [1]);
        let mut visited = Vec::new();
        index.for_each_within(at(0.0), 10_000.0, |id, distance_m| {
            visited.push((id.get(), distance_m.round() as u32));
        });
        visited.sort_unstable();
        assert_eq!(visited, [(1, 90), (2, 95), (3, 95)]);
        let chain = index.get(shop(1)).expect("a shop");
        assert_eq!(chain.point(), at(5_000.0));
        assert!((chain.distance_m(at(0.0)) - 90.0).abs() < 0.1);
    }
}

#[test]
fn a_shop_that_moves_leaves_all_of_its_points() {
    let here = point(0.0, 0.0);
    let far = point(1.0, 1.0);
    let moved = ShopRevised {
        shop_id: shop(1),
        details: details("one", far),
        source: None,
    };
    let first = spread(1, "one", &[here, point(0.001, 0.0), here]);
    let late = recorded(9, 0, moved.clone().into());
    let mut behind = packed(given([first.clone()]));
    behind.apply(&late).expect("no poison");
    for index in [given([first, moved.into()]), behind] {
        assert_eq!(ids(&index.within(here, 1_000.0, 9)), [0; 0]);
        assert_eq!(ids(&index.nearest(here, &named(""), 0, 9)), [1]);
        assert_eq!(index.len(), 1);
    }
}

#[test]
fn on_both_sides_of_the_border_of_the_datum_a_shop_is_where_it_is() {
    // From Hong Kong to Shenzhen, from Vietnam to Guangxi, and out to sea.
    for ((lat, lng), north, east) in [
        ((22.45, 114.1), 1e-3, 0.0),
        ((20.8, 106.7), 1e-2, 0.0),
        ((30.0, 121.0), 0.0, 2e-2),
    ] {
        let places: Vec<Point> = (0..200)
            .map(f64::from)
            .map(|step| point(lat + step * north, lng + step * east))
            .collect();
        let opened = (1..)
            .zip(&places)
            .map(|(id, place)| opened(shop(id), "x", *place));
        let index = packed(given(opened));
        let inside = |place: &&Point| gcj02::on_map(**place) != **place;
        assert!((1..200).contains(&places.iter().filter(inside).count()));
        for (id, place) in (1..).zip(places) {
            let found = index.nearest(place, &Filter::default(), 0, 1);
            assert_eq!((ids(&found), found[0].distance_m), (vec![id], 0.0));
            let found = found[0].shop;
            assert_eq!(found.point(), place);
            assert!(found.on_map().distance_m(gcj02::on_map(place)) < 1e-3);
            let shifted = found.on_map() != place;
            assert_eq!(shifted, gcj02::on_map(place) != place);
        }
    }
}
