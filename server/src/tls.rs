//! The certificates of the listeners. One crypto provider, ring, serves the whole binary: two of
//! them in one process panic at the first handshake.

use anyhow::{Context, Result, ensure};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Makes ring the process's crypto provider; again is no harm.
pub fn install_provider() {
    // An error says that one is installed, which can only be this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// What answers TLS handshakes of HTTP with the chain in `cert` and the key in `key` (PEM files).
///
/// # Errors
/// When a file cannot be read, holds something else, or the two do not belong together.
pub(crate) fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor> {
    let mut config = from_files(cert, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What answers TLS handshakes of XMPP: with the same chain and key where they are given, and
/// otherwise with a certificate for `domain` that is made now and that nobody has signed.
///
/// # Errors
/// As above.
pub(crate) fn xmpp_acceptor(files: Option<(&Path, &Path)>, domain: &str) -> Result<TlsAcceptor> {
    let mut config = match files {
        Some((cert, key)) => from_files(cert, key)?,
        None => made_for(domain)?,
    };
    // XEP-0368 §3
    config.alpn_protocols = vec![b"xmpp-client".to_vec()];
    // Phones stay connected; what resumption would need costs memory for each.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn from_files(cert: &Path, key: &Path) -> Result<ServerConfig> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read the certificate {}", cert.display()))?;
    ensure!(!chain.is_empty(), "{} holds no certificate", cert.display());
    let key_der = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("cannot read the private key {}", key.display()))?;
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .with_context(|| format!("{} does not go with {}", key.display(), cert.display()))
}

fn made_for(domain: &str) -> Result<ServerConfig> {
    let names = vec![domain.to_owned(), format!("c.{domain}")];
    let made = rcgen::generate_simple_self_signed(names).context("cannot make a certificate")?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .context("the certificate that was made cannot be used")
}
