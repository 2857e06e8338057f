//! A client that speaks XMPP over a WebSocket: what goes out and comes in is one element a message.

use super::chatter::plain;
use super::phone::Phone;
use super::poll::PATIENCE;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};

/// What a stream begins with.
pub(crate) const OPEN: &str =
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='dface.cn' version='1.0'/>";

/// A connection to the WebSocket of a house.
pub(crate) struct WebChatter<S = TcpStream> {
    socket: WebSocketStream<S>,
}

impl WebChatter {
    /// Connects to `base`, like `http://127.0.0.1:8080`, naming the protocol that it must name.
    pub(crate) async fn connect(base: &str) -> Self {
        let protocol = ("sec-websocket-protocol", "xmpp");
        Self::connect_with(base, &[protocol])
            .await
            .expect("a WebSocket")
    }

    /// Connects with these headers.
    pub(crate) async fn connect_with(
        base: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let host = base.strip_prefix("http://").expect("an address");
        let stream = TcpStream::connect(host).await.expect("a connection");
        Self::over(stream, host, headers).await
    }

    /// Logs somebody in; what comes next is binding or resuming.
    pub(crate) async fn log_in(base: &str, phone: &Phone) -> Self {
        let mut chatter = Self::connect(base).await;
        chatter.opens().await;
        chatter.begin(phone).await;
        chatter
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebChatter<S> {
    /// Asks for a WebSocket on a connection to `host`, with these headers.
    pub(crate) async fn over(
        stream: S,
        host: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let url = format!("ws://{host}/xmpp-websocket");
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a value");
            request.headers_mut().append(*name, value);
        }
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        Ok(Self { socket })
    }

    /// Logs somebody in on an open stream, and opens the next.
    pub(crate) async fn begin(&mut self, phone: &Phone) {
        let auth = plain(&phone.id, &phone.password);
        self.sends(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{auth}</auth>"
        ))
        .await;
        let success = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
        assert_eq!(self.hears().await, success);
        self.opens().await;
    }

    /// What the connection is made of.
    pub(crate) fn stream(&self) -> &S {
        self.socket.get_ref()
    }

    /// Opens a stream; what is offered.
    pub(crate) async fn opens(&mut self) -> String {
        self.sends(OPEN).await;
        let open = self.hears().await;
        assert!(
            open.starts_with("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' "),
            "{open}"
        );
        let features = self.hears().await;
        let start = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>";
        assert!(features.starts_with(start), "{features}");
        features
    }

    pub(crate) async fn sends(&mut self, text: &str) {
        self.sends_message(Message::text(text)).await;
    }

    pub(crate) async fn sends_message(&mut self, message: Message) {
        // The other side may have hung up already, which is seen when reading.
        let _ = self.socket.send(message).await;
    }

    /// The next element.
    pub(crate) async fn hears(&mut self) -> String {
        match self.hears_message().await {
            Some(Message::Text(text)) => text.to_string(),
            other => panic!("an element, not {other:?}"),
        }
    }

    /// The next message of any kind; `None` when the other side has hung up.
    pub(crate) async fn hears_message(&mut self) -> Option<Message> {
        let message = timeout(PATIENCE, self.socket.next()).await;
        message.expect("in time")?.ok()
    }
}
