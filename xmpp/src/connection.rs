//! One connection, from the first byte to the last (RFC 6120): what comes is led to where it is
//! dealt with, silence is measured, and the end is told.
//!
//! What stanzas mean is not known here.

mod ending;
mod login;
mod management;
mod opening;
mod silence;

use crate::Service;
use crate::inbox::LOW;
use crate::pipe::{End, Pipe, Web, Wire};
use crate::reader::{Incoming, Reader, STRANGER_BYTES};
use crate::sasl::{Exchange, SASL};
use crate::session::Session;
use crate::stanza::{CLIENT, error_to};
use crate::stream_error::StreamError;
use crate::stream_management::{Bound, MANAGEMENT};
use crate::underway::{MOST, Underway};
use crate::xml::Element;
use axum::extract::ws::WebSocket;
use domain::Party;
use login::BIND;
use opening::TLS;
use silence::Silence;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// The namespace of client state (XEP-0352).
const CLIENT_STATE: &str = "urn:xmpp:csi:0";

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

/// See the module.
struct Connection {
    service: Arc<Service>,
    pipe: Pipe,
    address: IpAddr,
    phase: Phase,
    /// Nobody else can read what comes, even without our own TLS.
    safe: bool,
    /// Our header has been sent on this stream.
    opened: bool,
    silence: Silence,
    underway: Underway,
}

/// What is to be dealt with next.
enum Next {
    Incoming(Incoming),
    /// There is room for more of the inbox, or there is more of it.
    HandOut,
    /// Nothing has come for some time.
    Silence,
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
        let address = from.ip();
        let safe = address.to_canonical().is_loopback();
        let mut connection = Connection::new(self, Wire::Plain(stream), address, safe);
        let end = connection.run(direct, stop).await;
        connection.finish(end).await;
    }

    /// Speaks XMPP on a WebSocket (RFC 7395) with somebody at `address`, until the client ends it or
    /// the service stops; `safe` says that nobody else can read what comes.
    pub(crate) async fn serve_web(self: Arc<Self>, socket: WebSocket, address: IpAddr, safe: bool) {
        let guest = self.guest();
        let stop = self.closing.subscribe();
        let wire = Wire::Web(Box::new(Web::new(socket)));
        let mut connection = Connection::new(self, wire, address, safe);
        let end = connection.run(false, stop).await;
        connection.finish(end).await;
        drop(guest);
    }
}

impl Connection {
    fn new(service: Arc<Service>, wire: Wire, address: IpAddr, safe: bool) -> Self {
        Self {
            pipe: Pipe::new(wire, Reader::new(STRANGER_BYTES)),
            address,
            phase: Phase::new(),
            safe: safe || service.settings.plain_without_tls,
            opened: false,
            silence: Silence::new(service.settings.login_limit),
            underway: Underway::default(),
            service,
        }
    }

