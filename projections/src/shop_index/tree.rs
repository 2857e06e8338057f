//! A packed tree over points on the unit sphere, which never changes: leaves of some 24 points, and
//! for everything above them a box and the categories inside.
//!
//! Halves are so told apart that a node's place says which points are under it; nothing points
//! anywhere. Whose the points are is not known here.

use domain::shop::Category;

/// How many points a leaf has at most, or one more.
const LEAF: usize = 32;

/// The bit of a point's kind that says that its shop has others.
pub(super) const SEVERAL: u8 = 1 << 7;

/// The kinds of points of all categories.
pub(super) const ALL: u8 = 0b11_1111;

/// See the module.
#[derive(Debug)]
pub(super) struct Tree {
    /// Leaf by leaf.
    points: Vec<[f64; 3]>,
    /// The shop of each point.
    shops: Vec<u32>,
    /// What each point is: one bit for its category, and [`SEVERAL`].
    kinds: Vec<u8>,
    /// The children of node `n` are `2n + 1` and `2n + 2`; the last half of the nodes are leaves.
    nodes: Vec<Node>,
}

/// A point of a shop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) at: [f64; 3],
    /// Which shop, by number.
    pub(super) shop: u32,
    pub(super) kind: u8,
}

/// The smallest box around some points, rounded outwards, and what kinds they are.
#[derive(Clone, Copy, Debug)]
struct Node {
    low: [f32; 3],
    high: [f32; 3],
    kinds: u8,
}

/// A node and what is under it.
#[derive(Clone, Copy)]
struct Part {
    node: usize,
    distance_2: f64,
    points: (usize, usize),
    leaves: (u32, u32),
    /// Which of the wanted leaves are among them.
    wanted: (usize, usize),
}

/// The kind of points of `category`.
pub(super) fn kind(category: Category) -> u8 {
    1 << (u8::from(category) - 1)
}

/// The square of the distance between two points, through the globe.
pub(super) fn squared(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    let [x, y, z] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    x * x + y * y + z * z
}

/// How many times so many points are halved.
fn halvings(points: usize) -> u32 {
    let mut halvings = 0;
    while points >> halvings > LEAF {
        halvings += 1;
    }
    halvings
}

/// Brings points into the order in which [`Tree::of`] wants them.
pub(super) fn sort(items: &mut [Item]) {
    halve(items, halvings(items.len()));
}

fn halve(items: &mut [Item], halvings: u32) {
    if halvings == 0 {
        return;
    }
    let mut widest = (0, f64::NEG_INFINITY);
    for axis in 0..3 {
        let (low, high) = items
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), item| {
                (low.min(item.at[axis]), high.max(item.at[axis]))
            });
        if high - low > widest.1 {
            widest = (axis, high - low);
        }
    }
    let middle = items.len() / 2;
    let axis = widest.0;
    items.select_nth_unstable_by(middle, |a, b| a.at[axis].total_cmp(&b.at[axis]));
    let (left, right) = items.split_at_mut(middle);
    halve(left, halvings - 1);
    halve(right, halvings - 1);
}

impl Default for Tree {
    fn default() -> Self {
        Self::of(&[])
    }
}

impl Tree {
    /// A tree of these points: answers are right in any order, and fast in that of [`sort`].
    pub(super) fn of(items: &[Item]) -> Self {
        let leaves = 1_usize << halvings(items.len());
        let mut tree = Self {
            points: items.iter().map(|item| item.at).collect(),
            shops: items.iter().map(|item| item.shop).collect(),
            kinds: items.iter().map(|item| item.kind).collect(),
            nodes: vec![Node::EMPTY; 2 * leaves - 1],
        };
        tree.frame(0, (0, items.len()));
        tree
    }

    fn frame(&mut self, node: usize, points: (usize, usize)) {
        let framed = if self.is_leaf(node) {
            let range = points.0..points.1;
            let kinds = self.kinds[range.clone()].iter();
            let points = self.points[range].iter();
            points
                .zip(kinds)
                .fold(Node::EMPTY, |node, (at, kind)| node.with(at, *kind))
        } else {
            let middle = middle(points);
            self.frame(2 * node + 1, (points.0, middle));
            self.frame(2 * node + 2, (middle, points.1));
            self.nodes[2 * node + 1].and(&self.nodes[2 * node + 2])
        };
        self.nodes[node] = framed;
    }

    fn is_leaf(&self, node: usize) -> bool {
        node >= self.nodes.len() / 2
    }

    /// How many leaves there are.
    pub(super) fn leaves(&self) -> u32 {
        u32::try_from(self.nodes.len() / 2 + 1).unwrap_or(u32::MAX)
    }

    /// Where in the order of points each leaf ends.
    pub(super) fn leaf_ends(&self) -> Vec<usize> {
        let mut ends = Vec::with_capacity(self.nodes.len() / 2 + 1);
        self.end_leaves(0, (0, self.points.len()), &mut ends);
        ends
    }

