//! Where each person has been: the person's own check-ins, newest first, hidden ones too.
//!
//! How a trace is shown (words for days, names of shops, pictures) is not known here.

use crate::Error;
use crate::sql::{Refusal, Rows, SqlProjection, Table};
use crate::store::stored;
use domain::checkin::CheckedIn;
use domain::{CheckinId, Event, EventKind, Millis, Position, ShopId, UserId};
use eventlog::RecordedEvent;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};

/// How many rows one statement inserts: few sizes, so that few plans are kept.
const SIZES: [usize; 3] = [100, 10, 1];

/// How many neighbours of a check-in are read at once, in search of the ends of its visit.
const NEIGHBOURS: i64 = 50;

/// One check-in in somebody's trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Which check-in.
    pub checkin_id: CheckinId,
    /// Where.
    pub shop_id: ShopId,
    /// When.
    pub at: Millis,
    /// Its place in the log, which is its place in the trace.
    pub position: Position,
}

/// Check-ins in the same shop on the same day with none elsewhere between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The newest of its check-ins.
    pub checkin_id: CheckinId,
    /// Where.
    pub shop_id: ShopId,
    /// When the newest was.
    pub at: Millis,
    /// All of its check-ins, newest first.
    pub members: Vec<CheckinId>,
}

/// Everybody's trace.
#[derive(Clone, Debug)]
pub struct Traces {
    reads: AnyPool,
}

/// The visits that `traces` (newest first) add up to, newest first; `zone` says when days begin.
///
/// Source: seed §14. A person who goes from A to B and back to A makes three visits.
#[must_use]
pub fn merge(traces: &[Trace], zone: &TimeZone) -> Vec<Visit> {
    traces
        .chunk_by(|newer, older| same_visit(newer, older, zone))
        .filter_map(|visit| {
            let newest = visit.first()?;
            Some(Visit {
                checkin_id: newest.checkin_id,
                shop_id: newest.shop_id,
                at: newest.at,
                members: visit.iter().map(|trace| trace.checkin_id).collect(),
            })
        })
        .collect()
}

/// Whether two check-ins, one right after the other, belong together.
fn same_visit(a: &Trace, b: &Trace, zone: &TimeZone) -> bool {
    a.shop_id == b.shop_id && day(a.at, zone) == day(b.at, zone)
}

/// The day of a moment; none beyond the calendar.
fn day(at: Millis, zone: &TimeZone) -> Option<Date> {
    let moment = Timestamp::from_millisecond(at.0).ok()?;
    Some(zone.to_datetime(moment).date())
}

impl Traces {
    pub(crate) fn new(reads: AnyPool) -> Self {
        Self { reads }
    }

    /// A page of the trace of `user`, newest first; the first page is 1.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn page(&self, user: UserId, page: u64, per_page: u64) -> Result<Vec<Trace>, Error> {
        let skip = page.saturating_sub(1).saturating_mul(per_page);
        let rows = sqlx::query(
            "SELECT checkin_id, shop_id, at_ms, position FROM traces WHERE user_id = $1 \
             ORDER BY position DESC LIMIT $2 OFFSET $3",
        )
        .bind(user.to_string())
        .bind(i64::try_from(per_page).unwrap_or(i64::MAX))
        .bind(i64::try_from(skip).unwrap_or(i64::MAX))
        .fetch_all(&self.reads)
        .await?;
        Ok(rows.iter().map(trace).collect::<Result<_, _>>()?)
    }

    /// The newest check-in of `user` before the event at `before`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn last_before(
        &self,
        user: UserId,
        before: Position,
    ) -> Result<Option<Trace>, Error> {
        let row = sqlx::query(
            "SELECT checkin_id, shop_id, at_ms, position FROM traces \
             WHERE user_id = $1 AND position < $2 ORDER BY position DESC LIMIT 1",
        )
        .bind(user.to_string())
        .bind(stored(before))
        .fetch_optional(&self.reads)
        .await?;
        Ok(row.as_ref().map(trace).transpose()?)
    }

    /// All check-ins of the visit that `checkin` belongs to, newest first, however long the visit
    /// is; none when it is not in the trace of `user`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn visit_of(
        &self,
        user: UserId,
        checkin: CheckinId,
        zone: &TimeZone,
    ) -> Result<Vec<CheckinId>, Error> {
        let Some(row) = sqlx::query(
            "SELECT checkin_id, shop_id, at_ms, position FROM traces \
             WHERE checkin_id = $1 AND user_id = $2",
        )
        .bind(checkin.to_string())
        .bind(user.to_string())
        .fetch_optional(&self.reads)
        .await?
        else {
            return Ok(Vec::new());
        };
        let found = trace(&row)?;
        let newer = "SELECT checkin_id, shop_id, at_ms, position FROM traces \
                     WHERE user_id = $1 AND position > $2 ORDER BY position ASC LIMIT $3";
        let older = "SELECT checkin_id, shop_id, at_ms, position FROM traces \
                     WHERE user_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3";
        let mut visit = self.neighbours(newer, user, found, zone).await?;
        visit.reverse();
        visit.push(found.checkin_id);
        visit.extend(self.neighbours(older, user, found, zone).await?);
        Ok(visit)
    }

    /// The check-ins that belong to the visit of `from`, in the direction in which `sql` goes.
    async fn neighbours(
        &self,
        sql: &'static str,
        user: UserId,
        from: Trace,
        zone: &TimeZone,
    ) -> Result<Vec<CheckinId>, Error> {
        let mut members = Vec::new();
        let mut at = from.position;
        loop {
            let rows = sqlx::query(sql)
                .bind(user.to_string())
                .bind(stored(at))
                .bind(NEIGHBOURS)
                .fetch_all(&self.reads)
                .await?;
            if rows.is_empty() {
                return Ok(members);
            }
            for row in &rows {
                let next = trace(row)?;
                if !same_visit(&from, &next, zone) {
                    return Ok(members);
                }
                members.push(next.checkin_id);
                at = next.position;
            }
        }
    }
}

