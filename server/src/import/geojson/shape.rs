//! What a geometry says of where a shop is: one point that stands for it, and others so that
//! whoever is inside a large area is near one of them.
//!
//! Areas are reckoned with on a plane that touches the globe at their first corner, in metres: true
//! for parks and airports, and over the antimeridian; not for continents.

use domain::geo::Point;
use domain::shop::MAX_POINTS;
use geo::{
    Area, BoundingRect, Centroid, Contains, Coord, InteriorPoint, LineString, MultiPolygon, Polygon,
};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};

/// How near one of its points every part of an area should be, in metres.
const NEAR_M: f64 = 100.0;

/// How many places along an outline, and at most how many on the lines of a grid inside, may become
/// points.
const ALONG: usize = 512;
const GRID: usize = 24;

/// Metres of a degree of latitude.
const DEGREE_M: f64 = 111_195.0;

/// The geometries that a shop may have.
#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
pub(super) enum Geometry {
    Point(Position),
    MultiPoint(Vec<Position>),
    Polygon(Rings),
    MultiPolygon(Vec<Rings>),
}

/// An outline, and those of holes in it.
type Rings = Vec<Vec<Position>>;

/// Longitude and latitude; a height behind them is passed over.
#[derive(Clone, Copy)]
pub(super) struct Position {
    lng: f64,
    lat: f64,
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;

        impl<'de> Visitor<'de> for Numbers {
            type Value = Position;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a position of longitude and latitude")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Position, A::Error> {
                let missing = || A::Error::custom("a position has two numbers");
                let lng = numbers.next_element()?.ok_or_else(missing)?;
                let lat = numbers.next_element()?.ok_or_else(missing)?;
                while numbers.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Position { lng, lat })
            }
        }

        deserializer.deserialize_seq(Numbers)
    }
}

impl Geometry {
    /// The point that stands for the shop, and its further points.
    pub(super) fn points(&self) -> Result<(Point, Vec<Point>), String> {
        let all = match self {
            Self::Point(position) => vec![position.point()?],
            Self::MultiPoint(positions) => distinct(positions)?,
            Self::Polygon(rings) => spread(std::slice::from_ref(rings))?,
            Self::MultiPolygon(polygons) => spread(polygons)?,
        };
        let mut all = all.into_iter();
        let first = all.next().ok_or(EMPTY)?;
        Ok((first, all.collect()))
    }
}

const EMPTY: &str = "it has no coordinates";

impl Position {
    fn point(self) -> Result<Point, String> {
        Point::new(self.lat, self.lng).map_err(|error| error.to_string())
    }
}

/// The points without repetitions, in their order. One more than a shop may have is enough to see
/// that there are too many.
fn distinct(positions: &[Position]) -> Result<Vec<Point>, String> {
    let mut points: Vec<Point> = Vec::new();
    for position in positions {
        let point = position.point()?;
        if points.len() <= MAX_POINTS + 1 && !points.contains(&point) {
            points.push(point);
        }
    }
    Ok(points)
}

/// The middle of an area, inside it, and as many points more as it takes to be near everywhere, or
/// as a shop may have.
fn spread(polygons: &[Rings]) -> Result<Vec<Point>, String> {
    let corner = polygons.iter().flatten().flatten().next().ok_or(EMPTY)?;
    let plane = Plane::at(*corner);
    let area = MultiPolygon::new(
        polygons
            .iter()
            .map(|rings| plane.polygon(rings))
            .collect::<Result<Vec<_>, _>>()?,
    );
    let middle = middle(&area).ok_or("its outline encloses nothing")?;
    let mut chosen = vec![middle];
    let mut open: Vec<(Coord, f64)> = candidates(&area)
        .into_iter()
        .map(|at| (at, distance(at, middle)))
        .collect();
    // The one that is farthest from all that were chosen, again and again: so the points spread
    // evenly, however many there are.
    while chosen.len() <= MAX_POINTS {
        let farthest = open.iter().max_by(|a, b| a.1.total_cmp(&b.1)).copied();
        let Some((next, _)) = farthest.filter(|(_, away)| *away > NEAR_M) else {
            break;
        };
        chosen.push(next);
        for (at, away) in &mut open {
            *away = away.min(distance(*at, next));
        }
    }
    chosen.into_iter().map(|at| plane.back(at)).collect()
}

