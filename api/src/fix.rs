//! Where a phone believes it is: the parameters of a fix, which several calls have.
//!
//! What is made of it is each call's own business.

use crate::App;
use crate::error::ApiError;
use crate::input::{Pairs, accuracy, point};
use axum::extract::{FromRequest, Request};
use domain::geo::Fix;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

/// A fix of a phone.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FixParameters {
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

/// The parameters of a request: those of a fix, and the others as a `T`.
///
/// They are read one after the other, for serde takes what it flattens for texts, and finds no
/// numbers among them.
pub(crate) struct At<T>(pub(crate) Fix, pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for At<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let pairs = Pairs::of(request, app).await?;
        let FixParameters {
            lat,
            lng,
            accuracy: metres,
        } = pairs.read()?;
        let others = pairs.read()?;
        let fix = Fix::new(point(lat, lng)?, accuracy(metres)?);
        Ok(Self(fix, others))
    }
}
