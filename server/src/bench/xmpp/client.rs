//! As much of an XMPP client as a load needs. It understands no XML: it waits for pieces of text
//! that every server sends alike, because whatever it costs, the server cannot have.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The most that may come before what is waited for.
const LONGEST: usize = 4 << 20;

/// How many addresses of this machine the clients come from, so that ports do not run out.
const ADDRESSES: usize = 200;

/// The receive buffer of a client that will not read.
const DEAF: u32 = 4 << 10;

/// Somebody who has an account.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) password: String,
}

/// How clients come in.
#[derive(Clone)]
pub(super) struct Entrance {
    address: SocketAddr,
    domain: String,
    tls: Option<TlsConnector>,
}

/// A connection of somebody who has logged in.
pub(super) struct Client {
    wire: Wire,
    /// What came and was not looked at.
    pub(super) buffer: Vec<u8>,
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Entrance {
    /// # Errors
    /// When TLS cannot be spoken.
    pub(super) fn new(address: SocketAddr, domain: &str, tls: bool) -> Result<Self> {
        Ok(Self {
            address,
            domain: domain.to_owned(),
            tls: if tls { Some(connector()?) } else { None },
        })
    }

    /// Connects; the `number`th client comes from an address of its own. Those that are `deaf` have
    /// next to no room for what they will not read.
    async fn connect(&self, number: usize, deaf: bool) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        let last = 1 + (number % ADDRESSES) as u8;
        let from = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0);
        socket.bind(from)?;
        if deaf {
            socket.set_recv_buffer_size(DEAF)?;
        }
        let stream = socket.connect(self.address).await;
        let stream = stream.context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// From the first byte to the answer to the binding.
    ///
    /// # Errors
    /// When the server does not let `person` in.
    pub(super) async fn log_in(
        &self,
        number: usize,
        person: &Person,
        deaf: bool,
    ) -> Result<Client> {
        let mut client = Client {
            wire: Wire::Plain(self.connect(number, deaf).await?),
            buffer: Vec::new(),
        };
        client.open(&self.domain).await?;
        if let Some(tls) = &self.tls {
            let start = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
            client.send(start).await?;
            client.wait_for(b"<proceed").await?;
            let Wire::Plain(stream) = client.wire else {
                bail!("TLS within TLS");
            };
            let name = ServerName::try_from(self.domain.clone())?;
            let stream = tls.connect(name, stream).await;
            client.wire = Wire::Tls(Box::new(stream.context("no TLS")?));
            client.open(&self.domain).await?;
        }
        let Person { name, password } = person;
        let secret = STANDARD.encode(format!("\0{name}\0{password}"));
        let auth = format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>"
        );
        client.send(auth.as_bytes()).await?;
        client.wait_for(b"<success").await?;
        client.open(&self.domain).await?;
        let bind = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                    <resource>bench</resource></bind></iq>";
        client.send(bind.as_bytes()).await?;
        client.wait_for(b"</iq>").await?;
        Ok(client)
    }
}

impl Client {
    async fn open(&mut self, domain: &str) -> Result<()> {
        let header = format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' to='{domain}' version='1.0'>"
        );
        self.send(header.as_bytes()).await?;
        self.wait_for(b"</stream:features>").await
    }

    /// Says that it is there.
    pub(super) async fn appear(&mut self) -> Result<()> {
        self.send(b"<presence/>").await
    }

    /// Goes into `room` as `nick` and waits until it has been told everything.
    pub(super) async fn enter(&mut self, room: &str, nick: &str) -> Result<()> {
        let presence = format!(
            "<presence to='{room}/{nick}'><x xmlns='http://jabber.org/protocol/muc'>\
             <history maxstanzas='0'/></x></presence>"
        );
        self.send(presence.as_bytes()).await?;
        self.wait_for(b"<subject").await
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let sent = match &mut self.wire {
            Wire::Plain(stream) => stream.write_all(bytes).await,
            Wire::Tls(stream) => match stream.write_all(bytes).await {
                // What is encrypted may not be on its way yet, when many share a task.
                Ok(()) => stream.flush().await,
                failed => failed,
            },
        };
        sent.context("not sent")
    }

    /// Takes what comes; `false` when nothing will come any more.
    pub(super) async fn read(&mut self) -> Result<bool> {
        let read = match &mut self.wire {
            Wire::Plain(stream) => stream.read_buf(&mut self.buffer).await,
            Wire::Tls(stream) => stream.read_buf(&mut self.buffer).await,
        };
        Ok(read.context("not read")? > 0)
    }

    /// Takes what comes until `text` is in it, and forgets it.
    async fn wait_for(&mut self, text: &[u8]) -> Result<()> {
        while memmem::find(&self.buffer, text).is_none() {
            let told = || String::from_utf8_lossy(&self.buffer);
            ensure!(self.buffer.len() < LONGEST, "too much is said");
            for bad in [&b"<failure"[..], b"<stream:error", b"type='error'"] {
                if memmem::find(&self.buffer, bad).is_some() {
                    bail!("the server says {}", told());
                }
            }
            if !self.read().await? {
                bail!("the server hung up");
            }
        }
        self.buffer.clear();
        Ok(())
    }
}

fn connector() -> Result<TlsConnector> {
    let provider = CryptoProvider::get_default().context("no crypto provider")?;
    let mut config = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting(provider.clone())))
        .with_no_client_auth();
    // Each login is the first.
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Believes every certificate: the server is our own child, and to check it is not its work.
#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
