//! The local provider: the first login with a name makes the account, later ones check the
//! password (Argon2id, kept in the state database, never in an event).

use super::{Login, LoginError, MAX_PASSWORD_BYTES, Subject};
use crate::{Commands, StateError};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use domain::user::{Gender, is_name};

impl Commands {
    pub(super) async fn log_in_locally(
        &self,
        name: &str,
        password: &str,
    ) -> Result<Login, LoginError> {
        if !is_name(name) {
            return Err(LoginError::Name);
        }
        if password.is_empty() || password.len() > MAX_PASSWORD_BYTES {
            return Err(LoginError::Password);
        }
        let digest = self.secret.digest("identity-local", name);
        let hash = match self.state.password_hash(&digest).await? {
            Some(hash) => hash,
            // Of two first logins at the same moment one wins; the other must match it below.
            None => {
                let hash = self.hash(password).await?;
                self.state.claim_password_hash(&digest, &hash).await?
            }
        };
        if !self.verify(password, hash).await? {
            return Err(LoginError::WrongPassword);
        }
        let subject = Subject {
            provider: "local",
            digest: &digest,
            name,
            gender: Gender::Unset,
            wb_uid: None,
        };
        self.account_of(subject).await
    }

    async fn hash(&self, password: &str) -> Result<String, StateError> {
        let password = password.to_owned();
        self.hashing(move || {
            let hash = Argon2::default().hash_password(password.as_bytes());
            hash.map(|hash| hash.to_string())
                .map_err(|_| StateError::Hashing)
        })
        .await
    }

    async fn verify(&self, password: &str, hash: String) -> Result<bool, StateError> {
        let password = password.to_owned();
        self.hashing(move || {
            let hash = PasswordHash::new(&hash).map_err(|_| StateError::Hashing)?;
            Ok(Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::by;
    use crate::testing::House;
    use domain::identity::{Identity, IdentityLinked, LinkIdentity};
    use domain::{StreamName, UserId};

    const ACCOUNT: [&str; 2] = ["identity.linked.v1", "user.registered.v1"];

    #[tokio::test]
    async fn the_first_login_makes_the_account_and_the_next_finds_it() {
        let house = House::new().await;
        let first = house
            .commands
            .log_in("ana", "secret")
            .await
            .expect("a login");
        let second = house
            .commands
            .log_in("ana", "secret")
            .await
            .expect("a login");
        assert_eq!(first.account, second.account);
        assert_eq!(house.events().await, ACCOUNT);
    }

    #[tokio::test]
    async fn a_wrong_password_is_refused_and_recorded_nowhere() {
        let house = House::new().await;
        house
            .commands
            .log_in("ana", "secret")
            .await
            .expect("a login");
        for wrong in ["Secret", "secret ", "x"] {
            let refused = house.commands.log_in("ana", wrong).await;
            assert!(matches!(refused, Err(LoginError::WrongPassword)), "{wrong}");
        }
        assert_eq!(house.events().await, ACCOUNT);
    }

    #[tokio::test]
    async fn names_and_passwords_that_cannot_be_are_refused() {
        let house = House::new().await;
        for name in ["", " ", "a\nb", &"n".repeat(64)] {
            assert!(matches!(
                house.commands.log_in(name, "x").await,
                Err(LoginError::Name)
            ));
        }
        for password in ["", &"p".repeat(MAX_PASSWORD_BYTES + 1)] {
            let refused = house.commands.log_in("ana", password).await;
            assert!(matches!(refused, Err(LoginError::Password)));
        }
        assert!(house.events().await.is_empty());
    }

    #[tokio::test]
    async fn first_logins_at_the_same_moment_make_one_account() {
        let house = House::new().await;
        let mut logins = Vec::new();
        for _ in 0..4 {
            let commands = house.commands.clone();
            logins.push(tokio::spawn(async move {
                commands.log_in("ana", "secret").await
            }));
        }
        let mut accounts = Vec::new();
        for login in logins {
            accounts.push(login.await.expect("a task").expect("a login").account);
        }
        assert!(accounts.iter().all(|account| *account == accounts[0]));
        assert_eq!(house.events().await, ACCOUNT);
    }

    #[tokio::test]
    async fn a_login_that_died_half_way_is_completed_by_the_next() {
        let house = House::new().await;
        let digest = house.commands.secret.digest("identity-local", "ana");
        let stream = StreamName::identity("local", &digest);
        let user_id = UserId::new(1, [1; 8]);
        let link = LinkIdentity(IdentityLinked {
            provider: "local".into(),
            user_id,
        });
        let _ = house
            .commands
            .execute::<Identity>(&stream, &link, &by("local"))
            .await;
        assert_eq!(house.events().await, ACCOUNT[..1]);

        let login = house
            .commands
            .log_in("ana", "secret")
            .await
            .expect("a login");
        assert_eq!(login.account.user_id, user_id);
        assert_eq!(house.events().await, ACCOUNT);
    }
}
