//! Settings that cannot work are refused before anything is started.

use super::{PushSettings, RegionSettings, Settings, WeiboSettings};
use anyhow::{Result, bail, ensure};
use std::net::Ipv6Addr;

/// The shortest secret that is accepted, in bytes.
const SECRET_BYTES: usize = 16;

/// The longest time that a message may wait until somebody is woken: an hour after it was sent
/// nobody is any more.
const PUSH_AFTER_MS: u64 = 10 * 60 * 1000;

impl Settings {
    /// Refuses what cannot work, before anything is started.
    ///
    /// # Errors
    /// A sentence that names the setting, never the value of a private one.
    pub fn check(&self) -> Result<()> {
        let addresses = [
            ("http_addr", Some(&self.http_addr)),
            ("xmpp_addr", Some(&self.xmpp_addr)),
            ("xmpps_addr", self.xmpps_addr.as_ref()),
            ("xmpp_web_addr", Some(&self.xmpp_web_addr)),
        ];
        for (name, address) in addresses {
            ensure!(
                address.is_none_or(|address| is_address(address)),
                "{name} must be host:port, like 127.0.0.1:8080"
            );
        }
        let domain = self.xmpp_domain.as_bytes();
        ensure!(
            !domain.is_empty()
                && domain
                    .iter()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(b)),
            "xmpp_domain must be a domain in lower case, like chat.example.com"
        );
        for (name, ms) in [
            ("login_ms", self.xmpp.login_ms),
            ("quiet_ms", self.xmpp.quiet_ms),
            ("answer_ms", self.xmpp.answer_ms),
        ] {
            ensure!(ms > 0, "xmpp.{name} must be at least 1");
        }
        for (name, token) in [
            ("admin_token", &self.admin_token),
            ("xmpp_web_token", &self.xmpp_web_token),
        ] {
            let visible = token.as_ref().is_none_or(|token| {
                !token.get().is_empty() && token.get().bytes().all(|b| b.is_ascii_graphic())
            });
            ensure!(
                visible,
                "{name} must be visible ASCII characters without spaces"
            );
        }
        if let Some(secret) = &self.secret {
            let long = secret.get().len() >= SECRET_BYTES;
            ensure!(long, "secret must have at least {SECRET_BYTES} bytes");
        }
        for (name, url) in [
            ("log_url", &self.log_url),
            ("read_url", &self.read_url),
            ("state_url", &self.state_url),
        ] {
            if let Some(url) = url {
                let known = ["sqlite:", "postgres://", "postgresql://"];
                let known = known.iter().any(|scheme| url.get().starts_with(scheme));
                ensure!(known, "{name} must begin with sqlite: or postgres://");
            }
        }
        if let Some(url) = &self.blob_url {
            let known = url.starts_with("file:///") || url.starts_with("s3://");
            ensure!(known, "blob_url must begin with file:/// or s3://");
        }
        if let Some(endpoint) = &self.s3.endpoint {
            ensure!(
                is_url(endpoint),
                "s3.endpoint must begin with https:// or http://"
            );
        }
        match self.identity.as_str() {
            "local" => {}
            "weibo" => self.weibo.check()?,
            _ => bail!("identity must be local or weibo"),
        }
        self.push.check()?;
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => bail!("tls_cert needs tls_key beside it"),
            (None, Some(_)) => bail!("tls_key needs tls_cert beside it"),
            _ => {}
        }
        ensure!(self.app_version.is_finite(), "app_version must be a number");
        let hours = self.presence_window_hours;
        let sane = hours > 0.0 && hours <= 24.0 * 366.0;
        ensure!(
            sane,
            "presence_window_hours must be more than 0 and at most a year"
        );
        ensure!(self.snapshot_every > 0, "snapshot_every must be at least 1");
        ensure!(
            self.limits.header_bytes >= 8192,
            "limits.header_bytes must be at least 8192"
        );
        ensure!(
            self.limits.body_bytes > 0,
            "limits.body_bytes must be at least 1"
        );
        ensure!(
            self.limits.request_ms > 0,
            "limits.request_ms must be at least 1"
        );
        let picture_bytes = self.limits.picture_bytes;
        ensure!(
            (1..=media::picture::MAX_BYTES).contains(&picture_bytes),
            "limits.picture_bytes must be 1 to {}",
            media::picture::MAX_BYTES
        );
        ensure!(
            self.limits.upload_ms > 0,
            "limits.upload_ms must be at least 1"
        );
        ensure!(
            self.limits.album_pictures > 0,
            "limits.album_pictures must be at least 1"
        );
        ensure!(
            self.limits.login_window_ms > 0,
            "limits.login_window_ms must be at least 1"
        );
        self.timezone()?;
        self.trusted_proxies()?;
        for region in &self.regions {
            region.check()?;
        }
        self.regions()?;
        Ok(())
    }
}

