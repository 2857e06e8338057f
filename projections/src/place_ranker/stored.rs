//! The snapshot of the place ranker: what was learnt, without what follows from the rest.

use super::hours::Hours;
use super::popular::Popular;
use super::scores::Scores;
use super::spot::Spot;
use super::visit::Visit;
use super::wifi::Wifi;
use super::{Place, PlaceRanker, Shop};
use jiff::tz::TimeZone;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::marker::PhantomData;

/// A time zone that can be written down.
#[derive(Clone, Debug)]
pub(super) struct Zone(pub(super) TimeZone);

/// In a snapshot, without what follows from the rest.
#[derive(Serialize, Deserialize)]
struct Stored<Shops, Further, Places, People, H, W, S> {
    zone: Zone,
    shops: Shops,
    further: Further,
    places: Places,
    people: People,
    visits: f64,
    hours: H,
    wifi: W,
    scores: S,
}

/// A map that is read as a whole: entered one by one in their order, a million entries would lie in
/// nodes that are half empty.
struct Full<V>(BTreeMap<u64, V>);

impl Serialize for PlaceRanker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Stored {
            zone: self.zone.clone(),
            shops: &self.shops,
            further: &self.further,
            places: &self.places,
            people: &self.people,
            visits: self.visits,
            hours: &self.hours,
            wifi: &self.wifi,
            scores: &self.scores,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PlaceRanker {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        type Owned = Stored<
            Full<Option<Shop>>,
            BTreeMap<u64, Vec<Spot>>,
            Vec<Place>,
            BTreeMap<[u8; 12], Vec<Visit>>,
            Hours,
            Wifi,
            Scores,
        >;
        let stored = Owned::deserialize(deserializer)?;
        let numbers: HashMap<u64, u32, _> = (0..)
            .zip(&stored.places)
            .map(|(number, place)| (place.id, number))
            .collect();
        if numbers.len() != stored.places.len() {
            return Err(D::Error::custom("a place stands there twice"));
        }
        let visits = stored.people.values().flatten();
        if visits.map(|visit| visit.place as usize).max() >= Some(stored.places.len()) {
            return Err(D::Error::custom("a visit to a place that is not there"));
        }
        let mut ranker = Self {
            popular: Popular::default(),
            zone: stored.zone,
            shops: stored.shops.0,
            further: stored.further,
            places: stored.places,
            numbers,
            people: stored.people,
            visits: stored.visits,
            hours: stored.hours,
            wifi: stored.wifi,
            scores: stored.scores,
        };
        for number in 0..ranker.places.len() {
            let visits = ranker.places[number].visits;
            ranker.change_popular(number as u32, [0.0, visits]);
        }
        Ok(ranker)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Full<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = Full<V>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Full<V>, A::Error> {
                let entries = std::iter::from_fn(|| map.next_entry().transpose());
                entries.collect::<Result<_, _>>().map(Full)
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

/// By its IANA name; one without a name cannot be read back, and its snapshots are made anew.
impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.iana_name().unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        TimeZone::get(&name).map(Self).map_err(D::Error::custom)
    }
}
