//! Certificates that are replaced while the real program serves: HTTPS, XMPP by both ways into TLS,
//! and XMPP over a WebSocket.

use crate::harness::{Anybody, Chatter, Door, HEADER, Phone, Server, WebChatter, eventually};
use rcgen::CertifiedKey;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const BIND: &str = "<iq xmlns='jabber:client' type='set' id='b'>\
    <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>web</resource></bind></iq>";
const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";

/// A running program whose certificate lies in files of the test.
struct Scene {
    folder: tempfile::TempDir,
    server: Server,
}

/// A certificate: its key as PEM, and itself as PEM and as it is shown.
struct Made {
    cert: String,
    key: String,
    shown: Vec<u8>,
}

impl Made {
    fn new() -> Self {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let CertifiedKey { cert, signing_key } = made;
        Self {
            cert: cert.pem(),
            key: signing_key.serialize_pem(),
            shown: cert.der().to_vec(),
        }
    }
}

impl Scene {
    async fn with(made: &Made) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let (cert, key) = (
            folder.path().join("cert.pem"),
            folder.path().join("key.pem"),
        );
        write(&cert, &made.cert);
        write(&key, &made.key);
        let text = |path: &PathBuf| path.to_str().expect("a path").to_owned();
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_danger_accept_invalid_certs(true)
            .build();
        let door = Door::new(client.expect("a client"), String::new());
        let (cert, key) = (text(&cert), text(&key));
        let variables = [
            ("LIANLIAN_TLS_CERT", cert.as_str()),
            ("LIANLIAN_TLS_KEY", key.as_str()),
            ("LIANLIAN_XMPPS_ADDR", "127.0.0.1:0"),
        ];
        let server = Server::start_with(folder.path(), door, &variables).await;
        Self { folder, server }
    }

    fn puts(&self, name: &str, text: &str) {
        write(&self.folder.path().join(name), text);
    }

    fn https(&self) -> SocketAddr {
        self.server.authority().parse().expect("an address")
    }

    /// What new connections of every kind are shown.
    async fn shown(&self) -> [Vec<u8>; 4] {
        let xmpp = connected(self.server.xmpp_address).await;
        [
            certificate(&encrypted(connected(self.https()).await).await),
            certificate(&encrypted(connected(self.xmpps()).await).await),
            certificate(&encrypted(asked_for_tls(xmpp).await).await),
            certificate(self.websocket().await.stream()),
        ]
    }

    fn xmpps(&self) -> SocketAddr {
        self.server.xmpps_address.expect("it listens")
    }

    /// A WebSocket under TLS on which a stream was opened.
    async fn websocket(&self) -> WebChatter<TlsStream<TcpStream>> {
        let protocol = ("sec-websocket-protocol", "xmpp");
        let stream = encrypted(connected(self.https()).await).await;
        let chatter = WebChatter::over(stream, &self.server.authority(), &[protocol]).await;
        let mut chatter = chatter.expect("a WebSocket");
        let features = chatter.opens().await;
        assert!(
            features.contains("<mechanism>PLAIN</mechanism>"),
            "{features}"
        );
        chatter
    }

    /// Somebody who has logged in on a connection that is under TLS from the first byte on.
    async fn direct(&self, phone: &Phone) -> Chatter {
        let chatter = Chatter::connect(self.xmpps()).await;
        let mut chatter = chatter.starts_tls().await;
        chatter.begin(&phone.id, &phone.password).await;
        chatter.bind("direct").await;
        chatter
    }

    async fn shows(&self, made: &Made) {
        eventually("every listener shows the certificate", async || {
            let shown = self.shown().await;
            shown.iter().all(|shown| *shown == made.shown).then_some(())
        })
        .await;
    }
}

fn write(path: &Path, text: &str) {
    // The way in which careful programs do it: nobody ever sees half a file.
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).expect("written");
    std::fs::rename(&beside, path).expect("moved");
}

async fn connected(to: SocketAddr) -> TcpStream {
    TcpStream::connect(to).await.expect("a connection")
}

async fn encrypted(stream: TcpStream) -> TlsStream<TcpStream> {
    let config = rustls::ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.expect("TLS")
}

fn certificate(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    let chain = stream.get_ref().1.peer_certificates();
    chain.expect("a certificate")[0].to_vec()
}

