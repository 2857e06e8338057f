//! Redis from Debian, keeping nothing on disk, and as much of its protocol as is needed.

use super::world::World;
use crate::machine::Usage;
use crate::runner::free_port;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const PROGRAM: &str = "/usr/bin/redis-server";

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many shops one command enters.
const AT_ONCE: usize = 1_000;

/// The most that an answer may have.
const LONGEST: usize = 16 << 20;

/// One that runs; it ends with us.
pub(super) struct Redis {
    process: Child,
    pub(super) address: SocketAddr,
    pub(super) version: String,
    /// What its process has in memory for one shop.
    pub(super) bytes_per_shop: f64,
}

/// A connection to it.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Redis {
    /// Whether it is installed; says how it would be where it is not.
    pub(super) fn is_installed() -> bool {
        let found = Path::new(PROGRAM).exists();
        if !found {
            eprintln!(
                "Redis is not installed, so it is not compared: apt-get install redis-server"
            );
        }
        found
    }

    /// Starts one in `folder` and enters the points of all shops.
    ///
    /// # Errors
    /// When it does not start, or refuses.
    pub(super) async fn start(folder: &Path, world: &World) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let port = free_port()?;
        let process = Command::new(PROGRAM)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(fs::File::create(folder.join("output"))?)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start Redis")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let started = Instant::now();
        let mut connection = loop {
            match Connection::open(address).await {
                Ok(connection) => break connection,
                Err(error) if started.elapsed() > PATIENCE => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        let pid = process.id().context("Redis is gone")?;
        let empty = Usage::of(pid)?.resident_mib;
        for first in (0..world.len()).step_by(AT_ONCE) {
            let mut words = vec!["GEOADD".to_owned(), "shops".to_owned()];
            for number in first..world.len().min(first + AT_ONCE) {
                let point = world.point(number as u64);
                words.extend([
                    point.lng().to_string(),
                    point.lat().to_string(),
                    (number + 1).to_string(),
                ]);
            }
            connection.ask(command(&words).as_bytes()).await?;
        }
        let entered = Usage::of(pid)?.resident_mib - empty;
        Ok(Self {
            process,
            address,
            version: version().await,
            bytes_per_shop: entered * 1_048_576.0 / world.len() as f64,
        })
    }

    /// What it has used.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) fn usage(&self) -> Result<Usage> {
        Usage::of(self.process.id().context("Redis is gone")?)
    }

    /// # Errors
    /// When it cannot be ended.
    pub(super) async fn stop(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }
}

/// The question for the 50 places nearest to a point, within a radius, with their distances.
pub(super) fn search(lat: f64, lng: f64, radius_m: f64) -> String {
    let (lat, lng, radius_m) = (lat.to_string(), lng.to_string(), radius_m.to_string());
    command(&[
        "GEOSEARCH",
        "shops",
        "FROMLONLAT",
        &lng,
        &lat,
        "BYRADIUS",
        &radius_m,
        "m",
        "ASC",
        "COUNT",
        "50",
        "WITHDIST",
    ])
}

fn command(words: &[impl AsRef<str>]) -> String {
    let mut text = format!("*{}\r\n", words.len());
    for word in words {
        let word = word.as_ref();
        text += &format!("${}\r\n{word}\r\n", word.len());
    }
    text
}

/// `7.0.15`, of `Redis server v=7.0.15 sha=…`.
async fn version() -> String {
    let output = Command::new(PROGRAM).arg("--version").output().await;
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let said = said.unwrap_or_default();
    let version = said.split(' ').find_map(|word| word.strip_prefix("v="));
    version.unwrap_or("of unknown version").to_owned()
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .context("cannot connect")?;
        stream.set_nodelay(true)?;
        let buffer = Vec::with_capacity(16 << 10);
        Ok(Self { stream, buffer })
    }

    /// Sends a command, reads the whole answer, and says how many entries its list has, or the
    /// number that it is.
    ///
    /// # Errors
    /// When the connection breaks, or the answer is an error.
    pub(super) async fn ask(&mut self, command: &[u8]) -> Result<u64> {
        self.stream.write_all(command).await.context("not sent")?;
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await;
            ensure!(read.context("not read")? > 0, "Redis hung up");
            ensure!(self.buffer.len() <= LONGEST, "the answer is too long");
            if let Some((entries, end)) = answer(&self.buffer, 0)? {
                ensure!(end == self.buffer.len(), "more than one answer");
                return Ok(entries);
            }
        }
    }
}

/// The answer that begins at `at`: how many entries its list has, or its number, and where it ends;
/// `None` while it is not all there.
fn answer(buffer: &[u8], at: usize) -> Result<Option<(u64, usize)>> {
    let Some(length) = memchr::memchr(b'\n', &buffer[at..]) else {
        return Ok(None);
    };
    let (line, mut end) = (&buffer[at..at + length], at + length + 1);
    let line = str::from_utf8(line).context("an odd answer")?.trim_end();
    let Some(kind) = line.chars().next() else {
        bail!("an empty answer");
    };
    if kind == '-' {
        bail!("Redis says {line}");
    }
    let number: u64 = line[1..].parse().unwrap_or(0);
    match kind {
        '*' => {
            for _ in 0..number {
                let Some((_, after)) = answer(buffer, end)? else {
                    return Ok(None);
                };
                end = after;
            }
        }
        '$' => {
            end += usize::try_from(number)? + 2;
            if end > buffer.len() {
                return Ok(None);
            }
        }
        _ => {}
    }
    Ok(Some((number, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        let list = b"*2\r\n*2\r\n$1\r\n7\r\n$4\r\n1.25\r\n*2\r\n$1\r\n8\r\n$3\r\n2.5\r\n";
        for end in 0..list.len() {
            assert_eq!(answer(&list[..end], 0).expect("no error"), None);
        }
        let whole = Some((2, list.len()));
        assert_eq!(answer(list, 0).expect("no error"), whole);
        assert_eq!(answer(b":5\r\n", 0).expect("no error"), Some((5, 4)));
        assert!(answer(b"-ERR no\r\n", 0).is_err());
    }

    #[test]
    fn a_command_says_how_long_its_words_are() {
        assert_eq!(command(&["GET", "a"]), "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
    }
}
