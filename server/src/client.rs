//! The admin API from a shell: one call, its JSON answer or the server's error.

use crate::config::Settings;
use crate::folder::{Claim, DataFolder};
use crate::tls;
use anyhow::{Context, Result, bail};
use domain::photo::Format;
use media::picture;
use reqwest::multipart::{Form, Part};
use reqwest::{Certificate, Client, ClientBuilder, Method, RequestBuilder, Url, redirect};
use serde_json::Value;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Which server to talk to.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Target {
    /// The server, like https://chat.example.com [default: the one of this data folder, else http_addr]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Trust the certificates in this file (PEM), and no others
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// Calls the admin API with the token of the settings.
pub(crate) struct AdminClient {
    http: Client,
    url: Url,
    token: String,
}

impl AdminClient {
    /// A client for `target`.
    ///
    /// # Errors
    /// When there is no token, or the URL or the certificates make no sense.
    pub(crate) fn new(settings: &Settings, target: &Target) -> Result<Self> {
        let token = settings.admin_token.as_ref().context(
            "the admin API needs the token of the server: set LIANLIAN_ADMIN_TOKEN or admin_token",
        )?;
        let mut builder = Client::builder();
        let url = match &target.url {
            Some(url) => Url::parse(url).with_context(|| format!("{url:?} is no URL"))?,
            None => {
                let (url, resolve) = own(settings)?;
                if let Some((host, address)) = resolve {
                    builder = builder.resolve(&host, address);
                }
                Url::parse(&url).with_context(|| format!("{url:?} is no URL"))?
            }
        };
        let http = match (&target.ca, url.scheme()) {
            (Some(ca), _) => {
                let pem = std::fs::read(ca)
                    .with_context(|| format!("cannot read the certificates in {}", ca.display()))?;
                let certificates = Certificate::from_pem_bundle(&pem)
                    .with_context(|| format!("{} holds no certificates", ca.display()))?;
                build(builder.tls_certs_only(certificates))?
            }
            (None, "https") => build(builder)?,
            (None, "http") => build(without_tls(builder))?,
            (None, _) => bail!("the URL must begin with http:// or https://"),
        };
        Ok(Self {
            http,
            url,
            token: token.get().to_owned(),
        })
    }

    /// Calls `path`, given as its segments, with parameters if there are any.
    ///
    /// # Errors
    /// When the server cannot be reached, or what it answers instead of 2xx.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &[&str],
        parameters: Option<Value>,
    ) -> Result<Value> {
        let reads = method == Method::GET;
        let request = self.request(method, path)?;
        self.answer(match parameters {
            Some(query) if reads => request.query(&query),
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    /// Sends a picture to `path` under this name, with parameters if there are any.
    ///
    /// # Errors
    /// When it cannot be read, and those of [`Self::call`].
    pub(crate) async fn send(
        &self,
        name: &'static str,
        file: &Path,
        path: &[&str],
        parameters: Option<Value>,
    ) -> Result<Value> {
        let bytes =
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let kind = match picture::sniff(&bytes) {
            Some(Format::Jpeg) => "image/jpeg",
            Some(Format::Png) => "image/png",
            Some(Format::Gif) => "image/gif",
            None => bail!("{} is not a JPEG, PNG or GIF", file.display()),
        };
        let picture = Part::bytes(bytes).file_name(name).mime_str(kind)?;
        let mut form = Form::new().part(name, picture);
        let parameters = parameters.as_ref().and_then(Value::as_object);
        for (key, value) in parameters.into_iter().flatten() {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            form = form.text(key.clone(), text);
        }
        let request = self.request(Method::POST, path)?;
        self.answer(request.multipart(form)).await
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder> {
        let mut url = self.url.clone();
        // Segment by segment, so that a `/` in an id cannot lead elsewhere.
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("{} is no URL of a server", self.url))?
            .pop_if_empty()
            .push("admin")
            .extend(path);
        Ok(self.http.request(method, url).bearer_auth(&self.token))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Value> {
        let server = self.url.origin().ascii_serialization();
        let answer = request.send().await.map_err(reqwest::Error::without_url);
        let answer = answer.with_context(|| format!("cannot reach the server at {server}"))?;
        let status = answer.status();
        let text = answer
            .text()
            .await
            .with_context(|| format!("{server} broke off"))?;
        let body: Option<Value> = serde_json::from_str(&text).ok();
        let said = body.as_ref().and_then(|body| body.get("error")?.as_str());
        match (said, body.as_ref()) {
            (Some(error), _) => bail!("{error} ({})", status.as_u16()),
            (None, Some(body)) if status.is_success() => Ok(body.clone()),
            _ => bail!("{server} answered {status}: is it a lianlian server?"),
        }
    }
}

/// A builder that needs no certificates: a machine without any can still speak plain HTTP.
pub(crate) fn without_tls(builder: ClientBuilder) -> ClientBuilder {
    builder.tls_certs_only([])
}

/// Builds a client that talks to nobody but the server: no proxy and no redirect sees its token.
pub(crate) fn build(builder: ClientBuilder) -> Result<Client> {
    tls::install_provider();
    builder
        .no_proxy()
        .redirect(redirect::Policy::none())
        .timeout(TIMEOUT)
        .build()
        .context("cannot speak HTTP from here")
}

/// The URL of the server of these settings, and where its name leads, when the name is public but
/// the server is on this machine.
fn own(settings: &Settings) -> Result<(String, Option<(String, SocketAddr)>)> {
    if let Some(url) = announced(settings)? {
        let named = match (url.strip_prefix("https://"), &settings.public_host) {
            (Some(address), Some(host)) => address.parse().ok().map(|at| (host, at)),
            _ => None,
        };
        return Ok(named.map_or((url, None), |(host, at)| named_url(host, at)));
    }
    let address = settings
        .http_addr
        .to_socket_addrs()
        .ok()
        .and_then(|mut all| all.next())
        .map(Settings::reachable)
        .with_context(|| format!("http_addr {} leads nowhere", settings.http_addr))?;
    Ok(match (settings.tls(), &settings.public_host) {
        (None, _) => (format!("http://{address}"), None),
        (Some(_), None) => (format!("https://{address}"), None),
        (Some(_), Some(host)) => named_url(host, address),
    })
}

fn named_url(host: &str, at: SocketAddr) -> (String, Option<(String, SocketAddr)>) {
    (
        format!("https://{host}:{}", at.port()),
        Some((host.to_owned(), at)),
    )
}

/// Where the server of the data folder says that it answers.
fn announced(settings: &Settings) -> Result<Option<String>> {
    if !settings.data_dir.join("lock").exists() {
        return Ok(None);
    }
    match DataFolder::open(&settings.data_dir)?.claim()? {
        Claim::Served(url) => Ok(url),
        Claim::Ours(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Private;

    fn settings() -> (tempfile::TempDir, Settings) {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings {
            data_dir: folder.path().to_owned(),
            http_addr: "0.0.0.0:8443".into(),
            admin_token: Some(Private::new("token")),
            ..Settings::default()
        };
        (folder, settings)
    }

    #[test]
    fn the_server_of_the_settings_is_found() {
        let (_folder, mut settings) = settings();
        assert_eq!(own(&settings).expect("a url").0, "http://127.0.0.1:8443");
        settings.tls_cert = Some("cert.pem".into());
        settings.tls_key = Some("key.pem".into());
        assert_eq!(own(&settings).expect("a url").0, "https://127.0.0.1:8443");
        settings.public_host = Some("chat.example.com".into());
        let (url, resolve) = own(&settings).expect("a url");
        assert_eq!(url, "https://chat.example.com:8443");
        let at = "127.0.0.1:8443".parse().expect("an address");
        assert_eq!(resolve, Some(("chat.example.com".into(), at)));
    }

    #[test]
    fn a_running_server_is_found_at_the_port_that_it_picked() {
        let (_folder, settings) = settings();
        let folder = DataFolder::open(&settings.data_dir).expect("a folder");
        let mut lock = folder.lock().expect("free");
        lock.announce("http://127.0.0.1:40123").expect("written");
        assert_eq!(own(&settings).expect("a url").0, "http://127.0.0.1:40123");
    }

    #[test]
    fn without_a_token_nothing_is_called() {
        let (_folder, mut settings) = settings();
        settings.admin_token = None;
        let error = AdminClient::new(&settings, &Target::default())
            .err()
            .expect("refused");
        assert!(error.to_string().contains("LIANLIAN_ADMIN_TOKEN"));
    }
}
