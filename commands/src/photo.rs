//! Uploading pictures, and what becomes of them (seed §17, §29.1, §30.1).
//!
//! The bytes lie in the blob store before any command is given; nothing here touches them.

use crate::Commands;
use crate::execute::{Error, Receipt, by, load};
use domain::photo::{Command, Photo, PhotoUploaded, Purpose, Rejection, Uploaded};
use domain::{PhotoId, StreamName};
use eventlog::Metadata;
use uuid::Uuid;

impl Commands {
    /// An id for a picture that arrives now.
    #[must_use]
    pub fn new_photo_id(&self) -> PhotoId {
        PhotoId::new(self.clock.now().second(), rand::random())
    }

    /// Records that a picture has arrived for a room or a person. That the shop is open was found
    /// out at the door. Pictures of albums arrive by [`Self::add_to_album`].
    ///
    /// # Errors
    /// [`Rejection::Desc`], [`Rejection::UnknownUser`]; [`Error::Log`].
    pub async fn upload_photo(&self, uploaded: PhotoUploaded) -> Result<Receipt, Error<Rejection>> {
        if let Purpose::Private { to_id } = uploaded.purpose {
            self.check_user(to_id, Rejection::UnknownUser).await?;
        }
        let by = by(uploaded.user_id);
        self.record_upload(uploaded, &by).await
    }

    /// Records an upload; one that is recorded already stays as it is.
    pub(crate) async fn record_upload(
        &self,
        uploaded: PhotoUploaded,
        by: &Metadata,
    ) -> Result<Receipt, Error<Rejection>> {
        let stream = StreamName::photo(uploaded.photo_id);
        self.execute_new::<Photo>(&stream, &Command::Upload(uploaded), by)
            .await
    }

    /// Records what became of a picture, once for each `id`.
    ///
    /// # Errors
    /// [`Rejection::UnknownPhoto`]; [`Error::Log`].
    pub async fn finish_photo(
        &self,
        photo_id: PhotoId,
        command: Command,
        id: Uuid,
        by: &Metadata,
    ) -> Result<Receipt, Error<Rejection>> {
        self.execute_once::<Photo>(&StreamName::photo(photo_id), &command, id, by)
            .await
    }

    /// A picture as its own stream tells it; `None` when it never arrived.
    ///
    /// # Errors
    /// Those of the log.
    pub async fn photo(&self, photo_id: PhotoId) -> Result<Option<Uploaded>, eventlog::Error> {
        Ok(load::<Photo>(&*self.log, &StreamName::photo(photo_id))
            .await?
            .0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::House;
    use domain::UserId;
    use domain::photo::Format;

    #[tokio::test]
    async fn a_picture_for_nobody_is_refused_and_not_recorded() {
        let house = House::new().await;
        let login = house.commands.log_in("ana", "secret").await;
        let user_id = login.expect("a login").account.user_id;
        let before = house.events().await;
        let nobody = PhotoUploaded {
            photo_id: house.commands.new_photo_id(),
            user_id,
            format: Format::Png,
            bytes: 7,
            purpose: Purpose::Private {
                to_id: UserId::new(1, [9; 8]),
            },
        };
        let refused = house.commands.upload_photo(nobody).await;
        assert!(matches!(
            refused,
            Err(Error::Rejected(Rejection::UnknownUser))
        ));
        assert_eq!(house.events().await, before);
    }
}
