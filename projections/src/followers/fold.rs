//! How the tables of follows change with each event.
//!
//! An edge has a place in two lists: the followers of the one and the friends of the other. Each
//! list gives out places from 0 on, so the newest has the highest; a counter for every
//! [`BLOCK`] places says how many of them are shown, and the one of block [`ALL`] adds them up.
//! Whether an entry is hidden stands in the indexes of places, so that walking over entries reads
//! no rows.

use super::{ALL, BLOCK, List, needle};
use crate::sql::{Rows, Table};
use domain::user::UserRegistered;
use domain::{Position, UserId};
use sqlx::Row;

pub(super) const SHAPE: &[Table] = &[
    Table {
        name: "people",
        columns: "number BIGINT NOT NULL PRIMARY KEY, \
                  user_id TEXT NOT NULL UNIQUE, \
                  needle TEXT NOT NULL",
    },
    Table {
        name: "follows",
        columns: "follower BIGINT NOT NULL, \
                  followed BIGINT NOT NULL, \
                  friend_place BIGINT NOT NULL, \
                  follower_place BIGINT NOT NULL, \
                  friend_hidden BIGINT NOT NULL, \
                  follower_hidden BIGINT NOT NULL, \
                  PRIMARY KEY (follower, followed), \
                  UNIQUE (follower, friend_place, friend_hidden), \
                  UNIQUE (followed, follower_place, follower_hidden)",
    },
    Table {
        name: "follow_blocks",
        columns: "owner BIGINT NOT NULL, \
                  side BIGINT NOT NULL, \
                  block BIGINT NOT NULL, \
                  shown BIGINT NOT NULL, \
                  PRIMARY KEY (owner, side, block)",
    },
    Table {
        name: "unwanted",
        columns: "owner BIGINT NOT NULL, \
                  other BIGINT NOT NULL, \
                  PRIMARY KEY (owner, other)",
    },
];

/// One end of an edge: a list of `owner` that holds `other`.
#[derive(Clone, Copy)]
struct End {
    list: List,
    owner: i64,
    other: i64,
}

pub(super) async fn register(
    rows: &mut Rows<'_>,
    new: &UserRegistered,
    position: Position,
) -> Result<(), sqlx::Error> {
    rows.statement(
        "INSERT INTO {} (number, user_id, needle) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        "people",
    )
    .bind(crate::store::stored(position))
    .bind(new.user_id.to_string())
    .bind(needle(&new.name))
    .execute(&mut *rows.connection)
    .await
    .map(drop)
}

pub(super) async fn rename(
    rows: &mut Rows<'_>,
    user: UserId,
    name: &str,
) -> Result<(), sqlx::Error> {
    rows.statement("UPDATE {} SET needle = $2 WHERE user_id = $1", "people")
        .bind(user.to_string())
        .bind(needle(name))
        .execute(&mut *rows.connection)
        .await
        .map(drop)
}

pub(super) async fn follow(
    rows: &mut Rows<'_>,
    user: UserId,
    follow: UserId,
) -> Result<(), sqlx::Error> {
    let Some([friends, followers]) = ends(rows, user, follow).await? else {
        return Ok(());
    };
    let (friend_place, friend_hidden) = next_place(rows, friends).await?;
    let (follower_place, follower_hidden) = next_place(rows, followers).await?;
    let inserted = rows
        .statement(
            "INSERT INTO {} (follower, followed, friend_place, follower_place, friend_hidden, \
             follower_hidden) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (follower, followed) DO NOTHING",
            "follows",
        )
        .bind(friends.owner)
        .bind(followers.owner)
        .bind(friend_place)
        .bind(follower_place)
        .bind(i64::from(friend_hidden))
        .bind(i64::from(follower_hidden))
        .execute(&mut *rows.connection)
        .await?;
    if inserted.rows_affected() > 0 {
        count(rows, friends, friend_place, i64::from(!friend_hidden)).await?;
        count(rows, followers, follower_place, i64::from(!follower_hidden)).await?;
    }
    Ok(())
}

pub(super) async fn unfollow(
    rows: &mut Rows<'_>,
    user: UserId,
    follow: UserId,
) -> Result<(), sqlx::Error> {
    let Some([friends, followers]) = ends(rows, user, follow).await? else {
        return Ok(());
    };
    let removed = rows
        .statement(
            "DELETE FROM {} WHERE follower = $1 AND followed = $2 \
             RETURNING friend_place, follower_place, friend_hidden, follower_hidden",
            "follows",
        )
        .bind(friends.owner)
        .bind(followers.owner)
        .fetch_optional(&mut *rows.connection)
        .await?;
    if let Some(row) = removed {
        let [friend_place, follower_place, friend_hidden, follower_hidden] = numbers(&row)?;
        count(rows, friends, friend_place, friend_hidden - 1).await?;
        count(rows, followers, follower_place, follower_hidden - 1).await?;
    }
    Ok(())
}

