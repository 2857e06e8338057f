//! One connection, from the first byte to the last: streams, TLS, login and binding (RFC 6120).
//!
//! What stanzas mean is not known here.

use crate::Service;
use crate::outbox::Outbox;
use crate::pipe::{End, Pipe, Wire};
use crate::reader::{Incoming, MEMBER_BYTES, Reader, STRANGER_BYTES};
use crate::sasl::{SASL, Step};
use crate::session::Session;
use crate::stanza::{CLIENT, StanzaError, error_to, result_of};
use crate::stream_error::StreamError;
use crate::xml::{Element, attribute, escaped};
use commands::identity::XmppLogin;
use domain::UserId;
use domain::chat::MAX_NAME;
use jid::ResourcePart;
use rxml::{AttrMap, Namespace};
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, timeout};

const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";

/// How many logins may fail on one connection.
const FAILURES: u32 = 5;

/// How long the last bytes may take.
const FAREWELL: Duration = Duration::from_secs(3);

/// Who is on the other side.
enum Phase {
    /// Nobody yet.
    Stranger { failures: u32 },
    /// Somebody who has logged in.
    Member { user_id: UserId, generation: u32 },
    /// Somebody who can send and receive.
    Bound(Bound),
}

/// A session as long as its connection lives.
struct Bound {
    service: Arc<Service>,
    session: Arc<Session>,
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.service.left(&self.session);
    }
}

/// See the module.
struct Connection {
    service: Arc<Service>,
    pipe: Pipe,
    address: IpAddr,
    phase: Phase,
    /// Our header has been sent on this stream.
    opened: bool,
    heard: Instant,
    /// The client was asked whether it is there.
    asked: bool,
}

/// Whether the connection goes on.
type Flow = ControlFlow<()>;

impl Service {
    /// Speaks XMPP on `stream`, with TLS from the first byte on if it is `direct`, until the
    /// client or `stop` ends it.
    pub async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        from: SocketAddr,
        direct: bool,
        stop: watch::Receiver<bool>,
    ) {
        let _ = stream.set_nodelay(true);
        let mut connection = Connection {
            pipe: Pipe::new(Wire::Plain(stream), Reader::new(STRANGER_BYTES)),
            address: from.ip(),
            phase: Phase::Stranger { failures: 0 },
            opened: false,
            heard: Instant::now(),
            asked: false,
            service: self,
        };
        let end = connection.run(direct, stop).await;
        connection.finish(end).await;
    }
}

impl Connection {
    async fn run(&mut self, direct: bool, mut stop: watch::Receiver<bool>) -> Result<(), End> {
        let limit = self.service.settings.login_limit;
        let mut timer = Box::pin(tokio::time::sleep(limit));
        let mut was_bound = false;
        if direct {
            self.encrypt().await?;
        }
        loop {
            let incoming = tokio::select! {
                biased;
                incoming = self.pipe.next() => incoming?,
                _ = stop.wait_for(|stop| *stop) => return Err(StreamError::SystemShutdown.into()),
                () = &mut timer => {
                    self.silent(timer.as_mut())?;
                    continue;
                }
            };
            self.heard = Instant::now();
            self.asked = false;
            let flow = match incoming {
                Incoming::Header(attrs) => self.header(&attrs)?,
                Incoming::Element(element) => Box::pin(self.element(element)).await?,
                Incoming::Footer => {
                    self.confirm();
                    ControlFlow::Break(())
                }
            };
            if flow.is_break() {
                return Ok(());
            }
            if !was_bound && matches!(self.phase, Phase::Bound(_)) {
                // From now on silence is measured, not the login.
                was_bound = true;
                timer
                    .as_mut()
                    .reset(self.heard + self.service.settings.quiet);
            }
        }
    }

    /// Nothing has come for some time, or so it seems.
    fn silent(&mut self, timer: Pin<&mut Sleep>) -> Result<(), End> {
        let settings = &self.service.settings;
        let Phase::Bound(bound) = &self.phase else {
            return Err(StreamError::ConnectionTimeout.into());
        };
        let due = self.heard + settings.quiet;
        if self.asked {
            return Err(StreamError::ConnectionTimeout.into());
        }
        if due > Instant::now() {
            timer.reset(due);
            return Ok(());
        }
        // XEP-0199 §4.2
        let ping = format!(
            "<iq type='get' id='ping-{}' from='{}' to='{}'><ping xmlns='urn:xmpp:ping'/></iq>",
            hex::encode(rand::random::<[u8; 4]>()),
            settings.domain,
            escaped(&bound.session.jid),
        );
        self.pipe.outbox.push(&[&ping]);
        self.asked = true;
        timer.reset(Instant::now() + settings.answer_limit);
        Ok(())
    }

