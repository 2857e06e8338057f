//! A packed tree over points on the unit sphere, which never changes: leaves of some 24 points, and
//! for everything above them a box and the categories inside.
//!
//! Halves are so told apart that a node's place says which points are under it; nothing points
//! anywhere. Whose the points are is not known here, nor what they are called, but for a signature.

mod around;
mod node;

pub(super) use around::{Found, Sought};

use domain::shop::Category;
use node::Node;

/// How many points a leaf has at most, or one more.
const LEAF: usize = 32;

/// The last halvings are by kind and not by place: a leaf has points of one category, or two. Who
/// looks for one reads few leaves; who looks for any reads a few more that lie side by side.
const BY_KIND: u32 = 2;

/// The bit of a point's kind that says that its shop has others.
pub(super) const SEVERAL: u8 = 1 << 7;

/// The one that says that its shop's name is not plain; see [`super::names::is_plain`].
pub(super) const ODD: u8 = 1 << 6;

/// The kinds of points of all categories.
pub(super) const ALL: u8 = 0b11_1111;

/// See the module.
#[derive(Debug)]
pub(super) struct Tree {
    /// Leaf by leaf.
    points: Vec<[f64; 3]>,
    /// The shop of each point.
    shops: Vec<u32>,
    /// What each point is: one bit for its category, [`SEVERAL`] and [`ODD`].
    kinds: Vec<u8>,
    /// What the name of each point's shop may contain: most can be passed over without being looked
    /// at.
    signatures: Vec<u64>,
    /// In how many leaves each category is.
    leaves_with: [u32; Category::ALL.len()],
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
    if halvings <= BY_KIND {
        items.sort_unstable_by_key(|item| item.kind & !ODD);
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
        Self::of(0, std::iter::empty())
    }
}

impl Tree {
    /// A tree of `count` points: answers are right in any order, and fast in that of [`sort`]. By
    /// signatures nothing is found before [`Self::sign`].
    pub(super) fn of(count: usize, items: impl Iterator<Item = Item>) -> Self {
        let mut tree = Self {
            points: Vec::with_capacity(count),
            shops: Vec::with_capacity(count),
            kinds: Vec::with_capacity(count),
            signatures: vec![0; count],
            leaves_with: [0; Category::ALL.len()],
            nodes: vec![Node::EMPTY; (2 << halvings(count)) - 1],
        };
        for item in items.take(count) {
            tree.points.push(item.at);
            tree.shops.push(item.shop);
            tree.kinds.push(item.kind);
        }
        tree.frame(0, (0, tree.points.len()));
        let leaves = &tree.nodes[tree.nodes.len() / 2..];
        tree.leaves_with = Category::ALL.map(|category| {
            let with = leaves
                .iter()
                .filter(|leaf| leaf.kinds & kind(category) != 0);
            with.count() as u32
        });
        tree
    }

    /// Notes the signature of every shop.
    pub(super) fn sign(&mut self, signature_of: impl Fn(u32) -> u64) {
        for (signature, shop) in self.signatures.iter_mut().zip(&self.shops) {
            *signature = signature_of(*shop);
        }
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

    /// In how many leaves each category is, in the order of [`Category::ALL`].
    pub(super) fn leaves_with(&self) -> &[u32; Category::ALL.len()] {
        &self.leaves_with
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
}

/// Where the second half of some points begins.
fn middle(points: (usize, usize)) -> usize {
    points.0 + (points.1 - points.0) / 2
}
