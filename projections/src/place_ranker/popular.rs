//! The most visited places around a point, without looking at all that are there.
//!
//! In each cube of the grid places are sorted by their visits; since weights only change when
//! somebody visits (see [`super::decay`]), they stay so. How far away a place is at least is known
//! by its cell, and so most of them are passed over by what stands here.

use super::spot::{Cell, Cube, Spot};
use crate::ahead::fetch;
use domain::shop::Category;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Places that are open and visited, by number.
///
/// What it takes: some 25 bytes a place. Each cube's lie side by side in their order: they are read
/// much more often than one changes, which moves those behind it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Popular(HashMap<Cube, Vec<Entry>, RandomState>);

/// A place, or a part of one that has several points. Small: they are walked over by the hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// The weight of the visits: of those that are not negative, bits are in their order.
    visits: u64,
    place: u32,
    cell: Cell,
    category: Category,
}

/// One cube with visited places in it.
pub(super) struct Crowded<'a> {
    /// Where the question is asked, as the cube sees it.
    from: [f64; 3],
    /// How far it is away at least, through the globe.
    pub(super) distance_m: f64,
    places: std::iter::Rev<std::slice::Iter<'a, Entry>>,
}

/// A place that is visited, as far as it is known here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visited {
    /// Its number.
    pub(super) place: u32,
    /// The weight of the visits.
    pub(super) visits: f64,
    pub(super) category: Category,
    cell: Cell,
}

impl Popular {
    /// The weight of the visits to a place changes; 0 where there are none.
    pub(super) fn change(
        &mut self,
        spot: Spot,
        category: Category,
        place: u32,
        [from, to]: [f64; 2],
    ) {
        let entry = |weight: f64| Entry {
            visits: weight.to_bits(),
            place,
            cell: spot.cell(),
            category,
        };
        let places = self.0.entry(spot.cube()).or_default();
        if from > 0.0
            && let Ok(at) = places.binary_search(&entry(from))
        {
            places.remove(at);
        }
        if to > 0.0
            && let Err(at) = places.binary_search(&entry(to))
        {
            places.insert(at, entry(to));
        }
        if places.is_empty() {
            self.0.remove(&spot.cube());
        }
    }

    /// The cubes that reach within `reach_m`, through the globe, of `from`, the nearest first.
    pub(super) fn around(&self, from: [f64; 3], reach_m: f64) -> Vec<Crowded<'_>> {
        let mut cubes = Vec::with_capacity(16);
        for (distance_m, cube) in Cube::around(from, reach_m) {
            if let Some(places) = self.0.get(&cube) {
                cubes.push(Crowded {
                    from: cube.sees(from),
                    distance_m,
                    places: places.iter().rev(),
                });
            }
        }
        let first = |cube: &Crowded<'_>| cube.places.clone().next().map(|entry| entry.visits);
        fetch(cubes.iter().filter_map(first));
        cubes.sort_unstable_by(|a, b| a.distance_m.total_cmp(&b.distance_m));
        cubes
    }
}

impl Crowded<'_> {
    /// The square of how far the place is away at least, through the globe.
    pub(super) fn distance_2(&self, visited: &Visited) -> f64 {
        visited.cell.distance_2(self.from)
    }
}

/// The most visited first; a place with several points in the cube may come more than once.
impl Iterator for Crowded<'_> {
    type Item = Visited;

    fn next(&mut self) -> Option<Visited> {
        self.places.next().map(|entry| Visited {
            place: entry.place,
            visits: f64::from_bits(entry.visits),
            category: entry.category,
            cell: entry.cell,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::spot::metres;
    use super::*;
    use domain::geo::Point;

    fn point(lat: f64, lng: f64) -> Point {
        Point::new(lat, lng).expect("a point on the globe")
    }

    fn change(popular: &mut Popular, at: Point, place: u32, weights: [f64; 2]) {
        popular.change(Spot::of(at), Category::Cafe, place, weights);
    }

    fn holding(places: &[(Point, f64)]) -> Popular {
        let mut popular = Popular::default();
        for (number, (at, weight)) in (0..).zip(places) {
            change(&mut popular, *at, number, [0.0, *weight]);
        }
        popular
    }

    /// The places of all cubes within a radius, with their visits, cube by cube.
    fn around(popular: &Popular, at: Point, radius_m: f64) -> Vec<(u32, f64)> {
        let cubes = popular.around(metres(at), radius_m).into_iter();
        cubes
            .flatten()
            .map(|visited| (visited.place, visited.visits))
            .collect()
    }

    #[test]
    fn in_a_cube_the_most_visited_come_first() {
        let here = point(30.0, 120.0);
        let popular = holding(&[
            (here, 1.0),
            (here, 3.0),
            (here, 2.0),
            (point(31.0, 120.0), 9.0),
        ]);
        let found = around(&popular, here, 1_000.0);
        assert_eq!(found, [(1, 3.0), (2, 2.0), (0, 1.0)]);
    }

    #[test]
    fn the_nearest_cube_comes_first() {
        let here = point(30.0, 120.0);
        let popular = holding(&[
            (point(30.1, 120.0), 9.0),
            (point(30.05, 120.0), 9.0),
            (here, 1.0),
        ]);
        let found = around(&popular, here, 15_000.0);
        assert_eq!(found, [(2, 1.0), (1, 9.0), (0, 9.0)]);
    }

    #[test]
    fn a_place_without_visits_is_not_there() {
        let here = point(30.0, 120.0);
        let mut popular = holding(&[(here, 1.0)]);
        change(&mut popular, here, 0, [1.0, 2.5]);
        assert_eq!(around(&popular, here, 1.0), [(0, 2.5)]);
        change(&mut popular, here, 0, [2.5, 0.0]);
        assert_eq!(popular, Popular::default());
    }
}
