//! How a stream begins: headers, what is offered next (RFC 6120 §4), and TLS (§5).

use super::login::BIND;
use super::{CLIENT_STATE, Connection, Flow, Phase};
use crate::pipe::End;
use crate::reader::{Reader, STRANGER_BYTES};
use crate::sasl::SASL;
use crate::stream_error::StreamError;
use crate::stream_management::MANAGEMENT;
use crate::xml::attribute;
use rxml::{AttrMap, Namespace};
use std::ops::ControlFlow;
use tokio::time::timeout;

pub(super) const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";

impl Connection {
    /// Our side of a stream's header.
    pub(super) fn opening(&self) -> String {
        let mut out = String::from(if self.pipe.is_framed() {
            "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' version='1.0' xml:lang='en'"
        } else {
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
            xmlns:stream='http://etherx.jabber.org/streams' version='1.0' xml:lang='en'"
        });
        attribute(&mut out, "from", &self.service.settings.domain);
        attribute(&mut out, "id", &hex::encode(rand::random::<[u8; 12]>()));
        out.push_str(if self.pipe.is_framed() { "/>" } else { ">" });
        out
    }

    /// Our side of a stream's end.
    pub(super) fn closing(&self) -> &'static str {
        if self.pipe.is_framed() {
            "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"
        } else {
            "</stream:stream>"
        }
    }

    /// A stream begins (RFC 6120 §4.7).
    pub(super) fn header(&mut self, attrs: &AttrMap) -> Result<Flow, End> {
        if self.opened {
            // Over a WebSocket, where nothing else forbids it.
            return Err(StreamError::BadFormat.into());
        }
        let domain = &self.service.settings.domain;
        if let Some(to) = attrs.get(Namespace::none(), "to")
            && !to.eq_ignore_ascii_case(domain)
        {
            return Err(StreamError::HostUnknown.into());
        }
        // COMPAT: clients older than XMPP 1.0 send no version.
        if let Some(version) = attrs.get(Namespace::none(), "version")
            && !version.starts_with("1.")
        {
            return Err(StreamError::UnsupportedVersion.into());
        }
        let features = self.features();
        let opening = self.opening();
        let features = format!("<stream:features>{features}</stream:features>");
        self.pipe.outbox.push_nonza(&[&opening]);
        self.pipe.outbox.push_nonza(&[&features]);
        self.opened = true;
        Ok(ControlFlow::Continue(()))
    }

    /// What can be done next (RFC 6120 §4.3.2).
    fn features(&self) -> String {
        if !matches!(self.phase, Phase::Stranger { .. }) {
            return format!(
                "<bind xmlns='{BIND}'/>\
                 <session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>\
                 <sm xmlns='{MANAGEMENT}'/><csi xmlns='{CLIENT_STATE}'/>"
            );
        }
        let mut features = String::new();
        if !self.pipe.is_encrypted() && !self.pipe.is_framed() {
            let required = if self.is_safe() { "" } else { "<required/>" };
            features.push_str(&format!("<starttls xmlns='{TLS}'>{required}</starttls>"));
        }
        if self.is_safe() {
            features.push_str(&format!("<mechanisms xmlns='{SASL}'>"));
            for mechanism in self.service.mechanisms() {
                features.push_str(&format!("<mechanism>{mechanism}</mechanism>"));
            }
            features.push_str("</mechanisms>");
        }
        features
    }

    /// Whether a password may be sent as it is.
    pub(super) fn is_safe(&self) -> bool {
        self.pipe.is_encrypted() || self.safe
    }

    pub(super) async fn start_tls(&mut self) -> Result<Flow, End> {
        if self.pipe.is_encrypted() || self.pipe.is_framed() {
            self.pipe
                .outbox
                .push_nonza(&[&format!("<failure xmlns='{TLS}'/>")]);
            return Ok(ControlFlow::Break(()));
        }
        self.pipe
            .outbox
            .push_nonza(&[&format!("<proceed xmlns='{TLS}'/>")]);
        self.pipe.flush().await?;
        // What came unencrypted must not count as if it had come encrypted.
        if self.pipe.has_unread() {
            return Err(End::Gone);
        }
        self.encrypt().await?;
        self.pipe.restart(Reader::new(STRANGER_BYTES));
        self.opened = false;
        Ok(ControlFlow::Continue(()))
    }

    pub(super) async fn encrypt(&mut self) -> Result<(), End> {
        let tls = self.service.settings.tls.clone();
        let limit = self.service.settings.login_limit;
        // Boxed: a handshake is large, and rare.
        let handshake = Box::pin(self.pipe.encrypt(&tls));
        timeout(limit, handshake).await.map_err(|_| End::Gone)??;
        Ok(())
    }
}
