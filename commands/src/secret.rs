//! The server's secret and what is derived from it; the secret itself is never shown.

use domain::{ShopId, UserId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// The server's secret. Losing it changes every XMPP password and every digest.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The secret from its bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// A digest of `text` that nobody can compute or check without the secret: 32 hex digits.
    /// Digests for different purposes have nothing in common.
    #[must_use]
    pub fn digest(&self, purpose: &str, text: &str) -> String {
        hex::encode(self.for_purpose(purpose, text))
    }

    /// A person's XMPP password: 16 hex digits, the same until the generation changes.
    #[must_use]
    pub fn xmpp_password(&self, user_id: UserId, generation: u32) -> String {
        let message = format!("{user_id}{generation}");
        hex::encode(&self.hmac(&[message.as_bytes()])[..8])
    }

    /// A shop's XMPP password: 32 hex digits, twice as many as a person's, for the names of shops are easy to count through.
    #[must_use]
    pub(crate) fn shop_password(&self, shop_id: ShopId, generation: u32) -> String {
        self.digest("xmpp-shop", &format!("{shop_id} {generation}"))
    }

    /// What the password of `name` is salted with in SCRAM by `mechanism`.
    pub(crate) fn scram_salt(&self, mechanism: &str, name: &str) -> [u8; 16] {
        self.for_purpose(mechanism, name)
    }

    fn for_purpose(&self, purpose: &str, text: &str) -> [u8; 16] {
        let whole = self.hmac(&[purpose.as_bytes(), b"\0", text.as_bytes()]);
        std::array::from_fn(|at| whole[at])
    }

    fn hmac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_stays_until_its_generation_changes() {
        let secret = Secret::new(*b"a secret of the test");
        let user = UserId::new(1, [1; 8]);
        let password = secret.xmpp_password(user, 0);
        assert_eq!(password.len(), 16);
        assert_eq!(password, secret.xmpp_password(user, 0));
        assert_ne!(password, secret.xmpp_password(user, 1));
        assert_ne!(password, Secret::new(*b"another").xmpp_password(user, 0));
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new(*b"hush")), "Secret(..)");
    }
}
