//! Importing shops from files: read, checked and put into the log in one stream, so that memory
//! does not grow with the file.
//!
//! What a second import of the same record means is decided in `commands`.

mod csv;
mod geojson;
mod lines;
mod ndjson;
mod osm;
mod progress;
mod row;

use crate::config::Settings;
use crate::folder::DataFolder;
use crate::wiring;
use anyhow::{Context, Result, bail};
use commands::shop::{Imported, Importer, ShopRecord};
use progress::Progress;
use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// How many records go into the log at once.
const CHUNK: usize = 1_000;

/// How many chunks may wait for the log.
const CHUNKS_WAITING: usize = 2;

/// How the names of files of GeoJSON end.
const GEOJSON: [&str; 4] = [".geojson", ".geojsonl", ".geojsons", ".ndgeojson"];

/// What a file looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// OpenStreetMap, Protocolbuffer Binary Format (.osm.pbf)
    Osm,
    /// Comma-separated values with a header (.csv)
    Csv,
    /// One JSON object a line (.ndjson, .jsonl)
    Ndjson,
    /// GeoJSON: a FeatureCollection, or one feature a line (.geojson, .geojsonl, .geojsons)
    Geojson,
}

/// What to read.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file on disk.
    File(PathBuf),
    /// A file that is part of the program.
    Embedded(&'static [u8]),
}

/// What became of the records of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// New shops.
    pub registered: u64,
    /// Shops whose record has changed.
    pub revised: u64,
    /// Shops whose record is as it was.
    pub unchanged: u64,
    /// Bad records.
    pub rejected: u64,
}

/// A record of a file: a shop, or why it is none.
pub(crate) struct Item {
    /// Where it stands, like `line 12` or `node/25046087`.
    place: String,
    shop: Result<ShopRecord, String>,
}

/// Takes the items of a file one by one; may say that it wants no more.
type Sink<'a> = &'a mut dyn FnMut(Item) -> ControlFlow<()>;

impl Format {
    /// The format that a file's name promises.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_lowercase();
        let ends = |all: &[&str]| all.iter().any(|end| name.ends_with(end));
        match () {
            () if ends(&[".pbf"]) => Some(Self::Osm),
            () if ends(&[".csv"]) => Some(Self::Csv),
            () if ends(&[".ndjson", ".jsonl"]) => Some(Self::Ndjson),
            () if ends(&GEOJSON) => Some(Self::Geojson),
            () => None,
        }
    }
}

impl Source {
    fn bytes(&self) -> Result<u64> {
        match self {
            Self::File(path) => {
                let found = std::fs::metadata(path)
                    .with_context(|| format!("cannot open {}", path.display()))?;
                if found.is_dir() {
                    bail!("{} is a folder", path.display());
                }
                Ok(found.len())
            }
            Self::Embedded(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Reads from the beginning, counting in `read`.
    fn open(&self, read: &Arc<AtomicU64>) -> Result<Counted> {
        let inner: Box<dyn Read + Send> = match self {
            Self::File(path) => Box::new(
                File::open(path).with_context(|| format!("cannot open {}", path.display()))?,
            ),
            Self::Embedded(bytes) => Box::new(Cursor::new(*bytes)),
        };
        Ok(Counted {
            inner,
            read: read.clone(),
        })
    }
}

/// A reader that says how far it is.
struct Counted {
    inner: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            registered,
            revised,
            unchanged,
            rejected,
        } = self;
        write!(
            f,
            "registered {registered}, revised {revised}, unchanged {unchanged}, rejected {rejected}"
        )
    }
}

/// `lianlian import shops`: answers whether all went as asked.
///
/// # Errors
/// When the file or the log cannot be read; what had been imported until then stays.
pub(crate) async fn run(
    settings: &Settings,
    file: PathBuf,
    format: Option<Format>,
    strict: bool,
) -> Result<bool> {
    let format = format.or_else(|| Format::of(&file)).with_context(|| {
        format!(
            "cannot tell what {} is: give --format osm, csv, ndjson or geojson",
            file.display()
        )
    })?;
    let source = Source::File(file);
    // Before a data folder is made for nothing.
    source.bytes()?;
    let folder = DataFolder::open(&settings.data_dir)?;
    let log = wiring::open_log(settings, &folder).await?;
    let importer = wiring::importer(log.clone());
    let outcome = shops(&importer, source, format, strict, true).await;
    log.close().await;
    let summary = outcome?;
    writeln!(std::io::stdout(), "{summary}").context("cannot print")?;
    Ok(!strict || summary.rejected == 0)
}

/// Puts the shops of `source` into the log. `strict` stops at the first bad record; what came
/// before it stays. `show` reports progress and bad records on standard error.
///
/// # Errors
/// When the source cannot be read to its end, or the log is away.
pub async fn shops(
    importer: &Importer,
    source: Source,
    format: Format,
    strict: bool,
    show: bool,
) -> Result<Summary> {
    let read = Arc::new(AtomicU64::new(0));
    // An OpenStreetMap file is read twice: see `osm`.
    let passes = if format == Format::Osm {
        osm::PASSES
    } else {
        1
    };
    let mut progress = Progress::new(show, source.bytes()? * passes, read.clone());
    let (sender, mut chunks) = mpsc::channel::<Vec<Item>>(CHUNKS_WAITING);
    let reading =
        tokio::task::spawn_blocking(move || read_chunks(&source, format, &read, strict, &sender));
    let mut summary = Summary::default();
    while let Some(chunk) = chunks.recv().await {
        import_chunk(importer, chunk, &mut summary, &mut progress).await?;
        if strict && summary.rejected > 0 {
            break;
        }
    }
    drop(chunks);
    progress.finish();
    // A file that makes its parser panic is as broken as one that it refuses.
    reading.await.context("the file is broken")??;
    Ok(summary)
}

/// Reads the whole of `source` in chunks; returns early when nobody takes them any more.
fn read_chunks(
    source: &Source,
    format: Format,
    read: &Arc<AtomicU64>,
    strict: bool,
    sender: &mpsc::Sender<Vec<Item>>,
) -> Result<()> {
    let mut chunk = Vec::with_capacity(CHUNK);
    let mut sink = |item: Item| {
        // The rules are asked here already, so that a strict import stops before a bad record
        // rather than after the chunk that holds it.
        let item = checked(item);
        let last = strict && item.shop.is_err();
        chunk.push(item);
        if chunk.len() < CHUNK && !last {
            return ControlFlow::Continue(());
        }
        let sent = sender.blocking_send(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK)));
        if last || sent.is_err() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let outcome = match format {
        Format::Osm => osm::read(source, read, &mut sink),
        Format::Csv => csv::read(source.open(read)?, &mut sink),
        Format::Ndjson => ndjson::read(source.open(read)?, &mut sink),
        Format::Geojson => geojson::read(source.open(read)?, &mut sink),
    };
    if !chunk.is_empty() {
        // Nobody takes it when the log is away, which is reported where that was found out.
        let _ = sender.blocking_send(chunk);
    }
    outcome
}

