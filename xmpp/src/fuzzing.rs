//! A way in for the fuzzer beside the house, which may see what the reader makes of bytes.
//!
//! Nobody else needs it: connections have the reader to themselves.

use crate::reader::{Incoming, Reader};
use crate::stanza::CLIENT;

/// What comes of `pieces`, one after the other, where a stanza may have `limit` bytes: `header`,
/// `footer` or an element as it is written down again; and why the stream ends, if it does.
#[must_use]
pub fn read<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limit: usize,
) -> (Vec<String>, Option<String>) {
    let mut reader = Reader::new(limit);
    let mut seen = Vec::new();
    for mut piece in pieces {
        loop {
            match reader.next(&mut piece) {
                Ok(None) => break,
                Ok(Some(Incoming::Header(_))) => seen.push("header".to_owned()),
                Ok(Some(Incoming::Element(element))) => {
                    let mut out = String::new();
                    element.write(&mut out, CLIENT);
                    seen.push(out);
                }
                Ok(Some(Incoming::Footer)) => {
                    seen.push("footer".to_owned());
                    return (seen, None);
                }
                Err(error) => return (seen, Some(format!("{error:?}"))),
            }
        }
        reader.rest();
    }
    (seen, None)
}
