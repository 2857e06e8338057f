//! `/init/init`: where to connect, and the count of starts (seed §1).

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::input::{Input, short};
use crate::reply::Reply;
use crate::session::ClientAddress;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use domain::device::AppStarted;
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use utoipa::{IntoParams, ToSchema};

/// What a phone says at its start.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Start {
    /// Hardware model.
    model: String,
    /// Version of the operating system.
    os: String,
    /// MD5 of the wireless card's address.
    mac: String,
    /// First 32 hex digits of SHA1(model+os+mac+"init").
    hash: String,
    /// Version of the app.
    ver: Option<String>,
}

/// Where to connect.
#[derive(Serialize, ToSchema)]
pub(crate) struct Servers {
    /// Host for HTTP.
    ip: String,
    /// Host for XMPP.
    xmpp: String,
    /// Newest version of the app.
    ver: f64,
}

/// `/init/init` (GET, POST): where to connect from now on, and the newest version of the app.
///
/// Source: seed §1. Every start is recorded. Clients in the networks of a region are sent to its
/// hosts.
#[utoipa::path(get, path = "/init/init", tag = "start", params(Start),
    responses((status = 200, body = Servers), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn init(
    State(app): State<App>,
    headers: HeaderMap,
    ClientAddress(client): ClientAddress,
    Input(start): Input<Start>,
) -> Result<Reply<Servers>, ApiError> {
    let (model, os) = (short("model", start.model)?, short("os", start.os)?);
    let mac = short("mac", start.mac)?;
    check_hash(&start.hash, &[&model, &os, &mac, "init"])?;
    let ver = start.ver.filter(|ver| !ver.is_empty());
    let ver = ver.map(|ver| short("ver", ver)).transpose()?;
    let receipt = app
        .commands
        .start_app(&mac, AppStarted { model, os, ver })
        .await?;
    app.settle(&receipt).await;

    let ver = app.settings.app_version;
    if let Some(region) = app.settings.regions.of(client) {
        let (ip, xmpp) = (region.host.clone(), region.xmpp.clone());
        return Ok(Reply(Servers { ip, xmpp, ver }));
    }
    let host = match &app.settings.public_host {
        Some(host) => host.clone(),
        None => called_host(&headers).unwrap_or_else(|| "127.0.0.1".into()),
    };
    Ok(Reply(Servers {
        ip: host.clone(),
        xmpp: host,
        ver,
    }))
}

/// Refuses a `hash` that is not the first 32, or all 40, hex digits of the SHA1 of the `parts`.
///
/// Source: seed §1, §2.2. The answer does not tell the right one.
pub(crate) fn check_hash(shown: &str, parts: &[&str]) -> Result<(), ApiError> {
    let mut sha1 = Sha1::new();
    for part in parts {
        sha1.update(part.as_bytes());
    }
    let expected = hex::encode(sha1.finalize());
    let shown = shown.to_ascii_lowercase();
    let right = matches!(shown.len(), 32 | 40)
        && bool::from(expected.as_bytes()[..shown.len()].ct_eq(shown.as_bytes()));
    if right {
        Ok(())
    } else {
        Err(ApiError::bad_request("wrong hash"))
    }
}

/// The host by which the client called us, without the port.
fn called_host(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let authority: axum::http::uri::Authority = host.parse().ok()?;
    Some(authority.host().to_owned()).filter(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_the_seed_is_right() {
        // Source: seed §2.2.
        let parts = ["name", "pa", "ss", "dface"];
        assert!(check_hash("11f4004a73a65117071bc4a7d3dfdf07", &parts).is_ok());
        assert!(check_hash("11F4004A73A65117071BC4A7D3DFDF07", &parts).is_ok());
    }

    #[test]
    fn a_wrong_short_or_missing_hash_is_refused() {
        let parts = ["name", "pa", "ss", "dface"];
        for hash in [
            "",
            "11f4004a73a65117071bc4a7d3dfdf0",
            "11f4004a73a65117071bc4a7d3dfdf08",
        ] {
            assert!(check_hash(hash, &parts).is_err(), "{hash}");
        }
    }
}
