//! Projections in SQL: what they must be able to do, and how a slice of events is applied to one
//! of them, all or up to the event that it refuses.
//!
//! When that happens, and in which transactions, is the writer's business.

use crate::memory::{Poison, Portion, before, pause};
use crate::status::Paused;
use crate::store::{self, Checkpoint};
use domain::{EventKind, Position};
use eventlog::{Delivery, RecordedEvent};
use futures_util::FutureExt;
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use std::panic::AssertUnwindSafe;

/// A read model in tables.
///
/// Its SQL must run on both engines: `$1`, `BIGINT`, `TEXT`, `DOUBLE PRECISION`, `ON CONFLICT`.
#[async_trait::async_trait]
pub(crate) trait SqlProjection: Send + Sync + 'static {
    /// The name that operators use.
    fn name(&self) -> &'static str;

    /// Raised whenever the shape or the fold changes; the model is then built anew. One whose rows
    /// depend on a setting says so with [`version_under`].
    fn version(&self) -> u32;

    /// The kinds of events that the fold looks at; it is shown no others.
    fn kinds(&self) -> &'static [EventKind];

    /// Its tables.
    fn shape(&self) -> &'static [Table];

    /// Folds `events`, in order. Each is applied once: the writer skips what has been applied.
    /// However a history is cut into slices, the rows must be the same.
    ///
    /// # Errors
    /// [`Refusal`]; the transaction is then undone.
    async fn apply(&self, rows: &mut Rows<'_>, events: &[&RecordedEvent]) -> Result<(), Refusal>;
}

/// The shape of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Columns and constraints, as in `CREATE TABLE name (…)`. Constraints are the only access
    /// paths: a named index could not be renamed along with its table on both engines.
    pub(crate) columns: &'static str,
}

/// The rows of one projection, inside a transaction.
pub(crate) struct Rows<'a> {
    pub(crate) connection: &'a mut AnyConnection,
    /// Empty for the copy that serves.
    pub(crate) suffix: &'static str,
}

/// A value in a row.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Number(i64),
    Text(Option<String>),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

/// A version of a fold, from 1 to 65535, under a setting on which its rows depend: another setting
/// makes another version, which is neither newer nor older.
pub(crate) fn version_under(fold: u16, setting: &str) -> u32 {
    // FNV-1a: what the standard library offers may differ from one version to the next.
    let digest = setting.bytes().fold(0x811c_9dc5_u32, |digest, byte| {
        (digest ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    // Its halves together fill the upper half.
    (digest ^ digest << 16) & 0xffff_0000 | u32::from(fold)
}

/// The version of the fold alone: what tells a newer program from an older one.
pub(crate) fn fold_version(version: u32) -> u32 {
    version & 0xffff
}

/// How many rows one statement takes: few sizes, so that few plans are kept.
const SIZES: [usize; 4] = [64, 16, 4, 1];

/// Why events were not applied.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// One of them makes no sense to the fold.
    Poison(Poison),
    /// The store did not do what it was told.
    Store(sqlx::Error),
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error)
    }
}

impl From<Poison> for Refusal {
    fn from(poison: Poison) -> Self {
        Self::Poison(poison)
    }
}

