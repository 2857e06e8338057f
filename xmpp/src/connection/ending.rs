//! How a stream ends (RFC 6120 §4.4), and what becomes of the session on it (XEP-0198 §5).

use super::{Connection, Phase};
use crate::pipe::End;
use crate::stream_error::StreamError;
use crate::stream_management::{linger, may_linger};
use std::time::Duration;
use tokio::time::timeout;

/// How long the last bytes may take.
const FAREWELL: Duration = Duration::from_secs(3);

impl Connection {
    /// Says why, if there is a why, and that it is over; the session may outlive it.
    pub(super) async fn finish(mut self, end: Result<(), End>) {
        self.settle(0).await;
        let last_words = match &end {
            Ok(()) => Some(String::new()),
            Err(End::Error(error)) => Some(error.to_xml()),
            Err(End::Summoned) => Some(StreamError::Conflict.to_xml()),
            Err(End::Gone) => None,
        };
        // Before the last words, so that whoever reads them finds the session gone.
        self.let_go(&end);
        let Some(last_words) = last_words else { return };
        tracing::debug!(address = %self.address, ?end, "a stream ends");
        let opening = if self.opened {
            String::new()
        } else {
            self.opening()
        };
        let farewell = async {
            // What it was told before; then to a new outbox, for the old one takes nothing more.
            self.pipe.flush().await?;
            self.pipe.change_outbox();
            for element in [&opening, &last_words, self.closing()] {
                if !element.is_empty() {
                    self.pipe.outbox.push_nonza(&[element]);
                }
            }
            self.pipe.flush().await?;
            self.pipe.shutdown().await
        };
        let _ = timeout(FAREWELL, farewell).await;
    }

    /// Ends the session, or leaves it to another connection, which may come later.
    fn let_go(&mut self, end: &Result<(), End>) {
        let phase = std::mem::replace(&mut self.phase, Phase::new());
        let Phase::Bound(bound) = phase else { return };
        let stays = match end {
            Err(End::Summoned | End::Gone) => true,
            Err(End::Error(error)) => may_linger(*error),
            Ok(()) => false,
        };
        let Some(limit) = bound.resumable().filter(|_| stays) else {
            return;
        };
        // What it has to say from now on is not for this connection.
        self.pipe.change_outbox();
        let left = match end {
            Err(End::Summoned) => bound.hand_over(),
            _ => Some(bound),
        };
        if let Some(bound) = left {
            linger(bound, limit);
        }
    }
}
