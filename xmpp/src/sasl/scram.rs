//! The mechanisms SCRAM-SHA-1 and SCRAM-SHA-256 (RFC 5802, RFC 7677): what the two sides say to each
//! other. Whether the proof is right is found out elsewhere.
//!
//! There is no channel binding: a client that insists on it is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use commands::identity::{SCRAM_ITERATIONS, ScramHash, ScramProof};
use domain::Party;

/// The longest nonce that a client may choose, in bytes; they choose about thirty.
const MAX_NONCE: usize = 256;

/// A message that is not as the RFC writes it (`malformed-request`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The first message of a client: who it is, and its nonce (RFC 5802 §7).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFirst {
    /// Whom it wants to act for.
    pub(super) identity: Option<String>,
    pub(super) name: String,
    /// What it says about channel binding, which it must say again.
    header: String,
    nonce: String,
    /// The message behind the header.
    bare: String,
}

/// What a client must answer to.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(super) party: Party,
    hash: ScramHash,
    header: String,
    /// Of both sides.
    nonce: String,
    /// What both have said so far, as the proof is about it.
    said: String,
}

impl ClientFirst {
    pub(super) fn parse(message: &str) -> Result<Self, Malformed> {
        let (flag, rest) = message.split_once(',').ok_or(Malformed)?;
        // `y`: it could, but thinks that we cannot, which is so.
        if !matches!(flag, "n" | "y") {
            return Err(Malformed);
        }
        let (identity, bare) = rest.split_once(',').ok_or(Malformed)?;
        let identity = match identity {
            "" => None,
            _ => Some(sasl_name(identity.strip_prefix("a=").ok_or(Malformed)?)?),
        };
        // `m=`, which would stand before the name, is an extension that must be understood.
        let mut attributes = bare.split(',');
        let mut attribute = |key| attributes.next()?.strip_prefix(key);
        let name = sasl_name(attribute("n=").ok_or(Malformed)?)?;
        let nonce = attribute("r=").filter(|nonce| is_nonce(nonce));
        Ok(Self {
            identity,
            name,
            header: message[..message.len() - bare.len()].to_owned(),
            nonce: nonce.ok_or(Malformed)?.to_owned(),
            bare: bare.to_owned(),
        })
    }

    /// Asks for a proof: what is said, and what the answer must fit. `nonce` is ours.
    pub(super) fn ask(
        self,
        party: Party,
        hash: ScramHash,
        nonce: &str,
        salt: &[u8],
    ) -> (String, Asked) {
        let nonce = self.nonce + nonce;
        let salt = STANDARD.encode(salt);
        let question = format!("r={nonce},s={salt},i={SCRAM_ITERATIONS}");
        let asked = Asked {
            party,
            hash,
            header: self.header,
            nonce,
            said: format!("{},{question}", self.bare),
        };
        (question, asked)
    }
}

impl Asked {
    /// Reads the last message of a client.
    pub(super) fn answered(&self, message: &str) -> Result<ScramProof, Malformed> {
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(Malformed)?;
        let mut attributes = without_proof.split(',');
        let mut attribute = |key| attributes.next()?.strip_prefix(key);
        let header = attribute("c=").and_then(|text| STANDARD.decode(text).ok());
        if header.as_deref() != Some(self.header.as_bytes()) {
            return Err(Malformed);
        }
        if attribute("r=") != Some(&*self.nonce) {
            return Err(Malformed);
        }
        Ok(ScramProof {
            hash: self.hash,
            auth_message: format!("{},{without_proof}", self.said),
            proof: STANDARD.decode(proof).map_err(|_| Malformed)?,
        })
    }
}

/// The last message: we know the password too.
pub(super) fn verified(signature: &[u8]) -> String {
    format!("v={}", STANDARD.encode(signature))
}

/// Reads a name in which commas and equals signs are written `=2C` and `=3D`.
fn sasl_name(text: &str) -> Result<String, Malformed> {
    let mut parts = text.split('=');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (sign, rest) = match part {
            _ if part.starts_with("2C") => (',', &part[2..]),
            _ if part.starts_with("3D") => ('=', &part[2..]),
            _ => return Err(Malformed),
        };
        name.push(sign);
        name.push_str(rest);
    }
    if name.is_empty() {
        return Err(Malformed);
    }
    Ok(name)
}

