//! A client that speaks XMPP in so many words: a test says what goes out and what must come in.

use super::phone::Phone;
use super::poll::PATIENCE;
use super::xmpp_door::DOMAIN;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// What a stream begins with.
pub(crate) const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='dface.cn' version='1.0'>";

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection to an XMPP door.
pub(crate) struct Chatter {
    stream: Box<dyn Stream>,
    /// What came in and was not asked for yet.
    pub(crate) heard: String,
    raw: Vec<u8>,
    /// Its full JID, once bound.
    pub(crate) jid: String,
}

/// The initial response of PLAIN.
pub(crate) fn plain(name: &str, password: &str) -> String {
    let text = format!("\0{name}\0{password}");
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text)
}

/// The bare JID of somebody.
pub(crate) fn bare(phone: &Phone) -> String {
    format!("{}@{DOMAIN}", phone.id)
}

impl Chatter {
    /// Connects, and says nothing.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        Self {
            stream: Box::new(stream),
            heard: String::new(),
            raw: Vec::new(),
            jid: String::new(),
        }
    }

    /// Logs somebody in with a password, and binds `resource`.
    pub(crate) async fn log_in_with(
        address: SocketAddr,
        id: &str,
        password: &str,
        resource: &str,
    ) -> Self {
        let mut chatter = Self::connect(address).await;
        chatter.begin(id, password).await;
        chatter.bind(resource).await;
        chatter
    }

    /// Opens a stream and logs in on it.
    pub(crate) async fn begin(&mut self, id: &str, password: &str) {
        self.sends(HEADER).await;
        self.receives("</stream:features>").await;
        let auth = plain(id, password);
        self.sends(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{auth}</auth>"
        ))
        .await;
        self.receives("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
            .await;
        self.sends(HEADER).await;
        self.receives("</stream:features>").await;
    }

    pub(crate) async fn bind(&mut self, resource: &str) {
        self.sends(&format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>{resource}</resource></bind></iq>"
        ))
        .await;
        self.receives("<jid>").await;
        let jid = self.receives("</jid>").await;
        self.jid = jid.trim_end_matches("</jid>").to_owned();
        self.receives("</iq>").await;
    }

    /// Goes on under TLS.
    pub(crate) async fn starts_tls(self) -> Self {
        let Self { stream, .. } = self;
        let config = rustls::ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        let name = ServerName::try_from(DOMAIN).expect("a name");
        let tls = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let tls = timeout(PATIENCE, tls).await.expect("in time").expect("TLS");
        Self {
            stream: Box::new(tls),
            heard: String::new(),
            raw: Vec::new(),
            jid: String::new(),
        }
    }

    /// Says that it is there, and waits until everybody knows.
    pub(crate) async fn comes(&mut self) {
        self.sends("<presence/>").await;
        let own = format!("<presence from='{}' to='{}'>", self.jid, self.jid);
        self.receives(&own).await;
        self.receives("</presence>").await;
        self.is_answered().await;
    }

    pub(crate) async fn sends(&mut self, text: &str) {
        self.sends_bytes(text.as_bytes()).await;
    }

    pub(crate) async fn sends_bytes(&mut self, bytes: &[u8]) {
        // The other side may have hung up already, which is seen when reading.
        let sent = timeout(PATIENCE, self.stream.write_all(bytes)).await;
        let _ = sent.expect("taken in time");
        let _ = self.stream.flush().await;
    }

    /// Waits for `wanted`; everything that came up to its end.
    #[track_caller]
    pub(crate) fn receives(&mut self, wanted: &str) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        async move {
            loop {
                if let Some(at) = self.heard.find(wanted) {
                    let rest = self.heard.split_off(at + wanted.len());
                    return std::mem::replace(&mut self.heard, rest);
                }
                if !self.hears_more().await {
                    panic!("{caller}: waited for {wanted}\nbut heard {}", self.heard);
                }
            }
        }
    }

    /// The next whole stanza with this name.
    #[track_caller]
    pub(crate) fn stanza(&mut self, name: &str) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        async move {
            loop {
                if let Some(stanza) = cut_out(&mut self.heard, name) {
                    return stanza;
                }
                if !self.hears_more().await {
                    panic!("{caller}: waited for a {name}\nbut heard {}", self.heard);
                }
            }
        }
    }

    /// Everything that has come until the server has answered a ping: nothing is on its way.
    pub(crate) async fn is_answered(&mut self) -> String {
        static PINGS: AtomicUsize = AtomicUsize::new(0);
        let id = format!("ping{}", PINGS.fetch_add(1, Ordering::Relaxed));
        self.sends(&format!(
            "<iq type='get' id='{id}' to='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>"
        ))
        .await;
        let result = format!(
            "<iq type='result' id='{id}' from='{DOMAIN}' to='{}'/>",
            self.jid
        );
        let heard = self.receives(&result).await;
        heard.replace(&result, "")
    }

    /// Whether the server has answered a ping, and so has done everything that was sent before;
    /// it may have been killed instead.
    pub(crate) async fn is_alive(&mut self, id: &str) -> bool {
        self.sends(&format!(
            "<iq type='get' id='{id}' to='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>"
        ))
        .await;
        let result = format!("<iq type='result' id='{id}' ");
        while !self.heard.contains(&result) {
            if !self.hears_more().await {
                return false;
            }
        }
        true
    }

    /// Sends, and hears meanwhile what comes.
    pub(crate) async fn pours(&mut self, text: &str) {
        let (mut from, mut to) = tokio::io::split(&mut self.stream);
        let mut sending = std::pin::pin!(to.write_all(text.as_bytes()));
        let mut piece = [0; 4096];
        let pouring = async {
            loop {
                tokio::select! {
                    // The other side may have hung up already, which is seen when reading.
                    _ = &mut sending => break,
                    read = from.read(&mut piece) => match read {
                        Ok(length) if length > 0 => self.raw.extend_from_slice(&piece[..length]),
                        _ => break,
                    },
                }
            }
        };
        timeout(PATIENCE, pouring).await.expect("taken in time");
    }

    /// Closes its side of the connection without a word, and still listens.
    pub(crate) async fn says_no_more(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Whether something has come, as far as it was listened to.
    pub(crate) fn has_heard(&self, wanted: &str) -> bool {
        self.heard.contains(wanted)
    }

    /// Listens; `true` when the other side has hung up.
    pub(crate) async fn hangs_up(&mut self) -> bool {
        !self.hears_more().await
    }

    /// Ends the stream in good order; everything that still came.
    pub(crate) async fn goes(mut self) -> String {
        self.sends("</stream:stream>").await;
        self.receives("</stream:stream>").await
    }

    /// Everything until the other side hangs up.
    pub(crate) async fn rest(mut self) -> String {
        while self.hears_more().await {}
        self.heard
    }

    /// `false` when the other side has hung up.
    async fn hears_more(&mut self) -> bool {
        let mut piece = [0; 4096];
        let read = timeout(PATIENCE, self.stream.read(&mut piece)).await;
        let Ok(read) = read else {
            panic!("silence after {}", self.heard);
        };
        let length = read.unwrap_or(0);
        self.raw.extend_from_slice(&piece[..length]);
        // As far as it is text.
        let whole = match std::str::from_utf8(&self.raw) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let rest = self.raw.split_off(whole);
        let text = std::mem::replace(&mut self.raw, rest);
        self.heard.push_str(&String::from_utf8_lossy(&text));
        length > 0
    }
}

/// Takes the first whole element with this name out of `text`, and what stood before it.
fn cut_out(text: &mut String, name: &str) -> Option<String> {
    let start = text.find(&format!("<{name} "))?;
    let head_end = start + text[start..].find('>')? + 1;
    let end = if text[..head_end].ends_with("/>") {
        head_end
    } else {
        let close = format!("</{name}>");
        head_end + text[head_end..].find(&close)? + close.len()
    };
    let rest = text.split_off(end);
    let stanza = text.split_off(start);
    *text = rest;
    Some(stanza)
}

/// Trusts everybody.
#[derive(Debug)]
pub(crate) struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
