//! The house put together: which store, which crate, which setting goes where.
//!
//! The only place of this package that knows how the other crates are opened.

use crate::config::Settings;
use crate::folder::DataFolder;
use crate::tls::{Certificate, Files};
use anyhow::{Context, Result};
use api::Pictures;
use axum::Router;
use commands::identity::{Provider, Weibo, WeiboSettings};
use commands::shop::Importer;
use commands::{Clock, Commands, Secret, State};
use delivery::Dispatcher;
use eventlog::EventLog;
use media::blobs::Blobs;
use media::links::Links;
use policies::{Apns, ApnsSettings, BlobSweep, Pace, Policies, Push};
use projections::Projections;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use xmpp::Service;

/// How long the read models and the log may take to finish, each.
const STOP: Duration = Duration::from_secs(2);

/// A whole server without its listener.
pub struct House {
    /// What the mobile and the admin API answer, and XMPP over WebSockets.
    pub router: Router,
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// The read models.
    pub projections: Arc<Projections>,
    /// What XMPP connections are left to.
    pub xmpp: Arc<Service>,
    /// What the web interface of XMPP answers.
    pub xmpp_web: Router,
    /// What handshakes show, and where it lies, when the settings name files.
    pub(crate) certificate: Option<(Arc<Certificate>, Files)>,
    dispatcher: Arc<Dispatcher>,
    policies: Policies,
    _sweep: BlobSweep,
}

impl House {
    /// Opens the stores and starts the read models, which then catch up, and the policies, which
    /// wait for them.
    ///
    /// # Errors
    /// When a store is away, or Weibo or Apple cannot be asked from here.
    pub async fn open(settings: &Settings, folder: &DataFolder) -> Result<Self> {
        let certificate = certificate(settings)?;
        let log = open_log(settings, folder).await?;
        let projections = open_projections(settings, folder, log.clone()).await?;
        private(folder, settings.state_url.is_none(), "state.sqlite")?;
        let state = State::open(settings.state_url()?.get())
            .await
            .context("cannot open the state database")?;
        let secret = match &settings.secret {
            Some(secret) => secret.get().to_owned(),
            None => folder.secret()?,
        };
        let links = Links::new(&secret);
        let secret = Secret::new(secret.into_bytes());
        let commands = Commands::new(log.clone(), state, secret, Clock::system())
            .with_provider(provider(settings)?)
            .with_timezone(settings.timezone()?);
        let commands = Arc::new(commands);
        let blobs = open_blobs(settings)?;
        tokio::spawn(warn_if_away(blobs.clone()));
        let mut policies = policies::all(
            &commands,
            &projections,
            &blobs,
            settings.presence_window_ms(),
        );
        if let Some(apns) = apns(settings)? {
            let after_ms = i64::try_from(settings.push.after_ms).unwrap_or(i64::MAX);
            policies.extend(Push::both(&commands, &projections, &apns, after_ms));
        } else {
            tracing::info!("no phone is woken: push.key_file is not set");
        }
        let policies = Policies::start(
            policies,
            commands.clone(),
            projections.clone(),
            Pace::default(),
        );
        let policies = policies.await.context("cannot start the policies")?;
        let sweep = BlobSweep::start(commands.clone(), blobs.clone());
        let pictures = Pictures::new(blobs.clone(), links, folder.folder("uploads")?);
        let api = api_settings(settings)?;
        let app = api::App::new(commands.clone(), projections.clone(), pictures, api);
        let dispatcher = Dispatcher::start(log.clone())
            .await
            .context("cannot follow the event log")?;
        let xmpp = Service::start(
            commands,
            projections.clone(),
            dispatcher.clone(),
            blobs,
            app.login_guard(),
            xmpp_settings(settings, certificate.as_ref().map(|(shown, _)| shown))?,
        );
        Ok(Self {
            router: xmpp::websocket_router(xmpp.clone(), websocket_settings(settings)?)
                .fallback_service(api::router(app)),
            log,
            projections,
            xmpp_web: xmpp::web_router(xmpp.clone(), web_settings(settings)),
            xmpp,
            certificate,
            dispatcher,
            policies,
            _sweep: sweep,
        })
    }