impl RegionSettings {
    /// Refuses a region that nobody could be sent to, or from.
    fn check(&self) -> Result<()> {
        let hosts = [Some(&self.host), self.xmpp.as_ref()];
        ensure!(
            hosts.into_iter().flatten().all(|host| is_host(host)),
            "regions: host and xmpp must be names or addresses, like hz.example.com"
        );
        ensure!(
            !self.networks.is_empty(),
            "regions: {} needs networks, like 60.191.0.0/16",
            self.host
        );
        Ok(())
    }
}

impl PushSettings {
    /// Refuses what no phone can be woken with.
    fn check(&self) -> Result<()> {
        for (name, url) in [
            ("production_url", &self.production_url),
            ("development_url", &self.development_url),
        ] {
            let safe = is_url(url) && url.starts_with("https://");
            ensure!(safe, "push.{name} must begin with https://");
        }
        ensure!(
            self.after_ms <= PUSH_AFTER_MS,
            "push.after_ms must be at most {PUSH_AFTER_MS}"
        );
        if self.key_file.is_none() {
            return Ok(());
        }
        for (name, value, like) in [
            ("key_id", &self.key_id, "ABC123DEFG"),
            ("team_id", &self.team_id, "DEF123GHIJ"),
            ("topic", &self.topic, "cn.dface.face"),
        ] {
            let plain = value.as_ref().is_some_and(|value| {
                !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic())
            });
            ensure!(
                plain,
                "push.key_file needs push.{name} beside it, like {like}"
            );
        }
        Ok(())
    }
}

impl WeiboSettings {
    /// Refuses what Weibo cannot be asked with.
    fn check(&self) -> Result<()> {
        ensure!(
            is_url(&self.base_url),
            "weibo.base_url must begin with https:// or http://"
        );
        let key = self.app_key.as_ref().is_some_and(|key| !key.is_empty());
        ensure!(key, "identity weibo needs weibo.app_key");
        let secret = self.app_secret.as_ref();
        ensure!(
            secret.is_some_and(|secret| !secret.get().is_empty()),
            "identity weibo needs weibo.app_secret"
        );
        ensure!(
            self.redirect_uri.as_deref().is_some_and(is_url),
            "identity weibo needs weibo.redirect_uri, like \
             https://chat.example.com/oauth2/sina_callback"
        );
        Ok(())
    }
}

fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once(':');
    parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn is_host(text: &str) -> bool {
    // An address of IPv6 has colons, in brackets or not; nothing else may look like a port.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    !text.is_empty() && (text.bytes().all(plain) || bare.parse::<Ipv6Addr>().is_ok())
}

fn is_url(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}

#[cfg(test)]
mod tests {
    use super::super::{Private, StoreUrl};
    use super::*;

