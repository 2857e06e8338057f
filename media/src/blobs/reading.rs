//! Reading blobs for those who asked by HTTP: parts of them, and only what changed.

use super::Blobs;
use super::failure::{Error, failed};
use crate::keys::Key;
use bytes::Bytes;
use domain::Millis;
use futures_util::stream::{BoxStream, StreamExt};
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};
use std::fmt;
use std::ops::Range;

/// What a request says beside the name of the blob.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// Which part is wanted; all of it where there is none.
    pub range: Option<ByteRange>,
    /// The header `If-None-Match`.
    pub if_none_match: Option<String>,
}

/// A part of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From the first to the last, which counts.
    Between(u64, u64),
    /// From here to the end.
    From(u64),
    /// So many at the end.
    Last(u64),
}

impl ByteRange {
    /// The part that the header `Range` names: `bytes=0-99`, `bytes=100-`, `bytes=-100`.
    ///
    /// None for everything else, also for several parts: such a header may be ignored
    /// (RFC 9110 §14.2).
    #[must_use]
    pub fn from_header(text: &str) -> Option<Self> {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten()
        };
        match (first, last) {
            ("", last) => number(last).map(Self::Last),
            (first, "") => number(first).map(Self::From),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }

    /// Whether a blob of this length has any of it.
    fn is_in(self, bytes: u64) -> bool {
        match self {
            Self::Between(first, _) | Self::From(first) => first < bytes,
            Self::Last(wanted) => wanted > 0 && bytes > 0,
        }
    }
}

impl From<ByteRange> for GetRange {
    fn from(range: ByteRange) -> Self {
        match range {
            ByteRange::Between(first, last) => Self::Bounded(first..last.saturating_add(1)),
            ByteRange::From(first) => Self::Offset(first),
            ByteRange::Last(wanted) => Self::Suffix(wanted),
        }
    }
}

/// What became of a request for a blob.
#[derive(Debug)]
pub enum Reading {
    /// Here it is.
    Found(Content),
    /// The caller has it already.
    Unchanged,
    /// It has no such part.
    OutOfRange {
        /// The length of the whole blob.
        bytes: u64,
    },
    /// It is not there.
    Absent,
}

/// A blob, or a part of it.
pub struct Content {
    /// The length of the whole blob.
    pub bytes: u64,
    /// Which bytes of it follow, the last one excluded.
    pub range: Range<u64>,
    /// The entity tag, with its quotation marks.
    pub etag: Option<String>,
    /// When it was stored.
    pub modified: Millis,
    /// The bytes.
    pub body: BoxStream<'static, Result<Bytes, Error>>,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("bytes", &self.bytes)
            .field("range", &self.range)
            .field("etag", &self.etag)
            .finish_non_exhaustive()
    }
}

impl Blobs {
    /// Begins to read a blob for an answer.
    ///
    /// # Errors
    /// [`Error::Unavailable`], also in the middle of the body.
    pub async fn read(&self, key: &Key, conditions: Conditions) -> Result<Reading, Error> {
        let Conditions {
            range,
            if_none_match,
        } = conditions;
        let path = self.0.path(key);
        let key = *key;
        let what = move || format!("cannot read {key}");
        let range = match range {
            // Servers differ in what the last hundred bytes of ten are.
            Some(ByteRange::Last(wanted)) => match self.0.objects.head(&path).await {
                Ok(meta) if wanted == 0 || meta.size == 0 => {
                    return Ok(Reading::OutOfRange { bytes: meta.size });
                }
                Ok(meta) => Some(ByteRange::From(meta.size.saturating_sub(wanted))),
                // Only the answer to a whole request tells why.
                Err(_) => range,
            },
            _ => range,
        };
        let options = GetOptions {
            range: range.map(GetRange::from),
            if_none_match: if_none_match.clone(),
            ..GetOptions::default()
        };
        let found = match self.0.objects.get_opts(&path, options).await {
            Ok(found) => found,
            Err(object_store::Error::NotModified { .. }) => return Ok(Reading::Unchanged),
            Err(error) if self.0.lacks_only_this(&error) => return Ok(Reading::Absent),
            Err(error) => {
                // A part that is not there looks different in every store.
                if let Some(range) = range
                    && let Ok(meta) = self.0.objects.head(&path).await
                    && !range.is_in(meta.size)
                {
                    return Ok(Reading::OutOfRange { bytes: meta.size });
                }
                return Err(failed(what, &error));
            }
        };
        // Not every server knows the condition.
        if if_none_match.is_some_and(|tags| matches(&tags, &found.meta)) {
            return Ok(Reading::Unchanged);
        }
        Ok(Reading::Found(Content {
            bytes: found.meta.size,
            range: found.range.clone(),
            etag: found.meta.e_tag.clone(),
            modified: Millis(found.meta.last_modified.timestamp_millis()),
            body: found
                .into_stream()
                .map(move |part| part.map_err(|error| failed(what, &error)))
                .boxed(),
        }))
    }
}

/// Whether one of the tags is the blob's; `W/` is passed over (RFC 9110 §13.1.2).
fn matches(tags: &str, meta: &ObjectMeta) -> bool {
    let own = meta
        .e_tag
        .as_deref()
        .map(|tag| tag.trim_start_matches("W/"));
    tags.split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || own.is_some_and(|own| own == tag.trim_start_matches("W/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_one_part_or_is_ignored() {
        for (header, part) in [
            ("bytes=0-99", Some(ByteRange::Between(0, 99))),
            ("bytes=7-7", Some(ByteRange::Between(7, 7))),
            ("bytes=100-", Some(ByteRange::From(100))),
            ("bytes=-5", Some(ByteRange::Last(5))),
            ("bytes=9-8", None),
            ("bytes=-", None),
            ("bytes=+1-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=99999999999999999999-", None),
            ("items=0-1", None),
            ("", None),
        ] {
            assert_eq!(ByteRange::from_header(header), part, "{header}");
        }
    }
}
