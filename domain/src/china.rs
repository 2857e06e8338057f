//! Where mainland China is: its land, and the sea before its coast.
//!
//! It only decides which datum maps are drawn in. Hong Kong, Macao and Taiwan draw theirs in
//! WGS-84 and count as neighbours here; the borders are those of `data/china.bin` (see the README
//! beside it), good to some hundred metres.

use crate::geo::{EARTH_RADIUS_M, Point};
use std::sync::LazyLock;

/// How far from land a point in the sea still belongs to the nearest country; the cells of
/// `china.bin` were made with the same number.
const COAST_M: f64 = 30_000.0;
const METRES_PER_DEGREE: f64 = EARTH_RADIUS_M * std::f64::consts::PI / 180.0;

static OUTLINE: LazyLock<Outline> =
    LazyLock::new(|| Outline::decode(include_bytes!("../data/china.bin")));

/// Is the point (WGS-84) in mainland China? A point in the sea is if China is the nearest country
/// and not more than 30 km away.
#[must_use]
pub fn contains(point: Point) -> bool {
    OUTLINE.contains(point)
}

/// China's lines on a lattice, sorted by rows of cells. Inside, `x` counts steps of the lattice
/// eastwards and `y` northwards from the south-west corner.
struct Outline {
    origin: Point,
    step_lng: f64,
    step_lat: f64,
    /// Width and height of a cell in steps.
    cell: [usize; 2],
    cols: usize,
    cells: Vec<Cell>,
    /// For each row of cells the segments that touch it.
    rows: Vec<Vec<Segment>>,
}

/// What is known about all points of a cell.
#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Out,
    In,
    /// Some are in and some out.
    Edge,
}

#[derive(Clone, Copy, PartialEq)]
enum Line {
    /// China meets the sea.
    Coast,
    /// China meets a neighbour.
    Border,
    /// A neighbour's border or coast.
    Foreign,
}

#[derive(Clone, Copy)]
struct Segment {
    line: Line,
    ends: [[u16; 2]; 2],
}

impl Outline {
    fn contains(&self, point: Point) -> bool {
        let x = (point.lng() - self.origin.lng()) / self.step_lng;
        let y = (point.lat() - self.origin.lat()) / self.step_lat;
        if x < 0.0 || y < 0.0 {
            return false;
        }
        let (col, row) = (x as usize / self.cell[0], y as usize / self.cell[1]);
        if col >= self.cols || row >= self.rows.len() {
            return false;
        }
        match self.cells[row * self.cols + col] {
            Cell::In => true,
            Cell::Out => false,
            Cell::Edge => self.on_land(x, y, row) || self.off_the_coast(x, y, row, point),
        }
    }

    /// Is an odd number of China's lines east of the point?
    fn on_land(&self, x: f64, y: f64, row: usize) -> bool {
        let crossed = self.rows[row].iter().filter(|segment| {
            let [[ax, ay], [bx, by]] = segment.ends.map(|end| end.map(f64::from));
            segment.line != Line::Foreign
                && (ay > y) != (by > y)
                && x < ax + (y - ay) / (by - ay) * (bx - ax)
        });
        crossed.count() % 2 == 1
    }

    /// Is China's coast near, and nothing else nearer? A point in another country always has
    /// one of that country's lines nearer.
    fn off_the_coast(&self, x: f64, y: f64, row: usize, point: Point) -> bool {
        // A plane that touches the globe at the point: good to 0.3 % at this distance.
        let m_per_y = METRES_PER_DEGREE * self.step_lat;
        let m_per_x = METRES_PER_DEGREE * self.step_lng * point.lat().to_radians().cos();
        let m_per_row = m_per_y * self.cell[1] as f64;
        let (mut nearest_m, mut nearest) = (COAST_M, None);
        for away in 0..self.rows.len() {
            if (away as f64 - 1.0) * m_per_row > nearest_m {
                break;
            }
            let rows = [row.checked_sub(away), (away > 0).then_some(row + away)];
            let rows = rows.into_iter().flatten().filter_map(|r| self.rows.get(r));
            for segment in rows.flatten() {
                let [ax, bx] = segment.ends.map(|[ex, _]| (f64::from(ex) - x) * m_per_x);
                if ax.min(bx) > nearest_m || ax.max(bx) < -nearest_m {
                    continue;
                }
                let [ay, by] = segment.ends.map(|[_, ey]| (f64::from(ey) - y) * m_per_y);
                let distance_m = distance([ax, ay], [bx, by]);
                // Where a border reaches the sea it is as near as the coast; it wins.
                let wins = distance_m == nearest_m && segment.line != Line::Coast;
                if distance_m < nearest_m || wins {
                    (nearest_m, nearest) = (distance_m, Some(segment.line));
                }
            }
        }
        nearest == Some(Line::Coast)
    }

