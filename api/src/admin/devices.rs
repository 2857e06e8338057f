//! `/admin/stats/devices`: how often the app was started, and on what.

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::input::{Input, Page};
use crate::reply::Reply;
use crate::session::Operator;
use axum::extract::State;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use projections::device_starts::{DayStarts, Days, KindStarts, Share};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How many days are told of when none are named.
const DAYS: i32 = 30;

/// How many days may be asked for at once.
const MOST_DAYS: i32 = 366;

/// How many systems, and how many models, are summed up.
const SHARES: usize = 100;

/// Which days, and which page of the rows.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Stretch {
    /// The first day, `YYYY-MM-DD`; by default 29 days before the last.
    from: Option<String>,
    /// The last day, `YYYY-MM-DD`; by default today.
    to: Option<String>,
    /// Which page of the rows, from 1.
    #[param(default = 1, minimum = 1)]
    page: Option<u32>,
    /// Rows of a page; at most 100 are given.
    #[param(default = 20, minimum = 1)]
    pcount: Option<u32>,
}

/// `{"from":"2013-01-01","to":"2013-01-30","starts":3,"days":[…],"systems":[…],"models":[…],
/// "rows":[…]}`
#[derive(Serialize, ToSchema)]
pub(crate) struct Devices {
    /// The first day, by the clocks of the house.
    from: String,
    /// The last day.
    to: String,
    /// All starts on these days.
    starts: u64,
    /// By day, the last one first; days without starts are left out.
    days: Vec<DayRow>,
    /// By system, the most frequent 100.
    systems: Vec<SystemRow>,
    /// By model, the most frequent 100.
    models: Vec<ModelRow>,
    /// A page of all three together: the last day first, within it the most frequent kind.
    rows: Vec<KindRow>,
}

/// `{"day":"2013-01-30","starts":3}`
#[derive(Serialize, ToSchema)]
pub(crate) struct DayRow {
    day: String,
    starts: u64,
}

/// `{"os":"6.0.1","starts":3}`
#[derive(Serialize, ToSchema)]
pub(crate) struct SystemRow {
    /// As phones say it; null for all those that were not kept apart: a day keeps a thousand kinds
    /// of phones.
    os: Option<String>,
    starts: u64,
}

/// `{"model":"iPhone5,1","starts":3}`
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelRow {
    /// As phones say it; null as for systems.
    model: Option<String>,
    starts: u64,
}

/// `{"day":"2013-01-30","os":"6.0.1","model":"iPhone5,1","starts":3}`
#[derive(Serialize, ToSchema)]
pub(crate) struct KindRow {
    day: String,
    /// Null, with the model, for all those that were not kept apart.
    os: Option<String>,
    model: Option<String>,
    starts: u64,
}

/// `GET /admin/stats/devices`: starts of the app by day, system and model.
///
/// Source: seed §1.
#[utoipa::path(get, path = "/admin/stats/devices", tag = "admin", params(Stretch),
    security(("operator" = [])),
    responses((status = 200, body = Devices), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn stats(
    State(app): State<App>,
    _: Operator,
    Input(asked): Input<Stretch>,
) -> Result<Reply<Devices>, ApiError> {
    let page = Page::of(asked.page, asked.pcount)?;
    let now = Timestamp::from_millisecond(app.now().0).unwrap_or_default();
    let today = app.settings.timezone.to_datetime(now).date();
    let days = stretch(asked.from.as_deref(), asked.to.as_deref(), today)?;
    let starts = &app.projections.device_starts;
    let by_day = starts.by_day(days).await?;
    let systems = starts.by_system(days, SHARES).await?;
    let models = starts.by_model(days, SHARES).await?;
    let rows = starts.by_kind(days, page.skip(), page.take()).await?;
    Ok(Reply(Devices {
        from: days.from.to_string(),
        to: days.to.to_string(),
        starts: by_day.iter().map(|day| day.starts).sum(),
        days: by_day.into_iter().map(DayRow::from).collect(),
        systems: systems.into_iter().map(SystemRow::from).collect(),
        models: models.into_iter().map(ModelRow::from).collect(),
        rows: rows.into_iter().map(KindRow::from).collect(),
    }))
}

/// The days that are asked for.
fn stretch(from: Option<&str>, to: Option<&str>, today: Date) -> Result<Days, ApiError> {
    let to = to.map_or(Ok(today), |text| day("to", text))?;
    let from = match from {
        Some(text) => day("from", text)?,
        None => to.saturating_sub((DAYS - 1).days()),
    };
    if from > to {
        return Err(ApiError::bad_request("from must not be after to"));
    }
    let days = from.until(to).map_or(i32::MAX, |days| days.get_days());
    if days >= MOST_DAYS {
        return Err(ApiError::bad_request(format!(
            "from and to must be at most {MOST_DAYS} days"
        )));
    }
    Ok(Days { from, to })
}

fn day(name: &str, text: &str) -> Result<Date, ApiError> {
    let read = Date::strptime("%Y-%m-%d", text).ok();
    // What is written otherwise is likelier a mistake than a day.
    read.filter(|day| day.to_string() == text)
        .ok_or_else(|| ApiError::bad_request(format!("{name} must be a day like 2013-01-31")))
}

impl From<DayStarts> for DayRow {
    fn from(row: DayStarts) -> Self {
        Self {
            day: row.day.to_string(),
            starts: row.starts,
        }
    }
}

impl From<Share> for SystemRow {
    fn from(row: Share) -> Self {
        Self {
            os: row.name,
            starts: row.starts,
        }
    }
}

impl From<Share> for ModelRow {
    fn from(row: Share) -> Self {
        Self {
            model: row.name,
            starts: row.starts,
        }
    }
}

impl From<KindStarts> for KindRow {
    fn from(row: KindStarts) -> Self {
        let (os, model) = row.kind.unzip();
        Self {
            day: row.day.to_string(),
            os,
            model,
            starts: row.starts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: Option<&str>, to: Option<&str>, expected: Option<(&str, &str)>) {
        let today = "2013-01-31".parse().expect("a day");
        let found = stretch(from, to, today).ok();
        let found = found.map(|days| (days.from.to_string(), days.to.to_string()));
        let expected = expected.map(|(from, to)| (from.to_owned(), to.to_owned()));
        assert_eq!(found, expected, "{from:?} {to:?}");
    }

    #[test]
    fn a_month_up_to_today_is_told_of_unless_days_are_named() {
        check(None, None, Some(("2013-01-02", "2013-01-31")));
        check(None, Some("2012-03-01"), Some(("2012-02-01", "2012-03-01")));
        check(Some("2013-01-31"), None, Some(("2013-01-31", "2013-01-31")));
        let year = ("2012-01-01", "2012-12-31");
        check(Some(year.0), Some(year.1), Some(year));
    }

    #[test]
    fn too_many_days_and_those_that_are_none_are_refused() {
        check(Some("2012-01-01"), Some("2013-01-01"), None);
        check(Some("2013-02-01"), None, None);
        check(None, Some("-9999-01-01"), None);
        check(None, Some("2013-02-30"), None);
        check(Some("2013-1-1"), None, None);
        check(Some(""), None, None);
        check(
            Some("9999-12-31"),
            Some("9999-12-31"),
            Some(("9999-12-31", "9999-12-31")),
        );
    }
}
