//! A person's account: who they say they are, who may see where they are, and the generation of
//! their XMPP password.
//!
//! Passwords themselves, sessions and tokens never come here: events hold no secrets.

use crate::{Decider, Event, UserId};
use serde::{Deserialize, Serialize};

/// A person has an account.
///
/// `{"user_id":"502e…","name":"Ana","gender":0,"wb_uid":null}`; source: seed §2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRegistered {
    /// The new user.
    pub user_id: UserId,
    /// The name at the provider, until the person changes it.
    pub name: String,
    /// The gender at the provider.
    pub gender: Gender,
    /// The Weibo user id, for those who came from there.
    pub wb_uid: Option<String>,
}

/// A person changed what others read about them: the fields that changed, the others absent.
///
/// `{"user_id":"502e…","signature":"hello"}`; source: seed §16.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileChanged {
    /// Whose profile it is.
    pub user_id: UserId,
    /// The fields that changed.
    #[serde(flatten)]
    pub changes: ProfileEdit,
}

/// New values of some fields of a profile; an absent field stays as it is. Source: seed §16.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileEdit {
    /// Fewer than 64 characters, not blank, on one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// 0 unset, 1 male, 2 female.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<Gender>,
    /// `YYYY-MM-DD`, or `""` for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birthday: Option<String>,
    /// Fewer than 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Fewer than 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// A number of the client's own list of jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobtype: Option<i32>,
    /// Fewer than 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hobby: Option<String>,
}

/// A person changed who may see where they are.
///
/// `{"user_id":"502e…","invisible":2}`; source: seed §16.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisibilityChanged {
    /// Who.
    pub user_id: UserId,
    /// From now on.
    pub invisible: Invisible,
}

/// An operator gave a person a new XMPP password, which is derived from the generation.
///
/// `{"user_id":"502e…","generation":1}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordReset {
    /// Whose password it is.
    pub user_id: UserId,
    /// 0 at registration, one more at each reset.
    pub generation: u32,
}

/// An operator shut a person out: no login, no session, no presence.
///
/// `{"user_id":"502e…"}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserBanned {
    /// Who.
    pub user_id: UserId,
}

/// An operator let a person in again.
///
/// `{"user_id":"502e…"}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserUnbanned {
    /// Who.
    pub user_id: UserId,
}

/// Declares an enum that is stored and sent as a small number.
macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal,)+ }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(try_from = "u8", into = "u8")]
        pub enum $name {
            $($(#[$variant_doc])* $variant = $number,)+
        }

        impl From<$name> for u8 {
            fn from(value: $name) -> u8 {
                value as u8
            }
        }

        impl TryFrom<u8> for $name {
            type Error = OutOfRange;

            fn try_from(number: u8) -> Result<Self, OutOfRange> {
                match number {
                    $($number => Ok(Self::$variant),)+
                    _ => Err(OutOfRange),
                }
            }
        }
    };
}

/// The refusal of a number that stands for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 0, 1 or 2")]
pub struct OutOfRange;

numbered! {
    /// A person's gender (seed §16).
    Gender {
        /// Not said.
        #[default]
        Unset = 0,
        /// 男.
        Male = 1,
        /// 女.
        Female = 2,
    }
}

numbered! {
    /// From whom a person hides where they are (seed §16).
    Invisible {
        /// From nobody.
        #[default]
        ToNobody = 0,
        /// From those who neither follow the person nor are followed by the person.
        ToStrangers = 1,
        /// From everybody.
        ToEveryone = 2,
    }
}

/// What somebody wants with an account.
#[derive(Clone, Debug)]
pub enum Command {
    /// Makes the account; `UserRegistered` again changes nothing.
    Register(UserRegistered),
    /// Changes one's own profile and visibility.
    EditSelf {
        /// New values of some fields.
        profile: ProfileEdit,
        /// The new visibility, where it is given.
        invisible: Option<Invisible>,
    },
    /// Makes a new XMPP password.
    ResetPassword,
    /// Shuts the person out.
    Ban,
    /// Lets the person in again.
    Unban,
}

/// Why the rules refuse a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such account.
    #[error("unknown user")]
    UnknownUser,
    /// See [`ProfileEdit::name`].
    #[error("name must have 1 to 63 characters on one line")]
    Name,
    /// See [`ProfileEdit::birthday`].
    #[error("birthday must be a date like 2012-06-01")]
    Birthday,
    /// See [`ProfileEdit::signature`].
    #[error("signature must have fewer than 255 characters")]
    Signature,
    /// See [`ProfileEdit::job`].
    #[error("job must have fewer than 255 characters")]
    Job,
    /// See [`ProfileEdit::hobby`].
    #[error("hobby must have fewer than 255 characters")]
    Hobby,
}

/// An account as its stream tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Whose account it is.
    pub user_id: UserId,
    /// The Weibo user id, for those who came from there.
    pub wb_uid: Option<String>,
    /// The current profile, every field present.
    pub profile: ProfileEdit,
    /// From whom the person hides.
    pub invisible: Invisible,
    /// The generation of the XMPP password.
    pub generation: u32,
    /// The person is shut out.
    pub banned: bool,
}

/// The rules of `user-<id>`.
#[derive(Debug)]
pub struct User;

impl Decider for User {
    type Command = Command;
    type Rejection = Rejection;
    type State = Option<Account>;

