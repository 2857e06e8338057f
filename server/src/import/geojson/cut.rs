//! A text of JSON cut into features, without holding more than one: by its brackets and quotes
//! alone, so that a feature that says nonsense costs no other. What they say is read elsewhere.

use super::LONGEST;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, Read};

/// How much of a file is looked at to see what it is, in bytes.
const HEAD: u64 = 1 << 20;

/// The longest key that is compared with `features`, in bytes.
const KEY: usize = 64;

/// What separates the records of RFC 8142.
const RECORD: u8 = 0x1e;

/// What a file looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// A FeatureCollection.
    Collection,
    /// A feature on each line.
    Lines,
    /// One feature, on several lines.
    Single,
}

/// The beginning of a file.
pub(super) fn head(input: &mut impl Read) -> std::io::Result<std::io::Cursor<Vec<u8>>> {
    let mut head = Vec::new();
    input.take(HEAD).read_to_end(&mut head)?;
    Ok(std::io::Cursor::new(head))
}

/// A line without spaces and separators around it.
pub(super) fn record(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    line.strip_prefix(&[RECORD]).unwrap_or(line).trim_ascii()
}

impl Layout {
    /// What a file looks like that begins so.
    pub(super) fn of(head: &std::io::Cursor<Vec<u8>>) -> Self {
        let head = head.get_ref().as_slice();
        let mut text = Text::new(head);
        match text.find_features() {
            Ok(true) => Self::Collection,
            // It ended: what comes behind it?
            Ok(false) => {
                let rest = text.input;
                let several_lines = head.trim_ascii().contains(&b'\n');
                if rest.trim_ascii().is_empty() && several_lines {
                    Self::Single
                } else {
                    Self::Lines
                }
            }
            // A collection with very much before its features, or a line that is very long or
            // broken.
            Err(_) => {
                let first_line = head.split(|byte| *byte == b'\n').next().unwrap_or(head);
                let whole = head.len() as u64 == HEAD && first_line.len() < head.len();
                let named = b"\"FeatureCollection\"";
                let named = head.windows(named.len()).any(|part| part == named);
                if whole && named {
                    Self::Collection
                } else {
                    Self::Lines
                }
            }
        }
    }
}

/// A feature of a file.
pub(super) enum Cut<'a> {
    /// Its text.
    Whole(&'a [u8]),
    /// It was longer than [`LONGEST`] and was passed over.
    TooLong,
}

/// Cuts one feature after the other out of a file that is no lines.
pub(super) struct Features<R> {
    text: Text<R>,
    layout: Layout,
    feature: Vec<u8>,
    number: u64,
    begun: bool,
    ended: bool,
}

impl<R: BufRead> Features<R> {
    pub(super) fn new(input: R, layout: Layout) -> Self {
        Self {
            text: Text::new(input),
            layout,
            feature: Vec::new(),
            number: 0,
            begun: false,
            ended: false,
        }
    }

    /// The number of the feature that was read last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next feature; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read, or what stands around the features makes no sense: then
    /// nobody knows where the next one begins.
    pub(super) fn next(&mut self) -> Result<Option<Cut<'_>>> {
        if self.ended {
            return Ok(None);
        }
        let number = self.number;
        let place = move || match number {
            0 => "before the first feature".to_owned(),
            number => format!("after feature {number}"),
        };
        if !self.begun {
            self.begun = true;
            if self.layout == Layout::Collection {
                let found = self.text.find_features().with_context(place)?;
                if !found {
                    bail!("the file is no FeatureCollection: it has no list of features");
                }
            }
        } else if self.layout == Layout::Single || !self.goes_on().with_context(place)? {
            self.ended = true;
            return Ok(None);
        }
        if self.layout == Layout::Collection
            && self.text.peek_solid().with_context(place)? == Some(b']')
        {
            self.ended = true;
            return Ok(None);
        }
        self.feature.clear();
        self.number += 1;
        let number = self.number;
        let long = self
            .text
            .value(Some((&mut self.feature, LONGEST)))
            .with_context(|| format!("in feature {number}"))?;
        Ok(Some(if long {
            Cut::TooLong
        } else {
            Cut::Whole(&self.feature)
        }))
    }

    /// Passes over the comma between two features; `false` at the end of the list.
    fn goes_on(&mut self) -> Result<bool> {
        match self.text.peek_solid()? {
            Some(b',') => {
                self.text.input.consume(1);
                Ok(true)
            }
            Some(b']') => Ok(false),
            Some(_) => bail!("the file is broken: there must be a comma or the end of the list"),
            None => bail!("the file ends in the middle"),
        }
    }
}

/// A text of JSON that is read once, from the beginning.
struct Text<R> {
    input: R,
}

impl<R: BufRead> Text<R> {
    fn new(input: R) -> Self {
        Self { input }
    }

