//! Who is where now.
//!
//! There is no clock here: "now" and how long a visit lasts are the caller's. Check-ins made while
//! hiding from everyone are not here at all; they stand only in the trace.

mod last;

use crate::memory::{MemoryProjection, Poison};
use domain::user::{Gender, Invisible};
use domain::{CheckinId, Event, EventKind, Millis, ShopId, UserId};
use eventlog::RecordedEvent;
use foldhash::fast::RandomState;
use last::{LastIn, Seen};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;

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
    last_in: LastIn,
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

impl Crowd {
    fn of<'a>(seen: impl Iterator<Item = &'a Seen>) -> Self {
        let mut crowd = Self::default();
        for seen in seen {
            crowd.users += 1;
            match seen.gender {
                Gender::Unset => {}
                Gender::Male => crowd.male += 1,
                Gender::Female => crowd.female += 1,
            }
        }
        crowd
    }
}

/// Those of the people who were last in a shop who are there still, the latest first.
fn there(seen: &[Seen], oldest: i64) -> impl Iterator<Item = &Seen> {
    let latest = seen.iter().rev().take_while(move |seen| seen.at >= oldest);
    latest.filter(|seen| seen.counts)
}

impl Occupancy {
    /// How many people are in each of `shops`: those whose latest check-in is there and not older
    /// than `window_ms`, without those who hide from everyone now or are banned.
    #[must_use]
    pub fn crowds(
        &self,
        shops: impl Iterator<Item = ShopId>,
        now: Millis,
        window_ms: i64,
    ) -> Vec<Crowd> {
        let lists = self.last_in.of_each(shops.map(ShopId::get)).into_iter();
        let oldest = now.0.saturating_sub(window_ms);
        lists.map(|seen| Crowd::of(there(seen, oldest))).collect()
    }

    /// The people whom [`Self::crowds`] counts: who came last stands first, ties in the order of
    /// the ids.
    #[must_use]
    pub fn present(&self, shop: ShopId, now: Millis, window_ms: i64) -> Vec<Presence> {
        let oldest = now.0.saturating_sub(window_ms);
        let mut present: Vec<Presence> = there(self.last_in.of(shop.get()), oldest)
            .map(|seen| (seen.at, &self.people[seen.number as usize]))
            .map(|(at, person)| Presence {
                user_id: UserId::from_bytes(person.id),
                at: Millis(at),
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

    /// Changes a person, and with them what is known of them where they were last.
    fn change(&mut self, user: UserId, change: impl FnOnce(&mut Person)) -> Result<(), Poison> {
        let number = self.number(user)?;
        let person = &mut self.people[number as usize];
        if let Some(visit) = person.visits.last() {
            self.last_in.remove(visit.shop, visit.at, number);
        }
        change(person);
        self.was_last_in(number);
        Ok(())
    }

    fn was_last_in(&mut self, number: u32) {
        let person = &self.people[number as usize];
        if let Some(visit) = person.visits.last() {
            let seen = Seen {
                at: visit.at,
                number,
                gender: person.gender,
                counts: person.invisible != Invisible::ToEveryone && !person.banned,
            };
            self.last_in.insert(visit.shop, seen);
        }
    }

    fn check_in(&mut self, user: UserId, visit: Visit) -> Result<(), Poison> {
        self.change(user, |Person { visits, .. }| {
            if visits.len() == visits.capacity() {
                // Most people have few check-ins: doubling would waste half of the memory.
                visits.reserve_exact(visits.len() / 4 + 1);
            }
            visits.push(visit);
        })
    }

    /// A check-in that is not here was hidden, or is gone already.
    fn take_back(&mut self, user: UserId, checkin: CheckinId) -> Result<(), Poison> {
        let id = checkin.to_bytes();
        let visits = self.person(user).map_or(&[][..], |person| &person.visits);
        // From the end: what is taken back was mostly done just before.
        let Some(at) = visits.iter().rposition(|visit| visit.id == id) else {
            return Ok(());
        };
        self.change(user, |Person { visits, .. }| {
            visits.remove(at);
        })
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
            Event::CheckinDeleted(deleted) => self.take_back(deleted.user_id, deleted.checkin_id),
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
        }
        let last = |number: &u32| people[*number as usize].visits.last().map(|visit| visit.at);
        let mut numbers: Vec<u32> = occupancy.numbers.values().copied().collect();
        // Whoever came last then goes to the end of a list, with nobody to move.
        numbers.sort_unstable_by_key(|number| (last(number), *number));
        occupancy.people = people;
        for number in numbers {
            occupancy.was_last_in(number);
        }
        Ok(occupancy)
    }
}

#[cfg(test)]
mod tests;
