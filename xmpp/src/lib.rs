//! The house's XMPP door: what clients say to each other and in the rooms of shops.
//!
//! One topic of the standard a file. Nothing is decided here: stanzas become commands, and what
//! others read comes from the log. Listening, and how many may connect, are the server's.

mod address;
mod blocking;
mod carbons;
mod confirm;
mod connection;
mod disco;
mod door;
mod forward;
#[doc(hidden)]
pub mod fuzzing;
mod inbox;
mod iq;
mod mam;
mod message;
mod muc;
mod outbox;
mod pipe;
mod presence;
mod reader;
mod rsm;
mod sasl;
mod session;
mod settings;
mod stanza;
mod stanza_id;
mod stream_error;
mod stream_management;
mod underway;
mod vcard;
mod web_api;
mod websocket;
mod xml;

pub use settings::Settings;
pub use web_api::{WebSettings, web_router};
pub use websocket::{Admission, Kept, Place, WebSocketSettings, websocket_router};

use commands::{Commands, LoginGuard};
use confirm::Confirmations;
use delivery::Dispatcher;
use media::blobs::Blobs;
use muc::Rooms;
use projections::Projections;
use session::Sessions;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stream_management::Ended;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Everything that connections share.
pub struct Service {
    commands: Arc<Commands>,
    projections: Arc<Projections>,
    dispatcher: Arc<Dispatcher>,
    login_guard: Arc<LoginGuard>,
    settings: Settings,
    sessions: Sessions,
    rooms: Rooms,
    confirmations: Confirmations,
    /// Sessions that are over.
    ended: Ended,
    /// How many there are who come over WebSockets, and sessions without a connection.
    guests: watch::Sender<usize>,
    /// Those end.
    closing: watch::Sender<bool>,
    pictures: vcard::Pictures,
    stop: watch::Sender<bool>,
    noting: Mutex<Option<JoinHandle<()>>>,
}

impl Service {
    /// A service that writes through `commands`, reads `projections` and hands on what
    /// `dispatcher` shows it; pictures are in `blobs`, and failed logins are counted by
    /// `login_guard`.
    #[must_use]
    pub fn start(
        commands: Arc<Commands>,
        projections: Arc<Projections>,
        dispatcher: Arc<Dispatcher>,
        blobs: Blobs,
        login_guard: Arc<LoginGuard>,
        settings: Settings,
    ) -> Arc<Self> {
        let service = Arc::new(Self {
            commands,
            projections,
            dispatcher: dispatcher.clone(),
            login_guard,
            settings,
            sessions: Sessions::default(),
            rooms: Rooms::default(),
            confirmations: Confirmations::new(),
            ended: Ended::default(),
            guests: watch::Sender::new(0),
            closing: watch::Sender::new(false),
            pictures: vcard::Pictures::new(blobs),
            stop: watch::Sender::new(false),
            noting: Mutex::default(),
        });
        dispatcher.open(service.clone());
        let noting = confirm::spawn(service.clone(), service.stop.subscribe());
        *service
            .noting
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(noting);
        service
    }

    /// Ends what nobody else waits for, and notes what has arrived, once no connection is left; for
    /// `limit` at most.
    pub async fn stop(&self, limit: Duration) {
        self.closing.send_replace(true);
        let mut guests = self.guests.subscribe();
        let gone = guests.wait_for(|guests| *guests == 0);
        if tokio::time::timeout(limit / 2, gone).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
        self.stop.send_replace(true);
        let noting = self
            .noting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(noting) = noting
            && tokio::time::timeout(limit / 2, noting).await.is_err()
        {
            tracing::warn!("some arrivals were not noted; those messages will be sent again");
        }
    }

    /// Counts somebody whom [`Self::stop`] waits for.
    fn guest(self: &Arc<Self>) -> Guest {
        self.guests.send_modify(|guests| *guests += 1);
        Guest(self.clone())
    }
}

/// Somebody whom the service waits for when it stops.
struct Guest(Arc<Service>);

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.guests.send_modify(|guests| *guests -= 1);
    }
}
