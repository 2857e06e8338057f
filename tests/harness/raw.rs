//! Bytes on a socket, for what no proper client would send.

use super::poll::PATIENCE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A connection without a protocol.
pub(crate) struct Wire(TcpStream);

impl Wire {
    /// Connects to `host:port`.
    pub(crate) async fn connect(authority: &str) -> Self {
        Self(TcpStream::connect(authority).await.expect("a connection"))
    }

    /// Sends what the other side is willing to take; it may have hung up already.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = timeout(PATIENCE, self.0.write_all(bytes.as_ref()))
            .await
            .expect("taken in time");
    }

    /// Sends some bytes.
    ///
    /// # Errors
    /// When the other side has hung up, as far as is known.
    pub(crate) async fn send_one(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        timeout(PATIENCE, self.0.write_all(bytes))
            .await
            .expect("taken in time")
    }

    /// Everything that comes until the other side hangs up, in whatever way.
    pub(crate) async fn read_to_end(mut self) -> String {
        let mut all = Vec::new();
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut all))
            .await
            .expect("ended in time");
        String::from_utf8_lossy(&all).into_owned()
    }
}

/// The type and the body of `multipart/form-data` with these fields.
pub(crate) fn multipart(fields: &[(&str, &str)]) -> (String, String) {
    let boundary = "----------8f3a1c";
    let mut body = String::new();
    for (name, value) in fields {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"");
        body.push_str(&format!("--{boundary}\r\n{head}\r\n\r\n{value}\r\n"));
    }
    body.push_str(&format!("--{boundary}--\r\n"));
    (format!("multipart/form-data; boundary={boundary}"), body)
}
