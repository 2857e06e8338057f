//! How often the app was started, by day, system and model (seed §1).
//!
//! Strangers choose what their phones are called: a day keeps so many kinds of phones as it met
//! first, and counts the starts of all others together. Who started it is not kept.

use crate::Error;
use crate::sql::{Refusal, Rows, SqlProjection, Table, version_under};
use domain::{Event, EventKind, Millis};
use eventlog::RecordedEvent;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};
use std::collections::BTreeMap;

/// How many kinds of phones a day keeps apart.
pub const KINDS: i64 = 1_000;

/// The longest text that is kept, in characters.
const LONGEST: usize = 255;

const DAY_SECONDS: i64 = 24 * 3_600;

/// Starts on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayStarts {
    /// By the clocks of the house.
    pub day: Date,
    /// How many.
    pub starts: u64,
}

/// Starts of phones that say the same of themselves in one respect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// What they say; `None` stands for all that were not kept apart.
    pub name: Option<String>,
    /// How many.
    pub starts: u64,
}

/// Starts of one kind of phone on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindStarts {
    /// By the clocks of the house.
    pub day: Date,
    /// System and model; `None` stands for all that were not kept apart.
    pub kind: Option<(String, String)>,
    /// How many.
    pub starts: u64,
}

/// A stretch of days, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// The first one.
    pub from: Date,
    /// The last one.
    pub to: Date,
}

/// How often the app was started.
#[derive(Clone, Debug)]
pub struct DeviceStarts {
    reads: AnyPool,
    zone: TimeZone,
}

impl DeviceStarts {
    pub(crate) fn new(reads: AnyPool, zone: TimeZone) -> Self {
        Self { reads, zone }
    }

    /// Starts by day, the last day first; days without any are left out.
    ///
    /// # Errors
    /// [`Error::Store`]; likewise below.
    pub async fn by_day(&self, days: Days) -> Result<Vec<DayStarts>, Error> {
        let rows = sqlx::query(
            "SELECT day, starts FROM device_days WHERE day BETWEEN $1 AND $2 ORDER BY day DESC",
        )
        .bind(number(days.from))
        .bind(number(days.to))
        .fetch_all(&self.reads)
        .await?;
        let day = |row: &AnyRow| {
            Ok(DayStarts {
                day: date(row.try_get("day")?),
                starts: count(row)?,
            })
        };
        Ok(rows.iter().map(day).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Starts by system, the most frequent ones first, `limit` of them at most.
    ///
    /// # Errors
    /// See [`Self::by_day`].
    pub async fn by_system(&self, days: Days, limit: usize) -> Result<Vec<Share>, Error> {
        let sql = "SELECT os AS name, CAST(SUM(starts) AS BIGINT) AS starts FROM device_starts \
                   WHERE day BETWEEN $1 AND $2 GROUP BY os \
                   ORDER BY 2 DESC, MIN(day), MIN(number) LIMIT $3";
        self.shares(sql, days, limit).await
    }

    /// Starts by model, likewise.
    ///
    /// # Errors
    /// See [`Self::by_day`].
    pub async fn by_model(&self, days: Days, limit: usize) -> Result<Vec<Share>, Error> {
        let sql = "SELECT model AS name, CAST(SUM(starts) AS BIGINT) AS starts FROM device_starts \
                   WHERE day BETWEEN $1 AND $2 GROUP BY model \
                   ORDER BY 2 DESC, MIN(day), MIN(number) LIMIT $3";
        self.shares(sql, days, limit).await
    }

    async fn shares(
        &self,
        sql: &'static str,
        days: Days,
        limit: usize,
    ) -> Result<Vec<Share>, Error> {
        let rows = sqlx::query(sql)
            .bind(number(days.from))
            .bind(number(days.to))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.reads)
            .await?;
        let share = |row: &AnyRow| {
            let name: String = row.try_get("name")?;
            Ok(Share {
                name: Some(name).filter(|name| !name.is_empty()),
                starts: count(row)?,
            })
        };
        Ok(rows.iter().map(share).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Starts by day, system and model: the last day first, and within it the most frequent kind.
    ///
    /// # Errors
    /// See [`Self::by_day`].
    pub async fn by_kind(
        &self,
        days: Days,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<KindStarts>, Error> {
        let rows = sqlx::query(
            "SELECT day, number, os, model, starts FROM device_starts \
             WHERE day BETWEEN $1 AND $2 \
             ORDER BY day DESC, starts DESC, number ASC LIMIT $3 OFFSET $4",
        )
        .bind(number(days.from))
        .bind(number(days.to))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(i64::try_from(skip).unwrap_or(i64::MAX))
        .fetch_all(&self.reads)
        .await?;
        let kind = |row: &AnyRow| {
            let number: i64 = row.try_get("number")?;
            let kind = (row.try_get("os")?, row.try_get("model")?);
            Ok(KindStarts {
                day: date(row.try_get("day")?),
                kind: (number > 0).then_some(kind),
                starts: count(row)?,
            })
        };
        Ok(rows.iter().map(kind).collect::<Result<_, sqlx::Error>>()?)
    }

    /// The day of `at` by the clocks of the house, as it is stored.
    fn day(&self, at: Millis) -> i64 {
        let moment = Timestamp::from_millisecond(at.0).unwrap_or_default();
        let ahead = i64::from(self.zone.to_offset(moment).seconds());
        (moment.as_second() + ahead).div_euclid(DAY_SECONDS)
    }
}

/// Days since 1970.
fn number(day: Date) -> i64 {
    // A day's midnight in UTC is as far from 1970 as there are days between.
    let midnight =
        jiff::tz::Offset::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight()));
    midnight.map_or(0, |midnight| midnight.as_second().div_euclid(DAY_SECONDS))
}

fn date(number: i64) -> Date {
    let midnight = Timestamp::from_second(number.saturating_mul(DAY_SECONDS));
    jiff::tz::Offset::UTC
        .to_datetime(midnight.unwrap_or_default())
        .date()
}

fn count(row: &AnyRow) -> Result<u64, sqlx::Error> {
    let starts: i64 = row.try_get("starts")?;
    Ok(u64::try_from(starts).unwrap_or(0))
}

/// A text as it is kept: bounded, and without what PostgreSQL does not take.
fn kept(text: &str) -> String {
    let kept = text.chars().filter(|char| *char != '\0');
    kept.take(LONGEST).collect()
}

/// A day, a system and a model.
type Kind = (i64, String, String);

#[async_trait::async_trait]
impl SqlProjection for DeviceStarts {
    fn name(&self) -> &'static str {
        "device_starts"
    }

    /// What was counted into days of one zone cannot be told by those of another.
    fn version(&self) -> u32 {
        version_under(1, self.zone.iana_name().unwrap_or_default())
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::AppStarted]
    }

