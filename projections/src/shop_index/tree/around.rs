//! Looking through the tree for the points around a place.

use super::super::names::Places;
use super::{ALL, BY_KIND, LEAF, Tree, middle, squared};
use crate::ahead::fetch;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::{Range, RangeInclusive};

/// So many points are gathered from leaves before they are fetched together. The more are wanted the
/// more, but not more than this part of them: they may be further than those wanted.
const GATHERED: RangeInclusive<usize> = 16..=128;
const PART: usize = 8;

// There is a bit for each point of a leaf.
const _: () = assert!(LEAF < u64::BITS as usize);

/// What points must be like.
#[derive(Clone, Copy)]
pub(in super::super) struct Sought<'a> {
    pub(in super::super) kinds: u8,
    /// Bits that must be in the signature.
    pub(in super::super) signature: u64,
    /// If there is something to say about it, where they may be.
    pub(in super::super) places: Option<&'a Places>,
}

/// A point that is as it is sought.
#[derive(Clone, Copy)]
pub(in super::super) struct Found {
    pub(in super::super) distance_2: f64,
    /// Of which shop, by number.
    pub(in super::super) shop: u32,
    pub(in super::super) kind: u8,
}

/// A node and what is under it. The nearest is the greatest.
#[derive(Clone, Copy)]
struct Part {
    distance_2: f64,
    node: usize,
    points: (usize, usize),
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

impl Tree {
    /// Calls `visit` for the points around `from` that are as they are `sought`, roughly nearest
    /// first and some at a time; `visit` answers beyond which square nothing is wanted any more,
    /// which is `furthest_2` in the beginning. About how many are `wanted` is good to know.
    pub(in super::super) fn around(
        &self,
        from: &[f64; 3],
        sought: Sought<'_>,
        wanted: usize,
        furthest_2: f64,
        mut visit: impl FnMut(&[Found]) -> f64,
    ) {
        let mut furthest_2 = furthest_2;
        let together = (wanted / PART).clamp(*GATHERED.start(), *GATHERED.end());
        let mut gathered = Vec::with_capacity(together + (LEAF << BY_KIND));
        let mut found = Vec::with_capacity(gathered.capacity());
        let mut waiting = BinaryHeap::with_capacity(64);
        waiting.extend(self.worth(self.root(from), sought));
        while let Some(mut part) = waiting.pop() {
            if part.distance_2 > furthest_2 {
                break;
            }
            while !self.is_group(part.node) {
                let [left, right] = self
                    .halves(&part, from)
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
            if self.is_group(part.node) {
                if sought.is_anything() {
                    // They lie side by side: nothing is won by gathering them first.
                    let all = part.points.0..part.points.1;
                    self.find(all, from, furthest_2, &mut found);
                    furthest_2 = visit(&found);
                    continue;
                }
                self.gather_group(part.node, part.points, sought, &mut gathered);
                if gathered.len() >= together {
                    self.look(&mut gathered, from, furthest_2, &mut found);
                    furthest_2 = visit(&found);
                }
            }
        }
        self.look(&mut gathered, from, furthest_2, &mut found);
        visit(&found);
    }

    /// Calls `visit` for the points within `furthest_2` of `from`, in no order.
    pub(in super::super) fn within(
        &self,
        from: &[f64; 3],
        furthest_2: f64,
        mut visit: impl FnMut(Found),
    ) {
        let mut waiting = vec![self.root(from)];
        while let Some(part) = waiting.pop() {
            if part.distance_2 > furthest_2 {
                continue;
            }
            if !self.is_leaf(part.node) {
                waiting.extend(self.halves(&part, from));
                continue;
            }
            // Nearly all are found, one behind the other: nothing is won by fetching them together.
            for at in part.points.0..part.points.1 {
                let found = self.found(at, from);
                if found.distance_2 <= furthest_2 {
                    visit(found);
                }
            }
        }
    }

    /// Adds the points that are as they are `sought` from all leaves of a group.
    fn gather_group(
        &self,
        node: usize,
        points: (usize, usize),
        sought: Sought<'_>,
        gathered: &mut Vec<usize>,
    ) {
        if self.is_leaf(node) {
            self.gather(points, sought, gathered);
            return;
        }
        let middle = middle(points);
        let halves = [(points.0, middle), (middle, points.1)];
        for (node, points) in [2 * node + 1, 2 * node + 2].into_iter().zip(halves) {
            if self.is_worth(node, sought) {
                self.gather_group(node, points, sought, gathered);
            }
        }
    }

    /// Adds the points of a leaf that are as they are `sought`.
    fn gather(&self, points: (usize, usize), sought: Sought<'_>, gathered: &mut Vec<usize>) {
        // First a bit for each, and without branches, of which the processor would guess many wrong.
        let mut fitting = 0_u64;
        let range = points.0..points.1;
        let kinds = (0..u64::BITS).zip(&self.kinds[range.clone()]);
        if sought.signature == 0 {
            // Where any signature will do, none is fetched.
            for (bit, kind) in kinds {
                fitting |= u64::from(sought.admits(*kind, 0)) << bit;
            }
        } else {
            for ((bit, kind), signature) in kinds.zip(&self.signatures[range]) {
                fitting |= u64::from(sought.admits(*kind, *signature)) << bit;
            }
        }
        while fitting != 0 {
            gathered.push(points.0 + fitting.trailing_zeros() as usize);
            fitting &= fitting - 1;
        }
    }

    /// Lets go of the gathered points and finds those of them within `furthest_2`.
    fn look(
        &self,
        gathered: &mut Vec<usize>,
        from: &[f64; 3],
        furthest_2: f64,
        found: &mut Vec<Found>,
    ) {
        fetch(gathered.iter().map(|at| {
            let [x, _, _] = self.points[*at];
            x.to_bits() | u64::from(self.shops[*at])
        }));
        self.find(gathered.drain(..), from, furthest_2, found);
    }

    /// Finds those of some points that are within `furthest_2`.
    fn find(
        &self,
        points: impl ExactSizeIterator<Item = usize>,
        from: &[f64; 3],
        furthest_2: f64,
        found: &mut Vec<Found>,
    ) {
        // Without a branch, of which the processor would guess many wrong.
        found.resize(points.len(), Found::NOTHING);
        let mut count = 0;
        for at in points {
            found[count] = self.found(at, from);
            count += usize::from(found[count].distance_2 <= furthest_2);
        }
        found.truncate(count);
    }

    /// The point, seen from `from`.
    fn found(&self, at: usize, from: &[f64; 3]) -> Found {
        Found {
            distance_2: squared(&self.points[at], from),
            shop: self.shops[at],
            kind: self.kinds[at],
        }
    }

    /// Whether what is under a node is told apart by kind only, so that its leaves lie at the same
    /// place.
    fn is_group(&self, node: usize) -> bool {
        node >= self.nodes.len() >> (BY_KIND + 1)
    }

    fn root(&self, from: &[f64; 3]) -> Part {
        Part {
            distance_2: self.nodes[0].squared(from),
            node: 0,
            points: (0, self.points.len()),
        }
    }

    fn worth(&self, part: Part, sought: Sought<'_>) -> Option<Part> {
        self.is_worth(part.node, sought).then_some(part)
    }

    fn is_worth(&self, node: usize, sought: Sought<'_>) -> bool {
        let kinds = self.nodes[node].kinds & sought.kinds;
        let any = |places: &Places| places.any(self.leaves_of(node), kinds);
        kinds != 0 && sought.places.is_none_or(any)
    }

    /// The leaves under a node.
    fn leaves_of(&self, node: usize) -> Range<usize> {
        // Nodes at one depth have all leaves, each as many.
        let depth = (node + 1).ilog2();
        let each = self.nodes.len().ilog2() - depth;
        let before = node + 1 - (1 << depth);
        before << each..(before + 1) << each
    }

    fn halves(&self, part: &Part, from: &[f64; 3]) -> [Part; 2] {
        let middle = middle(part.points);
        let half = |node: usize, points| Part {
            distance_2: self.nodes[node].squared(from),
            node,
            points,
        };
        [
            half(2 * part.node + 1, (part.points.0, middle)),
            half(2 * part.node + 2, (middle, part.points.1)),
        ]
    }
}

impl Found {
    const NOTHING: Self = Self {
        distance_2: f64::INFINITY,
        shop: 0,
        kind: 0,
    };
}

impl Sought<'_> {
    /// Whether every point is as it is sought.
    fn is_anything(&self) -> bool {
        self.kinds == ALL && self.signature == 0 && self.places.is_none()
    }

    /// Whether a point of this kind, whose shop's name has this signature, may be it.
    pub(in super::super) fn admits(&self, kind: u8, signature: u64) -> bool {
        (self.kinds & kind != 0) & (self.signature & !signature == 0)
    }
}
