//! Whenever this happened, do that: one policy a file, all run by [`Policies`].
//!
//! A policy sees each event at least once, after the read models have applied it, and may see it
//! again after a crash: what it does, it does under ids that follow from the event. It decides
//! nothing; the commands that it gives check their own streams.

mod blob_sweep;
mod coupon_grants;
mod coupon_message;
mod follow_notice;
mod greeting;
mod photo_message;
mod photo_processing;
mod photo_removal;
mod photo_share;
mod posting;
mod push;
mod runner;
mod saying;
mod shake;
mod share;

pub use blob_sweep::{BlobSweep, Swept};
pub use coupon_grants::CouponGrants;
pub use coupon_message::CouponMessage;
pub use follow_notice::FollowNotice;
pub use greeting::Greeting;
pub use photo_message::PhotoMessage;
pub use photo_processing::PhotoProcessing;
pub use photo_removal::PhotoRemoval;
pub use photo_share::PhotoShare;
pub use push::{Apns, ApnsSettings, ApnsSetupError, Push};
pub use runner::{Pace, Policies, StartError};
pub use shake::Shake;
pub use share::Share;

use commands::Commands;
use domain::{EventKind, StreamName};
use eventlog::{EventLog, Metadata, RecordedEvent};
use media::blobs::Blobs;
use projections::Projections;
use std::sync::Arc;
use uuid::Uuid;

/// What ids are derived under; never changed, or what was done would be done again.
const NAMESPACE: Uuid = Uuid::from_u128(0x6c69_616e_6c69_616e_8000_706f_6c69_6379);

/// How many events of a stream are read at once.
const PAGE: usize = 1_000;

/// Why something could not be done now. Shown to operators: no secrets.
pub type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// What is to be done whenever something happened.
#[async_trait::async_trait]
pub trait Policy: Send + Sync + 'static {
    /// Its name, under which its checkpoint is kept.
    fn name(&self) -> &'static str;

    /// The events that it looks at.
    fn kinds(&self) -> &'static [EventKind];

    /// About how many events it may be busy at once. With more than one, a later event may be done
    /// before an earlier one.
    fn workers(&self) -> usize {
        1
    }

    /// How long after an event something is done about it, in milliseconds. The events behind it
    /// wait with it.
    fn after_ms(&self) -> i64 {
        0
    }

    /// Does what is to be done about `event`; `attempt` counts from 1 since the program started.
    ///
    /// # Errors
    /// Whatever keeps it from being done now; it is tried again after a while. What would never
    /// work must not be an error, for the events behind this one wait.
    async fn react(&self, event: &RecordedEvent, attempt: u32) -> Result<(), Trouble>;
}

/// Every policy of the house; whoever checked in at most `presence_window_ms` ago is there.
#[must_use]
pub fn all(
    commands: &Arc<Commands>,
    projections: &Arc<Projections>,
    blobs: &Blobs,
    presence_window_ms: i64,
) -> Vec<Arc<dyn Policy>> {
    let commands = || commands.clone();
    let projections = || projections.clone();
    let blobs = || blobs.clone();
    vec![
        Arc::new(Share::new(commands())),
        Arc::new(PhotoProcessing::new(commands(), blobs())),
        Arc::new(PhotoRemoval::new(blobs())),
        Arc::new(PhotoShare::new(commands(), blobs())),
        Arc::new(PhotoMessage::new(commands())),
        Arc::new(CouponGrants::new(commands(), projections())),
        Arc::new(Shake::new(commands(), projections(), presence_window_ms)),
        Arc::new(CouponMessage::new(commands(), projections())),
        Arc::new(Greeting::new(commands(), projections())),
        Arc::new(FollowNotice::new(commands(), projections())),
    ]
}

/// The id of what `policy` does about `cause` in its step `step`: each time the same.
fn step_id(policy: &str, cause: &RecordedEvent, step: &str) -> Uuid {
    let name = format!("{policy}/{}/{step}", cause.id);
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

/// Metadata of what `policy` does about `cause`.
fn because_of(policy: &str, cause: &RecordedEvent) -> Metadata {
    Metadata {
        causation: Some(cause.id),
        correlation: cause.metadata.correlation,
        actor: Some(policy.to_owned()),
    }
}

/// Whether `stream` holds the event `id`.
async fn has_happened(
    log: &dyn EventLog,
    stream: &StreamName,
    id: Uuid,
) -> Result<bool, eventlog::Error> {
    let mut next = 0;
    loop {
        let page = log.read_stream(stream, next, PAGE).await?;
        if page.iter().any(|event| event.id == id) {
            return Ok(true);
        }
        match page.last() {
            Some(last) if page.len() == PAGE => next = last.revision + 1,
            _ => return Ok(false),
        }
    }
}

#[cfg(test)]
mod testing;