/// The centre of gravity, or a point inside where that lies outside.
fn middle(area: &MultiPolygon) -> Option<Coord> {
    let centroid = area.centroid()?;
    if area.unsigned_area() == 0.0 || area.contains(&centroid) {
        return Some(centroid.0);
    }
    let inside = area.interior_point().unwrap_or(centroid);
    Some(inside.0)
}

/// Places along the outlines, and inside.
fn candidates(area: &MultiPolygon) -> Vec<Coord> {
    let mut found = Vec::new();
    let outline: f64 = area
        .iter()
        .flat_map(|polygon| polygon.exterior().lines())
        .map(|line| distance(line.start, line.end))
        .sum();
    let step = (outline / ALONG as f64).max(NEAR_M / 4.0);
    for polygon in area {
        // How far along the outline the next place is.
        let mut left = 0.0;
        for line in polygon.exterior().lines() {
            let length = distance(line.start, line.end);
            while left < length {
                let part = left / length;
                found.push(line.start + (line.end - line.start) * part);
                left += step;
            }
            left -= length;
        }
    }
    let Some(frame) = area.bounding_rect() else {
        return found;
    };
    let (width, height) = (frame.width(), frame.height());
    let cell = (width.max(height) / GRID as f64).max(NEAR_M / 2.0);
    let count = |length: f64| (length / cell).ceil() as usize;
    for row in 0..count(height) {
        for column in 0..count(width) {
            let offset = Coord {
                x: (column as f64 + 0.5) * cell,
                y: (row as f64 + 0.5) * cell,
            };
            let at = frame.min() + offset;
            if area.contains(&geo::Point(at)) {
                found.push(at);
            }
        }
    }
    found
}

fn distance(a: Coord, b: Coord) -> f64 {
    (a.x - b.x).hypot(a.y - b.y)
}

/// A plane that touches the globe at a corner.
struct Plane {
    corner: Position,
    /// Metres of a degree of longitude there.
    east_m: f64,
}

impl Plane {
    fn at(corner: Position) -> Self {
        // Near a pole a degree of longitude is nearly nothing, and must not become nothing.
        let east_m = DEGREE_M * corner.lat.to_radians().cos().max(0.001);
        Self { corner, east_m }
    }

    fn polygon(&self, rings: &Rings) -> Result<Polygon, String> {
        let mut rings = rings.iter().map(|ring| self.ring(ring));
        let outline = rings.next().ok_or(EMPTY)??;
        Ok(Polygon::new(outline, rings.collect::<Result<_, _>>()?))
    }

    fn ring(&self, ring: &[Position]) -> Result<LineString, String> {
        let corners = ring.iter().map(|position| {
            // What is no place on the globe is refused here.
            let point = position.point()?;
            Ok(self.flat(point))
        });
        let corners: Vec<Coord> = corners.collect::<Result<_, String>>()?;
        if corners.is_empty() {
            return Err(EMPTY.into());
        }
        Ok(LineString::new(corners))
    }

    fn flat(&self, point: Point) -> Coord {
        // The short way round, so that an area on the antimeridian stays in one piece.
        let east = (point.lng() - self.corner.lng + 540.0).rem_euclid(360.0) - 180.0;
        Coord {
            x: east * self.east_m,
            y: (point.lat() - self.corner.lat) * DEGREE_M,
        }
    }

    fn back(&self, at: Coord) -> Result<Point, String> {
        let lng = (self.corner.lng + at.x / self.east_m + 540.0).rem_euclid(360.0) - 180.0;
        let lat = (self.corner.lat + at.y / DEGREE_M).clamp(-90.0, 90.0);
        let position = Position {
            lng: rounded(lng),
            lat: rounded(lat),
        };
        position.point()
    }
}

