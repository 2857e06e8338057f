//! One connection's bytes in both directions, plain or under TLS: whole elements come out, and
//! whatever is in the outbox goes in, also while something else is being waited for.

mod web;

pub(crate) use web::Web;

use crate::outbox::{Outbox, Status};
use crate::reader::{Incoming, Reader};
use crate::stream_error::StreamError;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How many bytes are read at once.
const READ: usize = 16 * 1024;

/// While so many bytes wait to be written, nothing is read: whoever asks must also listen.
const PAUSE: usize = 64 * 1024;

thread_local! {
    /// One buffer for all connections of a thread, so that idle ones need none.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// Bytes without a protocol.
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Web(Box<Web>),
    /// Between the two.
    Upgrading,
}

/// Why nothing more comes.
#[derive(Debug)]
pub(crate) enum End {
    /// What came, or the house, demands this.
    Error(StreamError),
    /// The connection is gone.
    Gone,
    /// Another connection goes on with the session.
    Summoned,
}

/// See the module.
pub(crate) struct Pipe {
    wire: Wire,
    reader: Reader,
    /// Bytes that were read and not parsed yet, from `parsed` on.
    unread: Vec<u8>,
    parsed: usize,
    pub(crate) outbox: Arc<Outbox>,
    /// How the outbox was when this connection was last read.
    pub(crate) status: Status,
    /// Bytes that are being written, from `written` on.
    writing: Vec<u8>,
    written: usize,
    unflushed: bool,
}

impl From<StreamError> for End {
    fn from(error: StreamError) -> Self {
        Self::Error(error)
    }
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl Pipe {
    pub(crate) fn new(wire: Wire, reader: Reader) -> Self {
        let outbox = Outbox::new(matches!(wire, Wire::Web(_)));
        Self {
            wire,
            reader,
            unread: Vec::new(),
            parsed: 0,
            outbox: Arc::new(outbox),
            status: Status::default(),
            writing: Vec::new(),
            written: 0,
            unflushed: false,
        }
    }

    /// Begins a new stream on the same connection; bytes that came already belong to it.
    pub(crate) fn restart(&mut self, reader: Reader) {
        self.reader = reader;
    }

    /// Whether every element is a message of its own.
    pub(crate) fn is_framed(&self) -> bool {
        matches!(self.wire, Wire::Web(_))
    }

    /// Leaves the outbox to others; what is written from now on comes from a new one.
    pub(crate) fn change_outbox(&mut self) {
        self.outbox = Arc::new(Outbox::new(self.is_framed()));
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self.wire, Wire::Tls(_))
    }

    /// Whether bytes came that were not asked for yet.
    pub(crate) fn has_unread(&self) -> bool {
        self.parsed < self.unread.len()
    }

    /// How many bytes were taken from the outbox and are not written.
    pub(crate) fn unwritten(&self) -> usize {
        self.writing.len() - self.written
    }

    /// Waits for something else; writes meanwhile.
    pub(crate) async fn while_writing<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|context| {
            self.outbox.register(context);
            // A connection that broke is noticed when it is read next.
            let _ = self.poll_write(context);
            work.as_mut().poll(context)
        })
        .await
    }

    /// Ready when at most `left` bytes wait to be written, or to be acknowledged.
    pub(crate) fn poll_room(&mut self, context: &mut Context<'_>, left: usize) -> Poll<()> {
        self.outbox.register(context);
        // A connection that broke is noticed when it is read next.
        let _ = self.poll_write(context);
        let status = self.outbox.status();
        let is_over = status.closed.is_some() || status.summoned;
        if !is_over && self.unwritten() + status.waiting + status.kept <= left {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Writes everything that waits.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_write(context)).await
    }

    /// Goes over to TLS (RFC 6120 §5).
    pub(crate) async fn encrypt(&mut self, tls: &TlsAcceptor) -> io::Result<()> {
        let Wire::Plain(stream) = std::mem::replace(&mut self.wire, Wire::Upgrading) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        self.wire = Wire::Tls(Box::new(tls.accept(stream).await?));
        Ok(())
    }

    /// Says on every level that nothing more comes.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        match &mut self.wire {
            Wire::Plain(stream) => stream.shutdown().await,
            Wire::Tls(stream) => stream.shutdown().await,
            Wire::Web(web) => web.shutdown().await,
            Wire::Upgrading => Ok(()),
        }
    }

    /// The next thing that comes; writes meanwhile.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Incoming, End>> {
        self.outbox.register(context);
        if let Poll::Ready(Err(error)) = self.poll_write(context) {
            return Poll::Ready(Err(error.into()));
        }
        self.status = self.outbox.status();
        if let Some(error) = self.status.closed {
            return Poll::Ready(Err(error.into()));
        }
        if self.status.summoned {
            return Poll::Ready(Err(End::Summoned));
        }
        if self.unwritten() + self.status.waiting > PAUSE {
            // The writing wakes us.
            return Poll::Pending;
        }
        if let Wire::Web(web) = &mut self.wire {
            let text = ready!(web.poll_read(context))?;
            return Poll::Ready(self.reader.alone(&text).map_err(End::from));
        }
        loop {
            let mut rest = &self.unread[self.parsed..];
            let before = rest.len();
            let incoming = self.reader.next(&mut rest);
            self.parsed += before - rest.len();
            if let Some(incoming) = incoming? {
                return Poll::Ready(Ok(incoming));
            }
            self.unread.clear();
            self.parsed = 0;
            match self.poll_read(context) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(End::Gone)),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => {
                    self.unread = Vec::new();
                    self.reader.rest();
                    return Poll::Pending;
                }
            }
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(match &mut self.wire {
                Wire::Plain(stream) => Pin::new(stream).poll_read(context, &mut buffer),
                Wire::Tls(stream) => Pin::new(stream).poll_read(context, &mut buffer),
                Wire::Web(_) | Wire::Upgrading =>
                    Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            })?;
            self.unread.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    /// Takes what waits in the outbox; `false` when there is nothing.
    fn take(&mut self) -> bool {
        let ends = match &mut self.wire {
            Wire::Web(web) => Some(web.ends()),
            Wire::Plain(_) | Wire::Tls(_) | Wire::Upgrading => None,
        };
        self.outbox.take(&mut self.writing, ends)
    }

    /// Ready when there is nothing left to write.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.written == self.writing.len() {
                self.writing = Vec::new();
                self.written = 0;
                // Asked once for all that was just written (XEP-0198 §4).
                let more = self.take() || (self.outbox.ask(false) && self.take());
                if !more {
                    break;
                }
            }
            let rest = &self.writing[self.written..];
            let written = ready!(match &mut self.wire {
                Wire::Plain(stream) => Pin::new(stream).poll_write(context, rest),
                Wire::Tls(stream) => Pin::new(stream).poll_write(context, rest),
                Wire::Web(web) => web.poll_write(context, rest),
                Wire::Upgrading => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            })?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
            self.unflushed = true;
        }
        if self.unflushed {
            if let Wire::Tls(stream) = &mut self.wire {
                ready!(Pin::new(stream).poll_flush(context))?;
            }
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
