//! What follows from the settings: where the stores are, networks, the time zone.

use super::{Settings, StoreUrl};
use anyhow::{Context, Result, anyhow};
use api::{Region, Regions};
use ipnet::IpNet;
use reqwest::Url;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// What would be taken for something else in the path of a URL; the sign of codes comes first.
const ENCODED: [(char, &str); 3] = [('%', "%25"), ('?', "%3F"), ('#', "%23")];

impl Settings {
    /// The settings as TOML, with what the defaults stand for filled in and what is private
    /// blacked out.
    ///
    /// # Errors
    /// When the data folder's path is no text.
    pub fn to_toml(&self) -> Result<String> {
        let mut effective = self.clone();
        effective.log_url = Some(self.log_url()?);
        effective.read_url = Some(self.read_url()?);
        effective.state_url = Some(self.state_url()?);
        effective.blob_url = Some(self.blob_url()?);
        toml::to_string(&effective).context("the settings cannot be written as TOML")
    }

    /// Where the event log is.
    ///
    /// # Errors
    /// When the data folder's path is no text; likewise below.
    pub fn log_url(&self) -> Result<StoreUrl> {
        // The event log takes the rest of a sqlite URL as it is, the others as percent-encoded.
        self.store(&self.log_url, "events.sqlite", &[])
    }

    /// Where the read models are.
    ///
    /// # Errors
    /// See [`Self::log_url`].
    pub fn read_url(&self) -> Result<StoreUrl> {
        self.store(&self.read_url, "read.sqlite", &ENCODED)
    }

    /// Where sessions and password hashes are.
    ///
    /// # Errors
    /// See [`Self::log_url`].
    pub fn state_url(&self) -> Result<StoreUrl> {
        self.store(&self.state_url, "state.sqlite", &ENCODED)
    }

    /// Where pictures are kept.
    ///
    /// # Errors
    /// When the data folder's path is none.
    pub fn blob_url(&self) -> Result<String> {
        if let Some(url) = &self.blob_url {
            return Ok(url.clone());
        }
        let folder = std::path::absolute(self.data_dir.join("blobs"));
        let url = folder.ok().and_then(|path| Url::from_file_path(path).ok());
        let url = url.with_context(|| format!("{} is no path", self.data_dir.display()))?;
        Ok(url.into())
    }

    /// The time zone in which a day begins.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn timezone(&self) -> Result<jiff::tz::TimeZone> {
        jiff::tz::TimeZone::get(&self.timezone)
            .ok()
            .with_context(|| {
                format!(
                    "timezone {:?} is unknown; give a name like Europe/Helsinki",
                    self.timezone
                )
            })
    }

    /// The networks whose forwarding headers are believed.
    ///
    /// # Errors
    /// When one is no address and no network.
    pub fn trusted_proxies(&self) -> Result<Vec<IpNet>> {
        networks("trusted_proxies", &self.trusted_proxies)
    }

    /// The regions by their networks.
    ///
    /// # Errors
    /// When a network is none, or two regions claim it.
    pub fn regions(&self) -> Result<Regions> {
        let regions = self.regions.iter().map(|region| {
            let networks = networks("regions", &region.networks)?;
            let host = region.host.clone();
            let xmpp = region.xmpp.clone().unwrap_or_else(|| host.clone());
            Ok((Region { host, xmpp }, networks))
        });
        Regions::new(regions.collect::<Result<Vec<_>>>()?)
            .map_err(|network| anyhow!("regions: two of them claim {network}"))
    }

    /// The certificate chain and the key, when the listener speaks HTTPS.
    #[must_use]
    pub fn tls(&self) -> Option<(&Path, &Path)> {
        Some((self.tls_cert.as_deref()?, self.tls_key.as_deref()?))
    }

    /// How long somebody counts as being there after a check-in, in milliseconds.
    #[must_use]
    pub fn presence_window_ms(&self) -> i64 {
        (self.presence_window_hours * 3_600_000.0) as i64
    }

    /// The address at which this machine reaches a listener that is bound to `bound`: the
    /// wildcard address is no destination.
    #[must_use]
    pub fn reachable(mut bound: SocketAddr) -> SocketAddr {
        if bound.ip().is_unspecified() {
            bound.set_ip(match bound {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        bound
    }

    fn store(
        &self,
        url: &Option<StoreUrl>,
        file: &str,
        encoded: &[(char, &str)],
    ) -> Result<StoreUrl> {
        if let Some(url) = url {
            return Ok(url.clone());
        }
        let path = std::path::absolute(self.data_dir.join(file))
            .with_context(|| format!("{} is no path", self.data_dir.display()))?;
        let path = path
            .to_str()
            .context("data_dir must be valid UTF-8")?
            .to_owned();
        let path = encoded
            .iter()
            .fold(path, |path, (plain, code)| path.replace(*plain, code));
        Ok(StoreUrl::new(format!("sqlite:{path}")))
    }
}

/// The networks of the setting `name`.
fn networks(name: &str, texts: &[String]) -> Result<Vec<IpNet>> {
    let parse = |text: &String| {
        let alone = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>().or_else(|_| alone()).with_context(|| {
            format!("{name}: {text:?} is no address and no network like 10.0.0.0/8")
        })
    };
    texts.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Private, S3Settings};

    #[test]
    fn printed_settings_are_whole_and_hide_what_is_private() {
        let settings = Settings {
            admin_token: Some(Private::new("hush-token")),
            secret: Some(Private::new("hush-secret-of-the-test")),
            s3: S3Settings {
                secret_key: Some(Private::new("hush-key")),
                ..S3Settings::default()
            },
            log_url: Some(StoreUrl::new(
                "postgres://app:hush@db/lianlian?password=hush2",
            )),
            ..Settings::default()
        };
        let toml = settings.to_toml().expect("TOML");
        assert!(!toml.contains("hush"), "{toml}");
        assert!(
            toml.contains("postgres://app:[redacted]@db/lianlian?password=[redacted]"),
            "{toml}"
        );
        assert!(toml.contains("data/read.sqlite"), "{toml}");
        assert!(toml.contains("data/blobs"), "{toml}");
        assert!(toml.contains("error_status = \"http\""), "{toml}");
        assert!(!format!("{settings:?}").contains("hush"));
    }

    #[test]
    fn a_proxy_may_be_a_single_address() {
        let settings = Settings {
            trusted_proxies: vec!["192.0.2.7".into(), "fd00::/8".into()],
            ..Settings::default()
        };
        let proxies = settings.trusted_proxies().expect("networks");
        assert_eq!(proxies[0].to_string(), "192.0.2.7/32");
        assert_eq!(proxies[1].to_string(), "fd00::/8");
    }

    #[test]
    fn odd_letters_in_the_data_folder_survive_the_url() {
        let settings = Settings {
            data_dir: "/tmp/50% of?it".into(),
            ..Settings::default()
        };
        let url = settings.read_url().expect("a url");
        assert_eq!(url.get(), "sqlite:/tmp/50%25 of%3Fit/read.sqlite");
        let url = settings.log_url().expect("a url");
        assert_eq!(url.get(), "sqlite:/tmp/50% of?it/events.sqlite");
        let url = settings.blob_url().expect("a url");
        assert_eq!(url, "file:///tmp/50%25%20of%3Fit/blobs");
    }
}