fn is_nonce(text: &str) -> bool {
    (1..=MAX_NONCE).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'!'..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Party {
        "s7".parse().expect("an id")
    }

    #[test]
    fn the_conversation_of_the_rfc_is_carried_on_as_written() {
        let first = ClientFirst::parse("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL").expect("a message");
        assert_eq!((first.name.as_str(), &first.identity), ("user", &None));
        let salt = STANDARD.decode("QSXCR+Q6sek8bf92").expect("base64");
        let ours = "3rfcNHYJY1ZVvWVs7j";
        let (question, asked) = first.ask(shop(), ScramHash::Sha1, ours, &salt);
        assert_eq!(
            question,
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
        );
        let answer = "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,\
                      p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
        let proof = asked.answered(answer).expect("a proof");
        assert_eq!(proof.hash, ScramHash::Sha1);
        assert_eq!(
            proof.auth_message,
            "n=user,r=fyko+d2lbbFgONRv9qkxdawL,\
             r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,\
             c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j"
        );
        assert_eq!(STANDARD.encode(proof.proof), "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
        assert_eq!(verified(&[0xff]), "v=/w==");
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        let first = ClientFirst::parse("y,a=s7=3D=2C,n=a=2Cb=3Dc脸,r=x,e=1").expect("a message");
        assert_eq!(first.name, "a,b=c脸");
        assert_eq!(first.identity.as_deref(), Some("s7=,"));
        assert_eq!(first.header, "y,a=s7=3D=2C,");
        assert_eq!(first.bare, "n=a=2Cb=3Dc脸,r=x,e=1");
    }

    #[test]
    fn a_first_message_that_is_not_as_it_should_be_is_refused() {
        let long = format!("n,,n=a,r={}", "x".repeat(MAX_NONCE + 1));
        for wrong in [
            "",
            "n",
            "n,",
            "n,,",
            "n,,n=a",
            "n,,n=a,r=",
            "n,,n=,r=x",
            "n,,r=x,n=a",
            "n,,m=1,n=a,r=x",
            "n,,n=a,m=1,r=x",
            "n,,n=a=b,r=x",
            "n,,n=a=2c,r=x",
            "n,,n=a=2,r=x",
            "n,,n=a=脸,r=x",
            "n,,n=a,r=x y",
            "n,,n=a,r=脸",
            "n,a=,n=a,r=x",
            "n,b=c,n=a,r=x",
            "p=tls-unique,,n=a,r=x",
            "x,,n=a,r=x",
            &long,
        ] {
            assert_eq!(ClientFirst::parse(wrong).err(), Some(Malformed), "{wrong}");
        }
    }

    #[test]
    fn an_answer_must_fit_what_was_said() {
        let asked = || {
            let first = ClientFirst::parse("y,,n=a,r=abc").expect("a message");
            first.ask(shop(), ScramHash::Sha256, "def", b"salt").1
        };
        let same = STANDARD.encode("y,,");
        let right = format!("c={same},r=abcdef,x=1,p=AAAA");
        let proof = asked().answered(&right).expect("a proof");
        let said = format!("n=a,r=abc,r=abcdef,s=c2FsdA==,i=4096,c={same},r=abcdef,x=1");
        assert_eq!(proof.auth_message, said);
        for wrong in [
            "".to_owned(),
            format!("c={same},r=abcdef"),
            format!("c={same},r=abcde,p=AAAA"),
            format!("c={same},r=abcdefg,p=AAAA"),
            format!("c={same},r=def,p=AAAA"),
            format!("r=abcdef,c={same},p=AAAA"),
            format!("c={same},m=1,r=abcdef,p=AAAA"),
            format!("c={same},r=abcdef,p=!"),
            "c=!,r=abcdef,p=AAAA".to_owned(),
            // Somebody in between has changed what it says of channel binding.
            "c=biws,r=abcdef,p=AAAA".to_owned(),
        ] {
            let refused = asked().answered(&wrong).err();
            assert_eq!(refused, Some(Malformed), "{wrong}");
        }
    }
}
