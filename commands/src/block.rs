//! `Block` and `Unblock` (seed §26, §27).

use crate::Commands;
use crate::execute::{Error, Receipt, by};
use domain::block::{Block, Command, Rejection};
use domain::{StreamName, UserId};

impl Commands {
    /// Puts `block_id` on the blacklist of `user_id`, and reports the person if `report` says so.
    ///
    /// # Errors
    /// [`Rejection::Yourself`], [`Rejection::UnknownUser`]; [`Error::Log`].
    pub async fn block(
        &self,
        user_id: UserId,
        block_id: UserId,
        report: bool,
    ) -> Result<Receipt, Error<Rejection>> {
        self.check_user(block_id, Rejection::UnknownUser).await?;
        self.change_block(
            user_id,
            block_id,
            Command::Block {
                user_id,
                block_id,
                report,
            },
        )
        .await
    }

    /// Takes `block_id` off the blacklist of `user_id`.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub async fn unblock(
        &self,
        user_id: UserId,
        block_id: UserId,
    ) -> Result<Receipt, Error<Rejection>> {
        self.change_block(user_id, block_id, Command::Unblock { user_id, block_id })
            .await
    }

    async fn change_block(
        &self,
        user_id: UserId,
        block_id: UserId,
        command: Command,
    ) -> Result<Receipt, Error<Rejection>> {
        let stream = StreamName::block(user_id, block_id);
        let receipt = self.execute::<Block>(&stream, &command, &by(user_id)).await;
        self.chat.forget_block(user_id, block_id);
        receipt
    }
}
