//! One room: who is in it, and what they are told.
//!
//! The nick of everybody is their id, so that nobody speaks under another's name; a person may be
//! in a room from several connections under the one nick.

use crate::session::Session;
use crate::xml::attribute;
use delivery::RecordedEvent;
use domain::{Party, Position, ShopId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) const MUC_USER: &str = "http://jabber.org/protocol/muc#user";

/// How many messages may come while a newcomer is being told what was said before.
const QUEUE: usize = 500;

/// A stanza without its addressee: what stands before `to`, and after it.
#[derive(Debug)]
pub(crate) struct Stanza {
    pub(super) head: String,
    pub(super) tail: String,
}

/// See the module.
pub(crate) struct Room {
    /// Its JID.
    jid: String,
    /// Up to how many people are told who comes and goes.
    presence_limit: usize,
    occupants: Mutex<Vec<Occupant>>,
}

/// One connection in a room.
struct Occupant {
    session: Arc<Session>,
    /// What it says of its presence, as the children of the stanza.
    presence: String,
    /// Others were told that it is there.
    announced: bool,
    gate: Gate,
}

/// Whether what is said passes to an occupant.
enum Gate {
    /// It waits until the history has been told.
    Waiting(Vec<(Position, Arc<Stanza>)>),
    /// What is behind this position does.
    Open(Position),
}

/// Why an occupant goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// By itself, or with its connection.
    Leaves,
    /// A moderator has had enough (XEP-0045 §8.2).
    Kicked,
    /// The room is no more.
    Destroyed,
}

impl Room {
    pub(crate) fn new(shop: ShopId, rooms: &str, presence_limit: usize) -> Self {
        Self {
            jid: format!("{shop}@{rooms}"),
            presence_limit,
            occupants: Mutex::default(),
        }
    }

    pub(crate) fn jid(&self) -> &str {
        &self.jid
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.occupants().is_empty()
    }

    /// Whether this connection is in the room.
    pub(crate) fn holds(&self, session: &Arc<Session>) -> bool {
        let occupants = self.occupants();
        occupants
            .iter()
            .any(|one| Arc::ptr_eq(&one.session, session))
    }

    /// The connections of `party` that are in the room.
    pub(crate) fn connections(&self, party: Party) -> Vec<Arc<Session>> {
        let occupants = self.occupants();
        let own = occupants.iter().filter(|one| one.session.party == party);
        own.map(|one| one.session.clone()).collect()
    }

    /// Lets a connection in, which hears nothing yet of what is said; everybody is told, and it is
    /// told who is there (XEP-0045 §7.1). `renamed` says that it asked for another nick.
    pub(crate) fn enter(
        &self,
        session: &Arc<Session>,
        presence: String,
        renamed: bool,
        is_staff: impl Fn(Party) -> bool,
    ) {
        let mut occupants = self.occupants();
        occupants.retain(|one| !Arc::ptr_eq(&one.session, session));
        let mut nicks: Vec<Party> = occupants.iter().map(|one| one.session.party).collect();
        nicks.sort_unstable();
        nicks.dedup();
        let is_new = !nicks.contains(&session.party);
        let announced = nicks.len() + usize::from(is_new) <= self.presence_limit;
        if announced {
            for nick in nicks.iter().filter(|nick| **nick != session.party) {
                if let Some(one) = occupants.iter().find(|one| one.session.party == *nick) {
                    let stanza = self.available(one, is_staff(*nick));
                    push(session, &stanza, "");
                }
            }
        }
        let newcomer = Occupant {
            session: session.clone(),
            presence,
            announced,
            gate: Gate::Waiting(Vec::new()),
        };
        let stanza = self.available(&newcomer, is_staff(session.party));
        if announced && is_new {
            for one in occupants.iter() {
                push(&one.session, &stanza, "");
            }
        }
        // XEP-0045 §7.2.2: the last of the presences is one's own.
        let codes = if renamed {
            "<status code='110'/><status code='210'/>"
        } else {
            "<status code='110'/>"
        };
        push(session, &stanza, codes);
        occupants.push(newcomer);
    }

    /// What was said before, told by `tell`, and then what has come since `position`.
    pub(crate) fn open(&self, session: &Arc<Session>, position: Position, tell: impl FnOnce()) {
        let mut occupants = self.occupants();
        let newcomer = occupants
            .iter_mut()
            .find(|one| Arc::ptr_eq(&one.session, session));
        let Some(newcomer) = newcomer else { return };
        tell();
        let gate = std::mem::replace(&mut newcomer.gate, Gate::Open(position));
        if let Gate::Waiting(queue) = gate {
            for (_, stanza) in queue.into_iter().filter(|(at, _)| *at > position) {
                push(session, &stanza, "");
            }
        }
    }

