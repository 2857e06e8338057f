//! Shops in comma-separated values: a header with the columns `id`, `name`, `lat`, `lng`, `t` and,
//! if there are, `address` and `phone`, in any order; other columns are ignored. UTF-8, with or
//! without a byte order mark; fields with commas, quotes or line ends stand in quotes (RFC 4180).

use super::lines::{LONGEST, Line, Lines};
use super::row::Row;
use super::{Item, Sink};
use anyhow::{Context, Result, anyhow, bail};
use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};

const REQUIRED: [&str; 5] = ["id", "name", "lat", "lng", "t"];

/// Reads all records of `input`.
pub(super) fn read(input: impl Read, sink: Sink<'_>) -> Result<()> {
    const UNREADABLE: &str = "cannot read the file";
    let mut records = Records::new(BufReader::with_capacity(LONGEST, input));
    let Some((line, header)) = records.next().context(UNREADABLE)? else {
        bail!("the file is empty; its first line must name the columns");
    };
    let header = header.map_err(|reason| anyhow!("line {line}: {reason}"))?;
    let columns = Columns::of(&header)?;
    while let Some((line, fields)) = records.next().context(UNREADABLE)? {
        let item = Item {
            place: format!("line {line}"),
            shop: fields.and_then(|fields| columns.row(&fields)?.shop("csv")),
        };
        if sink(item).is_break() {
            break;
        }
    }
    Ok(())
}

/// What the header says of where fields stand.
struct Columns {
    count: usize,
    id: Option<usize>,
    name: Option<usize>,
    lat: Option<usize>,
    lng: Option<usize>,
    t: Option<usize>,
    address: Option<usize>,
    phone: Option<usize>,
}

impl Columns {
    fn of(header: &[&str]) -> Result<Self> {
        let names: Vec<String> = header
            .iter()
            .map(|name| name.trim().to_lowercase())
            .collect();
        let at = |name: &str| names.iter().position(|column| column == name);
        let missing: Vec<&str> = REQUIRED
            .into_iter()
            .filter(|name| at(name).is_none())
            .collect();
        if !missing.is_empty() {
            bail!(
                "the first line must name the columns {}, separated by commas; {} missing",
                REQUIRED.join(", "),
                missing.join(", "),
            );
        }
        Ok(Self {
            count: names.len(),
            id: at("id"),
            name: at("name"),
            lat: at("lat"),
            lng: at("lng"),
            t: at("t"),
            address: at("address"),
            phone: at("phone"),
        })
    }

    fn row(&self, fields: &[&str]) -> Result<Row, String> {
        let (found, columns) = (fields.len(), self.count);
        if found != columns {
            return Err(format!("{found} fields, but the header names {columns}"));
        }
        let field = |at: Option<usize>| fields.get(at?).map(|field| (*field).to_owned());
        Ok(Row {
            id: field(self.id),
            name: field(self.name),
            lat: field(self.lat),
            lng: field(self.lng),
            t: field(self.t),
            address: field(self.address),
            phone: field(self.phone),
        })
    }
}

/// The number of a record's first line, and its fields, or why there are none.
type Record<'a> = (u64, Result<Vec<&'a str>, String>);

/// The number of a line, and its bytes, or why there are none.
type Numbered = (u64, Result<Vec<u8>, String>);

/// A file cut into records: lines, and those that follow while a quote is open. A quote that is
/// not closed costs its own line and no other.
struct Records<R> {
    lines: Lines<R>,
    /// Lines that were taken for the rest of a record and are none.
    returned: VecDeque<Numbered>,
    /// One for the whole file: making it costs as much as hundreds of records.
    parser: Reader,
    /// The fields of the record that is being read, one behind the other, and where they end.
    text: Vec<u8>,
    ends: Vec<usize>,
    /// How much of these is of this record.
    written: usize,
    ended: usize,
}

impl<R: BufRead> Records<R> {
    fn new(input: R) -> Self {
        // Lines have lost what ends them in other ways.
        let terminator = Terminator::Any(b'\n');
        Self {
            lines: Lines::new(input),
            returned: VecDeque::new(),
            parser: ReaderBuilder::new().terminator(terminator).build(),
            text: Vec::new(),
            ends: Vec::new(),
            written: 0,
            ended: 0,
        }
    }

