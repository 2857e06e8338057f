//! What goes wrong with a blob store, in words that are fit for a log.

use std::error::Error as StdError;

/// The longest explanation.
const CHARS: usize = 200;

/// What the store did.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is away, full, or does not let us in; later may be better.
    #[error("blob store: {0}")]
    Unavailable(String),
}

/// Why there is no store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The URL of the store is neither `file:///path` nor `s3://bucket/prefix`.
    #[error("the blob store must be file:///path or s3://bucket/prefix")]
    Url,
    /// The folder cannot be made or used.
    #[error("the folder of blobs: {0}")]
    Folder(String),
    /// The settings for S3 do not fit together.
    #[error("the bucket of blobs: {0}")]
    Bucket(String),
}

/// Whether S3 says that it has no such blob. A missing bucket, and whatever else answers in the
/// place of S3, has the same status.
pub(super) fn no_such_key(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { source, .. }
        if source.to_string().contains("<Code>NoSuchKey</Code>"))
}

pub(super) fn failed(what: impl Fn() -> String, error: &object_store::Error) -> Error {
    Error::Unavailable(format!("{}: {}", what(), reason(error)))
}

/// The innermost cause. What a server answered is left out: S3 repeats there what was signed.
pub(super) fn reason(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    let own = text.split(['<', '\n']).next().unwrap_or_default();
    let own = own.trim().trim_end_matches(':');
    own.chars().take(CHARS).collect()
}
