//! SCRAM (RFC 5802, RFC 7677), as far as it needs to know the password: its keys, and whether a
//! proof shows that somebody knows it. What the two sides say to each other is the door's.
//!
//! Keys are made anew for each login and kept nowhere: that takes a millisecond away from the async
//! threads, it takes as long for those who do not exist, and there is no memory to fill or to steal.

use super::XmppLogin;
use super::xmpp::{Refusal, Standing};
use crate::execute::Error;
use crate::{Commands, StateError};
use domain::Party;
use hmac::digest::{FixedOutput, Update};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How often the password is hashed: as often as both RFCs demand. More would only be slower, for
/// these passwords are random.
pub const SCRAM_ITERATIONS: u32 = 4_096;

/// Which hash function a login goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScramHash {
    /// SCRAM-SHA-1
    Sha1,
    /// SCRAM-SHA-256
    Sha256,
}

/// What shows that somebody knows the password.
#[derive(Clone, Debug)]
pub struct ScramProof {
    /// The hash function that both go by.
    pub hash: ScramHash,
    /// What both have said, as RFC 5802 §3 puts it together.
    pub auth_message: String,
    /// `ClientProof`
    pub proof: Vec<u8>,
}

/// The keys of one password (RFC 5802 §3).
struct Keys {
    hash: ScramHash,
    stored: Vec<u8>,
    server: Vec<u8>,
}

impl Commands {
    /// The salt of somebody, who need not exist: always the same, so that it tells nothing.
    #[must_use]
    pub fn scram_salt(&self, party: Party, hash: ScramHash) -> [u8; 16] {
        self.secret.scram_salt(hash.name(), &party.to_string())
    }

    /// Logs `party` in by `proof`; with the login comes the server's signature, which shows that
    /// we know the password too.
    ///
    /// A push token cannot come along: behind the password it would be part of it.
    ///
    /// # Errors
    /// [`Refusal`]; [`Error::Log`]; [`Error::State`] while the server stops.
    pub async fn log_in_by_scram(
        &self,
        party: Party,
        proof: ScramProof,
    ) -> Result<(XmppLogin, Vec<u8>), Error<Refusal>> {
        let Standing {
            password,
            admission,
        } = self.standing(party).await.map_err(Error::Log)?;
        let salt = self.scram_salt(party, proof.hash);
        let checking = self.hashing(move || {
            let keys = Keys::new(proof.hash, password.as_bytes(), &salt, SCRAM_ITERATIONS);
            let matches = keys.verify(&proof.auth_message, &proof.proof);
            Ok::<_, StateError>((matches, keys.signature(&proof.auth_message)))
        });
        let (matches, signature) = checking.await?;
        let login = admission.enter(matches, None).map_err(Error::Rejected)?;
        Ok((login, signature))
    }
}

impl ScramHash {
    /// The name of the mechanism (RFC 5802 §4).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
        }
    }

    fn hmac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => hmac::<Hmac<Sha1>>(key, message),
            Self::Sha256 => hmac::<Hmac<Sha256>>(key, message),
        }
    }

    fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
        }
    }

    /// `Hi` of RFC 5802 §2.2
    fn salted(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        match self {
            Self::Sha1 => {
                pbkdf2::pbkdf2_hmac_array::<Sha1, 20>(password, salt, iterations).to_vec()
            }
            Self::Sha256 => {
                pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, iterations).to_vec()
            }
        }
    }
}

impl Keys {
    fn new(hash: ScramHash, password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let salted = hash.salted(password, salt, iterations);
        Self {
            hash,
            stored: hash.digest(&hash.hmac(&salted, b"Client Key")),
            server: hash.hmac(&salted, b"Server Key"),
        }
    }

    /// Whether `proof` was made by somebody who knows the password.
    fn verify(&self, auth_message: &str, proof: &[u8]) -> bool {
        let signature = self.hash.hmac(&self.stored, auth_message.as_bytes());
        if proof.len() != signature.len() {
            return false;
        }
        let pairs = proof.iter().zip(&signature);
        let client_key: Vec<u8> = pairs.map(|(a, b)| a ^ b).collect();
        self.hash.digest(&client_key).ct_eq(&self.stored).into()
    }

    fn signature(&self, auth_message: &str) -> Vec<u8> {
        self.hash.hmac(&self.server, auth_message.as_bytes())
    }
}

