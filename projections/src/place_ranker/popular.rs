//! The most visited places around a point, without looking at all that are there.
//!
//! The globe's surface lies in a grid of cubes, so that nothing is special about poles and the
//! antimeridian. In each cube places are sorted by their visits; since weights only change when
//! somebody visits (see [`super::decay`]), they stay so. Where in its cube a place is, is known by
//! cells, of which a cube has a thousand.

use domain::geo::{EARTH_RADIUS_M, Point, chord};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

/// The side of a cell.
const CELL_M: f64 = 200.0;

/// How many cells lie side by side in a cube, and its side.
const CELLS: i16 = 10;
const CUBE_M: f64 = CELL_M * CELLS as f64;

/// Where a place is, as exactly as is worth remembering. There are 31,855 cells on either side of
/// the globe's middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Cell([i16; 3]);

/// A cube of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Cube([i16; 3]);

/// Places that are open and visited, by number.
///
/// What it takes: some 25 bytes a place.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Popular(HashMap<Cube, BTreeSet<(u64, Reverse<u32>)>>);

impl Cell {
    pub(super) fn of(point: Point) -> Self {
        Self(metres(point).map(|at| row(at, CELL_M)))
    }

    /// Whether a place there may be within `radius_m` of where [`metres`] says.
    pub(super) fn may_be_within(self, radius_m: f64, from: [f64; 3]) -> bool {
        distance_m(self.0, CELL_M, from) <= radius_m
    }

    fn cube(self) -> Cube {
        Cube(self.0.map(|row| row.div_euclid(CELLS)))
    }
}

/// A point as metres from the globe's middle.
pub(super) fn metres(point: Point) -> [f64; 3] {
    point.unit_vector().map(|at| at * EARTH_RADIUS_M)
}

/// In which row of cells or cubes something is.
fn row(metres: f64, side_m: f64) -> i16 {
    (metres / side_m).floor() as i16
}

/// How far the nearest corner, edge or side is, through the globe.
fn distance_m(rows: [i16; 3], side_m: f64, from: [f64; 3]) -> f64 {
    let apart = rows.iter().zip(from).map(|(row, at)| {
        let low = f64::from(*row) * side_m;
        (low - at).max(at - low - side_m).max(0.0)
    });
    apart.map(|apart| apart * apart).sum::<f64>().sqrt()
}

impl Popular {
    /// The weight of the visits to a place changes; 0 where there are none.
    pub(super) fn change(&mut self, cell: Cell, place: u32, from: f64, to: f64) {
        // Weights are not negative, so their bits are in their order.
        let key = |weight: f64| (weight.to_bits(), Reverse(place));
        let places = self.0.entry(cell.cube()).or_default();
        if from > 0.0 {
            places.remove(&key(from));
        }
        if to > 0.0 {
            places.insert(key(to));
        }
        if places.is_empty() {
            self.0.remove(&cell.cube());
        }
    }

    /// The places of all cubes that reach within `radius_m` of a point, the most visited first, of
    /// the same the first in number; each once, though it be in several. Some are further away.
    pub(super) fn around(&self, point: Point, radius_m: f64) -> impl Iterator<Item = u32> {
        let from = metres(point);
        let reach_m = chord(radius_m) * EARTH_RADIUS_M;
        let [x, y, z] = from.map(|at| row(at - reach_m, CUBE_M)..=row(at + reach_m, CUBE_M));
        let cubes = x.flat_map(move |x| {
            let z = z.clone();
            y.clone()
                .flat_map(move |y| z.clone().map(move |z| Cube([x, y, z])))
        });
        let near = cubes.filter(move |cube| distance_m(cube.0, CUBE_M, from) <= reach_m);
        // The best of each cube, and those behind it.
        let mut rows: Vec<_> = near
            .filter_map(|cube| Some(self.0.get(&cube)?.iter().rev()))
            .collect();
        let mut best: BinaryHeap<_> = rows
            .iter_mut()
            .enumerate()
            .filter_map(|(number, row)| Some((*row.next()?, number)))
            .collect();
        let mut last = None;
        std::iter::from_fn(move || {
            loop {
                let ((visits, Reverse(place)), number) = best.pop()?;
                best.extend(rows[number].next().map(|next| (*next, number)));
                // A place is as much visited in each of its cubes.
                if last.replace((visits, place)) != Some((visits, place)) {
                    return Some(place);
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(lat: f64, lng: f64) -> Point {
        Point::new(lat, lng).expect("a point on the globe")
    }

    fn holding(places: &[(Point, f64)]) -> Popular {
        let mut popular = Popular::default();
        for (number, (at, weight)) in (0..).zip(places) {
            popular.change(Cell::of(*at), number, 0.0, *weight);
        }
        popular
    }

    #[test]
    fn the_most_visited_come_first_from_whichever_cube() {
        let places = [
            (point(30.0, 120.0), 1.0),
            (point(30.02, 120.0), 3.0),
            (point(30.0, 120.02), 2.0),
            (point(30.01, 120.01), 2.0),
            (point(31.0, 120.0), 9.0),
        ];
        let popular = holding(&places);
        let around: Vec<u32> = popular.around(point(30.0, 120.0), 3_000.0).collect();
        assert_eq!(around, [1, 2, 3, 0]);
    }

    #[test]
    fn nothing_within_the_radius_is_left_out_anywhere() {
        for (lat, lng) in [
            (0.0, 180.0),
            (0.0, -180.0),
            (90.0, 0.0),
            (-90.0, 50.0),
            (45.0, 45.0),
            (-33.0, 0.0),
        ] {
            let here = point(lat, lng);
            let places: Vec<(Point, f64)> = (0..400)
                .map(|n| {
                    let (north, east) = (f64::from(n % 20 - 10), f64::from(n / 20 - 10));
                    let lat = (lat + north * 0.01).clamp(-90.0, 90.0);
                    let lng = lng + east * 0.01;
                    (point(lat, (lng + 540.0).rem_euclid(360.0) - 180.0), 1.0)
                })
                .collect();
            let popular = holding(&places);
            for radius_m in [0.0, 100.0, 3_000.0, 15_000.0] {
                let found: BTreeSet<u32> = popular.around(here, radius_m).collect();
                for (number, (at, _)) in (0..).zip(&places) {
                    let within = at.distance_m(here) <= radius_m;
                    assert!(!within || found.contains(&number), "{at:?} of {here:?}");
                    let may_be = Cell::of(*at).may_be_within(radius_m, metres(here));
                    assert!(!within || may_be, "{at:?} of {here:?}");
                }
            }
        }
    }

    #[test]
    fn a_place_in_several_cubes_comes_once() {
        let (here, there) = (point(30.0, 120.0), point(30.02, 120.0));
        let mut popular = holding(&[(here, 2.0), (here, 2.0), (there, 1.0)]);
        popular.change(Cell::of(there), 0, 0.0, 2.0);
        let around: Vec<u32> = popular.around(here, 5_000.0).collect();
        assert_eq!(around, [0, 1, 2]);
    }

    #[test]
    fn a_place_without_visits_is_not_there() {
        let here = point(30.0, 120.0);
        let mut popular = holding(&[(here, 1.0)]);
        popular.change(Cell::of(here), 0, 1.0, 2.5);
        assert_eq!(popular.around(here, 1.0).count(), 1);
        popular.change(Cell::of(here), 0, 2.5, 0.0);
        assert_eq!(popular, Popular::default());
    }
}
