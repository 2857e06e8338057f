//! What people do with the pictures of their albums (seed §17, §19, §20).

use crate::Commands;
use crate::execute::{Error, Receipt, by, load};
use domain::album::{Album, Command, PhotoAdded, Rejection};
use domain::photo::{self, PhotoUploaded, Purpose};
use domain::{PhotoId, StreamName, UserId};
use eventlog::Metadata;

/// Why a picture was not put into an album.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddRejection {
    /// The rules of albums forbid it.
    #[error(transparent)]
    Album(#[from] Rejection),
    /// The rules of pictures forbid it.
    #[error(transparent)]
    Photo(#[from] photo::Rejection),
}

impl Commands {
    /// Records that a picture has arrived and puts it at the end of its sender's album, which may
    /// hold `most`.
    ///
    /// The album's stream comes first, because it decides; an upload that dies between the two is
    /// completed by [`Self::complete_upload`].
    ///
    /// # Errors
    /// [`Rejection::Full`]; [`Error::Log`].
    pub async fn add_to_album(
        &self,
        added: PhotoAdded,
        most: usize,
    ) -> Result<Receipt, Error<AddRejection>> {
        let by = by(added.user_id);
        let command = Command::Add {
            added: added.clone(),
            most,
        };
        let receipt = self.change_album(added.user_id, command, &by).await;
        let receipt = receipt.map_err(|error| error.map(AddRejection::Album))?;
        let completed = self.complete_upload(&added, &by).await;
        Ok(receipt.and(completed.map_err(|error| error.map(AddRejection::Photo))?))
    }

    /// Records the arrival of a picture that stands in an album, unless that is done.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub async fn complete_upload(
        &self,
        added: &PhotoAdded,
        by: &Metadata,
    ) -> Result<Receipt, Error<photo::Rejection>> {
        let uploaded = PhotoUploaded {
            photo_id: added.photo_id,
            user_id: added.user_id,
            format: added.format,
            bytes: added.bytes,
            purpose: Purpose::Album,
        };
        self.record_upload(uploaded, by).await
    }

    /// Takes a picture out of its owner's album.
    ///
    /// # Errors
    /// [`Rejection::UnknownPhoto`], [`Rejection::LastPhoto`]; [`Error::Log`].
    pub async fn remove_from_album(
        &self,
        user_id: UserId,
        photo_id: PhotoId,
    ) -> Result<Receipt, Error<Rejection>> {
        self.change_album(user_id, Command::Remove { user_id, photo_id }, &by(user_id))
            .await
    }

    /// Takes out a picture that cannot be shown.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub async fn discard_from_album(
        &self,
        user_id: UserId,
        photo_id: PhotoId,
        by: &Metadata,
    ) -> Result<Receipt, Error<Rejection>> {
        self.change_album(user_id, Command::Discard { user_id, photo_id }, by)
            .await
    }

    /// Puts pictures to the front of an album, in this order; the others keep theirs behind.
    ///
    /// # Errors
    /// [`Rejection::UnknownPhoto`], [`Rejection::NamedTwice`], [`Rejection::NoneNamed`];
    /// [`Error::Log`].
    pub async fn reorder_album(
        &self,
        user_id: UserId,
        photo_ids: Vec<PhotoId>,
    ) -> Result<Receipt, Error<Rejection>> {
        let command = Command::Reorder { user_id, photo_ids };
        self.change_album(user_id, command, &by(user_id)).await
    }

    /// The pictures of an album in order, as its own stream tells them.
    ///
    /// # Errors
    /// Those of the log.
    pub async fn album(&self, user_id: UserId) -> Result<Vec<PhotoId>, eventlog::Error> {
        Ok(load::<Album>(&*self.log, &StreamName::album(user_id))
            .await?
            .0)
    }

    async fn change_album(
        &self,
        user_id: UserId,
        command: Command,
        by: &Metadata,
    ) -> Result<Receipt, Error<Rejection>> {
        self.execute::<Album>(&StreamName::album(user_id), &command, by)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::House;
    use domain::photo::Format;

    fn added(number: u8) -> PhotoAdded {
        PhotoAdded {
            user_id: UserId::new(1, [1; 8]),
            photo_id: PhotoId::new(2, [number; 8]),
            format: Format::Gif,
            bytes: 7,
        }
    }

    #[tokio::test]
    async fn an_upload_that_died_half_way_is_completed_once() {
        let house = House::new().await;
        let (commands, added) = (&house.commands, added(1));
        let command = Command::Add {
            added: added.clone(),
            most: 8,
        };
        let by = by("the test");
        let half = commands.change_album(added.user_id, command, &by).await;
        let _ = half.expect("added");
        for _ in 0..2 {
            let completed = commands.complete_upload(&added, &by).await;
            let _ = completed.expect("completed");
        }
        assert_eq!(
            house.events().await,
            ["album.photo-added.v1", "photo.uploaded.v1"]
        );
    }

    #[tokio::test]
    async fn a_full_album_takes_no_picture_and_records_nothing() {
        let house = House::new().await;
        let _ = house
            .commands
            .add_to_album(added(1), 1)
            .await
            .expect("added");
        let before = house.events().await;
        let refused = house.commands.add_to_album(added(2), 1).await;
        let full = AddRejection::Album(Rejection::Full { most: 1 });
        assert!(matches!(refused, Err(Error::Rejected(rejection)) if rejection == full));
        assert_eq!(house.events().await, before);
    }
}
