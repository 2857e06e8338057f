//! The listener with real connections.

use super::*;
use crate::tls::Certificate;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

struct Listening {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

async fn listen(change: impl FnOnce(&mut Settings)) -> Listening {
    crate::tls::install_provider();
    let mut settings = Settings::default();
    settings.limits.header_ms = 300;
    settings.limits.idle_ms = 300;
    change(&mut settings);
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        "slow"
    };
    let router = Router::new()
        .route(
            "/",
            get(|ConnectInfo(from): ConnectInfo<SocketAddr>| async move { from.ip().to_string() }),
        )
        .route("/slow", get(slow))
        .route("/echo", post(|body: Bytes| async move { body }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let (stop, stopped) = watch::channel(false);
    let tls = settings.tls().map(|(cert, key)| {
        let certificate = Certificate::from_files(cert, key);
        Arc::new(certificate.expect("a certificate")).for_http()
    });
    let task = tokio::spawn(serve(listener, router, &settings, tls, stopped).expect("it listens"));
    Listening {
        address,
        stop,
        task,
    }
}

async fn connect(to: &Listening) -> TcpStream {
    TcpStream::connect(to.address).await.expect("connected")
}

/// What comes until the other side closes; it must do so soon.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    let read = stream.read_to_end(&mut text);
    let read = tokio::time::timeout(Duration::from_secs(5), read).await;
    // A reset is as good an end as any.
    let _ = read.expect("it closes in time");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn a_request_is_answered_and_knows_where_it_comes_from() {
    let listening = listen(|_| {}).await;
    let mut stream = connect(&listening).await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .expect("sent");
    let answer = rest(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n127.0.0.1"),
        "{answer}"
    );
    assert!(answer.contains("Content-Length: 9\r\n"), "{answer}");
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_dawdles_is_closed() {
    let listening = listen(|_| {}).await;
    // The last one pretends to begin HTTP/2 and never goes on.
    for beginning in ["", "GET / HTTP/1.1\r\nhost: x\r\nx: ", "PRI * HTTP/2.0\r\n"] {
        let mut stream = connect(&listening).await;
        stream.write_all(beginning.as_bytes()).await.expect("sent");
        let started = Instant::now();
        assert_eq!(rest(&mut stream).await, "", "{beginning}");
        assert!(started.elapsed() < Duration::from_secs(2), "{beginning}");
    }
}

#[tokio::test]
async fn a_slow_answer_outlives_the_patience_for_quiet_connections() {
    let listening = listen(|_| {}).await;
    let mut stream = connect(&listening).await;
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("sent");
    assert!(rest(&mut stream).await.ends_with("slow"));
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let listening = listen(|settings| settings.limits.header_bytes = 8192).await;
    let mut stream = connect(&listening).await;
    let head = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "y".repeat(20_000)
    );
    // It may stop listening before all was sent.
    let _ = stream.write_all(head.as_bytes()).await;
    let answer = rest(&mut stream).await;
    assert!(!answer.contains(" 200 "), "{answer}");
}

#[tokio::test]
async fn stopping_lets_requests_finish_and_takes_no_new_ones() {
    let listening = listen(|_| {}).await;
    let mut busy = connect(&listening).await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("sent");
    let mut idle = connect(&listening).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    listening.stop.send_replace(true);
    assert!(rest(&mut busy).await.ends_with("slow"));
    assert_eq!(rest(&mut idle).await, "");
    tokio::time::timeout(Duration::from_secs(5), listening.task)
        .await
        .expect("in time")
        .expect("well");
    assert!(TcpStream::connect(listening.address).await.is_err());
}

#[tokio::test]
async fn https_is_spoken_with_a_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    std::fs::write(&cert, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let listening = listen(|settings| {
        settings.tls_cert = Some(cert.clone());
        settings.tls_key = Some(key.clone());
    })
    .await;
    let trusted =
        reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).expect("a certificate");
    let client = reqwest::Client::builder()
        .tls_certs_only([trusted])
        .no_proxy()
        .resolve("localhost", listening.address)
        .build()
        .expect("a client");
    let url = format!("https://localhost:{}/echo", listening.address.port());
    let answer = client.post(&url).body("hi").send().await.expect("answered");
    assert_eq!(answer.text().await.expect("a body"), "hi");
    // Somebody who does not shake hands is closed, like anybody who says nothing.
    assert_eq!(rest(&mut connect(&listening).await).await, "");
    // The key must be that of the certificate.
    let other = rcgen::KeyPair::generate().expect("a key");
    std::fs::write(&key, other.serialize_pem()).expect("written");
    let error = Certificate::from_files(&cert, &key)
        .expect_err("refused")
        .to_string();
    assert!(error.contains("does not go with"), "{error}");
}
