//! Certificates are taken anew when their files change: looked at every few seconds, by what they
//! hold and not by their times, so that links that are turned round and copies count too.

use super::{Certificate, pair};
use anyhow::{Context, Result, ensure};
use rustls::sign::CertifiedKey;
use std::convert::Infallible;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::Signal;
use tokio::time::MissedTickBehavior;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The longest file, in bytes; a chain has a few thousand.
const LONGEST: u64 = 1 << 20;

/// Where a certificate and its key lie.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    pub(crate) fn new(cert: &Path, key: &Path) -> Self {
        Self {
            cert: cert.to_owned(),
            key: key.to_owned(),
        }
    }

    /// What they hold.
    ///
    /// # Errors
    /// See [`Certificate::from_files`].
    pub(super) fn read(&self) -> Result<CertifiedKey> {
        let (chain, key) = self.contents()?;
        pair(&chain, &key, &self.cert, &self.key)
    }

    fn contents(&self) -> Result<(Vec<u8>, Vec<u8>)> {
        let chain = contents(&self.cert)
            .with_context(|| format!("cannot read the certificate {}", self.cert.display()))?;
        let key = contents(&self.key)
            .with_context(|| format!("cannot read the private key {}", self.key.display()))?;
        Ok((chain, key))
    }
}

fn contents(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(LONGEST + 1).read_to_end(&mut bytes)?;
    let length = bytes.len() as u64;
    ensure!(length <= LONGEST, "it is longer than {LONGEST} bytes");
    Ok(bytes)
}

/// Puts into the certificate what the files hold, whenever that changes, and at once when `hangup`
/// comes. What cannot be used is warned of, and the old pair kept.
pub(crate) async fn keep_up(
    certificate: Option<(Arc<Certificate>, Files)>,
    mut hangup: Signal,
) -> Infallible {
    let Some((certificate, files)) = certificate else {
        while hangup.recv().await.is_some() {
            tracing::info!("there is no certificate of a file to be read again");
        }
        return std::future::pending().await;
    };
    let mut watch = Watch::new(certificate, files);
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let asked = tokio::select! {
            _ = looks.tick() => false,
            Some(()) = hangup.recv() => true,
        };
        let looked = tokio::task::spawn_blocking(move || {
            let done = watch.look(asked);
            (watch, done)
        });
        match looked.await {
            Ok((back, done)) => {
                watch = back;
                tell(done);
            }
            // The runtime is being shut down.
            Err(_) => return std::future::pending().await,
        }
    }
}

fn tell(done: Done) {
    match done {
        Done::Nothing => {}
        Done::Replaced => tracing::info!("took the new certificate"),
        Done::Kept(error) => {
            tracing::warn!("the certificate stays as it was: {error:#}");
        }
    }
}

/// What a look at the files led to.
#[derive(Debug)]
enum Done {
    Nothing,
    Replaced,
    /// What is there cannot be used.
    Kept(anyhow::Error),
}

struct Watch {
    certificate: Arc<Certificate>,
    files: Files,
    /// The files may hold a key; what stays here is no more than a digest under a key of ours.
    hasher: RandomState,
    /// What was found at the last look.
    seen: Option<Seen>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    digest: u64,
    /// Whether it is used, or was complained of.
    settled: bool,
}

impl Watch {
    fn new(certificate: Arc<Certificate>, files: Files) -> Self {
        Self {
            certificate,
            files,
            hasher: RandomState::new(),
            seen: None,
        }
    }