    /// Says why, if there is a why, and that it is over.
    async fn finish(mut self, end: Result<(), End>) {
        let last_words = match &end {
            Ok(()) => Some("</stream:stream>".to_owned()),
            Err(End::Error(error)) => Some(error.to_xml()),
            Err(End::Gone) => None,
        };
        // Before the last words, so that whoever reads them finds the session gone.
        self.phase = Phase::Stranger { failures: 0 };
        let Some(last_words) = last_words else { return };
        tracing::debug!(address = %self.address, ?end, "a stream ends");
        let opening = if self.opened {
            String::new()
        } else {
            self.opening()
        };
        let farewell = async {
            // What it was told before; then to a new outbox, for the old one takes nothing more.
            self.pipe.flush().await?;
            self.pipe.outbox = Arc::default();
            self.pipe.outbox.push(&[&opening, &last_words]);
            self.pipe.flush().await?;
            self.pipe.shutdown().await
        };
        let _ = timeout(FAREWELL, farewell).await;
    }

    /// The messages that were written have arrived: the client lives, and has said so.
    fn confirm(&self) {
        if let Phase::Bound(bound) = &self.phase {
            let arrived = self.pipe.outbox.confirm(self.pipe.unwritten());
            self.service
                .confirmations
                .confirm(bound.session.party, arrived);
        }
    }

    /// Our side of a stream's header.
    fn opening(&self) -> String {
        let mut out = String::from(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
            xmlns:stream='http://etherx.jabber.org/streams' version='1.0' xml:lang='en'",
        );
        attribute(&mut out, "from", &self.service.settings.domain);
        attribute(&mut out, "id", &hex::encode(rand::random::<[u8; 12]>()));
        out.push('>');
        out
    }

    /// A stream begins (RFC 6120 §4.7).
    fn header(&mut self, attrs: &AttrMap) -> Result<Flow, End> {
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
        self.pipe.outbox.push(&[&opening, &features]);
        self.opened = true;
        Ok(ControlFlow::Continue(()))
    }

    /// What can be done next (RFC 6120 §4.3.2).
    fn features(&self) -> String {
        if !matches!(self.phase, Phase::Stranger { .. }) {
            return format!(
                "<bind xmlns='{BIND}'/>\
                 <session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>"
            );
        }
        let mut features = String::new();
        if !self.pipe.is_encrypted() {
            let required = if self.is_safe() { "" } else { "<required/>" };
            features.push_str(&format!("<starttls xmlns='{TLS}'>{required}</starttls>"));
        }
        if self.is_safe() {
            features.push_str(&format!(
                "<mechanisms xmlns='{SASL}'><mechanism>PLAIN</mechanism></mechanisms>"
            ));
        }
        features
    }

    /// Whether a password may be sent as it is.
    fn is_safe(&self) -> bool {
        self.pipe.is_encrypted()
            || self.address.to_canonical().is_loopback()
            || self.service.settings.plain_without_tls
    }

    async fn element(&mut self, element: Element) -> Result<Flow, End> {
        match &self.phase {
            Phase::Stranger { failures } => {
                let failures = *failures;
                match element.ns() {
                    TLS if element.name() == "starttls" => self.start_tls().await,
                    SASL => self.authenticate(&element, failures).await,
                    _ => Err(StreamError::NotAuthorized.into()),
                }
            }
            Phase::Member {
                user_id,
                generation,
            } => {
                let (user_id, generation) = (*user_id, *generation);
                let bind = element.child("bind", BIND);
                match bind {
                    Some(bind) if element.is("iq", CLIENT) => {
                        self.bind(&element, bind, user_id, generation).await
                    }
                    _ => Err(StreamError::NotAuthorized.into()),
                }
            }
            Phase::Bound(bound) => {
                let session = bound.session.clone();
                self.confirm();
                self.stanza(&session, &element).await
            }
        }
    }

