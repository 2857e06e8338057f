//! How shops stand in a made-up city: in malls on top of each other, along streets, or anywhere.

use domain::geo::Point;
use rand::RngExt;
use rand::rngs::StdRng;

/// A mall has so many shops, in a square of so many metres, on several floors.
pub(crate) const IN_A_MALL: usize = 40;
const MALL_M: f64 = 80.0;

/// So much of a city's shops stand in malls, and along streets; the rest stand anywhere.
pub(crate) const IN_MALLS: f64 = 0.3;
pub(crate) const ON_STREETS: f64 = 0.5;

/// A street has about so many shops.
pub(crate) const ON_A_STREET: usize = 30;

const METRES_PER_DEGREE: f64 = 111_195.0;

/// Metres north and east of a city's middle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub(crate) north: f64,
    pub(crate) east: f64,
}

/// Shops that stand together.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cluster {
    /// Around its middle.
    Mall { middle: Spot },
    /// From its beginning in a direction, on both sides.
    Street {
        beginning: Spot,
        turn: f64,
        length_m: f64,
    },
}

impl Cluster {
    pub(crate) fn mall(middle: Spot) -> Self {
        Self::Mall { middle }
    }

    pub(crate) fn street(beginning: Spot, dice: &mut StdRng) -> Self {
        Self::Street {
            beginning,
            turn: dice.random_range(0.0..3.2),
            length_m: dice.random_range(300.0..900.0),
        }
    }

    /// Where one of its shops stands.
    pub(crate) fn spot(&self, dice: &mut StdRng) -> Spot {
        match *self {
            Self::Mall { middle } => {
                let side = |dice: &mut StdRng| dice.random_range(-MALL_M / 2.0..MALL_M / 2.0);
                middle.off(side(dice), side(dice))
            }
            Self::Street {
                beginning,
                turn,
                length_m,
            } => {
                let along = dice.random_range(0.0..length_m);
                let side = 12.0 * if dice.random() { 1.0 } else { -1.0 };
                let (sin, cos) = turn.sin_cos();
                beginning.off(along * cos - side * sin, along * sin + side * cos)
            }
        }
    }
}

impl Spot {
    /// Somewhere around the middle, most within so many metres of it.
    pub(crate) fn around(spread_m: f64, dice: &mut StdRng) -> Self {
        Self {
            north: spread_m * normal(dice),
            east: spread_m * normal(dice),
        }
    }

    pub(crate) fn off(self, north: f64, east: f64) -> Self {
        Self {
            north: self.north + north,
            east: self.east + east,
        }
    }

    pub(crate) fn towards(self, angle: f64, metres: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        self.off(metres * cos, metres * sin)
    }

    pub(crate) fn metres_to(self, other: Self) -> f64 {
        (self.north - other.north).hypot(self.east - other.east)
    }

    /// The place on the globe, where the city's middle has this latitude and longitude.
    pub(crate) fn point(self, middle: (f64, f64)) -> Point {
        let lat = middle.0 + self.north / METRES_PER_DEGREE;
        let east = self.east / METRES_PER_DEGREE / middle.0.to_radians().cos();
        Point::new(lat, middle.1 + east).expect("far from the poles")
    }
}

/// A number of the normal distribution.
pub(crate) fn normal(dice: &mut StdRng) -> f64 {
    let (a, b): (f64, f64) = (dice.random(), dice.random());
    (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}
