//! The most probable of the places that were weighed, as many as are wanted.

use domain::ShopId;
use std::cmp::Ordering;

/// A place that was weighed. Small: most are not worth more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighed {
    /// Of its shop.
    pub(super) id: ShopId,
    /// If anybody ever checked in there.
    pub(super) number: Option<u32>,
    /// Which of the shops that the index was asked for, if it is one of them.
    pub(super) listed: Option<u32>,
    pub(super) distance_m: f64,
    pub(super) merit: f64,
}

/// See the module. Places come in any order, none twice.
pub(super) struct Best {
    wanted: usize,
    floor: f64,
    places: Vec<Weighed>,
}

impl Best {
    /// So many are wanted.
    pub(super) fn new(wanted: usize) -> Self {
        Self {
            wanted,
            floor: 0.0,
            places: Vec::with_capacity(2 * wanted.min(128)),
        }
    }

    /// What has less merit is not wanted any more; none is negative.
    pub(super) fn floor(&self) -> f64 {
        self.floor
    }

    pub(super) fn add(&mut self, place: Weighed) {
        if place.merit < self.floor || self.wanted == 0 {
            return;
        }
        self.places.push(place);
        // Not after each: looking through all of them takes as long as weighing as many.
        if self.places.len() >= self.wanted.saturating_mul(2) {
            self.settle();
        }
    }

    /// Lets go of what is not wanted any more, and so finds the floor.
    pub(super) fn settle(&mut self) {
        // None has come since the floor was found.
        let as_before = self.places.len() == self.wanted && self.floor > 0.0;
        if let Some(last) = self.wanted.checked_sub(1)
            && last < self.places.len()
            && !as_before
        {
            let (_, last, _) = self.places.select_nth_unstable_by(last, order);
            self.floor = last.merit;
            self.places.truncate(self.wanted);
        }
    }

    /// The most probable first, ties by distance and then by id.
    pub(super) fn in_order(mut self) -> Vec<Weighed> {
        self.settle();
        self.places.sort_unstable_by(order);
        self.places
    }
}

fn order(a: &Weighed, b: &Weighed) -> Ordering {
    b.merit
        .total_cmp(&a.merit)
        .then(a.distance_m.total_cmp(&b.distance_m))
        .then(a.id.cmp(&b.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ids of the best two of places with these distances and merits.
    fn best_of(places: &[(f64, f64)]) -> (Vec<u64>, f64) {
        let mut best = Best::new(2);
        for (id, (distance_m, merit)) in (1..).zip(places) {
            best.add(Weighed {
                id: ShopId::new(id).expect("an id"),
                number: None,
                listed: None,
                distance_m: *distance_m,
                merit: *merit,
            });
        }
        best.settle();
        let floor = best.floor();
        (
            best.in_order().iter().map(|place| place.id.get()).collect(),
            floor,
        )
    }

    #[test]
    fn those_of_most_merit_are_kept() {
        let places = [
            (1.0, 5.0),
            (1.0, 1.0),
            (1.0, 9.0),
            (1.0, 2.0),
            (1.0, 7.0),
            (1.0, 3.0),
        ];
        assert_eq!(best_of(&places), (vec![3, 5], 7.0));
    }

    #[test]
    fn ties_go_by_distance_and_then_by_id() {
        let places = [(3.0, 5.0), (2.0, 5.0), (2.0, 5.0), (1.0, 5.0), (2.0, 5.0)];
        assert_eq!(best_of(&places), (vec![4, 2], 5.0));
    }

    #[test]
    fn before_there_are_enough_everything_is_wanted() {
        assert_eq!(best_of(&[(1.0, 5.0)]), (vec![1], 0.0));
    }
}
