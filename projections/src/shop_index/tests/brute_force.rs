//! Answers against those of looking at every shop, whatever happened before and whenever shops were
//! packed.

use super::super::merge::Merge;
use super::super::names::mix;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What is known without an index.
type Known = BTreeMap<u64, ShopDetails>;

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    Open(u64, ShopDetails),
    Revise(u64, ShopDetails),
    Close(u64),
    /// Something that does not move it.
    Notice(u64),
    /// Everything begins to be packed.
    Begin,
    /// It is taken over.
    Finish,
    /// The index is written down and read again.
    Restart,
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

fn some_details() -> impl Strategy<Value = ShopDetails> {
    let points = prop_oneof![
        5 => Just(Vec::new()),
        1 => prop::collection::vec(place(), 1..5),
    ];
    (place(), "[abB店Σ]{1,3}", 0..6_usize, points).prop_map(|(place, name, category, points)| {
        ShopDetails {
            category: Category::ALL[category],
            points,
            ..details(&name, place)
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..400_u64, some_details()).prop_map(|(id, details)| Step::Open(id, details)),
        4 => (1..200_u64, some_details()).prop_map(|(id, details)| Step::Revise(id, details)),
        4 => (1..200_u64).prop_map(Step::Close),
        2 => (1..200_u64).prop_map(Step::Notice),
        2 => Just(Step::Begin),
        2 => Just(Step::Finish),
        1 => Just(Step::Restart),
    ]
}

/// The index, and what it should know.
#[derive(Default)]
struct World {
    index: ShopIndex,
    known: Known,
    closed: Vec<u64>,
    merge: Option<Merge>,
    position: u64,
}

impl World {
    fn happens(&mut self, event: impl Into<Event>) {
        self.position += 1;
        let event = recorded(self.position, 0, event.into());
        self.index.apply(&event).expect("no poison");
    }

    fn goes(&mut self, step: Step) {
        match step {
            Step::Open(id, details) => {
                if !self.known.contains_key(&id) && !self.closed.contains(&id) {
                    self.known.insert(id, details.clone());
                }
                self.happens(ShopRegistered {
                    shop_id: shop(id),
                    details,
                    source: None,
                });
            }
            Step::Revise(id, details) => {
                if let Some(known) = self.known.get_mut(&id) {
                    known.clone_from(&details);
                }
                self.happens(ShopRevised {
                    shop_id: shop(id),
                    details,
                    source: None,
                });
            }
            Step::Close(id) => {
                if self.known.remove(&id).is_some() {
                    self.closed.push(id);
                }
                self.happens(ShopClosed { shop_id: shop(id) });
            }
            Step::Notice(id) => self.happens(NoticePosted {
                shop_id: shop(id),
                title: "hello".into(),
            }),
            Step::Begin => {
                if let Some(mut merge) = self.index.merge() {
                    merge.work();
                    self.merge = Some(merge);
                }
            }
            Step::Finish => {
                if let Some(mut merge) = self.merge.take() {
                    merge.finish(&mut self.index);
                }
            }
            // What is being made is then of another index.
            Step::Restart => {
                let bytes = postcard::to_stdvec(&self.index).expect("bytes");
                self.index = postcard::from_bytes(&bytes).expect("an index");
            }
        }
    }
}

/// All shops that fit, by looking at each of them.
fn brute_force(known: &Known, from: Point, filter: &Filter) -> Vec<(f64, u64)> {
    let fold = |text: &str| text.to_lowercase().replace('ς', "σ");
    let from = from.unit_vector();
    let distance_2 = |place: Point| {
        let at = place.unit_vector();
        let squares = (0..3).map(|axis| (at[axis] - from[axis]) * (at[axis] - from[axis]));
        squares.sum::<f64>()
    };
    let mut all: Vec<(f64, u64)> = known
        .iter()
        .filter(|(_, details)| filter.category.is_none_or(|it| it == details.category))
        .filter(|(_, details)| {
            let needle = filter.name.as_deref().map(fold);
            needle.is_none_or(|needle| fold(&details.name).contains(&needle))
        })
        .map(|(id, details)| {
            let nearest = details.all_points().map(distance_2);
            (nearest.fold(f64::INFINITY, f64::min), *id)
        })
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.into_iter()
        .map(|(distance_2, id)| (arc_m(distance_2.sqrt()), id))
        .collect()
}

fn pairs(found: &[Near<'_>]) -> Vec<(f64, u64)> {
    found
        .iter()
        .map(|near| (near.distance_m, near.shop.id.get()))
        .collect()
}

#[test]
fn far_pages_of_common_names_are_those_of_looking_at_every_shop() {
    // More of one category than of others, and not by rule where they are.
    let categories = [0, 1, 2, 2, 3, 4, 4, 4, 4, 5, 5];
    let names = ["超市", "好又多超市", "超 市", "KTV超市", "Σ超市", "花店"];
    let some = |id: u64, of: usize| (mix(id ^ (of as u64) << 32) % of as u64) as usize;
    let mut world = World::default();
    for id in 1..4_000 {
        let place = point(some(id, 1_000) as f64 * 1e-4, some(id, 999) as f64 * 1e-4);
        let category = Category::ALL[categories[some(id, categories.len())]];
        let name = match category {
            Category::Shopping => names[some(id, names.len())],
            Category::Bar if some(id, 50) == 0 => "超市",
            _ => "楼",
        };
        let details = ShopDetails {
            category,
            ..details(name, place)
        };
        world.goes(Step::Open(id, details));
    }
    world.goes(Step::Begin);
    world.goes(Step::Finish);
    let World { index, known, .. } = world;
    let from = point(0.05, 0.05);
    for name in ["超市", "ktv", "σ超", "楼", "店"] {
        for category in [None, Some(Category::Shopping), Some(Category::Bar)] {
            let filter = Filter {
                category,
                ..named(name)
            };
            let expected = brute_force(&known, from, &filter);
            for skip in [0, 180, 780, 980] {
                let page = pairs(&index.nearest(from, &filter, skip, 20));
                let end = expected.len().min(skip + 20);
                assert_eq!(page, expected[skip.min(end)..end], "{filter:?} {skip}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_those_of_looking_at_every_shop(
        first in prop::collection::vec(some_details(), 0..250),
        steps in prop::collection::vec(step(), 0..60),
        from in place(),
        name in prop::option::of("[abA店σς]{1,2}"),
        category in prop::option::of(0..6_usize),
        page in 1..20_usize,
        radius_m in prop_oneof![0.0..2.1e7, Just(0.0), Just(100.0)],
    ) {
        let mut world = World::default();
        for (id, details) in (1..).zip(first) {
            world.goes(Step::Open(id, details));
        }
        for step in steps {
            world.goes(step);
        }
        let World { index, known, .. } = world;
        let filter = Filter { name, category: category.map(|at| Category::ALL[at]) };
        let expected = brute_force(&known, from, &filter);

        prop_assert_eq!(&pairs(&index.nearest(from, &filter, 0, usize::MAX)), &expected);
        let mut paged = Vec::new();
        while paged.len() < expected.len() {
            paged.extend(pairs(&index.nearest(from, &filter, paged.len(), page)));
        }
        prop_assert_eq!(&paged, &expected);
        prop_assert!(index.nearest(from, &filter, expected.len(), page).is_empty());
        prop_assert!(index.nearest(from, &filter, 0, 0).is_empty());

        let all = brute_force(&known, from, &Filter::default());
        let near: Vec<_> = all.iter().copied().filter(|(far, _)| *far <= radius_m).collect();
        prop_assert_eq!(&pairs(&index.within(from, radius_m, usize::MAX)), &near);
        let limited = pairs(&index.within(from, radius_m, page));
        prop_assert_eq!(&limited, &near[..page.min(near.len())]);
        let mut visited = Vec::new();
        index.for_each_within(from, radius_m, |id, distance_m| {
            visited.push((distance_m, id.get()));
        });
        visited.sort_by_key(|(_, id)| *id);
        let mut each = near;
        each.sort_by_key(|(_, id)| *id);
        prop_assert_eq!(visited, each);

        // By id everything is there too, and nothing else.
        prop_assert_eq!(index.len(), known.len());
        let listed: Vec<u64> = index.iter().map(|shop| shop.id.get()).collect();
        let there: Vec<u64> = known.keys().copied().collect();
        prop_assert_eq!(listed, there);
        for (id, details) in &known {
            let found = index.get(shop(*id)).expect("a shop");
            prop_assert_eq!(found.name(), &details.name);
            prop_assert_eq!(found.further_points(), &details.points);
            prop_assert_eq!((found.point(), found.category()), (details.point, details.category));
        }
        // And what the sphere says is what the globe says.
        for (distance_m, id) in all {
            let there = index.get(shop(id)).expect("a shop");
            prop_assert!((there.distance_m(from) - distance_m).abs() < 1.0);
        }
    }
}