/// Notes that `owner` wants nothing of `other`, or does again; both lists of the owner follow.
pub(super) async fn hide(
    rows: &mut Rows<'_>,
    owner: UserId,
    other: UserId,
    hidden: bool,
) -> Result<(), sqlx::Error> {
    let Some([friends, _]) = ends(rows, owner, other).await? else {
        return Ok(());
    };
    let noted = if hidden {
        "INSERT INTO {} (owner, other) VALUES ($1, $2) ON CONFLICT DO NOTHING"
    } else {
        "DELETE FROM {} WHERE owner = $1 AND other = $2"
    };
    rows.statement(noted, "unwanted")
        .bind(friends.owner)
        .bind(friends.other)
        .execute(&mut *rows.connection)
        .await?;
    for list in [List::Friends, List::Followers] {
        let end = End { list, ..friends };
        let columns = list.columns();
        let sql = format!(
            "UPDATE {{}} SET {hidden} = $3 WHERE {own} = $1 AND {other} = $2 AND {hidden} <> $3 \
             RETURNING {place}",
            hidden = columns.hidden,
            own = columns.owner,
            other = columns.other,
            place = columns.place,
        );
        let changed = rows
            .statement(&sql, "follows")
            .bind(end.owner)
            .bind(end.other)
            .bind(i64::from(hidden))
            .fetch_optional(&mut *rows.connection)
            .await?;
        if let Some(row) = changed {
            let change = if hidden { -1 } else { 1 };
            count(rows, end, row.try_get(0)?, change).await?;
        }
    }
    Ok(())
}

/// The two ends of an edge from `user` to `follow`; none when either has no account.
async fn ends(
    rows: &mut Rows<'_>,
    user: UserId,
    follow: UserId,
) -> Result<Option<[End; 2]>, sqlx::Error> {
    let (Some(user), Some(follow)) = (number(rows, user).await?, number(rows, follow).await?)
    else {
        return Ok(None);
    };
    Ok(Some([
        End {
            list: List::Friends,
            owner: user,
            other: follow,
        },
        End {
            list: List::Followers,
            owner: follow,
            other: user,
        },
    ]))
}

async fn number(rows: &mut Rows<'_>, user: UserId) -> Result<Option<i64>, sqlx::Error> {
    let row = rows
        .statement("SELECT number FROM {} WHERE user_id = $1", "people")
        .bind(user.to_string())
        .fetch_optional(&mut *rows.connection)
        .await?;
    row.map(|row| row.try_get(0)).transpose()
}

/// The next free place in a list, and whether its owner wants nothing of the new entry.
async fn next_place(rows: &mut Rows<'_>, end: End) -> Result<(i64, bool), sqlx::Error> {
    let columns = end.list.columns();
    let sql = format!(
        "SELECT COALESCE(MAX({place}), -1) + 1 FROM {{}} WHERE {owner} = $1",
        place = columns.place,
        owner = columns.owner,
    );
    let row = rows
        .statement(&sql, "follows")
        .bind(end.owner)
        .fetch_one(&mut *rows.connection)
        .await?;
    let place = row.try_get(0)?;
    let hidden = rows
        .statement(
            "SELECT 1 FROM {} WHERE owner = $1 AND other = $2",
            "unwanted",
        )
        .bind(end.owner)
        .bind(end.other)
        .fetch_optional(&mut *rows.connection)
        .await?;
    Ok((place, hidden.is_some()))
}

/// Counts an entry that is shown from now on (`change` 1), or no longer (-1).
async fn count(rows: &mut Rows<'_>, end: End, place: i64, change: i64) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO {} AS b (owner, side, block, shown) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (owner, side, block) DO UPDATE SET shown = b.shown + excluded.shown";
    for block in [place / BLOCK, ALL] {
        rows.statement(sql, "follow_blocks")
            .bind(end.owner)
            .bind(end.list.columns().side)
            .bind(block)
            .bind(change)
            .execute(&mut *rows.connection)
            .await?;
    }
    Ok(())
}

fn numbers<const N: usize>(row: &sqlx::any::AnyRow) -> Result<[i64; N], sqlx::Error> {
    let mut numbers = [0; N];
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = row.try_get(at)?;
    }
    Ok(numbers)
}
