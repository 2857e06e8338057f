//! Where the blob store is: its settings, and what is made of them.

use super::failure::{OpenError, reason};
use super::folder::BlobFolder;
use super::{Inner, Place};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::signer::Url;
use object_store::{BackoffConfig, ClientOptions, RetryConfig, StaticCredentialProvider};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A call that S3 does not answer ends, with what is tried again, after about ten seconds.
const CONNECT: Duration = Duration::from_secs(2);
const READ: Duration = Duration::from_secs(6);
const RETRY: Duration = Duration::from_secs(4);

/// Where blobs lie.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `file:///absolute/path` or `s3://bucket/prefix`; the prefix may be missing.
    pub url: String,
    /// How to reach the bucket.
    pub s3: S3,
}

/// How to reach S3; what is unset comes from the usual variables (`AWS_REGION`, ...).
#[derive(Clone, Default)]
pub struct S3 {
    /// `https://host:port` of a server that is not Amazon's; `http://` is for tests and for
    /// networks that nobody else is in.
    pub endpoint: Option<String>,
    /// Like `eu-central-1`.
    pub region: Option<String>,
    /// Who we are.
    pub access_key: Option<String>,
    /// What proves it.
    pub secret_key: Option<String>,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

pub(super) fn open(settings: &Settings) -> Result<Inner, OpenError> {
    let url = Url::parse(&settings.url).map_err(|_| OpenError::Url)?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    match url.scheme() {
        // Three slashes: `file:blobs` would be read as a folder at the root.
        "file" if plain && settings.url.starts_with("file:///") => open_folder(&url),
        "s3" if plain => open_bucket(&url, &settings.s3),
        _ => Err(OpenError::Url),
    }
}

fn open_folder(url: &Url) -> Result<Inner, OpenError> {
    let path = url.to_file_path().map_err(|()| OpenError::Url)?;
    if path.parent().is_none() {
        return Err(OpenError::Url);
    }
    let shown = path.display();
    let refused = |error: String| OpenError::Folder(format!("{shown}: {error}"));
    let folder = BlobFolder::make(&path).map_err(|error| refused(error.to_string()))?;
    let objects = LocalFileSystem::new_with_prefix(folder.path())
        .map_err(|error| refused(reason(&error)))?
        .with_fsync(true);
    Ok(Inner {
        objects: Arc::new(objects),
        prefix: Path::default(),
        place: Place::Folder(folder),
    })
}

fn open_bucket(url: &Url, settings: &S3) -> Result<Inner, OpenError> {
    let bucket = url.host_str().ok_or(OpenError::Url)?;
    let prefix = Path::parse(url.path()).map_err(|_| OpenError::Url)?;
    // An error says that a provider is installed. Without one, HTTP clients cannot be made.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &settings.endpoint {
        // The other key, `Endpoint`, counts less than a variable that the machine may have.
        builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
    }
    match (&settings.access_key, &settings.secret_key) {
        (Some(key_id), Some(secret_key)) => {
            let credential = AwsCredential {
                key_id: key_id.clone(),
                secret_key: secret_key.clone(),
                token: None,
            };
            let given = StaticCredentialProvider::new(credential);
            builder = builder.with_credentials(Arc::new(given));
        }
        (None, None) => {}
        _ => {
            let half = "an access key and a secret key belong together";
            return Err(OpenError::Bucket(half.into()));
        }
    }
    let bucket = builder
        .with_client_options(client_options(settings, &AmazonS3Builder::from_env()))
        .with_retry(retry())
        .build()
        .map_err(|error| OpenError::Bucket(reason(&error)))?;
    Ok(Inner {
        objects: Arc::new(bucket.clone()),
        prefix,
        place: Place::Bucket(bucket),
    })
}

/// Waits are bounded for each step and not for a whole call, which may bring a large picture to a
/// slow phone.
fn client_options(settings: &S3, environment: &AmazonS3Builder) -> ClientOptions {
    let of_environment = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
        .iter()
        .find_map(|key| environment.get_config_value(key));
    let endpoint = settings.endpoint.clone().or(of_environment);
    let plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    ClientOptions::new()
        .with_allow_http(plain)
        .with_connect_timeout(CONNECT)
        .with_read_timeout(READ)
        .with_timeout_disabled()
}

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
        },
        max_retries: 3,
        retry_timeout: RETRY,
    }
}
