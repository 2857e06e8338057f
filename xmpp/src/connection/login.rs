//! From a stranger to somebody who can send and receive: login (RFC 6120 §6) and binding (§7).

use super::{Connection, Flow, Phase};
use crate::outbox::Outbox;
use crate::pipe::End;
use crate::reader::{MEMBER_BYTES, Reader};
use crate::sasl::{Exchange, SASL, Step};
use crate::session::Session;
use crate::stanza::{StanzaError, error_to, result_of};
use crate::stream_error::StreamError;
use crate::stream_management::Bound;
use crate::xml::{Element, escaped};
use commands::identity::XmppLogin;
use domain::Party;
use domain::chat::MAX_NAME;
use jid::ResourcePart;
use std::ops::ControlFlow;
use std::sync::Arc;

pub(super) const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";

/// How many logins may fail on one connection.
const FAILURES: u32 = 5;

impl Connection {
    pub(super) async fn authenticate(
        &mut self,
        element: &Element,
        failures: u32,
        exchange: Option<Box<Exchange>>,
    ) -> Result<Flow, End> {
        let service = self.service.clone();
        let exchange = exchange.map(|exchange| *exchange);
        let login = service.log_in(element, exchange, self.address, self.is_safe());
        match self.pipe.while_writing(login).await {
            Step::Challenge(exchange, data) => {
                self.phase = Phase::Stranger {
                    failures,
                    exchange: Some(Box::new(exchange)),
                };
                self.pipe
                    .outbox
                    .push_nonza(&[&with_data("challenge", &data)]);
            }
            Step::Success(login, data) => self.welcome(login, &data).await,
            Step::Failure(reason) => {
                let failure = format!("<failure xmlns='{SASL}'><{reason}/></failure>");
                self.pipe.outbox.push_nonza(&[&failure]);
                let failures = failures + 1;
                self.phase = Phase::Stranger {
                    failures,
                    exchange: None,
                };
                if failures >= FAILURES {
                    return Err(StreamError::PolicyViolation.into());
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn welcome(&mut self, login: XmppLogin, data: &str) {
        let XmppLogin {
            party,
            generation,
            device,
        } = login;
        if let (Some(device), Some(user_id)) = (device, party.user()) {
            let service = self.service.clone();
            let bind = service.bind_device(user_id, device);
            self.pipe.while_writing(bind).await;
        }
        self.phase = Phase::Member { party, generation };
        self.pipe.outbox.push_nonza(&[&with_data("success", data)]);
        // Bytes that came behind the login belong to the new stream.
        self.pipe.restart(Reader::new(MEMBER_BYTES));
        self.opened = false;
    }

    /// RFC 6120 §7
    pub(super) async fn bind(
        &mut self,
        iq: &Element,
        bind: &Element,
        party: Party,
        generation: u32,
    ) -> Result<Flow, End> {
        let service = self.service.clone();
        let outbox: Arc<Outbox> = self.pipe.outbox.clone();
        let refuse = |error| {
            let answer = error_to(iq, &format!("{party}@{}", service.settings.domain), error);
            outbox.push(&[&answer.unwrap_or_default()]);
            Ok(ControlFlow::Continue(()))
        };
        if iq.attr("type") != Some("set") {
            return refuse(StanzaError::BAD_REQUEST);
        }
        let wanted = bind.child("resource", BIND).map(Element::text);
        let resource = match wanted.as_deref().filter(|wanted| !wanted.is_empty()) {
            None => hex::encode(rand::random::<[u8; 6]>()),
            Some(wanted) => match ResourcePart::new(wanted) {
                Ok(resource) if resource.as_str().len() <= MAX_NAME => {
                    resource.into_owned().into_inner()
                }
                _ => return refuse(StanzaError::BAD_REQUEST),
            },
        };
        let domain = &service.settings.domain;
        let session = Arc::new(Session::new(party, resource, domain, outbox.clone()));
        if !service.sessions.enter(&session) {
            return refuse(StanzaError::RESOURCE_CONSTRAINT);
        }
        self.phase = Phase::Bound(Bound::new(service.clone(), session.clone()));
        // Whoever was shut out since the login was not known as a session then.
        let welcome = service.commands.is_welcome(party, generation);
        match self.pipe.while_writing(welcome).await {
            Ok(true) => {}
            Ok(false) => return Err(StreamError::NotAuthorized.into()),
            Err(error) => {
                tracing::error!(%error, "nobody can bind");
                return Err(StreamError::InternalServerError.into());
            }
        }
        let jid = escaped(&session.jid);
        let payload = format!("<bind xmlns='{BIND}'><jid>{jid}</jid></bind>");
        self.pipe
            .outbox
            .push(&[&result_of(iq, &session.jid, &payload)]);
        Ok(ControlFlow::Continue(()))
    }
}

/// An element of a login that brings data along (RFC 6120 §6.4).
fn with_data(name: &str, data: &str) -> String {
    if data.is_empty() {
        format!("<{name} xmlns='{SASL}'/>")
    } else {
        format!("<{name} xmlns='{SASL}'>{data}</{name}>")
    }
}
