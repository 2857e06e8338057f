//! What became of each picture that was sent: for an album, a room or one person.
//!
//! In which order pictures stand in an album is `albums`' question; bytes are not known here.

use crate::Error;
use crate::cells::{id, number, odd};
use crate::many;
use crate::sql::{Refusal, Rows, SqlProjection, Table};
use crate::store::stored;
use domain::album::PhotoRemoved;
use domain::photo::{Format, PhotoProcessed, PhotoUploaded, Purpose};
use domain::{CheckinId, Event, EventKind, Millis, PhotoId, Position, ShopId, UserId};
use eventlog::RecordedEvent;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row};
use std::collections::HashMap;

const COLUMNS: &str = "photo_id, user_id, kind, shop_id, description, weibo, checkin_id, to_id, \
                       state, format, width, height, bytes, at_ms";

/// A picture that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    /// Which picture.
    pub photo_id: PhotoId,
    /// Who sent it.
    pub user_id: UserId,
    /// What it was sent for.
    pub purpose: Purpose,
    /// What became of it.
    pub state: State,
    /// When it came into this state.
    pub at: Millis,
}

/// What became of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has looked at it yet.
    Pending,
    /// It can be shown.
    Ready {
        /// What the published picture is.
        format: Format,
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
        /// Its length.
        bytes: u64,
    },
    /// It never will be shown.
    Rejected,
}

/// All pictures, but for those that were taken out of albums.
#[derive(Clone, Debug)]
pub struct Photos {
    reads: AnyPool,
}

impl Photos {
    pub(crate) fn new(reads: AnyPool) -> Self {
        Self { reads }
    }

    /// One picture; `None` when it never arrived, or was taken out of its album.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn get(&self, photo: PhotoId) -> Result<Option<Photo>, Error> {
        Ok(self.many(&[photo]).await?.remove(&photo))
    }

    /// Those of `photos` that [`Self::get`] would find; one query for up to 500.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn many(&self, photos: &[PhotoId]) -> Result<HashMap<PhotoId, Photo>, Error> {
        let mut found = HashMap::with_capacity(photos.len());
        for (places, ids) in many::chunks(photos, 1) {
            let sql = format!(
                "SELECT {COLUMNS} FROM photos WHERE photo_id IN ({places}) AND state <> 'removed'"
            );
            for photo in self.fetch(sql, ids).await? {
                found.insert(photo.photo_id, photo);
            }
        }
        Ok(found)
    }

    /// The pictures for rooms that were sent during `checkins` and can be shown, oldest first;
    /// one query for up to 500 check-ins. A check-in without pictures is not there.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn of_checkins(
        &self,
        checkins: &[CheckinId],
    ) -> Result<HashMap<CheckinId, Vec<Photo>>, Error> {
        let mut found: HashMap<CheckinId, Vec<Photo>> = HashMap::new();
        for (places, ids) in many::chunks(checkins, 1) {
            let sql = format!(
                "SELECT {COLUMNS} FROM photos WHERE checkin_id IN ({places}) AND state = 'ready' \
                 ORDER BY position"
            );
            for photo in self.fetch(sql, ids).await? {
                if let Purpose::Room {
                    checkin_id: Some(checkin),
                    ..
                } = photo.purpose
                {
                    found.entry(checkin).or_default().push(photo);
                }
            }
        }
        Ok(found)
    }

    async fn fetch(&self, sql: String, ids: Vec<String>) -> Result<Vec<Photo>, sqlx::Error> {
        let query = ids
            .into_iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, id| query.bind(id));
        let rows = query.fetch_all(&self.reads).await?;
        rows.iter().map(photo).collect()
    }
}

/// The word under which a format is stored.
pub(crate) fn word(format: Format) -> &'static str {
    match format {
        Format::Jpeg => "jpeg",
        Format::Png => "png",
        Format::Gif => "gif",
    }
}

/// The format that is stored under a word.
pub(crate) fn format(word: &str) -> Result<Format, sqlx::Error> {
    match word {
        "jpeg" => Ok(Format::Jpeg),
        "png" => Ok(Format::Png),
        "gif" => Ok(Format::Gif),
        _ => Err(odd("format", "not a format")),
    }
}

fn photo(row: &AnyRow) -> Result<Photo, sqlx::Error> {
    let state: String = row.try_get("state")?;
    let state = match state.as_str() {
        "pending" => State::Pending,
        "ready" => State::Ready {
            format: format(&row.try_get::<String, _>("format")?)?,
            width: number(row, "width")?,
            height: number(row, "height")?,
            bytes: number(row, "bytes")?,
        },
        "rejected" => State::Rejected,
        _ => return Err(odd("state", "not a state")),
    };
    Ok(Photo {
        photo_id: id(row, "photo_id")?,
        user_id: id(row, "user_id")?,
        purpose: purpose(row)?,
        state,
        at: Millis(row.try_get("at_ms")?),
    })
}

fn purpose(row: &AnyRow) -> Result<Purpose, sqlx::Error> {
    let kind: String = row.try_get("kind")?;
    match kind.as_str() {
        "album" => Ok(Purpose::Album),
        "room" => Ok(Purpose::Room {
            shop_id: ShopId::new(number(row, "shop_id")?).map_err(|error| odd("shop_id", error))?,
            desc: row.try_get("description")?,
            weibo: number::<u8>(row, "weibo")? != 0,
            checkin_id: row
                .try_get::<Option<String>, _>("checkin_id")?
                .map(|text| text.parse().map_err(|error| odd("checkin_id", error)))
                .transpose()?,
        }),
        "private" => Ok(Purpose::Private {
            to_id: id(row, "to_id")?,
        }),
        _ => Err(odd("kind", "not a purpose")),
    }
}

