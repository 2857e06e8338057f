//! Logging in (RFC 6120 §6), by PLAIN and, where the settings say so, by SCRAM.
//!
//! SCRAM is off by default: clients take the strongest mechanism that there is, and old ones, which
//! put their push token behind the password, would then be refused.

mod plain;
mod scram;

use crate::Service;
use crate::xml::Element;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use commands::identity::{Refusal, ScramHash, XmppLogin};
use commands::{Error, Verdict};
use domain::push::Device;
use domain::{Party, UserId};
use plain::Credentials;
use scram::{Asked, ClientFirst};
use std::net::IpAddr;

/// The namespace of everything here.
pub(crate) const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";

/// How a step of a login ended.
pub(crate) enum Step {
    /// The client is told this, in base64, and must answer.
    Challenge(Exchange, String),
    /// Somebody has logged in, and is told this, in base64.
    Success(XmppLogin, String),
    /// It did not work, for this reason (RFC 6120 §6.5).
    Failure(&'static str),
}

/// A login that waits for an answer of the client.
#[derive(Debug)]
pub(crate) struct Exchange(Waiting);

#[derive(Debug)]
enum Waiting {
    /// For the first message.
    Beginning(Mechanism),
    /// For a proof.
    Proof(Asked),
}

#[derive(Clone, Copy, Debug)]
enum Mechanism {
    Plain,
    Scram(ScramHash),
}

impl Service {
    /// The names of the mechanisms, the strongest first.
    pub(crate) fn mechanisms(&self) -> impl Iterator<Item = &'static str> {
        let scram = [ScramHash::Sha256, ScramHash::Sha1].map(ScramHash::name);
        let offered = scram.into_iter().filter(|_| self.settings.scram);
        offered.chain(["PLAIN"])
    }

    /// Takes one element of a login from `address`, which may be the answer that `exchange` waits
    /// for; `safe` says that nobody else can read it.
    pub(crate) async fn log_in(
        &self,
        element: &Element,
        exchange: Option<Exchange>,
        address: IpAddr,
        safe: bool,
    ) -> Step {
        let step = self.step(element, exchange, address, safe).await;
        step.unwrap_or_else(Step::Failure)
    }

    async fn step(
        &self,
        element: &Element,
        exchange: Option<Exchange>,
        address: IpAddr,
        safe: bool,
    ) -> Result<Step, &'static str> {
        let waiting = match element.name() {
            "auth" => Waiting::Beginning(self.mechanism(element).ok_or("invalid-mechanism")?),
            "response" => exchange.ok_or("malformed-request")?.0,
            "abort" => return Err("aborted"),
            _ => return Err("malformed-request"),
        };
        // SCRAM would keep the password from others, but neither what is said after the login nor
        // the connection itself.
        if !safe {
            return Err("encryption-required");
        }
        let text = element.text();
        let text = match text.trim() {
            "" | "=" if element.name() == "auth" => {
                return Ok(Step::Challenge(Exchange(waiting), String::new()));
            }
            // RFC 6120 §6.4.4: nothing at all.
            "=" => "",
            text => text,
        };
        let bytes = STANDARD.decode(text).map_err(|_| "incorrect-encoding")?;
        let message = String::from_utf8(bytes).map_err(|_| "malformed-request")?;
        match waiting {
            Waiting::Beginning(Mechanism::Plain) => self.check_plain(&message, address).await,
            Waiting::Beginning(Mechanism::Scram(hash)) => self.ask_for_proof(&message, hash),
            Waiting::Proof(asked) => self.check_proof(&message, &asked, address).await,
        }
    }

    fn mechanism(&self, auth: &Element) -> Option<Mechanism> {
        let wanted = auth.attr("mechanism")?;
        if wanted == "PLAIN" {
            return Some(Mechanism::Plain);
        }
        let mut hashes = [ScramHash::Sha256, ScramHash::Sha1].into_iter();
        let hash = hashes.find(|hash| hash.name() == wanted)?;
        self.settings.scram.then_some(Mechanism::Scram(hash))
    }

    async fn check_plain(&self, message: &str, address: IpAddr) -> Result<Step, &'static str> {
        let credentials = Credentials::parse(message).ok_or("malformed-request")?;
        let party = self.party(credentials.name, credentials.identity)?;
        let login = self.commands.log_in_to_xmpp(party, credentials.password);
        let login = self.guarded(party, address, login).await?;
        Ok(Step::Success(login, String::new()))
    }

    fn ask_for_proof(&self, message: &str, hash: ScramHash) -> Result<Step, &'static str> {
        let first = ClientFirst::parse(message).map_err(|_| "malformed-request")?;
        let identity = first.identity.as_deref().unwrap_or_default();
        let party = self.party(&first.name, identity)?;
        let nonce = STANDARD.encode(rand::random::<[u8; 18]>());
        let salt = self.commands.scram_salt(party, hash);
        let (question, asked) = first.ask(party, hash, &nonce, &salt);
        let exchange = Exchange(Waiting::Proof(asked));
        Ok(Step::Challenge(exchange, STANDARD.encode(question)))
    }

    async fn check_proof(
        &self,
        message: &str,
        asked: &Asked,
        address: IpAddr,
    ) -> Result<Step, &'static str> {
        let proof = asked.answered(message).map_err(|_| "malformed-request")?;
        let login = self.commands.log_in_by_scram(asked.party, proof);
        let (login, signature) = self.guarded(asked.party, address, login).await?;
        let last = scram::verified(&signature);
        Ok(Step::Success(login, STANDARD.encode(last)))
    }

    /// What comes of a login, unless too many have failed.
    async fn guarded<T>(
        &self,
        party: Party,
        address: IpAddr,
        login: impl Future<Output = Result<T, Error<Refusal>>>,
    ) -> Result<T, &'static str> {
        let name = party.to_string();
        let attempt = self.login_guard.attempt(&name, address).await;
        if attempt.verdict == Verdict::Locked {
            return Err("temporary-auth-failure");
        }
        match login.await {
            Ok(login) => Ok(login),
            Err(Error::Rejected(Refusal::Banned)) => Err("account-disabled"),
            Err(Error::Rejected(Refusal::Wrong)) => {
                attempt.failed();
                Err("not-authorized")
            }
            Err(error) => {
                tracing::error!(%error, "nobody can log in");
                Err("temporary-auth-failure")
            }
        }
    }

    /// Who `name` is, who may act for nobody else than `identity` says.
    fn party(&self, name: &str, identity: &str) -> Result<Party, &'static str> {
        // Some clients give the whole JID as the name.
        let party = |name: &str| -> Option<Party> {
            let local = match name.split_once('@') {
                Some((local, domain)) if domain.eq_ignore_ascii_case(&self.settings.domain) => {
                    local
                }
                Some(_) => return None,
                None => name,
            };
            local.to_ascii_lowercase().parse().ok()
        };
        let who = party(name).ok_or("not-authorized")?;
        if !identity.is_empty() && party(identity) != Some(who) {
            return Err("invalid-authzid");
        }
        Ok(who)
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
