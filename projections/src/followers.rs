//! Who follows whom, from both sides: lists page by page, and how people stand to each other.
//!
//! People are numbered by the position of their registration, so that twenty million edges fit
//! into small rows. Each list counts its entries in blocks of `BLOCK`, so that a page far down
//! is found without walking there. Profiles are another model's business; names are kept for
//! searching only.

use crate::Error;
use crate::many;
use crate::sql::{Refusal, Rows, SqlProjection, Table};
use domain::{Event, EventKind, UserId};
use eventlog::RecordedEvent;
use futures_util::TryStreamExt;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row};
use std::collections::HashMap;

mod fold;

/// How many entries of a list share a counter.
const BLOCK: i64 = 1024;

/// The number of the block that stands for the whole list.
const ALL: i64 = -1;

/// How people stand to a viewer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// The viewer follows them.
    pub friend: bool,
    /// They follow the viewer.
    pub follower: bool,
    /// They have the viewer on their blacklist.
    pub blocks_viewer: bool,
}

/// Which of a person's two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Those who follow the person.
    Followers,
    /// Those whom the person follows.
    Friends,
}

/// A page of a list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// How many people the whole list has, after the filter.
    pub count: u64,
    /// The people of the page.
    pub users: Vec<UserId>,
}

/// Everybody's followers and friends.
#[derive(Clone, Debug)]
pub struct Followers {
    reads: AnyPool,
}

/// The columns of `follows` by which one of the two lists is read.
struct Columns {
    owner: &'static str,
    other: &'static str,
    place: &'static str,
    hidden: &'static str,
    side: i64,
}

impl List {
    fn columns(self) -> Columns {
        match self {
            Self::Followers => Columns {
                owner: "followed",
                other: "follower",
                place: "follower_place",
                hidden: "follower_hidden",
                side: 0,
            },
            Self::Friends => Columns {
                owner: "follower",
                other: "followed",
                place: "friend_place",
                hidden: "friend_hidden",
                side: 1,
            },
        }
    }
}

impl Followers {
    pub(crate) fn new(reads: AnyPool) -> Self {
        Self { reads }
    }

