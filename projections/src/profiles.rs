//! What people say about themselves, by user.
//!
//! Pictures, follows and places are other models' business.

use crate::Error;
use crate::cells::{id, number, odd};
use crate::many;
use crate::sql::{Refusal, Rows, SqlProjection, Table};
use domain::user::{Gender, Invisible, ProfileChanged, UserRegistered};
use domain::{Event, EventKind, UserId};
use eventlog::RecordedEvent;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row};
use std::collections::HashMap;

const COLUMNS: &str = "user_id, name, gender, birthday, signature, job, jobtype, hobby, wb_uid, \
                       invisible, generation, banned";

/// A person's account, as others may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Who.
    pub user_id: UserId,
    /// The name.
    pub name: String,
    /// The gender.
    pub gender: Gender,
    /// `YYYY-MM-DD`; empty when not given.
    pub birthday: String,
    /// Empty when not given.
    pub signature: String,
    /// Empty when not given.
    pub job: String,
    /// A number of the client's own list of jobs.
    pub jobtype: Option<i32>,
    /// Empty when not given.
    pub hobby: String,
    /// The Weibo user id, for those who came from there.
    pub wb_uid: Option<String>,
    /// From whom the person hides.
    pub invisible: Invisible,
    /// The generation of the XMPP password.
    pub generation: u32,
    /// An operator has shut the person out.
    pub banned: bool,
}

/// Everybody's profile.
#[derive(Clone, Debug)]
pub struct Profiles {
    reads: AnyPool,
}

impl Profiles {
    pub(crate) fn new(reads: AnyPool) -> Self {
        Self { reads }
    }

    /// The profile of `user`; `None` when there is no such account.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn get(&self, user: UserId) -> Result<Option<Profile>, Error> {
        Ok(self.many(&[user]).await?.remove(&user))
    }

    /// The profiles of `users`, without those who have no account; one query for up to 500.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn many(&self, users: &[UserId]) -> Result<HashMap<UserId, Profile>, Error> {
        let mut found = HashMap::with_capacity(users.len());
        for (places, ids) in many::chunks(users, 1) {
            let sql = format!("SELECT {COLUMNS} FROM profiles WHERE user_id IN ({places})");
            let query = ids
                .into_iter()
                .fold(sqlx::query(AssertSqlSafe(sql)), |query, id| query.bind(id));
            for row in query.fetch_all(&self.reads).await? {
                let profile = profile(&row)?;
                found.insert(profile.user_id, profile);
            }
        }
        Ok(found)
    }
}

fn profile(row: &AnyRow) -> Result<Profile, sqlx::Error> {
    Ok(Profile {
        user_id: id(row, "user_id")?,
        name: row.try_get("name")?,
        gender: Gender::try_from(number::<u8>(row, "gender")?)
            .map_err(|error| odd("gender", error))?,
        birthday: row.try_get("birthday")?,
        signature: row.try_get("signature")?,
        job: row.try_get("job")?,
        jobtype: row
            .try_get::<Option<i64>, _>("jobtype")?
            .map(i32::try_from)
            .transpose()
            .map_err(|error| odd("jobtype", error))?,
        hobby: row.try_get("hobby")?,
        wb_uid: row.try_get("wb_uid")?,
        invisible: Invisible::try_from(number::<u8>(row, "invisible")?)
            .map_err(|error| odd("invisible", error))?,
        generation: number(row, "generation")?,
        banned: number::<u8>(row, "banned")? != 0,
    })
}