    /// Lets the policies finish what they are doing, for `limit` at most; they do nothing more.
    pub async fn stop_policies(&mut self, limit: Duration) {
        self.policies.stop(limit).await;
    }

    /// Lets the read models write what they have, and the log finish.
    pub async fn stop(self) {
        drop((self.router, self.xmpp_web));
        self.xmpp.stop(STOP).await;
        self.dispatcher.stop();
        stop(&self.projections, &*self.log).await;
    }
}

/// Opens the event log.
///
/// # Errors
/// When it is away.
pub async fn open_log(settings: &Settings, folder: &DataFolder) -> Result<Arc<dyn EventLog>> {
    private(folder, settings.log_url.is_none(), "events.sqlite")?;
    eventlog::open(settings.log_url()?.get())
        .await
        .context("cannot open the event log")
}

/// Opens the blob store.
///
/// # Errors
/// When its address makes no sense, or its folder cannot be made.
pub fn open_blobs(settings: &Settings) -> Result<Blobs> {
    let s3 = settings.s3.clone();
    let settings = media::blobs::Settings {
        url: settings.blob_url()?,
        s3: media::blobs::S3 {
            endpoint: s3.endpoint,
            region: s3.region,
            access_key: s3.access_key,
            secret_key: s3.secret_key.map(|key| key.get().to_owned()),
        },
    };
    Blobs::open(&settings).context("cannot open the blob store")
}

/// Says at the start what would otherwise be seen at the first picture. Without pictures the house
/// works, so nothing waits for them.
async fn warn_if_away(blobs: Blobs) {
    if let Err(error) = blobs.check().await {
        tracing::warn!(%error, "pictures can be neither sent nor shown for now");
    }
}

/// Starts the read models.
///
/// # Errors
/// When their store is away.
pub async fn open_projections(
    settings: &Settings,
    folder: &DataFolder,
    log: Arc<dyn EventLog>,
) -> Result<Arc<Projections>> {
    private(folder, settings.read_url.is_none(), "read.sqlite")?;
    let options = projections::Options {
        read_url: settings.read_url()?.get().to_owned(),
        snapshot_dir: Some(folder.folder("snapshots")?),
        snapshot_every: settings.snapshot_every,
        timezone: settings.timezone()?,
    };
    Projections::start(log, options)
        .await
        .context("cannot open the read models")
}

/// Lets the read models write what they have, and the log finish; neither is waited for without
/// end.
pub async fn stop(projections: &Projections, log: &dyn EventLog) {
    if tokio::time::timeout(STOP, projections.stop())
        .await
        .is_err()
    {
        tracing::warn!(
            "the read models did not stop in time; they will catch up at the next start"
        );
    }
    if tokio::time::timeout(STOP, log.close()).await.is_err() {
        tracing::warn!("the event log did not close in time");
    }
}

/// What puts the shops of a file into the log.
#[must_use]
pub fn importer(log: Arc<dyn EventLog>) -> Importer {
    Importer::new(log, Clock::system())
}

fn private(folder: &DataFolder, embedded: bool, name: &str) -> Result<()> {
    if embedded {
        folder.private_file(name)
    } else {
        Ok(())
    }
}

/// Who knows people's names and passwords.
fn provider(settings: &Settings) -> Result<Provider> {
    if settings.identity != "weibo" {
        return Ok(Provider::Local);
    }
    let weibo = settings.weibo.clone();
    let weibo = Weibo::new(WeiboSettings {
        base_url: weibo.base_url,
        app_key: weibo.app_key.context("weibo.app_key is missing")?,
        app_secret: weibo
            .app_secret
            .context("weibo.app_secret is missing")?
            .get()
            .to_owned(),
        redirect_uri: weibo
            .redirect_uri
            .context("weibo.redirect_uri is missing")?,
        connect_limit: WeiboSettings::CONNECT_LIMIT,
        call_limit: WeiboSettings::CALL_LIMIT,
    });
    let weibo = weibo.context("weibo cannot be asked from here")?;
    Ok(Provider::Weibo(Box::new(weibo)))
}