#[async_trait::async_trait]
impl SqlProjection for Photos {
    fn name(&self) -> &'static str {
        "photos"
    }

    fn version(&self) -> u32 {
        1
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[
            EventKind::PhotoUploaded,
            EventKind::PhotoProcessed,
            EventKind::PhotoRejected,
            EventKind::PhotoRemoved,
        ]
    }

    /// `position` is the one of the upload. A picture that was taken out of an album leaves a row
    /// in state `removed`, because its upload may be completed after that.
    fn shape(&self) -> &'static [Table] {
        &[Table {
            name: "photos",
            columns: "photo_id TEXT NOT NULL PRIMARY KEY, \
                      position BIGINT NOT NULL, \
                      user_id TEXT NOT NULL, \
                      kind TEXT NOT NULL, \
                      shop_id BIGINT, \
                      description TEXT, \
                      weibo BIGINT, \
                      checkin_id TEXT, \
                      to_id TEXT, \
                      state TEXT NOT NULL, \
                      format TEXT, \
                      width BIGINT, \
                      height BIGINT, \
                      bytes BIGINT, \
                      at_ms BIGINT NOT NULL, \
                      UNIQUE (checkin_id, position)",
        }]
    }

    /// As a picture's own stream folds it, but that nothing brings back what was removed.
    async fn apply(&self, rows: &mut Rows<'_>, events: &[&RecordedEvent]) -> Result<(), Refusal> {
        for event in events {
            match &event.event {
                Event::PhotoUploaded(new) => {
                    arrive(rows, new, event.position, event.time).await?;
                }
                Event::PhotoProcessed(done) => publish(rows, done, event.time).await?,
                Event::PhotoRejected(bad) => reject(rows, bad.photo_id, event.time).await?,
                Event::PhotoRemoved(gone) => {
                    remove(rows, gone, event.position, event.time).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

async fn arrive(
    rows: &mut Rows<'_>,
    new: &PhotoUploaded,
    position: Position,
    at: Millis,
) -> Result<(), sqlx::Error> {
    let (mut kind, mut shop, mut text, mut on_weibo) = ("album", None, None, None);
    let (mut checkin, mut to) = (None, None);
    match &new.purpose {
        Purpose::Album => {}
        Purpose::Room {
            shop_id,
            desc,
            weibo,
            checkin_id,
        } => {
            kind = "room";
            shop = Some(i64::try_from(shop_id.get()).unwrap_or(i64::MAX));
            // PostgreSQL has no place for this character.
            text = desc.as_ref().map(|desc| desc.replace('\0', ""));
            on_weibo = Some(i64::from(*weibo));
            checkin = checkin_id.map(|id| id.to_string());
        }
        Purpose::Private { to_id } => {
            kind = "private";
            to = Some(to_id.to_string());
        }
    }
    rows.statement(
        "INSERT INTO {} (photo_id, position, user_id, kind, shop_id, description, weibo, \
         checkin_id, to_id, state, at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', $10) ON CONFLICT DO NOTHING",
        "photos",
    )
    .bind(new.photo_id.to_string())
    .bind(stored(position))
    .bind(new.user_id.to_string())
    .bind(kind)
    .bind(shop)
    .bind(text)
    .bind(on_weibo)
    .bind(checkin)
    .bind(to)
    .bind(at.0)
    .execute(&mut *rows.connection)
    .await
    .map(drop)
}

async fn publish(
    rows: &mut Rows<'_>,
    done: &PhotoProcessed,
    at: Millis,
) -> Result<(), sqlx::Error> {
    rows.statement(
        "UPDATE {} SET state = 'ready', format = $2, width = $3, height = $4, bytes = $5, \
         at_ms = $6 WHERE photo_id = $1 AND state <> 'removed'",
        "photos",
    )
    .bind(done.photo_id.to_string())
    .bind(word(done.format))
    .bind(i64::from(done.width))
    .bind(i64::from(done.height))
    .bind(i64::try_from(done.bytes).unwrap_or(i64::MAX))
    .bind(at.0)
    .execute(&mut *rows.connection)
    .await
    .map(drop)
}

async fn reject(rows: &mut Rows<'_>, photo: PhotoId, at: Millis) -> Result<(), sqlx::Error> {
    rows.statement(
        "UPDATE {} SET state = 'rejected', format = NULL, width = NULL, height = NULL, \
         bytes = NULL, at_ms = $2 WHERE photo_id = $1 AND state <> 'removed'",
        "photos",
    )
    .bind(photo.to_string())
    .bind(at.0)
    .execute(&mut *rows.connection)
    .await
    .map(drop)
}

/// Pictures for rooms and for one person stand in no album, so nothing takes them out of one.
async fn remove(
    rows: &mut Rows<'_>,
    gone: &PhotoRemoved,
    position: Position,
    at: Millis,
) -> Result<(), sqlx::Error> {
    rows.statement(
        "INSERT INTO {} AS p (photo_id, position, user_id, kind, state, at_ms) \
         VALUES ($1, $2, $3, 'album', 'removed', $4) \
         ON CONFLICT (photo_id) DO UPDATE SET state = 'removed', format = NULL, width = NULL, \
         height = NULL, bytes = NULL, at_ms = excluded.at_ms \
         WHERE p.kind = 'album' AND p.user_id = excluded.user_id",
        "photos",
    )
    .bind(gone.photo_id.to_string())
    .bind(stored(position))
    .bind(gone.user_id.to_string())
    .bind(at.0)
    .execute(&mut *rows.connection)
    .await
    .map(drop)
}

#[cfg(test)]
mod tests;
