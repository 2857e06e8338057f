//! What operators do with shops, and importing many of them.

mod import;

pub use import::{Imported, Importer, ShopRecord};

use crate::Commands;
use crate::execute::{Error, Receipt, by, load};
use domain::shop::{Command, DetailsEdit, Rejection, Shop, ShopDetails};
use domain::{ShopId, StreamName, UserId};

/// How many taken ids are passed over before giving up.
const FREE_ID_ATTEMPTS: u64 = 1_000;

/// Why something about a shop was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShopRejection {
    /// The rules of shops forbid it.
    #[error(transparent)]
    Shop(#[from] Rejection),
    /// There is no such person.
    #[error("unknown user")]
    UnknownUser,
}

impl Commands {
    /// Registers a shop under an id that must be free.
    ///
    /// # Errors
    /// [`Rejection::IdTaken`] and those of bad details; [`Error::Log`].
    pub async fn register_shop(
        &self,
        shop_id: ShopId,
        details: ShopDetails,
    ) -> Result<Receipt, Error<Rejection>> {
        let command = Command::Register { shop_id, details };
        self.execute_new::<Shop>(&StreamName::shop(shop_id), &command, &by("admin"))
            .await
    }

    /// Registers a shop under the first free id from `hint` on.
    ///
    /// # Errors
    /// Those of bad details; [`Rejection::IdTaken`] when no id is free; [`Error::Log`].
    pub async fn register_new_shop(
        &self,
        hint: u64,
        details: ShopDetails,
    ) -> Result<(ShopId, Receipt), Error<Rejection>> {
        for id in hint..hint.saturating_add(FREE_ID_ATTEMPTS) {
            let Ok(shop_id) = ShopId::new(id) else { break };
            let stream = StreamName::shop(shop_id);
            // An equal shop under a taken id is still another shop, so the stream must be new.
            let command = Command::Register {
                shop_id,
                details: details.clone(),
            };
            if let Some(receipt) = self
                .execute_first::<Shop>(&stream, &command, &by("admin"))
                .await?
            {
                return Ok((shop_id, receipt));
            }
        }
        Err(Error::Rejected(Rejection::IdTaken))
    }

    /// Changes some details of a shop.
    ///
    /// # Errors
    /// [`Rejection::UnknownShop`] and those of bad details; [`Error::Log`].
    pub async fn revise_shop(
        &self,
        shop_id: ShopId,
        edit: DetailsEdit,
    ) -> Result<Receipt, Error<Rejection>> {
        self.change_shop(shop_id, Command::Revise(edit)).await
    }

    /// Closes a shop for good.
    ///
    /// # Errors
    /// [`Rejection::UnknownShop`]; [`Error::Log`].
    pub async fn close_shop(&self, shop_id: ShopId) -> Result<Receipt, Error<Rejection>> {
        self.change_shop(shop_id, Command::Close).await
    }

    /// Posts a shop's notice at the wish of `who`, a user id or `admin`; an empty one takes it down.
    ///
    /// # Errors
    /// [`Rejection::UnknownShop`], [`Rejection::Title`]; [`Error::Log`].
    pub async fn post_notice(
        &self,
        shop_id: ShopId,
        title: String,
        who: impl ToString,
    ) -> Result<Receipt, Error<Rejection>> {
        let stream = StreamName::shop(shop_id);
        self.execute::<Shop>(&stream, &Command::PostNotice { title }, &by(who))
            .await
    }

    /// Says that a person works for a shop.
    ///
    /// # Errors
    /// [`ShopRejection::UnknownUser`] and those of shops; [`Error::Log`].
    pub async fn add_staff(
        &self,
        shop_id: ShopId,
        user_id: UserId,
    ) -> Result<Receipt, Error<ShopRejection>> {
        self.check_user(user_id, ShopRejection::UnknownUser).await?;
        let added = self
            .change_shop(shop_id, Command::AddStaff { user_id })
            .await;
        added.map_err(|error| error.map(ShopRejection::Shop))
    }

    /// Says that a person no longer works for a shop.
    ///
    /// # Errors
    /// [`Rejection::UnknownShop`]; [`Error::Log`].
    pub async fn remove_staff(
        &self,
        shop_id: ShopId,
        user_id: UserId,
    ) -> Result<Receipt, Error<Rejection>> {
        self.change_shop(shop_id, Command::RemoveStaff { user_id })
            .await
    }

    /// Gives a shop a new XMPP password and answers it; the one before is dead from now on.
    ///
    /// # Errors
    /// [`Rejection::UnknownShop`]; [`Error::Log`].
    pub async fn issue_xmpp_secret(
        &self,
        shop_id: ShopId,
    ) -> Result<(String, Receipt), Error<Rejection>> {
        let issued = self.change_shop(shop_id, Command::IssueXmppSecret).await?;
        let shop = load::<Shop>(&*self.log, &StreamName::shop(shop_id)).await;
        let (shop, _) = shop.map_err(Error::Log)?;
        // Unless somebody has revoked it since, or closed the shop.
        let generation = shop.and_then(|shop| shop.xmpp_generation());
        let generation = generation.ok_or(Error::Busy)?;
        Ok((self.secret.shop_password(shop_id, generation), issued))
    }

    /// Lets nobody log in as a shop any more.
    ///
    /// # Errors
    /// [`Rejection::UnknownShop`]; [`Error::Log`].
    pub async fn revoke_xmpp_secret(&self, shop_id: ShopId) -> Result<Receipt, Error<Rejection>> {
        self.change_shop(shop_id, Command::RevokeXmppSecret).await
    }

    async fn change_shop(
        &self,
        shop_id: ShopId,
        command: Command,
    ) -> Result<Receipt, Error<Rejection>> {
        self.execute::<Shop>(&StreamName::shop(shop_id), &command, &by("admin"))
            .await
    }
}
