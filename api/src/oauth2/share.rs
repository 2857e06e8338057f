//! `/oauth2/share`: a post about the app, on Weibo, in the caller's name (seed §3).

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::input::{Input, short};
use crate::reply::Reply;
use crate::session::Caller;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which app is told of.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Share {
    /// Version of the app.
    ver: Option<String>,
}

/// `{"shared":true}`
#[derive(Serialize, ToSchema)]
pub(crate) struct SharedBody {
    /// The post will be tried.
    shared: bool,
}

/// `POST /oauth2/share`: queues a post about the app on the caller's Weibo.
///
/// Source: seed §3. Asking again while one is queued, or within ten minutes, queues nothing.
#[utoipa::path(post, path = "/oauth2/share", tag = "start",
    request_body(content = Share, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = SharedBody), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn share(
    State(app): State<App>,
    Caller(user_id): Caller,
    Input(share): Input<Share>,
) -> Result<Reply<SharedBody>, ApiError> {
    let ver = share.ver.filter(|ver| !ver.is_empty());
    let ver = ver.map(|ver| short("ver", ver)).transpose()?;
    let receipt = app.commands.request_share(user_id, ver).await?;
    app.settle(&receipt).await;
    Ok(Reply(SharedBody { shared: true }))
}
