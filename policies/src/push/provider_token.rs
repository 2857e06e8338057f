//! What proves to Apple who asks: a signed token that is good for an hour, made from the key that
//! its developers are given.

use super::answer::ApnsError;
use super::apns::ApnsSetupError;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Millis;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// How old a token gets. Apple refuses those of more than an hour.
const OLD_MS: i64 = 50 * 60 * 1000;

/// How old a token must be until there is another. Apple refuses who makes them more often.
const YOUNG_MS: i64 = 20 * 60 * 1000;

/// Makes tokens, and keeps the last.
pub(super) struct ProviderToken {
    key: EcdsaKeyPair,
    random: SystemRandom,
    key_id: String,
    team_id: String,
    last: Mutex<Option<Signed>>,
}

#[derive(Clone)]
struct Signed {
    token: String,
    at: Millis,
}

impl ProviderToken {
    /// Signs with the key in `pem`, the contents of a `.p8` file.
    pub(super) fn new(pem: &[u8], key_id: &str, team_id: &str) -> Result<Self, ApnsSetupError> {
        let random = SystemRandom::new();
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| ApnsSetupError::Key)?;
        let der = der.secret_pkcs8_der();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(|_| ApnsSetupError::Key)?;
        Ok(Self {
            key,
            random,
            key_id: key_id.to_owned(),
            team_id: team_id.to_owned(),
            last: Mutex::default(),
        })
    }

    /// The token to show at `now`.
    pub(super) fn current(&self, now: Millis) -> Result<String, ApnsError> {
        self.unless(|last| (0..OLD_MS).contains(&last.age(now)), now)
    }

    /// The token to show at `now` in the place of `refused`, which Apple found too old; the same
    /// when there cannot be another yet.
    pub(super) fn instead_of(&self, refused: &str, now: Millis) -> Result<String, ApnsError> {
        let good = |last: &Signed| last.token != refused || last.age(now).abs() < YOUNG_MS;
        self.unless(good, now)
    }

    /// The last token if it is `good`, and otherwise another.
    fn unless(&self, good: impl Fn(&Signed) -> bool, now: Millis) -> Result<String, ApnsError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| good(last)) {
            return Ok(last.token.clone());
        }
        let token = self.sign(now)?;
        *last = Some(Signed {
            token: token.clone(),
            at: now,
        });
        Ok(token)
    }

    /// A token of `now` (RFC 7515 §3.1).
    fn sign(&self, now: Millis) -> Result<String, ApnsError> {
        let header = json!({"alg": "ES256", "kid": self.key_id});
        let claims = json!({"iss": self.team_id, "iat": now.0 / 1000});
        let encoded = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let signed = format!(
            "{}.{}",
            encoded(header.to_string().as_bytes()),
            encoded(claims.to_string().as_bytes())
        );
        let signature = self.key.sign(&self.random, signed.as_bytes());
        let signature = signature.map_err(|_| ApnsError::away("no token can be signed"))?;
        Ok(format!("{signed}.{}", encoded(signature.as_ref())))
    }
}

impl Signed {
    fn age(&self, now: Millis) -> i64 {
        now.0.saturating_sub(self.at.0)
    }
}

impl fmt::Debug for ProviderToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, KeyPair, UnparsedPublicKey};
    use serde_json::Value;

    const MINUTE: i64 = 60_000;

    fn provider() -> ProviderToken {
        let key = test_apns::key();
        ProviderToken::new(key.as_bytes(), "ABC123DEFG", "DEF123GHIJ").expect("a key")
    }

    fn at(minutes: i64) -> Millis {
        Millis(1_357_948_800_000 + minutes * MINUTE)
    }

    #[test]
    fn a_token_says_which_key_of_which_team_and_is_signed_with_it() {
        let provider = provider();
        let token = provider.current(at(0)).expect("a token");
        let (signed, signature) = token.rsplit_once('.').expect("a signature");
        let (header, claims) = signed.split_once('.').expect("two parts");
        let decode = |part| URL_SAFE_NO_PAD.decode(part).expect("base64");
        let json = |part| serde_json::from_slice::<Value>(&decode(part)).expect("JSON");
        assert_eq!(json(header), json!({"alg": "ES256", "kid": "ABC123DEFG"}));
        assert_eq!(
            json(claims),
            json!({"iss": "DEF123GHIJ", "iat": 1_357_948_800})
        );
        let public = provider.key.public_key().as_ref();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
            .verify(signed.as_bytes(), &decode(signature))
            .expect("signed by the key");
    }

    #[test]
    fn a_token_is_shown_for_fifty_minutes() {
        let provider = provider();
        let first = provider.current(at(0)).expect("a token");
        assert_eq!(provider.current(at(49)).expect("a token"), first);
        let second = provider.current(at(50)).expect("a token");
        assert_ne!(second, first);
        assert_eq!(provider.current(at(99)).expect("a token"), second);
        let before = provider.current(at(40)).expect("a token");
        assert_ne!(
            before, second,
            "the clock was set back, and Apple's was not"
        );
    }

    #[test]
    fn a_refused_token_is_replaced_once_in_twenty_minutes_at_most() {
        let provider = provider();
        let first = provider.current(at(0)).expect("a token");
        let instead = |refused: &str, minutes| {
            let token = provider.instead_of(refused, at(minutes));
            token.expect("a token")
        };
        assert_eq!(instead(&first, 19), first);
        let second = instead(&first, 20);
        assert_ne!(second, first);
        assert_eq!(instead(&first, 21), second, "another call was quicker");
        assert_eq!(instead(&second, 21), second);
    }

    #[test]
    fn what_is_no_key_of_apples_is_refused_and_none_is_shown() {
        let provider = provider();
        assert_eq!(format!("{provider:?}"), "ProviderToken(..)");
        let other_curve = "-----BEGIN PRIVATE KEY-----\n\
            MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
            -----END PRIVATE KEY-----\n";
        for pem in ["", "hush", other_curve] {
            let refused = ProviderToken::new(pem.as_bytes(), "k", "t");
            assert!(matches!(refused, Err(ApnsSetupError::Key)), "{pem}");
        }
    }
}
