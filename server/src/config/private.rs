//! Settings that must not be shown: however they are printed, what is private is blacked out.

use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

const REDACTED: &str = "[redacted]";

/// A token or a secret.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Private(String);

/// The address of a store, which may hold a password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct StoreUrl(String);

impl Private {
    /// Hides `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one who needs it.
    #[must_use]
    pub fn get(&self) -> &str {
        &self.0
    }
}

impl StoreUrl {
    /// Hides the password in `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The address with its password, for the one who connects.
    #[must_use]
    pub fn get(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Private {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for StoreUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `url` without the password before its host and without those among its parameters.
fn without_password(url: &str) -> String {
    let (address, parameters) = url
        .split_once('?')
        .map_or((url, None), |(a, p)| (a, Some(p)));
    let mut shown = match address.split_once("://") {
        Some((scheme, rest)) => {
            // A password may hold a `/` or `@` that was not encoded: up to the last `@` is private.
            let (user, host) = rest.rsplit_once('@').unwrap_or(("", rest));
            match user.split_once(':') {
                Some((name, _)) => format!("{scheme}://{name}:{REDACTED}@{host}"),
                None => address.to_owned(),
            }
        }
        None => address.to_owned(),
    };
    for (at, parameter) in parameters
        .into_iter()
        .flat_map(|all| all.split('&'))
        .enumerate()
    {
        shown.push(if at == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some((name, _)) if name.to_ascii_lowercase().contains("pass") => {
                shown.push_str(&format!("{name}={REDACTED}"));
            }
            _ => shown.push_str(parameter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_blacked_out_wherever_it_stands() {
        for (url, shown) in [
            ("sqlite:/data/events.sqlite", "sqlite:/data/events.sqlite"),
            ("postgres://db/x", "postgres://db/x"),
            ("postgres://app@db/x", "postgres://app@db/x"),
            ("postgres://app:p@db/x", "postgres://app:[redacted]@db/x"),
            ("postgres://app:p/@q@db/x", "postgres://app:[redacted]@db/x"),
            ("postgres://app:@db", "postgres://app:[redacted]@db"),
            (
                "postgres://db/x?sslmode=require&password=p",
                "postgres://db/x?sslmode=require&password=[redacted]",
            ),
            (
                "postgres:///x?PASSWORD=p&a",
                "postgres:///x?PASSWORD=[redacted]&a",
            ),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
