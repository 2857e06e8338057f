//! Whenever a picture was taken out of an album, delete its bytes (seed §20).

use crate::{Policy, Trouble};
use domain::{Event, EventKind};
use eventlog::RecordedEvent;
use media::blobs::Blobs;

/// The policy.
pub struct PhotoRemoval {
    blobs: Blobs,
}

impl PhotoRemoval {
    /// The policy, which deletes from `blobs`.
    #[must_use]
    pub fn new(blobs: Blobs) -> Self {
        Self { blobs }
    }
}

#[async_trait::async_trait]
impl Policy for PhotoRemoval {
    fn name(&self) -> &'static str {
        "photo_removal"
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::PhotoRemoved]
    }

    async fn react(&self, event: &RecordedEvent, _: u32) -> Result<(), Trouble> {
        if let Event::PhotoRemoved(removed) = &event.event {
            self.blobs.delete_photo(removed.photo_id).await?;
        }
        Ok(())
    }
}
