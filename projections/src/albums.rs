//! Everybody's album: its pictures in order, and each person's logo, the first that can be shown.
//!
//! What became of pictures that were sent elsewhere is `photos`' question; bytes are not known
//! here.

use crate::Error;
use crate::cells::{id, number};
use crate::many;
use crate::photos::{format, word};
use crate::sql::{Refusal, Rows, SqlProjection, Table};
use crate::store::stored;
use domain::album::{AlbumReordered, PhotoAdded};
use domain::photo::{Format, PhotoProcessed};
use domain::{Event, EventKind, Millis, PhotoId, Position, UserId};
use eventlog::RecordedEvent;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row};
use std::collections::HashMap;

/// A picture in an album.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlbumPhoto {
    /// Which picture.
    pub photo_id: PhotoId,
    /// Whether it can be shown.
    pub state: State,
    /// When it came into this state.
    pub updated_at: Millis,
}

/// Whether a picture of an album can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has looked at it yet.
    Pending,
    /// It can.
    Ready {
        /// What the published picture is.
        format: Format,
        /// Its length.
        bytes: u64,
    },
}

/// The first picture of a person's album that can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logo {
    /// Which picture.
    pub photo_id: PhotoId,
    /// What the published picture is.
    pub format: Format,
}

/// Everybody's album.
#[derive(Clone, Debug)]
pub struct Albums {
    reads: AnyPool,
}

impl Albums {
    pub(crate) fn new(reads: AnyPool) -> Self {
        Self { reads }
    }

    /// The album of `user`, in its order.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn of(&self, user: UserId) -> Result<Vec<AlbumPhoto>, Error> {
        let rows = sqlx::query(
            "SELECT photo_id, format, bytes, updated_ms FROM albums WHERE user_id = $1 \
             ORDER BY place",
        )
        .bind(user.to_string())
        .fetch_all(&self.reads)
        .await?;
        Ok(rows.iter().map(album_photo).collect::<Result<_, _>>()?)
    }

    /// The logos of `users`, without those who have none; one query for up to 500.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn logos(&self, users: &[UserId]) -> Result<HashMap<UserId, Logo>, Error> {
        let mut found = HashMap::with_capacity(users.len());
        for (places, ids) in many::chunks(users, 1) {
            let sql =
                format!("SELECT user_id, photo_id, format FROM logos WHERE user_id IN ({places})");
            let query = ids
                .into_iter()
                .fold(sqlx::query(AssertSqlSafe(sql)), |query, id| query.bind(id));
            for row in query.fetch_all(&self.reads).await? {
                let logo = Logo {
                    photo_id: id(&row, "photo_id")?,
                    format: format(&row.try_get::<String, _>("format")?)?,
                };
                found.insert(id(&row, "user_id")?, logo);
            }
        }
        Ok(found)
    }

    /// People who have a logo, those with the newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn with_pictures(&self, skip: usize, limit: usize) -> Result<Vec<UserId>, Error> {
        let rows =
            sqlx::query("SELECT user_id FROM logos ORDER BY position DESC LIMIT $1 OFFSET $2")
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .bind(i64::try_from(skip).unwrap_or(i64::MAX))
                .fetch_all(&self.reads)
                .await?;
        let users = rows.iter().map(|row| id(row, "user_id"));
        Ok(users.collect::<Result<_, _>>()?)
    }
}

fn album_photo(row: &AnyRow) -> Result<AlbumPhoto, sqlx::Error> {
    let state = match row.try_get::<Option<String>, _>("format")? {
        None => State::Pending,
        Some(word) => State::Ready {
            format: format(&word)?,
            bytes: number(row, "bytes")?,
        },
    };
    Ok(AlbumPhoto {
        photo_id: id(row, "photo_id")?,
        state,
        updated_at: Millis(row.try_get("updated_ms")?),
    })
}

#[async_trait::async_trait]
impl SqlProjection for Albums {
    fn name(&self) -> &'static str {
        "albums"
    }

    fn version(&self) -> u32 {
        1
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[
            EventKind::PhotoAdded,
            EventKind::PhotoRemoved,
            EventKind::AlbumReordered,
            EventKind::PhotoProcessed,
            EventKind::PhotoRejected,
        ]
    }

    /// A picture without a format cannot be shown yet. Lists of people ask for many logos at
    /// once, so these stand in a table of their own, with the position at which each became it.
    fn shape(&self) -> &'static [Table] {
        &[
            Table {
                name: "albums",
                columns: "user_id TEXT NOT NULL, \
                          photo_id TEXT NOT NULL, \
                          place BIGINT NOT NULL, \
                          format TEXT, \
                          bytes BIGINT, \
                          updated_ms BIGINT NOT NULL, \
                          PRIMARY KEY (user_id, photo_id)",
            },
            Table {
                name: "logos",
                columns: "user_id TEXT NOT NULL PRIMARY KEY, \
                          photo_id TEXT NOT NULL, \
                          format TEXT NOT NULL, \
                          position BIGINT NOT NULL UNIQUE",
            },
        ]
    }

    /// A picture is added before anybody looks at it. What becomes of pictures that stand in no
    /// album (sent elsewhere, or removed meanwhile) changes nothing.
    async fn apply(&self, rows: &mut Rows<'_>, events: &[&RecordedEvent]) -> Result<(), Refusal> {
        for event in events {
            let changed = match &event.event {
                Event::PhotoAdded(added) => {
                    add(rows, added, event.time).await?;
                    None
                }
                Event::PhotoProcessed(done) => publish(rows, done, event.time).await?,
                Event::PhotoRemoved(gone) => take_out(rows, gone.user_id, gone.photo_id).await?,
                Event::PhotoRejected(bad) => take_out(rows, bad.user_id, bad.photo_id).await?,
                Event::AlbumReordered(new) => {
                    reorder(rows, new).await?;
                    Some(new.user_id)
                }
                _ => None,
            };
            if let Some(user) = changed {
                choose_logo(rows, user, event.position).await?;
            }
        }
        Ok(())
    }
}

