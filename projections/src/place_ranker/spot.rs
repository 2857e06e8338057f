//! Where a place is, in few bytes: of a million shops it is remembered, of hundreds it is reckoned
//! with in one question.

use domain::geo::{EARTH_RADIUS_M, Point, arc_m};
use serde::{Deserialize, Serialize};

/// Parts of a degree; the globe has 360 of them, so there is room in 32 bits.
const OF_A_DEGREE: f64 = 1e7;

/// Parts of a metre; the globe's radius has room in 32 bits.
const OF_A_METRE: f64 = 256.0;

/// The side of a cell, in metres and in parts.
const CELL_M: f64 = 8.0;
const CELL: i32 = (CELL_M * OF_A_METRE) as i32;

/// How many cells lie side by side in a cube, as many as a byte tells apart, and its side in metres.
const CELLS: i32 = 250;
const CUBE_M: f64 = CELL_M * CELLS as f64;

/// Latitude and longitude, to a centimetre.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Degrees([i32; 2]);

/// Where that is from the globe's middle, to a centimetre too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Spot([i32; 3]);

/// A cube of the grid that all space lies in, so that nothing is special about poles and the
/// antimeridian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cube([i16; 3]);

/// Which of the cells of a cube.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell([u8; 3]);

impl Degrees {
    pub(super) fn of(point: Point) -> Self {
        Self([point.lat(), point.lng()].map(|degrees| (degrees * OF_A_DEGREE).round() as i32))
    }

    pub(super) fn spot(self) -> Spot {
        let [lat, lng] = self.0.map(|parts| f64::from(parts) / OF_A_DEGREE);
        // It was a point, or a snapshot lies.
        Point::new(lat, lng).map_or(Spot([0; 3]), Spot::of)
    }
}

impl Spot {
    pub(super) fn of(point: Point) -> Self {
        Self(metres(point).map(|at| (at * OF_A_METRE).round() as i32))
    }

    /// How far it is from where [`metres`] says, over the ground.
    pub(super) fn distance_m(self, from: &[f64; 3]) -> f64 {
        let [x, y, z] = self.0.map(|parts| f64::from(parts) / OF_A_METRE);
        let [x, y, z] = [x - from[0], y - from[1], z - from[2]];
        arc_m((x * x + y * y + z * z).sqrt() / EARTH_RADIUS_M)
    }

    pub(super) fn cube(self) -> Cube {
        Cube(self.0.map(|parts| parts.div_euclid(CELL * CELLS) as i16))
    }

    /// Where in its cube it is.
    pub(super) fn cell(self) -> Cell {
        Cell(
            self.0
                .map(|parts| parts.div_euclid(CELL).rem_euclid(CELLS) as u8),
        )
    }
}

impl Cube {
    /// All that have ground in them within `reach_m`, through the globe, of where [`metres`] says,
    /// and how far away each is; few others.
    pub(super) fn around(from: [f64; 3], reach_m: f64) -> Vec<(f64, Self)> {
        let up = from.map(|at| at / EARTH_RADIUS_M);
        // How far below this level the ground is there, and how high a cube is, to its middle.
        let sinks_m = reach_m * reach_m / (2.0 * EARTH_RADIUS_M);
        let high_m = CUBE_M / 2.0 * up.iter().map(|up| up.abs()).sum::<f64>() + 1.0;
        let row = |metres: f64| (metres / CUBE_M).floor() as i16;
        let [x, y, z] = from.map(|at| row(at - reach_m)..=row(at + reach_m));
        let mut cubes = Vec::with_capacity(32);
        for x in x {
            for y in y.clone() {
                for cube in z.clone().map(|z| Self([x, y, z])) {
                    let above = |axis: usize| {
                        let middle = f64::from(cube.0[axis]) * CUBE_M + CUBE_M / 2.0;
                        up[axis] * (middle - from[axis])
                    };
                    let above_m = above(0) + above(1) + above(2);
                    if above_m > high_m || above_m < -high_m - sinks_m {
                        continue;
                    }
                    let apart_m = distance_2(cube.corner(), CUBE_M, from).sqrt();
                    if apart_m <= reach_m {
                        cubes.push((apart_m, cube));
                    }
                }
            }
        }
        cubes
    }

