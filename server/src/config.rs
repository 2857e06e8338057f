//! The settings: one typed struct, filled from `lianlian.toml`, the environment and flags.
//!
//! Where a setting comes from is decided in `layers`; what it means is written here. Nothing
//! here opens a file of the data folder or a connection.

mod check;
mod derived;
mod flags;
mod layers;
mod private;

pub use flags::SettingsFlags;
pub use layers::load;
pub use private::{Private, StoreUrl};

use api::ErrorStatus;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything about a server that its operator decides.
///
/// Each setting is a key of `lianlian.toml`, an environment variable (`LIANLIAN_` and the name in
/// capitals; `__` stands for the dot of nested ones, as in `LIANLIAN_API__ERROR_STATUS`), and can
/// be given on the command line with `--set name=value`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The folder of the embedded stores, the snapshots and the secret; made if it is not there.
    pub data_dir: PathBuf,
    /// Where to listen for HTTP: `host:port`; port 0 picks a free one.
    pub http_addr: String,
    /// Where to listen for XMPP, likewise.
    pub xmpp_addr: String,
    /// Where to listen for XMPP that is under TLS from the first byte on; by default nowhere.
    pub xmpps_addr: Option<String>,
    /// Where to listen for the web interface of XMPP, likewise. It reads and forges everything.
    pub xmpp_web_addr: String,
    /// The bearer token that lets callers of the web interface in from anywhere; without one only
    /// programs on this machine may call.
    pub xmpp_web_token: Option<Private>,
    /// The domain of all JIDs; rooms are at `c.` and this.
    pub xmpp_domain: String,
    /// The bearer token of the admin API; without one the admin API is off.
    pub admin_token: Option<Private>,
    /// The event log: `sqlite:<path>` or `postgres://…`; by default a file in the data folder.
    pub log_url: Option<StoreUrl>,
    /// The read models: `sqlite:<path>` or `postgres://…`; by default a file in the data folder.
    pub read_url: Option<StoreUrl>,
    /// Sessions and password hashes, likewise.
    pub state_url: Option<StoreUrl>,
    /// Where pictures are kept: `file:///folder` or `s3://bucket/prefix`; by default a folder in the
    /// data folder.
    pub blob_url: Option<String>,
    /// How the bucket is reached, when pictures are kept in one.
    pub s3: S3Settings,
    /// The time zone in which a day begins, by its IANA name.
    pub timezone: String,
    /// Who knows people's names and passwords: `local` (we do) or `weibo`.
    pub identity: String,
    /// The certificate chain (PEM); with [`Self::tls_key`], the listener speaks HTTPS. XMPP
    /// uses it too, and makes one of its own without it.
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM).
    pub tls_key: Option<PathBuf>,
    /// What passwords and digests are derived from, at least 16 bytes; by default made once and
    /// kept in the data folder. Changing it changes every XMPP password.
    pub secret: Option<Private>,
    /// The host name or address that clients are told to talk to; by default the one that they
    /// asked for.
    pub public_host: Option<String>,
    /// The version of the app that `/init/init` announces.
    pub app_version: f64,
    /// For how many hours after a check-in somebody counts as being there.
    pub presence_window_hours: f64,
    /// Addresses of reverse proxies whose `X-Forwarded-*` headers are believed: a list of
    /// addresses or networks (`10.0.0.0/8`).
    pub trusted_proxies: Vec<String>,
    /// After how many events the read models in memory are written to disk.
    pub snapshot_every: u64,
    /// What is logged to standard error, like `info` or `warn,server=debug`.
    pub log: String,
    /// Where clients of certain networks are sent instead of `public_host`; the longest network that
    /// holds a client's address decides.
    pub regions: Vec<RegionSettings>,
    /// How the mobile API answers.
    pub api: ApiSettings,
    /// How Weibo is asked, when it knows people's names and passwords.
    pub weibo: WeiboSettings,
    /// How XMPP is spoken.
    pub xmpp: XmppSettings,
    /// How phones are woken.
    pub push: PushSettings,
    /// How much one caller may ask for.
    pub limits: Limits,
}

/// A region, as a table of `[[regions]]`; in the environment, all of them are one list:
/// `[{host="hz.example.com", networks=["60.191.0.0/16"]}]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionSettings {
    /// The host for HTTP.
    pub host: String,
    /// The host for XMPP; by default the same.
    pub xmpp: Option<String>,
    /// Where its clients are: a list of addresses or networks (`60.191.0.0/16`).
    pub networks: Vec<String>,
}

/// How XMPP is spoken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct XmppSettings {
    /// Passwords may come without TLS from other machines too, not only from this one.
    pub plain_without_tls: bool,
    /// SCRAM is offered beside PLAIN. Clients then take it, and those that put a push token behind
    /// their password are refused.
    pub scram: bool,
    /// How many messages may wait for one person.
    pub inbox_messages: u64,
    /// Up to how many people in a room are told who else comes and goes.
    pub room_presence: usize,
    /// Until when somebody must have logged in on a new connection, in milliseconds.
    pub login_ms: u64,
    /// After how long a silence a client is asked whether it is there, in milliseconds.
    pub quiet_ms: u64,
    /// How long it may take to answer, in milliseconds.
    pub answer_ms: u64,
    /// After how long a client that has been sent messages, and has said nothing since, is asked
    /// whether they have come, in milliseconds; 0 for never. What has not come wakes the phone.
    pub confirm_ms: u64,
    /// How long a session may be without a connection and be resumed (XEP-0198), in milliseconds; 0
    /// for not at all.
    pub resume_ms: u64,
}