/// A connection of XMPP that has been told to go on under TLS.
async fn asked_for_tls(mut stream: TcpStream) -> TcpStream {
    let start = format!("<starttls xmlns='{TLS}'/>");
    for (sent, awaited) in [(HEADER, "</stream:features>"), (&start, "<proceed")] {
        stream.write_all(sent.as_bytes()).await.expect("sent");
        let mut heard = String::new();
        // Nothing comes behind it before the handshake.
        while !heard.contains(awaited) {
            let byte = stream.read_u8().await.expect("more");
            heard.push(char::from(byte));
        }
    }
    while stream.read_u8().await.expect("more") != b'>' {}
    stream
}

/// One question on a WebSocket that stays open.
async fn is_alive(chatter: &mut WebChatter<TlsStream<TcpStream>>, id: &str) {
    chatter
        .sends(&format!(
            "<iq xmlns='jabber:client' type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>"
        ))
        .await;
    let answer = chatter.hears().await;
    assert!(
        answer.contains("type='result'") && answer.contains(id),
        "{answer}"
    );
}

/// One request on a connection that stays open.
async fn is_healthy(stream: &mut TlsStream<TcpStream>) {
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    let mut answer = String::new();
    while !answer.ends_with("{\"status\":\"ok\"}") {
        answer.push(char::from(stream.read_u8().await.expect("more")));
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_open_ones_stay() {
    let (first, second, third) = (Made::new(), Made::new(), Made::new());
    let scene = Scene::with(&first).await;
    scene.shows(&first).await;
    let ana = scene.server.login("ana").await;
    let mut http = encrypted(connected(scene.https()).await).await;
    is_healthy(&mut http).await;
    let mut chatter = Chatter::connect(scene.server.xmpp_address).await;
    chatter.sends(HEADER).await;
    chatter.receives("</stream:features>").await;
    chatter.sends(&format!("<starttls xmlns='{TLS}'/>")).await;
    chatter.receives("/>").await;
    let mut chatter = chatter.starts_tls().await;
    chatter.begin(&ana.id, &ana.password).await;
    chatter.bind("phone").await;
    let mut direct = scene.direct(&ana).await;
    let mut web = scene.websocket().await;
    web.begin(&ana).await;
    web.sends(BIND).await;
    let bound = web.hears().await;
    assert!(bound.contains("<jid>"), "{bound}");

    // By itself.
    scene.puts("cert.pem", &second.cert);
    scene.puts("key.pem", &second.key);
    scene.shows(&second).await;
    is_healthy(&mut http).await;
    assert!(chatter.is_alive("after-the-second").await);
    assert!(direct.is_alive("after-the-second").await);
    is_alive(&mut web, "after-the-second").await;
    assert_eq!(certificate(web.stream()), first.shown);
    assert_eq!(certificate(&http), first.shown);

    // And when told so.
    scene.puts("key.pem", &third.key);
    scene.puts("cert.pem", &third.cert);
    scene.server.hang_up().await;
    scene.shows(&third).await;
    is_healthy(&mut http).await;
    assert!(chatter.is_alive("after-the-third").await);
    assert!(direct.is_alive("after-the-third").await);
    is_alive(&mut web, "after-the-third").await;
    ana.get("/user_info/get_self", &[]).await.ok();
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_is_warned_of_and_the_old_one_kept() {
    let (first, second) = (Made::new(), Made::new());
    let scene = Scene::with(&first).await;
    for (name, text, says) in [
        ("key.pem", second.key.as_str(), "does not go with"),
        ("cert.pem", "", "holds no certificate"),
        ("key.pem", "nothing", "cannot read the private key"),
    ] {
        scene.puts("cert.pem", &first.cert);
        scene.puts("key.pem", &first.key);
        scene.puts(name, text);
        scene.server.hang_up().await;
        eventually("it is warned of", async || {
            scene.server.complaints().contains(says).then_some(())
        })
        .await;
        assert!(
            scene
                .shown()
                .await
                .iter()
                .all(|shown| *shown == first.shown)
        );
    }
    assert!(!scene.server.complaints().contains("PRIVATE KEY"));
    // Once it is put right, it is taken.
    scene.puts("cert.pem", &second.cert);
    scene.puts("key.pem", &second.key);
    scene.shows(&second).await;
}

#[tokio::test]
async fn without_a_certificate_a_hangup_ends_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path()).await;
    server.hang_up().await;
    eventually("it is noticed", async || {
        let noticed = server.complaints().contains("no certificate of a file");
        noticed.then_some(())
    })
    .await;
    server.get("/healthz", &[]).await.ok();
}
