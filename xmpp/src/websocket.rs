//! The door for clients in browsers: XMPP over a WebSocket at `/xmpp-websocket` (RFC 7395), and
//! where it is (XEP-0156).
//!
//! Any page may open it: passwords are in what is said, and nothing that a browser adds of itself,
//! no cookie, lets anybody in.

use crate::Service;
use crate::reader::MEMBER_BYTES;
use crate::web_api::is_forwarded;
use crate::xml::escaped;
use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use ipnet::IpNet;
use serde_json::json;
use std::any::Any;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What a client names to be understood.
const PROTOCOL: &str = "xmpp";

/// How the link to it is told from others.
const RELATION: &str = "urn:xmpp:alt-connections:websocket";

/// How many bytes of a connection are read at once.
const READ: usize = 4 * 1024;

/// What whoever runs the server may choose about this door.
#[derive(Clone, Debug, Default)]
pub struct WebSocketSettings {
    /// The listener that it is behind speaks HTTPS.
    pub https: bool,
    /// Whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// What a listener keeps for a connection; it is let go when the connection ends.
pub type Kept = Arc<dyn Any + Send + Sync>;

/// How a listener counts its connections.
pub trait Admission: Send + Sync {
    /// A place for one from `address`; `None` when it is one too many.
    fn admit(&self, address: IpAddr) -> Option<Kept>;
}

/// What the connection of a request occupies at its listener, in the request's extensions: a
/// WebSocket holds it to its own end.
#[derive(Clone)]
pub struct Place {
    /// The connection's own.
    pub kept: Kept,
    /// Who has places for those for whom a trusted proxy speaks.
    pub admission: Arc<dyn Admission>,
}

#[derive(Clone)]
struct Door {
    service: Arc<Service>,
    settings: Arc<WebSocketSettings>,
}

/// Who is on the other side, as far as that can be known.
#[derive(Debug, PartialEq, Eq)]
struct Caller {
    address: IpAddr,
    /// It has reached us, or the proxy in front, over HTTPS.
    https: bool,
    /// Nobody else can read what it says.
    safe: bool,
}

/// The routes. Whoever serves them must say who calls, with
/// [`ConnectInfo`], and allow upgrades.
pub fn websocket_router(service: Arc<Service>, settings: WebSocketSettings) -> Router {
    let door = Door {
        service,
        settings: Arc::new(settings),
    };
    Router::new()
        .route("/xmpp-websocket", any(enter))
        .route("/.well-known/host-meta", get(host_meta))
        .route("/.well-known/host-meta.json", get(host_meta_json))
        .with_state(door)
}

async fn enter(
    State(door): State<Door>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    place: Option<Extension<Place>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade.protocols([PROTOCOL]),
        Err(rejection) => return refused(rejection.status(), "this is for WebSockets"),
    };
    if upgrade.selected_protocol().is_none() {
        return refused(StatusCode::BAD_REQUEST, "the subprotocol must be xmpp");
    }
    let caller = caller(peer.ip(), &headers, &door.settings);
    let service = door.service;
    let mut own = None;
    if let Some(Extension(place)) = &place
        && caller.address != peer.ip().to_canonical()
    {
        // The proxy's connection was not counted; whoever is behind it is.
        own = place.admission.admit(caller.address);
        if own.is_none() {
            tracing::debug!(address = %caller.address, "too many connections");
            return refused(StatusCode::TOO_MANY_REQUESTS, "too many connections");
        }
    }
    upgrade
        .read_buffer_size(READ)
        .write_buffer_size(0)
        // A little more, so that what is too long can be told so.
        .max_message_size(2 * MEMBER_BYTES)
        .max_frame_size(2 * MEMBER_BYTES)
        .on_upgrade(async move |socket| {
            service.serve_web(socket, caller.address, caller.safe).await;
            drop((place, own));
        })
}

fn refused(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({"error": message}))).into_response()
}