fn hmac<M: KeyInit + Update + FixedOutput + Mac>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    Mac::update(&mut mac, message);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::House;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    fn bytes(text: &str) -> Vec<u8> {
        STANDARD.decode(text).expect("base64")
    }

    /// A conversation of a user `user` with the password `pencil`, from an RFC.
    #[track_caller]
    fn check(hash: ScramHash, salt: &str, auth_message: &str, proof: &str, signature: &str) {
        let keys = Keys::new(hash, b"pencil", &bytes(salt), 4_096);
        assert!(keys.verify(auth_message, &bytes(proof)));
        assert_eq!(keys.signature(auth_message), bytes(signature));
        let mut wrong = bytes(proof);
        wrong[7] ^= 1;
        assert!(!keys.verify(auth_message, &wrong));
        assert!(!keys.verify(auth_message, &wrong[1..]));
        assert!(!keys.verify(auth_message, &[]));
        assert!(!keys.verify(&auth_message[1..], &bytes(proof)));
        let other = Keys::new(hash, b"pencils", &bytes(salt), 4_096);
        assert!(!other.verify(auth_message, &bytes(proof)));
    }

    #[test]
    fn the_examples_of_the_rfcs_come_out_as_written() {
        // RFC 5802 §5
        check(
            ScramHash::Sha1,
            "QSXCR+Q6sek8bf92",
            "n=user,r=fyko+d2lbbFgONRv9qkxdawL,\
             r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,\
             c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
            "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        );
        // RFC 7677 §3
        check(
            ScramHash::Sha256,
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "n=user,r=rOprNGfwEbeRWgbNEkqO,\
             r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,\
             i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        );
    }

    #[tokio::test]
    async fn a_salt_stays_and_belongs_to_one_name_and_one_hash() {
        let house = House::new().await;
        let commands = &house.commands;
        let [ana, shop] = ["502e6303421aa918ba000001", "s7"].map(|id| id.parse().expect("an id"));
        let salt = commands.scram_salt(ana, ScramHash::Sha1);
        assert_eq!(salt, commands.scram_salt(ana, ScramHash::Sha1));
        assert_ne!(salt, commands.scram_salt(ana, ScramHash::Sha256));
        assert_ne!(salt, commands.scram_salt(shop, ScramHash::Sha1));
    }

    #[tokio::test]
    async fn only_a_proof_of_the_password_that_holds_opens() {
        let house = House::new().await;
        let commands = &house.commands;
        let login = commands.log_in("ana", "secret").await.expect("a login");
        let ana = login.account.user_id;
        let old = commands.xmpp_password(ana, 0);
        let (hash, auth_message) = (ScramHash::Sha256, "what was said");
        let proof = |password: &str| {
            let salt = commands.scram_salt(ana.into(), hash);
            let salted = hash.salted(password.as_bytes(), &salt, SCRAM_ITERATIONS);
            let client_key = hash.hmac(&salted, b"Client Key");
            let signature = hash.hmac(&hash.digest(&client_key), auth_message.as_bytes());
            ScramProof {
                hash,
                auth_message: auth_message.into(),
                proof: client_key
                    .iter()
                    .zip(&signature)
                    .map(|(a, b)| a ^ b)
                    .collect(),
            }
        };
        let try_it = async |password: &str| match commands
            .log_in_by_scram(ana.into(), proof(password))
            .await
        {
            Ok((login, _)) => {
                assert_eq!((login.party, login.device), (ana.into(), None));
                None
            }
            Err(Error::Rejected(refusal)) => Some(refusal),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(try_it(&old).await, None);
        assert_eq!(try_it("0123456789abcdef").await, Some(Refusal::Wrong));
        let with_token = format!("{old}2{}", "0f".repeat(32));
        assert_eq!(try_it(&with_token).await, Some(Refusal::Wrong));
        let (new, _) = commands.reset_password(ana).await.expect("a reset");
        assert_eq!(try_it(&old).await, Some(Refusal::Wrong));
        assert_eq!(try_it(&new).await, None);
        let _ = commands.ban(ana).await.expect("a ban");
        assert_eq!(try_it(&new).await, Some(Refusal::Banned));
        assert_eq!(try_it(&old).await, Some(Refusal::Wrong));
    }
}
