//! What to do when nothing comes: when a client is asked whether it is there, and when it is given
//! up (XEP-0199, XEP-0198 §4).

use super::{Connection, Phase};
use crate::pipe::End;
use crate::settings::Settings;
use crate::stream_error::StreamError;
use crate::xml::escaped;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// See the module.
pub(super) struct Silence {
    /// When something came last.
    heard: Instant,
    /// Since when something was written about which the client should let us know.
    owed: Option<Instant>,
    /// It was asked whether what was written has come.
    probed: bool,
    /// When it was asked whether it is there.
    asked: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Nothing, until then.
    Wait(Instant),
    /// To ask whether what was written has come.
    Probe,
    /// To ask whether anybody is there.
    Ask,
    GiveUp,
}

impl Silence {
    /// The first thing must have been done in `limit`.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            heard: Instant::now(),
            owed: None,
            probed: false,
            asked: None,
            timer: Box::pin(tokio::time::sleep(limit)),
        }
    }

    /// Something has come.
    pub(super) fn heard(&mut self) {
        self.heard = Instant::now();
        self.owed = None;
        self.probed = false;
        self.asked = None;
    }

    /// From now on silence is measured, not the login.
    pub(super) fn is_bound(&mut self, settings: &Settings) {
        self.timer.as_mut().reset(self.heard + settings.quiet);
    }

    /// Something was written about which the client should let us know within `limit`.
    pub(super) fn owes(&mut self, limit: Duration) {
        if self.owed.is_none() {
            let now = Instant::now();
            self.owed = Some(now);
            // One that is due sooner looks at this, too.
            if self.timer.deadline() > now + limit {
                self.timer.as_mut().reset(now + limit);
            }
        }
    }

    /// Ready when it is time to look what is to be done.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.timer.as_mut().poll(context)
    }

    fn step(&self, settings: &Settings, managed: bool, now: Instant) -> Step {
        if let Some(asked) = self.asked {
            let due = asked + settings.answer_limit;
            return if now >= due {
                Step::GiveUp
            } else {
                Step::Wait(due)
            };
        }
        let owed = self.owed.map(|owed| {
            if managed {
                (owed + settings.answer_limit, Step::GiveUp)
            } else {
                (owed + settings.confirm, Step::Probe)
            }
        });
        let owed = owed.filter(|_| managed || (!self.probed && !settings.confirm.is_zero()));
        let quiet = (self.heard + settings.quiet, Step::Ask);
        let (due, step) = match owed {
            Some(owed) if owed.0 < quiet.0 => owed,
            _ => quiet,
        };
        if now >= due { step } else { Step::Wait(due) }
    }
}

impl Connection {
    /// Nothing has come for some time, or so it seems.
    pub(super) fn silent(&mut self) -> Result<(), End> {
        let Phase::Bound(bound) = &self.phase else {
            return Err(StreamError::ConnectionTimeout.into());
        };
        let settings = &self.service.settings;
        let now = Instant::now();
        let managed = bound.managed.is_some();
        let due = match self.silence.step(settings, managed, now) {
            Step::Wait(due) => due,
            Step::GiveUp => return Err(StreamError::ConnectionTimeout.into()),
            step => {
                if managed {
                    self.pipe.outbox.ask(true);
                } else {
                    // XEP-0199 §4.2
                    let ping = format!(
                        "<iq type='get' id='ping-{}' from='{}' to='{}'>\
                         <ping xmlns='urn:xmpp:ping'/></iq>",
                        hex::encode(rand::random::<[u8; 4]>()),
                        settings.domain,
                        escaped(&bound.session.jid),
                    );
                    self.pipe.outbox.push(&[&ping]);
                }
                if step == Step::Probe {
                    // Clients that never answer lose nothing by it.
                    self.silence.probed = true;
                } else {
                    self.silence.asked = Some(now);
                }
                match self.silence.step(settings, managed, now) {
                    Step::Wait(due) => due,
                    _ => now,
                }
            }
        };
        self.silence.timer.as_mut().reset(due);
        Ok(())
    }
}
