//! Who may call: programs on this machine, and whoever shows the token.
//!
//! A proxy on this machine speaks for strangers, and so does a browser on it whose user is led to a
//! page that calls us; neither is let in without the token.

use super::Web;
use super::answer::Failure;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, SocketAddr};
use subtle::ConstantTimeEq;

/// What proxies add.
const FORWARDING: [&str; 4] = ["forwarded", "via", "x-real-ip", "x-client-ip"];

/// What proxies add begins so, too.
const FORWARDED: &str = "x-forwarded-";

/// Lets a request through or not, and limits how long it takes.
pub(super) async fn around(State(web): State<Web>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|peer| peer.0.ip());
    let host = request.uri().host().map(str::to_owned);
    let token = web.settings.token.as_deref();
    let mut response = if may_call(peer, host.as_deref(), request.headers(), token) {
        let limit = web.settings.request_limit;
        match tokio::time::timeout(limit, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Failure::new(StatusCode::REQUEST_TIMEOUT, "took too long").into_response(),
        }
    } else {
        let message = "callable from this machine, or with the token";
        Failure::new(StatusCode::UNAUTHORIZED, message).into_response()
    };
    let nosniff = HeaderValue::from_static("nosniff");
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

/// Whether a caller at `peer`, who asks for `host` in the target of the request or in its headers,
/// is let in. A token that is shown must be the right one.
fn may_call(
    peer: Option<IpAddr>,
    host: Option<&str>,
    headers: &HeaderMap,
    token: Option<&str>,
) -> bool {
    if let Some(shown) = headers.get(header::AUTHORIZATION) {
        let shown = shown
            .to_str()
            .ok()
            .and_then(|it| it.strip_prefix("Bearer "));
        return match (token, shown) {
            (Some(token), Some(shown)) => bool::from(token.as_bytes().ct_eq(shown.as_bytes())),
            _ => false,
        };
    }
    let forwarded = is_forwarded(headers);
    let by_browser = headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site");
    let asked = headers.get_all(header::HOST).iter();
    let mut asked = asked
        .map(|host| host.to_str().unwrap_or_default())
        .chain(host);
    peer.is_some_and(|peer| peer.to_canonical().is_loopback())
        && !forwarded
        && !by_browser
        && asked.all(is_no_name)
}

/// Whether a proxy has handed a request on, and says so.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .any(|name| FORWARDING.contains(&name.as_str()) || name.as_str().starts_with(FORWARDED))
}

/// Whether a host is an address: a name may be that of a page which was made to lead here.
fn is_no_name(host: &str) -> bool {
    let is_address = |host: &str| {
        let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        host.eq_ignore_ascii_case("localhost") || bare.unwrap_or(host).parse::<IpAddr>().is_ok()
    };
    let without_port = host.rsplit_once(':').map_or(host, |(host, _)| host);
    is_address(host) || is_address(without_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, headers: &[(&str, &str)], token: Option<&str>, expected: bool) {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            let name = header::HeaderName::try_from(*name).expect("a name");
            all.append(name, HeaderValue::try_from(*value).expect("a value"));
        }
        let peer = peer.parse().ok();
        assert_eq!(may_call(peer, None, &all, token), expected, "{headers:?}");
    }

    #[test]
    fn programs_on_this_machine_are_let_in() {
        for host in ["127.0.0.1:5280", "localhost:5280", "[::1]:5280", "10.0.0.7"] {
            check("127.0.0.1", &[("host", host)], None, true);
        }
        check("::1", &[], None, true);
        check("::ffff:127.0.0.1", &[], Some("secret"), true);
        check("192.0.2.1", &[("host", "127.0.0.1")], None, false);
        check("", &[], None, false);
    }

    #[test]
    fn proxies_and_browsers_on_this_machine_are_not() {
        for header in [
            ("x-forwarded-for", "192.0.2.1"),
            ("X-Forwarded-Proto", "https"),
            ("forwarded", "for=192.0.2.1"),
            ("via", "1.1 proxy"),
            ("x-real-ip", "192.0.2.1"),
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
            ("host", "evil.example:5280"),
        ] {
            check("127.0.0.1", &[header], None, false);
            let token = ("authorization", "Bearer secret");
            check("127.0.0.1", &[header, token], Some("secret"), true);
        }
    }

    #[test]
    fn the_token_lets_in_from_anywhere_and_a_wrong_one_from_nowhere() {
        for (shown, token, expected) in [
            ("Bearer secret", Some("secret"), true),
            ("Bearer secre", Some("secret"), false),
            ("Bearer secret ", Some("secret"), false),
            ("Basic secret", Some("secret"), false),
            ("Bearer secret", None, false),
            ("Bearer ", None, false),
        ] {
            for peer in ["192.0.2.1", "127.0.0.1"] {
                check(peer, &[("authorization", shown)], token, expected);
            }
        }
    }
}
