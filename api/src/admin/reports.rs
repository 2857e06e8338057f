//! `/admin/reports`: people whom others have reported.

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::input::{Input, Page};
use crate::reply::Reply;
use crate::session::Operator;
use axum::extract::State;
use domain::UserId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportsPage {
    /// Which page, from 1.
    #[param(default = 1, minimum = 1)]
    page: Option<u32>,
    /// Rows of a page; at most 100 are given.
    #[param(default = 20, minimum = 1)]
    pcount: Option<u32>,
}

/// One report.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportRow {
    /// Who reports.
    #[schema(value_type = String)]
    user_id: UserId,
    /// Who is reported.
    #[schema(value_type = String)]
    block_id: UserId,
    /// The name of the person reported.
    name: Option<String>,
    /// Whether the person is banned now.
    banned: bool,
    /// When, in milliseconds since 1970.
    time: i64,
}

/// `{"reports":[…]}`
#[derive(Serialize, ToSchema)]
pub(crate) struct Reports {
    reports: Vec<ReportRow>,
}

/// `GET /admin/reports`: reports of people, newest first.
#[utoipa::path(get, path = "/admin/reports", tag = "admin", params(ReportsPage),
    security(("operator" = [])),
    responses((status = 200, body = Reports), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    _: Operator,
    Input(query): Input<ReportsPage>,
) -> Result<Reply<Reports>, ApiError> {
    let page = Page::of(query.page, query.pcount)?;
    let reports = app
        .projections
        .blacklist
        .reports(page.skip(), page.take())
        .await?;
    let reported: Vec<UserId> = reports.iter().map(|report| report.block_id).collect();
    let profiles = app.projections.profiles.many(&reported).await?;
    let rows = reports.into_iter().map(|report| {
        let profile = profiles.get(&report.block_id);
        ReportRow {
            user_id: report.user_id,
            block_id: report.block_id,
            name: profile.map(|profile| profile.name.clone()),
            banned: profile.is_some_and(|profile| profile.banned),
            time: report.at.0,
        }
    });
    Ok(Reply(Reports {
        reports: rows.collect(),
    }))
}
