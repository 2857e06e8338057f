//! The chunks of a PNG file: its size, and a copy with only those that are needed to show it.
//!
//! Pixels are the decoder's. Source: <https://www.w3.org/TR/png-3/>.

use super::{Refusal, Stripped};
use image::metadata::Orientation;
use std::borrow::Cow;

/// How a PNG file begins.
pub(super) const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Its length and its name stand before a chunk's content, its checksum behind it.
const BEFORE: usize = 8;
const BEHIND: usize = 4;

/// One chunk.
struct Chunk<'a> {
    name: [u8; 4],
    content: &'a [u8],
    /// With its length, name and checksum.
    whole: &'a [u8],
}

/// The width and height that the header gives.
pub(super) fn size(bytes: &[u8]) -> Result<(u32, u32), Refusal> {
    let (header, _) = read(bytes, SIGNATURE.len())?;
    match *header.content {
        [w0, w1, w2, w3, h0, h1, h2, h3, ..] if header.name == *b"IHDR" => Ok((
            u32::from_be_bytes([w0, w1, w2, w3]),
            u32::from_be_bytes([h0, h1, h2, h3]),
        )),
        _ => Err(Refusal::Damaged),
    }
}

/// The picture without EXIF, texts, further frames, and what lies behind its end. Texts are not
/// even unpacked.
pub(super) fn strip(bytes: &[u8]) -> Result<Stripped<'_>, Refusal> {
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend(SIGNATURE);
    let mut orientation = None;
    let (mut depth, mut profiled) = (0, false);
    let mut at = SIGNATURE.len();
    loop {
        let (chunk, next) = read(bytes, at)?;
        match &chunk.name {
            b"IHDR" => depth = chunk.content.get(8).copied().unwrap_or_default(),
            b"iCCP" => profiled = true,
            b"eXIf" => orientation = Orientation::from_exif_chunk(chunk.content),
            _ => {}
        }
        if chunk.shows() {
            kept.extend(chunk.whole);
        }
        if chunk.name == *b"IEND" {
            break;
        }
        at = next;
    }
    Ok(Stripped {
        bytes: Cow::Owned(kept),
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        // Twice the bytes, and no screen shows the difference.
        plain: depth <= 8,
        profiled,
    })
}

impl Chunk<'_> {
    /// Whether it says how the pixels are to be shown.
    fn shows(&self) -> bool {
        matches!(
            &self.name,
            b"IHDR" | b"PLTE" | b"IDAT" | b"IEND" | b"tRNS" | b"iCCP" | b"sRGB" | b"gAMA" | b"cHRM"
        )
    }
}

/// The chunk that begins at `at`, and where the next one does.
fn read(bytes: &[u8], at: usize) -> Result<(Chunk<'_>, usize), Refusal> {
    let chunk = || {
        let (length, behind) = bytes.get(at..)?.split_first_chunk()?;
        let (name, behind) = behind.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let content = behind.get(..length)?;
        let end = at + BEFORE + length + BEHIND;
        let whole = bytes.get(at..end)?;
        let chunk = Chunk {
            name: *name,
            content,
            whole,
        };
        Some((chunk, end))
    };
    chunk().ok_or(Refusal::Damaged)
}
