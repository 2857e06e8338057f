//! `/admin/*`: what operators do, behind the token of the settings.

pub(crate) mod coupons;
pub(crate) mod devices;
pub(crate) mod policies;
pub(crate) mod projections;
pub(crate) mod ranking;
pub(crate) mod reports;
pub(crate) mod shops;
pub(crate) mod users;
