//! Shops as one JSON object a line, with the keys that a CSV file has as columns:
//! `{"id":7,"name":"Café","lat":60.1,"lng":24.9,"t":2,"address":"Kuja 1","phone":""}`. Numbers may
//! stand in quotes, other keys are ignored, empty lines passed over.

use super::lines::{LONGEST, Line, Lines};
use super::row::Row;
use super::{Item, Sink};
use anyhow::{Context, Result};
use commands::shop::ShopRecord;
use serde::Deserialize;
use std::io::{BufReader, Read};

#[derive(Deserialize)]
struct Object {
    id: Option<Text>,
    name: Option<Text>,
    lat: Option<Text>,
    lng: Option<Text>,
    t: Option<Text>,
    address: Option<Text>,
    phone: Option<Text>,
}

/// A text, or a number that is read as its text.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Text {
    Text(String),
    Number(serde_json::Number),
}

impl Text {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

/// Reads all records of `input`.
pub(super) fn read(input: impl Read, sink: Sink<'_>) -> Result<()> {
    let mut lines = Lines::new(BufReader::with_capacity(LONGEST, input));
    while let Some(line) = lines.next().context("cannot read the file")? {
        let shop = match line {
            Line::Whole(text) if text.trim_ascii().is_empty() => continue,
            Line::Whole(text) => shop(text),
            Line::TooLong => Err(format!("longer than {LONGEST} bytes")),
        };
        if sink(Item {
            place: format!("line {}", lines.number()),
            shop,
        })
        .is_break()
        {
            break;
        }
    }
    Ok(())
}

fn shop(text: &[u8]) -> Result<ShopRecord, String> {
    let object: Object = serde_json::from_slice(text).map_err(|error| {
        // Where in the file it stands is said already, and in other words.
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or("").to_owned();
        match error.classify() {
            serde_json::error::Category::Data => "a field is neither text nor number".to_owned(),
            _ => format!("no JSON object: {reason}"),
        }
    })?;
    let text = |field: Option<Text>| field.map(Text::into_text);
    let row = Row {
        id: text(object.id),
        name: text(object.name),
        lat: text(object.lat),
        lng: text(object.lng),
        t: text(object.t),
        address: text(object.address),
        phone: text(object.phone),
    };
    row.shop("ndjson")
}

#[cfg(test)]
mod tests {
    use super::super::{Format, tests::items};

    #[track_caller]
    fn told(line: &str, expected: &str) {
        let items = items(Format::Ndjson, line.as_bytes(), usize::MAX).expect("readable");
        let told = items.into_iter().map(|item| match item.shop {
            Ok(shop) => format!("{} {}", shop.source, shop.details.name),
            Err(reason) => format!("{}: {reason}", item.place),
        });
        assert_eq!(told.collect::<Vec<_>>().join("; "), expected);
    }

    #[test]
    fn numbers_may_stand_in_quotes() {
        told(
            r#"{"id":7,"name":"a","lat":60.1,"lng":24.9,"t":2,"extra":[1]}"#,
            "ndjson:7 a",
        );
        told(
            r#"{"id":"7","name":"a","lat":"60.1","lng":"24.9","t":"2","phone":358}"#,
            "ndjson:7 a",
        );
        told(
            r#"{"id":7,"name":"a","lat":60,"lng":24,"t":2,"address":null}"#,
            "ndjson:7 a",
        );
    }

    #[test]
    fn a_bad_line_is_told_and_the_rest_goes_in() {
        let good = r#"{"id":1,"name":"a","lat":60,"lng":24,"t":2}"#;
        told(
            &format!("{good}\n\n{{\"id\":\n{good}"),
            "ndjson:1 a; line 3: no JSON object: EOF while parsing a value; ndjson:1 a",
        );
        told(
            r#"{"id":1,"name":"a","lat":60,"lng":24}"#,
            "line 1: t is missing",
        );
        told(
            r#"{"id":1,"name":{},"lat":60,"lng":24,"t":2}"#,
            "line 1: a field is neither text nor number",
        );
        told("[1]", "line 1: a field is neither text nor number");
        told(
            r#"{"id":1.5,"name":"a","lat":60,"lng":24,"t":2}"#,
            "line 1: id must be a whole number from 1 to 9007199254740991",
        );
        told(
            r#"{"id":1,"name":"a","lat":1e400,"lng":24,"t":2}"#,
            "line 1: no JSON object: number out of range",
        );
        told(
            &"[".repeat(10_000),
            "line 1: no JSON object: recursion limit exceeded",
        );
        let huge = format!(r#"{{"id":1,"name":"{}"}}"#, "x".repeat(70_000));
        told(
            &format!("{huge}\n{good}"),
            "line 1: longer than 65536 bytes; ndjson:1 a",
        );
    }
}