    /// The kinds of a day are numbered as they came, from 1; 0 stands for all others, with empty
    /// texts. So lists have an order that no collation changes.
    fn shape(&self) -> &'static [Table] {
        &[
            Table {
                name: "device_starts",
                columns: "day BIGINT NOT NULL, \
                          number BIGINT NOT NULL, \
                          os TEXT NOT NULL, \
                          model TEXT NOT NULL, \
                          starts BIGINT NOT NULL, \
                          PRIMARY KEY (day, number), \
                          UNIQUE (day, os, model)",
            },
            Table {
                name: "device_days",
                columns: "day BIGINT NOT NULL PRIMARY KEY, \
                          kinds BIGINT NOT NULL, \
                          starts BIGINT NOT NULL",
            },
        ]
    }

    async fn apply(&self, rows: &mut Rows<'_>, events: &[&RecordedEvent]) -> Result<(), Refusal> {
        // In the order in which kinds come first, so that it is the same wherever slices end.
        let mut order: Vec<Kind> = Vec::new();
        let mut by_kind: BTreeMap<Kind, i64> = BTreeMap::new();
        let mut by_day: BTreeMap<i64, i64> = BTreeMap::new();
        for event in events {
            let Event::AppStarted(started) = &event.event else {
                continue;
            };
            let day = self.day(event.time);
            *by_day.entry(day).or_default() += 1;
            let kind = (day, kept(&started.os), kept(&started.model));
            let starts = by_kind.entry(kind.clone()).or_insert(0);
            if *starts == 0 {
                order.push(kind);
            }
            *starts += 1;
        }
        for (day, starts) in by_day {
            rows.statement(
                "INSERT INTO {} AS d (day, kinds, starts) VALUES ($1, 0, $2) \
                 ON CONFLICT (day) DO UPDATE SET starts = d.starts + excluded.starts",
                "device_days",
            )
            .bind(day)
            .bind(starts)
            .execute(&mut *rows.connection)
            .await?;
        }
        for kind in order {
            let starts = by_kind.get(&kind).copied().unwrap_or(0);
            add(rows, kind, starts).await?;
        }
        Ok(())
    }
}

/// Counts starts of a kind on a day that is there.
async fn add(rows: &mut Rows<'_>, (day, os, model): Kind, starts: i64) -> Result<(), sqlx::Error> {
    let known = rows
        .statement(
            "UPDATE {} SET starts = starts + $1 WHERE day = $2 AND os = $3 AND model = $4",
            "device_starts",
        )
        .bind(starts)
        .bind(day)
        .bind(os.clone())
        .bind(model.clone())
        .execute(&mut *rows.connection)
        .await?;
    if known.rows_affected() > 0 {
        return Ok(());
    }
    let named = !(os.is_empty() && model.is_empty());
    if named && let Some(number) = next_number(rows, day).await? {
        rows.statement(
            "INSERT INTO {} (day, number, os, model, starts) VALUES ($1, $2, $3, $4, $5)",
            "device_starts",
        )
        .bind(day)
        .bind(number)
        .bind(os)
        .bind(model)
        .bind(starts)
        .execute(&mut *rows.connection)
        .await?;
        return Ok(());
    }
    rows.statement(
        "INSERT INTO {} AS s (day, number, os, model, starts) VALUES ($1, 0, '', '', $2) \
         ON CONFLICT (day, number) DO UPDATE SET starts = s.starts + excluded.starts",
        "device_starts",
    )
    .bind(day)
    .bind(starts)
    .execute(&mut *rows.connection)
    .await?;
    Ok(())
}

/// A number for a new kind of a day, unless it has its fill.
async fn next_number(rows: &mut Rows<'_>, day: i64) -> Result<Option<i64>, sqlx::Error> {
    let row = rows
        .statement(
            "UPDATE {} SET kinds = kinds + 1 WHERE day = $1 AND kinds < $2 RETURNING kinds",
            "device_days",
        )
        .bind(day)
        .bind(KINDS)
        .fetch_optional(&mut *rows.connection)
        .await?;
    row.map(|row| row.try_get(0)).transpose()
}

#[cfg(test)]
mod tests;
