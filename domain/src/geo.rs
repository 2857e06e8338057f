//! Points on the globe, distances between them, and how well a phone knows where it is.
//!
//! Everything here is WGS-84, as phones send it; the datum of Chinese maps is in [`crate::gcj02`].

use geo::{Distance, Haversine};
use serde::{Deserialize, Serialize};

/// Mean radius of the globe in metres (the radius that [`Point::distance_m`] measures with).
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// A place on the globe in degrees; always finite and within ±90, ±180.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawPoint")]
pub struct Point {
    lat: f64,
    lng: f64,
}

/// What a point looks like before its range was checked.
#[derive(Deserialize)]
struct RawPoint {
    lat: f64,
    lng: f64,
}

/// The refusal of a coordinate that names no place on the globe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfRange {
    /// Latitude outside ±90 or not finite.
    #[error("lat must be a number from -90 to 90")]
    Latitude,
    /// Longitude outside ±180 or not finite.
    #[error("lng must be a number from -180 to 180")]
    Longitude,
}

impl Point {
    /// A point from latitude and longitude in degrees.
    ///
    /// # Errors
    /// [`OutOfRange`] when either is not finite or out of ±90, ±180.
    pub fn new(lat: f64, lng: f64) -> Result<Self, OutOfRange> {
        if !(-90.0..=90.0).contains(&lat) {
            return Err(OutOfRange::Latitude);
        }
        if !(-180.0..=180.0).contains(&lng) {
            return Err(OutOfRange::Longitude);
        }
        Ok(Self { lat, lng })
    }

    /// Degrees north of the equator.
    #[must_use]
    pub fn lat(self) -> f64 {
        self.lat
    }

    /// Degrees east of Greenwich.
    #[must_use]
    pub fn lng(self) -> f64 {
        self.lng
    }

    /// Great-circle distance in metres.
    #[must_use]
    pub fn distance_m(self, other: Self) -> f64 {
        let at = |p: Self| geo::Point::new(p.lng, p.lat);
        Haversine.distance(at(self), at(other))
    }

    /// The point as a unit vector from the centre of the globe: distances between such vectors
    /// order places correctly at the poles and across the antimeridian, where degrees do not.
    #[must_use]
    pub fn unit_vector(self) -> [f64; 3] {
        let (sin_lat, cos_lat) = self.lat.to_radians().sin_cos();
        let (sin_lng, cos_lng) = self.lng.to_radians().sin_cos();
        [cos_lat * cos_lng, cos_lat * sin_lng, sin_lat]
    }
}

impl TryFrom<RawPoint> for Point {
    type Error = OutOfRange;

    fn try_from(raw: RawPoint) -> Result<Self, OutOfRange> {
        Self::new(raw.lat, raw.lng)
    }
}

/// The length of the straight line through the globe between two unit vectors whose places are
/// `distance_m` apart on its surface.
#[must_use]
pub fn chord(distance_m: f64) -> f64 {
    2.0 * (distance_m / EARTH_RADIUS_M / 2.0)
        .min(std::f64::consts::FRAC_PI_2)
        .sin()
}

/// The sine of half an angle below which distances on the surface, of up to 25 km, are reckoned by a
/// series: lists have very many of them.
const SMALL: f64 = 2e-3;

/// The distance on the surface in metres that belongs to a [`chord`].
#[must_use]
pub fn arc_m(chord: f64) -> f64 {
    let sine = (chord / 2.0).clamp(0.0, 1.0);
    let angle = if sine < SMALL {
        // What is left out of the series is less than what rounding does.
        let square = sine * sine;
        sine * (1.0 + square * (1.0 / 6.0 + square * (3.0 / 40.0)))
    } else {
        sine.asin()
    };
    2.0 * angle * EARTH_RADIUS_M
}

/// Where a phone believes it is: a point and the radius in metres that holds 68 % of the cases.
///
/// Source: seed §4, §9. Phones are wrong about their own accuracy, so it is clamped to
/// [`Fix::ACCURACY_M`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fix {
    /// The point that the phone reports.
    pub point: Point,
    accuracy_m: f64,
}

impl Fix {
    /// The accuracies that we work with, in metres; others are moved to the nearer end.
    pub const ACCURACY_M: std::ops::RangeInclusive<f64> = 8.0..=5_000.0;

    /// A fix with any accuracy a phone may claim; one that is not a number counts as the worst.
    #[must_use]
    pub fn new(point: Point, accuracy_m: f64) -> Self {
        let (best, worst) = (*Self::ACCURACY_M.start(), *Self::ACCURACY_M.end());
        let accuracy_m = if accuracy_m.is_nan() {
            worst
        } else {
            accuracy_m.clamp(best, worst)
        };
        Self { point, accuracy_m }
    }

    /// The clamped accuracy in metres.
    #[must_use]
    pub fn accuracy_m(self) -> f64 {
        self.accuracy_m
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn point(lat: f64, lng: f64) -> Point {
        Point::new(lat, lng).expect("a point of the test")
    }

    #[test]
    fn a_coordinate_outside_the_globe_is_no_point() {
        assert_eq!(Point::new(90.1, 0.0), Err(OutOfRange::Latitude));
        assert_eq!(Point::new(f64::NAN, 0.0), Err(OutOfRange::Latitude));
        assert_eq!(Point::new(0.0, f64::INFINITY), Err(OutOfRange::Longitude));
        assert!(Point::new(-90.0, 180.0).is_ok());
    }

    #[test]
    fn distances_run_over_the_antimeridian_and_the_pole() {
        let across = point(0.0, 179.999).distance_m(point(0.0, -179.999));
        assert!((222.0..223.0).contains(&across), "{across}");
        assert!(point(90.0, 10.0).distance_m(point(90.0, -170.0)) < 1e-3);
    }

    #[test]
    fn chord_and_arc_undo_each_other() {
        for metres in [0.0, 1.0, 150.0, 15_000.0, 20_000_000.0] {
            assert!((arc_m(chord(metres)) - metres).abs() < 1e-3 * metres.max(1.0));
        }
    }

    #[test]
    fn short_arcs_are_as_exact_as_long_ones() {
        for metres in [0.01, 9.0, 1_234.5, 25_000.0, 25_500.0] {
            let exact = 2.0 * (chord(metres) / 2.0).asin() * EARTH_RADIUS_M;
            let apart = arc_m(chord(metres)) / exact - 1.0;
            assert!(apart.abs() < 1e-15, "{apart} at {metres}");
        }
    }

    #[test]
    fn an_odd_accuracy_is_moved_into_range() {
        let at = point(30.0, 120.0);
        assert_eq!(Fix::new(at, -3.0).accuracy_m(), 8.0);
        assert_eq!(Fix::new(at, 1e9).accuracy_m(), 5_000.0);
        assert_eq!(Fix::new(at, f64::NAN).accuracy_m(), 5_000.0);
        assert_eq!(Fix::new(at, 65.0).accuracy_m(), 65.0);
    }
}
