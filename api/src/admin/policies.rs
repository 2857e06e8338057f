//! `/admin/policies`: what is done whenever something happened, and whether it goes well.

use crate::App;
use crate::error::ErrorBody;
use crate::reply::Reply;
use crate::session::Operator;
use axum::extract::State;
use commands::PolicyStatus;
use serde::Serialize;
use utoipa::ToSchema;

/// The state of every policy.
#[derive(Serialize, ToSchema)]
pub(crate) struct Policies {
    #[schema(value_type = Vec<Object>)]
    policies: Vec<PolicyStatus>,
}

/// `GET /admin/policies`: how far every policy is; of one that fails, since when and why.
#[utoipa::path(get, path = "/admin/policies", tag = "admin", security(("operator" = [])),
    responses((status = 200, body = Policies), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list(State(app): State<App>, _: Operator) -> Reply<Policies> {
    Reply(Policies {
        policies: app.commands.policies().status(),
    })
}