/// How phones are woken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PushSettings {
    /// The `.p8` file with the key that Apple gave to the team; without one no phone is woken.
    pub key_file: Option<PathBuf>,
    /// The id of that key.
    pub key_id: Option<String>,
    /// The id of the team.
    pub team_id: Option<String>,
    /// The bundle id of the app.
    pub topic: Option<String>,
    /// Where apps of the store are known.
    pub production_url: String,
    /// Where apps under development are known.
    pub development_url: String,
    /// Certificates (PEM) of authorities to trust there, beside those that this machine trusts.
    pub ca_file: Option<PathBuf>,
    /// How long a message may wait for its receiver until the phone is woken, in milliseconds.
    pub after_ms: u64,
}

/// How Weibo is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WeiboSettings {
    /// Where its API is.
    pub base_url: String,
    /// The key of this server's app there.
    pub app_key: Option<String>,
    /// The secret of this server's app there.
    pub app_secret: Option<Private>,
    /// Where Weibo sends browsers back to: `/oauth2/sina_callback` of this server, as registered
    /// there.
    pub redirect_uri: Option<String>,
    /// A login by way of Weibo must have been begun at `/oauth2/sina`. The oldest clients begin
    /// it themselves.
    pub require_state: bool,
}

/// How a bucket is reached. What is not set comes from the usual variables of AWS, or from the
/// machine that this runs on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct S3Settings {
    /// The address of a server that is not Amazon's, like `https://minio.example.com`.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The id of the access key.
    pub access_key: Option<String>,
    /// The secret of the access key.
    pub secret_key: Option<Private>,
}

/// How the mobile API answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApiSettings {
    /// The status of errors: `http` for 4xx, `ok` for 200 (old clients look only at the body).
    pub error_status: ErrorStatus,
}

/// How much one caller may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The largest body of a request, in bytes.
    pub body_bytes: usize,
    /// The longest time for one request, in milliseconds.
    pub request_ms: u64,
    /// The largest picture that is taken, in bytes; at most 8 MiB.
    pub picture_bytes: usize,
    /// The longest time for sending a picture, in milliseconds.
    pub upload_ms: u64,
    /// How many pictures an album may hold.
    pub album_pictures: usize,
    /// Failed logins for one name from one address in a window; then this pair is locked.
    pub login_failures_per_pair: u32,
    /// Failed logins from one address in a window, whatever the names.
    pub login_failures_per_address: u32,
    /// The window in which failed logins are counted, in milliseconds.
    pub login_window_ms: u64,
    /// Open connections, all together. Loopback and trusted proxies are not counted, but those who
    /// come through such a proxy to a WebSocket are.
    pub connections: usize,
    /// Open connections of one IPv4 address or IPv6 /64, counted likewise. Generous, because whole mobile networks stand behind one address.
    pub connections_per_address: usize,
    /// Until when a new connection must have brought a whole request head, in milliseconds.
    pub header_ms: u64,
    /// The longest time a connection may stay open between requests, in milliseconds.
    pub idle_ms: u64,
    /// The largest head of a request, in bytes; at least 8,192.
    pub header_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: "data".into(),
            http_addr: "127.0.0.1:8080".into(),
            xmpp_addr: "127.0.0.1:5222".into(),
            xmpps_addr: None,
            xmpp_web_addr: "127.0.0.1:5280".into(),
            xmpp_web_token: None,
            xmpp_domain: "dface.cn".into(),
            admin_token: None,
            log_url: None,
            read_url: None,
            state_url: None,
            blob_url: None,
            s3: S3Settings::default(),
            timezone: "Asia/Shanghai".into(),
            identity: "local".into(),
            tls_cert: None,
            tls_key: None,
            secret: None,
            public_host: None,
            app_version: 1.0,
            presence_window_hours: 12.0,
            trusted_proxies: Vec::new(),
            snapshot_every: 50_000,
            log: "info".into(),
            regions: Vec::new(),
            api: ApiSettings {
                error_status: ErrorStatus::Http,
            },
            weibo: WeiboSettings {
                base_url: "https://api.weibo.com".into(),
                app_key: None,
                app_secret: None,
                redirect_uri: None,
                require_state: false,
            },
            xmpp: XmppSettings {
                plain_without_tls: false,
                scram: false,
                inbox_messages: 1_000,
                room_presence: 100,
                login_ms: 60_000,
                quiet_ms: 240_000,
                answer_ms: 30_000,
                confirm_ms: 3_000,
                resume_ms: 300_000,
            },
            push: PushSettings {
                key_file: None,
                key_id: None,
                team_id: None,
                topic: None,
                production_url: "https://api.push.apple.com".into(),
                development_url: "https://api.sandbox.push.apple.com".into(),
                ca_file: None,
                after_ms: 10_000,
            },
            limits: Limits {
                body_bytes: 1 << 20,
                request_ms: 30_000,
                picture_bytes: 8 << 20,
                upload_ms: 120_000,
                album_pictures: 8,
                login_failures_per_pair: 10,
                login_failures_per_address: 500,
                login_window_ms: 15 * 60 * 1000,
                connections: 10_000,
                connections_per_address: 1_000,
                header_ms: 15_000,
                idle_ms: 75_000,
                header_bytes: 64 << 10,
            },
        }
    }
}