    /// Changes what an occupant says of its presence (XEP-0045 §7.7).
    pub(crate) fn update(&self, session: &Arc<Session>, presence: String, is_staff: bool) {
        let mut occupants = self.occupants();
        let changed = occupants
            .iter_mut()
            .find(|one| Arc::ptr_eq(&one.session, session));
        let Some(changed) = changed else { return };
        changed.presence = presence;
        let (stanza, announced) = (self.available(changed, is_staff), changed.announced);
        for one in occupants.iter() {
            if Arc::ptr_eq(&one.session, session) {
                push(session, &stanza, "<status code='110'/>");
            } else if announced {
                push(&one.session, &stanza, "");
            }
        }
    }

    /// Tells everybody anew who `party` is here: a moderator, or one no longer.
    pub(crate) fn reannounce(&self, party: Party, is_staff: bool) {
        let occupants = self.occupants();
        let Some(one) = occupants.iter().find(|one| one.session.party == party) else {
            return;
        };
        let stanza = self.available(one, is_staff);
        for other in occupants.iter() {
            if other.session.party == party {
                push(&other.session, &stanza, "<status code='110'/>");
            } else if one.announced {
                push(&other.session, &stanza, "");
            }
        }
    }

    /// Lets a connection out; `false` when it was not in.
    pub(crate) fn leave(&self, session: &Arc<Session>, farewell: Farewell) -> bool {
        let mut occupants = self.occupants();
        let at = occupants
            .iter()
            .position(|one| Arc::ptr_eq(&one.session, session));
        let Some(at) = at else { return false };
        let gone = occupants.remove(at);
        let stanza = self.unavailable(session.party);
        let more = match farewell {
            Farewell::Leaves => "",
            Farewell::Kicked => "<status code='307'/>",
            Farewell::Destroyed => "<destroy/>",
        };
        push(session, &stanza, &format!("{more}<status code='110'/>"));
        let is_last = occupants
            .iter()
            .all(|one| one.session.party != session.party);
        if gone.announced && is_last && farewell != Farewell::Destroyed {
            for one in occupants.iter() {
                push(&one.session, &stanza, more);
            }
        }
        true
    }

    /// Lets everybody out, because the room is no more; who was in it.
    pub(crate) fn destroy(&self) -> Vec<Arc<Session>> {
        let everybody: Vec<_> = {
            let occupants = self.occupants();
            occupants.iter().map(|one| one.session.clone()).collect()
        };
        for session in &everybody {
            self.leave(session, Farewell::Destroyed);
        }
        everybody
    }

    /// Tells everybody what has happened; newcomers when they have been told what was before.
    pub(crate) fn tell(&self, event: &RecordedEvent, stanza: Stanza) {
        let stanza = Arc::new(stanza);
        for one in self.occupants().iter_mut() {
            match &mut one.gate {
                Gate::Waiting(queue) if queue.len() < QUEUE => {
                    queue.push((event.position, stanza.clone()));
                }
                Gate::Waiting(_) => one
                    .session
                    .outbox
                    .close(crate::stream_error::StreamError::ResourceConstraint),
                Gate::Open(position) if event.position <= *position => {}
                Gate::Open(_) => push(&one.session, &stanza, ""),
            }
        }
    }

    /// Tells everybody something that is not worth storing.
    pub(crate) fn pass_on(&self, stanza: &Stanza) {
        let Stanza { head, tail } = stanza;
        for Occupant { session, .. } in self.occupants().iter() {
            session.outbox.offer(&[head, &session.to, tail]);
        }
    }

    fn available(&self, one: &Occupant, is_staff: bool) -> Stanza {
        let (affiliation, role) = if is_staff {
            ("admin", "moderator")
        } else {
            ("none", "participant")
        };
        let mut stanza = self.presence(one.session.party, "", affiliation, role);
        stanza.tail.insert_str(1, &one.presence);
        stanza
    }

    fn unavailable(&self, party: Party) -> Stanza {
        self.presence(party, " type='unavailable'", "none", "none")
    }

    fn presence(&self, party: Party, kind: &str, affiliation: &str, role: &str) -> Stanza {
        let mut head = format!("<presence{kind}");
        attribute(&mut head, "from", &format!("{}/{party}", self.jid));
        let tail = format!(
            "><x xmlns='{MUC_USER}'><item affiliation='{affiliation}' role='{role}'/></x></presence>"
        );
        Stanza { head, tail }
    }

    fn occupants(&self) -> MutexGuard<'_, Vec<Occupant>> {
        self.occupants
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends `stanza` to a connection; `more` stands at the end of what it says of the occupant.
fn push(to: &Session, stanza: &Stanza, more: &str) {
    let Stanza { head, tail } = stanza;
    let (before, end) = match tail.rsplit_once("</x>") {
        Some((before, _)) if !more.is_empty() => (before, "</x></presence>"),
        _ => (tail.as_str(), ""),
    };
    to.outbox.push(&[head, &to.to, before, more, end]);
}