    /// Takes what is new. A pair that does not fit is complained of when it is still there at the
    /// next look, because the two files are hardly written in one moment; or at once, when somebody
    /// `asked`.
    fn look(&mut self, asked: bool) -> Done {
        let contents = self.files.contents();
        let digest = match &contents {
            Ok(contents) => self.hasher.hash_one(contents),
            Err(error) => self.hasher.hash_one(format!("{error:#}")),
        };
        let again = self.seen.is_some_and(|seen| seen.digest == digest);
        if again && !asked && self.seen.is_some_and(|seen| seen.settled) {
            return Done::Nothing;
        }
        let found =
            contents.and_then(|(chain, key)| pair(&chain, &key, &self.files.cert, &self.files.key));
        let done = match found {
            Ok(found) if found.cert == self.certificate.current().cert => Done::Nothing,
            Ok(found) => {
                self.certificate.replace(found);
                Done::Replaced
            }
            Err(error) if again || asked => Done::Kept(error),
            Err(_) => {
                let settled = false;
                self.seen = Some(Seen { digest, settled });
                return Done::Nothing;
            }
        };
        let settled = true;
        self.seen = Some(Seen { digest, settled });
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate and its key, as PEM.
    fn made(name: &str) -> (String, String) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    struct Scene {
        folder: tempfile::TempDir,
        watch: Watch,
    }

    impl Scene {
        fn new() -> Self {
            super::super::install_provider();
            let folder = tempfile::tempdir().expect("a folder");
            let files = Files::new(
                &folder.path().join("cert.pem"),
                &folder.path().join("key.pem"),
            );
            let (cert, key) = made("one");
            std::fs::write(&files.cert, cert).expect("written");
            std::fs::write(&files.key, key).expect("written");
            let certificate = Certificate::from_files(&files.cert, &files.key);
            let certificate = Arc::new(certificate.expect("a certificate"));
            let watch = Watch::new(certificate, files);
            Self { folder, watch }
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.folder.path().join(name), text).expect("written");
        }

        /// What the next look leads to: nothing, a new certificate, or a complaint.
        #[track_caller]
        fn look(&mut self, asked: bool, expected: &str) {
            let before = self.watch.certificate.current();
            let told = match self.watch.look(asked) {
                Done::Nothing => String::new(),
                Done::Replaced => "new".into(),
                Done::Kept(error) => format!("{error:#}"),
            };
            let same = before.cert == self.watch.certificate.current().cert;
            assert_eq!(same, told != "new", "{told}");
            if expected.is_empty() {
                assert_eq!(told, "");
            }
            assert!(told.contains(expected), "{told}");
            assert!(!told.contains("BEGIN"), "{told}");
        }
    }

    #[test]
    fn a_new_pair_is_taken_and_one_that_stays_is_not_taken_again() {
        let mut scene = Scene::new();
        scene.look(false, "");
        scene.look(true, "");
        let (cert, key) = made("two");
        scene.write("cert.pem", &cert);
        scene.write("key.pem", &key);
        scene.look(false, "new");
        scene.look(false, "");
        scene.look(true, "");
    }

    #[test]
    fn half_a_pair_is_waited_for_and_then_complained_of_once() {
        let mut scene = Scene::new();
        scene.look(false, "");
        let (cert, key) = made("two");
        scene.write("cert.pem", &cert);
        scene.look(false, "");
        scene.look(false, "does not go with");
        scene.look(false, "");
        scene.look(true, "does not go with");
        scene.write("key.pem", &key);
        scene.look(false, "new");
    }

    #[test]
    fn what_is_no_certificate_leaves_the_old_one() {
        let mut scene = Scene::new();
        let (cert, key) = made("two");
        for (name, text) in [
            ("cert.pem", String::new()),
            ("cert.pem", cert[..cert.len() / 2].to_owned()),
            (
                "cert.pem",
                "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----".into(),
            ),
            ("cert.pem", "x".repeat(2 << 20)),
            ("key.pem", String::new()),
            ("key.pem", key[..key.len() / 2].to_owned()),
        ] {
            scene.write("cert.pem", &cert);
            scene.write("key.pem", &key);
            scene.write(name, &text);
            scene.look(true, name);
        }
        std::fs::remove_file(scene.folder.path().join("key.pem")).expect("removed");
        scene.write("cert.pem", &cert);
        scene.look(true, "key.pem");
        scene.write("key.pem", &key);
        scene.look(false, "new");
    }
}
