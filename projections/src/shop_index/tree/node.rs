//! What a node of the tree knows of the points under it.

/// The smallest box around some points, rounded outwards, and what kinds they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    low: [f32; 3],
    high: [f32; 3],
    pub(super) kinds: u8,
}

impl Node {
    pub(super) const EMPTY: Self = Self {
        low: [f32::INFINITY; 3],
        high: [f32::NEG_INFINITY; 3],
        kinds: 0,
    };

    pub(super) fn with(mut self, at: &[f64; 3], kind: u8) -> Self {
        for (axis, at) in at.iter().enumerate() {
            let near = *at as f32;
            let low = if f64::from(near) > *at {
                near.next_down()
            } else {
                near
            };
            let high = if f64::from(near) < *at {
                near.next_up()
            } else {
                near
            };
            self.low[axis] = self.low[axis].min(low);
            self.high[axis] = self.high[axis].max(high);
        }
        self.kinds |= kind;
        self
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        let mut both = *self;
        for axis in 0..3 {
            both.low[axis] = both.low[axis].min(other.low[axis]);
            both.high[axis] = both.high[axis].max(other.high[axis]);
        }
        both.kinds |= other.kinds;
        both
    }

    /// The square of the distance to the box. Rounded as [`super::squared`] rounds, so never more than
    /// that of a point inside.
    pub(super) fn squared(&self, from: &[f64; 3]) -> f64 {
        let apart = |axis: usize| {
            let (low, high) = (f64::from(self.low[axis]), f64::from(self.high[axis]));
            (low - from[axis]).max(from[axis] - high).max(0.0)
        };
        let [x, y, z] = [apart(0), apart(1), apart(2)];
        x * x + y * y + z * z
    }
}
