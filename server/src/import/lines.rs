//! A file cut into lines, none of which may be long: a file without line ends must not become one
//! huge text in memory.

use std::io::{BufRead, Result};

/// The longest line, in bytes.
pub(super) const LONGEST: usize = 64 << 10;

/// A line of a file.
pub(super) enum Line<'a> {
    /// Its bytes, without the line end.
    Whole(&'a [u8]),
    /// It was longer than it may be and was passed over.
    TooLong,
}

/// Reads lines one after the other.
pub(super) struct Lines<R> {
    input: R,
    longest: usize,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// Lines of [`LONGEST`] bytes at most.
    pub(super) fn new(input: R) -> Self {
        Self::up_to(LONGEST, input)
    }

    /// Lines of `longest` bytes at most.
    pub(super) fn up_to(longest: usize, input: R) -> Self {
        Self {
            input,
            longest,
            line: Vec::new(),
            number: 0,
        }
    }

    /// The number of the line that was read last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line; `None` at the end. A byte order mark before the first is passed over.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>> {
        self.line.clear();
        let mut too_long = false;
        let mut any = false;
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            any = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            too_long = too_long || self.line.len() + part.len() > self.longest;
            if !too_long {
                self.line.extend_from_slice(part);
            }
            let used = end.map_or(buffer.len(), |end| end + 1);
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        if !any {
            return Ok(None);
        }
        self.number += 1;
        if too_long {
            return Ok(Some(Line::TooLong));
        }
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        let mark: &[u8] = if self.number == 1 {
            b"\xef\xbb\xbf"
        } else {
            b""
        };
        Ok(Some(Line::Whole(line.strip_prefix(mark).unwrap_or(line))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a text, with `!` for one that is too long.
    fn lines(text: &[u8]) -> Vec<String> {
        // A tiny buffer, so that lines span many of them.
        let mut lines = Lines::new(std::io::BufReader::with_capacity(7, text));
        let mut all = Vec::new();
        while let Some(line) = lines.next().expect("readable") {
            all.push(match line {
                Line::Whole(bytes) => String::from_utf8(bytes.to_vec()).expect("text"),
                Line::TooLong => "!".to_owned(),
            });
        }
        assert_eq!(lines.number(), all.len() as u64);
        all
    }

    #[test]
    fn lines_end_in_any_of_the_usual_ways() {
        assert_eq!(
            lines(b"\xef\xbb\xbfone\r\n\ntwo, longer\nlast"),
            ["one", "", "two, longer", "last"]
        );
        assert_eq!(lines(b""), Vec::<String>::new());
        assert_eq!(lines(b"\n"), [""]);
    }

    #[test]
    fn a_huge_line_is_passed_over_and_the_next_one_read() {
        let mut text = vec![b'x'; LONGEST + 1];
        text.extend_from_slice(b"\nnext\n");
        assert_eq!(lines(&text), ["!", "next"]);
        let longest = vec![b'x'; LONGEST];
        assert_eq!(lines(&longest)[0].len(), LONGEST);
    }
}