fn trace(row: &AnyRow) -> Result<Trace, sqlx::Error> {
    let checkin_id: String = row.try_get("checkin_id")?;
    let shop_id: i64 = row.try_get("shop_id")?;
    let position: i64 = row.try_get("position")?;
    let odd = |column: &str| sqlx::Error::ColumnDecode {
        index: column.into(),
        source: "not an id".into(),
    };
    Ok(Trace {
        checkin_id: checkin_id.parse().map_err(|_| odd("checkin_id"))?,
        shop_id: u64::try_from(shop_id)
            .ok()
            .and_then(|id| ShopId::new(id).ok())
            .ok_or_else(|| odd("shop_id"))?,
        at: Millis(row.try_get("at_ms")?),
        position: Position(u64::try_from(position).unwrap_or(0)),
    })
}

#[async_trait::async_trait]
impl SqlProjection for Traces {
    fn name(&self) -> &'static str {
        "traces"
    }

    fn version(&self) -> u32 {
        1
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::CheckedIn, EventKind::CheckinDeleted]
    }

    /// The primary key makes "the newest of one user" a range of it. Ids begin with the second of
    /// their creation, so that keeping them unique costs little.
    fn shape(&self) -> &'static [Table] {
        &[Table {
            name: "traces",
            columns: "user_id TEXT NOT NULL, \
                      position BIGINT NOT NULL, \
                      checkin_id TEXT NOT NULL UNIQUE, \
                      shop_id BIGINT NOT NULL, \
                      at_ms BIGINT NOT NULL, \
                      PRIMARY KEY (user_id, position)",
        }]
    }

    async fn apply(&self, rows: &mut Rows<'_>, events: &[&RecordedEvent]) -> Result<(), Refusal> {
        let mut made: Vec<(&RecordedEvent, &CheckedIn)> = Vec::new();
        for event in events {
            match &event.event {
                Event::CheckedIn(checked_in) => made.push((event, checked_in)),
                Event::CheckinDeleted(deleted) => {
                    insert(rows, &made).await?;
                    made.clear();
                    rows.statement(
                        "DELETE FROM {} WHERE checkin_id = $1 AND user_id = $2",
                        "traces",
                    )
                    .bind(deleted.checkin_id.to_string())
                    .bind(deleted.user_id.to_string())
                    .execute(&mut *rows.connection)
                    .await?;
                }
                _ => {}
            }
        }
        insert(rows, &made).await?;
        Ok(())
    }
}

/// Inserts many check-ins with few statements.
async fn insert(
    rows: &mut Rows<'_>,
    mut made: &[(&RecordedEvent, &CheckedIn)],
) -> Result<(), sqlx::Error> {
    for size in SIZES {
        if made.len() < size {
            continue;
        }
        let places: Vec<String> = (0..size)
            .map(|row| {
                let [a, b, c, d, e] = [1, 2, 3, 4, 5].map(|column| row * 5 + column);
                format!("(${a}, ${b}, ${c}, ${d}, ${e})")
            })
            .collect();
        let sql = format!(
            "INSERT INTO {{}} (user_id, position, checkin_id, shop_id, at_ms) VALUES {} \
             ON CONFLICT DO NOTHING",
            places.join(", ")
        );
        while let Some((now, rest)) = made.split_at_checked(size) {
            let mut query = rows.statement(&sql, "traces");
            for (event, checked_in) in now {
                query = query
                    .bind(checked_in.user_id.to_string())
                    .bind(stored(event.position))
                    .bind(checked_in.checkin_id.to_string())
                    .bind(i64::try_from(checked_in.shop_id.get()).unwrap_or(i64::MAX))
                    .bind(event.time.0);
            }
            query.execute(&mut *rows.connection).await?;
            made = rest;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