    /// A page of a list of `owner`, newest first, without those on the owner's blacklist; only
    /// those with `name` in their names, whichever the case of the letters.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn page(
        &self,
        owner: UserId,
        list: List,
        name: Option<&str>,
        skip: usize,
        limit: usize,
    ) -> Result<People, Error> {
        let Some(owner) = self.number(owner).await? else {
            return Ok(People::default());
        };
        match name {
            Some(name) => self.named(owner, &list.columns(), name, skip, limit).await,
            None => self.all(owner, &list.columns(), skip, limit).await,
        }
    }

    /// How `users` stand to `viewer`, in one query for up to 500; those who have no account are
    /// not there.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn flags(
        &self,
        viewer: UserId,
        users: &[UserId],
    ) -> Result<HashMap<UserId, Flags>, Error> {
        let mut found = HashMap::with_capacity(users.len());
        let Some(viewer) = self.number(viewer).await? else {
            return Ok(found);
        };
        for (places, ids) in many::chunks(users, 2) {
            let sql = format!(
                "SELECT p.user_id, \
                 CASE WHEN EXISTS (SELECT 1 FROM follows WHERE follower = $1 \
                     AND followed = p.number) THEN 1 ELSE 0 END, \
                 CASE WHEN EXISTS (SELECT 1 FROM follows WHERE follower = p.number \
                     AND followed = $1) THEN 1 ELSE 0 END, \
                 CASE WHEN EXISTS (SELECT 1 FROM unwanted WHERE owner = p.number \
                     AND other = $1) THEN 1 ELSE 0 END \
                 FROM people p WHERE p.user_id IN ({places})"
            );
            let query = ids
                .into_iter()
                .fold(sqlx::query(AssertSqlSafe(sql)).bind(viewer), |query, id| {
                    query.bind(id)
                });
            for row in query.fetch_all(&self.reads).await? {
                let flag = |column| row.try_get::<i32, _>(column).map(|flag| flag != 0);
                let flags = Flags {
                    friend: flag(1)?,
                    follower: flag(2)?,
                    blocks_viewer: flag(3)?,
                };
                found.insert(user(&row)?, flags);
            }
        }
        Ok(found)
    }

    async fn number(&self, user: UserId) -> Result<Option<i64>, Error> {
        let query = sqlx::query("SELECT number FROM people WHERE user_id = $1");
        let row = query
            .bind(user.to_string())
            .fetch_optional(&self.reads)
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Counts by blocks, and walks inside one only.
    async fn all(
        &self,
        owner: i64,
        columns: &Columns,
        skip: usize,
        limit: usize,
    ) -> Result<People, Error> {
        let count: Option<i64> = sqlx::query_scalar(
            "SELECT shown FROM follow_blocks WHERE owner = $1 AND side = $2 AND block = $3",
        )
        .bind(owner)
        .bind(columns.side)
        .bind(ALL)
        .fetch_optional(&self.reads)
        .await?;
        let count = u64::try_from(count.unwrap_or(0)).unwrap_or(0);
        let Some((start, skip)) = self.start(owner, columns, sql_number(skip)).await? else {
            return Ok(People {
                count,
                users: Vec::new(),
            });
        };
        let Columns {
            owner: own,
            other,
            place,
            hidden,
            ..
        } = columns;
        let sql = format!(
            "SELECT p.user_id FROM (SELECT {other} AS number, {place} AS place FROM follows \
             WHERE {own} = $1 AND {place} < $2 AND {hidden} = 0 \
             ORDER BY {place} DESC LIMIT $3 OFFSET $4) f \
             JOIN people p ON p.number = f.number ORDER BY f.place DESC"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(owner)
            .bind(start)
            .bind(sql_number(limit))
            .bind(skip)
            .fetch_all(&self.reads)
            .await?;
        let users = rows.iter().map(user).collect::<Result<_, _>>()?;
        Ok(People { count, users })
    }

    /// The place below which the entry is found that `skip` others stand before, and how many of
    /// them are below it too; `None` when the list is shorter.
    async fn start(
        &self,
        owner: i64,
        columns: &Columns,
        mut skip: i64,
    ) -> Result<Option<(i64, i64)>, Error> {
        let mut blocks = sqlx::query(
            "SELECT block, shown FROM follow_blocks \
             WHERE owner = $1 AND side = $2 AND block > $3 ORDER BY block DESC",
        )
        .bind(owner)
        .bind(columns.side)
        .bind(ALL)
        .fetch(&self.reads);
        while let Some(row) = blocks.try_next().await? {
            let (block, shown): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            if skip < shown {
                return Ok(Some(((block + 1) * BLOCK, skip)));
            }
            skip -= shown;
        }
        Ok(None)
    }

    /// Walks the whole list, comparing names.
    async fn named(
        &self,
        owner: i64,
        columns: &Columns,
        name: &str,
        skip: usize,
        limit: usize,
    ) -> Result<People, Error> {
        let Columns {
            owner: own,
            other,
            place,
            hidden,
            ..
        } = columns;
        let listed = format!(
            "FROM follows f JOIN people p ON p.number = f.{other} \
             WHERE f.{own} = $1 AND f.{hidden} = 0 AND p.needle LIKE $2 ESCAPE '\\'"
        );
        let pattern = pattern(name);
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) {listed}")))
            .bind(owner)
            .bind(pattern.clone())
            .fetch_one(&self.reads)
            .await?;
        let sql = format!("SELECT p.user_id {listed} ORDER BY f.{place} DESC LIMIT $3 OFFSET $4");
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(owner)
            .bind(pattern)
            .bind(sql_number(limit))
            .bind(sql_number(skip))
            .fetch_all(&self.reads)
            .await?;
        let users = rows.iter().map(user).collect::<Result<_, _>>()?;
        Ok(People {
            count: u64::try_from(count).unwrap_or(0),
            users,
        })
    }
}

/// The form of a name in which searches compare it.
pub(crate) fn needle(name: &str) -> String {
    name.to_lowercase()
}

/// A pattern for `LIKE … ESCAPE '\'` that finds `text` anywhere, as plain text.
pub(crate) fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in needle(text).chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn sql_number(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn user(row: &AnyRow) -> Result<UserId, sqlx::Error> {
    let text: String = row.try_get(0)?;
    text.parse().map_err(|error| sqlx::Error::ColumnDecode {
        index: "user_id".into(),
        source: Box::new(error),
    })
}

#[async_trait::async_trait]
impl SqlProjection for Followers {
    fn name(&self) -> &'static str {
        "followers"
    }

    fn version(&self) -> u32 {
        1
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[
            EventKind::UserRegistered,
            EventKind::ProfileChanged,
            EventKind::Followed,
            EventKind::Unfollowed,
            EventKind::Blocked,
            EventKind::Unblocked,
        ]
    }

    fn shape(&self) -> &'static [Table] {
        fold::SHAPE
    }

    async fn apply(&self, rows: &mut Rows<'_>, events: &[&RecordedEvent]) -> Result<(), Refusal> {
        for event in events {
            match &event.event {
                Event::UserRegistered(new) => {
                    fold::register(rows, new, event.position).await?;
                }
                Event::ProfileChanged(changed) => {
                    if let Some(name) = &changed.changes.name {
                        fold::rename(rows, changed.user_id, name).await?;
                    }
                }
                Event::Followed(pair) => fold::follow(rows, pair.user_id, pair.follow_id).await?,
                Event::Unfollowed(pair) => {
                    fold::unfollow(rows, pair.user_id, pair.follow_id).await?;
                }
                Event::Blocked(pair) => {
                    fold::hide(rows, pair.user_id, pair.block_id, true).await?;
                }
                Event::Unblocked(pair) => {
                    fold::hide(rows, pair.user_id, pair.block_id, false).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
