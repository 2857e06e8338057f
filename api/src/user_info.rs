//! `/user_info/*`: profiles, one's own account, one's own trace (seed §10, §13, §14, §16).

pub(crate) mod photos;

use crate::App;
use crate::checkins::shop_name;
use crate::error::{ApiError, ErrorBody};
use crate::input::{Input, Page, flag};
use crate::reply::Reply;
use crate::rows::{UserRow, ago, day_and_clock, flags, profile, relation, user_row};
use crate::session::Caller;
use axum::extract::State;
use domain::photo::Purpose;
use domain::user::{Gender, Invisible, OutOfRange, ProfileEdit};
use domain::visibility::may_see_place;
use domain::{CheckinId, PhotoId, ShopId, UserId};
use media::keys::Size;
use projections::followers::Flags;
use projections::photos::{Photo, State as PhotoState};
use projections::traces::{Visit, merge};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::{IntoParams, ToSchema};

/// Which person.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// User id.
    #[param(value_type = String)]
    id: UserId,
}

/// A person as another sees them (seed §10).
#[derive(Serialize, ToSchema)]
pub(crate) struct UserInfo {
    #[serde(flatten)]
    user: UserRow,
    /// How long ago and where the person was last, `1天以前 顺旺基(益乐路店)`; empty if never, and
    /// without the place where that is hidden from the caller.
    last: String,
}

