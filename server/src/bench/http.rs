//! As much of an HTTP/1.1 client as a load needs: one connection that is kept, one question after
//! the other. Light, because it shares the machine with the server.

use crate::load::Caller;
use anyhow::{Context, Result, bail, ensure};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The most that an answer may have.
const LONGEST: usize = 16 << 20;

/// A connection to the server.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A connection that asks the same questions again and again.
pub(crate) struct Reader {
    connection: Connection,
    requests: Vec<Vec<u8>>,
    next: usize,
}

/// An answer.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .context("cannot connect")?;
        stream.set_nodelay(true)?;
        let buffer = Vec::with_capacity(16 << 10);
        Ok(Self { stream, buffer })
    }

    /// Sends a whole request and reads the whole answer.
    ///
    /// # Errors
    /// When the connection breaks, or the answer has no length.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await.context("not sent")?;
        self.buffer.clear();
        let head = loop {
            self.read().await?;
            if let Some(head) = Head::parse(&self.buffer)? {
                break head;
            }
        };
        let end = head.bytes + head.body;
        ensure!(end <= LONGEST, "the answer is too long");
        while self.buffer.len() < end {
            self.read().await?;
        }
        Ok(Answer {
            status: head.status,
            body: &self.buffer[head.bytes..end],
        })
    }

    /// As [`Self::ask`], for a request that must succeed.
    ///
    /// # Errors
    /// Also when the status is not 200; says what the server said.
    pub(crate) async fn succeed(&mut self, request: &[u8]) -> Result<&[u8]> {
        let Answer { status, body } = self.ask(request).await?;
        if status != 200 {
            bail!("status {status}: {}", String::from_utf8_lossy(body));
        }
        Ok(body)
    }

    async fn read(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.buffer).await;
        ensure!(read.context("not read")? > 0, "the server hung up");
        Ok(())
    }
}

impl Reader {
    /// So many connections, which begin at different ones of `requests`.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub(crate) async fn open(
        address: SocketAddr,
        count: usize,
        requests: &[Vec<u8>],
    ) -> Result<Vec<Self>> {
        let mut readers = Vec::with_capacity(count);
        for number in 0..count {
            readers.push(Self {
                connection: Connection::open(address).await?,
                requests: requests.to_vec(),
                next: number * requests.len() / count,
            });
        }
        Ok(readers)
    }
}

impl Caller for Reader {
    async fn call(&mut self) -> Result<()> {
        let request = self.requests.get(self.next).context("nothing to ask")?;
        self.next = (self.next + 1) % self.requests.len();
        self.connection.succeed(request).await?;
        Ok(())
    }
}

/// The request line and headers of a `GET`.
pub(crate) fn get(path: &str, session: Option<&str>) -> Vec<u8> {
    let cookie = cookie(session);
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n").into_bytes()
}

/// A `POST` of a form.
pub(crate) fn post(path: &str, session: Option<&str>, form: &str) -> Vec<u8> {
    let (cookie, length) = (cookie(session), form.len());
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{cookie}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    )
    .into_bytes()
}

/// A `POST` of JSON.
pub(crate) fn post_json(path: &str, json: &str) -> Vec<u8> {
    let length = json.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{json}"
    )
    .into_bytes()
}

fn cookie(session: Option<&str>) -> String {
    session.map_or_else(String::new, |session| {
        format!("Cookie: _session_id={session}\r\n")
    })
}

/// The head of an answer.
#[derive(Debug, PartialEq)]
struct Head {
    status: u16,
    /// Of the head itself.
    bytes: usize,
    /// Of the body behind it.
    body: usize,
}

impl Head {
    /// `None` while it is not all there.
    fn parse(buffer: &[u8]) -> Result<Option<Self>> {
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            ensure!(buffer.len() < LONGEST, "the head is too long");
            return Ok(None);
        };
        let head = str::from_utf8(&buffer[..end]).context("the head is no text")?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status.and_then(|status| status.parse().ok());
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let ours = name.eq_ignore_ascii_case("content-length");
            ours.then(|| value.trim().parse().ok())?
        });
        Ok(Some(Self {
            status: status.context("the answer has no status")?,
            bytes: end + 4,
            body: length.context("the answer has no length")?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let head = b"HTTP/1.1 200 OK\r\nA: b\r\ncontent-length: 2\r\n\r\nhi";
        assert_eq!(Head::parse(&head[..30]).expect("no error"), None);
        let whole = Head {
            status: 200,
            bytes: 44,
            body: 2,
        };
        assert_eq!(Head::parse(head).expect("no error"), Some(whole));
    }
}
