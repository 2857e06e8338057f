//! Sessions: connections that are bound to somebody, and who has which. Stream management may keep
//! one for some time after its connection broke.

use crate::outbox::{MessageKey, Outbox};
use crate::stream_error::StreamError;
use crate::stream_management::Bound;
use crate::xml::attribute;
use delivery::RecordedEvent;
use domain::{Party, Position, ShopId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Instant;
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;

/// How many connections one person may have.
const MOST: usize = 16;

/// How many rooms one connection may be in.
const ROOMS: usize = 50;

/// How many bytes of messages may come while an inbox is being handed out.
const QUEUE: usize = 256 * 1024;

/// One connection of a person or a shop.
pub(crate) struct Session {
    pub(crate) party: Party,
    pub(crate) resource: String,
    /// Its full JID.
    pub(crate) jid: String,
    /// The attribute that addresses a stanza to it, with a space before it.
    pub(crate) to: String,
    pub(crate) outbox: Arc<Outbox>,
    /// By what its client can show that it is its own, once it may be resumed.
    resumption: OnceLock<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What it last said of its presence, as the children of the stanza; `None` while unavailable.
    presence: Option<String>,
    gate: Gate,
    /// The rooms that it is in.
    rooms: Vec<ShopId>,
    /// It has asked for the blacklist, and is told of changes in it.
    follows_blocks: bool,
    /// Since when it has no connection.
    detached: Option<Instant>,
    /// The connection that wants to go on with it.
    heir: Option<oneshot::Sender<Bound>>,
    /// It wants copies of what the person's other connections say and hear.
    wants_copies: bool,
}

/// Whether messages to a person pass to this connection.
#[derive(Default)]
enum Gate {
    /// They do not: it has not said that it is there, or wants none.
    #[default]
    Closed,
    /// They wait until the inbox has been handed out.
    Waiting(Queue),
    /// They do, those behind this position.
    Open(Position),
}

/// What waits while an inbox is being handed out.
#[derive(Default)]
struct Queue {
    /// Of which event, what is sent, and whether that is a copy.
    stanzas: Vec<(Arc<RecordedEvent>, Arc<str>, bool)>,
    /// How much all of it is.
    bytes: usize,
}

/// What is to be done when a connection has said that it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It has just come, and wants its inbox.
    First,
    /// Nothing: it was there, or wants no messages.
    Again,
}