#[async_trait::async_trait]
impl SqlProjection for Profiles {
    fn name(&self) -> &'static str {
        "profiles"
    }

    fn version(&self) -> u32 {
        2
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[
            EventKind::UserRegistered,
            EventKind::ProfileChanged,
            EventKind::VisibilityChanged,
            EventKind::PasswordReset,
            EventKind::UserBanned,
            EventKind::UserUnbanned,
        ]
    }

    fn shape(&self) -> &'static [Table] {
        &[Table {
            name: "profiles",
            columns: "user_id TEXT NOT NULL PRIMARY KEY, \
                      name TEXT NOT NULL, \
                      gender BIGINT NOT NULL, \
                      birthday TEXT NOT NULL, \
                      signature TEXT NOT NULL, \
                      job TEXT NOT NULL, \
                      jobtype BIGINT, \
                      hobby TEXT NOT NULL, \
                      wb_uid TEXT, \
                      invisible BIGINT NOT NULL, \
                      generation BIGINT NOT NULL, \
                      banned BIGINT NOT NULL",
        }]
    }

    /// As the user's own stream folds it: a second registration changes nothing, nor does what is
    /// said of a user who is not there.
    async fn apply(&self, rows: &mut Rows<'_>, events: &[&RecordedEvent]) -> Result<(), Refusal> {
        for event in events {
            match &event.event {
                Event::UserRegistered(registered) => register(rows, registered).await?,
                Event::ProfileChanged(changed) => change(rows, changed).await?,
                Event::VisibilityChanged(changed) => {
                    rows.statement(
                        "UPDATE {} SET invisible = $2 WHERE user_id = $1",
                        "profiles",
                    )
                    .bind(changed.user_id.to_string())
                    .bind(i64::from(u8::from(changed.invisible)))
                    .execute(&mut *rows.connection)
                    .await?;
                }
                Event::PasswordReset(reset) => {
                    rows.statement(
                        "UPDATE {} SET generation = $2 WHERE user_id = $1",
                        "profiles",
                    )
                    .bind(reset.user_id.to_string())
                    .bind(i64::from(reset.generation))
                    .execute(&mut *rows.connection)
                    .await?;
                }
                Event::UserBanned(banned) => ban(rows, banned.user_id, 1).await?,
                Event::UserUnbanned(unbanned) => ban(rows, unbanned.user_id, 0).await?,
                _ => {}
            }
        }
        Ok(())
    }
}

async fn ban(rows: &mut Rows<'_>, user: UserId, banned: i64) -> Result<(), sqlx::Error> {
    rows.statement("UPDATE {} SET banned = $2 WHERE user_id = $1", "profiles")
        .bind(user.to_string())
        .bind(banned)
        .execute(&mut *rows.connection)
        .await
        .map(drop)
}

async fn register(rows: &mut Rows<'_>, registered: &UserRegistered) -> Result<(), sqlx::Error> {
    rows.statement(
        "INSERT INTO {} (user_id, name, gender, birthday, signature, job, hobby, wb_uid, \
         invisible, generation, banned) VALUES ($1, $2, $3, '', '', '', '', $4, 0, 0, 0) \
         ON CONFLICT (user_id) DO NOTHING",
        "profiles",
    )
    .bind(registered.user_id.to_string())
    .bind(registered.name.clone())
    .bind(i64::from(u8::from(registered.gender)))
    .bind(registered.wb_uid.clone())
    .execute(&mut *rows.connection)
    .await
    .map(drop)
}

async fn change(rows: &mut Rows<'_>, changed: &ProfileChanged) -> Result<(), sqlx::Error> {
    let changes = &changed.changes;
    rows.statement(
        "UPDATE {} SET name = COALESCE($2, name), gender = COALESCE($3, gender), \
         birthday = COALESCE($4, birthday), signature = COALESCE($5, signature), \
         job = COALESCE($6, job), jobtype = COALESCE($7, jobtype), hobby = COALESCE($8, hobby) \
         WHERE user_id = $1",
        "profiles",
    )
    .bind(changed.user_id.to_string())
    .bind(changes.name.clone())
    .bind(changes.gender.map(|gender| i64::from(u8::from(gender))))
    .bind(changes.birthday.clone())
    .bind(changes.signature.clone())
    .bind(changes.job.clone())
    .bind(changes.jobtype.map(i64::from))
    .bind(changes.hobby.clone())
    .execute(&mut *rows.connection)
    .await
    .map(drop)
}

#[cfg(test)]
mod tests;
