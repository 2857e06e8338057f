//! Logging in (RFC 6120 §6): the mechanism PLAIN (RFC 4616).
//!
//! Stronger mechanisms are not offered: clients would take them, and could then not send the push
//! token that old clients put behind the password.

use crate::Service;
use crate::xml::Element;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use commands::Verdict;
use commands::identity::{Refusal, XmppLogin};
use domain::UserId;
use domain::push::Device;
use std::net::IpAddr;

/// The namespace of everything here.
pub(crate) const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";

/// How a step of a login ended.
pub(crate) enum Step {
    /// The client is asked for its initial response.
    Challenge,
    /// Somebody has logged in.
    Success(XmppLogin),
    /// It did not work, for this reason (RFC 6120 §6.5).
    Failure(&'static str),
}

/// Name and password, decoded.
struct Credentials {
    user_id: UserId,
    password: String,
}

impl Service {
    /// Takes one element of a login from `address`; `safe` says that nobody else can read it.
    pub(crate) async fn log_in(&self, element: &Element, address: IpAddr, safe: bool) -> Step {
        match element.name() {
            "auth" if element.attr("mechanism") != Some("PLAIN") => {
                return Step::Failure("invalid-mechanism");
            }
            "auth" | "response" => {}
            "abort" => return Step::Failure("aborted"),
            _ => return Step::Failure("malformed-request"),
        }
        if !safe {
            return Step::Failure("encryption-required");
        }
        let text = element.text();
        let text = text.trim();
        if element.name() == "auth" && matches!(text, "" | "=") {
            return Step::Challenge;
        }
        match self.credentials(text) {
            Ok(credentials) => self.check(credentials, address).await,
            Err(failure) => Step::Failure(failure),
        }
    }

    async fn check(&self, credentials: Credentials, address: IpAddr) -> Step {
        let Credentials { user_id, password } = credentials;
        let attempt = self
            .login_guard
            .attempt(&user_id.to_string(), address)
            .await;
        if attempt.verdict == Verdict::Locked {
            return Step::Failure("temporary-auth-failure");
        }
        match self.commands.log_in_to_xmpp(user_id, &password).await {
            Ok(Ok(login)) => Step::Success(login),
            Ok(Err(Refusal::Banned)) => Step::Failure("account-disabled"),
            Ok(Err(Refusal::Wrong)) => {
                attempt.failed();
                Step::Failure("not-authorized")
            }
            Err(error) => {
                tracing::error!(%error, "nobody can log in");
                Step::Failure("temporary-auth-failure")
            }
        }
    }

    /// Reads `authorization identity NUL name NUL password`.
    fn credentials(&self, text: &str) -> Result<Credentials, &'static str> {
        let bytes = STANDARD.decode(text).map_err(|_| "incorrect-encoding")?;
        let message = String::from_utf8(bytes).map_err(|_| "malformed-request")?;
        let mut parts = message.split('\0');
        let (Some(identity), Some(name), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("malformed-request");
        };
        // Some clients give the whole JID as the name.
        let user = |name: &str| -> Option<UserId> {
            let local = match name.split_once('@') {
                Some((local, domain)) if domain.eq_ignore_ascii_case(&self.settings.domain) => {
                    local
                }
                Some(_) => return None,
                None => name,
            };
            local.to_ascii_lowercase().parse().ok()
        };
        let user_id = user(name).ok_or("not-authorized")?;
        if !identity.is_empty() && user(identity) != Some(user_id) {
            return Err("invalid-authzid");
        }
        Ok(Credentials {
            user_id,
            password: password.to_owned(),
        })
    }

    /// Wakes this device for the person from now on. That it did not work keeps nobody out.
    pub(crate) async fn bind_device(&self, user_id: UserId, device: Device) {
        let held = self.projections.push_tokens.of(user_id).await;
        let held = held.is_ok_and(|held| held.as_ref() == Some(&device));
        if let Err(error) = self.commands.bind_device(user_id, device, held).await {
            tracing::warn!(%error, "a device cannot be bound");
        }
    }
}
