//! The certificates of the listeners. One crypto provider, AWS-LC, serves the whole binary: two of
//! them in one process panic at the first handshake.

mod reload;

use anyhow::{Context, Result, ensure};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, ServerConfig};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

pub(crate) use reload::{Files, keep_up};

/// Makes AWS-LC the process's crypto provider; again is no harm.
pub fn install_provider() {
    // An error says that one is installed, which can only be this one.
    let _ = provider().install_default();
}

/// What TLS is made of, cheapest first: processors have instructions for SHA-256, but none for
/// SHA-384, and a handshake hashes a lot.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    let suites = &mut provider.cipher_suites;
    suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    provider
}

/// A chain and its key, which handshakes show from the moment on in which they are put here.
/// Connections that are open already keep what they have.
#[derive(Debug)]
pub(crate) struct Certificate {
    current: RwLock<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl Certificate {
    /// The chain in `cert` and the key in `key` (PEM files).
    ///
    /// # Errors
    /// When a file cannot be read, holds something else, or the two do not belong together.
    pub(crate) fn from_files(cert: &Path, key: &Path) -> Result<Self> {
        Ok(Self::new(Files::new(cert, key).read()?))
    }

    /// One for `domain` and its rooms that is made now and that nobody has signed.
    ///
    /// # Errors
    /// When `domain` is none.
    pub(crate) fn made_for(domain: &str) -> Result<Self> {
        let names = vec![domain.to_owned(), format!("c.{domain}")];
        let made =
            rcgen::generate_simple_self_signed(names).context("cannot make a certificate")?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let chain = vec![made.cert.der().clone()];
        let made = CertifiedKey::from_der(chain, key.into(), &aws_lc_rs::default_provider());
        Ok(Self::new(
            made.context("the certificate that was made cannot be used")?,
        ))
    }

    fn new(key: CertifiedKey) -> Self {
        Self {
            current: RwLock::new(Arc::new(key)),
        }
    }

    fn current(&self) -> Arc<CertifiedKey> {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, key: CertifiedKey) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }

    /// What answers TLS handshakes of HTTP.
    pub(crate) fn for_http(self: &Arc<Self>) -> TlsAcceptor {
        let mut config = self.config();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// What answers TLS handshakes of XMPP.
    pub(crate) fn for_xmpp(self: &Arc<Self>) -> TlsAcceptor {
        let mut config = self.config();
        // XEP-0368 §3
        config.alpn_protocols = vec![b"xmpp-client".to_vec()];
        // Phones stay connected; what resumption would need costs memory for each.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        TlsAcceptor::from(Arc::new(config))
    }

    fn config(self: &Arc<Self>) -> ServerConfig {
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.ignore_client_order = true;
        config
    }
}

/// The chain and the key in two PEM texts; `cert` and `key` say where they come from.
fn pair(chain_pem: &[u8], key_pem: &[u8], cert: &Path, key: &Path) -> Result<CertifiedKey> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain_pem)
        .collect::<Result<_, _>>()
        .with_context(|| format!("cannot read the certificate {}", cert.display()))?;
    ensure!(!chain.is_empty(), "{} holds no certificate", cert.display());
    let key_der = PrivateKeyDer::from_pem_slice(key_pem)
        .with_context(|| format!("cannot read the private key {}", key.display()))?;
    CertifiedKey::from_der(chain, key_der, &aws_lc_rs::default_provider())
        .with_context(|| format!("{} does not go with {}", key.display(), cert.display()))
}