/// `GET /user_info/get`: a person, as the caller may see them.
///
/// Source: seed §10.
#[utoipa::path(get, path = "/user_info/get", tag = "people", params(Which),
    responses((status = 200, body = UserInfo), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get(
    State(app): State<App>,
    Caller(viewer): Caller,
    Input(Which { id }): Input<Which>,
) -> Result<Reply<UserInfo>, ApiError> {
    let profile = profile(&app, id).await?;
    let flags = flags(&app, Some(viewer), &[id]).await?;
    let flags = flags.get(&id).copied().unwrap_or_default();
    let seen = app
        .projections
        .occupancy
        .read(|occupancy| occupancy.last_seen(id));
    let last = match seen {
        None => String::new(),
        Some((shop, at)) => {
            let time = ago(at, app.now());
            if may_see_place(relation(Some(viewer), id, flags), profile.invisible) {
                format!("{time} {}", shop_name(&app, shop))
            } else {
                time
            }
        }
    };
    let user = user_row(&app, profile, flags).await?;
    Ok(Reply(UserInfo { user, last }))
}

/// The caller's own account (seed §13).
#[derive(Serialize, ToSchema)]
pub(crate) struct SelfInfo {
    #[serde(flatten)]
    user: UserRow,
    /// 0 visible, 1 hidden from strangers, 2 hidden from everybody.
    invisible: u8,
    /// The XMPP password: 16 hex digits.
    password: String,
}

/// `GET /user_info/get_self`: the caller's own account, with the XMPP password.
///
/// Source: seed §13.
#[utoipa::path(get, path = "/user_info/get_self", tag = "people",
    responses((status = 200, body = SelfInfo), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn get_self(
    State(app): State<App>,
    Caller(caller): Caller,
) -> Result<Reply<SelfInfo>, ApiError> {
    let profile = profile(&app, caller).await?;
    Ok(Reply(SelfInfo {
        invisible: profile.invisible.into(),
        password: app.commands.xmpp_password(caller, profile.generation),
        user: user_row(&app, profile, Flags::default()).await?,
    }))
}

/// Which page of the trace, and in which shape.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TracePage {
    /// Which page, from 1.
    #[param(default = 1, minimum = 1)]
    page: Option<u32>,
    /// Check-ins of a page, before they are merged; at most 100 are given.
    #[param(default = 20, minimum = 1)]
    pcount: Option<u32>,
    /// 1: answer an object instead of an array.
    #[serde(default, deserialize_with = "flag")]
    #[param(value_type = u8, required = false)]
    hash: bool,
}

/// A visit: consecutive check-ins at one shop on one day.
#[derive(Serialize, ToSchema)]
pub(crate) struct VisitRow {
    /// The newest check-in of the visit.
    #[schema(value_type = String)]
    id: CheckinId,
    /// Day and clock: `["09.22","14:24"]`.
    time: [String; 2],
    /// The shop's name.
    shop: String,
    #[schema(value_type = u64)]
    shop_id: ShopId,
    /// Pictures sent to the shop's room during the visit.
    photos: Vec<PhotoRow>,
}

/// A picture of a visit.
#[derive(Serialize, ToSchema)]
pub(crate) struct PhotoRow {
    #[schema(value_type = String)]
    id: PhotoId,
    /// What its sender says of it.
    desc: Option<String>,
    /// Its link.
    logo: String,
    /// Its link at 200x200.
    logo_thumb2: String,
}

/// The trace as an object, or, in pieces, as an array (contract §14).
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Trace {
    /// With `hash=1`.
    Object(TraceObject),
    /// `[{"pcount":n},{"data":[…]}]`
    Array(Count, Data),
}

/// The trace as an object.
#[derive(Serialize, ToSchema)]
pub(crate) struct TraceObject {
    pcount: usize,
    data: Vec<VisitRow>,
}

/// How many check-ins were found for the page.
#[derive(Serialize, ToSchema)]
pub(crate) struct Count {
    pcount: usize,
}

/// The visits of the page.
#[derive(Serialize, ToSchema)]
pub(crate) struct Data {
    data: Vec<VisitRow>,
}

/// `GET /user_info/trace`: where the caller has been, newest first.
///
/// Source: seed §14. `pcount` counts the check-ins found for this page; fewer than asked for means
/// that this is the last page.
#[utoipa::path(get, path = "/user_info/trace", tag = "people", params(TracePage),
    responses((status = 200, body = Trace), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn trace(
    State(app): State<App>,
    Caller(caller): Caller,
    Input(query): Input<TracePage>,
) -> Result<Reply<Trace>, ApiError> {
    let page = Page::of(query.page, query.pcount)?;
    let traces = app
        .projections
        .traces
        .page(caller, page.number.into(), page.rows.into())
        .await?;
    let (pcount, now, timezone) = (traces.len(), app.now(), &app.settings.timezone);
    let checkins: Vec<CheckinId> = traces.iter().map(|trace| trace.checkin_id).collect();
    let sent = app.projections.photos.of_checkins(&checkins).await?;
    let visits = merge(&traces, timezone).into_iter().map(|visit| VisitRow {
        photos: photo_rows(&app, &visit, &sent),
        id: visit.checkin_id,
        time: day_and_clock(visit.at, now, timezone),
        shop: shop_name(&app, visit.shop_id),
        shop_id: visit.shop_id,
    });
    let data = visits.collect();
    Ok(Reply(if query.hash {
        Trace::Object(TraceObject { pcount, data })
    } else {
        Trace::Array(Count { pcount }, Data { data })
    }))
}

/// The pictures that were sent during a visit, oldest first.
fn photo_rows(app: &App, visit: &Visit, sent: &HashMap<CheckinId, Vec<Photo>>) -> Vec<PhotoRow> {
    let now = app.now();
    let of = |checkin| sent.get(checkin).into_iter().flatten();
    let row = |photo: &Photo| {
        let (PhotoState::Ready { format, .. }, Purpose::Room { desc, .. }) =
            (photo.state, &photo.purpose)
        else {
            return None;
        };
        let link = |size| app.pictures.link(photo.photo_id, size, format, now);
        Some(PhotoRow {
            id: photo.photo_id,
            desc: desc.clone(),
            logo: link(Size::Original),
            logo_thumb2: link(Size::Thumb2),
        })
    };
    visit
        .members
        .iter()
        .rev()
        .flat_map(of)
        .filter_map(row)
        .collect()
}

/// New values; what is absent stays (seed §16).
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewSettings {
    /// Fewer than 64 characters.
    name: Option<String>,
    /// 0 unset, 1 male, 2 female.
    #[schema(minimum = 0, maximum = 2)]
    gender: Option<u8>,
    /// `YYYY-MM-DD`
    birthday: Option<String>,
    /// Fewer than 255 characters.
    signature: Option<String>,
    /// Fewer than 255 characters.
    job: Option<String>,
    /// Category of the job.
    jobtype: Option<i32>,
    /// Fewer than 255 characters.
    hobby: Option<String>,
    /// 0 visible, 1 hidden from strangers, 2 hidden from everybody.
    #[schema(minimum = 0, maximum = 2)]
    invisible: Option<u8>,
}

/// `POST /user_info/set`: changes the caller's own profile, and who may see where the caller is.
///
/// Source: seed §16. All fields are taken, or none.
#[utoipa::path(post, path = "/user_info/set", tag = "people",
    request_body(content = NewSettings, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = UserRow), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn set(
    State(app): State<App>,
    Caller(caller): Caller,
    Input(new): Input<NewSettings>,
) -> Result<Reply<UserRow>, ApiError> {
    let edit = ProfileEdit {
        name: new.name,
        gender: numbered::<Gender>("gender", new.gender)?,
        birthday: new.birthday,
        signature: new.signature,
        job: new.job,
        jobtype: new.jobtype,
        hobby: new.hobby,
    };
    let invisible = numbered::<Invisible>("invisible", new.invisible)?;
    let receipt = app.commands.edit_self(caller, edit, invisible).await?;
    app.settle(&receipt).await;
    let profile = profile(&app, caller).await?;
    Ok(Reply(user_row(&app, profile, Flags::default()).await?))
}

fn numbered<T: TryFrom<u8, Error = OutOfRange>>(
    name: &str,
    number: Option<u8>,
) -> Result<Option<T>, ApiError> {
    let known = number.map(T::try_from).transpose();
    known.map_err(|error| ApiError::bad_request(format!("{name} {error}")))
}
