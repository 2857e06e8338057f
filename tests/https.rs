//! HTTPS on the same listener, with a certificate of one's own.

use crate::harness::{Call, Door, Server, Wire, eventually};
use rcgen::CertifiedKey;
use std::path::Path;

/// Writes a certificate for this machine; its text, and the variables that name the files.
fn certificate(folder: &Path) -> (String, [(&'static str, String); 2]) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(names).expect("a certificate");
    let (cert_path, key_path) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert_path, cert.pem()).expect("written");
    std::fs::write(&key_path, signing_key.serialize_pem()).expect("written");
    let text = |path: &Path| path.to_str().expect("a path").to_owned();
    let variables = [
        ("LIANLIAN_TLS_CERT", text(&cert_path)),
        ("LIANLIAN_TLS_KEY", text(&key_path)),
    ];
    (cert.pem(), variables)
}

/// Starts the program with a certificate of its own, and a client that trusts it.
pub(crate) async fn secured(folder: &Path) -> Server {
    let (pem, variables) = certificate(folder);
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ours = reqwest::Certificate::from_pem(pem.as_bytes()).expect("a certificate");
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([ours])
        .build();
    let door = Door::new(client.expect("a client"), String::new());
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    Server::start_with(folder, door, &variables).await
}

#[tokio::test]
async fn with_a_certificate_the_listener_speaks_https_and_cookies_are_secure() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = secured(folder.path()).await;
    assert!(server.base().starts_with("https://"));

    let answer = server.try_login("ana", "secret").await;
    answer.ok();
    let (_, attributes) = answer.set_cookie().expect("a cookie");
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax; Secure");
    let ana = server.login("bo").await;
    let cafe = server.shop("Ekberg", 60.168, 24.938).await;
    ana.check_in(&cafe).await;
    assert_eq!(ana.trace().await["pcount"], 1);

    // Plain HTTP gets no answer there, and does no harm.
    let mut wire = Wire::connect(&server.authority()).await;
    wire.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(!wire.read_to_end().await.contains("200 OK"));
    ana.get("/user_info/get_self", &[]).await.ok();

    // Programs on this machine ask the web interface of XMPP without TLS.
    let history = format!("{}/api/gchat?room={cafe}", server.xmpp_web);
    let said = eventually("the greeting is said", async || {
        let said = server.send(Call::new("GET", history.clone())).await.ok();
        said.as_array()?.first().cloned()
    });
    assert_eq!(said.await[0], ana.id);
    assert!(server.terminate().await.success());
}
