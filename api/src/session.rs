//! Who is calling: the cookie `_session_id`, the client's address, the operator's token.

use crate::App;
use crate::error::ApiError;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use commands::SessionToken;
use domain::UserId;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use subtle::ConstantTimeEq;

const COOKIE: &str = "_session_id";

/// The user who is logged in; without one the call is refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller(pub(crate) UserId);

/// The user who is logged in, if anybody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Viewer(pub(crate) Option<UserId>);

/// The session's token as the client showed it, live or not.
#[derive(Clone, Debug)]
pub(crate) struct ShownToken(pub(crate) Option<String>);

/// The address that a request comes from, behind trusted proxies too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// Proof that the caller is an operator.
pub(crate) struct Operator;

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Viewer(user) = Viewer::from_request_parts(parts, app).await?;
        user.map(Self).ok_or_else(ApiError::not_logged_in)
    }
}

impl FromRequestParts<App> for Viewer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Some(token) = shown_token(&parts.headers) else {
            return Ok(Self(None));
        };
        let session = app.commands.state().session(token, app.now()).await?;
        let user = session.map(|session| session.user_id);
        // The sessions of somebody who is banned end, but one may just have begun.
        let banned = |user: &UserId| {
            app.projections
                .occupancy
                .read(|people| people.banned(*user))
        };
        Ok(Self(user.filter(|user| !banned(user))))
    }
}

impl FromRequestParts<App> for ShownToken {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        Ok(Self(shown_token(&parts.headers).map(str::to_owned)))
    }
}

impl FromRequestParts<App> for ClientAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        let trusted = |address: IpAddr| {
            app.settings
                .trusted_proxies
                .iter()
                .any(|network| network.contains(&address))
        };
        Ok(Self(client_address(
            peer.to_canonical(),
            &parts.headers,
            trusted,
        )))
    }
}

impl FromRequestParts<App> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let shown = parts.headers.get(header::AUTHORIZATION);
        let shown = shown.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let matches = match (&app.settings.admin_token, shown) {
            (Some(token), Some(shown)) => bool::from(token.as_bytes().ct_eq(shown.as_bytes())),
            _ => false,
        };
        if matches {
            Ok(Self)
        } else {
            Err(ApiError::new(
                axum::http::StatusCode::UNAUTHORIZED,
                "not an operator",
            ))
        }
    }
}

/// Refuses an id in a parameter that is not the caller's own.
pub(crate) fn caller_only(caller: UserId, user_id: UserId) -> Result<(), ApiError> {
    if caller == user_id {
        Ok(())
    } else {
        Err(ApiError::forbidden("not your own account"))
    }
}

/// The header that hands a new session to the client.
pub(crate) fn set_cookie(token: &SessionToken, secure: bool) -> HeaderValue {
    cookie(token.as_str(), "", secure)
}

/// The header that takes the session from the client.
pub(crate) fn remove_cookie(secure: bool) -> HeaderValue {
    cookie("", "; Max-Age=0", secure)
}

fn cookie(value: &str, lifetime: &str, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax{lifetime}{secure}");
    HeaderValue::try_from(text).expect("hex digits and attributes are ASCII")
}

/// The session's token as it is shown.
fn shown_token(headers: &HeaderMap) -> Option<&str> {
    shown_cookie(headers, COOKIE)
}

/// The value of a cookie where it is shaped like one of ours: 32 hex digits.
pub(crate) fn shown_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
        .find(|token| token.len() == 32 && token.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Walks `X-Forwarded-For` from the right, where the nearest proxy wrote, past trusted proxies.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut client = peer;
    let values = headers.get_all("x-forwarded-for").iter().rev();
    let hops = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|v| v.rsplit(','));
    for hop in hops {
        if !trusted(client) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(address) => client = address.to_canonical(),
            Err(_) => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(
                "x-forwarded-for",
                HeaderValue::from_str(value).expect("a header"),
            );
        }
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        client_address(loopback, &headers, |ip| ip.is_loopback()).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(from(&[]), "127.0.0.1");
        assert_eq!(from(&["10.1.1.1"]), "10.1.1.1");
        assert_eq!(from(&["6.6.6.6, 10.1.1.1"]), "10.1.1.1");
        assert_eq!(from(&["6.6.6.6", "10.1.1.1, 127.0.0.1"]), "10.1.1.1");
        assert_eq!(from(&["nonsense"]), "127.0.0.1");
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let token = "ead9ac4f6291c55bb467ad4138eca2ed";
        let mut headers = HeaderMap::new();
        let value = format!("a=b; {COOKIE}={token}; c=d");
        headers.insert(
            header::COOKIE,
            HeaderValue::try_from(value).expect("a header"),
        );
        assert_eq!(shown_token(&headers), Some(token));
        headers.insert(
            header::COOKIE,
            HeaderValue::from_static("_session_id=short"),
        );
        assert_eq!(shown_token(&headers), None);
    }
}
