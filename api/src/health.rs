//! `/healthz` and `/readyz`: for those who watch and balance.

use crate::App;
use crate::error::ApiError;
use crate::reply::Reply;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// `{"status":"ok"}`
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    status: &'static str,
}

/// `GET /healthz`: the process runs.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = Health)))]
pub(crate) async fn healthz() -> Reply<Health> {
    Reply(Health { status: "ok" })
}

/// `GET /readyz`: the stores answer and the read models have caught up with the log; else 503.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, body = Health), (status = 503)))]
pub(crate) async fn readyz(State(app): State<App>) -> Result<Reply<Health>, ApiError> {
    app.commands
        .log()
        .head()
        .await
        .map_err(ApiError::unavailable)?;
    app.commands.state().ping().await?;
    if !app.projections.is_caught_up() {
        return Err(ApiError::unavailable("the read models have not caught up"));
    }
    Ok(Reply(Health { status: "ok" }))
}
