//! `/aroundme/*`: what is likely where the phone is (seed §4).

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::input::{Input, accuracy, point};
use crate::reply::Reply;
use crate::rows::ShopRow;
use axum::extract::State;
use domain::geo::Fix;
use projections::place_ranker;
use serde::Deserialize;
use utoipa::IntoParams;

/// How many shops a phone is offered.
const OFFERED: usize = 50;

/// A fix of the phone.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Here {
    /// Latitude, WGS-84 degrees.
    #[param(minimum = -90, maximum = 90)]
    lat: f64,
    /// Longitude, WGS-84 degrees.
    #[param(minimum = -180, maximum = 180)]
    lng: f64,
    /// Radius in metres that holds the phone in 68 % of the cases.
    #[param(minimum = 0, maximum = 1_000_000_000)]
    accuracy: f64,
}

/// `GET /aroundme/shops`: the shops that the phone may be in, at most 50, most probable first.
///
/// Source: seed §4.
#[utoipa::path(get, path = "/aroundme/shops", tag = "places", params(Here),
    responses((status = 200, body = Vec<ShopRow>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn shops(
    State(app): State<App>,
    Input(here): Input<Here>,
) -> Result<Reply<Vec<ShopRow>>, ApiError> {
    let fix = Fix::new(point(here.lat, here.lng)?, accuracy(here.accuracy)?);
    let rows = app.projections.shop_index.read(|shops| {
        app.projections.occupancy.read(|occupancy| {
            place_ranker::rank(fix, shops, occupancy, OFFERED)
                .into_iter()
                .filter_map(|ranked| {
                    Some(ShopRow::new(&app, shops.get(ranked.shop_id)?, occupancy))
                })
                .collect()
        })
    });
    Ok(Reply(rows))
}
