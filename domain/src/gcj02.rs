//! GCJ-02, the datum of Chinese maps: where a point of the globe is drawn on them.
//!
//! It only goes from the globe to the map: what phones send and what we store is WGS-84, and
//! nothing ever comes back from a map.

use crate::china;
use crate::geo::Point;
use std::f64::consts::PI;

/// Semi-major axis of the Krasovsky 1940 ellipsoid in metres.
const SEMI_MAJOR_M: f64 = 6_378_245.0;
/// Squared eccentricity of the same.
const ECCENTRICITY_SQUARED: f64 = 0.006_693_421_622_965_943;

/// The point at which a map draws `wgs`: some hundred metres away in mainland China, and `wgs`
/// itself elsewhere.
///
/// Source: seed §4, which answers with both (`lo` is WGS-84; `lat`, `lng` are for the map). The
/// formula was never published by its makers; this is the one that everybody uses.
#[must_use]
pub fn on_map(wgs: Point) -> Point {
    if !china::contains(wgs) {
        return wgs;
    }
    let (north_m, east_m) = shift_m(wgs.lat() - 35.0, wgs.lng() - 105.0);
    let (sin, cos) = wgs.lat().to_radians().sin_cos();
    // The radii of curvature of the ellipsoid, along the meridian and across it.
    let flat = 1.0 - ECCENTRICITY_SQUARED * sin * sin;
    let meridian_m = SEMI_MAJOR_M * (1.0 - ECCENTRICITY_SQUARED) / (flat * flat.sqrt());
    let across_m = SEMI_MAJOR_M / flat.sqrt();
    Point::new(
        wgs.lat() + (north_m / meridian_m).to_degrees(),
        wgs.lng() + (east_m / (across_m * cos)).to_degrees(),
    )
    .unwrap_or(wgs) // China is far from the poles and the antimeridian
}

/// The shift in metres, north and east; `y` and `x` are degrees from 35° N, 105° E.
fn shift_m(y: f64, x: f64) -> (f64, f64) {
    let wave = |height: f64, degrees: f64| height * (degrees * PI).sin();
    let ripple = wave(20.0, 6.0 * x) + wave(20.0, 2.0 * x);
    let north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * x.abs().sqrt();
    let north_waves =
        wave(20.0, y) + wave(40.0, y / 3.0) + wave(160.0, y / 12.0) + wave(320.0, y / 30.0);
    let east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * x.abs().sqrt();
    let east_waves =
        wave(20.0, x) + wave(40.0, x / 3.0) + wave(150.0, x / 12.0) + wave(300.0, x / 30.0);
    (
        north + (ripple + north_waves) * 2.0 / 3.0,
        east + (ripple + east_waves) * 2.0 / 3.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn point(lat: f64, lng: f64) -> Point {
        Point::new(lat, lng).expect("a point of the test")
    }

    #[track_caller]
    fn drawn_at(wgs: (f64, f64), map: (f64, f64)) {
        let drawn = on_map(point(wgs.0, wgs.1));
        assert!(
            (drawn.lat() - map.0).abs() < 1e-7 && (drawn.lng() - map.1).abs() < 1e-7,
            "{drawn:?}"
        );
    }

    /// Points all over the globe, every quarter of a degree, with its edges.
    fn globe() -> impl Iterator<Item = Point> {
        (-360..=360).flat_map(|row| {
            (-720..=720).map(move |col| point(f64::from(row) / 4.0, f64::from(col) / 4.0))
        })
    }

    #[test]
    fn known_places_are_drawn_where_maps_draw_them() {
        drawn_at((39.908722, 116.397499), (39.9101255, 116.4037426));
        drawn_at((30.282204, 120.11528), (30.2799288, 120.1200698));
        drawn_at((22.543847, 113.912316), (22.5407961, 113.9171765));
    }

    #[test]
    fn a_point_moves_up_to_800_metres_in_china_and_nowhere_else() {
        for wgs in globe() {
            let drawn = on_map(wgs);
            if china::contains(wgs) {
                let moved_m = wgs.distance_m(drawn);
                assert!(moved_m > 0.0 && moved_m < 800.0, "{wgs:?}: {moved_m} m");
            } else {
                assert_eq!(drawn, wgs);
            }
        }
    }

    #[test]
    fn neighbours_stay_neighbours_on_the_map() {
        for wgs in globe().filter(|wgs| china::contains(*wgs)) {
            let beside = point(wgs.lat() + 0.0005, wgs.lng() + 0.0005);
            if china::contains(beside) {
                let (apart, drawn) = (
                    wgs.distance_m(beside),
                    on_map(wgs).distance_m(on_map(beside)),
                );
                assert!(
                    (drawn / apart - 1.0).abs() < 0.01,
                    "{wgs:?}: {apart} m, {drawn} m"
                );
            }
        }
    }

    #[test]
    fn hong_kong_macao_and_taipei_are_drawn_where_they_are() {
        for (lat, lng) in [(22.2819, 114.1582), (22.1987, 113.5439), (25.033, 121.5654)] {
            drawn_at((lat, lng), (lat, lng));
        }
    }
}
