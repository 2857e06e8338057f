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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{House, person, picture};

    #[tokio::test]
    async fn a_picture_that_left_the_album_leaves_the_store_also_when_seen_again() {
        let house = House::new().await;
        house.send(1, &picture()).await;
        let gone = house.send(2, &picture()).await;
        let removed = house.commands.remove_from_album(person(1), gone.photo_id);
        let _ = removed.await.expect("removed");
        let removal = PhotoRemoval::new(house.blobs.clone());
        for _ in 0..2 {
            let seen = removal.react(&house.event(5).await, 1).await;
            seen.expect("a blob store");
            assert_eq!(house.stored().len(), 1);
        }
    }
}
