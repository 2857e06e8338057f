//! The rows that several calls answer with: a shop, a person; and how times are written.

mod shops;

pub(crate) use shops::{ShopRow, shop_rows};

use crate::App;
use crate::error::ApiError;
use crate::pictures::LogoLinks;
use domain::visibility::Relation;
use domain::{Millis, UserId};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use projections::followers::Flags;
use projections::profiles::Profile;
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;

/// A person as others see them (seed §8, §10).
#[derive(Serialize, ToSchema)]
pub(crate) struct UserRow {
    #[schema(value_type = String)]
    id: UserId,
    /// Link of the picture, empty without one.
    logo: String,
    /// Link of the picture at 100x100, empty without one.
    logo_thumb: String,
    /// Link of the picture at 200x200, empty without one.
    logo_thumb2: String,
    name: Option<String>,
    wb_uid: Option<String>,
    gender: u8,
    /// `YYYY-MM-DD`
    birthday: Option<String>,
    signature: String,
    job: String,
    jobtype: Option<i32>,
    hobby: String,
    /// The viewer follows this person.
    friend: bool,
    /// This person follows the viewer.
    follower: bool,
}

impl UserRow {
    /// The row of a person who stands so to the viewer.
    pub(crate) fn new(profile: Profile, flags: Flags, links: LogoLinks) -> Self {
        Self {
            id: profile.user_id,
            logo: links.logo,
            logo_thumb: links.logo_thumb,
            logo_thumb2: links.logo_thumb2,
            name: Some(profile.name).filter(|name| !name.is_empty()),
            wb_uid: profile.wb_uid,
            gender: profile.gender.into(),
            birthday: Some(profile.birthday).filter(|day| !day.is_empty()),
            signature: profile.signature,
            job: profile.job,
            jobtype: profile.jobtype,
            hobby: profile.hobby,
            friend: flags.friend,
            follower: flags.follower,
        }
    }
}

/// The rows of `users`, in order, as `viewer` sees them; one query each for the profiles, the
/// relations and the pictures.
pub(crate) async fn user_rows(
    app: &App,
    viewer: Option<UserId>,
    users: &[UserId],
) -> Result<Vec<UserRow>, ApiError> {
    let flags = flags(app, viewer, users).await?;
    let mut profiles = app.projections.profiles.many(users).await?;
    let logos = app.projections.albums.logos(users).await?;
    let row = |user| {
        let flags = flags.get(user).copied().unwrap_or_default();
        let links = LogoLinks::new(app, logos.get(user));
        Some(UserRow::new(profiles.remove(user)?, flags, links))
    };
    Ok(users.iter().filter_map(row).collect())
}

/// How `users` stand to `viewer`; nobody stands in any way to somebody who is not logged in.
pub(crate) async fn flags(
    app: &App,
    viewer: Option<UserId>,
    users: &[UserId],
) -> Result<HashMap<UserId, Flags>, ApiError> {
    match viewer {
        Some(viewer) if !users.is_empty() => {
            Ok(app.projections.followers.flags(viewer, users).await?)
        }
        _ => Ok(HashMap::new()),
    }
}

/// How `viewer` stands to `user`.
pub(crate) fn relation(viewer: Option<UserId>, user: UserId, flags: Flags) -> Relation {
    if viewer == Some(user) {
        Relation::Oneself
    } else if flags.blocks_viewer {
        Relation::Unwanted
    } else if flags.friend || flags.follower {
        Relation::Acquaintance
    } else {
        Relation::Stranger
    }
}

/// The row of one person, who stands so to the viewer.
pub(crate) async fn user_row(
    app: &App,
    profile: Profile,
    flags: Flags,
) -> Result<UserRow, ApiError> {
    let logos = app.projections.albums.logos(&[profile.user_id]).await?;
    let links = LogoLinks::new(app, logos.get(&profile.user_id));
    Ok(UserRow::new(profile, flags, links))
}

/// The profile of a person who must exist.
pub(crate) async fn profile(app: &App, user: UserId) -> Result<Profile, ApiError> {
    let profile = app.projections.profiles.get(user).await?;
    profile.ok_or_else(|| ApiError::not_found("unknown user"))
}

/// How long ago something was, as the seed writes it: `5分钟以前`, `3小时以前`, `1天以前`.
pub(crate) fn ago(then: Millis, now: Millis) -> String {
    let minutes = (now.0 - then.0).max(0) / 60_000;
    match minutes {
        0 => "刚刚".into(),
        1..60 => format!("{minutes}分钟以前"),
        60..1440 => format!("{}小时以前", minutes / 60),
        _ => format!("{}天以前", minutes / 1440),
    }
}

/// Day and clock as the seed's trace writes them: `["09.22","14:24"]`, with the year in front
/// where it is not this year's.
pub(crate) fn day_and_clock(then: Millis, now: Millis, timezone: &TimeZone) -> [String; 2] {
    let zoned = |time: Millis| {
        Timestamp::from_millisecond(time.0)
            .unwrap_or_default()
            .to_zoned(timezone.clone())
    };
    let (then, now) = (zoned(then), zoned(now));
    let day = if then.year() == now.year() {
        "%m.%d"
    } else {
        "%Y.%m.%d"
    };
    [
        then.strftime(day).to_string(),
        then.strftime("%H:%M").to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn the_past_is_told_in_the_largest_unit() {
        let after = |minutes| ago(Millis(0), Millis(minutes * MINUTE));
        assert_eq!(after(0), "刚刚");
        assert_eq!(after(59), "59分钟以前");
        assert_eq!(after(60), "1小时以前");
        assert_eq!(after(24 * 60), "1天以前");
        assert_eq!(ago(Millis(MINUTE), Millis(0)), "刚刚");
    }

    #[test]
    fn days_are_those_of_the_time_zone() {
        let shanghai = TimeZone::get("Asia/Shanghai").expect("a zone");
        // 2012-09-22 18:24 UTC is the next day in Shanghai.
        let then = Millis(1_348_338_240_000);
        assert_eq!(day_and_clock(then, then, &shanghai), ["09.23", "02:24"]);
        let later = Millis(then.0 + 366 * 24 * 60 * MINUTE);
        assert_eq!(
            day_and_clock(then, later, &shanghai),
            ["2012.09.23", "02:24"]
        );
    }
}