/// Who wakes phones, if they are woken.
fn apns(settings: &Settings) -> Result<Option<Arc<Apns>>> {
    let push = settings.push.clone();
    let Some(key_file) = push.key_file else {
        return Ok(None);
    };
    let read = |path: &Path| {
        std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let apns = Apns::new(ApnsSettings {
        key: read(&key_file)?,
        key_id: push.key_id.context("push.key_id is missing")?,
        team_id: push.team_id.context("push.team_id is missing")?,
        topic: push.topic.context("push.topic is missing")?,
        production_url: push.production_url,
        development_url: push.development_url,
        ca: push.ca_file.as_deref().map(read).transpose()?,
        connect_limit: ApnsSettings::CONNECT_LIMIT,
        call_limit: ApnsSettings::CALL_LIMIT,
    });
    let apns = apns.context("no phone can be woken from here: see the settings of push")?;
    Ok(Some(Arc::new(apns)))
}

/// The certificate in the files of the settings, if they name some.
fn certificate(settings: &Settings) -> Result<Option<(Arc<Certificate>, Files)>> {
    let Some((cert, key)) = settings.tls() else {
        return Ok(None);
    };
    let certificate = Arc::new(Certificate::from_files(cert, key)?);
    Ok(Some((certificate, Files::new(cert, key))))
}

fn xmpp_settings(
    settings: &Settings,
    certificate: Option<&Arc<Certificate>>,
) -> Result<xmpp::Settings> {
    let domain = &settings.xmpp_domain;
    let certificate = match certificate {
        Some(certificate) => certificate.clone(),
        None => Arc::new(Certificate::made_for(domain)?),
    };
    let xmpp = &settings.xmpp;
    Ok(xmpp::Settings {
        domain: domain.clone(),
        tls: certificate.for_xmpp(),
        plain_without_tls: xmpp.plain_without_tls,
        scram: xmpp.scram,
        inbox_limit: xmpp.inbox_messages,
        room_presence: xmpp.room_presence,
        login_limit: Duration::from_millis(xmpp.login_ms),
        quiet: Duration::from_millis(xmpp.quiet_ms),
        answer_limit: Duration::from_millis(xmpp.answer_ms),
        confirm: Duration::from_millis(xmpp.confirm_ms),
        resume: Duration::from_millis(xmpp.resume_ms),
    })
}

fn web_settings(settings: &Settings) -> xmpp::WebSettings {
    let token = settings.xmpp_web_token.as_ref();
    xmpp::WebSettings {
        token: token.map(|token| token.get().to_owned()),
        request_limit: Duration::from_millis(settings.limits.request_ms),
    }
}

fn websocket_settings(settings: &Settings) -> Result<xmpp::WebSocketSettings> {
    Ok(xmpp::WebSocketSettings {
        https: settings.tls().is_some(),
        trusted_proxies: settings.trusted_proxies()?,
    })
}

fn api_settings(settings: &Settings) -> Result<api::Settings> {
    let limits = &settings.limits;
    Ok(api::Settings {
        admin_token: settings
            .admin_token
            .as_ref()
            .map(|token| token.get().to_owned()),
        error_status: settings.api.error_status,
        public_host: settings.public_host.clone(),
        regions: settings.regions()?,
        app_version: settings.app_version,
        presence_window_ms: settings.presence_window_ms(),
        timezone: settings.timezone()?,
        trusted_proxies: settings.trusted_proxies()?,
        https: settings.tls().is_some(),
        weibo_require_state: settings.weibo.require_state,
        limits: api::Limits {
            body_bytes: limits.body_bytes,
            request_ms: limits.request_ms,
            picture_bytes: limits.picture_bytes,
            upload_ms: limits.upload_ms,
            album_pictures: limits.album_pictures,
            login_failures_per_pair: limits.login_failures_per_pair,
            login_failures_per_address: limits.login_failures_per_address,
            login_window_ms: limits.login_window_ms,
        },
    })
}