    #[track_caller]
    fn refused(change: impl FnOnce(&mut Settings), says: &str) {
        let mut settings = Settings::default();
        change(&mut settings);
        let error = settings.check().expect_err("must be refused").to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn the_defaults_are_sound() {
        Settings::default().check().expect("sound");
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        refused(|s| s.http_addr = "8080".into(), "http_addr");
        refused(|s| s.http_addr = "127.0.0.1:99999".into(), "http_addr");
        refused(|s| s.xmpp_addr = "5222".into(), "xmpp_addr");
        refused(|s| s.xmpps_addr = Some("x".into()), "xmpps_addr");
        refused(|s| s.xmpp_domain = "Dface.cn".into(), "xmpp_domain");
        refused(|s| s.xmpp.quiet_ms = 0, "xmpp.quiet_ms");
        refused(|s| s.tls_cert = Some("cert.pem".into()), "tls_key");
        refused(|s| s.timezone = "Mars/Olympus".into(), "Mars/Olympus");
        refused(
            |s| s.trusted_proxies = vec!["10.0.0.0/99".into()],
            "10.0.0.0/99",
        );
        refused(|s| s.identity = "ldap".into(), "local or weibo");
        refused(|s| s.secret = Some(Private::new("short")), "16 bytes");
        refused(|s| s.admin_token = Some(Private::new("")), "admin_token");
        refused(|s| s.xmpp_web_addr = "5280".into(), "xmpp_web_addr");
        refused(
            |s| s.xmpp_web_token = Some(Private::new("a b")),
            "xmpp_web_token",
        );
        refused(|s| s.log_url = Some(StoreUrl::new("mysql://x")), "log_url");
        refused(|s| s.blob_url = Some("data/blobs".into()), "blob_url");
        refused(|s| s.s3.endpoint = Some("minio:9000".into()), "s3.endpoint");
        refused(|s| s.limits.picture_bytes = 9 << 20, "picture_bytes");
        refused(
            |s| s.presence_window_hours = f64::NAN,
            "presence_window_hours",
        );
    }

    #[test]
    fn whoever_wakes_phones_must_say_as_whom() {
        let whole = |s: &mut Settings| {
            s.push.key_file = Some("AuthKey_ABC123DEFG.p8".into());
            s.push.key_id = Some("ABC123DEFG".into());
            s.push.team_id = Some("DEF123GHIJ".into());
            s.push.topic = Some("cn.dface.face".into());
        };
        let mut settings = Settings::default();
        whole(&mut settings);
        settings.check().expect("sound");
        let refused = |change: fn(&mut PushSettings), says| {
            refused(
                |s| {
                    whole(s);
                    change(&mut s.push);
                },
                says,
            );
        };
        refused(|p| p.key_id = None, "push.key_id");
        refused(|p| p.team_id = Some(String::new()), "push.team_id");
        refused(|p| p.topic = Some("a b".into()), "push.topic");
        refused(
            |p| p.production_url = "http://x".into(),
            "push.production_url",
        );
        refused(|p| p.development_url = "x".into(), "push.development_url");
        refused(|p| p.after_ms = 3_600_000, "push.after_ms");
    }

    #[test]
    fn weibo_must_be_told_as_whom_and_where_it_is_asked() {
        let whole = |s: &mut Settings| {
            s.identity = "weibo".into();
            s.weibo.app_key = Some("1234567890".into());
            s.weibo.app_secret = Some(Private::new("hush"));
            s.weibo.redirect_uri = Some("https://x.example/oauth2/sina_callback".into());
        };
        let mut settings = Settings::default();
        whole(&mut settings);
        settings.check().expect("sound");
        let refused = |change: fn(&mut WeiboSettings), says| {
            refused(
                |s| {
                    whole(s);
                    change(&mut s.weibo);
                },
                says,
            );
        };
        refused(|w| w.base_url = "api.weibo.com".into(), "weibo.base_url");
        refused(|w| w.app_key = None, "weibo.app_key");
        refused(|w| w.app_secret = None, "weibo.app_secret");
        refused(|w| w.redirect_uri = Some("x".into()), "weibo.redirect_uri");
    }

    #[test]
    fn a_region_needs_hosts_and_networks_of_its_own() {
        let region = |host: &str, networks: &[&str]| RegionSettings {
            host: host.into(),
            xmpp: None,
            networks: networks.iter().map(|&text| text.into()).collect(),
        };
        let hz = region(
            "hz.example.com",
            &["60.191.0.0/16", "192.0.2.7", "2001:db8::/32"],
        );
        let six = region("2001:db8::7", &["60.0.0.0/8"]);
        let sound = Settings {
            regions: vec![hz.clone(), six],
            ..Settings::default()
        };
        sound.check().expect("sound");
        for (other, says) in [
            (region("", &["10.0.0.0/8"]), "hz.example.com"),
            (region("a:8080", &["10.0.0.0/8"]), "hz.example.com"),
            (region("a b", &["10.0.0.0/8"]), "hz.example.com"),
            (region("sh", &[]), "sh needs networks"),
            (region("sh", &["10.0.0.0/40"]), "10.0.0.0/40"),
            (region("sh", &["60.191.1.0/16"]), "claim 60.191.0.0/16"),
        ] {
            refused(|s| s.regions = vec![hz.clone(), other], says);
        }
    }

    #[test]
    fn a_refusal_does_not_show_the_secret() {
        let settings = Settings {
            secret: Some(Private::new("hush")),
            ..Settings::default()
        };
        let error = format!("{:?}", settings.check().expect_err("too short"));
        assert!(!error.contains("hush"), "{error}");
    }
}
