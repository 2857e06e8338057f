//! `/follows`: following and no longer following (seed §21, §22).

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::input::Input;
use crate::reply::Reply;
use crate::session::{Caller, caller_only};
use axum::extract::State;
use domain::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who follows whom.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Pair {
    /// The caller's own id.
    #[schema(value_type = String)]
    user_id: UserId,
    /// Who is followed.
    #[schema(value_type = String)]
    follow_id: UserId,
}

/// A person follows another.
#[derive(Serialize, ToSchema)]
pub(crate) struct Following {
    /// Who is followed.
    #[schema(value_type = String)]
    id: UserId,
    #[schema(value_type = String)]
    user_id: UserId,
    #[schema(value_type = String)]
    follow_id: UserId,
}

/// `POST /follows` (also `/follows/create`): follows a person; twice is once.
///
/// Source: seed §21.
#[utoipa::path(post, path = "/follows", tag = "people",
    request_body(content = Pair, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Following), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn create(
    State(app): State<App>,
    Caller(caller): Caller,
    Input(Pair { user_id, follow_id }): Input<Pair>,
) -> Result<Reply<Following>, ApiError> {
    caller_only(caller, user_id)?;
    let receipt = app.commands.follow(user_id, follow_id).await?;
    app.settle(&receipt).await;
    Ok(Reply(Following {
        id: follow_id,
        user_id,
        follow_id,
    }))
}

/// `{"deleted":"5044301dbe4b192a30000002"}`
#[derive(Serialize, ToSchema)]
pub(crate) struct Deleted {
    #[schema(value_type = String)]
    pub(crate) deleted: UserId,
}

/// `POST /follows/delete`: follows a person no longer; one who was not followed is fine.
///
/// Source: seed §22.
#[utoipa::path(post, path = "/follows/delete", tag = "people",
    request_body(content = Pair, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Deleted), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn delete(
    State(app): State<App>,
    Caller(caller): Caller,
    Input(Pair { user_id, follow_id }): Input<Pair>,
) -> Result<Reply<Deleted>, ApiError> {
    caller_only(caller, user_id)?;
    let receipt = app.commands.unfollow(user_id, follow_id).await?;
    app.settle(&receipt).await;
    Ok(Reply(Deleted { deleted: follow_id }))
}
