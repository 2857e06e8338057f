//! What whoever runs the server may choose about XMPP.

use std::time::Duration;
use tokio_rustls::TlsAcceptor;

/// The settings of this crate.
#[derive(Clone)]
pub struct Settings {
    /// The domain of all JIDs; rooms are at `c.` and this. Lower case.
    pub domain: String,
    /// What answers TLS handshakes.
    pub tls: TlsAcceptor,
    /// Passwords may be sent without TLS, from other machines too.
    pub plain_without_tls: bool,
    /// SCRAM is offered beside PLAIN; whoever then logs in by it reports no push token.
    pub scram: bool,
    /// How many messages may wait for one receiver.
    pub inbox_limit: u64,
    /// Up to how many people in a room are told who else comes and goes.
    pub room_presence: usize,
    /// How long a connection may take until somebody has logged in, TLS included.
    pub login_limit: Duration,
    /// After how long a silence a client is asked whether it is still there.
    pub quiet: Duration,
    /// How long it may take to answer.
    pub answer_limit: Duration,
    /// After how long a client that has been sent messages, and has said nothing since, is asked
    /// whether they have come; zero for never.
    pub confirm: Duration,
    /// How long a session may be without a connection (XEP-0198); zero for not at all.
    pub resume: Duration,
}

impl Settings {
    /// Where the rooms are.
    pub(crate) fn rooms(&self) -> String {
        format!("c.{}", self.domain)
    }
}