    fn decode(bytes: &[u8]) -> Self {
        let mut bytes = Bytes(bytes.iter());
        let [lng, lat, step_lng, step_lat] = std::array::from_fn(|_| bytes.float());
        let [width, height, cols, count] = std::array::from_fn(|_| bytes.varint());
        let mut cells = Vec::with_capacity(cols * count);
        while cells.len() < cols * count {
            let run = bytes.varint();
            let cell = [Cell::Out, Cell::In, Cell::Edge][run % 4];
            cells.resize(cells.len() + run / 4, cell);
        }
        let mut rows = vec![Vec::new(); count];
        for _ in 0..bytes.varint() {
            let line = [Line::Coast, Line::Border, Line::Foreign][bytes.varint()];
            let points = bytes.varint();
            let mut from = bytes.step([0, 0]);
            for _ in 1..points {
                let ends = [from, bytes.step(from)];
                let [first, last] = [from[1].min(ends[1][1]), from[1].max(ends[1][1])]
                    .map(|y| usize::from(y) / height);
                for row in &mut rows[first..=last] {
                    row.push(Segment { line, ends });
                }
                from = ends[1];
            }
        }
        Self {
            origin: Point::new(lat, lng).expect("the corner is on the globe"),
            step_lng,
            step_lat,
            cell: [width, height],
            cols,
            cells,
            rows,
        }
    }
}

/// The distance from the origin to the segment `a`-`b`.
fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let (along, whole) = (-a[0] * dx - a[1] * dy, dx * dx + dy * dy);
    let [x, y] = if along <= 0.0 {
        a
    } else if along >= whole {
        b
    } else {
        [a[0] + dx * along / whole, a[1] + dy * along / whole]
    };
    (x * x + y * y).sqrt()
}

