//! `/follow_info/*`: who follows a person, and whom a person follows (seed §23, §24).

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::input::{Input, Page, flag};
use crate::reply::Reply;
use crate::rows::{UserRow, profile, user_rows};
use axum::extract::State;
use domain::UserId;
use projections::followers::List;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Whose list, which page, and in which shape.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// User id: whose list.
    #[param(value_type = String)]
    pub(crate) id: UserId,
    /// Which page, from 1.
    #[param(default = 1, minimum = 1)]
    page: Option<u32>,
    /// Rows of a page; at most 100 are given.
    #[param(default = 20, minimum = 1)]
    pcount: Option<u32>,
    /// A part of the name.
    name: Option<String>,
    /// 1: answer an object instead of an array.
    #[serde(default, deserialize_with = "flag")]
    #[param(value_type = u8, required = false)]
    hash: bool,
}

/// People, as an object or, in pieces, as an array (contract §23).
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum PeopleList {
    /// With `hash=1`.
    Object(PeopleObject),
    /// `[{"count":n},{"data":[…]}]`
    Array(Count, People),
}

/// People as an object.
#[derive(Serialize, ToSchema)]
pub(crate) struct PeopleObject {
    count: u64,
    data: Vec<UserRow>,
}

/// How many people the whole list has, after the filter.
#[derive(Serialize, ToSchema)]
pub(crate) struct Count {
    count: u64,
}

/// The people of the page.
#[derive(Serialize, ToSchema)]
pub(crate) struct People {
    data: Vec<UserRow>,
}

impl ListQuery {
    /// The part of the name to look for, and the page.
    pub(crate) fn filter(&self) -> Result<(Option<&str>, Page), ApiError> {
        let name = self.name.as_deref().filter(|name| !name.is_empty());
        Ok((name, Page::of(self.page, self.pcount)?))
    }

    /// The answer in the shape that was asked for.
    pub(crate) fn shaped(&self, count: u64, data: Vec<UserRow>) -> PeopleList {
        if self.hash {
            PeopleList::Object(PeopleObject { count, data })
        } else {
            PeopleList::Array(Count { count }, People { data })
        }
    }
}

/// `GET /follow_info/followers`: who follows a person, newest first.
///
/// Source: seed §23. `friend` and `follower` are seen from that person; people on that person's
/// blacklist are left out.
#[utoipa::path(get, path = "/follow_info/followers", tag = "people", params(ListQuery),
    responses((status = 200, body = PeopleList), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn followers(
    State(app): State<App>,
    Input(query): Input<ListQuery>,
) -> Result<Reply<PeopleList>, ApiError> {
    list(app, query, List::Followers).await
}

/// `GET /follow_info/friends`: whom a person follows, newest first.
///
/// Source: seed §24. As `/follow_info/followers`.
#[utoipa::path(get, path = "/follow_info/friends", tag = "people", params(ListQuery),
    responses((status = 200, body = PeopleList), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn friends(
    State(app): State<App>,
    Input(query): Input<ListQuery>,
) -> Result<Reply<PeopleList>, ApiError> {
    list(app, query, List::Friends).await
}

async fn list(app: App, query: ListQuery, list: List) -> Result<Reply<PeopleList>, ApiError> {
    let (name, page) = query.filter()?;
    profile(&app, query.id).await?;
    let followers = &app.projections.followers;
    let found = followers
        .page(query.id, list, name, page.skip(), page.take())
        .await?;
    let data = user_rows(&app, Some(query.id), &found.users).await?;
    Ok(Reply(query.shaped(found.count, data)))
}
