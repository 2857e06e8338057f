//! The XMPP door of a house in this process, on a port of the loopback interface.

use super::poll::PATIENCE;
use commands::Commands;
use delivery::Dispatcher;
use eventlog::EventLog;
use media::blobs::Blobs;
use projections::Projections;
use rcgen::CertifiedKey;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use xmpp::{Service, Settings};

/// The domain of all JIDs in tests.
pub(crate) const DOMAIN: &str = "dface.cn";

/// A listener and what it leads to.
pub(crate) struct XmppDoor {
    pub(crate) address: SocketAddr,
    /// Where its web interface is.
    pub(crate) web_address: SocketAddr,
    service: Arc<Service>,
    dispatcher: Arc<Dispatcher>,
    stop: watch::Sender<bool>,
    listening: JoinHandle<()>,
    web: JoinHandle<()>,
}

/// The token of the web interface.
pub(crate) const WEB_TOKEN: &str = "a-web-token";

/// The settings of every XMPP door, unless a test changes them.
pub(crate) fn xmpp_settings() -> Settings {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec![DOMAIN.to_owned()]).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let tls = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .expect("a certificate and its key");
    Settings {
        domain: DOMAIN.into(),
        tls: TlsAcceptor::from(Arc::new(tls)),
        plain_without_tls: false,
        scram: false,
        inbox_limit: 1_000,
        room_presence: 100,
        login_limit: PATIENCE,
        quiet: PATIENCE,
        answer_limit: PATIENCE,
        confirm: Duration::ZERO,
        resume: PATIENCE,
    }
}

impl XmppDoor {
    pub(crate) async fn open(
        log: Arc<dyn EventLog>,
        commands: Arc<Commands>,
        projections: Arc<Projections>,
        blobs: Blobs,
        app: &api::App,
        settings: Settings,
    ) -> Self {
        let dispatcher = Dispatcher::start(log).await.expect("a log");
        let guard = app.login_guard();
        let service = Service::start(
            commands,
            projections,
            dispatcher.clone(),
            blobs,
            guard,
            settings,
        );
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(false);
        let listening = tokio::spawn(listen(listener, service.clone(), stopped.clone()));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let web_address = listener.local_addr().expect("an address");
        let web = tokio::spawn(serve_web(listener, service.clone(), stopped));
        Self {
            address,
            web_address,
            web,
            service,
            dispatcher,
            stop,
            listening,
        }
    }

    /// XMPP over WebSockets, for the listener of HTTP.
    pub(crate) fn websocket_router(&self) -> axum::Router {
        let settings = xmpp::WebSocketSettings::default();
        xmpp::websocket_router(self.service.clone(), settings)
    }

    pub(crate) async fn close(self) {
        self.stop.send_replace(true);
        self.listening.await.expect("a listener that stops");
        self.web.await.expect("a listener that stops");
        self.service.stop(Duration::from_secs(5)).await;
        self.dispatcher.stop();
    }
}

async fn serve_web(listener: TcpListener, service: Arc<Service>, mut stop: watch::Receiver<bool>) {
    let settings = xmpp::WebSettings {
        token: Some(WEB_TOKEN.into()),
        request_limit: PATIENCE,
    };
    let router = xmpp::web_router(service, settings);
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let serve = axum::serve(listener, router).with_graceful_shutdown(async move {
        let _ = stop.wait_for(|stop| *stop).await;
    });
    serve.await.expect("a listener");
}

async fn listen(listener: TcpListener, service: Arc<Service>, mut stop: watch::Receiver<bool>) {
    let (open, mut ended) = mpsc::channel::<()>(1);
    let stopped = stop.clone();
    loop {
        let (stream, from) = tokio::select! {
            accepted = listener.accept() => accepted.expect("a connection"),
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (service, stopped, open) = (service.clone(), stopped.clone(), open.clone());
        tokio::spawn(async move {
            service.serve(stream, from, false, stopped).await;
            drop(open);
        });
    }
    drop(open);
    let _ = ended.recv().await;
}
