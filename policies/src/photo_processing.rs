//! Whenever a picture has arrived, make of it what is shown, or reject it; its raw bytes go either
//! way (seed §17, §29.1).
//!
//! Killed at any moment it goes on after the restart: what it makes lies under the same names with
//! the same bytes, and the picture's own stream says what became of it, once.

use crate::{Policy, Trouble, because_of, step_id};
use bytes::Bytes;
use commands::Commands;
use domain::photo::{Command, Fate, PhotoUploaded, Purpose, Reason};
use domain::{Event, EventKind, PhotoId};
use eventlog::RecordedEvent;
use media::blobs::Blobs;
use media::keys::{Key, Size};
use media::picture::{self, Processed};
use std::sync::Arc;

const NAME: &str = "photo_processing";

/// How many pictures are worked on at once: while one is being read or written, another is decoded.
const WORKERS: usize = 2;

/// The policy.
pub struct PhotoProcessing {
    commands: Arc<Commands>,
    blobs: Blobs,
}

impl PhotoProcessing {
    /// The policy, which finds raw pictures in `blobs` and leaves there what is shown.
    #[must_use]
    pub fn new(commands: Arc<Commands>, blobs: Blobs) -> Self {
        Self { commands, blobs }
    }

    async fn process(&self, event: &RecordedEvent, sent: &PhotoUploaded) -> Result<(), Trouble> {
        let photo_id = sent.photo_id;
        let Some(photo) = self.commands.photo(photo_id).await? else {
            return Ok(());
        };
        if photo.fate == Fate::Pending {
            let verdict = match self.verdict(sent).await? {
                Ok(processed) => self.publish(sent, processed).await?,
                Err(reason) => Command::Reject(reason),
            };
            let (id, by) = (step_id(NAME, event, "outcome"), because_of(NAME, event));
            let finished = self.commands.finish_photo(photo_id, verdict, id, &by);
            let _ = finished.await?;
        }
        self.tidy_up(event, sent).await
    }

    /// What is to be shown of a picture, or why nothing is.
    async fn verdict(&self, sent: &PhotoUploaded) -> Result<Result<Processed, Reason>, Trouble> {
        if !self.is_wanted(sent).await? {
            return Ok(Err(Reason::Removed));
        }
        let Some(raw) = self.blobs.get(&Key::raw(sent.photo_id)).await? else {
            return Ok(Err(Reason::Lost));
        };
        let processed = tokio::task::spawn_blocking(move || picture::process(&raw)).await;
        Ok(match processed {
            Ok(processed) => processed.map_err(Reason::from),
            // It would panic each time. The panic itself was logged.
            Err(_) => Err(Reason::Damaged),
        })
    }

    /// Puts what is shown of a picture into the blob store.
    async fn publish(&self, sent: &PhotoUploaded, made: Processed) -> Result<Command, Trouble> {
        let Processed {
            original,
            thumb,
            thumb2,
        } = made;
        let format = original.format;
        let done = Command::Process {
            format,
            width: original.width,
            height: original.height,
            bytes: original.bytes.len() as u64,
        };
        let mut shown = vec![(Size::Original, original.bytes), (Size::Thumb2, thumb2)];
        // Pictures of a conversation have no small one (seed §30.3).
        if sent.purpose == Purpose::Album {
            shown.push((Size::Thumb, thumb));
        }
        for (size, bytes) in shown {
            let key = Key::photo(sent.photo_id, size, format);
            self.blobs.put(&key, Bytes::from(bytes)).await?;
        }
        Ok(done)
    }

    /// Removes what nobody needs any more, now that the picture's fate is known.
    async fn tidy_up(&self, event: &RecordedEvent, sent: &PhotoUploaded) -> Result<(), Trouble> {
        let (photo_id, user_id) = (sent.photo_id, sent.user_id);
        let photo = self.commands.photo(photo_id).await?;
        let shown = photo.is_some_and(|photo| matches!(photo.fate, Fate::Ready(_)));
        if !shown && sent.purpose == Purpose::Album {
            let by = because_of(NAME, event);
            let discarded = self.commands.discard_from_album(user_id, photo_id, &by);
            let _ = discarded.await?;
        }
        // It may have been removed from its album while it was being made.
        if shown && self.is_wanted(sent).await? {
            self.blobs.delete(&Key::raw(photo_id)).await?;
        } else {
            self.blobs.delete_photo(photo_id).await?;
        }
        Ok(())
    }

    /// Whether a picture still stands where it was sent to.
    async fn is_wanted(&self, sent: &PhotoUploaded) -> Result<bool, Trouble> {
        Ok(sent.purpose != Purpose::Album || self.in_album(sent).await?)
    }

    async fn in_album(&self, sent: &PhotoUploaded) -> Result<bool, Trouble> {
        let album: Vec<PhotoId> = self.commands.album(sent.user_id).await?;
        Ok(album.contains(&sent.photo_id))
    }
}

#[async_trait::async_trait]
impl Policy for PhotoProcessing {
    fn name(&self) -> &'static str {
        NAME
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::PhotoAdded, EventKind::PhotoUploaded]
    }

    fn workers(&self) -> usize {
        WORKERS
    }

    async fn react(&self, event: &RecordedEvent, _: u32) -> Result<(), Trouble> {
        match &event.event {
            // The upload may have died before its second half was recorded.
            Event::PhotoAdded(added) => {
                let by = because_of(NAME, event);
                let _ = self.commands.complete_upload(added, &by).await?;
                Ok(())
            }
            Event::PhotoUploaded(sent) => self.process(event, sent).await,
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