/// Puts a picture at the end, where nobody sees it yet.
async fn add(rows: &mut Rows<'_>, added: &PhotoAdded, at: Millis) -> Result<(), sqlx::Error> {
    rows.statement(
        "INSERT INTO {} (user_id, photo_id, place, updated_ms) \
         SELECT $1, $2, COALESCE(MAX(place), -1) + 1, $3 FROM {} WHERE user_id = $1 \
         ON CONFLICT DO NOTHING",
        "albums",
    )
    .bind(added.user_id.to_string())
    .bind(added.photo_id.to_string())
    .bind(at.0)
    .execute(&mut *rows.connection)
    .await
    .map(drop)
}

/// Lets a picture be shown; gives whose album that changes.
async fn publish(
    rows: &mut Rows<'_>,
    done: &PhotoProcessed,
    at: Millis,
) -> Result<Option<UserId>, sqlx::Error> {
    let result = rows
        .statement(
            "UPDATE {} SET format = $3, bytes = $4, updated_ms = $5 \
             WHERE user_id = $1 AND photo_id = $2",
            "albums",
        )
        .bind(done.user_id.to_string())
        .bind(done.photo_id.to_string())
        .bind(word(done.format))
        .bind(i64::try_from(done.bytes).unwrap_or(i64::MAX))
        .bind(at.0)
        .execute(&mut *rows.connection)
        .await?;
    Ok((result.rows_affected() > 0).then_some(done.user_id))
}

/// Takes a picture out; gives whose album that changes.
async fn take_out(
    rows: &mut Rows<'_>,
    user: UserId,
    photo: PhotoId,
) -> Result<Option<UserId>, sqlx::Error> {
    let result = rows
        .statement(
            "DELETE FROM {} WHERE user_id = $1 AND photo_id = $2",
            "albums",
        )
        .bind(user.to_string())
        .bind(photo.to_string())
        .execute(&mut *rows.connection)
        .await?;
    Ok((result.rows_affected() > 0).then_some(user))
}

/// Puts the named pictures before all others, which keep their places.
async fn reorder(rows: &mut Rows<'_>, new: &AlbumReordered) -> Result<(), sqlx::Error> {
    let user = new.user_id.to_string();
    let row = rows
        .statement(
            "SELECT COALESCE(MIN(place), 0) FROM {} WHERE user_id = $1",
            "albums",
        )
        .bind(user.clone())
        .fetch_one(&mut *rows.connection)
        .await?;
    let mut place: i64 = row.try_get(0)?;
    // From the last to the first, so that one that is named twice stands where it is named first.
    for photo in new.photo_ids.iter().rev() {
        place -= 1;
        rows.statement(
            "UPDATE {} SET place = $3 WHERE user_id = $1 AND photo_id = $2",
            "albums",
        )
        .bind(user.clone())
        .bind(photo.to_string())
        .bind(place)
        .execute(&mut *rows.connection)
        .await?;
    }
    Ok(())
}

/// Makes the first picture that can be shown the person's logo.
async fn choose_logo(
    rows: &mut Rows<'_>,
    user: UserId,
    position: Position,
) -> Result<(), sqlx::Error> {
    let first = rows
        .statement(
            "SELECT photo_id, format FROM {} WHERE user_id = $1 AND format IS NOT NULL \
             ORDER BY place LIMIT 1",
            "albums",
        )
        .bind(user.to_string())
        .fetch_optional(&mut *rows.connection)
        .await?;
    let statement = match first {
        None => rows
            .statement("DELETE FROM {} WHERE user_id = $1", "logos")
            .bind(user.to_string()),
        Some(row) => rows
            .statement(
                "INSERT INTO {} AS l (user_id, photo_id, format, position) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (user_id) DO UPDATE SET photo_id = excluded.photo_id, \
                 format = excluded.format, position = excluded.position \
                 WHERE l.photo_id <> excluded.photo_id OR l.format <> excluded.format",
                "logos",
            )
            .bind(user.to_string())
            .bind(row.try_get::<String, _>("photo_id")?)
            .bind(row.try_get::<String, _>("format")?)
            .bind(stored(position)),
    };
    statement.execute(&mut *rows.connection).await.map(drop)
}

#[cfg(test)]
mod tests;
