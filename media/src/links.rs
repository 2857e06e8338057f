//! Links to blobs that whoever holds them may follow for a while.
//!
//! Who gets a link is decided elsewhere; what is behind it is served elsewhere.

use crate::keys::Key;
use domain::Millis;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq;

/// How long a link to a private picture is good: long enough to load it, too short to pass it on.
const BRIEF_S: i64 = 5 * 60;

const DAY_S: i64 = 24 * 60 * 60;

/// How many bytes of the HMAC are in a link.
const SIGNATURE: usize = 16;

/// Makes links and knows its own again.
#[derive(Clone)]
pub struct Links {
    /// Knows the secret already, so that a link costs two blocks of SHA-256 and no more.
    mac: Hmac<Sha256>,
}

/// Why a link is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It was not made here, or was changed on the way.
    #[error("bad link")]
    Bad,
    /// It was good once.
    #[error("expired link")]
    Expired,
}

impl Links {
    /// Links that only those can make who know the secret.
    #[must_use]
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.as_ref()).expect("HMAC takes keys of any length");
        // Has nothing in common with what else is made from the same secret.
        mac.update(b"blob-link\0");
        Self { mac }
    }

    /// A link that is good before `until`: `/blobs/<key>?until=<unix seconds>&sig=<32 hex digits>`.
    #[must_use]
    pub fn link(&self, key: &Key, until: Millis) -> String {
        self.link_at(key, until.0.div_euclid(1000))
    }

    /// A link to what everybody may see: the same for a whole day (UTC), so that it can be cached,
    /// and good for one more day at least.
    #[must_use]
    pub fn daily(&self, key: &Key, now: Millis) -> String {
        let today = now.0.div_euclid(1000).div_euclid(DAY_S);
        self.link_at(key, today.saturating_add(2).saturating_mul(DAY_S))
    }

    /// A link to what only some may see: good for five minutes.
    #[must_use]
    pub fn brief(&self, key: &Key, now: Millis) -> String {
        self.link_at(key, now.0.div_euclid(1000).saturating_add(BRIEF_S))
    }

    /// The blob that a link leads to, from the parts of the link.
    ///
    /// # Errors
    /// See [`LinkError`]; how long the refusal takes says nothing about the right signature.
    pub fn verify(
        &self,
        key: &str,
        until: &str,
        signature: &str,
        now: Millis,
    ) -> Result<Key, LinkError> {
        let key: Key = key.parse().map_err(|_| LinkError::Bad)?;
        let until: i64 = until.parse().map_err(|_| LinkError::Bad)?;
        let right = self.signature(&key.to_string(), until);
        if !bool::from(right.as_bytes().ct_eq(signature.as_bytes())) {
            return Err(LinkError::Bad);
        }
        if now.0 >= until.saturating_mul(1000) {
            return Err(LinkError::Expired);
        }
        Ok(key)
    }

    fn link_at(&self, key: &Key, until: i64) -> String {
        let key = key.to_string();
        let signature = self.signature(&key, until);
        format!("/blobs/{key}?until={until}&sig={signature}")
    }

    fn signature(&self, key: &str, until: i64) -> String {
        let mut mac = self.mac.clone();
        mac.update(key.as_bytes());
        mac.update(b"\0");
        mac.update(&until.to_be_bytes());
        hex::encode(&mac.finalize().into_bytes()[..SIGNATURE])
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Links(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::PhotoId;

    const NOW: Millis = Millis(1_357_000_000_999);

    fn links() -> Links {
        Links::new([7; 32])
    }

    fn key() -> Key {
        Key::raw(PhotoId::new(1, [1; 8]))
    }

    /// Follows a link at a moment.
    fn follow(link: &str, now: Millis) -> Result<Key, LinkError> {
        let (path, query) = link.split_once('?').expect("a query");
        let (until, signature) = query.split_once('&').expect("two parameters");
        links().verify(
            path.strip_prefix("/blobs/").expect("a blob"),
            until.strip_prefix("until=").expect("until"),
            signature.strip_prefix("sig=").expect("sig"),
            now,
        )
    }

    #[test]
    fn a_link_is_good_until_its_end() {
        let link = links().link(&key(), Millis(1_357_000_300_000));
        assert_eq!(follow(&link, Millis(1_357_000_299_999)), Ok(key()));
        let late = follow(&link, Millis(1_357_000_300_000));
        assert_eq!(late, Err(LinkError::Expired));
        assert_eq!(links().brief(&key(), NOW), link);
    }

    #[test]
    fn a_changed_link_is_refused() {
        let link = links().brief(&key(), NOW);
        for (part, other) in [
            ("until=13", "until=23"),
            ("until=", "until=x"),
            ("raw/0", "raw/1"),
            ("raw/", "photos/"),
            ("sig=", "sig=0"),
            ("sig=", "sig=é"),
        ] {
            let changed = link.replace(part, other);
            assert_ne!(changed, link);
            assert_eq!(follow(&changed, NOW), Err(LinkError::Bad), "{changed}");
        }
        let cut = &link[..link.len() - 2];
        assert_eq!(follow(cut, NOW), Err(LinkError::Bad));
        let theirs = Links::new([8; 32]).brief(&key(), NOW);
        assert_eq!(follow(&theirs, NOW), Err(LinkError::Bad));
    }

    #[test]
    fn a_daily_link_stays_the_same_for_a_day_and_good_for_another() {
        let day = |day: i64, millis: i64| Millis(day * 86_400_000 + millis);
        let first = links().daily(&key(), day(15_000, 0));
        assert_eq!(first, links().daily(&key(), day(15_000, 86_399_999)));
        assert_ne!(first, links().daily(&key(), day(15_001, 0)));
        assert_eq!(follow(&first, day(15_001, 86_399_999)), Ok(key()));
        assert_eq!(follow(&first, day(15_002, 0)), Err(LinkError::Expired));
    }

    #[test]
    fn links_do_not_print_their_secret() {
        assert_eq!(format!("{:?}", links()), "Links(..)");
    }
}
