//! A packed tree over points on the unit sphere, which never changes: leaves of some 24 points, and
//! for everything above them a box and the categories inside.
//!
//! Halves are so told apart that a node's place says which points are under it; nothing points
//! anywhere. Whose the points are is not known here, nor what they are called, but for a signature.

mod node;

use domain::shop::Category;
use node::Node;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// How many points a leaf has at most, or one more.
const LEAF: usize = 32;

/// The last halvings are by kind and not by place: a leaf has points of one category, or two. Who
/// looks for one reads few leaves; who looks for any reads a few more that lie side by side.
const BY_KIND: u32 = 2;

/// So many points are gathered from leaves before they are fetched: together, since they lie anywhere
/// in memory and many are there in hardly more time than one.
const GATHERED: usize = 16;

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
    /// What the name of each point's shop may contain: most can be passed over without being looked
    /// at.
    signatures: Vec<u64>,
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

/// What points must be like.
#[derive(Clone, Copy)]
pub(super) struct Sought<'a> {
    pub(super) kinds: u8,
    /// Bits that must be in the signature.
    pub(super) signature: u64,
    /// If there is a list, ascending, they must be in one of these leaves.
    pub(super) leaves: Option<&'a [u32]>,
}

/// A node and what is under it. The nearest is the greatest.
#[derive(Clone, Copy)]
struct Part {
    distance_2: f64,
    node: usize,
    points: (usize, usize),
    leaves: (u32, u32),
    /// Which of the wanted leaves are among them.
    wanted: (u32, u32),
}

impl Ord for Part {
    fn cmp(&self, other: &Self) -> Ordering {
        other.distance_2.total_cmp(&self.distance_2)
    }
}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Part {}

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
        items.sort_unstable_by_key(|item| item.kind);
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
            nodes: vec![Node::EMPTY; (2 << halvings(count)) - 1],
        };
        for item in items.take(count) {
            tree.points.push(item.at);
            tree.shops.push(item.shop);
            tree.kinds.push(item.kind);
        }
        tree.frame(0, (0, tree.points.len()));
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

    /// Calls `visit` for the points around `from` that are as they are `sought`, roughly nearest
    /// first, with the square of their distance, their shop and their kind; `visit` answers beyond
    /// which square nothing is wanted any more, which is `furthest_2` in the beginning.
    pub(super) fn around(
        &self,
        from: &[f64; 3],
        sought: Sought<'_>,
        furthest_2: f64,
        mut visit: impl FnMut(f64, u32, u8) -> f64,
    ) {
        let mut furthest_2 = furthest_2;
        let mut gathered = Vec::with_capacity(2 * LEAF);
        let mut waiting = BinaryHeap::with_capacity(64);
        waiting.extend(self.worth(self.root(from, sought), sought));
        while let Some(mut part) = waiting.pop() {
            if part.distance_2 > furthest_2 {
                break;
            }
            while !self.is_leaf(part.node) {
                let [left, right] = self
                    .halves(&part, from, sought.leaves)
                    .map(|half| self.worth(half, sought));
                // The nearer one comes at once: it is seldom further than all that wait.
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
                self.gather(part.points, sought, &mut gathered);
                if gathered.len() >= GATHERED {
                    furthest_2 = self.look(&mut gathered, from, furthest_2, &mut visit);
                }
            }
        }
        self.look(&mut gathered, from, furthest_2, &mut visit);
    }

    /// Calls `visit` for the points within `furthest_2` of `from`, in no order; otherwise as
    /// [`Self::around`].
    pub(super) fn within(
        &self,
        from: &[f64; 3],
        furthest_2: f64,
        mut visit: impl FnMut(f64, u32, u8),
    ) {
        let sought = Sought::ANY;
        let mut visit = |distance_2, shop, kind| {
            visit(distance_2, shop, kind);
            furthest_2
        };
        let mut gathered = Vec::with_capacity(2 * LEAF);
        let mut waiting = vec![self.root(from, sought)];
        while let Some(part) = waiting.pop() {
            if part.distance_2 > furthest_2 {
                continue;
            }
            if self.is_leaf(part.node) {
                self.gather(part.points, sought, &mut gathered);
                self.look(&mut gathered, from, furthest_2, &mut visit);
            } else {
                waiting.extend(self.halves(&part, from, None));
            }
        }
    }

    /// Adds the points of a leaf that are as they are `sought`.
    fn gather(&self, points: (usize, usize), sought: Sought<'_>, gathered: &mut Vec<usize>) {
        let (points, kinds) = (points.0..points.1, &self.kinds[points.0..points.1]);
        if sought.signature == 0 {
            // Where any signature will do, none is fetched.
            let admitted = points
                .zip(kinds)
                .filter(|(_, kind)| sought.admits(**kind, 0));
            gathered.extend(admitted.map(|(at, _)| at));
        } else {
            let signed = kinds.iter().zip(&self.signatures[points.clone()]);
            let admitted = points.zip(signed);
            let admitted =
                admitted.filter(|(_, (kind, signature))| sought.admits(**kind, **signature));
            gathered.extend(admitted.map(|(at, _)| at));
        }
    }

    /// Calls `visit` for the gathered points and lets go of them; says what it answered last.
    fn look(
        &self,
        gathered: &mut Vec<usize>,
        from: &[f64; 3],
        furthest_2: f64,
        visit: &mut impl FnMut(f64, u32, u8) -> f64,
    ) -> f64 {
        let mut furthest_2 = furthest_2;
        for at in gathered.drain(..) {
            let distance_2 = squared(&self.points[at], from);
            if distance_2 <= furthest_2 {
                furthest_2 = visit(distance_2, self.shops[at], self.kinds[at]);
            }
        }
        furthest_2
    }

    fn root(&self, from: &[f64; 3], sought: Sought<'_>) -> Part {
        Part {
            distance_2: self.nodes[0].squared(from),
            node: 0,
            points: (0, self.points.len()),
            leaves: (0, self.leaves()),
            wanted: (0, sought.leaves.map_or(0, |leaves| leaves.len() as u32)),
        }
    }

    fn worth(&self, part: Part, sought: Sought<'_>) -> Option<Part> {
        let wanted = sought.leaves.is_none() || part.wanted.0 < part.wanted.1;
        (wanted && self.nodes[part.node].kinds & sought.kinds != 0).then_some(part)
    }

    fn halves(&self, part: &Part, from: &[f64; 3], leaves: Option<&[u32]>) -> [Part; 2] {
        let points = middle(part.points);
        let leaf = part.leaves.0 + (part.leaves.1 - part.leaves.0) / 2;
        let wanted = leaves.map_or(0, |leaves| {
            let among = &leaves[part.wanted.0 as usize..part.wanted.1 as usize];
            part.wanted.0 + among.partition_point(|wanted| *wanted < leaf) as u32
        });
        let half = |node: usize, points, leaves, wanted| Part {
            distance_2: self.nodes[node].squared(from),
            node,
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

impl Sought<'_> {
    /// No point is passed over.
    pub(super) const ANY: Self = Self {
        kinds: ALL,
        signature: 0,
        leaves: None,
    };

    /// Whether a point of this kind, whose shop's name has this signature, may be it.
    pub(super) fn admits(&self, kind: u8, signature: u64) -> bool {
        self.kinds & kind != 0 && self.signature & !signature == 0
    }
}

/// Where the second half of some points begins.
fn middle(points: (usize, usize)) -> usize {
    points.0 + (points.1 - points.0) / 2
}
