//! Who is logging in: one file a provider. All of them end in an account of ours.

mod admissions;
mod local;
mod scram;
mod weibo;
mod xmpp;

pub(crate) use admissions::Admissions;
pub use scram::{SCRAM_ITERATIONS, ScramHash, ScramProof};
pub(crate) use weibo::WEIBO;
pub use weibo::{PostedPicture, Weibo, WeiboError, WeiboSettings, WeiboSetupError};
pub use xmpp::{Refusal, XmppLogin};

use crate::execute::{Error, Receipt, by};
use crate::{Commands, StateError};
use domain::identity::{Identity, IdentityLinked, LinkIdentity};
use domain::user::{Account, Command, Gender, Rejection, User, UserRegistered};
use domain::{Millis, StreamName, UserId};
use eventlog::Metadata;
use std::fmt;
use uuid::Uuid;

/// The longest password in bytes.
pub const MAX_PASSWORD_BYTES: usize = 1_024;

/// Who knows people's names and passwords.
#[derive(Debug, Default)]
pub enum Provider {
    /// We do ourselves.
    #[default]
    Local,
    /// Weibo does.
    Weibo(Box<Weibo>),
}

/// A login that went through.
#[derive(Clone, Debug)]
pub struct Login {
    /// The account, made just now or long ago.
    pub account: Account,
    /// What making the account wrote.
    pub receipt: Receipt,
    /// What the provider gave along, if it is not ourselves.
    pub token: Option<ProviderToken>,
}

/// A provider's permission to act for a person there.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderToken {
    /// The permission itself; a secret.
    pub token: String,
    /// Seconds that it lives, as of the login.
    pub expires_in: i64,
    /// When it ends.
    pub expires_at: Millis,
}

/// Why a login did not go through.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Another password than at the first login with this name, or not the one at Weibo.
    #[error("wrong password")]
    WrongPassword,
    /// Weibo does not know this code.
    #[error("weibo does not accept this code")]
    WrongCode,
    /// An operator has shut the person out.
    #[error("this account is banned")]
    Banned,
    /// The name cannot be that of an account.
    #[error("name must have 1 to 63 characters on one line")]
    Name,
    /// The name cannot be one at Weibo.
    #[error("name must have 1 to 255 characters on one line")]
    WeiboName,
    /// The password is empty or longer than [`MAX_PASSWORD_BYTES`].
    #[error("pass must have 1 to 1024 bytes")]
    Password,
    /// This server does not ask Weibo.
    #[error("this server has no weibo login")]
    NoWeibo,
    /// Weibo could not be asked; what is wrong is for operators.
    #[error(transparent)]
    WeiboAway(WeiboError),
    /// Technical reasons.
    #[error(transparent)]
    Command(#[from] Error<Rejection>),
}

impl From<StateError> for LoginError {
    fn from(error: StateError) -> Self {
        Self::Command(error.into())
    }
}

impl fmt::Debug for ProviderToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderToken(..)")
    }
}

impl Login {
    /// A login that changed nothing; the banned are sent away.
    fn of(account: Account) -> Result<Self, LoginError> {
        if account.banned {
            return Err(LoginError::Banned);
        }
        Ok(Self {
            account,
            receipt: Receipt::default(),
            token: None,
        })
    }
}

/// What a provider says about a person.
struct Subject<'a> {
    provider: &'static str,
    /// A keyed digest of who it is there.
    digest: &'a str,
    name: &'a str,
    gender: Gender,
    wb_uid: Option<String>,
}

impl Commands {
    /// Logs in by name and password, as whoever knows them says; the first login of somebody makes
    /// the account.
    ///
    /// # Errors
    /// [`LoginError`]; nothing is recorded then.
    pub async fn log_in(&self, name: &str, password: &str) -> Result<Login, LoginError> {
        match &self.provider {
            Provider::Local => self.log_in_locally(name, password).await,
            Provider::Weibo(weibo) => self.log_in_at_weibo(weibo, name, password).await,
        }
    }

    /// The account of a subject that has proved who it is, made now if this is its first login.
    ///
    /// Two appends, each of which can be repeated: a login that died between them is completed by
    /// the next one.
    async fn account_of(&self, subject: Subject<'_>) -> Result<Login, LoginError> {
        let stream = StreamName::identity(subject.provider, subject.digest);
        let by = Metadata {
            correlation: Some(Uuid::now_v7()),
            ..by(subject.provider)
        };
        let candidate = UserId::new(self.clock.now().second(), rand::random());
        let link = IdentityLinked {
            provider: subject.provider.into(),
            user_id: candidate,
        };
        let linked = self
            .execute::<Identity>(&stream, &LinkIdentity(link), &by)
            .await;
        let linked = linked.map_err(|error| error.map::<Rejection>(|never| match never {}))?;
        let (user_id, _) = crate::execute::load::<Identity>(&*self.log, &stream)
            .await
            .map_err(Error::Log)?;
        let user_id = user_id.ok_or(Error::Rejected(Rejection::UnknownUser))?;

        let register = Command::Register(UserRegistered {
            user_id,
            name: subject.name.into(),
            gender: subject.gender,
            wb_uid: subject.wb_uid,
        });
        let registered = self
            .execute::<User>(&StreamName::user(user_id), &register, &by)
            .await?;
        let account = self.account(user_id).await.map_err(Error::Log)?;
        let account = account.ok_or(Error::Rejected(Rejection::UnknownUser))?;
        Ok(Login {
            receipt: linked.and(registered),
            ..Login::of(account)?
        })
    }

    /// Runs `work` off the async threads, so many at a time as there are cores.
    pub(crate) async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let _turn = self
            .hashing
            .acquire()
            .await
            .map_err(|_| StateError::Hashing)?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| StateError::Hashing)?
    }
}
