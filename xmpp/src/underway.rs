//! The messages of one connection that are on their way to the disk. Their order is fixed already,
//! so the connection need not wait for one before it takes the next.

use crate::stanza::StanzaError;
use crate::xml::Element;
use commands::Sending;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How many there may be; whoever sends more waits.
pub(crate) const MOST: usize = 32;

/// See the module.
#[derive(Default)]
pub(crate) struct Underway(VecDeque<Message>);

struct Message {
    stanza: Element,
    outcome: Outcome,
}

enum Outcome {
    Known(Result<(), StanzaError>),
    Awaited(Pin<Box<dyn Future<Output = Result<(), StanzaError>> + Send>>),
}

impl Underway {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a message that was taken, or refused: that is told in its turn, too.
    pub(crate) fn add(&mut self, stanza: Element, taken: Result<Option<Sending>, StanzaError>) {
        let outcome = match taken {
            Ok(Some(sending)) => Outcome::Awaited(Box::pin(async {
                // Nobody waits until it can be read: whoever reads, waits for what the log holds.
                drop(sending.stored().await?);
                Ok(())
            })),
            Ok(None) => Outcome::Known(Ok(())),
            Err(error) => Outcome::Known(Err(error)),
        };
        self.0.push_back(Message { stanza, outcome });
    }

    /// The oldest, once it is known what became of it; `None` when there are none.
    pub(crate) fn poll_oldest(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<(Element, Result<(), StanzaError>)>> {
        let Some(oldest) = self.0.front_mut() else {
            return Poll::Ready(None);
        };
        let outcome = match &mut oldest.outcome {
            Outcome::Known(outcome) => *outcome,
            Outcome::Awaited(outcome) => ready!(outcome.as_mut().poll(context)),
        };
        let oldest = self.0.pop_front();
        if self.0.is_empty() {
            // An idle connection keeps no memory for this.
            self.0 = VecDeque::new();
        }
        Poll::Ready(oldest.map(|oldest| (oldest.stanza, outcome)))
    }
}
