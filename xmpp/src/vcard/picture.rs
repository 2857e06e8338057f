//! The pictures on cards: the small public thumbnail of somebody's logo, in base64.
//!
//! A card without its picture is better than none, so nothing here fails.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{PhotoId, UserId};
use media::blobs::Blobs;
use media::keys::{Key, Size};
use moka::sync::Cache;
use projections::Albums;
use projections::albums::Logo;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The longest picture that is put on a card, in bytes; a stanza has to hold it.
const MOST_BYTES: usize = 64 * 1024;

/// How many bytes of pictures are remembered, in base64.
const REMEMBERED: u64 = 4 * 1024 * 1024;

/// How many pictures are read at once.
const AT_ONCE: usize = 8;

/// How long somebody waits for a picture.
const PATIENCE: Duration = Duration::from_secs(2);

/// See the module.
pub(crate) struct Pictures {
    blobs: Blobs,
    /// A picture never changes; somebody with another has one of another id.
    remembered: Cache<PhotoId, Arc<str>>,
    turns: Semaphore,
}

impl Pictures {
    pub(crate) fn new(blobs: Blobs) -> Self {
        Self {
            blobs,
            remembered: Cache::builder()
                .max_capacity(REMEMBERED)
                .weigher(|_, picture: &Arc<str>| u32::try_from(picture.len()).unwrap_or(u32::MAX))
                .build(),
            turns: Semaphore::new(AT_ONCE),
        }
    }

    /// The picture of `user`, if there is one and it can be had.
    pub(crate) async fn of(&self, user: UserId, albums: &Albums) -> Option<Arc<str>> {
        let logo = match albums.logos(&[user]).await {
            Ok(mut logos) => logos.remove(&user)?,
            Err(error) => {
                tracing::warn!(%error, "a card is shown without its picture");
                return None;
            }
        };
        if let Some(picture) = self.remembered.get(&logo.photo_id) {
            return Some(picture);
        }
        // Whoever does not get a turn in time has a card without the picture.
        let read = timeout(PATIENCE, self.read(&logo)).await;
        let picture: Arc<str> = read.ok().flatten()?.into();
        self.remembered.insert(logo.photo_id, picture.clone());
        Some(picture)
    }

    async fn read(&self, logo: &Logo) -> Option<String> {
        let _turn = self.turns.acquire().await.ok()?;
        let key = Key::photo(logo.photo_id, Size::Thumb, logo.format);
        match self.blobs.get(&key).await {
            Ok(found) => {
                let fitting = found.filter(|bytes| bytes.len() <= MOST_BYTES);
                fitting.map(|bytes| STANDARD.encode(bytes))
            }
            Err(error) => {
                tracing::warn!(%error, "a card is shown without its picture");
                None
            }
        }
    }
}
