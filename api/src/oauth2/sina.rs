//! `/oauth2/sina` and `/oauth2/sina_callback`: logging in with a browser's detour over Weibo
//! (seed §2.1).

use super::{LoggedIn, guarded, welcome};
use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::input::Input;
use crate::session::{ClientAddress, shown_cookie};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use commands::identity::LoginError;
use serde::Deserialize;
use subtle::ConstantTimeEq;
use utoipa::IntoParams;

/// The cookie that remembers which browser went to Weibo.
const COOKIE: &str = "_oauth_state";

/// How long it may stay there, in seconds.
const AWAY_S: u32 = 600;

/// `GET /oauth2/sina`: sends the browser to Weibo, which sends it back to `/oauth2/sina_callback`.
///
/// Source: seed §2.1. The cookie `_oauth_state` says later that it is the same browser.
#[utoipa::path(get, path = "/oauth2/sina", tag = "start",
    responses((status = 302), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn sina(State(app): State<App>) -> Result<impl IntoResponse, ApiError> {
    let weibo = app.commands.weibo().ok_or(LoginError::NoWeibo)?;
    let state = hex::encode(rand::random::<[u8; 16]>());
    let location = HeaderValue::try_from(weibo.authorize_url(&state))
        .map_err(|_| ApiError::unavailable("the address of weibo is no header"))?;
    let cookie = state_cookie(&state, AWAY_S, app.settings.https);
    let fresh = HeaderValue::from_static("no-store");
    let headers = [
        (header::LOCATION, location),
        (header::SET_COOKIE, cookie),
        (header::CACHE_CONTROL, fresh),
    ];
    Ok((StatusCode::FOUND, AppendHeaders(headers)))
}

/// What Weibo sends the browser back with.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Callback {
    /// What Weibo gives us a token for.
    code: Option<String>,
    /// What `/oauth2/sina` sent along.
    state: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

/// `GET /oauth2/sina_callback`: logs in by the code that Weibo gave to the browser.
///
/// Source: seed §2.1. Answers as `/oauth2/login` does. A `state` must be the one that this browser
/// was sent away with; without one, the setting `weibo.require_state` decides.
#[utoipa::path(get, path = "/oauth2/sina_callback", tag = "start", params(Callback),
    responses((status = 200, body = LoggedIn), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn sina_callback(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Input(callback): Input<Callback>,
) -> Result<impl IntoResponse, ApiError> {
    if app.commands.weibo().is_none() {
        return Err(LoginError::NoWeibo.into());
    }
    check_state(&app, &headers, callback.state.as_deref())?;
    if callback.error.is_some() {
        let message = "weibo did not let you in";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, message));
    }
    let code = callback.code.filter(|code| !code.is_empty());
    let code = code.ok_or_else(|| ApiError::bad_request("missing field `code`"))?;
    // Nobody guesses codes, but a client may show one that is used up again and again.
    let name: String = code.chars().take(64).collect();
    let login = guarded(&app, &name, address, app.commands.log_in_by_code(&code)).await?;
    let (session, answer) = welcome(&app, login).await?;
    let used = state_cookie("", 0, app.settings.https);
    let cookies = [(header::SET_COOKIE, session), (header::SET_COOKIE, used)];
    Ok((AppendHeaders(cookies), answer))
}

/// Refuses a `state` that this browser was not sent away with.
fn check_state(app: &App, headers: &HeaderMap, state: Option<&str>) -> Result<(), ApiError> {
    let right = match state {
        None => !app.settings.weibo_require_state,
        Some(state) => shown_cookie(headers, COOKIE)
            .is_some_and(|cookie| bool::from(cookie.as_bytes().ct_eq(state.as_bytes()))),
    };
    if right {
        Ok(())
    } else {
        Err(ApiError::forbidden("this login was not begun here"))
    }
}

fn state_cookie(state: &str, seconds: u32, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    // Lax, for Weibo's redirect comes from another site.
    let text = format!(
        "{COOKIE}={state}; Path=/oauth2; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"
    );
    HeaderValue::try_from(text).expect("hex digits and attributes are ASCII")
}
