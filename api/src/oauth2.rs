//! `/oauth2/*`: logging in and out, and sharing (seed §2, §3).

pub(crate) mod share;
pub(crate) mod sina;

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::init::check_hash;
use crate::input::Input;
use crate::pictures::LogoLinks;
use crate::reply::Reply;
use crate::session::{ClientAddress, ShownToken, Viewer, remove_cookie, set_cookie};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use commands::Verdict;
use commands::identity::{Login, LoginError};
use domain::UserId;
use domain::push::{TOKEN_LENGTH, Token};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use utoipa::ToSchema;

/// Name and password.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Credentials {
    /// User name.
    name: String,
    /// Password.
    pass: String,
    /// Address of the wireless card.
    mac: String,
    /// First 32 hex digits of SHA1(name+pass+mac+"dface").
    hash: String,
}

/// Who has logged in.
#[derive(Serialize, ToSchema)]
pub(crate) struct LoggedIn {
    /// User id, the local part of the JID.
    #[schema(value_type = String)]
    id: UserId,
    /// The XMPP password: 16 hex digits.
    password: String,
    /// Link of the picture, empty before the first.
    logo: String,
    name: Option<String>,
    gender: u8,
    /// Weibo user id, null for local accounts.
    wb_uid: Option<String>,
    /// Weibo token, null for local accounts.
    token: Option<String>,
    /// Seconds that the Weibo token lives.
    expires_in: Option<i64>,
    /// When the Weibo token ends, in seconds since 1970.
    expires_at: Option<i64>,
}

impl LoggedIn {
    async fn new(app: &App, login: Login) -> Result<Self, ApiError> {
        let Login { account, token, .. } = login;
        let logos = app.projections.albums.logos(&[account.user_id]).await?;
        Ok(Self {
            id: account.user_id,
            password: app
                .commands
                .xmpp_password(account.user_id, account.generation),
            logo: LogoLinks::new(app, logos.get(&account.user_id)).logo,
            name: account.profile.name,
            gender: account.profile.gender.unwrap_or_default().into(),
            wb_uid: account.wb_uid,
            expires_in: token.as_ref().map(|token| token.expires_in),
            expires_at: token
                .as_ref()
                .map(|token| token.expires_at.0.div_euclid(1_000)),
            token: token.map(|token| token.token),
        })
    }
}

/// Tries a login as `name`, unless too many have failed.
async fn guarded(
    app: &App,
    name: &str,
    address: IpAddr,
    login: impl Future<Output = Result<Login, LoginError>>,
) -> Result<Login, ApiError> {
    let slow_down = || ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too many failed logins");
    let attempt = app.login_guard.attempt(name, address).await;
    if attempt.verdict == Verdict::Locked {
        return Err(slow_down());
    }
    match login.await {
        Ok(login) => Ok(login),
        Err(error @ (LoginError::WrongPassword | LoginError::WrongCode)) => {
            let verdict = attempt.verdict;
            attempt.failed();
            Err(match verdict {
                Verdict::Wary => slow_down(),
                _ => error.into(),
            })
        }
        Err(error) => Err(error.into()),
    }
}

/// Opens a session for whoever has logged in: its cookie, and the answer.
async fn welcome(app: &App, login: Login) -> Result<(HeaderValue, Reply<LoggedIn>), ApiError> {
    app.settle(&login.receipt).await;
    let state = app.commands.state();
    let user_id = login.account.user_id;
    let session = state.open_session(user_id, app.commands.clock()).await?;
    let cookie = set_cookie(&session, app.settings.https);
    Ok((cookie, Reply(LoggedIn::new(app, login).await?)))
}

/// `POST /oauth2/login`: logs in by name and password; the first login makes the account.
///
/// Source: seed §2.2. Sets the cookie `_session_id`, a new one at each login.
#[utoipa::path(post, path = "/oauth2/login", tag = "start",
    request_body(content = Credentials, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = LoggedIn), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn login(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    Input(credentials): Input<Credentials>,
) -> Result<impl IntoResponse, ApiError> {
    let Credentials {
        name,
        pass,
        mac,
        hash,
    } = credentials;
    check_hash(&hash, &[&name, &pass, &mac, "dface"])?;
    let login = app.commands.log_in(&name, &pass);
    let login = guarded(&app, &name, address, login).await?;
    let (cookie, answer) = welcome(&app, login).await?;
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), answer))
}

/// The device that is not to be woken any more.
#[derive(Deserialize, ToSchema)]
pub(crate) struct LogOut {
    /// Its push token, with or without the digit that an XMPP login puts before it.
    pushtoken: Option<String>,
}

/// `{"logout":true}`
#[derive(Serialize, ToSchema)]
pub(crate) struct LoggedOut {
    logout: bool,
}

/// `/oauth2/logout` (GET, POST): ends this session, and only this one.
///
/// Source: seed §2.3, §33.2. A `pushtoken` that is not the caller's changes nothing.
#[utoipa::path(post, path = "/oauth2/logout", tag = "start",
    request_body(content = LogOut, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = LoggedOut), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn logout(
    State(app): State<App>,
    ShownToken(token): ShownToken,
    Viewer(user_id): Viewer,
    Input(log_out): Input<LogOut>,
) -> Result<impl IntoResponse, ApiError> {
    let device = log_out.pushtoken.and_then(|shown| {
        let digits = shown.len().saturating_sub(TOKEN_LENGTH);
        Token::new(shown.get(digits..)?).ok()
    });
    if let (Some(user_id), Some(device)) = (user_id, device) {
        let receipt = app.commands.unbind_device(user_id, device).await?;
        app.settle(&receipt).await;
    }
    if let Some(token) = token {
        app.commands.state().close_session(&token).await?;
    }
    let cookie = remove_cookie(app.settings.https);
    Ok((
        AppendHeaders([(header::SET_COOKIE, cookie)]),
        Reply(LoggedOut { logout: true }),
    ))
}
