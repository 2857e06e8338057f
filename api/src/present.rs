//! People at a place, as far as the caller may see them (seed §6, §8).

use crate::App;
use crate::error::ApiError;
use crate::rows::{UserRow, ago, flags, relation};
use domain::UserId;
use domain::visibility::may_see_place;
use projections::followers::Flags;
use projections::occupancy::Presence;
use serde::Serialize;
use utoipa::ToSchema;

/// For how many people at least the relations are asked for at once.
const AT_ONCE: usize = 20;

/// A person at a place (seed §8).
#[derive(Serialize, ToSchema)]
pub(crate) struct PresentRow {
    #[serde(flatten)]
    user: UserRow,
    /// How long ago the person was active there.
    time: String,
}

/// The people of `present` whom `viewer` may see, in order, without the first `skip`, at most
/// `take`. Nobody's row is looked up who is not shown.
pub(crate) async fn present_rows(
    app: &App,
    viewer: Option<UserId>,
    present: Vec<Presence>,
    skip: usize,
    take: usize,
) -> Result<Vec<PresentRow>, ApiError> {
    let mut seen: Vec<(Presence, Flags)> = Vec::new();
    for some in present.chunks((skip + take).clamp(AT_ONCE, 500)) {
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
    let now = app.now();
    let rows = shown.into_iter().filter_map(|(there, flags)| {
        let user = UserRow::new(profiles.remove(&there.user_id)?, flags);
        Some(PresentRow {
            user,
            time: ago(there.at, now),
        })
    });
    Ok(rows.collect())
}
