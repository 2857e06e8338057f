//! A double of Apple's push gateways for tests, in the test's own process: HTTP/2 under TLS, with an
//! authority of its own; it checks what Apple checks, answers as Apple does, and is in the mood that
//! a test wants.
//!
//! It wakes nothing; nothing here is a client.

mod gateway;
mod request;

pub use gateway::{Gateway, Mood};
pub use request::Asked;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// The id of the key.
pub const KEY_ID: &str = "ABC123DEFG";

/// The id of the team.
pub const TEAM_ID: &str = "DEF123GHIJ";

/// The bundle id of the app.
pub const TOPIC: &str = "cn.dface.face";

/// Both gateways, the authority that vouches for them, and the key of a team.
#[derive(Debug)]
pub struct Apple {
    /// For apps of the store.
    pub production: Gateway,
    /// For apps under development.
    pub development: Gateway,
    authority: String,
    key: String,
}

/// A new key, as Apple gives them out in `.p8` files.
///
/// # Panics
/// When there is no randomness.
#[must_use]
pub fn key() -> String {
    KeyPair::generate().expect("randomness").serialize_pem()
}

impl Apple {
    /// Both gateways, open and well.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().expect("randomness");
        let authority = params.self_signed(&authority_key).expect("a certificate");
        let issuer = Issuer::from_params(&params, &authority_key);
        let key = KeyPair::generate().expect("randomness");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).and_then(|p| p.signed_by(&key, &issuer));
        let certificate = certificate.expect("a certificate");
        // Said here, for some other provider may be built in as well.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions that it speaks")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .expect("a certificate and its key");
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let tls = TlsAcceptor::from(Arc::new(tls));
        let of_the_team = KeyPair::generate().expect("randomness");
        let public = of_the_team.public_key_raw();
        Self {
            production: Gateway::open(tls.clone(), public).await,
            development: Gateway::open(tls, public).await,
            authority: authority.pem(),
            key: of_the_team.serialize_pem(),
        }
    }

    /// The certificate of the authority, in PEM.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The key of the team, as it stands in its `.p8` file.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}
