//! Logging in with the XMPP password, behind which a device may report its push token (seed §33.1).
//!
//! Guessing is slowed down by the door; nothing here remembers failures.

use crate::Commands;
use domain::UserId;
use domain::push::{Device, TOKEN_LENGTH};
use domain::user::Account;
use subtle::ConstantTimeEq;

/// A login that went through.
#[derive(Clone, Debug)]
pub struct XmppLogin {
    /// Whose it is.
    pub account: Account,
    /// The device that the person wants to be woken.
    pub device: Option<Device>,
}

/// Why a login did not go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such person, or another password.
    #[error("wrong user or password")]
    Wrong,
    /// An operator has shut the person out.
    #[error("this account is banned")]
    Banned,
}

impl Commands {
    /// Logs `user_id` in with what was given as the password: the password, or the password, a
    /// digit and a push token.
    ///
    /// # Errors
    /// The outer error when the log is away; the inner one is the refusal.
    pub async fn log_in_to_xmpp(
        &self,
        user_id: UserId,
        given: &str,
    ) -> Result<Result<XmppLogin, Refusal>, eventlog::Error> {
        let account = self.account(user_id).await?;
        let generation = account.as_ref().map_or(0, |account| account.generation);
        let right = self.xmpp_password(user_id, generation);
        let (password, device) = parts(given);
        // Also for a user who does not exist, so that it takes as long.
        let matches = bool::from(right.as_bytes().ct_eq(password.as_bytes()));
        Ok(match account.filter(|_| matches) {
            None => Err(Refusal::Wrong),
            Some(account) if account.banned => Err(Refusal::Banned),
            Some(account) => Ok(XmppLogin { account, device }),
        })
    }

    /// Whether a login of `user_id` in this generation of the password still holds.
    ///
    /// # Errors
    /// When the log is away.
    pub async fn is_welcome(
        &self,
        user_id: UserId,
        generation: u32,
    ) -> Result<bool, eventlog::Error> {
        let account = self.account(user_id).await?;
        Ok(account.is_some_and(|account| !account.banned && account.generation == generation))
    }
}

/// The password and the device. Read from the right, where all lengths are known; what ends in no
/// device is a password as a whole.
fn parts(given: &str) -> (&str, Option<Device>) {
    let split = given.len().checked_sub(TOKEN_LENGTH + 1);
    let split = split.and_then(|at| given.split_at_checked(at));
    if let Some((password, suffix)) = split
        && let Ok(device) = Device::from_suffix(suffix)
    {
        return (password, Some(device));
    }
    (given, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::House;

    #[tokio::test]
    async fn the_password_opens_with_and_without_a_token_and_nothing_else_does() {
        let house = House::new().await;
        let commands = &house.commands;
        let login = commands.log_in("ana", "secret").await.expect("a login");
        let ana = login.account.user_id;
        let password = commands.xmpp_password(ana, 0);
        let token = "0f".repeat(32);
        let try_it = async |user, given: &str| {
            let login = commands.log_in_to_xmpp(user, given).await;
            login.expect("a log")
        };
        let login = try_it(ana, &password).await.expect("the password");
        assert_eq!((login.account.user_id, login.device), (ana, None));
        let with_token = format!("{password}2{token}");
        let login = try_it(ana, &with_token).await.expect("with a token");
        let device = login.device.expect("a device");
        assert_eq!(device.token.as_str(), token);

        for wrong in [
            "",
            "0",
            &password[1..],
            &format!("{password}2{}", &token[1..]),
            &format!("{password}2{token}0"),
            &format!("{password}3{token}"),
            &format!("{password}{token}"),
            &format!("2{token}"),
            &password.to_uppercase().repeat(2),
            "äöü",
        ] {
            assert_eq!(
                try_it(ana, wrong).await.err(),
                Some(Refusal::Wrong),
                "{wrong}"
            );
        }
        let nobody = UserId::new(1, [9; 8]);
        let of_nobody = commands.xmpp_password(nobody, 0);
        assert_eq!(try_it(nobody, &of_nobody).await.err(), Some(Refusal::Wrong));
    }

    #[tokio::test]
    async fn a_reset_and_a_ban_shut_out() {
        let house = House::new().await;
        let commands = &house.commands;
        let login = commands.log_in("ana", "secret").await.expect("a login");
        let ana = login.account.user_id;
        let old = commands.xmpp_password(ana, 0);
        let (new, _) = commands.reset_password(ana).await.expect("a reset");
        let refusal = async |given: &str| {
            let login = commands.log_in_to_xmpp(ana, given).await;
            login.expect("a log").err()
        };
        assert_eq!(refusal(&old).await, Some(Refusal::Wrong));
        assert_eq!(refusal(&new).await, None);
        let _ = commands.ban(ana).await.expect("a ban");
        assert_eq!(refusal(&new).await, Some(Refusal::Banned));
    }
}
