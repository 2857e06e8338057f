//! Removes blobs that no event names: what is left where an upload died before its event, or a
//! picture went while nobody could delete it.
//!
//! The log alone says what is needed; a read model that is behind must not cost anybody a picture.

use crate::Trouble;
use commands::{Clock, Commands};
use domain::photo::{Fate, Purpose};
use domain::{Millis, PhotoId};
use futures_util::StreamExt;
use media::blobs::{Blobs, Name};
use media::keys::{Folder, Key};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a blob is left alone: its event may be under way.
const GRACE_MS: i64 = 60 * 60 * 1000;

/// How long after the start the first sweep begins, so that nothing waits for it.
const FIRST: Duration = Duration::from_secs(60);

/// How long after one sweep the next begins.
const REST: Duration = Duration::from_secs(6 * 60 * 60);

/// Sweeps from time to time, on one node at a time. Dropping it ends it wherever it is.
pub struct BlobSweep(JoinHandle<()>);

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many blobs it looked at.
    pub looked_at: u64,
    /// How many of them it removed.
    pub removed: u64,
}

impl BlobSweep {
    /// Sweeps `blobs` from now on.
    #[must_use]
    pub fn start(commands: Arc<Commands>, blobs: Blobs) -> Self {
        Self(tokio::spawn(async move {
            tokio::time::sleep(FIRST).await;
            loop {
                match Self::in_the_lead(&commands, &blobs).await {
                    Ok(Some(swept)) => tracing::info!(?swept, "blobs were swept"),
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%error, "blobs could not be swept"),
                }
                tokio::time::sleep(REST).await;
            }
        }))
    }

    async fn in_the_lead(commands: &Commands, blobs: &Blobs) -> Result<Option<Swept>, Trouble> {
        let Some(lead) = commands.state().lead("blob_sweep").await? else {
            return Ok(None);
        };
        // The time by which blobs are dated is the machine's, whatever the house lives by.
        let before = Millis(Clock::system().now().0 - GRACE_MS);
        let swept = Self::once(commands, blobs, before).await;
        lead.give_up().await;
        swept.map(Some)
    }

    /// Removes what no event names, if it was stored before `before`.
    ///
    /// # Errors
    /// When a store is away; what was removed until then is gone.
    pub async fn once(
        commands: &Commands,
        blobs: &Blobs,
        before: Millis,
    ) -> Result<Swept, Trouble> {
        let mut swept = Swept::default();
        for folder in Folder::ALL {
            let mut listed = blobs.list(folder);
            while let Some(blob) = listed.next().await {
                let blob = blob?;
                swept.looked_at += 1;
                if blob.modified >= before || is_needed(commands, &blob.name).await? {
                    continue;
                }
                blobs.delete_listed(&blob).await?;
                swept.removed += 1;
            }
        }
        Ok(swept)
    }
}

impl Drop for BlobSweep {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn is_needed(commands: &Commands, name: &Name) -> Result<bool, Trouble> {
    let key = match name {
        Name::Key(key) => key,
        // What lies beside our blobs and looks like none of them is somebody else's.
        Name::Unknown(name) => return Ok(!is_left_over(name)),
    };
    if let Some(photo_id) = key.photo_id() {
        return picture_is_needed(commands, *key, photo_id).await;
    }
    match key.coupon_id() {
        Some(coupon_id) => Ok(commands.coupon(coupon_id).await?.is_some()),
        None => Ok(false),
    }
}

/// Whether this is what a write to a folder leaves where it was killed: `<key>#<number>`.
fn is_left_over(name: &str) -> bool {
    name.rsplit_once('#')
        .is_some_and(|(key, _)| key.parse::<Key>().is_ok())
}

async fn picture_is_needed(
    commands: &Commands,
    key: Key,
    photo_id: PhotoId,
) -> Result<bool, Trouble> {
    let Some(photo) = commands.photo(photo_id).await? else {
        return Ok(false);
    };
    let sent = &photo.uploaded;
    let wanted = match sent.purpose {
        Purpose::Album => commands.album(sent.user_id).await?.contains(&photo_id),
        Purpose::Room { .. } | Purpose::Private { .. } => true,
    };
    let is_raw = key == Key::raw(photo_id);
    Ok(wanted
        && match photo.fate {
            // What is shown of it may be half there already.
            Fate::Pending => true,
            Fate::Ready(_) => !is_raw,
            Fate::Rejected => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{House, person, picture};
    use bytes::Bytes;
    use domain::CouponId;
    use domain::photo::Format;
    use media::keys::Size;

    const EVER: Millis = Millis(i64::MAX);

    async fn put(house: &House, key: Key) {
        let stored = house.blobs.put(&key, Bytes::from_static(b"x")).await;
        stored.expect("a blob store");
    }

    async fn sweep(house: &House, before: Millis) -> Swept {
        let swept = BlobSweep::once(&house.commands, &house.blobs, before).await;
        swept.expect("stores")
    }

    #[tokio::test]
    async fn what_no_event_names_goes_and_the_rest_stays() {
        let house = House::new().await;
        let pending = house.send(1, &picture()).await;
        let gone = house.send(2, &picture()).await;
        let removed = house.commands.remove_from_album(person(1), gone.photo_id);
        let _ = removed.await.expect("removed");
        let never = PhotoId::new(2, [9; 8]);
        put(&house, Key::raw(never)).await;
        put(&house, Key::photo(never, Size::Thumb, Format::Png)).await;
        put(&house, Key::photo(gone.photo_id, Size::Thumb, Format::Png)).await;
        put(&house, Key::coupon_image(CouponId::new(1, [1; 8]))).await;
        let swept = sweep(&house, EVER).await;
        assert_eq!((swept.looked_at, swept.removed), (6, 5));
        assert_eq!(house.stored(), [Key::raw(pending.photo_id).to_string()]);
    }

    #[tokio::test]
    async fn what_is_young_is_left_alone() {
        let house = House::new().await;
        put(&house, Key::raw(PhotoId::new(2, [9; 8]))).await;
        let swept = sweep(&house, Millis(0)).await;
        assert_eq!((swept.looked_at, swept.removed), (1, 0));
    }

    #[test]
    fn only_what_a_killed_write_leaves_is_taken_for_left_over() {
        let key = Key::raw(PhotoId::new(2, [9; 8]));
        assert!(is_left_over(&format!("{key}#1")));
        for name in [key.to_string(), "raw/notes.txt".into(), "raw/a#1".into()] {
            assert!(!is_left_over(&name), "{name}");
        }
    }
}
