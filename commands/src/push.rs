//! Binding a person's device, so that it can be woken, and letting it go (seed §33).

use crate::Commands;
use crate::execute::{Error, Receipt, by};
use domain::push::{Command, Device, Push, Rejection, Token};
use domain::{StreamName, UserId};
use eventlog::Metadata;
use uuid::Uuid;

impl Commands {
    /// Wakes `device` for a person from now on, and no other. `held` says that the door has seen
    /// that it is so already.
    ///
    /// # Errors
    /// [`Rejection::UnknownUser`]; [`Error::Log`].
    pub async fn bind_device(
        &self,
        user_id: UserId,
        device: Device,
        held: bool,
    ) -> Result<Receipt, Error<Rejection>> {
        let stream = StreamName::user(user_id);
        self.execute::<Push>(&stream, &Command::Bind { device, held }, &by(user_id))
            .await
    }

    /// Wakes a person's device no longer, if it has this token.
    ///
    /// # Errors
    /// [`Rejection::UnknownUser`]; [`Error::Log`].
    pub async fn unbind_device(
        &self,
        user_id: UserId,
        token: Token,
    ) -> Result<Receipt, Error<Rejection>> {
        let stream = StreamName::user(user_id);
        self.execute::<Push>(&stream, &Command::Unbind { token }, &by(user_id))
            .await
    }

    /// Wakes a person's device no longer, because its gateway does not know it any more; the event
    /// has this `id`.
    ///
    /// # Errors
    /// [`Rejection::UnknownUser`]; [`Error::Log`].
    pub async fn let_device_go(
        &self,
        user_id: UserId,
        device: Device,
        id: Uuid,
        by: &Metadata,
    ) -> Result<Receipt, Error<Rejection>> {
        let stream = StreamName::user(user_id);
        self.execute_once::<Push>(&stream, &Command::LetGo { device }, id, by)
            .await
    }
}
