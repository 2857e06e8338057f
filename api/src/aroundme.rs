//! `/aroundme/*`: which shops the phone may be in, and who is near its owner (seed §4, §6).

use crate::App;
use crate::checkins::bssid;
use crate::error::{ApiError, ErrorBody};
use crate::fix::{At, FixParameters};
use crate::input::Input;
use crate::present::{PresentRow, Somebody, present_rows};
use crate::reply::Reply;
use crate::rows::{ShopRow, shop_rows};
use crate::session::Viewer;
use axum::extract::State;
use axum::response::Response;
use domain::UserId;
use domain::user::Gender;
use projections::occupancy::Presence;
use projections::place_ranker::{Asked, Bssid, OFFERED};
use serde::Deserialize;
use std::collections::HashSet;
use utoipa::IntoParams;

/// How many people a phone is offered.
const PEOPLE: usize = 50;

/// How many people are looked at to find those whom the caller may see.
const CONSIDERED: usize = 1_000;

/// How many people with pictures are looked at to fill up a short list.
const FILLING: usize = 200;

/// How far away a person may be, by the shops of both.
const NEARBY_M: f64 = 3_000.0;

/// How many shops around are looked into.
const SHOPS: usize = 5_000;

/// What a phone knows besides its fix.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Around {
    /// The Wi-Fi access point that the phone is connected to.
    bssid: Option<String>,
}

/// `GET /aroundme/shops`: the shops that the phone may be in, at most 50, most probable first.
///
/// Source: seed §4; `bssid`, which the seed has at check-ins only, is an addition. What is known of
/// the caller, if they are logged in, counts too.
#[utoipa::path(get, path = "/aroundme/shops", tag = "places", params(FixParameters, Around),
    responses((status = 200, body = Vec<ShopRow>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn shops(
    State(app): State<App>,
    Viewer(caller): Viewer,
    At(fix, around): At<Around>,
) -> Result<Response, ApiError> {
    let asked = Asked {
        fix,
        caller,
        hidden: true,
        bssid: access_point(around.bssid)?,
        now: app.now(),
    };
    Ok(app.projections.shop_index.read(|shops| {
        let ranked = app
            .projections
            .place_ranker
            .read(|ranker| ranker.rank(shops, &asked, OFFERED));
        shop_rows(&app, ranked.iter().map(|one| one.shop))
    }))
}

/// The access point that a phone names, if it does.
pub(crate) fn access_point(text: Option<String>) -> Result<Option<Bssid>, ApiError> {
    Ok(bssid(text)?.as_deref().and_then(Bssid::named))
}

/// Which people.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Whom {
    /// 1 men, 2 women, 0 all.
    #[param(minimum = 0, maximum = 2)]
    gender: u8,
}

/// `GET /aroundme/users`: people within 3 km of the caller's last check-in, those at the nearest
/// shop first, then the most recent; people active lately for a caller who never checked in.
/// People with a picture stand before all others, and fill up a list that is short, wherever they
/// are.
///
/// Source: seed §6. At most 50, none whom the caller may not see.
#[utoipa::path(get, path = "/aroundme/users", tag = "people", params(Whom),
    responses((status = 200, body = Vec<PresentRow>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn users(
    State(app): State<App>,
    Viewer(viewer): Viewer,
    Input(Whom { gender }): Input<Whom>,
) -> Result<Reply<Vec<PresentRow>>, ApiError> {
    let gender = Gender::try_from(gender)
        .map_err(|error| ApiError::bad_request(format!("gender {error}")))?;
    let near = people_near(&app, viewer, gender);
    let ids: Vec<UserId> = near.iter().map(|there| there.user_id).collect();
    let logos = app.projections.albums.logos(&ids).await?;
    let mut people: Vec<Somebody> = near.into_iter().map(Somebody::from).collect();
    people.sort_by_key(|there| !logos.contains_key(&there.user_id));
    if people.len() < PEOPLE {
        let others = app.projections.albums.with_pictures(0, FILLING).await?;
        people.extend(elsewhere(&app, viewer, gender, &ids, others));
    }
    Ok(Reply(present_rows(&app, viewer, people, 0, PEOPLE).await?))
}

/// Those of `others`, who have pictures, who can fill up the list after those who are `near`.
fn elsewhere(
    app: &App,
    viewer: Option<UserId>,
    gender: Gender,
    near: &[UserId],
    others: Vec<UserId>,
) -> Vec<Somebody> {
    let near: HashSet<&UserId> = near.iter().collect();
    app.projections.occupancy.read(|occupancy| {
        let wanted = |user: &UserId| {
            Some(*user) != viewer
                && !near.contains(user)
                && !occupancy.banned(*user)
                && (gender == Gender::Unset || occupancy.gender(*user) == gender)
        };
        let somebody = |user| Somebody {
            user_id: user,
            at: occupancy.last_seen(user).map(|(_, at)| at),
            invisible: occupancy.invisible(user),
        };
        let others = others.into_iter().filter(wanted);
        others.map(somebody).collect()
    })
}

fn people_near(app: &App, viewer: Option<UserId>, gender: Gender) -> Vec<Presence> {
    let (now, window_ms) = (app.now(), app.settings.presence_window_ms);
    app.projections.shop_index.read(|shops| {
        app.projections.occupancy.read(|occupancy| {
            let wanted = |there: &Presence| {
                Some(there.user_id) != viewer
                    && (gender == Gender::Unset || occupancy.gender(there.user_id) == gender)
            };
            let last = viewer.and_then(|viewer| occupancy.last_seen(viewer));
            let place = last.and_then(|(shop, _)| shops.get(shop));
            match place {
                Some(place) => shops
                    .within(place.point(), NEARBY_M, SHOPS)
                    .into_iter()
                    .flat_map(|near| occupancy.present(near.shop.id, now, window_ms))
                    .filter(wanted)
                    .take(CONSIDERED)
                    .collect(),
                None => {
                    let mut recent = occupancy.recent(now, window_ms, CONSIDERED);
                    recent.retain(wanted);
                    recent
                }
            }
        })
    })
}