impl Rows<'_> {
    /// Runs a statement, in which each `{}` of `sql` stands for `table`; its cached plan serves
    /// the next one of the same text.
    pub(crate) fn statement(&self, sql: &str, table: &str) -> Statement {
        sqlx::query(AssertSqlSafe(sql.replace("{}", &self.table(table))))
    }

    /// Inserts `rows`, leaving alone those that are there, with as few statements as may be: each
    /// costs much more than a row of it does.
    pub(crate) async fn insert<const N: usize>(
        &mut self,
        table: &str,
        columns: [&str; N],
        rows: Vec<[Value; N]>,
    ) -> Result<(), sqlx::Error> {
        let mut rows = rows.into_iter();
        for size in sizes(rows.len()) {
            let places = places(size, N);
            let columns = columns.join(", ");
            let sql =
                format!("INSERT INTO {{}} ({columns}) VALUES {places} ON CONFLICT DO NOTHING");
            let mut statement = self.statement(&sql, table);
            for value in rows.by_ref().take(size).flatten() {
                statement = bind(statement, value);
            }
            statement.execute(&mut *self.connection).await?;
        }
        Ok(())
    }

    /// Deletes the rows of `table` in which the columns of `key` are as it says, and `column` is
    /// one of `values`.
    pub(crate) async fn delete(
        &mut self,
        table: &str,
        key: &[(&str, Value)],
        column: &str,
        values: Vec<Value>,
    ) -> Result<(), sqlx::Error> {
        let mut values = values.into_iter();
        for size in sizes(values.len()) {
            let mut sql = String::from("DELETE FROM {} WHERE ");
            for (number, (column, _)) in key.iter().enumerate() {
                sql += &format!("{column} = ${} AND ", number + 1);
            }
            let numbers = (key.len() + 1)..=(key.len() + size);
            let places: Vec<String> = numbers.map(|number| format!("${number}")).collect();
            sql += &format!("{column} IN ({})", places.join(", "));
            let mut statement = self.statement(&sql, table);
            let own = values.by_ref().take(size);
            for value in key.iter().map(|(_, value)| value.clone()).chain(own) {
                statement = bind(statement, value);
            }
            statement.execute(&mut *self.connection).await?;
        }
        Ok(())
    }

    /// What `table` is called in this copy.
    pub(crate) fn table(&self, table: &str) -> String {
        format!("{table}{}", self.suffix)
    }
}

type Statement = sqlx::query::Query<'static, sqlx::Any, sqlx::any::AnyArguments>;

fn bind(statement: Statement, value: Value) -> Statement {
    match value {
        Value::Number(number) => statement.bind(number),
        Value::Text(text) => statement.bind(text),
    }
}

/// `count` in portions of [`SIZES`], the large ones first.
fn sizes(mut count: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= count)?;
        count -= size;
        Some(size)
    })
}

/// `($1, $2), ($3, $4)` for two rows of two.
fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let numbers = (1..=columns).map(|column| format!("${}", row * columns + column));
        format!("({})", numbers.collect::<Vec<_>>().join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// One copy of a projection, and how far it has come.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) projection: &'a dyn SqlProjection,
    /// Empty for the copy that serves.
    pub(crate) suffix: &'static str,
    /// Where its checkpoint must be: if it is not, another node has applied events.
    pub(crate) expected: Position,
}

/// What became of a slice of events.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Rows and checkpoint are at `position`.
    Applied {
        /// The end of the slice, or the event before the one that is refused.
        position: Position,
        /// The event that is refused.
        paused: Option<Paused>,
    },
    /// The checkpoint was not where it was expected; nothing was applied.
    Fenced,
}