/// Reads the format of `data/README.md`. The file is compiled in, so it is never cut short.
struct Bytes<'a>(std::slice::Iter<'a, u8>);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        *self.0.next().expect("china.bin is whole")
    }

    fn float(&mut self) -> f64 {
        f64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    fn varint(&mut self) -> usize {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            value |= usize::from(byte & 127) << shift;
            if byte < 128 {
                return value;
            }
            shift += 7;
        }
    }

    /// The point one step (two zigzag numbers) further than `from`.
    fn step(&mut self, from: [u16; 2]) -> [u16; 2] {
        from.map(|start| {
            let zigzag = self.varint();
            start.wrapping_add((zigzag >> 1 ^ (zigzag & 1).wrapping_neg()) as u16)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_CHINA: [(&str, f64, f64); 16] = [
        ("Beijing", 39.9042, 116.4074),
        ("Shenzhen Luohu port", 22.533, 114.119),
        ("Shenzhen Shekou", 22.486, 113.912),
        ("Zhuhai Gongbei", 22.219, 113.55),
        ("Zhuhai Hengqin", 22.125, 113.53),
        ("Xiamen", 24.4798, 118.0894),
        ("Erenhot", 43.6532, 111.9777),
        ("Dandong", 40.1244, 124.383),
        ("Heihe", 50.245, 127.499),
        ("Dongxing", 21.547, 107.972),
        ("Kashgar", 39.4704, 75.9898),
        ("Lhasa", 29.652, 91.1721),
        ("Sanya", 18.2528, 109.5119),
        ("Ruili", 24.0128, 97.8519),
        ("Urumqi", 43.8256, 87.6168),
        ("Manzhouli", 49.5978, 117.3787),
    ];
    const ELSEWHERE: [(&str, f64, f64); 27] = [
        ("Hong Kong Central", 22.2819, 114.1582),
        ("Hong Kong Sheung Shui", 22.5019, 114.1278),
        ("Hong Kong Yuen Long", 22.4445, 114.0223),
        ("Macao", 22.1987, 113.5439),
        ("Taipei", 25.033, 121.5654),
        ("Kaohsiung", 22.6273, 120.3014),
        ("Kinmen", 24.4321, 118.3171),
        ("Ulaanbaatar", 47.8864, 106.9057),
        ("Sinuiju", 40.098, 124.398),
        ("Seoul", 37.5665, 126.978),
        ("Pyongyang", 39.0392, 125.7625),
        ("Tokyo", 35.6762, 139.6503),
        ("Fukuoka", 33.5902, 130.4017),
        ("Vladivostok", 43.1155, 131.8855),
        ("Khabarovsk", 48.4802, 135.0719),
        ("Blagoveshchensk", 50.2907, 127.5272),
        ("Hanoi", 21.0278, 105.8342),
        ("Mong Cai", 21.5248, 107.966),
        ("Kathmandu", 27.7172, 85.324),
        ("Thimphu", 27.4728, 89.639),
        ("Almaty", 43.222, 76.8512),
        ("Delhi", 28.6139, 77.209),
        ("Bangkok", 13.7563, 100.5018),
        ("Manila", 14.5995, 120.9842),
        ("Singapore", 1.3521, 103.8198),
        ("Muse", 23.986, 97.904),
        ("Helsinki", 60.17, 24.94),
    ];

    #[track_caller]
    fn point(lat: f64, lng: f64) -> Point {
        Point::new(lat, lng).expect("a point of the test")
    }

    #[test]
    fn border_towns_are_on_their_side_of_the_border_but_one() {
        let places = IN_CHINA.map(|place| (place, true));
        let wrong: Vec<&str> = places
            .into_iter()
            .chain(ELSEWHERE.map(|place| (place, false)))
            .filter(|((_, lat, lng), inside)| contains(point(*lat, *lng)) != *inside)
            .map(|((name, ..), _)| name)
            .collect();
        // Over the river from Dongxing, and the lines are good to some hundred metres.
        assert_eq!(wrong, ["Mong Cai"]);
    }

    /// Walks from a place in China, by steps in degrees, until it is out.
    #[track_caller]
    fn leaves_china_at_sea_from(lat: f64, lng: f64, step: (f64, f64)) {
        let mut at = point(lat, lng);
        assert!(contains(at), "{at:?} is where the walk begins");
        while contains(at) {
            at = point(at.lat() + step.0, at.lng() + step.1);
        }
        let coast = OUTLINE.rows.iter().flatten();
        let coast_m = coast
            .filter(|segment| segment.line == Line::Coast)
            .flat_map(|segment| segment.ends.map(|end| end.map(f64::from)))
            .map(|[x, y]| {
                let lng = OUTLINE.origin.lng() + x * OUTLINE.step_lng;
                at.distance_m(point(OUTLINE.origin.lat() + y * OUTLINE.step_lat, lng))
            })
            .fold(f64::INFINITY, f64::min);
        assert!(
            (coast_m - COAST_M).abs() < 300.0,
            "{at:?} is {coast_m} m out"
        );
    }

    #[test]
    fn china_ends_30_kilometres_off_its_coast() {
        leaves_china_at_sea_from(37.3, 122.5, (0.0, 0.001)); // Shandong, eastwards
        leaves_china_at_sea_from(31.0, 121.8, (0.0, 0.001)); // Shanghai, and its islands
        leaves_china_at_sea_from(22.0, 113.0, (-0.001, 0.0)); // Guangdong, southwards
        leaves_china_at_sea_from(18.4, 109.5, (-0.001, -0.001)); // Hainan, south-westwards
    }

    #[test]
    fn a_cell_says_what_the_lines_say() {
        let mut lines = Outline::decode(include_bytes!("../data/china.bin"));
        lines.cells.fill(Cell::Edge);
        for row in 0..170 {
            for col in 0..270 {
                let at = point(15.0 + f64::from(row) * 0.231, 73.0 + f64::from(col) * 0.233);
                assert_eq!(contains(at), lines.contains(at), "{at:?}");
            }
        }
    }

    #[test]
    fn the_ends_of_the_globe_are_not_in_china() {
        for lat in [-90.0, -35.0, 0.0, 35.0, 90.0] {
            for lng in [-180.0, -75.0, 0.0, 180.0] {
                assert!(!contains(point(lat, lng)), "{lat}, {lng}");
            }
        }
    }
}
