//! Sessions that outlive their connections (XEP-0198): who holds one, and for how long nobody does.
//!
//! What is said about it on a stream is in `connection/management`, what is kept to be sent again
//! in `outbox/management`.

use crate::Service;
use crate::inbox::HandOut;
use crate::session::Session;
use crate::stream_error::StreamError;
use domain::Party;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;

/// The namespace of everything here.
pub(crate) const MANAGEMENT: &str = "urn:xmpp:sm:3";

/// How many sessions that are over are remembered, so that their clients can be told what was
/// dealt with.
const REMEMBERED: usize = 1_000;

/// A session in the hands of a connection, or of [`linger`]; it is over when this is dropped.
pub(crate) struct Bound {
    pub(crate) service: Arc<Service>,
    pub(crate) session: Arc<Session>,
    pub(crate) managed: Option<Managed>,
    /// The inbox is being handed out.
    pub(crate) handing: Option<Box<HandOut>>,
}

/// What was agreed on about stream management.
pub(crate) struct Managed {
    /// How many stanzas of the client were dealt with, modulo 2^32.
    pub(crate) handled: u32,
    /// How long the session may be without a connection; `None` when it may not.
    pub(crate) resumable: Option<Duration>,
}

impl Bound {
    /// A session that has just been bound.
    pub(crate) fn new(service: Arc<Service>, session: Arc<Session>) -> Self {
        Self {
            service,
            session,
            managed: None,
            handing: None,
        }
    }

    /// A stanza of the client was dealt with.
    pub(crate) fn handled(&mut self) {
        if let Some(managed) = &mut self.managed {
            managed.handled = managed.handled.wrapping_add(1);
        }
    }

    /// How long it may be without a connection.
    pub(crate) fn resumable(&self) -> Option<Duration> {
        self.managed.as_ref()?.resumable
    }

    /// Gives the session to whoever has asked for it; back when nobody does any more.
    pub(crate) fn hand_over(mut self) -> Option<Self> {
        // The flag first: whoever asks from now on raises it again.
        self.session.outbox.dismiss();
        // What was not handed out is read again.
        self.handing = self.handing.take().map(|_| Box::default());
        match self.session.heir() {
            Some(heir) => heir.send(self).err(),
            None => Some(self),
        }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let session = &self.session;
        drop(session.heir());
        if let (Some(managed), Some(id)) = (&self.managed, session.resumption()) {
            let ended = &self.service.ended;
            ended.remember(session.party, id, managed.handled);
        }
        self.service.left(session);
    }
}

/// Keeps a session without a connection: for `limit` at most, until it is ended, or until another
/// connection asks for it.
pub(crate) fn linger(bound: Bound, limit: Duration) {
    let until = Instant::now() + limit;
    let guest = bound.service.guest();
    let mut closing = bound.service.closing.subscribe();
    bound.session.set_attached(false);
    bound.session.outbox.set_active(false);
    tokio::spawn(async move {
        let mut bound = bound;
        loop {
            let outbox = bound.session.outbox.clone();
            let called = poll_fn(|context| {
                outbox.register(context);
                let status = outbox.status();
                if status.closed.is_some() {
                    return Poll::Ready(false);
                }
                if status.summoned {
                    return Poll::Ready(true);
                }
                Poll::Pending
            });
            let summoned = tokio::select! {
                biased;
                summoned = called => summoned,
                _ = closing.wait_for(|closing| *closing) => false,
                () = tokio::time::sleep_until(until) => false,
            };
            if !summoned {
                break;
            }
            match bound.hand_over() {
                Some(back) => bound = back,
                None => break,
            }
        }
        drop(guest);
    });
}

/// The last sessions that could be resumed and are over.
#[derive(Default)]
pub(crate) struct Ended(Mutex<VecDeque<Past>>);

struct Past {
    party: Party,
    id: String,
    handled: u32,
}

impl Ended {
    fn remember(&self, party: Party, id: &str, handled: u32) {
        let id = id.to_owned();
        let mut past = self.past();
        if past.len() >= REMEMBERED {
            past.pop_front();
        }
        past.push_back(Past { party, id, handled });
    }

    /// How many stanzas were dealt with in a session of `party` that is over.
    pub(crate) fn handled(&self, party: Party, id: &str) -> Option<u32> {
        let past = self.past();
        let mut own = past.iter().filter(|past| past.party == party);
        own.find(|past| past.id == id).map(|past| past.handled)
    }

    fn past(&self) -> MutexGuard<'_, VecDeque<Past>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// What only a session that is over was given goes to the person's other connections: they
    /// look at the inbox once more.
    pub(crate) fn pass_to_others(&self, session: &Arc<Session>) {
        if session.outbox.is_owed() {
            for other in self.sessions.of(session.party) {
                if other.listens() {
                    other.outbox.recheck();
                }
            }
        }
    }

    /// A session of `party` that `id` lets its client resume, left by whoever has held it.
    pub(crate) async fn inherit(&self, party: Party, id: &str) -> Option<Bound> {
        let session = self.sessions.resumable(party, id)?;
        session.summon().await.ok()
    }
}

/// Whether a session whose stream ended for this reason may be resumed.
pub(crate) fn may_linger(why: StreamError) -> bool {
    why == StreamError::ConnectionTimeout
}
