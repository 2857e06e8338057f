//! Stream management as it is spoken (XEP-0198): enabling it, asking and answering, resuming.

use super::{Connection, Flow, Phase};
use crate::pipe::End;
use crate::stanza::CONDITIONS;
use crate::stream_error::StreamError;
use crate::stream_management::{MANAGEMENT, Managed};
use crate::xml::{Element, attribute};
use domain::Party;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long the connection that has a session may take to leave it to another: it may be storing a
/// message.
const HAND_OVER: Duration = Duration::from_secs(10);

impl Connection {
    /// Takes an element of stream management from somebody who is bound.
    pub(super) fn manage(&mut self, element: &Element) -> Result<Flow, End> {
        let Phase::Bound(bound) = &mut self.phase else {
            return self.fails("unexpected-request", None);
        };
        match (element.name(), &bound.managed) {
            ("enable", None) => {
                let wish = element.attr("max").and_then(|max| max.parse().ok());
                let limit = self.service.settings.resume;
                let limit = limit.min(wish.map_or(limit, Duration::from_secs));
                let wanted = matches!(element.attr("resume"), Some("true" | "1"));
                let resumable = (wanted && !limit.is_zero()).then_some(limit);
                let mut enabled = format!("<enabled xmlns='{MANAGEMENT}'");
                if let Some(limit) = resumable {
                    let id = hex::encode(rand::random::<[u8; 16]>());
                    attribute(&mut enabled, "id", &id);
                    attribute(&mut enabled, "resume", "true");
                    let seconds = limit.as_millis().div_ceil(1_000);
                    attribute(&mut enabled, "max", &seconds.to_string());
                    bound.session.allow_resumption(id);
                }
                enabled.push_str("/>");
                bound.managed = Some(Managed {
                    handled: 0,
                    resumable,
                });
                self.pipe.outbox.manage(&enabled);
            }
            ("r", Some(managed)) => {
                let answer = format!("<a xmlns='{MANAGEMENT}' h='{}'/>", managed.handled);
                self.pipe.outbox.push_nonza(&[&answer]);
            }
            ("a", Some(_)) => {
                let h = element.attr("h").and_then(|h| h.parse().ok());
                let h = h.ok_or(StreamError::BadFormat)?;
                let arrived = self.pipe.outbox.acknowledge(h)?;
                let party = bound.session.party;
                self.service.confirmations.confirm(party, arrived);
            }
            ("enable" | "resume", _) => return self.fails("unexpected-request", None),
            // Without management there is nothing to say or to ask.
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Goes on with a session of `party` (XEP-0198 §5).
    pub(super) async fn resume(&mut self, element: &Element, party: Party) -> Result<Flow, End> {
        let h = element.attr("h").and_then(|h| h.parse().ok());
        let (Some(id), Some(h)) = (element.attr("previd"), h) else {
            return self.fails("bad-request", None);
        };
        let service = self.service.clone();
        // What was said on this stream is not part of the session.
        self.pipe.flush().await?;
        let inherit = timeout(HAND_OVER, service.inherit(party, id));
        let Ok(Some(bound)) = self.pipe.while_writing(inherit).await else {
            return self.fails("item-not-found", service.ended.handled(party, id));
        };
        let session = bound.session.clone();
        let handled = bound.managed.as_ref().map_or(0, |managed| managed.handled);
        session.set_attached(true);
        self.phase = Phase::Bound(bound);
        let mut resumed = format!("<resumed xmlns='{MANAGEMENT}'");
        attribute(&mut resumed, "previd", id);
        attribute(&mut resumed, "h", &handled.to_string());
        resumed.push_str("/>");
        let arrived = session.outbox.resume(h, &resumed, self.pipe.is_framed())?;
        self.pipe.outbox = Arc::clone(&session.outbox);
        session.outbox.set_active(true);
        service.confirmations.confirm(party, arrived);
        Ok(ControlFlow::Continue(()))
    }

    /// Says what did not work; the stream goes on.
    pub(super) fn fails(&mut self, condition: &str, handled: Option<u32>) -> Result<Flow, End> {
        let mut failed = format!("<failed xmlns='{MANAGEMENT}'");
        if let Some(handled) = handled {
            attribute(&mut failed, "h", &handled.to_string());
        }
        failed.push_str(&format!("><{condition} xmlns='{CONDITIONS}'/></failed>"));
        self.pipe.outbox.push_nonza(&[&failed]);
        Ok(ControlFlow::Continue(()))
    }
}
