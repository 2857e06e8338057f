//! `/admin/projections`: how the read models are, and building them anew.

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::reply::Reply;
use crate::session::Operator;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use projections::Status;
use serde::Serialize;
use utoipa::ToSchema;

/// The state of every projection.
#[derive(Serialize, ToSchema)]
pub(crate) struct Projections {
    #[schema(value_type = Vec<Object>)]
    projections: Vec<Status>,
}

/// `GET /admin/projections`: the state of every read model.
#[utoipa::path(get, path = "/admin/projections", tag = "admin", security(("operator" = [])),
    responses((status = 200, body = Projections), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list(State(app): State<App>, _: Operator) -> Reply<Projections> {
    Reply(Projections {
        projections: app.projections.status(),
    })
}

/// `{"rebuilding":"traces"}`
#[derive(Serialize, ToSchema)]
pub(crate) struct Rebuilding {
    rebuilding: String,
}

/// `POST /admin/projections/{name}/rebuild`: builds a read model anew beside the serving one.
///
/// Answered at once; `GET /admin/projections` tells how far it is.
#[utoipa::path(post, path = "/admin/projections/{name}/rebuild", tag = "admin",
    params(("name" = String, Path)), security(("operator" = [])),
    responses((status = 202, body = Rebuilding), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn rebuild(
    State(app): State<App>,
    _: Operator,
    Path(name): Path<String>,
) -> Result<(StatusCode, Reply<Rebuilding>), ApiError> {
    if !app
        .projections
        .status()
        .iter()
        .any(|status| status.name == name)
    {
        return Err(ApiError::not_found("unknown projection"));
    }
    app.projections.rebuild(&name).await?;
    Ok((StatusCode::ACCEPTED, Reply(Rebuilding { rebuilding: name })))
}
