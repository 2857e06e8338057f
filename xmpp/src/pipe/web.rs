//! XMPP in the messages of a WebSocket (RFC 7395): each is one element, with its namespace.

use super::End;
use crate::stanza::CLIENT;
use crate::stream_error::StreamError;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use futures_util::{Sink, Stream};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// See the module.
pub(crate) struct Web {
    socket: WebSocket,
    /// Where elements end in what is being written.
    ends: VecDeque<usize>,
    /// How much of that was handed to the socket.
    start: usize,
}

impl Web {
    pub(crate) fn new(socket: WebSocket) -> Self {
        Self {
            socket,
            ends: VecDeque::new(),
            start: 0,
        }
    }

    /// Where elements end in what is written next.
    pub(super) fn ends(&mut self) -> &mut VecDeque<usize> {
        &mut self.ends
    }

    /// Writes all of `bytes`, an element a message. Ready when they have left.
    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut socket = Pin::new(&mut self.socket);
        while let Some(end) = self.ends.front().copied() {
            ready!(socket.as_mut().poll_ready(context)).map_err(io::Error::other)?;
            let element = bytes.get(self.start..end).unwrap_or_default();
            let element = std::str::from_utf8(element).map_err(io::Error::other)?;
            let message = Message::text(declared(element));
            socket
                .as_mut()
                .start_send(message)
                .map_err(io::Error::other)?;
            self.start = end;
            self.ends.pop_front();
        }
        ready!(socket.poll_flush(context)).map_err(io::Error::other)?;
        self.start = 0;
        self.ends = VecDeque::new();
        Poll::Ready(Ok(bytes.len()))
    }

    /// The next message.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<Utf8Bytes, End>> {
        loop {
            let message = ready!(Pin::new(&mut self.socket).poll_next(context));
            return Poll::Ready(match message {
                Some(Ok(Message::Text(text))) => Ok(text),
                // RFC 7395 §3.2
                Some(Ok(Message::Binary(_))) => Err(StreamError::BadFormat.into()),
                // They are answered where they are read.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
            });
        }
    }

    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        poll_fn(|context| Pin::new(&mut self.socket).poll_close(context))
            .await
            .map_err(io::Error::other)
    }
}

/// `element`, which is written for a stream whose root declares namespaces, as it stands alone (RFC
/// 7395 §3.3.3).
fn declared(element: &str) -> String {
    let streams = ("xmlns:stream", crate::reader::STREAMS);
    let client = ("xmlns", CLIENT);
    for (start, (name, ns)) in [
        ("<message", client),
        ("<presence", client),
        ("<iq", client),
        ("<stream:features", streams),
        ("<stream:error", streams),
    ] {
        if let Some(rest) = element.strip_prefix(start)
            && rest.starts_with([' ', '>', '/'])
        {
            return format!("{start} {name}='{ns}'{rest}");
        }
    }
    element.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(element: &str, expected: &str) {
        assert_eq!(declared(element), expected);
    }

    #[test]
    fn every_element_says_what_its_namespace_is() {
        check("<iq id='1'/>", "<iq xmlns='jabber:client' id='1'/>");
        check(
            "<message><body>a</body></message>",
            "<message xmlns='jabber:client'><body>a</body></message>",
        );
        check("<presence/>", "<presence xmlns='jabber:client'/>");
        check(
            "<stream:features><a xmlns='b'/></stream:features>",
            "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>\
             <a xmlns='b'/></stream:features>",
        );
        check("<r xmlns='urn:xmpp:sm:3'/>", "<r xmlns='urn:xmpp:sm:3'/>");
        check("<iqs xmlns='x'/>", "<iqs xmlns='x'/>");
    }
}
