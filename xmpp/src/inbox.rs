//! Messages that came while nobody was there (XEP-0160), handed out in order.
//!
//! Nothing falls between the inbox and what comes live: the hand-over is by position in the log.

use crate::Service;
use crate::pipe::{End, Pipe};
use crate::session::Session;
use crate::stream_error::StreamError;
use domain::{EventKind, Party, Position};
use projections::inbox::Waiting;
use std::collections::VecDeque;
use std::sync::Arc;

/// How many messages are read at once.
const PAGE: usize = 50;

/// How many bytes may wait to be written, or acknowledged, when more are added.
pub(crate) const LOW: usize = 32 * 1024;

/// How often the read models are waited for, two seconds each.
const ATTEMPTS: usize = 10;

/// How far an inbox has been handed out.
#[derive(Default)]
pub(crate) struct HandOut {
    /// Up to here.
    after: Position,
    /// It goes up to here; what is behind comes live.
    upto: Option<Position>,
    /// What was read and is not handed out.
    page: VecDeque<Waiting>,
    /// There is nothing behind the page.
    is_last: bool,
}

impl Service {
    /// Hands out what waits for the person of `session`, as much as there is room for; the session
    /// is taking what comes live already, but keeps it back. `true` when all was handed out.
    pub(crate) async fn hand_out(
        &self,
        pipe: &mut Pipe,
        session: &Arc<Session>,
        handing: &mut HandOut,
    ) -> Result<bool, End> {
        if !session.listens() {
            return Ok(true);
        }
        let party = session.party;
        let upto = match handing.upto {
            Some(upto) => upto,
            None => {
                let upto = self.dispatcher.position();
                if !pipe.while_writing(self.inbox_is_whole(party, upto)).await {
                    return Err(StreamError::InternalServerError.into());
                }
                *handing.upto.insert(upto)
            }
        };
        loop {
            while let Some(waiting) = handing.page.pop_front() {
                handing.after = waiting.position;
                let key = (waiting.message.from, waiting.revision);
                if !session.outbox.holds(key) {
                    let at = Some(waiting.at);
                    let stanza = self.render(&waiting.message, party, waiting.position, at);
                    if !session.outbox.push_message(&[&stanza], key) {
                        // It is over, which is noticed when it is read next.
                        return Ok(true);
                    }
                }
                let status = session.outbox.status();
                if status.waiting + status.kept > LOW {
                    // At the client's pace.
                    return Ok(false);
                }
            }
            if handing.is_last {
                session.open(upto);
                return Ok(true);
            }
            let page = self
                .projections
                .inbox
                .waiting(party, handing.after, upto, PAGE);
            let page = pipe.while_writing(page).await.map_err(|error| {
                tracing::error!(%error, "an inbox cannot be read");
                StreamError::InternalServerError
            })?;
            handing.is_last = page.len() < PAGE;
            handing.page = page.into();
        }
    }

    /// Whether the inbox holds what has been sent up to `upto`, and no longer what has arrived.
    async fn inbox_is_whole(&self, party: Party, upto: Position) -> bool {
        self.confirmations.settled(party).await;
        let kinds = [EventKind::MessageSent, EventKind::MessagesDelivered];
        for _ in 0..ATTEMPTS {
            if self.projections.wait(upto, &kinds).await {
                return true;
            }
        }
        false
    }
}