    fn decide(account: &Option<Account>, command: &Command) -> Result<Vec<Event>, Rejection> {
        match (account, command) {
            (None, Command::Register(registered)) => Ok(vec![registered.clone().into()]),
            (Some(_), Command::Register(_)) => Ok(Vec::new()),
            (None, _) => Err(Rejection::UnknownUser),
            (Some(account), Command::EditSelf { profile, invisible }) => {
                profile.check()?;
                Ok(edits(account, profile, *invisible))
            }
            (Some(account), Command::Ban) if !account.banned => Ok(vec![
                UserBanned {
                    user_id: account.user_id,
                }
                .into(),
            ]),
            (Some(account), Command::Unban) if account.banned => Ok(vec![
                UserUnbanned {
                    user_id: account.user_id,
                }
                .into(),
            ]),
            (Some(_), Command::Ban | Command::Unban) => Ok(Vec::new()),
            (Some(account), Command::ResetPassword) => Ok(vec![
                PasswordReset {
                    user_id: account.user_id,
                    generation: account.generation + 1,
                }
                .into(),
            ]),
        }
    }

    fn evolve(account: &mut Option<Account>, event: &Event) {
        match (account.as_mut(), event) {
            (None, Event::UserRegistered(registered)) => {
                *account = Some(Account {
                    user_id: registered.user_id,
                    wb_uid: registered.wb_uid.clone(),
                    profile: ProfileEdit {
                        name: Some(registered.name.clone()),
                        gender: Some(registered.gender),
                        ..ProfileEdit::default()
                    },
                    invisible: Invisible::default(),
                    generation: 0,
                    banned: false,
                });
            }
            (Some(account), Event::ProfileChanged(changed)) => {
                account.profile.apply(&changed.changes);
            }
            (Some(account), Event::VisibilityChanged(changed)) => {
                account.invisible = changed.invisible;
            }
            (Some(account), Event::UserBanned(_)) => account.banned = true,
            (Some(account), Event::UserUnbanned(_)) => account.banned = false,
            (Some(account), Event::PasswordReset(reset)) => account.generation = reset.generation,
            _ => {}
        }
    }
}

impl ProfileEdit {
    /// Takes over the fields that `changes` has.
    pub fn apply(&mut self, changes: &Self) {
        fn take<T: Clone>(field: &mut Option<T>, change: &Option<T>) {
            if change.is_some() {
                field.clone_from(change);
            }
        }
        take(&mut self.name, &changes.name);
        take(&mut self.gender, &changes.gender);
        take(&mut self.birthday, &changes.birthday);
        take(&mut self.signature, &changes.signature);
        take(&mut self.job, &changes.job);
        take(&mut self.jobtype, &changes.jobtype);
        take(&mut self.hobby, &changes.hobby);
    }

    /// The fields of `self` that `current` has otherwise.
    fn changes_from(&self, current: &Self) -> Self {
        fn changed<T: Clone + PartialEq>(new: &Option<T>, old: &Option<T>) -> Option<T> {
            new.clone().filter(|new| old.as_ref() != Some(new))
        }
        Self {
            name: changed(&self.name, &current.name),
            gender: changed(&self.gender, &current.gender),
            birthday: changed(&self.birthday, &current.birthday),
            signature: changed(&self.signature, &current.signature),
            job: changed(&self.job, &current.job),
            jobtype: changed(&self.jobtype, &current.jobtype),
            hobby: changed(&self.hobby, &current.hobby),
        }
    }

    fn check(&self) -> Result<(), Rejection> {
        let fits = |field: &Option<String>, ok: fn(&str) -> bool, rejection| match field {
            Some(text) if !ok(text) => Err(rejection),
            _ => Ok(()),
        };
        fits(&self.name, is_name, Rejection::Name)?;
        fits(
            &self.birthday,
            |b| b.is_empty() || is_date(b),
            Rejection::Birthday,
        )?;
        fits(&self.signature, is_short_text, Rejection::Signature)?;
        fits(&self.job, is_short_text, Rejection::Job)?;
        fits(&self.hobby, is_short_text, Rejection::Hobby)
    }
}

/// Whether `text` can be a person's name: 1 to 63 characters, not blank, on one line.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.chars().count() < 64 && !text.trim().is_empty() && !text.chars().any(char::is_control)
}

/// Fewer than 255 characters, see [`is_text`].
fn is_short_text(text: &str) -> bool {
    is_text(text, 254)
}

/// At most so many characters, none of them a control character but line breaks and tabs.
pub(crate) fn is_text(text: &str, most: usize) -> bool {
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars().count() <= most && text.chars().all(plain)
}

/// Whether `text` is a day of the calendar, written `YYYY-MM-DD`.
pub(crate) fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shaped {
        return false;
    }
    let number = |digits: &[u8]| digits.iter().fold(0, |n, d| n * 10 + u32::from(d - b'0'));
    let (year, month, day) = (
        number(&bytes[..4]),
        number(&bytes[5..7]),
        number(&bytes[8..]),
    );
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    year >= 1 && (1..=days).contains(&day)
}

fn edits(account: &Account, profile: &ProfileEdit, invisible: Option<Invisible>) -> Vec<Event> {
    let user_id = account.user_id;
    let changes = profile.changes_from(&account.profile);
    let profile =
        (changes != ProfileEdit::default()).then(|| ProfileChanged { user_id, changes }.into());
    let visibility = invisible
        .filter(|new| *new != account.invisible)
        .map(|invisible| VisibilityChanged { user_id, invisible }.into());
    profile.into_iter().chain(visibility).collect()
}

#[cfg(test)]
mod tests;
