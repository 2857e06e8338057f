//! What strangers can have of WebSockets: so many, for so long, as of other connections.

use super::PROTOCOL;
use crate::harness::{Chatter, Door, HEADER, Server, WebChatter, eventually};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};

async fn start(folder: &tempfile::TempDir, variables: &[(&str, &str)]) -> Server {
    let door = Door::new(Door::client(), String::new());
    Server::start_with(folder.path(), door, variables).await
}

/// Comes through a proxy on this machine that says who it speaks for.
async fn behind(server: &Server, address: &str) -> Result<WebChatter, Error> {
    let forwarded = ("x-forwarded-for", address);
    WebChatter::connect_with(&server.base(), &[PROTOCOL, forwarded]).await
}

#[track_caller]
fn is_refused(outcome: Result<WebChatter, Error>) {
    let Err(Error::Http(answer)) = outcome else {
        panic!("no answer of HTTP");
    };
    assert_eq!(answer.status().as_u16(), 429);
}

#[tokio::test]
async fn those_behind_a_proxy_are_counted_by_their_own_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let variables = [
        ("LIANLIAN_TRUSTED_PROXIES", "127.0.0.0/8"),
        ("LIANLIAN_LIMITS__CONNECTIONS_PER_ADDRESS", "2"),
    ];
    let server = start(&folder, &variables).await;
    let mut first = behind(&server, "192.0.2.1").await.expect("a WebSocket");
    let mut second = behind(&server, "192.0.2.1").await.expect("a WebSocket");
    first.opens().await;
    second.opens().await;
    is_refused(behind(&server, "192.0.2.1").await);
    // What they say of somebody before them is not believed, and others have their own places.
    is_refused(behind(&server, "192.0.2.9, 192.0.2.1").await);
    let mut other = behind(&server, "192.0.2.2").await.expect("a WebSocket");
    other.opens().await;
    // The proxy itself speaks for many, and is not counted.
    server.get("/healthz", &[]).await.ok();
    drop(first);
    eventually("the place is free again", async || {
        behind(&server, "192.0.2.1").await.ok()
    })
    .await;
    second
        .sends_message(Message::Ping("still there".into()))
        .await;
    let pong = second.hears_message().await;
    assert_eq!(pong, Some(Message::Pong("still there".into())));
}

#[tokio::test]
async fn those_behind_a_proxy_are_counted_all_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let variables = [
        ("LIANLIAN_TRUSTED_PROXIES", "127.0.0.0/8"),
        ("LIANLIAN_LIMITS__CONNECTIONS", "2"),
    ];
    let server = start(&folder, &variables).await;
    let _first = behind(&server, "192.0.2.1").await.expect("a WebSocket");
    let second = behind(&server, "2001:db8::1").await.expect("a WebSocket");
    is_refused(behind(&server, "192.0.2.3").await);
    drop(second);
    eventually("the place is free again", async || {
        behind(&server, "192.0.2.3").await.ok()
    })
    .await;
}

#[tokio::test]
async fn whoever_does_not_log_in_is_shown_out_and_leaves_the_place_to_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let variables = [
        ("LIANLIAN_TRUSTED_PROXIES", "127.0.0.0/8"),
        ("LIANLIAN_LIMITS__CONNECTIONS_PER_ADDRESS", "1"),
        ("LIANLIAN_XMPP__LOGIN_MS", "300"),
    ];
    let server = start(&folder, &variables).await;
    // Who says nothing at all.
    let mut silent = behind(&server, "192.0.2.1").await.expect("a WebSocket");
    assert!(silent.hears().await.starts_with("<open "));
    let end = silent.hears().await;
    assert!(end.contains("<connection-timeout "), "{end}");
    // Who never closes the WebSocket, nor answers that it was closed, has no place for it either.
    let after = || async { behind(&server, "192.0.2.1").await.ok() };
    let mut chatty = eventually("the place is free again", after).await;
    // Nor is whoever says something, but not who they are, given more time for it.
    chatty.opens().await;
    let ended = eventually("it is shown out", async || {
        chatty.sends_message(Message::Ping("hello".into())).await;
        match chatty.hears_message().await {
            Some(Message::Pong(_)) => None,
            Some(Message::Text(text)) => Some(text.to_string()),
            other => panic!("an element, not {other:?}"),
        }
    })
    .await;
    assert!(ended.contains("<connection-timeout "), "{ended}");
    eventually("the place is free again", after).await;
}

/// An address of this machine that is not loopback; a machine without a network has none.
fn own_address() -> Option<IpAddr> {
    // Nothing is sent: this only asks which address would be the sender.
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("198.51.100.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

/// How many of three connections of each kind stay open when so many may.
async fn check_direct(setting: &str) {
    // Loopback is spared, so this can only be tried from elsewhere. Where there is no elsewhere,
    // the tests above remain.
    let Some(own) = own_address() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let any = SocketAddr::new(own, 0).to_string();
    let variables = [
        ("LIANLIAN_HTTP_ADDR", any.as_str()),
        ("LIANLIAN_XMPP_ADDR", &any),
        (setting, "2"),
    ];
    let server = start(&folder, &variables).await;
    let mut first = WebChatter::connect(&server.base()).await;
    let mut second = WebChatter::connect(&server.base()).await;
    first.opens().await;
    second.opens().await;
    let authority = server.authority();
    let stream = TcpStream::connect(&authority).await.expect("a connection");
    let third = WebChatter::over(stream, &authority, &[PROTOCOL]).await;
    assert!(third.is_err(), "a third is let in");
    // The other listener counts its own, as strictly.
    let mut chatters = Vec::new();
    for _ in 0..2 {
        let mut chatter = Chatter::connect(server.xmpp_address).await;
        chatter.sends(HEADER).await;
        chatter.receives("</stream:features>").await;
        chatters.push(chatter);
    }
    let third = Chatter::connect(server.xmpp_address).await;
    assert_eq!(third.rest().await, "");
    drop(first);
    eventually("the place is free again", async || {
        let stream = TcpStream::connect(&authority).await.ok()?;
        WebChatter::over(stream, &authority, &[PROTOCOL]).await.ok()
    })
    .await;
}

#[tokio::test]
async fn one_address_has_as_many_websockets_as_other_connections() {
    check_direct("LIANLIAN_LIMITS__CONNECTIONS_PER_ADDRESS").await;
}

#[tokio::test]
async fn all_addresses_together_have_as_many_websockets_as_other_connections() {
    check_direct("LIANLIAN_LIMITS__CONNECTIONS").await;
}