fn checked(mut item: Item) -> Item {
    if let Ok(record) = &item.shop
        && let Err(rejection) = record.details.check()
    {
        item.shop = Err(rejection.to_string());
    }
    item
}

async fn import_chunk(
    importer: &Importer,
    chunk: Vec<Item>,
    summary: &mut Summary,
    progress: &mut Progress,
) -> Result<()> {
    let items = chunk.len();
    let mut records = Vec::with_capacity(items);
    let mut places = Vec::with_capacity(items);
    for item in chunk {
        match item.shop {
            Ok(record) => {
                records.push(record);
                places.push(item.place);
            }
            Err(reason) => {
                summary.rejected += 1;
                progress.report(&item.place, &reason);
            }
        }
    }
    if !records.is_empty() {
        let answers = importer
            .import(records)
            .await
            .with_context(|| format!("stopped after {summary}; the same import again goes on"))?;
        for (answer, place) in answers.into_iter().zip(places) {
            match answer {
                Imported::Registered => summary.registered += 1,
                Imported::Revised => summary.revised += 1,
                Imported::Unchanged => summary.unchanged += 1,
                Imported::Rejected(reason) => {
                    summary.rejected += 1;
                    progress.report(&place, &reason.to_string());
                }
            }
        }
    }
    progress.advance(items as u64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The items of a text, until the reader ends or `enough` were seen.
    pub(super) fn items(format: Format, text: &[u8], enough: usize) -> Result<Vec<Item>> {
        let source = Source::Embedded(text.to_vec().leak());
        let read = Arc::default();
        let mut items = Vec::new();
        let mut sink = |item: Item| {
            items.push(item);
            if items.len() < enough {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        match format {
            Format::Osm => osm::read(&source, &read, &mut sink),
            Format::Csv => csv::read(source.open(&read)?, &mut sink),
            Format::Ndjson => ndjson::read(source.open(&read)?, &mut sink),
            Format::Geojson => geojson::read(source.open(&read)?, &mut sink),
        }?;
        Ok(items)
    }

    #[test]
    fn a_format_is_known_by_the_end_of_the_name() {
        for (name, format) in [
            ("a/helsinki.osm.pbf", Some(Format::Osm)),
            ("SHOPS.CSV", Some(Format::Csv)),
            ("shops.jsonl", Some(Format::Ndjson)),
            ("shops.geojson", Some(Format::Geojson)),
            ("shops.GeoJSONL", Some(Format::Geojson)),
            ("shops.csv.gz", None),
            ("shops", None),
        ] {
            assert_eq!(Format::of(Path::new(name)), format, "{name}");
        }
    }

    #[test]
    fn a_strict_import_stops_at_the_first_bad_record() {
        let text = "id,name,lat,lng,t\n1,a,1,1,1\n2,,1,1,1\n3,c,1,1,1\n";
        for (strict, seen) in [(true, 2), (false, 3)] {
            let (sender, mut chunks) = mpsc::channel(CHUNKS_WAITING);
            let source = Source::Embedded(text.as_bytes());
            read_chunks(&source, Format::Csv, &Arc::default(), strict, &sender).expect("read");
            let chunk = chunks.try_recv().expect("a chunk");
            assert_eq!(chunk.len(), seen);
            assert!(chunk[0].shop.is_ok() && chunk[1].shop.is_err());
        }
    }
}
