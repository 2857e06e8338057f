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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PhotoProcessing;
    use crate::posting::ATTEMPTS;
    use crate::testing::{Canned, House, picture};
    use domain::ShopId;
    use domain::photo::{Format, PhotoUploaded};

    /// A picture in a room that can be shown: the events of the login, of its upload and that one.
    async fn shown(weibo: bool, desc: Option<&str>) -> (House, Canned) {
        let (canned, provider) = Canned::start().await;
        let house = House::with(provider).await;
        let login = house.commands.log_in("ana", "secret").await;
        let stored = house.store(1, &picture()).await;
        let uploaded = PhotoUploaded {
            photo_id: stored.photo_id,
            user_id: login.expect("a login").account.user_id,
            format: Format::Png,
            bytes: stored.bytes,
            purpose: Purpose::Room {
                shop_id: ShopId::new(7).expect("an id"),
                desc: desc.map(str::to_owned),
                weibo,
                checkin_id: None,
            },
        };
        let _ = house.commands.upload_photo(uploaded).await.expect("sent");
        let processing = PhotoProcessing::new(house.commands.clone(), house.blobs.clone());
        let processed = processing.react(&house.event(3).await, 1).await;
        processed.expect("a blob store");
        (house, canned)
    }

    async fn react(house: &House, attempt: u32) -> Result<(), Trouble> {
        let share = PhotoShare::new(house.commands.clone(), house.blobs.clone());
        share.react(&house.event(4).await, attempt).await
    }

    #[tokio::test]
    async fn a_picture_is_posted_once_with_what_its_sender_says() {
        let (house, weibo) = shown(true, Some("海边")).await;
        for _ in 0..2 {
            react(&house, 1).await.expect("posted");
        }
        assert_eq!(weibo.posts(), 1);
        let post = weibo.last();
        assert!(post.starts_with("POST /2/statuses/upload.json "), "{post}");
        assert!(
            post.contains("海边") && post.contains("image/png"),
            "{post}"
        );
        let types = house.types().await;
        assert_eq!(types.last().expect("events"), "photo.shared.v1");
    }

    #[tokio::test]
    async fn a_picture_that_is_not_for_weibo_stays_here() {
        let (house, weibo) = shown(false, None).await;
        react(&house, 1).await.expect("nothing to do");
        assert_eq!((weibo.posts(), house.types().await.len()), (0, 4));
    }

    #[tokio::test]
    async fn while_weibo_is_away_the_picture_waits_until_it_is_given_up() {
        let (house, weibo) = shown(true, None).await;
        weibo.answers(500, "");
        assert!(react(&house, ATTEMPTS - 1).await.is_err());
        react(&house, ATTEMPTS).await.expect("given up");
        assert!(weibo.last().contains(NO_WORDS));
        let types = house.types().await;
        assert_eq!(types.last().expect("events"), "photo.share-failed.v1");
    }
}
