//! Logging in over XMPP: people with their password, behind which a device may report its push
//! token (seed §33.1), and the staff of a shop as the shop (seed §28.2), with a secret that an
//! operator gave them.
//!
//! Guessing is slowed down by the door; nothing here remembers failures.

use super::admissions::Known;
use crate::Commands;
use crate::execute::{Error, load};
use domain::push::{Device, TOKEN_LENGTH};
use domain::shop::Shop;
use domain::{Party, StreamName, UserId};
use subtle::ConstantTimeEq;

/// A login that went through.
#[derive(Clone, Debug)]
pub struct XmppLogin {
    /// Whose it is.
    pub party: Party,
    /// In which generation of the password.
    pub generation: u32,
    /// The device that the person wants to be woken.
    pub device: Option<Device>,
}

/// Why a login did not go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody of this name may log in, or not with this password.
    #[error("wrong user or password")]
    Wrong,
    /// An operator has shut the person out.
    #[error("this account is banned")]
    Banned,
}

/// How somebody stands who wants to log in.
pub(super) struct Standing {
    /// The password; one that nobody has where nobody may log in.
    pub(super) password: String,
    pub(super) admission: Admission,
}

/// Whether somebody who knows the password may log in.
pub(super) struct Admission {
    party: Party,
    /// Of the password; `None` where there is none, whatever [`Standing::password`] says.
    generation: Option<u32>,
    banned: bool,
}

impl Commands {
    /// Logs `party` in with what was given as the password: the password, or, for people, the
    /// password, a digit and a push token.
    ///
    /// # Errors
    /// [`Refusal`]; [`Error::Log`].
    pub async fn log_in_to_xmpp(
        &self,
        party: Party,
        given: &str,
    ) -> Result<XmppLogin, Error<Refusal>> {
        let standing = self.standing(party).await.map_err(Error::Log)?;
        let (password, device) = match party {
            Party::User(_) => parts(given),
            Party::Shop(_) => (given, None),
        };
        // Also for those who do not exist, so that it takes as long.
        let matches = standing.password.as_bytes().ct_eq(password.as_bytes());
        let entered = standing.admission.enter(matches.into(), device);
        entered.map_err(Error::Rejected)
    }

    /// Whether a login of `party` in this generation of the password still holds.
    ///
    /// # Errors
    /// When the log is away.
    pub async fn is_welcome(&self, party: Party, generation: u32) -> Result<bool, eventlog::Error> {
        let admission = self.standing(party).await?.admission;
        Ok(!admission.banned && admission.generation == Some(generation))
    }

    pub(super) async fn standing(&self, party: Party) -> Result<Standing, eventlog::Error> {
        let (password, generation, banned) = match party {
            Party::User(user_id) => {
                let known = self.admission_of(user_id).await?;
                let generation = known.map(|known| known.generation);
                let password = self.xmpp_password(user_id, generation.unwrap_or(0));
                (
                    password,
                    generation,
                    known.is_some_and(|known| known.banned),
                )
            }
            Party::Shop(shop_id) => {
                let shop = load::<Shop>(&*self.log, &StreamName::shop(shop_id))
                    .await?
                    .0;
                let generation = shop.and_then(|shop| shop.xmpp_generation());
                let password = self.secret.shop_password(shop_id, generation.unwrap_or(0));
                (password, generation, false)
            }
        };
        Ok(Standing {
            password,
            admission: Admission {
                party,
                generation,
                banned,
            },
        })
    }

    /// How the account of somebody stands, who may have none.
    async fn admission_of(&self, user_id: UserId) -> Result<Option<Known>, eventlog::Error> {
        if let Some(known) = self.admissions.get(user_id) {
            return Ok(Some(known));
        }
        let epoch = self.admissions.epoch();
        let known = self.account(user_id).await?.map(|account| Known {
            generation: account.generation,
            banned: account.banned,
        });
        if let Some(known) = known {
            self.admissions.remember(user_id, epoch, known);
        }
        Ok(known)
    }

    /// Somebody's password was reset, or they were banned or let in again, perhaps by another node.
    /// Whoever ends sessions for that must say so here first.
    pub fn admission_changed(&self) {
        self.admissions.forget();
    }
}

