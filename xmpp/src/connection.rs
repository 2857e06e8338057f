//! One connection, from the first byte to the last (RFC 6120): what comes is led to where it is
//! dealt with, silence is measured, and the end is told.
//!
//! What stanzas mean is not known here.

mod login;
mod opening;

use crate::Service;
use crate::pipe::{End, Pipe, Wire};
use crate::reader::{Incoming, Reader, STRANGER_BYTES};
use crate::sasl::{Exchange, SASL};
use crate::session::Session;
use crate::stanza::CLIENT;
use crate::stream_error::StreamError;
use crate::xml::{Element, escaped};
use domain::Party;
use login::BIND;
use opening::TLS;
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, timeout};

/// How long the last bytes may take.
const FAREWELL: Duration = Duration::from_secs(3);

/// Who is on the other side.
enum Phase {
    /// Nobody yet.
    Stranger {
        failures: u32,
        /// A login that waits for an answer; boxed, for it is gone soon.
        exchange: Option<Box<Exchange>>,
    },
    /// Somebody who has logged in.
    Member { party: Party, generation: u32 },
    /// Somebody who can send and receive.
    Bound(Bound),
}

impl Phase {
    fn new() -> Self {
        Self::Stranger {
            failures: 0,
            exchange: None,
        }
    }
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
            phase: Phase::new(),
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
        self.phase = Phase::new();
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

    async fn element(&mut self, element: Element) -> Result<Flow, End> {
        match &mut self.phase {
            Phase::Stranger { failures, exchange } => {
                let (failures, exchange) = (*failures, exchange.take());
                match element.ns() {
                    TLS if element.name() == "starttls" => self.start_tls().await,
                    SASL => self.authenticate(&element, failures, exchange).await,
                    _ => Err(StreamError::NotAuthorized.into()),
                }
            }
            Phase::Member { party, generation } => {
                let (party, generation) = (*party, *generation);
                let bind = element.child("bind", BIND);
                match bind {
                    Some(bind) if element.is("iq", CLIENT) => {
                        self.bind(&element, bind, party, generation).await
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
