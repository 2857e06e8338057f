//! `lianlian events`: the log for analysts, one JSON object a line.
//!
//! Nothing is interpreted: the contents of an event come out as they are stored, also those of
//! types that this version does not know.

use crate::config::Settings;
use crate::folder::DataFolder;
use crate::wiring;
use anyhow::{Context, Result};
use domain::Position;
use eventlog::{EventLog, Filter, StoredEvent};
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many events are read at once.
const PAGE: usize = 1_000;

/// Which events.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Which {
    /// Only events of this type, like checkin.checked-in.v1; may be repeated
    #[arg(long = "type", value_name = "NAME", value_delimiter = ',')]
    types: Vec<String>,
    /// Only events of streams whose name begins so, like shop- or user-502e6303421aa918ba000001
    #[arg(long, value_name = "PREFIX", default_value = "")]
    stream: String,
}

/// Follow the log.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Tail {
    /// Begin with the event at this position instead of with the next one that happens; 0 for all
    #[arg(long, value_name = "POSITION")]
    from: Option<u64>,
    #[command(flatten)]
    which: Which,
}

/// Write what is in the log now.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Export {
    /// Only events after this position
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    after: u64,
    /// Only events up to and with this position
    #[arg(long, value_name = "POSITION")]
    until: Option<u64>,
    /// At most so many events
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Write into this file, which only its owner may read; it is replaced when all is written
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
}

impl Which {
    fn filter(self) -> Filter {
        Filter {
            types: self.types,
            stream_prefix: self.stream,
        }
    }
}

/// `lianlian events tail`: ends only with the program, or when nobody reads any more.
///
/// # Errors
/// When the log is away.
pub(crate) async fn tail(settings: &Settings, tail: Tail) -> Result<()> {
    let log = open(settings).await?;
    let mut out = std::io::stdout().lock();
    let mut after = match tail.from {
        Some(from) => Position(from.saturating_sub(1)),
        None => log.head().await.context("cannot read the log")?,
    };
    let filter = tail.which.filter();
    loop {
        // Asked before reading, so that what comes meanwhile is read in the next round; without
        // it, events that the filter holds back would be looked at over and over.
        let head = log.head().await.context("cannot read the log")?;
        loop {
            let events = page(&*log, after, &filter, PAGE).await?;
            let Some(last) = events.last() else { break };
            after = last.position;
            write(&mut out, &events)?;
            out.flush()?;
        }
        after = after.max(head);
        log.changed(after).await;
    }
}

/// `lianlian events export`.
///
/// # Errors
/// When the log is away or the file cannot be written.
pub(crate) async fn export(settings: &Settings, export: Export) -> Result<()> {
    let log = open(settings).await?;
    let outcome = match export.output.clone() {
        None => {
            let mut out = BufWriter::new(std::io::stdout().lock());
            copy(&*log, export, &mut out).await
        }
        Some(path) => {
            // Beside its destination, so that it can take that name in one step; its mode is 0600.
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))
                .with_context(|| format!("cannot write {}", path.display()))?;
            let copied = copy(&*log, export, &mut BufWriter::new(file.as_file_mut())).await;
            copied.and_then(|()| {
                file.as_file().sync_all()?;
                file.persist(&path)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                Ok(())
            })
        }
    };
    log.close().await;
    outcome
}

async fn open(settings: &Settings) -> Result<Arc<dyn EventLog>> {
    let folder = DataFolder::open(&settings.data_dir)?;
    wiring::open_log(settings, &folder).await
}

async fn copy(log: &dyn EventLog, export: Export, out: &mut impl Write) -> Result<()> {
    // Without an end, a busy log would be exported for ever.
    let head = log.head().await.context("cannot read the log")?;
    let until = export.until.map_or(head, |until| Position(until).min(head));
    let filter = export.which.filter();
    let mut after = Position(export.after);
    let mut left = export.limit.unwrap_or(u64::MAX);
    while after < until && left > 0 {
        let mut events = page(log, after, &filter, PAGE).await?;
        let Some(last) = events.last() else { break };
        after = last.position;
        events.retain(|event| event.position <= until);
        events.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left -= events.len() as u64;
        write(out, &events)?;
    }
    Ok(out.flush()?)
}

async fn page(
    log: &dyn EventLog,
    after: Position,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<StoredEvent>> {
    log.read_all(after, filter, limit)
        .await
        .context("cannot read the log")
}

fn write(out: &mut impl Write, events: &[StoredEvent]) -> Result<()> {
    for event in events {
        serde_json::to_writer(&mut *out, &Row::of(event)).map_err(std::io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// A line: `{"position":7,"stream":"shop-1","revision":0,"id":"…","type":"shop.registered.v1",
/// "schema_version":1,"time":1357000000000,"data":{…},"metadata":{…}}`; where what is stored is no
/// JSON, `corrupt_data` or `corrupt_metadata` holds it as a text.
#[derive(Serialize)]
struct Row<'a> {
    position: Position,
    stream: &'a str,
    revision: u64,
    id: uuid::Uuid,
    #[serde(rename = "type")]
    type_name: &'a str,
    schema_version: u32,
    time: domain::Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    corrupt_data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    corrupt_metadata: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn of(event: &'a StoredEvent) -> Self {
        let (data, corrupt_data) = raw(&event.data);
        let (metadata, corrupt_metadata) = raw(&event.metadata);
        Self {
            position: event.position,
            stream: event.stream.as_str(),
            revision: event.revision,
            id: event.id,
            type_name: &event.type_name,
            schema_version: event.schema_version,
            time: event.time,
            data,
            corrupt_data,
            metadata,
            corrupt_metadata,
        }
    }
}

/// The JSON as it is stored, or the text that is none.
fn raw(text: &str) -> (Option<Box<RawValue>>, Option<&str>) {
    // Line ends may stand between the parts of valid JSON, but not within a line.
    let line: Cow<'_, str> = if text.contains(['\n', '\r']) {
        text.replace(['\n', '\r'], " ").into()
    } else {
        text.into()
    };
    match RawValue::from_string(line.into_owned()) {
        Ok(raw) => (Some(raw), None),
        Err(_) => (None, Some(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn line(data: &str, expected: &str) {
        let event = StoredEvent {
            position: Position(7),
            stream: domain::StreamName::from_stored("shop-1".into()),
            revision: 0,
            id: uuid::Uuid::nil(),
            type_name: "shop.closed.v1".into(),
            schema_version: 1,
            time: domain::Millis(5),
            data: data.into(),
            metadata: "{}".into(),
        };
        let mut out = Vec::new();
        write(&mut out, &[event]).expect("written");
        let expected = format!(
            "{{\"position\":7,\"stream\":\"shop-1\",\"revision\":0,\
             \"id\":\"00000000-0000-0000-0000-000000000000\",\"type\":\"shop.closed.v1\",\
             \"schema_version\":1,\"time\":5,{expected},\"metadata\":{{}}}}\n"
        );
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }

    #[test]
    fn contents_come_out_as_they_are_stored() {
        line(
            r#"{"lat": 1.50, "é":"\u00e9"}"#,
            r#""data":{"lat": 1.50, "é":"\u00e9"}"#,
        );
    }

    #[test]
    fn contents_over_several_lines_stay_on_one() {
        line("{\n\"a\":1\r\n}", "\"data\":{ \"a\":1  }");
    }

    #[test]
    fn contents_that_are_no_json_do_not_break_the_line() {
        line("{\"a\":\n", r#""corrupt_data":"{\"a\":\n""#);
        line("1} {\"x\":2", r#""corrupt_data":"1} {\"x\":2""#);
        line("", r#""corrupt_data":"""#);
    }
}
