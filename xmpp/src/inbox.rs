//! Messages that came while nobody was there (XEP-0160), handed out in order.
//!
//! Nothing falls between the inbox and what comes live: the hand-over is by position in the log.

use crate::Service;
use crate::pipe::{End, Pipe};
use crate::session::Session;
use crate::stream_error::StreamError;
use domain::{EventKind, Party, Position};
use std::sync::Arc;

/// How many messages are read at once.
const PAGE: usize = 50;

/// How many bytes may wait to be written when more are added.
const LOW: usize = 32 * 1024;

/// How often the read models are waited for, two seconds each.
const ATTEMPTS: usize = 10;

impl Service {
    /// Hands out what waits for the person of `session`, which is taking what comes live already,
    /// but keeps it back until here.
    pub(crate) async fn hand_out_inbox(
        &self,
        pipe: &mut Pipe,
        session: &Arc<Session>,
    ) -> Result<(), End> {
        let party = session.party;
        let upto = self.dispatcher.position();
        if !pipe.while_writing(self.inbox_is_whole(party, upto)).await {
            return Err(StreamError::InternalServerError.into());
        }
        let mut after = Position::START;
        loop {
            let page = self.projections.inbox.waiting(party, after, upto, PAGE);
            let page = pipe.while_writing(page).await.map_err(|error| {
                tracing::error!(%error, "an inbox cannot be read");
                StreamError::InternalServerError
            })?;
            for waiting in &page {
                after = waiting.position;
                let key = (waiting.message.from, waiting.revision);
                if !session.outbox.holds(key) {
                    let stanza = self.render_delayed(&waiting.message, waiting.at);
                    session.outbox.push_message(&[&stanza], key);
                }
                if session.outbox.waiting() > LOW {
                    // At the client's pace.
                    pipe.drained(LOW).await?;
                }
            }
            if page.len() < PAGE {
                break;
            }
        }
        session.open(upto);
        Ok(())
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