impl Session {
    pub(crate) fn new(party: Party, resource: String, domain: &str, outbox: Arc<Outbox>) -> Self {
        let jid = format!("{party}@{domain}/{resource}");
        let mut to = String::new();
        attribute(&mut to, "to", &jid);
        Self {
            jid,
            to,
            party,
            resource,
            outbox,
            resumption: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    /// What it says of its presence, if it is available.
    pub(crate) fn presence(&self) -> Option<String> {
        self.state().presence.clone()
    }

    /// It is available from now on, and wants messages if its priority is not negative.
    pub(crate) fn available(&self, presence: String, priority: i8) -> Arrival {
        let mut state = self.state();
        state.presence = Some(presence);
        match state.gate {
            _ if priority < 0 => {
                state.gate = Gate::Closed;
                Arrival::Again
            }
            Gate::Closed => {
                state.gate = Gate::Waiting(Queue::default());
                Arrival::First
            }
            _ => Arrival::Again,
        }
    }

    /// It is unavailable from now on; `false` when it was before.
    pub(crate) fn unavailable(&self) -> bool {
        let mut state = self.state();
        state.gate = Gate::Closed;
        state.presence.take().is_some()
    }

    /// It is in a room from now on; `false` when it is in too many already.
    pub(crate) fn enter(&self, room: ShopId) -> bool {
        let mut state = self.state();
        if state.rooms.contains(&room) {
            return true;
        }
        if state.rooms.len() >= ROOMS {
            return false;
        }
        state.rooms.push(room);
        true
    }

    /// It is in a room no longer.
    pub(crate) fn leave(&self, room: ShopId) {
        self.state().rooms.retain(|other| *other != room);
    }

    /// The rooms that it is in.
    pub(crate) fn rooms(&self) -> Vec<ShopId> {
        self.state().rooms.clone()
    }

    /// It is told of changes in the blacklist from now on.
    pub(crate) fn follow_blocks(&self) {
        self.state().follows_blocks = true;
    }

    /// Whether it is told of changes in the blacklist.
    pub(crate) fn follows_blocks(&self) -> bool {
        self.state().follows_blocks
    }

    /// It wants copies of what the person's other connections say and hear, or no longer.
    pub(crate) fn want_copies(&self, wanted: bool) {
        self.state().wants_copies = wanted;
    }

    /// Whether such copies go to it: it wants them, and has said that it is there.
    pub(crate) fn takes_copies(&self) -> bool {
        let state = self.state();
        state.wants_copies && state.presence.is_some()
    }

    /// Whether messages to its person go to it.
    pub(crate) fn listens(&self) -> bool {
        !matches!(self.state().gate, Gate::Closed)
    }

    /// Whether somebody is there to empty the inbox: it listens and has a connection.
    pub(crate) fn empties_the_inbox(&self) -> bool {
        let state = self.state();
        !matches!(state.gate, Gate::Closed) && state.detached.is_none()
    }

    /// What comes live waits from now on, until the inbox has been handed out once more; `false`
    /// when it wants no messages.
    pub(crate) fn wait(&self) -> bool {
        let mut state = self.state();
        if let Gate::Open(_) = state.gate {
            state.gate = Gate::Waiting(Queue::default());
        }
        !matches!(state.gate, Gate::Closed)
    }

    /// The inbox was handed out up to `position`: what has come since follows.
    pub(crate) fn open(&self, position: Position) {
        let mut state = self.state();
        if let Gate::Waiting(queue) = &mut state.gate {
            let queue = std::mem::take(queue);
            state.gate = Gate::Open(position);
            for (event, stanza, is_copy) in queue.stanzas {
                if event.position > position {
                    self.write(&event, &stanza, is_copy);
                }
            }
        }
    }

    /// May be resumed from now on, by whoever shows `id`; an id stays.
    pub(crate) fn allow_resumption(&self, id: String) {
        let _ = self.resumption.set(id);
    }

    /// By what it may be resumed.
    pub(crate) fn resumption(&self) -> Option<&str> {
        self.resumption.get().map(String::as_str)
    }

    /// It has a connection, or has none any more.
    pub(crate) fn set_attached(&self, attached: bool) {
        let now = (!attached).then(Instant::now);
        self.state().detached = now;
    }

    /// Asks whoever holds it to leave it to the one who asked; nothing comes when it is over.
    pub(crate) fn summon(&self) -> oneshot::Receiver<Bound> {
        let (heir, inheritance) = oneshot::channel();
        self.state().heir = Some(heir);
        self.outbox.summon();
        inheritance
    }

    /// Whoever wants to go on with it.
    pub(crate) fn heir(&self) -> Option<oneshot::Sender<Bound>> {
        self.state().heir.take()
    }

    /// Takes a message, `stanza`; `alone` says that it is for this connection only, which need not
    /// have said that it is there.
    pub(crate) fn receive(&self, event: &Arc<RecordedEvent>, stanza: &Arc<str>, alone: bool) {
        self.take(event, stanza, alone, false);
    }

    /// Takes a copy of a message that another connection has sent or received. That it arrives
    /// says nothing about the message itself.
    pub(crate) fn receive_copy(&self, event: &Arc<RecordedEvent>, stanza: &Arc<str>) {
        self.take(event, stanza, true, true);
    }

    fn take(&self, event: &Arc<RecordedEvent>, stanza: &Arc<str>, alone: bool, is_copy: bool) {
        let mut state = self.state();
        match &mut state.gate {
            Gate::Closed if !alone => {}
            Gate::Waiting(queue) if queue.bytes + stanza.len() <= QUEUE => {
                queue.bytes += stanza.len();
                queue.stanzas.push((event.clone(), stanza.clone(), is_copy));
            }
            Gate::Waiting(_) => self.outbox.close(StreamError::ResourceConstraint),
            Gate::Open(position) if event.position <= *position => {}
            Gate::Closed | Gate::Open(_) => self.write(event, stanza, is_copy),
        }
    }

    fn write(&self, event: &RecordedEvent, stanza: &str, is_copy: bool) {
        match key(event).filter(|_| !is_copy) {
            Some(key) => self.outbox.push_message(&[stanza], key),
            None => self.outbox.push(&[stanza]),
        };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By what the arrival of a message is confirmed.
fn key(event: &RecordedEvent) -> Option<MessageKey> {
    match &event.event {
        domain::Event::MessageSent(message) => Some((message.from, event.revision)),
        _ => None,
    }
}

/// Everybody's connections.
#[derive(Default)]
pub(crate) struct Sessions(RwLock<HashMap<Party, Vec<Arc<Session>>>>);

impl Sessions {
    /// Enters a connection; one with the same resource is ended. When there are too many, the one
    /// that has been without a connection for longest is; `false` when all have one.
    pub(crate) fn enter(&self, session: &Arc<Session>) -> bool {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let own = all.entry(session.party).or_default();
        if let Some(at) = own.iter().position(|old| old.resource == session.resource) {
            own[at].outbox.close(StreamError::Conflict);
            own[at] = session.clone();
            return true;
        }
        if own.len() >= MOST {
            let detached = |(at, one): (usize, &Arc<Session>)| Some((one.state().detached?, at));
            let Some((_, at)) = own.iter().enumerate().filter_map(detached).min() else {
                return false;
            };
            own.remove(at).outbox.close(StreamError::ResourceConstraint);
        }
        own.push(session.clone());
        true
    }

    /// Takes a connection out.
    pub(crate) fn leave(&self, session: &Arc<Session>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = all.get_mut(&session.party) {
            own.retain(|other| !Arc::ptr_eq(other, session));
            if own.is_empty() {
                all.remove(&session.party);
            }
        }
    }

    /// All connections of `party`.
    pub(crate) fn of(&self, party: Party) -> Vec<Arc<Session>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&party).cloned().unwrap_or_default()
    }

    /// The session of `party` that `id` lets its client resume.
    pub(crate) fn resumable(&self, party: Party, id: &str) -> Option<Arc<Session>> {
        let is_it = |own: &str| bool::from(own.as_bytes().ct_eq(id.as_bytes()));
        let mut own = self.of(party).into_iter();
        own.find(|session| session.resumption().is_some_and(is_it))
    }

    /// The connection of `party` with this resource.
    pub(crate) fn find(&self, party: Party, resource: &str) -> Option<Arc<Session>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let own = all.get(&party)?;
        own.iter()
            .find(|session| session.resource == resource)
            .cloned()
    }
}