impl Target<'_> {
    /// The name of its checkpoint.
    pub(crate) fn checkpoint(&self) -> String {
        format!("{}{}", self.projection.name(), self.suffix)
    }

    fn at(&self, position: Position) -> Checkpoint {
        Checkpoint {
            version: self.projection.version(),
            position,
        }
    }

    /// Applies `portion` of `batch`, inside a transaction of the caller's, and moves the
    /// checkpoint to `upto`; `after` is what has been applied before.
    ///
    /// # Errors
    /// Technical ones, after which the caller's transaction must be given up.
    pub(crate) async fn apply(
        &self,
        connection: &mut AnyConnection,
        batch: &[Delivery],
        portion: Portion<'_>,
        after: Position,
        upto: Position,
    ) -> Result<Outcome, sqlx::Error> {
        let name = self.checkpoint();
        let end = match &portion.undecodable {
            Some(paused) => before(batch, paused.position, after),
            None => upto,
        };
        let mut savepoint = connection.begin().await?;
        // First of all, so that two nodes meet here and not at the rows.
        if !store::claim(&mut savepoint, &name, self.at(self.expected), end).await? {
            savepoint.rollback().await?;
            return Ok(Outcome::Fenced);
        }
        if self.fold(&mut savepoint, &portion.events).await?.is_ok() {
            savepoint.commit().await?;
            return Ok(Outcome::Applied {
                position: end,
                paused: portion.undecodable,
            });
        }
        savepoint.rollback().await?;

        // One of the events is refused: find out which by going one by one.
        let mut savepoint = connection.begin().await?;
        if !store::claim(&mut savepoint, &name, self.at(self.expected), end).await? {
            savepoint.rollback().await?;
            return Ok(Outcome::Fenced);
        }
        for &event in &portion.events {
            let mut single = savepoint.begin().await?;
            let Err(error) = self.fold(&mut single, &[event]).await? else {
                single.commit().await?;
                continue;
            };
            single.rollback().await?;
            let position = before(batch, event.position, after);
            store::claim(&mut savepoint, &name, self.at(end), position).await?;
            savepoint.commit().await?;
            return Ok(Outcome::Applied {
                position,
                paused: Some(pause(event, error)),
            });
        }
        savepoint.commit().await?;
        Ok(Outcome::Applied {
            position: end,
            paused: portion.undecodable,
        })
    }

    /// The inner result is the refusal of one of the events, the outer one a technical failure.
    async fn fold(
        &self,
        connection: &mut AnyConnection,
        events: &[&RecordedEvent],
    ) -> Result<Result<(), String>, sqlx::Error> {
        let mut rows = Rows {
            connection,
            suffix: self.suffix,
        };
        // As in memory: a fold that panics pauses its own projection only.
        let folding = AssertUnwindSafe(self.projection.apply(&mut rows, events));
        match folding.catch_unwind().await {
            Ok(Ok(())) => Ok(Ok(())),
            Ok(Err(Refusal::Poison(Poison(error)))) => Ok(Err(error)),
            Ok(Err(Refusal::Store(error))) if refused(&error) => Ok(Err(error.to_string())),
            Ok(Err(Refusal::Store(error))) => Err(error),
            Err(_) => Ok(Err("the fold panicked".into())),
        }
    }
}

/// Whether the store refused what this projection told it (data that does not fit, a table that
/// is not there), and would again; everything else may pass, and concerns all projections.
fn refused(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return matches!(error, sqlx::Error::Encode(_));
    };
    let code = error.code().unwrap_or_default();
    match code.len() {
        // Classes of SQLSTATE: data exception, integrity constraint, statement not understood.
        5 => ["22", "23", "42"]
            .iter()
            .any(|class| code.starts_with(class)),
        // SQLite, whose extended codes hold the primary one in their last byte: ERROR, TOOBIG,
        // CONSTRAINT, MISMATCH, RANGE.
        _ => code
            .parse::<u32>()
            .is_ok_and(|code| matches!(code & 0xff, 1 | 18 | 19 | 20 | 25)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_setting_is_another_version_of_the_same_fold() {
        let (utc, shanghai) = (version_under(3, "UTC"), version_under(3, "Asia/Shanghai"));
        assert_ne!(utc, shanghai);
        assert_eq!([utc, shanghai].map(fold_version), [3, 3]);
        assert_eq!(fold_version(7), 7);
    }

    #[test]
    fn rows_go_in_few_portions_of_few_sizes() {
        let portions = |count| sizes(count).collect::<Vec<_>>();
        assert!(portions(0).is_empty());
        assert_eq!(portions(3), [1, 1, 1]);
        assert_eq!(portions(150), [64, 64, 16, 4, 1, 1]);
        assert_eq!(places(2, 3), "($1, $2, $3), ($4, $5, $6)");
    }
}
