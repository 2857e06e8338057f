//! Which access point was seen from which place, and how often.
//!
//! Strangers can name access points that do not exist, so everything here is bounded: how many are
//! known at a place, at how many places each is known, and how many there are in all. What was seen
//! least gives way, so that inventions push out inventions first.

use super::bssid::Bssid;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// How many access points are known at one place.
const AT_A_PLACE: usize = 64;
/// At how many places one access point is known: more than a mall has neighbours, and a phone that
/// carries its own around stays small.
const PLACES: usize = 32;
/// How many pairs of either there are in all.
const ALL: usize = 1 << 20;
/// Among how many the least seen gives way when there are too many in all.
const LOOKED_AT: usize = 16;

/// The weight of the visits to each place with each access point.
///
/// What it takes: some 50 bytes a pair.
#[derive(Debug, PartialEq)]
pub(super) struct Wifi {
    seen: BTreeMap<(Bssid, u32), f64>,
    /// The same pairs by place.
    at_place: BTreeSet<(u32, Bssid)>,
    /// Behind which pair those are looked for that give way next.
    hand: (Bssid, u32),
    /// How many pairs there may be in all.
    all: usize,
}

impl Default for Wifi {
    fn default() -> Self {
        Self::holding(ALL)
    }
}

impl Wifi {
    fn holding(all: usize) -> Self {
        Self {
            seen: BTreeMap::new(),
            at_place: BTreeSet::new(),
            hand: (Bssid::FIRST, 0),
            all,
        }
    }

    /// The places where `bssid` was seen, with the weight of the visits.
    pub(super) fn places(&self, bssid: Bssid) -> impl Iterator<Item = (u32, f64)> {
        self.seen
            .range((bssid, 0)..=(bssid, u32::MAX))
            .map(|(&(_, place), &weight)| (place, weight))
    }

    /// Somebody was at `place` and named `bssid`.
    pub(super) fn add(&mut self, bssid: Bssid, place: u32, weight: f64) {
        if let Some(seen) = self.seen.get_mut(&(bssid, place)) {
            *seen += weight;
            return;
        }
        // Those that give way do so before the new one comes, which is not among them.
        let at_place = self.at_place.range((place, Bssid::FIRST)..);
        let at_place = at_place.take_while(|(other, _)| *other == place);
        let at_place: Vec<_> = at_place.map(|&(_, bssid)| (bssid, place)).collect();
        if at_place.len() >= AT_A_PLACE {
            self.least_gives_way(&at_place);
        }
        let of_bssid: Vec<_> = self
            .places(bssid)
            .map(|(place, _)| (bssid, place))
            .collect();
        if of_bssid.len() >= PLACES {
            self.least_gives_way(&of_bssid);
        }
        if self.seen.len() >= self.all {
            let next = self.next();
            self.least_gives_way(&next);
        }
        self.seen.insert((bssid, place), weight);
        self.at_place.insert((place, bssid));
    }

    /// A visit is taken back; it may have given way long ago.
    pub(super) fn remove(&mut self, bssid: Bssid, place: u32, weight: f64) {
        if let Some(seen) = self.seen.get_mut(&(bssid, place)) {
            *seen -= weight;
            if *seen <= 0.0 {
                self.forget((bssid, place));
            }
        }
    }

    /// The next few pairs behind the hand, which moves on to the last of them.
    fn next(&mut self) -> Vec<(Bssid, u32)> {
        let behind = (Bound::Excluded(self.hand), Bound::Unbounded);
        let behind = self.seen.range(behind).map(|(pair, _)| *pair);
        let again = self.seen.keys().copied();
        let next: Vec<_> = behind.chain(again).take(LOOKED_AT).collect();
        if let Some(last) = next.last() {
            self.hand = *last;
        }
        next
    }

    /// Of several, the one with the least weight; of the same weight, the first in order.
    fn least_gives_way(&mut self, pairs: &[(Bssid, u32)]) {
        let weight = |pair| self.seen.get(pair).copied().unwrap_or(0.0);
        let least = pairs
            .iter()
            .min_by(|a, b| weight(a).total_cmp(&weight(b)).then(a.cmp(b)));
        if let Some(&least) = least {
            self.forget(least);
        }
    }

    fn forget(&mut self, (bssid, place): (Bssid, u32)) {
        self.seen.remove(&(bssid, place));
        self.at_place.remove(&(place, bssid));
    }
}

/// A snapshot holds the pairs once.
impl Serialize for Wifi {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.seen, self.hand).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Wifi {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (seen, hand) = <(BTreeMap<(Bssid, u32), f64>, _)>::deserialize(deserializer)?;
        Ok(Self {
            at_place: seen.keys().map(|&(bssid, place)| (place, bssid)).collect(),
            seen,
            hand,
            ..Self::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bssid(number: usize) -> Bssid {
        Bssid::named(&format!("access point {number}")).expect("a name")
    }

    /// The places of an access point, with the weights.
    fn places(wifi: &Wifi, number: usize) -> Vec<(u32, f64)> {
        wifi.places(bssid(number)).collect()
    }

    #[test]
    fn what_was_seen_is_counted_and_can_be_taken_back() {
        let mut wifi = Wifi::default();
        wifi.add(bssid(1), 7, 1.0);
        wifi.add(bssid(1), 7, 2.0);
        wifi.add(bssid(1), 9, 1.0);
        wifi.add(bssid(2), 7, 1.0);
        assert_eq!(places(&wifi, 1), [(7, 3.0), (9, 1.0)]);
        wifi.remove(bssid(1), 7, 2.0);
        wifi.remove(bssid(1), 9, 1.0);
        wifi.remove(bssid(3), 9, 1.0);
        assert_eq!(places(&wifi, 1), [(7, 1.0)]);
        assert_eq!(wifi.at_place.len(), wifi.seen.len());
    }

    #[test]
    fn inventions_at_a_place_push_out_inventions_and_not_what_is_true() {
        let mut wifi = Wifi::default();
        wifi.add(bssid(0), 7, 1.0);
        wifi.add(bssid(0), 7, 1.0);
        for number in 1..1_000 {
            wifi.add(bssid(number), 7, 1.0);
        }
        assert_eq!(wifi.seen.len(), AT_A_PLACE);
        assert_eq!(places(&wifi, 0), [(7, 2.0)]);
        assert_eq!(places(&wifi, 999), [(7, 1.0)], "the newest is there");
    }

    #[test]
    fn an_access_point_that_is_everywhere_is_known_at_few_places() {
        let mut wifi = Wifi::default();
        for place in 0..1_000 {
            wifi.add(bssid(1), place, 1.0);
        }
        assert_eq!(places(&wifi, 1).len(), PLACES);
        assert_eq!(wifi.at_place.len(), PLACES);
    }

    #[test]
    fn there_are_never_more_than_can_be_held() {
        let mut wifi = Wifi::holding(100);
        for number in 0..50 {
            wifi.add(bssid(number), number as u32, 5.0);
        }
        for number in 50..5_000 {
            wifi.add(bssid(number), number as u32, 1.0);
        }
        assert_eq!(wifi.seen.len(), 100);
        assert_eq!(wifi.at_place.len(), 100);
        let left = (0..50).filter(|number| !places(&wifi, *number).is_empty());
        let left = left.count();
        assert!(
            left >= 40,
            "most of what was seen often stays: {left} of 50"
        );
        assert_eq!(places(&wifi, 4_999), [(4_999, 1.0)], "the newest is there");
    }
}