    /// The next record; empty lines are passed over.
    fn next(&mut self) -> std::io::Result<Option<Record<'_>>> {
        let (first, line) = loop {
            match self.line()? {
                None => return Ok(None),
                Some((_, Ok(line))) if line.is_empty() => {}
                Some((number, Ok(line))) => break (number, line),
                Some((number, Err(reason))) => return Ok(Some((number, Err(reason)))),
            }
        };
        self.parser.reset();
        (self.written, self.ended) = (0, 0);
        if self.ends_with(&line) {
            return Ok(Some((first, self.fields())));
        }
        let mut length = line.len();
        let mut followed = Vec::new();
        loop {
            let (number, line) = match self.line()? {
                Some((number, Ok(line))) if length + line.len() < LONGEST => (number, line),
                other => {
                    self.give_back(followed, other);
                    let reason = "a quote is opened and not closed".to_owned();
                    return Ok(Some((first, Err(reason))));
                }
            };
            length += line.len() + 1;
            if self.ends_with(&line) {
                return Ok(Some((first, self.fields())));
            }
            followed.push((number, Ok(line)));
        }
    }

    /// Adds a line to the record; whether it is the last.
    fn ends_with(&mut self, line: &[u8]) -> bool {
        for part in [line, b"\n"] {
            let mut rest = part;
            // To a parser that is given nothing, the file is over.
            while !rest.is_empty() {
                let text = &mut self.text[self.written..];
                let ends = &mut self.ends[self.ended..];
                let (result, read, written, ended) = self.parser.read_record(rest, text, ends);
                rest = &rest[read..];
                self.written += written;
                self.ended += ended;
                match result {
                    ReadRecordResult::InputEmpty => {}
                    ReadRecordResult::OutputFull => {
                        self.text.resize(self.written + rest.len() + 1, 0);
                    }
                    ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ended + 8, 0),
                    ReadRecordResult::Record | ReadRecordResult::End => return true,
                }
            }
        }
        false
    }

    fn fields(&self) -> Result<Vec<&str>, String> {
        let mut start = 0;
        let ends = self.ends[..self.ended].iter();
        ends.map(|end| {
            let field = &self.text[start..*end];
            start = *end;
            std::str::from_utf8(field).map_err(|_| "not valid UTF-8".to_owned())
        })
        .collect()
    }

    /// `lines`, and the one `after` them, will be read again.
    fn give_back(&mut self, lines: Vec<Numbered>, after: Option<Numbered>) {
        for line in lines.into_iter().chain(after).rev() {
            self.returned.push_front(line);
        }
    }

    fn line(&mut self) -> std::io::Result<Option<Numbered>> {
        if let Some(line) = self.returned.pop_front() {
            return Ok(Some(line));
        }
        let line = match self.lines.next()? {
            None => return Ok(None),
            Some(Line::Whole(line)) => Ok(line.to_vec()),
            Some(Line::TooLong) => Err(format!("longer than {LONGEST} bytes")),
        };
        Ok(Some((self.lines.number(), line)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Item, tests::items};
    use super::*;

    const HEADER: &str = "id,name,lat,lng,t,address,phone\n";

    fn read(text: &str) -> Vec<Item> {
        items(Format::Csv, text.as_bytes(), usize::MAX).expect("readable")
    }

    #[track_caller]
    fn names(text: &str, expected: &[&str]) {
        let items = read(text);
        let told: Vec<String> = items
            .into_iter()
            .map(|item| match item.shop {
                Ok(shop) => shop.details.name,
                Err(reason) => format!("{}: {reason}", item.place),
            })
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_record_becomes_a_shop() {
        let items = read(&format!(
            "\u{feff}{HEADER}7,\"Café \"\"K\"\", Eira\",60.1,24.9,2,Kuja 1,09 1\r\n"
        ));
        let shop = items[0].shop.as_ref().expect("a shop");
        assert_eq!((shop.shop_id.get(), shop.source.as_str()), (7, "csv:7"));
        assert_eq!(shop.details.name, "Café \"K\", Eira");
        assert_eq!(
            (shop.details.point.lat(), shop.details.point.lng()),
            (60.1, 24.9)
        );
        assert_eq!(u8::from(shop.details.category), 2);
        assert_eq!(
            (shop.details.address.as_str(), shop.details.phone.as_str()),
            ("Kuja 1", "09 1")
        );
    }

    #[test]
    fn columns_come_in_any_order_and_others_are_ignored() {
        names(
            "T,rating,Name , lng,lat,ID\n3,5,a,24,60,1\n\n3,5,b,24,60,2",
            &["a", "b"],
        );
    }

    #[test]
    fn a_bad_record_is_told_by_its_line_and_the_rest_goes_in() {
        let text = format!(
            "{HEADER}x,a,60,24,1,,\n2,,60,24,1,,\n3,c,91,24,1,,\n4,d,60,nan,1,,\n5,e,60,24,7,,\n\
             6,f,60\n9007199254740992,g,60,24,1,,\n8,ok,60,24,1,,\n9,h,,24,1,,\n"
        );
        names(
            &text,
            &[
                "line 2: id must be a whole number from 1 to 9007199254740991",
                "line 3: name is missing",
                "line 4: lat must be a number from -90 to 90",
                "line 5: lng must be a number from -180 to 180",
                "line 6: t must be a number from 1 to 6",
                "line 7: 3 fields, but the header names 7",
                "line 8: id must be a whole number from 1 to 9007199254740991",
                "ok",
                "line 10: lat is missing",
            ],
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_a_bad_record() {
        let mut text = HEADER.as_bytes().to_vec();
        text.extend_from_slice(b"1,caf\xe9,60,24,1,,\n2,b,60,24,1,,\n");
        let items = items(Format::Csv, &text, usize::MAX).expect("readable");
        assert_eq!(items[0].shop.as_ref().expect_err("bad"), "not valid UTF-8");
        assert!(items[1].shop.is_ok());
    }

    #[test]
    fn a_line_end_within_quotes_belongs_to_the_field() {
        let items = read(&format!(
            "{HEADER}1,a,60,24,1,\"one\ntwo\",\n2,b,60,24,1,,\n"
        ));
        // A shop's address stands on one line, so this record is refused for its contents.
        assert_eq!(items[0].place, "line 2");
        assert!(
            items[0]
                .shop
                .as_ref()
                .expect_err("two lines")
                .contains("address")
        );
        assert_eq!(
            (items[1].place.as_str(), items[1].shop.is_ok()),
            ("line 4", true)
        );
    }

    #[test]
    fn a_quote_that_is_not_closed_costs_one_record() {
        let bad = "line 2: a quote is opened and not closed";
        names(
            &format!("{HEADER}1,\"a,60,24,1,,\n2,b,60,24,1,,\n3,c,60,24,1,,\n"),
            &[bad, "b", "c"],
        );
        let long = "x".repeat(LONGEST);
        names(
            &format!("{HEADER}1,\"a,60,24,1,,\n2,b,60,24,1,,\n{long}y\n4,d,60,24,1,,\n"),
            &[bad, "b", "line 4: longer than 65536 bytes", "d"],
        );
    }

    #[test]
    fn a_quote_inside_a_field_is_just_a_character() {
        names(
            &format!("{HEADER}1,the \"a,60,24,1,,\n2,b,60,24,1,,\n"),
            &["the \"a", "b"],
        );
    }

    #[test]
    fn quotes_that_never_close_cost_their_lines_and_no_others() {
        // Each line closes what the one before opened, and opens again.
        let odd = "x\",y,\"\n".repeat(3);
        let bad = |line| format!("line {line}: a quote is opened and not closed");
        let bad: Vec<String> = (2..5).map(bad).collect();
        let mut expected: Vec<&str> = bad.iter().map(String::as_str).collect();
        expected.push("b");
        names(&format!("{HEADER}{odd}2,b,60,24,1,,\n"), &expected);
    }

    #[test]
    fn records_of_every_length_and_number_of_fields_follow_each_other() {
        let wide = ",".repeat(300);
        let long = "y".repeat(10_000);
        names(
            &format!(
                "{HEADER}1,a,60,24,1,,\n2,b,60,24,1{wide}\n3,c,60,24,1,\"{long}\",\n\n\r\n\
                 4,d,60,24,1,\"\",\"\""
            ),
            &[
                "a",
                "line 3: 305 fields, but the header names 7",
                "line 4: address must have at most 255 characters on one line",
                "d",
            ],
        );
    }

    #[test]
    fn a_file_without_the_columns_is_refused() {
        for text in ["", "name,lat\n", "id;name;lat;lng;t\n", "\u{0}\u{1}"] {
            assert!(items(Format::Csv, text.as_bytes(), 1).is_err(), "{text}");
        }
    }
}