    /// The next byte that is no space.
    fn peek_solid(&mut self) -> std::io::Result<Option<u8>> {
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            match buffer.iter().position(|byte| !byte.is_ascii_whitespace()) {
                Some(at) => {
                    let solid = buffer[at];
                    self.input.consume(at);
                    return Ok(Some(solid));
                }
                None => {
                    let all = buffer.len();
                    self.input.consume(all);
                }
            }
        }
    }

    fn expect(&mut self, wanted: u8) -> Result<()> {
        match self.peek_solid()? {
            Some(found) if found == wanted => {
                self.input.consume(1);
                Ok(())
            }
            Some(_) => bail!("the file is broken: there must be {:?}", char::from(wanted)),
            None => bail!("the file ends in the middle"),
        }
    }

    /// Goes to the first element of the list that is called `features` in the object at the
    /// beginning; `false` when the object ends without one.
    fn find_features(&mut self) -> Result<bool> {
        let mark = b"\xef\xbb\xbf";
        if self.input.fill_buf()?.starts_with(mark) {
            self.input.consume(mark.len());
        }
        self.expect(b'{')?;
        let mut key = Vec::new();
        loop {
            match self.peek_solid()? {
                Some(b'}') => {
                    self.input.consume(1);
                    return Ok(false);
                }
                Some(b',') => self.input.consume(1),
                Some(b'"') => {
                    key.clear();
                    self.value(Some((&mut key, KEY)))?;
                    self.expect(b':')?;
                    if key == b"\"features\"" && self.peek_solid()? == Some(b'[') {
                        self.input.consume(1);
                        return Ok(true);
                    }
                    self.value(None)?;
                }
                Some(_) => bail!("the file is broken: there must be a name in quotes"),
                None => bail!("the file ends in the middle"),
            }
        }
    }

    /// Passes over a value, and copies it where it is wanted; whether it was longer than that. No
    /// bracket is held against its kind: that is for those who read the value.
    fn value(&mut self, mut copy: Option<(&mut Vec<u8>, usize)>) -> Result<bool> {
        let mut nesting = Nesting::default();
        let mut long = false;
        let mut any = false;
        self.peek_solid()?;
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                // A plain value may be the last of its file; nothing else may.
                if any && nesting.is_plain() {
                    return Ok(long);
                }
                bail!("the file ends in the middle");
            }
            let end = nesting.end_in(buffer);
            let used = end.unwrap_or(buffer.len());
            if let Some((copy, longest)) = &mut copy {
                long = long || copy.len() + used > *longest;
                if !long {
                    copy.extend_from_slice(&buffer[..used]);
                }
            }
            any = any || used > 0;
            self.input.consume(used);
            if end.is_some() {
                if !any {
                    bail!("the file is broken: there must be a value");
                }
                return Ok(long);
            }
        }
    }
}

/// How deep in brackets and quotes a value is.
#[derive(Default)]
struct Nesting {
    depth: u64,
    quoted: bool,
    escaped: bool,
    /// A bracket or a quote was met, so the value ends with the last of them.
    enclosed: bool,
}

impl Nesting {
    /// How many of the bytes belong to the value, when it ends among them.
    fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            if self.quoted {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.quoted = false;
                        if self.depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => {
                    self.quoted = true;
                    self.enclosed = true;
                }
                b'{' | b'[' => {
                    self.depth += 1;
                    self.enclosed = true;
                }
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                b'}' | b']' | b',' if self.depth == 0 => return Some(at),
                byte if self.depth == 0 && byte.is_ascii_whitespace() => return Some(at),
                _ => {}
            }
        }
        None
    }

    fn is_plain(&self) -> bool {
        !self.enclosed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of a list, cut out of buffers of every size.
    #[track_caller]
    fn check(list: &str, expected: &[&str]) {
        let text = format!("{{\"a\":[{{}}],\"features\" : [{list}] }}");
        for size in 1..text.len() + 1 {
            let input = std::io::BufReader::with_capacity(size, text.as_bytes());
            let mut features = Features::new(input, Layout::Collection);
            let mut found = Vec::new();
            while let Some(cut) = features.next().expect("a list") {
                let Cut::Whole(text) = cut else {
                    panic!("too long")
                };
                found.push(String::from_utf8(text.to_vec()).expect("text"));
            }
            assert_eq!(found, expected, "{size}");
        }
    }

    #[test]
    fn values_end_where_their_brackets_and_quotes_do() {
        check("", &[]);
        check("  ", &[]);
        check(
            r#"{"a":"}]\"\\"},[[],{}] , 1,"x,]""#,
            &[r#"{"a":"}]\"\\"}"#, "[[],{}]", "1", r#""x,]""#],
        );
        check("{]", &["{]"]);
    }

    #[track_caller]
    fn laid_out(text: &str, expected: Layout) {
        let head = std::io::Cursor::new(text.as_bytes().to_vec());
        assert_eq!(Layout::of(&head), expected, "{text}");
    }

    #[test]
    fn a_file_is_known_by_its_beginning() {
        laid_out(
            "{\"type\":\"FeatureCollection\",\"features\":[",
            Layout::Collection,
        );
        laid_out("\n {\n\"features\"\n:\n[", Layout::Collection);
        laid_out("{\"features\":{}}", Layout::Lines);
        laid_out("{\"a\":{\"features\":[]}}\n{}", Layout::Lines);
        laid_out("{\"a\":1", Layout::Lines);
        laid_out("{\n\"a\":\n1}\n", Layout::Single);
        laid_out("\u{1e}{}\n", Layout::Lines);
        laid_out("", Layout::Lines);
        let much = format!(
            "{{\n\"type\":\"FeatureCollection\",\"x\":\"{}",
            "x".repeat(2 << 20)
        );
        laid_out(&much[..1 << 20], Layout::Collection);
    }
}
