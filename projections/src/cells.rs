//! Reading what stands in the cells of a row.

use sqlx::Row;
use sqlx::any::AnyRow;
use std::error::Error;
use std::str::FromStr;

/// An id, which is stored as text.
pub(crate) fn id<T: FromStr>(row: &AnyRow, column: &str) -> Result<T, sqlx::Error>
where
    T::Err: Error + Send + Sync + 'static,
{
    let text: String = row.try_get(column)?;
    text.parse().map_err(|error| odd(column, error))
}

/// A number of any size up to the 63 bits that are stored.
pub(crate) fn number<T: TryFrom<i64>>(row: &AnyRow, column: &str) -> Result<T, sqlx::Error>
where
    T::Error: Error + Send + Sync + 'static,
{
    let number: i64 = row.try_get(column)?;
    T::try_from(number).map_err(|error| odd(column, error))
}

/// The error of a column that holds what no fold writes.
pub(crate) fn odd(column: &str, why: impl Into<Box<dyn Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.into(),
        source: why.into(),
    }
}
