//! The listeners of XMPP: accepts connections and leaves them to the service.

use super::accept::accept;
use super::caps::Caps;
use crate::config::Settings;
use anyhow::Result;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use xmpp::Service;

/// Leaves what comes to `listener` to `service`, until `stop` says so; returns when the last
/// connection has ended. `direct` connections are under TLS from the first byte on.
///
/// # Errors
/// When the trusted proxies cannot be understood.
pub(crate) fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    settings: &Settings,
    direct: bool,
    stop: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()> + Send + use<>> {
    let limits = &settings.limits;
    let caps = Caps::new(
        limits.connections,
        limits.connections_per_address,
        settings.trusted_proxies()?,
    );
    Ok(async move {
        // Each connection holds a sender, so the channel ends with the last of them.
        let (open, mut ended) = mpsc::channel::<()>(1);
        accept(listener, &caps, stop.clone(), |stream, from, slot| {
            let (service, stop, open) = (service.clone(), stop.clone(), open.clone());
            tokio::spawn(async move {
                service.serve(stream, from, direct, stop).await;
                drop((slot, open));
            });
        })
        .await;
        drop(open);
        let _ = ended.recv().await;
    })
}
