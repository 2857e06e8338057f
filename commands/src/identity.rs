//! Who is logging in: one file a provider. All of them end in an account of ours.

mod local;

pub use local::{LoginError, MAX_PASSWORD_BYTES};

use crate::Commands;
use crate::execute::{Error, Receipt, by};
use domain::identity::{Identity, IdentityLinked, LinkIdentity};
use domain::user::{Account, Command, Gender, Rejection, User, UserRegistered};
use domain::{StreamName, UserId};
use eventlog::Metadata;
use uuid::Uuid;

/// A login that went through.
#[derive(Clone, Debug)]
pub struct Login {
    /// The account, made just now or long ago.
    pub account: Account,
    /// What making the account wrote.
    pub receipt: Receipt,
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
    /// The account of a subject that has proved who it is, made now if this is its first login.
    ///
    /// Two appends, each of which can be repeated: a login that died between them is completed by
    /// the next one.
    async fn account_of(&self, subject: Subject<'_>) -> Result<Login, Error<Rejection>> {
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
        let linked = linked.map_err(|error| error.map(|never| match never {}))?;
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
            account,
            receipt: linked.and(registered),
        })
    }
}