/// Without digits that no map has.
fn rounded(degrees: f64) -> f64 {
    (degrees * 1e7).round() / 1e7
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(text: &str) -> Result<Geometry, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// The points of a polygon whose rings are given.
    fn polygon(rings: &str) -> Vec<Point> {
        of("Polygon", rings)
    }

    fn of(kind: &str, coordinates: &str) -> Vec<Point> {
        let text = format!(r#"{{"type":"{kind}","coordinates":{coordinates}}}"#);
        let geometry = geometry(&text).expect("a geometry");
        let (first, more) = geometry.points().expect("points");
        std::iter::once(first).chain(more).collect()
    }

    #[track_caller]
    fn near(point: Point, lat: f64, lng: f64) {
        let off = (point.lat() - lat).abs().max((point.lng() - lng).abs());
        assert!(off < 1e-5, "{point:?} is not {lat}, {lng}");
    }

    /// How far the worst of some places is from the nearest point, in metres.
    fn worst(points: &[Point], places: &[(f64, f64)]) -> f64 {
        let away = places.iter().map(|(lat, lng)| {
            let place = Point::new(*lat, *lng).expect("a place");
            let to = points.iter().map(|point| point.distance_m(place));
            to.fold(f64::INFINITY, f64::min)
        });
        away.fold(0.0, f64::max)
    }

    #[test]
    fn a_house_is_its_middle() {
        let points = polygon(
            "[[[24.94,60.17],[24.941,60.17],[24.941,60.171],[24.94,60.171],[24.94,60.17]]]",
        );
        assert_eq!(points.len(), 1);
        near(points[0], 60.1705, 24.9405);
    }

    #[test]
    fn corners_that_stand_close_together_do_not_pull_the_middle() {
        let points = polygon(
            "[[[0,0],[0.0005,0],[0.001,0],[0.001,0.001],[0,0.001],[0,0.0003],[0,0.0002],[0,0.0001],[0,0]]]",
        );
        near(points[0], 0.0005, 0.0005);
    }

    #[test]
    fn a_middle_outside_is_moved_inside() {
        // A horseshoe whose centre of gravity lies between its arms.
        let horseshoe = "[[0,0],[0.001,0],[0.001,0.001],[0.0009,0.001],[0.0009,0.0001],\
                         [0.0001,0.0001],[0.0001,0.001],[0,0.001],[0,0]]";
        let first = polygon(&format!("[{horseshoe}]"))[0];
        let between = (0.00011..0.00089).contains(&first.lng()) && first.lat() > 0.00011;
        assert!(!between, "{first:?}");
        // And one in a hole.
        let ring = "[[0,0],[0.001,0],[0.001,0.001],[0,0.001],[0,0]]";
        let hole =
            "[[0.0001,0.0001],[0.0009,0.0001],[0.0009,0.0009],[0.0001,0.0009],[0.0001,0.0001]]";
        let first = polygon(&format!("[{ring},{hole}]"))[0];
        let inner = 0.00011..0.00089;
        assert!(
            !(inner.contains(&first.lng()) && inner.contains(&first.lat())),
            "{first:?}"
        );
        // Of several areas it is inside one.
        let far = "[[[0,0],[0.001,0],[0.001,0.001],[0,0.001],[0,0]]],\
                   [[[0.01,0],[0.0105,0],[0.0105,0.001],[0.01,0.001],[0.01,0]]]";
        let first = of("MultiPolygon", &format!("[{far}]"))[0];
        assert!(first.lng() < 0.001 || first.lng() > 0.01, "{first:?}");
    }

    #[test]
    fn everybody_in_a_park_is_near_one_of_its_points() {
        // A kilometre by half a kilometre.
        let park =
            "[[[24.94,60.17],[24.958,60.17],[24.958,60.1745],[24.94,60.1745],[24.94,60.17]]]";
        let points = polygon(park);
        assert!(
            (20..=MAX_POINTS + 1).contains(&points.len()),
            "{}",
            points.len()
        );
        let mut places = Vec::new();
        for row in 0..=10 {
            for column in 0..=10 {
                let (row, column) = (f64::from(row) / 10.0, f64::from(column) / 10.0);
                places.push((60.17 + 0.0045 * row, 24.94 + 0.018 * column));
            }
        }
        let worst = worst(&points, &places);
        assert!(worst < 1.5 * NEAR_M, "{worst}");
        assert_eq!(polygon(park), points, "another import is the same");
    }

    #[test]
    fn a_very_large_area_has_as_many_points_as_a_shop_may_have() {
        let points = polygon("[[[24,60],[25,60],[25,61],[24,61],[24,60]]]");
        assert_eq!(points.len(), MAX_POINTS + 1);
        let worst = worst(
            &points,
            &[(60.0, 24.0), (61.0, 25.0), (60.5, 24.5), (60.3, 24.2)],
        );
        assert!(worst < 12_000.0, "{worst}");
    }

    #[test]
    fn an_area_on_the_antimeridian_stays_there() {
        for split in [
            "[[[[179.9995,0],[-179.9995,0],[-179.9995,0.001],[179.9995,0.001],[179.9995,0]]]]",
            "[[[[179.9995,0],[180,0],[180,0.001],[179.9995,0.001],[179.9995,0]]],\
              [[[-180,0],[-179.9995,0],[-179.9995,0.001],[-180,0.001],[-180,0]]]]",
        ] {
            let points = of("MultiPolygon", split);
            assert_eq!(points.len(), 1, "{points:?}");
            let away = points[0].distance_m(Point::new(0.0005, 180.0).expect("a point"));
            assert!(away < 60.0, "{away}");
        }
    }

    #[test]
    fn outlines_that_make_no_sense_do_no_harm() {
        for odd in [
            // A bow tie, a spike, one that goes back on itself, one that is not closed, a point.
            "[[[0,0],[0.01,0.01],[0.01,0],[0,0.01],[0,0]]]",
            "[[[0,0],[0.01,0],[0.005,0],[0.005,0.01],[0.005,0],[0,0]]]",
            "[[[0,0],[0.01,0],[0,0]]]",
            "[[[0,0],[0.01,0],[0.01,0.01]]]",
            "[[[1,1],[1,1],[1,1],[1,1]]]",
            "[[[1,1]]]",
            "[[[0,90],[90,90],[180,90],[-90,90],[0,90]]]",
            "[[[-180,-90],[180,-90],[180,90],[-180,90],[-180,-90]]]",
        ] {
            let points = polygon(odd);
            assert!((1..=MAX_POINTS + 1).contains(&points.len()), "{odd}");
        }
        for nothing in ["[]", "[[]]", "[[[0,0],[1,0],[1,1],[0,0]],[]]"] {
            let text = format!(r#"{{"type":"Polygon","coordinates":{nothing}}}"#);
            let geometry = geometry(&text).expect("a geometry");
            assert_eq!(geometry.points().err().as_deref(), Some(EMPTY), "{nothing}");
        }
        let outside = r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,91],[0,0]]]}"#;
        assert!(geometry(outside).expect("a geometry").points().is_err());
    }

    #[test]
    fn other_geometries_are_refused_by_name() {
        for other in [
            r#"{"type":"LineString","coordinates":[[0,0],[1,1]]}"#,
            r#"{"type":"GeometryCollection","geometries":[]}"#,
            r#"{"type":"Point"}"#,
            r#"{"type":"Point","coordinates":[1]}"#,
            r#"{"type":"Point","coordinates":["1","2"]}"#,
            r#"{"type":"Point","coordinates":[[1,2]]}"#,
            r#"{"coordinates":[1,2]}"#,
        ] {
            assert!(geometry(other).is_err(), "{other}");
        }
    }
}
