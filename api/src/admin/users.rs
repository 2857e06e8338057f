//! `/admin/users`: what operators do with accounts.

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::reply::Reply;
use crate::session::Operator;
use axum::extract::{Path, State};
use domain::UserId;
use serde::Serialize;
use utoipa::ToSchema;

/// `{"password":"15c663b8ff620502"}`
#[derive(Serialize, ToSchema)]
pub(crate) struct NewPassword {
    /// The new XMPP password: 16 hex digits.
    password: String,
}

/// `POST /admin/users/{id}/reset_password`: gives a person a new XMPP password.
#[utoipa::path(post, path = "/admin/users/{id}/reset_password", tag = "admin",
    params(("id" = String, Path)), security(("operator" = [])),
    responses((status = 200, body = NewPassword), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn reset_password(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<Reply<NewPassword>, ApiError> {
    let (password, receipt) = app.commands.reset_password(user_id(&id)?).await?;
    app.settle(&receipt).await;
    Ok(Reply(NewPassword { password }))
}

/// `{"id":"502e6303421aa918ba000001","banned":true}`
#[derive(Serialize, ToSchema)]
pub(crate) struct Ban {
    #[schema(value_type = String)]
    id: UserId,
    banned: bool,
}

/// `POST /admin/users/{id}/ban`: shuts a person out: sessions end, logins are refused, presence
/// disappears.
#[utoipa::path(post, path = "/admin/users/{id}/ban", tag = "admin",
    params(("id" = String, Path)), security(("operator" = [])),
    responses((status = 200, body = Ban), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn ban(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<Reply<Ban>, ApiError> {
    let id = user_id(&id)?;
    let receipt = app.commands.ban(id).await?;
    app.settle(&receipt).await;
    Ok(Reply(Ban { id, banned: true }))
}

/// `DELETE /admin/users/{id}/ban`: lets a person in again.
#[utoipa::path(delete, path = "/admin/users/{id}/ban", tag = "admin",
    params(("id" = String, Path)), security(("operator" = [])),
    responses((status = 200, body = Ban), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn unban(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<Reply<Ban>, ApiError> {
    let id = user_id(&id)?;
    let receipt = app.commands.unban(id).await?;
    app.settle(&receipt).await;
    Ok(Reply(Ban { id, banned: false }))
}

/// The user id in a path.
pub(super) fn user_id(text: &str) -> Result<UserId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::not_found("unknown user"))
}
