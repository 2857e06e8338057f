//! Whom a person wants nothing of, and whom the operators should look at.

use crate::Error;
use crate::followers::{People, needle, pattern};
use crate::sql::{Refusal, Rows, SqlProjection, Table};
use crate::store::stored;
use domain::{Event, EventKind, Millis, UserId};
use eventlog::RecordedEvent;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};

/// A person's word against another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Who reports.
    pub user_id: UserId,
    /// Who is reported.
    pub block_id: UserId,
    /// When.
    pub at: Millis,
}

/// Everybody's blacklist, and all reports.
#[derive(Clone, Debug)]
pub struct Blacklist {
    reads: AnyPool,
}

impl Blacklist {
    pub(crate) fn new(reads: AnyPool) -> Self {
        Self { reads }
    }

    /// A page of the blacklist of `owner`, newest first; only those with `name` in their names.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn page(
        &self,
        owner: UserId,
        name: Option<&str>,
        skip: usize,
        limit: usize,
    ) -> Result<People, Error> {
        let pattern = pattern(name.unwrap_or_default());
        let count: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM blocked b JOIN blocked_names n ON n.user_id = b.block_id \
             WHERE b.user_id = $1 AND n.needle LIKE $2 ESCAPE '\\'",
        )
        .bind(owner.to_string())
        .bind(pattern.clone())
        .fetch_one(&self.reads)
        .await?;
        let rows = sqlx::query(
            "SELECT b.block_id FROM blocked b JOIN blocked_names n ON n.user_id = b.block_id \
             WHERE b.user_id = $1 AND n.needle LIKE $2 ESCAPE '\\' \
             ORDER BY b.position DESC LIMIT $3 OFFSET $4",
        )
        .bind(owner.to_string())
        .bind(pattern)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(i64::try_from(skip).unwrap_or(i64::MAX))
        .fetch_all(&self.reads)
        .await?;
        let users = rows
            .iter()
            .map(|row| id(row, 0))
            .collect::<Result<_, _>>()?;
        Ok(People {
            count: u64::try_from(count).unwrap_or(0),
            users,
        })
    }

    /// Reports, newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn reports(&self, skip: usize, limit: usize) -> Result<Vec<Report>, Error> {
        let rows = sqlx::query(
            "SELECT user_id, block_id, at_ms FROM reports ORDER BY position DESC LIMIT $1 OFFSET $2",
        )
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(i64::try_from(skip).unwrap_or(i64::MAX))
        .fetch_all(&self.reads)
        .await?;
        let report = |row: &AnyRow| {
            Ok(Report {
                user_id: id(row, 0)?,
                block_id: id(row, 1)?,
                at: Millis(row.try_get(2)?),
            })
        };
        Ok(rows
            .iter()
            .map(report)
            .collect::<Result<_, sqlx::Error>>()?)
    }
}

fn id(row: &AnyRow, column: usize) -> Result<UserId, sqlx::Error> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|error| sqlx::Error::ColumnDecode {
        index: column.to_string(),
        source: Box::new(error),
    })
}

#[async_trait::async_trait]
impl SqlProjection for Blacklist {
    fn name(&self) -> &'static str {
        "blacklist"
    }

    fn version(&self) -> u32 {
        1
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[
            EventKind::UserRegistered,
            EventKind::ProfileChanged,
            EventKind::Blocked,
            EventKind::Unblocked,
        ]
    }

    fn shape(&self) -> &'static [Table] {
        &[
            Table {
                name: "blocked",
                columns: "user_id TEXT NOT NULL, \
                          block_id TEXT NOT NULL, \
                          position BIGINT NOT NULL, \
                          PRIMARY KEY (user_id, block_id), \
                          UNIQUE (user_id, position)",
            },
            Table {
                name: "blocked_names",
                columns: "user_id TEXT NOT NULL PRIMARY KEY, needle TEXT NOT NULL",
            },
            Table {
                name: "reports",
                columns: "position BIGINT NOT NULL PRIMARY KEY, \
                          user_id TEXT NOT NULL, \
                          block_id TEXT NOT NULL, \
                          at_ms BIGINT NOT NULL",
            },
        ]
    }

    async fn apply(&self, rows: &mut Rows<'_>, events: &[&RecordedEvent]) -> Result<(), Refusal> {
        for event in events {
            match &event.event {
                Event::UserRegistered(new) => name(rows, new.user_id, &new.name, false).await?,
                Event::ProfileChanged(changed) => {
                    if let Some(new) = &changed.changes.name {
                        name(rows, changed.user_id, new, true).await?;
                    }
                }
                Event::Blocked(blocked) => {
                    rows.statement(
                        "INSERT INTO {} (user_id, block_id, position) VALUES ($1, $2, $3) \
                         ON CONFLICT (user_id, block_id) DO NOTHING",
                        "blocked",
                    )
                    .bind(blocked.user_id.to_string())
                    .bind(blocked.block_id.to_string())
                    .bind(stored(event.position))
                    .execute(&mut *rows.connection)
                    .await?;
                    if blocked.report {
                        rows.statement(
                            "INSERT INTO {} (position, user_id, block_id, at_ms) \
                             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                            "reports",
                        )
                        .bind(stored(event.position))
                        .bind(blocked.user_id.to_string())
                        .bind(blocked.block_id.to_string())
                        .bind(event.time.0)
                        .execute(&mut *rows.connection)
                        .await?;
                    }
                }
                Event::Unblocked(unblocked) => {
                    rows.statement(
                        "DELETE FROM {} WHERE user_id = $1 AND block_id = $2",
                        "blocked",
                    )
                    .bind(unblocked.user_id.to_string())
                    .bind(unblocked.block_id.to_string())
                    .execute(&mut *rows.connection)
                    .await?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Keeps the name of a person for searching; `known` when the person must have been there before.
async fn name(
    rows: &mut Rows<'_>,
    user: UserId,
    name: &str,
    known: bool,
) -> Result<(), sqlx::Error> {
    let sql = if known {
        "UPDATE {} SET needle = $2 WHERE user_id = $1"
    } else {
        "INSERT INTO {} (user_id, needle) VALUES ($1, $2) ON CONFLICT DO NOTHING"
    };
    rows.statement(sql, "blocked_names")
        .bind(user.to_string())
        .bind(needle(name))
        .execute(&mut *rows.connection)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests;