fn caller(peer: IpAddr, headers: &HeaderMap, settings: &WebSocketSettings) -> Caller {
    let is_trusted = |address: IpAddr| {
        let networks = &settings.trusted_proxies;
        networks.iter().any(|network| network.contains(&address))
    };
    let peer = peer.to_canonical();
    let believed = is_trusted(peer);
    let proto = headers.get("x-forwarded-proto");
    let by_proxy = believed && proto.is_some_and(|proto| proto.as_bytes() == b"https");
    let https = settings.https || by_proxy;
    let mut address = peer;
    let hops = headers.get_all("x-forwarded-for").iter().rev();
    let hops = hops.filter_map(|hops| hops.to_str().ok());
    for hop in hops.flat_map(|hops| hops.rsplit(',')) {
        // The nearest proxy has written the last.
        match hop.trim().parse::<IpAddr>() {
            Ok(hop) if is_trusted(address) => address = hop.to_canonical(),
            _ => break,
        }
    }
    Caller {
        address,
        https,
        // A proxy on this machine speaks for strangers.
        safe: https || (peer.is_loopback() && !is_forwarded(headers)),
    }
}

/// Where the WebSocket is, as whoever asks has reached us.
fn link(peer: IpAddr, headers: &HeaderMap, settings: &WebSocketSettings) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let is_host = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b));
    let scheme = if caller(peer, headers, settings).https {
        "wss"
    } else {
        "ws"
    };
    is_host.then(|| format!("{scheme}://{host}/xmpp-websocket"))
}

/// `<XRD …><Link rel='urn:xmpp:alt-connections:websocket' href='wss://…/xmpp-websocket'/></XRD>`
async fn host_meta(
    State(door): State<Door>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    let Some(link) = link(peer.ip(), &headers, &door.settings) else {
        return refused(StatusCode::BAD_REQUEST, "the host is missing or malformed");
    };
    let link = escaped(&link);
    let body = format!(
        "<?xml version='1.0' encoding='utf-8'?>\n\
         <XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\
         <Link rel='{RELATION}' href='{link}'/></XRD>\n"
    );
    for_all(([(header::CONTENT_TYPE, "application/xrd+xml")], body).into_response())
}

/// `{"links":[{"rel":"urn:xmpp:alt-connections:websocket","href":"wss://…/xmpp-websocket"}]}`
async fn host_meta_json(
    State(door): State<Door>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    let Some(link) = link(peer.ip(), &headers, &door.settings) else {
        return refused(StatusCode::BAD_REQUEST, "the host is missing or malformed");
    };
    let body = json!({"links": [{"rel": RELATION, "href": link}]});
    for_all(axum::Json(body).into_response())
}

/// Pages of other hosts may read it (XEP-0156 §4).
fn for_all(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let anybody = HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anybody);
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, headers: &[(&'static str, &str)], trusted: &str, expected: (&str, bool)) {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        let settings = WebSocketSettings {
            https: false,
            trusted_proxies: trusted.parse().into_iter().collect(),
        };
        let caller = caller(peer.parse().expect("an address"), &all, &settings);
        assert_eq!(
            (caller.address.to_string().as_str(), caller.safe),
            expected,
            "{peer} {headers:?}"
        );
    }

    #[test]
    fn passwords_are_safe_on_this_machine_and_behind_a_trusted_proxy_that_speaks_https() {
        let none = "";
        let here = "127.0.0.0/8";
        let from = ("x-forwarded-for", "192.0.2.9");
        let https = ("x-forwarded-proto", "https");
        check("127.0.0.1", &[], none, ("127.0.0.1", true));
        check("::ffff:127.0.0.1", &[], none, ("127.0.0.1", true));
        check("192.0.2.1", &[], none, ("192.0.2.1", false));
        check("127.0.0.1", &[from], none, ("127.0.0.1", false));
        check("127.0.0.1", &[from, https], none, ("127.0.0.1", false));
        check("192.0.2.1", &[https], here, ("192.0.2.1", false));
        check("127.0.0.1", &[from], here, ("192.0.2.9", false));
        check("127.0.0.1", &[from, https], here, ("192.0.2.9", true));
        let two = ("x-forwarded-for", "10.0.0.1, 192.0.2.9");
        check("127.0.0.1", &[two, https], here, ("192.0.2.9", true));
    }
}
