//! Whenever a picture that its sender wants on Weibo can be shown, post it there in the sender's
//! name (seed §29.1: `photo[weibo]`).

use crate::posting::Posting;
use crate::{Policy, Trouble, because_of, step_id};
use commands::Commands;
use commands::identity::PostedPicture;
use domain::photo::{Command, Fate, PhotoProcessed, Purpose, Uploaded};
use domain::share::{Failure, Outcome};
use domain::{Event, EventKind};
use eventlog::RecordedEvent;
use media::blobs::Blobs;
use media::keys::{Key, Size};
use std::sync::Arc;

const NAME: &str = "photo_share";

/// What a post says whose sender said nothing: Weibo takes no empty ones.
const NO_WORDS: &str = "分享图片";

/// The longest text of a post there, in characters.
const MOST: usize = 140;

/// The policy.
pub struct PhotoShare {
    commands: Arc<Commands>,
    posting: Posting,
    blobs: Blobs,
}

impl PhotoShare {
    /// The policy, posting pictures of `blobs` through `commands`.
    #[must_use]
    pub fn new(commands: Arc<Commands>, blobs: Blobs) -> Self {
        Self {
            posting: Posting::new(commands.clone()),
            commands,
            blobs,
        }
    }

    /// The picture as it is shown; `None` when it is gone.
    async fn picture(&self, done: &PhotoProcessed) -> Result<Option<PostedPicture>, Trouble> {
        let key = Key::photo(done.photo_id, Size::Original, done.format);
        let content_type = key.content_type().unwrap_or("image/png");
        let posted = |bytes: bytes::Bytes| PostedPicture {
            bytes: bytes.into(),
            file_name: "picture",
            content_type,
        };
        Ok(self.blobs.get(&key).await?.map(posted))
    }
}

#[async_trait::async_trait]
impl Policy for PhotoShare {
    fn name(&self) -> &'static str {
        NAME
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::PhotoProcessed]
    }

    async fn react(&self, event: &RecordedEvent, attempt: u32) -> Result<(), Trouble> {
        let Event::PhotoProcessed(done) = &event.event else {
            return Ok(());
        };
        let photo = self.commands.photo(done.photo_id).await?;
        let Some(text) = photo.as_ref().and_then(wanted) else {
            return Ok(());
        };
        let id = step_id(NAME, event, "outcome");
        let outcome = match self.picture(done).await? {
            Some(picture) => {
                let posting = &self.posting;
                let posted = posting.outcome(id, done.user_id, attempt, &text, Some(picture));
                posted.await?
            }
            None => Outcome::GivenUp(Failure::Refused),
        };
        let by = because_of(NAME, event);
        let command = Command::FinishShare(outcome);
        let finished = self.commands.finish_photo(done.photo_id, command, id, &by);
        let _ = finished.await?;
        Ok(())
    }
}

/// What is to be posted with a picture; `None` when it is not, or was.
fn wanted(photo: &Uploaded) -> Option<String> {
    match &photo.uploaded.purpose {
        Purpose::Room {
            weibo: true, desc, ..
        } if matches!(photo.fate, Fate::Ready(_)) && !photo.share_ended => {
            let words = desc.as_deref().filter(|desc| !desc.trim().is_empty());
            Some(words.unwrap_or(NO_WORDS).chars().take(MOST).collect())
        }
        _ => None,
    }
}
