//! People at a place, as far as the caller may see them (seed §6, §8).

use crate::App;
use crate::error::ApiError;
use crate::pictures::LogoLinks;
use crate::rows::{UserRow, ago, flags, relation};
use domain::user::Invisible;
use domain::visibility::may_see_place;
use domain::{Millis, UserId};
use projections::followers::Flags;
use projections::occupancy::Presence;
use serde::Serialize;
use utoipa::ToSchema;

/// For how many people at least the relations are asked for at once.
const AT_ONCE: usize = 20;

/// Somebody who may be shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Somebody {
    pub(crate) user_id: UserId,
    /// When the person was last active; `None` if never.
    pub(crate) at: Option<Millis>,
    /// From whom the person hides.
    pub(crate) invisible: Invisible,
}

impl From<Presence> for Somebody {
    fn from(there: Presence) -> Self {
        Self {
            user_id: there.user_id,
            at: Some(there.at),
            invisible: there.invisible,
        }
    }
}

/// A person at a place (seed §8).
#[derive(Serialize, ToSchema)]
pub(crate) struct PresentRow {
    #[serde(flatten)]
    user: UserRow,
    /// How long ago the person was active there; empty if never.
    time: String,
}

/// The people of `all` whom `viewer` may see, in order, without the first `skip`, at most
/// `take`. Nobody's row is looked up who is not shown.
pub(crate) async fn present_rows(
    app: &App,
    viewer: Option<UserId>,
    all: impl IntoIterator<Item = impl Into<Somebody>>,
    skip: usize,
    take: usize,
) -> Result<Vec<PresentRow>, ApiError> {
    let all: Vec<Somebody> = all.into_iter().map(Into::into).collect();
    let mut seen: Vec<(Somebody, Flags)> = Vec::new();
    for some in all.chunks((skip + take).clamp(AT_ONCE, 500)) {
        let ids: Vec<UserId> = some.iter().map(|there| there.user_id).collect();
        let flags = flags(app, viewer, &ids).await?;
        seen.extend(some.iter().filter_map(|there| {
            let flags = flags.get(&there.user_id).copied().unwrap_or_default();
            let relation = relation(viewer, there.user_id, flags);
            may_see_place(relation, there.invisible).then_some((*there, flags))
        }));
        if seen.len() >= skip + take {
            break;
        }
    }
    let shown: Vec<_> = seen.into_iter().skip(skip).take(take).collect();
    let ids: Vec<UserId> = shown.iter().map(|(there, _)| there.user_id).collect();
    let mut profiles = app.projections.profiles.many(&ids).await?;
    let logos = app.projections.albums.logos(&ids).await?;
    let now = app.now();
    let rows = shown.into_iter().filter_map(|(there, flags)| {
        let links = LogoLinks::new(app, logos.get(&there.user_id));
        let user = UserRow::new(profiles.remove(&there.user_id)?, flags, links);
        Some(PresentRow {
            user,
            time: there.at.map_or_else(String::new, |at| ago(at, now)),
        })
    });
    Ok(rows.collect())
}