    async fn run(&mut self, direct: bool, mut stop: watch::Receiver<bool>) -> Result<(), End> {
        let mut was_bound = false;
        if direct {
            self.encrypt().await?;
        }
        loop {
            let next = tokio::select! {
                biased;
                next = poll_fn(|context| self.poll(context)) => next?,
                _ = stop.wait_for(|stop| *stop) => return Err(StreamError::SystemShutdown.into()),
            };
            let incoming = match next {
                Next::Incoming(incoming) => incoming,
                Next::HandOut => {
                    self.hand_out().await?;
                    continue;
                }
                Next::Silence => {
                    self.silent()?;
                    continue;
                }
            };
            self.silence.heard();
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
                was_bound = true;
                self.silence.is_bound(&self.service.settings);
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Next, End>> {
        // Wakes us when there is more to tell.
        let _ = deal(&mut self.underway, &mut self.phase, 0, context);
        let bound = match &self.phase {
            Phase::Bound(bound) => Some(bound),
            Phase::Stranger { .. } | Phase::Member { .. } => None,
        };
        if bound.is_some_and(|bound| bound.handing.is_some())
            && self.pipe.poll_room(context, LOW).is_ready()
        {
            return Poll::Ready(Ok(Next::HandOut));
        }
        if let Poll::Ready(incoming) = self.pipe.poll_next(context) {
            return Poll::Ready(incoming.map(Next::Incoming));
        }
        if let Some(bound) = bound {
            let status = self.pipe.status;
            if status.recheck {
                return Poll::Ready(Ok(Next::HandOut));
            }
            if status.awaits {
                let settings = &self.service.settings;
                let managed = bound.managed.is_some();
                self.silence.owes(if managed {
                    settings.answer_limit
                } else {
                    settings.confirm
                });
            }
        }
        self.silence.poll(context).map(|()| Ok(Next::Silence))
    }

    /// Hands out what waits for the person, in order, and then what comes (DESIGN §6).
    async fn hand_out(&mut self) -> Result<(), End> {
        let Phase::Bound(bound) = &mut self.phase else {
            return Ok(());
        };
        if self.pipe.outbox.take_recheck() && bound.session.wait() {
            bound.handing = Some(Box::default());
        }
        let Some(handing) = &mut bound.handing else {
            return Ok(());
        };
        let handed_out = self
            .service
            .hand_out(&mut self.pipe, &bound.session, handing);
        if Box::pin(handed_out).await? {
            bound.handing = None;
        }
        Ok(())
    }

    /// Waits until at most `left` messages are on their way to the disk.
    async fn settle(&mut self, left: usize) {
        if self.underway.len() > left {
            let (underway, phase) = (&mut self.underway, &mut self.phase);
            let dealt_with = poll_fn(|context| deal(underway, phase, left, context));
            self.pipe.while_writing(dealt_with).await;
        }
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
        if !self.opened {
            // Over a WebSocket, where nothing else forbids it.
            return Err(StreamError::BadFormat.into());
        }
        match &mut self.phase {
            Phase::Stranger { failures, exchange } => {
                let (failures, exchange) = (*failures, exchange.take());
                match element.ns() {
                    MANAGEMENT => self.fails("unexpected-request", None),
                    TLS if element.name() == "starttls" => self.start_tls().await,
                    SASL => self.authenticate(&element, failures, exchange).await,
                    _ => Err(StreamError::NotAuthorized.into()),
                }
            }
            Phase::Member { party, generation } => {
                let (party, generation) = (*party, *generation);
                let bind = element.child("bind", BIND);
                match bind {
                    _ if element.is("resume", MANAGEMENT) => self.resume(&element, party).await,
                    _ if element.ns() == MANAGEMENT => self.fails("unexpected-request", None),
                    Some(bind) if element.is("iq", CLIENT) => {
                        self.bind(&element, bind, party, generation).await
                    }
                    _ => Err(StreamError::NotAuthorized.into()),
                }
            }
            Phase::Bound(bound) => {
                let session = bound.session.clone();
                self.confirm();
                match element.ns() {
                    CLIENT => self.stanza(&session, element).await,
                    MANAGEMENT => {
                        self.settle(0).await;
                        self.manage(&element)
                    }
                    CLIENT_STATE => {
                        match element.name() {
                            "active" => self.pipe.outbox.set_active(true),
                            "inactive" => self.pipe.outbox.set_active(false),
                            _ => {}
                        }
                        Ok(ControlFlow::Continue(()))
                    }
                    // Of extensions that were not agreed on; they are no harm.
                    _ => Ok(ControlFlow::Continue(())),
                }
            }
        }
    }

    /// Something from somebody who is bound.
    async fn stanza(&mut self, session: &Arc<Session>, element: Element) -> Result<Flow, End> {
        let service = self.service.clone();
        let is_said = element.name() == "message" && element.child("body", CLIENT).is_some();
        // Whatever else it does comes after what it has said.
        self.settle(if is_said { MOST - 1 } else { 0 }).await;
        match element.name() {
            "message" => {
                let taken = service.message(session, &element);
                let taken = self.pipe.while_writing(taken).await;
                self.underway.add(element, taken);
                return Ok(ControlFlow::Continue(()));
            }
            "iq" => {
                let answered = service.iq(session, &element);
                self.pipe.while_writing(answered).await;
            }
            "presence" => {
                let noted = service.presence(session, &element);
                if self.pipe.while_writing(noted).await
                    && let Phase::Bound(bound) = &mut self.phase
                {
                    bound.handing = Some(Box::default());
                }
            }
            _ => return Err(StreamError::UnsupportedStanzaType.into()),
        }
        if let Phase::Bound(bound) = &mut self.phase {
            bound.handled();
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Tells what became of messages that were under way, in their order; ready when at most `left` are.
fn deal(
    underway: &mut Underway,
    phase: &mut Phase,
    left: usize,
    context: &mut Context<'_>,
) -> Poll<()> {
    while underway.len() > left {
        let (Some((stanza, outcome)), Phase::Bound(bound)) =
            (ready!(underway.poll_oldest(context)), &mut *phase)
        else {
            break;
        };
        if let Err(error) = outcome
            && let Some(answer) = error_to(&stanza, &bound.session.jid, error)
        {
            bound.session.outbox.push(&[&answer]);
        }
        bound.handled();
    }
    Poll::Ready(())
}
