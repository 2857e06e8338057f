//! The segments of a JPEG file: its size, and a copy with only those that are needed to show it.
//!
//! Pixels are the decoder's. Source: ITU-T T.81 annex B; JFIF 1.02; Adobe TN 5116; ICC.1 annex B.4.

use super::{Refusal, Stripped};
use image::metadata::Orientation;
use std::borrow::Cow;

/// How a JPEG file begins: SOI, and the first byte of the next marker.
pub(super) const SIGNATURE: [u8; 3] = [0xff, 0xd8, 0xff];

const SOI: [u8; 2] = [0xff, 0xd8];
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;

/// Progressive pictures have a dozen. A few bytes are enough for one that goes over all the pixels.
const MAX_SCANS: u32 = 100;

/// How much of a JFIF header is copied: what follows is a small picture of the picture.
const JFIF_LENGTH: usize = 12;

/// The whole of what Adobe's segment says about the colours.
const ADOBE_LENGTH: usize = 12;

/// A marker and what belongs to it.
struct Segment<'a> {
    marker: u8,
    /// Without the two bytes that say how long it is.
    content: &'a [u8],
    /// Behind the header of a scan: its compressed data.
    scan: &'a [u8],
}

/// The segments up to EOI, which is not one. What lies between them by mistake is passed over.
struct Segments<'a> {
    rest: &'a [u8],
}

/// The width and height that the frame's header gives.
pub(super) fn size(bytes: &[u8]) -> Result<(u32, u32), Refusal> {
    for segment in Segments::of(bytes) {
        let segment = segment?;
        if segment.is_frame() {
            return segment.size();
        }
    }
    Err(Refusal::Damaged)
}

/// The picture without EXIF, comments, previews, and what lies behind its end.
pub(super) fn strip(bytes: &[u8]) -> Result<Stripped<'_>, Refusal> {
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend(SOI);
    let mut orientation = None;
    let (mut frames, mut scans) = (0, 0);
    let (mut components, mut profiled) = (0, false);
    for segment in Segments::of(bytes) {
        let segment = segment?;
        if segment.is_frame() {
            frames += 1;
            components = segment.components();
        }
        scans += u32::from(segment.marker == SOS);
        if scans > MAX_SCANS {
            return Err(Refusal::TooLarge);
        }
        profiled |= segment.is_profile();
        orientation = orientation.or_else(|| segment.orientation());
        segment.keep(&mut kept);
    }
    // A second frame could be larger than the one whose size was looked at.
    if frames != 1 || scans == 0 {
        return Err(Refusal::Damaged);
    }
    kept.extend([0xff, EOI]);
    Ok(Stripped {
        bytes: Cow::Owned(kept),
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        // Not every browser knows what to make of four colours.
        plain: components == 1 || components == 3,
        profiled,
    })
}

impl<'a> Segments<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes.get(SOI.len()..).unwrap_or_default(),
        }
    }

    /// `None` when the bytes end early.
    fn read(&mut self) -> Option<Segment<'a>> {
        let at = next_marker(self.rest, |_| true)?;
        let (marker, behind) = self.rest[at..].split_first()?;
        if *marker == EOI {
            self.rest = behind;
            return Some(Segment {
                marker: EOI,
                content: &[],
                scan: &[],
            });
        }
        let (length, behind) = behind.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length)).checked_sub(2)?;
        let (content, behind) = behind.split_at_checked(length)?;
        let scan = if *marker == SOS {
            // RST belongs to the data. Its marker stands behind one byte FF or more.
            let end = next_marker(behind, |marker| !(0xd0..=0xd7).contains(&marker))? - 1;
            &behind[..end]
        } else {
            &[]
        };
        self.rest = &behind[scan.len()..];
        Some(Segment {
            marker: *marker,
            content,
            scan,
        })
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Result<Segment<'a>, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.read() {
            Some(segment) if segment.marker == EOI => None,
            Some(segment) => Some(Ok(segment)),
            None => Some(Err(Refusal::Damaged)),
        }
    }
}

impl Segment<'_> {
    /// SOF0 to SOF15; DHT, JPG and DAC lie between them.
    fn is_frame(&self) -> bool {
        matches!(self.marker, 0xc0..=0xcf) && !matches!(self.marker, 0xc4 | 0xc8 | 0xcc)
    }

    fn size(&self) -> Result<(u32, u32), Refusal> {
        match *self.content {
            [_, h0, h1, w0, w1, ..] => {
                let side = |bytes| u32::from(u16::from_be_bytes(bytes));
                Ok((side([w0, w1]), side([h0, h1])))
            }
            _ => Err(Refusal::Damaged),
        }
    }

    /// How many colours a pixel has.
    fn components(&self) -> u8 {
        self.content.get(5).copied().unwrap_or_default()
    }

    /// One of the pieces of an ICC profile.
    fn is_profile(&self) -> bool {
        self.marker == APP2 && self.content.starts_with(b"ICC_PROFILE\0")
    }

    fn orientation(&self) -> Option<Orientation> {
        let exif = self.content.strip_prefix(b"Exif\0\0");
        let exif = exif.filter(|_| self.marker == APP1)?;
        Orientation::from_exif_chunk(exif)
    }

    /// Copies it, where it says how the pixels are to be shown.
    fn keep(&self, to: &mut Vec<u8>) {
        let (content, tail): (&[u8], &[u8]) = match self.marker {
            0xc0..=0xcf | 0xda..=0xdd => (self.content, &[]),
            APP0 if self.content.starts_with(b"JFIF\0") => {
                // Two zeros: no preview.
                (self.content.get(..JFIF_LENGTH).unwrap_or_default(), &[0, 0])
            }
            APP2 if self.is_profile() => (self.content, &[]),
            APP14 if self.content.starts_with(b"Adobe") => {
                (self.content.get(..ADOBE_LENGTH).unwrap_or_default(), &[])
            }
            _ => return,
        };
        if content.is_empty() {
            return;
        }
        let length = u16::try_from(content.len() + tail.len() + 2).unwrap_or(u16::MAX);
        to.extend([0xff, self.marker]);
        to.extend(length.to_be_bytes());
        to.extend(content);
        to.extend(tail);
        to.extend(self.scan);
    }
}

/// Where the next marker's second byte stands. `FF 00` is a byte of data, and more than one FF may
/// stand before a marker.
fn next_marker(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let mut at = 0;
    loop {
        at += bytes[at..].iter().position(|byte| *byte == 0xff)? + 1;
        at += bytes[at..].iter().position(|byte| *byte != 0xff)?;
        if bytes[at] != 0 && wanted(bytes[at]) {
            return Some(at);
        }
    }
}
