//! The Weibo provider: Weibo says who somebody is, by name and password or by the code that a
//! browser brought from there (seed §2.1, §2.2).
//!
//! Its tokens are kept in the state database, never in an event or a log line.

mod answer;
mod client;

pub use answer::WeiboError;
pub use client::{PostedPicture, Weibo, WeiboSettings, WeiboSetupError};

use super::{Login, LoginError, MAX_PASSWORD_BYTES, Provider, ProviderToken, Subject};
use crate::Commands;
use crate::execute::{Error, load};
use client::{Grant, Person};
use domain::identity::Identity;
use domain::user::{Account, Gender};
use domain::{Millis, StreamName};

/// The name of this provider in streams and tables.
pub(crate) const WEIBO: &str = "weibo";

/// The longest user name there, in characters: an address or a phone number.
const MAX_NAME: usize = 255;

/// The longest code, in bytes; real ones have 32.
const MAX_CODE: usize = 512;

/// How many characters of a name are kept.
const NAME: usize = 63;

impl Commands {
    /// Weibo, if it is the provider.
    #[must_use]
    pub fn weibo(&self) -> Option<&Weibo> {
        match &self.provider {
            Provider::Weibo(weibo) => Some(weibo),
            Provider::Local => None,
        }
    }

    /// Logs in by the code that Weibo gave to a browser; the first login makes the account.
    ///
    /// # Errors
    /// [`LoginError`]; nothing is recorded then.
    pub async fn log_in_by_code(&self, code: &str) -> Result<Login, LoginError> {
        let weibo = self.weibo().ok_or(LoginError::NoWeibo)?;
        if code.is_empty() || code.len() > MAX_CODE {
            return Err(LoginError::WrongCode);
        }
        let grant = weibo.grant_by_code(code).await;
        let grant = grant.map_err(|error| unless_away(error, LoginError::WrongCode))?;
        self.log_in_granted(weibo, grant).await
    }

    pub(super) async fn log_in_at_weibo(
        &self,
        weibo: &Weibo,
        name: &str,
        password: &str,
    ) -> Result<Login, LoginError> {
        let plain = !name.trim().is_empty() && !name.chars().any(char::is_control);
        if !plain || name.chars().count() > MAX_NAME {
            return Err(LoginError::WeiboName);
        }
        if password.is_empty() || password.len() > MAX_PASSWORD_BYTES {
            return Err(LoginError::Password);
        }
        let grant = weibo.grant_by_password(name, password).await;
        let grant = grant.map_err(|error| unless_away(error, LoginError::WrongPassword))?;
        self.log_in_granted(weibo, grant).await
    }

    /// The account of somebody for whom Weibo vouches.
    async fn log_in_granted(&self, weibo: &Weibo, grant: Grant) -> Result<Login, LoginError> {
        let digest = self.secret.digest("identity-weibo", &grant.uid);
        // Who is here already need not be looked up there.
        let known = self.known(&digest).await.map_err(Error::Log)?;
        let mut login = match known {
            Some(account) => Login::of(account)?,
            None => {
                let person = weibo.person(&grant.token, &grant.uid).await;
                let person = person.map_err(|error| unless_away(error, LoginError::WrongCode))?;
                let subject = Subject {
                    provider: WEIBO,
                    digest: &digest,
                    name: &name_of(&person, &grant.uid),
                    gender: gender(&person.gender),
                    wb_uid: Some(grant.uid.clone()),
                };
                self.account_of(subject).await?
            }
        };
        let lifetime = i64::try_from(grant.expires_in).unwrap_or(i64::MAX);
        let now = self.clock.now();
        let token = ProviderToken {
            expires_in: lifetime,
            expires_at: Millis(now.0.saturating_add(lifetime.saturating_mul(1_000))),
            token: grant.token,
        };
        let user_id = login.account.user_id;
        self.state.save_token(user_id, WEIBO, &token).await?;
        login.token = Some(token);
        Ok(login)
    }

    /// The account of a subject that has logged in before.
    async fn known(&self, digest: &str) -> Result<Option<Account>, eventlog::Error> {
        let stream = StreamName::identity(WEIBO, digest);
        match load::<Identity>(&*self.log, &stream).await?.0 {
            Some(user_id) => self.account(user_id).await,
            None => Ok(None),
        }
    }
}

/// A refusal of Weibo's as `refused`.
fn unless_away(error: WeiboError, refused: LoginError) -> LoginError {
    match error {
        WeiboError::Refused { .. } => refused,
        WeiboError::Away(_) => LoginError::WeiboAway(error),
    }
}

/// A name for the person here: theirs, cut to what fits; the number where that is none.
fn name_of(person: &Person, uid: &str) -> String {
    let plain = person.shown_name().chars().filter(|c| !c.is_control());
    let name: String = plain
        .collect::<String>()
        .trim()
        .chars()
        .take(NAME)
        .collect();
    if name.trim().is_empty() {
        uid.to_owned()
    } else {
        name
    }
}

fn gender(letter: &str) -> Gender {
    match letter {
        "m" => Gender::Male,
        "f" => Gender::Female,
        _ => Gender::Unset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::user::is_name;

    #[test]
    fn a_name_is_cut_to_what_fits() {
        for (name, expected) in [
            ("脸脸".to_owned(), "脸脸".to_owned()),
            (" a\n\u{7}b ".to_owned(), "ab".to_owned()),
            ("字".repeat(100), "字".repeat(63)),
            (" \n".to_owned(), "1884834632".to_owned()),
            (String::new(), "1884834632".to_owned()),
        ] {
            let person = serde_json::json!({"screen_name": name});
            let person: Person = serde_json::from_value(person).expect("a person");
            let kept = name_of(&person, "1884834632");
            assert_eq!(kept, expected);
            assert!(is_name(&kept));
        }
    }

    #[test]
    fn the_letters_of_genders_are_known() {
        assert_eq!(gender("m"), Gender::Male);
        assert_eq!(gender("f"), Gender::Female);
        assert_eq!(gender("n"), Gender::Unset);
        assert_eq!(gender(""), Gender::Unset);
    }
}
