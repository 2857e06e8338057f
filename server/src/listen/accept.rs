//! Accepting connections, as many as may be open, until the server stops.

use super::caps::{Caps, Slot};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How long to wait when no more files can be opened, before trying again.
const BREATHER: Duration = Duration::from_millis(200);

/// Gives each connection that comes to `listener` to `take`, with the slot that it occupies, until
/// `stop` says so.
pub(super) async fn accept(
    listener: TcpListener,
    caps: &Caps,
    mut stop: watch::Receiver<bool>,
    mut take: impl FnMut(TcpStream, SocketAddr, Option<Slot>),
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, from)) => {
                let from = SocketAddr::new(from.ip().to_canonical(), from.port());
                match caps.admit(from.ip()) {
                    Some(slot) => take(stream, from, slot),
                    None => tracing::debug!(%from, "too many connections"),
                }
            }
            Err(error) => {
                // Those that are waiting stay in the queue until files are free again.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(BREATHER).await;
            }
        }
    }
}