impl Admission {
    /// The login of somebody whose password `matches`, or not.
    pub(super) fn enter(self, matches: bool, device: Option<Device>) -> Result<XmppLogin, Refusal> {
        match self.generation.filter(|_| matches) {
            None => Err(Refusal::Wrong),
            Some(_) if self.banned => Err(Refusal::Banned),
            Some(generation) => Ok(XmppLogin {
                party: self.party,
                generation,
                device,
            }),
        }
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
    use domain::geo::Point;
    use domain::shop::{Category, ShopDetails};
    use domain::{ShopId, UserId};

    async fn try_it(house: &House, party: Party, given: &str) -> Result<XmppLogin, Refusal> {
        let login = house.commands.log_in_to_xmpp(party, given).await;
        login.map_err(|error| match error {
            Error::Rejected(refusal) => refusal,
            error => panic!("{error}"),
        })
    }

    #[tokio::test]
    async fn the_password_opens_with_and_without_a_token_and_nothing_else_does() {
        let house = House::new().await;
        let commands = &house.commands;
        let login = commands.log_in("ana", "secret").await.expect("a login");
        let user_id = login.account.user_id;
        let ana = user_id.into();
        let password = commands.xmpp_password(user_id, 0);
        let token = "0f".repeat(32);
        let login = try_it(&house, ana, &password).await.expect("the password");
        assert_eq!((login.party, login.device), (ana, None));
        let with_token = format!("{password}2{token}");
        let login = try_it(&house, ana, &with_token).await.expect("a login");
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
            let refusal = try_it(&house, ana, wrong).await.err();
            assert_eq!(refusal, Some(Refusal::Wrong), "{wrong}");
        }
        let nobody = UserId::new(1, [9; 8]);
        let of_nobody = commands.xmpp_password(nobody, 0);
        let refusal = try_it(&house, nobody.into(), &of_nobody).await.err();
        assert_eq!(refusal, Some(Refusal::Wrong));
    }

    #[tokio::test]
    async fn a_reset_and_a_ban_shut_out() {
        let house = House::new().await;
        let commands = &house.commands;
        let login = commands.log_in("ana", "secret").await.expect("a login");
        let ana = login.account.user_id;
        let old = commands.xmpp_password(ana, 0);
        let (new, _) = commands.reset_password(ana).await.expect("a reset");
        let refusal = async |given: &str| try_it(&house, ana.into(), given).await.err();
        assert_eq!(refusal(&old).await, Some(Refusal::Wrong));
        assert_eq!(refusal(&new).await, None);
        let _ = commands.ban(ana).await.expect("a ban");
        assert_eq!(refusal(&new).await, Some(Refusal::Banned));
    }

    #[tokio::test]
    async fn a_shop_is_entered_with_its_last_secret_only_until_it_is_revoked_or_closed() {
        let house = House::new().await;
        let commands = &house.commands;
        let shop_id = ShopId::new(7).expect("an id");
        let shop = Party::Shop(shop_id);
        let opens = async |given: &str| match try_it(&house, shop, given).await {
            Ok(login) => {
                assert_eq!((login.party, login.device), (shop, None));
                let welcome = commands.is_welcome(shop, login.generation).await;
                assert!(welcome.expect("a log"));
                true
            }
            Err(refusal) => {
                assert_eq!(refusal, Refusal::Wrong);
                false
            }
        };
        let of_generation = |generation| commands.secret.shop_password(shop_id, generation);
        for generation in 0..2 {
            assert!(!opens(&of_generation(generation)).await, "no such shop");
        }
        let details = ShopDetails {
            name: "Ekberg".into(),
            point: Point::new(60.0, 24.0).expect("a point"),
            category: Category::Cafe,
            address: String::new(),
            phone: String::new(),
            points: Vec::new(),
        };
        let _ = commands
            .register_shop(shop_id, details)
            .await
            .expect("a shop");
        for generation in 0..2 {
            assert!(!opens(&of_generation(generation)).await, "no secret yet");
        }
        let issue = async || {
            let issued = commands.issue_xmpp_secret(shop_id).await;
            issued.expect("a secret").0
        };
        let first = issue().await;
        assert_eq!(first.len(), 32);
        assert!(opens(&first).await);
        assert!(!opens(&format!("{first}2{}", "0f".repeat(32))).await);
        let second = issue().await;
        assert!(!opens(&first).await);
        assert!(opens(&second).await);
        assert!(!commands.is_welcome(shop, 1).await.expect("a log"));
        let _ = commands.revoke_xmpp_secret(shop_id).await.expect("an end");
        assert!(!opens(&second).await);
        let third = issue().await;
        assert!(opens(&third).await && !opens(&second).await);
        let _ = commands.close_shop(shop_id).await.expect("an end");
        assert!(!opens(&third).await);
        assert!(commands.issue_xmpp_secret(shop_id).await.is_err());
    }
}
