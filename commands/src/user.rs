//! Changing one's own account, and the operator's password reset (seed §2, §16).

use crate::Commands;
use crate::execute::{Error, Receipt, by, load};
use domain::user::{Account, Command, Invisible, ProfileEdit, Rejection, User};
use domain::{StreamName, UserId};

impl Commands {
    /// Changes some fields of one's own profile, and who may see where one is; all or nothing.
    ///
    /// # Errors
    /// The [`Rejection`] of the first bad field; [`Error::Log`].
    pub async fn edit_self(
        &self,
        user_id: UserId,
        profile: ProfileEdit,
        invisible: Option<Invisible>,
    ) -> Result<Receipt, Error<Rejection>> {
        let command = Command::EditSelf { profile, invisible };
        self.execute::<User>(&StreamName::user(user_id), &command, &by(user_id))
            .await
    }

    /// Gives a person a new XMPP password and answers it; the old one is dead from now on.
    ///
    /// # Errors
    /// [`Rejection::UnknownUser`]; [`Error::Log`].
    pub async fn reset_password(
        &self,
        user_id: UserId,
    ) -> Result<(String, Receipt), Error<Rejection>> {
        let stream = StreamName::user(user_id);
        let receipt = self
            .execute::<User>(&stream, &Command::ResetPassword, &by("admin"))
            .await?;
        self.admissions.forget();
        let account = self.account(user_id).await.map_err(Error::Log)?;
        let generation = account
            .ok_or(Error::Rejected(Rejection::UnknownUser))?
            .generation;
        Ok((self.xmpp_password(user_id, generation), receipt))
    }

    /// Shuts a person out: every session ends, and no new one begins.
    ///
    /// # Errors
    /// [`Rejection::UnknownUser`]; [`Error::Log`], [`Error::State`].
    pub async fn ban(&self, user_id: UserId) -> Result<Receipt, Error<Rejection>> {
        let stream = StreamName::user(user_id);
        let receipt = self
            .execute::<User>(&stream, &Command::Ban, &by("admin"))
            .await?;
        self.admissions.forget();
        // Also when nothing changed: the ban before may have died between the two.
        self.state.close_sessions_of(user_id).await?;
        Ok(receipt)
    }

    /// Lets a person in again.
    ///
    /// # Errors
    /// [`Rejection::UnknownUser`]; [`Error::Log`].
    pub async fn unban(&self, user_id: UserId) -> Result<Receipt, Error<Rejection>> {
        let stream = StreamName::user(user_id);
        let receipt = self
            .execute::<User>(&stream, &Command::Unban, &by("admin"))
            .await?;
        self.admissions.forget();
        Ok(receipt)
    }

    /// Refuses with `unknown` when there is no account of `user_id`.
    pub(crate) async fn check_user<R: std::error::Error>(
        &self,
        user_id: UserId,
        unknown: R,
    ) -> Result<(), Error<R>> {
        match self.account(user_id).await.map_err(Error::Log)? {
            Some(_) => Ok(()),
            None => Err(Error::Rejected(unknown)),
        }
    }

    /// A person's XMPP password in its `generation`: 16 hex digits.
    #[must_use]
    pub fn xmpp_password(&self, user_id: UserId, generation: u32) -> String {
        self.secret.xmpp_password(user_id, generation)
    }

    /// The account as its own stream tells it; `None` when there is none.
    pub(crate) async fn account(
        &self,
        user_id: UserId,
    ) -> Result<Option<Account>, eventlog::Error> {
        Ok(load::<User>(&*self.log, &StreamName::user(user_id))
            .await?
            .0)
    }
}
