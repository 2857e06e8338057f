use super::*;
use crate::tests::{details, opened, point, recorded, shop, user};
use domain::shop::{NoticePosted, ShopClosed, ShopRevised, StaffAdded, StaffRemoved};
use proptest::prelude::*;

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
    assert_eq!(found.details, details("new", there));
    assert_eq!(found.on_map, gcj02::on_map(there));
    assert_eq!(
        (&*found.notice, &*found.staff),
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
        opened(shop(3), "a_b.*", here),
    ]);
    for (name, found) in [
        ("caf", vec![1]),
        ("CAFÉ", vec![1]),
        ("(", vec![1]),
        ("%", vec![1]),
        ("紫轩", vec![2]),
        ("店", vec![2]),
        (".*", vec![3]),
        ("_", vec![3]),
        ("", vec![1, 2, 3]),
        ("nowhere", vec![]),
    ] {
        assert_eq!(
            ids(&index.nearest(here, &named(name), 0, 9)),
            found,
            "{name}"
        );
    }
}

#[test]
fn a_rare_name_is_found_behind_very_many_others() {
    let mut index = ShopIndex::default();
    let far = NAMES_BY_PLACE as u64 + 100;
    for id in 1..=far {
        let place = point(id as f64 * 1e-3, 0.0);
        let name = if id % (far - 1) == 1 { "rare" } else { "plain" };
        index.insert(Shop::new(shop(id), details(name, place)));
    }
    let from = point(0.0, 0.0);
    assert_eq!(ids(&index.nearest(from, &named("rare"), 0, 9)), [1, far]);
    assert_eq!(ids(&index.nearest(from, &named("rare"), 1, 1)), [far]);
    assert_eq!(ids(&index.nearest(from, &named("plain"), 0, 2)), [2, 3]);
}

#[test]
fn a_snapshot_holds_everything() {
    let index = given([
        opened(shop(7), "七", point(30.28, 120.12)),
        opened(shop(9), "nine", point(89.9, 0.0)),
        StaffAdded {
            shop_id: shop(7),
            user_id: user(2),
        }
        .into(),
        NoticePosted {
            shop_id: shop(7),
            title: "hello".into(),
        }
        .into(),
        ShopClosed { shop_id: shop(9) }.into(),
    ]);
    let bytes = postcard::to_stdvec(&index).expect("bytes");
    let read: ShopIndex = postcard::from_bytes(&bytes).expect("an index");
    assert_eq!(read.shops, index.shops);
    assert_eq!(read.max_id(), Some(shop(9)));
    assert_eq!(
        ids(&read.nearest(point(30.0, 120.0), &named("七"), 0, 9)),
        [7]
    );
}

/// Points all over the globe, many at the poles, at the antimeridian and at the same spot.
fn place() -> impl Strategy<Value = Point> {
    let lat = prop_oneof![
        -90.0..=90.0,
        89.999..=90.0,
        -90.0..=-89.999,
        Just(90.0),
        Just(0.0)
    ];
    let lng = prop_oneof![
        -180.0..=180.0,
        179.999..=180.0,
        -180.0..=-179.999,
        Just(180.0),
        Just(0.0)
    ];
    (lat, lng).prop_map(|(lat, lng)| point(lat, lng))
}

/// All shops that fit, by looking at each of them.
fn brute_force(index: &ShopIndex, from: Point, filter: &Filter) -> Vec<(f64, u64)> {
    let fits = |shop: &&Shop| {
        filter
            .category
            .is_none_or(|category| category == shop.details.category)
            && filter
                .name
                .as_ref()
                .is_none_or(|name| shop.details.name.contains(name))
    };
    let from = from.unit_vector();
    let distance = |shop: &Shop| {
        let at = shop.details.point.unit_vector();
        let squares = (0..3).map(|axis| (at[axis] - from[axis]) * (at[axis] - from[axis]));
        arc_m(squares.sum::<f64>().sqrt())
    };
    let mut all: Vec<(f64, u64)> = index
        .iter()
        .filter(fits)
        .map(|shop| (distance(shop), shop.id.get()))
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all
}

fn pairs(found: &[Near<'_>]) -> Vec<(f64, u64)> {
    found
        .iter()
        .map(|near| (near.distance_m, near.shop.id.get()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_those_of_looking_at_every_shop(
        places in prop::collection::vec((place(), "[ab]{1,2}", 0..6_usize), 0..150),
        gone in prop::collection::vec(1..150_u64, 0..20),
        from in place(),
        name in prop::option::of("[ab]"),
        category in prop::option::of(0..6_usize),
        page in 1..20_usize,
        radius_m in prop_oneof![0.0..2e7, Just(100.0)],
    ) {
        let mut index = ShopIndex::default();
        for (id, (place, name, category)) in (1..).zip(places) {
            let category = Category::ALL[category];
            let details = ShopDetails { category, ..details(&name, place) };
            index.insert(Shop::new(shop(id), details));
        }
        for id in gone {
            index.remove(shop(id));
        }
        let filter = Filter { name, category: category.map(|at| Category::ALL[at]) };
        let expected = brute_force(&index, from, &filter);

        prop_assert_eq!(&pairs(&index.nearest(from, &filter, 0, usize::MAX)), &expected);
        let mut paged = Vec::new();
        while paged.len() < expected.len() {
            paged.extend(pairs(&index.nearest(from, &filter, paged.len(), page)));
        }
        prop_assert_eq!(&paged, &expected);
        prop_assert!(index.nearest(from, &filter, expected.len(), page).is_empty());
        prop_assert!(index.nearest(from, &filter, 0, 0).is_empty());

        let all = brute_force(&index, from, &Filter::default());
        let near: Vec<_> = all.iter().copied().filter(|(far, _)| *far <= radius_m).collect();
        prop_assert_eq!(&pairs(&index.within(from, radius_m, usize::MAX)), &near);
        let limited = pairs(&index.within(from, radius_m, page));
        prop_assert_eq!(&limited, &near[..page.min(near.len())]);
        // Its edge may be rounded otherwise, by less than a millimetre.
        let mut visited = 0;
        index.for_each_within(from, radius_m, |_, distance_m| {
            visited += 1;
            assert!(distance_m <= radius_m + 1e-3);
        });
        let inside = all.iter().filter(|(far, _)| *far < radius_m - 1e-3).count();
        prop_assert!((inside..=all.len()).contains(&visited));
        // And what the sphere says is what the globe says.
        for (distance_m, id) in all {
            let there = index.get(shop(id)).expect("a shop").details.point;
            prop_assert!((from.distance_m(there) - distance_m).abs() < 1.0);
        }
    }
}
