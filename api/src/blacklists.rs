//! `/blacklists`: whom the caller wants nothing of (seed §25, §26, §27).

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::follow_info::{ListQuery, PeopleList};
use crate::follows::Deleted;
use crate::input::{Input, flag};
use crate::reply::Reply;
use crate::rows::user_rows;
use crate::session::{Caller, caller_only};
use axum::extract::State;
use domain::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /blacklists`: the caller's own blacklist, newest first.
///
/// Source: seed §25. Nobody reads another's.
#[utoipa::path(get, path = "/blacklists", tag = "people", params(ListQuery),
    responses((status = 200, body = PeopleList), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Input(query): Input<ListQuery>,
) -> Result<Reply<PeopleList>, ApiError> {
    caller_only(caller, query.id)?;
    let (name, page) = query.filter()?;
    let blocked = app
        .projections
        .blacklist
        .page(caller, name, page.skip(), page.take())
        .await?;
    let data = user_rows(&app, Some(caller), &blocked.users).await?;
    Ok(Reply(query.shaped(blocked.count, data)))
}

/// Whom to block.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewBlock {
    /// The caller's own id.
    #[schema(value_type = String)]
    user_id: UserId,
    /// Who is blocked.
    #[schema(value_type = String)]
    block_id: UserId,
    /// 1: report the person to the operators too.
    #[serde(default, deserialize_with = "flag")]
    #[schema(value_type = u8, required = false)]
    report: bool,
}

/// A person is on the caller's blacklist.
#[derive(Serialize, ToSchema)]
pub(crate) struct Blocking {
    /// Who is blocked.
    #[schema(value_type = String)]
    id: UserId,
    #[schema(value_type = String)]
    user_id: UserId,
    report: bool,
    #[schema(value_type = String)]
    block_id: UserId,
}

/// `POST /blacklists` (also `/blacklists/create`): blocks a person; twice is once.
///
/// Source: seed §26.
#[utoipa::path(post, path = "/blacklists", tag = "people",
    request_body(content = NewBlock, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Blocking), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create(
    State(app): State<App>,
    Caller(caller): Caller,
    Input(NewBlock {
        user_id,
        block_id,
        report,
    }): Input<NewBlock>,
) -> Result<Reply<Blocking>, ApiError> {
    caller_only(caller, user_id)?;
    let receipt = app.commands.block(user_id, block_id, report).await?;
    app.settle(&receipt).await;
    Ok(Reply(Blocking {
        id: block_id,
        user_id,
        report,
        block_id,
    }))
}

/// Whom to block no longer.
#[derive(Deserialize, ToSchema)]
pub(crate) struct OldBlock {
    /// The caller's own id.
    #[schema(value_type = String)]
    user_id: UserId,
    /// Who was blocked.
    #[schema(value_type = String)]
    block_id: UserId,
}

/// `POST /blacklists/delete`: blocks a person no longer; one who was not blocked is fine.
///
/// Source: seed §27.
#[utoipa::path(post, path = "/blacklists/delete", tag = "people",
    request_body(content = OldBlock, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Deleted), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn delete(
    State(app): State<App>,
    Caller(caller): Caller,
    Input(OldBlock { user_id, block_id }): Input<OldBlock>,
) -> Result<Reply<Deleted>, ApiError> {
    caller_only(caller, user_id)?;
    let receipt = app.commands.unblock(user_id, block_id).await?;
    app.settle(&receipt).await;
    Ok(Reply(Deleted { deleted: block_id }))
}
