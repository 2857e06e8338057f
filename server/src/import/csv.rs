//! Shops in comma-separated values: a header with the columns `id`, `name`, `lat`, `lng`, `t` and,
//! if there are, `address` and `phone`, in any order; other columns are ignored. UTF-8, with or
//! without a byte order mark; fields with commas, quotes or line ends stand in quotes (RFC 4180).

use super::lines::{LONGEST, Line, Lines};
use super::row::Row;
use super::{Item, Sink};
use anyhow::{Context, Result, bail};
use std::collections::VecDeque;
use std::io::{BufReader, Read};

const REQUIRED: [&str; 5] = ["id", "name", "lat", "lng", "t"];

/// Reads all records of `input`.
pub(super) fn read(input: impl Read, sink: Sink<'_>) -> Result<()> {
    let mut records = Records::new(BufReader::with_capacity(LONGEST, input));
    let Some((_, header)) = records.next().context("cannot read the file")? else {
        bail!("the file is empty; its first line must name the columns");
    };
    let columns = columns(&header.map_err(|reason| anyhow::anyhow!("line 1: {reason}"))?)?;
    while let Some((line, text)) = records.next().context("cannot read the file")? {
        let text = match text {
            Ok(text) if text.is_empty() => continue,
            text => text,
        };
        let shop = text.and_then(|text| fields(&text)).and_then(|fields| {
            if fields.len() != columns.names.len() {
                let (found, columns) = (fields.len(), columns.names.len());
                return Err(format!("{found} fields, but the header names {columns}"));
            }
            columns.row(&fields).shop("csv")
        });
        if sink(Item {
            place: format!("line {line}"),
            shop,
        })
        .is_break()
        {
            break;
        }
    }
    Ok(())
}

struct Columns {
    names: Vec<String>,
}

impl Columns {
    fn row(&self, fields: &csv::StringRecord) -> Row {
        let field = |name: &str| {
            let at = self.names.iter().position(|column| column == name)?;
            fields.get(at).map(str::to_owned)
        };
        Row {
            id: field("id"),
            name: field("name"),
            lat: field("lat"),
            lng: field("lng"),
            t: field("t"),
            address: field("address"),
            phone: field("phone"),
        }
    }
}

fn columns(header: &[u8]) -> Result<Columns> {
    let header = fields(header).map_err(|reason| anyhow::anyhow!("line 1: {reason}"))?;
    let names: Vec<String> = header
        .iter()
        .map(|name| name.trim().to_lowercase())
        .collect();
    let missing: Vec<&str> = REQUIRED
        .into_iter()
        .filter(|name| !names.iter().any(|column| column == name))
        .collect();
    if !missing.is_empty() {
        bail!(
            "the first line must name the columns {}, separated by commas; {} missing",
            REQUIRED.join(", "),
            missing.join(", "),
        );
    }
    Ok(Columns { names })
}

fn fields(text: &[u8]) -> Result<csv::StringRecord, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(text.len().max(1))
        .from_reader(text);
    let mut fields = csv::StringRecord::new();
    match reader.read_record(&mut fields) {
        Ok(_) => Ok(fields),
        Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
            Err("not valid UTF-8".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The number of a record's first line, and its bytes, or why there are none.
type Record = (u64, Result<Vec<u8>, String>);

/// A file cut into records: lines, and those that follow while a quote is open. A quote that is
/// not closed costs its own line and no other.
struct Records<R> {
    lines: Lines<R>,
    /// Lines that were taken for the rest of a record and are none.
    returned: VecDeque<Record>,
}

impl<R: std::io::BufRead> Records<R> {
    fn new(input: R) -> Self {
        Self {
            lines: Lines::new(input),
            returned: VecDeque::new(),
        }
    }

    fn next(&mut self) -> std::io::Result<Option<Record>> {
        let Some((first, line)) = self.line()? else {
            return Ok(None);
        };
        let Ok(line) = line else {
            return Ok(Some((first, line)));
        };
        let mut quote = Quote::default();
        quote.follow(&line);
        if !quote.open {
            return Ok(Some((first, Ok(line))));
        }
        let mut length = line.len();
        let mut taken = vec![(first, line)];
        while quote.open {
            let next = match self.line()? {
                Some((number, Ok(line))) if length + line.len() < LONGEST => (number, line),
                other => return Ok(Some(self.give_back(taken, other))),
            };
            length += next.1.len() + 1;
            quote.follow(b"\n");
            quote.follow(&next.1);
            taken.push(next);
        }
        let lines: Vec<Vec<u8>> = taken.into_iter().map(|(_, line)| line).collect();
        Ok(Some((first, Ok(lines.join(&b'\n')))))
    }

    /// The first of `lines` is bad; the others, and the one `after` them, will be read again.
    fn give_back(&mut self, lines: Vec<(u64, Vec<u8>)>, after: Option<Record>) -> Record {
        let mut lines = lines.into_iter().map(|(number, line)| (number, Ok(line)));
        let first = lines.next().map_or(0, |(number, _)| number);
        for line in lines.chain(after).collect::<Vec<_>>().into_iter().rev() {
            self.returned.push_front(line);
        }
        (first, Err("a quote is opened and not closed".to_owned()))
    }

    fn line(&mut self) -> std::io::Result<Option<Record>> {
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

/// Whether a quoted field is open. As in RFC 4180, a quote opens a field only at its beginning.
struct Quote {
    open: bool,
    field_begins: bool,
}

impl Default for Quote {
    fn default() -> Self {
        Self {
            open: false,
            field_begins: true,
        }
    }
}

impl Quote {
    fn follow(&mut self, text: &[u8]) {
        for byte in text {
            match byte {
                // A doubled quote closes the field and opens it again.
                b'"' if self.open => (self.open, self.field_begins) = (false, true),
                b'"' if self.field_begins => self.open = true,
                b',' if !self.open => self.field_begins = true,
                _ => self.field_begins = false,
            }
        }
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
    fn a_file_without_the_columns_is_refused() {
        for text in ["", "name,lat\n", "id;name;lat;lng;t\n", "\u{0}\u{1}"] {
            assert!(items(Format::Csv, text.as_bytes(), 1).is_err(), "{text}");
        }
    }
}
