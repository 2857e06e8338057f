//! Who is where now.
//!
//! There is no clock here: "now" and how long a visit lasts are the caller's. Check-ins made while
//! hiding from everyone are not here at all; they stand only in the trace.

use crate::memory::{MemoryProjection, Poison};
use domain::user::{Gender, Invisible};
use domain::{CheckinId, Event, EventKind, Millis, ShopId, UserId};
use eventlog::RecordedEvent;
use foldhash::fast::RandomState;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

/// How many people are in a shop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crowd {
    /// Different people, whatever their gender.
    pub users: u32,
    /// Those who say that they are men.
    pub male: u32,
    /// Those who say that they are women.
    pub female: u32,
}

/// A person in a shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Who.
    pub user_id: UserId,
    /// Since when.
    pub at: Millis,
    /// From whom the person hides now; never [`Invisible::ToEveryone`].
    pub invisible: Invisible,
}

/// Everybody's check-ins that were neither deleted nor hidden.
///
/// The latest check-in of a person is the last one in the log, whatever the clocks said.
#[derive(Debug, Default)]
pub struct Occupancy {
    /// By number, in the order in which they were first seen.
    people: Vec<Person>,
    /// The number of each person.
    numbers: HashMap<[u8; 12], u32, RandomState>,
    /// Where each person was last: shop, time, number; so that the people of one shop lie side by
    /// side by time, and a walk stops where the window does.
    latest: BTreeSet<(u64, i64, u32)>,
    /// How many people were last in each shop, and none for most: that nobody is there is known
    /// sooner by this.
    last_in: HashMap<u64, u32, RandomState>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Person {
    id: [u8; 12],
    gender: Gender,
    invisible: Invisible,
    banned: bool,
    /// In the order of the log.
    visits: Vec<Visit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Visit {
    id: [u8; 12],
    shop: u64,
    at: i64,
}

impl Occupancy {
    /// How many people are in `shop`: those whose latest check-in is there and not older than
    /// `window_ms`, without those who hide from everyone now or are banned.
    #[must_use]
    pub fn crowd(&self, shop: ShopId, now: Millis, window_ms: i64) -> Crowd {
        let mut crowd = Crowd::default();
        for (_, person) in self.seen_in(shop, now, window_ms) {
            crowd.users += 1;
            match person.gender {
                Gender::Unset => {}
                Gender::Male => crowd.male += 1,
                Gender::Female => crowd.female += 1,
            }
        }
        crowd
    }

    /// The people whom [`Self::crowd`] counts: who came last stands first, ties in the order of
    /// the ids.
    #[must_use]
    pub fn present(&self, shop: ShopId, now: Millis, window_ms: i64) -> Vec<Presence> {
        let mut present: Vec<Presence> = self
            .seen_in(shop, now, window_ms)
            .map(|(at, person)| Presence {
                user_id: UserId::from_bytes(person.id),
                at,
                invisible: person.invisible,
            })
            .collect();
        present.sort_by(|a, b| b.at.cmp(&a.at).then(a.user_id.cmp(&b.user_id)));
        present
    }

    /// The people who checked in last anywhere, not longer ago than `window_ms`, most recent first,
    /// ties in the order of the ids; at most `limit`. Walks over everybody who ever checked in.
    #[must_use]
    pub fn recent(&self, now: Millis, window_ms: i64, limit: usize) -> Vec<Presence> {
        let oldest = now.0.saturating_sub(window_ms);
        let mut recent: Vec<Presence> = self
            .people
            .iter()
            .filter(|person| person.invisible != Invisible::ToEveryone && !person.banned)
            .filter_map(|person| Some((person, person.visits.last()?)))
            .filter(|(_, visit)| visit.at >= oldest)
            .map(|(person, visit)| Presence {
                user_id: UserId::from_bytes(person.id),
                at: Millis(visit.at),
                invisible: person.invisible,
            })
            .collect();
        let order = |a: &Presence, b: &Presence| b.at.cmp(&a.at).then(a.user_id.cmp(&b.user_id));
        if recent.len() > limit && limit > 0 {
            recent.select_nth_unstable_by(limit - 1, order);
        }
        recent.truncate(limit);
        recent.sort_by(order);
        recent
    }

    /// Where and when `user` checked in last, however long ago.
    #[must_use]
    pub fn last_seen(&self, user: UserId) -> Option<(ShopId, Millis)> {
        let visit = self.person(user)?.visits.last()?;
        Some((ShopId::new(visit.shop).ok()?, Millis(visit.at)))
    }

    /// From whom `user` hides.
    #[must_use]
    pub fn invisible(&self, user: UserId) -> Invisible {
        self.person(user)
            .map_or_else(Invisible::default, |person| person.invisible)
    }

    /// Whether an operator has shut `user` out.
    #[must_use]
    pub fn banned(&self, user: UserId) -> bool {
        self.person(user).is_some_and(|person| person.banned)
    }

    /// The gender that `user` gave.
    #[must_use]
    pub fn gender(&self, user: UserId) -> Gender {
        self.person(user)
            .map_or_else(Gender::default, |person| person.gender)
    }

    fn seen_in(
        &self,
        shop: ShopId,
        now: Millis,
        window_ms: i64,
    ) -> impl Iterator<Item = (Millis, &Person)> {
        let oldest = now.0.saturating_sub(window_ms);
        let shop = shop.get();
        let anybody = self.last_in.contains_key(&shop).then_some(&self.latest);
        let range = (shop, oldest, 0)..=(shop, i64::MAX, u32::MAX);
        let latest = anybody.into_iter();
        latest
            .flat_map(move |latest| latest.range(range.clone()))
            .map(|&(_, at, number)| (Millis(at), &self.people[number as usize]))
            .filter(|(_, person)| person.invisible != Invisible::ToEveryone && !person.banned)
    }

    fn person(&self, user: UserId) -> Option<&Person> {
        let number = self.numbers.get(&user.to_bytes())?;
        self.people.get(*number as usize)
    }

    /// The number of `user`, who is entered if need be.
    fn number(&mut self, user: UserId) -> Result<u32, Poison> {
        let id = user.to_bytes();
        if let Some(number) = self.numbers.get(&id) {
            return Ok(*number);
        }
        let number = u32::try_from(self.people.len())
            .map_err(|_| Poison("more people than can be numbered".into()))?;
        self.people.push(Person {
            id,
            gender: Gender::default(),
            invisible: Invisible::default(),
            banned: false,
            visits: Vec::new(),
        });
        self.numbers.insert(id, number);
        Ok(number)
    }

    fn change(&mut self, user: UserId, change: impl FnOnce(&mut Person)) -> Result<(), Poison> {
        let number = self.number(user)?;
        change(&mut self.people[number as usize]);
        Ok(())
    }

    /// Changes the check-ins of a person, and with them where the person was last.
    fn change_visits(&mut self, number: u32, change: impl FnOnce(&mut Vec<Visit>)) {
        let visits = &mut self.people[number as usize].visits;
        let before = visits.last().copied();
        change(visits);
        let after = visits.last().copied();
        if let Some(visit) = before {
            self.latest.remove(&(visit.shop, visit.at, number));
            if let Entry::Occupied(mut people) = self.last_in.entry(visit.shop) {
                *people.get_mut() -= 1;
                if *people.get() == 0 {
                    people.remove();
                }
            }
        }
        if let Some(visit) = after {
            self.was_last_in(visit, number);
        }
    }

    fn was_last_in(&mut self, visit: Visit, number: u32) {
        self.latest.insert((visit.shop, visit.at, number));
        *self.last_in.entry(visit.shop).or_default() += 1;
    }

    fn check_in(&mut self, user: UserId, visit: Visit) -> Result<(), Poison> {
        let number = self.number(user)?;
        self.change_visits(number, |visits| {
            if visits.len() == visits.capacity() {
                // Most people have few check-ins: doubling would waste half of the memory.
                visits.reserve_exact(visits.len() / 4 + 1);
            }
            visits.push(visit);
        });
        Ok(())
    }

    /// A check-in that is not here was hidden, or is gone already.
    fn take_back(&mut self, user: UserId, checkin: CheckinId) {
        let id = checkin.to_bytes();
        let Some(&number) = self.numbers.get(&user.to_bytes()) else {
            return;
        };
        // From the end: what is taken back was mostly done just before.
        let visits = &self.people[number as usize].visits;
        let Some(at) = visits.iter().rposition(|visit| visit.id == id) else {
            return;
        };
        self.change_visits(number, |visits| {
            visits.remove(at);
        });
    }
}

impl MemoryProjection for Occupancy {
    const NAME: &'static str = "occupancy";
    const VERSION: u32 = 2;
    const KINDS: &'static [EventKind] = &[
        EventKind::UserRegistered,
        EventKind::ProfileChanged,
        EventKind::VisibilityChanged,
        EventKind::UserBanned,
        EventKind::UserUnbanned,
        EventKind::CheckedIn,
        EventKind::CheckinDeleted,
    ];

    fn apply(&mut self, event: &RecordedEvent) -> Result<(), Poison> {
        match &event.event {
            Event::UserRegistered(registered) => self.change(registered.user_id, |person| {
                person.gender = registered.gender;
            }),
            Event::ProfileChanged(changed) => match changed.changes.gender {
                Some(gender) => self.change(changed.user_id, |person| person.gender = gender),
                None => Ok(()),
            },
            Event::VisibilityChanged(changed) => self.change(changed.user_id, |person| {
                person.invisible = changed.invisible;
            }),
            Event::UserBanned(banned) => self.change(banned.user_id, |person| person.banned = true),
            Event::UserUnbanned(unbanned) => {
                self.change(unbanned.user_id, |person| person.banned = false)
            }
            Event::CheckedIn(made) if !made.hidden => self.check_in(
                made.user_id,
                Visit {
                    id: made.checkin_id.to_bytes(),
                    shop: made.shop_id.get(),
                    at: event.time.0,
                },
            ),
            Event::CheckinDeleted(deleted) => {
                self.take_back(deleted.user_id, deleted.checkin_id);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// A snapshot holds the people only: everything else follows from them.
impl Serialize for Occupancy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.people.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Occupancy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let people = Vec::<Person>::deserialize(deserializer)?;
        let mut occupancy = Self::default();
        for (number, person) in (0..).zip(&people) {
            if occupancy.numbers.insert(person.id, number).is_some() {
                return Err(D::Error::custom("a person stands there twice"));
            }
            if let Some(visit) = person.visits.last() {
                occupancy.was_last_in(*visit, number);
            }
        }
        occupancy.people = people;
        Ok(occupancy)
    }
}

#[cfg(test)]
mod tests;
