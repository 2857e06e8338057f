//! `Follow` and `Unfollow` (seed §21, §22).

use crate::Commands;
use crate::execute::{Error, Receipt, by};
use domain::follow::{Command, Follow, Rejection};
use domain::{StreamName, UserId};

impl Commands {
    /// `user_id` follows `follow_id` from now on.
    ///
    /// # Errors
    /// [`Rejection::Yourself`], [`Rejection::UnknownUser`]; [`Error::Log`].
    pub async fn follow(
        &self,
        user_id: UserId,
        follow_id: UserId,
    ) -> Result<Receipt, Error<Rejection>> {
        self.check_user(follow_id, Rejection::UnknownUser).await?;
        self.change_follow(user_id, follow_id, Command::Follow { user_id, follow_id })
            .await
    }

    /// `user_id` no longer follows `follow_id`.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub async fn unfollow(
        &self,
        user_id: UserId,
        follow_id: UserId,
    ) -> Result<Receipt, Error<Rejection>> {
        self.change_follow(user_id, follow_id, Command::Unfollow { user_id, follow_id })
            .await
    }

    async fn change_follow(
        &self,
        user_id: UserId,
        follow_id: UserId,
        command: Command,
    ) -> Result<Receipt, Error<Rejection>> {
        let stream = StreamName::follow(user_id, follow_id);
        self.execute::<Follow>(&stream, &command, &by(user_id))
            .await
    }
}
