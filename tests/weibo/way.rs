//! The way to Weibo: when it leads nowhere, over TLS, and what must not be seen along it.

use super::{ANA, nobody_comes_in, with_code, with_password};
use crate::harness::{
    Door, FakeWeibo, House, Mood, Phone, Server, Stores, eventually, run, settings,
};
use rcgen::CertifiedKey;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

#[tokio::test]
async fn weibo_is_not_waited_for_without_end() {
    let weibo = FakeWeibo::new().await;
    let mut limited = weibo.settings();
    limited.call_limit = Duration::from_millis(200);
    let house = House::at_weibo(Stores::Memory, settings(), limited).await;
    weibo.feels("/oauth2/access_token", Mood::Hanging);
    nobody_comes_in(&house, &weibo).await;
}

#[tokio::test]
async fn a_weibo_that_is_not_there_at_all_is_away() {
    let weibo = FakeWeibo::new().await;
    let mut nowhere = weibo.settings();
    let free = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    nowhere.base_url = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let house = House::at_weibo(Stores::Memory, settings(), nowhere).await;
    nobody_comes_in(&house, &weibo).await;
}

#[tokio::test]
async fn no_secret_stands_in_an_event_or_a_log_line() {
    let weibo = FakeWeibo::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let door = Door::new(Door::client(), String::new());
    let mut variables = weibo.variables().to_vec();
    variables.push(("LIANLIAN_LOG", "trace"));
    let mut server = Server::start_with(folder.path(), door, &variables).await;
    let answer = with_password(&server, "Ana's secret").await;
    let ana = Phone::logged_in((*server).clone(), &answer);
    let (good, bad) = (weibo.code(ANA), "c0dethatisbad");
    with_code(&server, &good).await.ok();
    with_code(&server, bad).await.refused(401);
    with_password(&server, "Ana's wrong one").await.refused(401);
    weibo.feels("/2/statuses/update.json", Mood::Error(20_003, "no"));
    ana.post("/oauth2/share", &[("ver", "1.0")]).await.ok();
    eventually("the post is tried", async || {
        (weibo.calls_of("/2/statuses/update.json") == 1).then_some(())
    })
    .await;
    for path in ["/oauth2/access_token", "/2/statuses/update.json"] {
        weibo.feels(path, Mood::Status(500));
    }
    with_password(&server, "Ana's secret").await.refused(503);
    with_code(&server, &good).await.refused(503);
    assert!(server.terminate().await.success());

    let logged = std::fs::read_to_string(folder.path().join("stderr.log")).expect("a log");
    assert!(logged.contains("weibo"), "{logged}");
    let events = run(folder.path(), &["events", "export"]).await.ok();
    assert!(events.contains("user.share-failed.v1"), "{events}");
    let settings = run(folder.path(), &["config"]).await.ok();
    assert!(settings.contains("[weibo]"), "{settings}");
    for text in [logged, events] {
        for secret in [
            "2.00tOken",
            "secret-of-the-app",
            "s secret",
            "s wrong one",
            "s%20secret",
            "s+secret",
            &good,
            bad,
        ] {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret}");
        }
    }
}

/// A door before Weibo that speaks TLS, with a certificate that is written to `path`: its address.
async fn behind_tls(weibo: &FakeWeibo, path: &Path) -> String {
    let names = vec!["localhost".to_owned()];
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(names).expect("a certificate");
    std::fs::write(path, cert.pem()).expect("written");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a key that fits");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let inside = weibo.authority();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, inside) = (acceptor.clone(), inside.clone());
            tokio::spawn(async move {
                let mut client = acceptor.accept(client).await?;
                let mut inside = TcpStream::connect(inside).await?;
                tokio::io::copy_bidirectional(&mut client, &mut inside).await
            });
        }
    });
    format!("https://localhost:{port}")
}

#[tokio::test]
async fn over_tls_weibo_must_show_a_certificate_that_this_machine_trusts() {
    let weibo = FakeWeibo::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("weibo.pem");
    let base = behind_tls(&weibo, &path).await;
    let mut variables = weibo.variables().to_vec();
    variables[1] = ("LIANLIAN_WEIBO__BASE_URL", &base);
    let door = Door::new(Door::client(), String::new());
    let mut server = Server::start_with(folder.path(), door.clone(), &variables).await;
    with_password(&server, "Ana's secret").await.refused(503);
    assert!(weibo.calls().is_empty());
    assert!(server.terminate().await.success());

    variables.push(("SSL_CERT_FILE", path.to_str().expect("a path")));
    let mut server = Server::start_with(folder.path(), door, &variables).await;
    let account = with_password(&server, "Ana's secret").await.ok();
    assert_eq!(account["wb_uid"], ANA);
    assert!(server.terminate().await.success());
}