    fn end_leaves(&self, node: usize, points: (usize, usize), ends: &mut Vec<usize>) {
        if self.is_leaf(node) {
            ends.push(points.1);
        } else {
            let middle = middle(points);
            self.end_leaves(2 * node + 1, (points.0, middle), ends);
            self.end_leaves(2 * node + 2, (middle, points.1), ends);
        }
    }

    /// The points in their order, with their shops.
    pub(super) fn points(&self) -> impl Iterator<Item = (&[f64; 3], u32)> {
        self.points.iter().zip(self.shops.iter().copied())
    }

    /// Calls `visit` for the points of these `kinds` around `from`, roughly nearest first, with the
    /// square of their distance, their shop and their kind; `visit` answers beyond which square
    /// nothing is wanted any more, which is `furthest_2` in the beginning. With a list of leaves,
    /// ascending, for points in those only.
    pub(super) fn around(
        &self,
        from: &[f64; 3],
        kinds: u8,
        leaves: Option<&[u32]>,
        furthest_2: f64,
        mut visit: impl FnMut(f64, u32, u8) -> f64,
    ) {
        let mut furthest_2 = furthest_2;
        let root = Part {
            node: 0,
            distance_2: self.nodes[0].squared(from),
            points: (0, self.points.len()),
            leaves: (0, self.leaves()),
            wanted: (0, leaves.map_or(0, <[u32]>::len)),
        };
        let mut waiting = Vec::with_capacity(64);
        waiting.extend(self.worth(root, kinds, leaves));
        while let Some(mut part) = waiting.pop() {
            if part.distance_2 > furthest_2 {
                continue;
            }
            while !self.is_leaf(part.node) {
                let [left, right] = self
                    .halves(&part, from, leaves)
                    .map(|half| self.worth(half, kinds, leaves));
                let (near, far) = match (left, right) {
                    (Some(left), Some(right)) if right.distance_2 < left.distance_2 => {
                        (Some(right), Some(left))
                    }
                    (None, right) => (right, None),
                    other => other,
                };
                waiting.extend(far.filter(|far| far.distance_2 <= furthest_2));
                match near.filter(|near| near.distance_2 <= furthest_2) {
                    Some(near) => part = near,
                    None => break,
                }
            }
            if self.is_leaf(part.node) {
                for at in part.points.0..part.points.1 {
                    let distance_2 = squared(&self.points[at], from);
                    if distance_2 <= furthest_2 && self.kinds[at] & kinds != 0 {
                        furthest_2 = visit(distance_2, self.shops[at], self.kinds[at]);
                    }
                }
            }
        }
    }

    fn worth(&self, part: Part, kinds: u8, leaves: Option<&[u32]>) -> Option<Part> {
        let wanted = leaves.is_none() || part.wanted.0 < part.wanted.1;
        (wanted && self.nodes[part.node].kinds & kinds != 0).then_some(part)
    }

    fn halves(&self, part: &Part, from: &[f64; 3], leaves: Option<&[u32]>) -> [Part; 2] {
        let points = middle(part.points);
        let leaf = part.leaves.0 + (part.leaves.1 - part.leaves.0) / 2;
        let wanted = leaves.map_or(0, |leaves| {
            let among = &leaves[part.wanted.0..part.wanted.1];
            part.wanted.0 + among.partition_point(|wanted| *wanted < leaf)
        });
        let half = |node: usize, points, leaves, wanted| Part {
            node,
            distance_2: self.nodes[node].squared(from),
            points,
            leaves,
            wanted,
        };
        [
            half(
                2 * part.node + 1,
                (part.points.0, points),
                (part.leaves.0, leaf),
                (part.wanted.0, wanted),
            ),
            half(
                2 * part.node + 2,
                (points, part.points.1),
                (leaf, part.leaves.1),
                (wanted, part.wanted.1),
            ),
        ]
    }
}

/// Where the second half of some points begins.
fn middle(points: (usize, usize)) -> usize {
    points.0 + (points.1 - points.0) / 2
}

impl Node {
    const EMPTY: Self = Self {
        low: [f32::INFINITY; 3],
        high: [f32::NEG_INFINITY; 3],
        kinds: 0,
    };

    fn with(mut self, at: &[f64; 3], kind: u8) -> Self {
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

    fn and(&self, other: &Self) -> Self {
        let mut both = *self;
        for axis in 0..3 {
            both.low[axis] = both.low[axis].min(other.low[axis]);
            both.high[axis] = both.high[axis].max(other.high[axis]);
        }
        both.kinds |= other.kinds;
        both
    }

    /// The square of the distance to the box. Rounded as [`squared`] rounds, so never more than
    /// that of a point inside.
    fn squared(&self, from: &[f64; 3]) -> f64 {
        let apart = |axis: usize| {
            let (low, high) = (f64::from(self.low[axis]), f64::from(self.high[axis]));
            (low - from[axis]).max(from[axis] - high).max(0.0)
        };
        let [x, y, z] = [apart(0), apart(1), apart(2)];
        x * x + y * y + z * z
    }
}