    /// Where the place is, of which [`metres`] says where, as the cube sees it.
    pub(super) fn sees(self, from: [f64; 3]) -> [f64; 3] {
        let corner = self.corner();
        [0, 1, 2].map(|axis| from[axis] - corner[axis])
    }

    fn corner(self) -> [f64; 3] {
        self.0.map(|row| f64::from(row) * CUBE_M)
    }
}

impl Cell {
    /// The square of how far the nearest spot of it may be, in metres through the globe, from where
    /// [`Cube::sees`] says.
    pub(super) fn distance_2(self, from: [f64; 3]) -> f64 {
        distance_2(self.0.map(|row| f64::from(row) * CELL_M), CELL_M, from)
    }
}

/// A point as metres from the globe's middle.
pub(super) fn metres(point: Point) -> [f64; 3] {
    point.unit_vector().map(|at| at * EARTH_RADIUS_M)
}

/// The square of how far the nearest corner, edge or side of a cube is, through the globe; a little
/// less, since spots are rounded.
fn distance_2(corner: [f64; 3], side_m: f64, from: [f64; 3]) -> f64 {
    let apart = |axis: usize| {
        let low = corner[axis] - from[axis];
        (low.max(-low - side_m) - 0.02).max(0.0)
    };
    let [x, y, z] = [apart(0), apart(1), apart(2)];
    x * x + y * y + z * z
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: [(f64, f64); 7] = [
        (30.0, 120.0),
        (0.0, 180.0),
        (0.0, -180.0),
        (90.0, 0.0),
        (-90.0, 50.0),
        (45.0, 45.0),
        (-33.0, 0.0),
    ];

    fn point(lat: f64, lng: f64) -> Point {
        Point::new(lat, lng).expect("a point on the globe")
    }

    /// Points around one, 1 km apart.
    fn around(lat: f64, lng: f64) -> Vec<Point> {
        let near = |n: i32| {
            let (north, east) = (f64::from(n % 20 - 10), f64::from(n / 20 - 10));
            let lat = (lat + north * 0.01).clamp(-90.0, 90.0);
            let lng = lng + east * 0.01;
            point(lat, (lng + 540.0).rem_euclid(360.0) - 180.0)
        };
        (0..400).map(near).collect()
    }

    #[test]
    fn a_spot_is_where_its_point_is_to_a_few_centimetres() {
        for (lat, lng) in PLACES {
            let here = point(lat, lng);
            for there in around(lat, lng) {
                let expected = there.distance_m(here);
                for spot in [Spot::of(there), Degrees::of(there).spot()] {
                    let found = spot.distance_m(&metres(here));
                    assert!((found - expected).abs() < 0.03, "{found} is not {expected}");
                }
            }
        }
    }

    #[test]
    fn a_spot_lies_in_its_cube_and_its_cell() {
        for (lat, lng) in PLACES {
            let from = metres(point(lat, lng));
            for there in around(lat, lng) {
                let spot = Spot::of(there);
                let cell_2 = |from| spot.cell().distance_2(spot.cube().sees(from));
                let own = cell_2(metres(there));
                assert_eq!(own, 0.0, "{there:?}");
                let distance_m = spot.distance_m(&from);
                let cell_m = cell_2(from).sqrt();
                assert!(cell_m <= distance_m, "{there:?}");
                assert!(cell_m >= distance_m - 14.0 - 1e-4 * distance_m, "{there:?}");
                let mut cubes = Cube::around(from, distance_m + 0.1).into_iter();
                let found = cubes.find(|(_, cube)| *cube == spot.cube());
                assert!(
                    found.is_some_and(|(cube_m, _)| cube_m <= cell_m),
                    "{there:?}"
                );
            }
        }
    }
}