    async fn start_tls(&mut self) -> Result<Flow, End> {
        if self.pipe.is_encrypted() {
            self.pipe
                .outbox
                .push(&[&format!("<failure xmlns='{TLS}'/>")]);
            return Ok(ControlFlow::Break(()));
        }
        self.pipe
            .outbox
            .push(&[&format!("<proceed xmlns='{TLS}'/>")]);
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

    async fn encrypt(&mut self) -> Result<(), End> {
        let tls = self.service.settings.tls.clone();
        let limit = self.service.settings.login_limit;
        // Boxed: a handshake is large, and rare.
        let handshake = Box::pin(self.pipe.encrypt(&tls));
        timeout(limit, handshake).await.map_err(|_| End::Gone)??;
        Ok(())
    }

    async fn authenticate(&mut self, element: &Element, failures: u32) -> Result<Flow, End> {
        let service = self.service.clone();
        let login = service.log_in(element, self.address, self.is_safe());
        match self.pipe.while_writing(login).await {
            Step::Challenge => {
                self.pipe
                    .outbox
                    .push(&[&format!("<challenge xmlns='{SASL}'/>")]);
            }
            Step::Success(login) => self.welcome(login).await,
            Step::Failure(reason) => {
                let failure = format!("<failure xmlns='{SASL}'><{reason}/></failure>");
                self.pipe.outbox.push(&[&failure]);
                let failures = failures + 1;
                self.phase = Phase::Stranger { failures };
                if failures >= FAILURES {
                    return Err(StreamError::PolicyViolation.into());
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn welcome(&mut self, XmppLogin { account, device }: XmppLogin) {
        let user_id = account.user_id;
        if let Some(device) = device {
            let service = self.service.clone();
            let bind = service.bind_device(user_id, device);
            self.pipe.while_writing(bind).await;
        }
        self.phase = Phase::Member {
            user_id,
            generation: account.generation,
        };
        self.pipe
            .outbox
            .push(&[&format!("<success xmlns='{SASL}'/>")]);
        // Bytes that came behind the login belong to the new stream.
        self.pipe.restart(Reader::new(MEMBER_BYTES));
        self.opened = false;
    }

    /// RFC 6120 §7
    async fn bind(
        &mut self,
        iq: &Element,
        bind: &Element,
        user_id: UserId,
        generation: u32,
    ) -> Result<Flow, End> {
        let service = self.service.clone();
        let outbox: Arc<Outbox> = self.pipe.outbox.clone();
        let refuse = |error| {
            let answer = error_to(iq, &format!("{user_id}@{}", service.settings.domain), error);
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
        let party = user_id.into();
        let domain = &service.settings.domain;
        let session = Arc::new(Session::new(party, resource, domain, outbox.clone()));
        if !service.sessions.enter(&session) {
            return refuse(StanzaError::RESOURCE_CONSTRAINT);
        }
        self.phase = Phase::Bound(Bound {
            service: service.clone(),
            session: session.clone(),
        });
        // Whoever was shut out since the login was not known as a session then.
        let welcome = service.commands.is_welcome(user_id, generation);
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

    /// Something from somebody who is bound.
    async fn stanza(&mut self, session: &Arc<Session>, element: &Element) -> Result<Flow, End> {
        if element.ns() != CLIENT {
            // Of extensions that were not agreed on; they are no harm.
            return Ok(ControlFlow::Continue(()));
        }
        let service = self.service.clone();
        match element.name() {
            "message" => {
                let sent = service.message(session, element);
                self.pipe.while_writing(sent).await;
            }
            "iq" => {
                let answered = service.iq(session, element);
                self.pipe.while_writing(answered).await;
            }
            "presence" => {
                let noted = service.presence(session, element);
                if self.pipe.while_writing(noted).await {
                    self.hand_out_inbox(session).await?;
                }
            }
            _ => return Err(StreamError::UnsupportedStanzaType.into()),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Hands out what waits for the person, in order, and then what comes (DESIGN §6).
    async fn hand_out_inbox(&mut self, session: &Arc<Session>) -> Result<(), End> {
        let service = self.service.clone();
        service.hand_out_inbox(&mut self.pipe, session).await
    }
}
