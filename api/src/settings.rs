//! What whoever runs the server may choose about its HTTP side.

use crate::Regions;
use commands::LoginLimits;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The settings of this crate.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What callers of the admin API must show; without it that API is off.
    pub admin_token: Option<String>,
    /// The status of errors.
    pub error_status: ErrorStatus,
    /// The host that `/init/init` recommends; by default the one the client called.
    pub public_host: Option<String>,
    /// The hosts that it recommends to clients of certain networks instead.
    pub regions: Regions,
    /// The newest version of the app (seed §1).
    pub app_version: f64,
    /// For how long after a check-in somebody counts as present.
    pub presence_window_ms: i64,
    /// Where days begin and end.
    pub timezone: TimeZone,
    /// Proxies whose word about the client's address counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Clients reach us over HTTPS, so cookies are marked `Secure`.
    pub https: bool,
    /// A login by way of Weibo must have been begun here.
    pub weibo_require_state: bool,
    /// Limits on what strangers control.
    pub limits: Limits,
}

/// Which status an error has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorStatus {
    /// The real one, 4xx.
    #[default]
    Http,
    /// 200, for old clients that look only at the body.
    // COMPAT: the 2013 clients of the original server, which always answered 200.
    Ok,
}

/// Limits on what strangers control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The longest body in bytes.
    pub body_bytes: usize,
    /// The longest time for a request, its body included, in milliseconds.
    pub request_ms: u64,
    /// The longest picture in bytes.
    pub picture_bytes: usize,
    /// The longest time for sending a picture, in milliseconds.
    pub upload_ms: u64,
    /// How many pictures an album may hold.
    pub album_pictures: usize,
    /// Failed logins of one name from one address within the window.
    pub login_failures_per_pair: u32,
    /// Failed logins from one address within the window.
    pub login_failures_per_address: u32,
    /// The window in milliseconds.
    pub login_window_ms: u64,
}

impl Limits {
    pub(crate) fn logins(&self) -> LoginLimits {
        LoginLimits {
            per_pair: self.login_failures_per_pair,
            per_address: self.login_failures_per_address,
            window: Duration::from_millis(self.login_window_ms),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            request_ms: 30_000,
            picture_bytes: 8 * 1024 * 1024,
            upload_ms: 120_000,
            album_pictures: 8,
            login_failures_per_pair: 10,
            login_failures_per_address: 500,
            login_window_ms: 15 * 60 * 1000,
        }
    }
}
