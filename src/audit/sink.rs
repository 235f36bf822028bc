//! A bucket as a write-once sink: each checkpoint is an object of its own that is never overwritten. With Object Lock and a
//! default retention on the bucket not even its owner takes one back, so a record that was cut or restored is found by
//! what stands there. What is kept are hashes, times and signatures: nothing about anybody.

mod newest;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use http::Method;
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, ObjectMeta, ObjectStore, PutMode, PutOptions,
    RetryConfig,
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::checkpoint::{Checkpoint, CheckpointLine, Sink, SinkError};
use crate::points::{Failed, SINK};

/// One call, with its retries.
const PATIENCE: Duration = Duration::from_secs(20);
const CALL: Duration = Duration::from_secs(8);
const CONNECT: Duration = Duration::from_secs(4);
const TRIES: usize = 2;
/// A checkpoint is under 500 bytes.
const LARGEST: u64 = 4 << 10;
/// How many are read at the same time.
const READ_AT_ONCE: usize = 16;
/// An object of ours that is no checkpoint: shows that the bucket can be written to. It stays.
const CANARY: &str = "hallpass-check";

/// Where the bucket is, and how to get in.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub name: String,
    /// Left out, the environment's (`AWS_REGION`), else `us-east-1`.
    pub region: Option<String>,
    /// For what speaks S3 and isn't AWS.
    pub endpoint: Option<Url>,
    /// Without slashes at its ends; may be empty.
    pub prefix: String,
    /// Access key and secret; left out, those of the environment, the container or the machine.
    pub keys: Option<(SecretString, SecretString)>,
}

/// The sink over a bucket.
pub struct S3 {
    name: String,
    bucket: AmazonS3,
    prefix: Path,
    http: reqwest::Client,
}

impl S3 {
    /// # Errors
    /// A sentence, where the settings can't be used.
    pub fn new(bucket: &Bucket) -> Result<Self, SinkError> {
        let name = match bucket.prefix.as_str() {
            "" => format!("s3://{}", bucket.name),
            prefix => format!("s3://{}/{prefix}", bucket.name),
        };
        let unusable =
            |why: &dyn std::fmt::Display| SinkError::because(format!("{name} can't be used"), why);
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(CALL)
            .build();
        Ok(Self {
            bucket: client(bucket).map_err(|why| unusable(&why))?,
            prefix: Path::parse(&bucket.prefix).map_err(|why| unusable(&why))?,
            http: http.map_err(|why| unusable(&why))?,
            name,
        })
    }

    fn place(&self, sequence: u64) -> Path {
        self.folder().join(format!("{sequence:020}.json"))
    }

    fn folder(&self) -> Path {
        self.prefix.clone().join("checkpoints")
    }

    /// Puts an object where none is yet; the one that is there is never overwritten.
    async fn create(&self, place: &Path, body: String) -> Result<Created, SinkError> {
        let options = PutOptions::from(PutMode::Create);
        let broken =
            |told: Failed| SinkError::because(format!("{} can't be used", self.name), &told);
        SINK.before().await.map_err(broken)?;
        let put = self.bucket.put_opts(place, body.into(), options);
        let answer = bounded(&self.name, put).await?;
        SINK.after().await.map_err(broken)?;
        match answer {
            Ok(_) => Ok(Created::Now),
            Err(Error::AlreadyExists { .. }) => Ok(Created::Before),
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn read(&self, place: &Path, size: u64) -> Result<Checkpoint, SinkError> {
        let broken = || SinkError::new(format!("{}/{place} is no checkpoint of ours", self.name));
        if size > LARGEST {
            return Err(broken());
        }
        // Whatever its listing said, no more than this is read.
        let options = GetOptions {
            range: Some((0..LARGEST).into()),
            ..GetOptions::default()
        };
        let got = async { self.bucket.get_opts(place, options).await?.bytes().await };
        let bytes = bounded(&self.name, got).await?;
        let bytes = bytes.map_err(|error| self.failed(&error))?;
        let line: CheckpointLine = serde_json::from_slice(&bytes).map_err(|_| broken())?;
        Ok(line.checkpoint)
    }

    /// Everything that the sink holds, by sequence. Whether the record goes with it is for `verify` to say.
    pub async fn checkpoints(&self) -> Result<Vec<Checkpoint>, SinkError> {
        let listed = self.bucket.list(Some(&self.folder()));
        let mut held = listed
            .map_err(|error| self.failed(&error))
            .map_ok(|meta: ObjectMeta| async move { self.read(&meta.location, meta.size).await })
            .try_buffered(READ_AT_ONCE);
        let mut checkpoints = Vec::new();
        while let Some(checkpoint) = bounded(&self.name, held.try_next()).await?? {
            checkpoints.push(checkpoint);
        }
        checkpoints.sort_by_key(|checkpoint| checkpoint.sequence);
        Ok(checkpoints)
    }

    /// Whether the bucket takes an object, and whether it locks what it takes; a sentence.
    pub async fn check(&self) -> Result<String, SinkError> {
        let place = self.prefix.clone().join(CANARY);
        self.create(
            &place,
            "An object of Hallpass, to see that this bucket can be written to.\n".into(),
        )
        .await?;
        let signed = self.bucket.signed_url(Method::HEAD, &place, CALL);
        let url = bounded(&self.name, signed).await?;
        let url = url.map_err(|error| self.failed(&error))?;
        let answer = self.http.head(url).send().await;
        let answer = answer.map_err(|error| {
            let what = format!("{} doesn't answer", self.name);
            SinkError::because(what, &error.without_url())
        })?;
        let said = |name: &str| {
            let value = answer.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let name = &self.name;
        Ok(
            match (
                said("x-amz-object-lock-mode"),
                said("x-amz-object-lock-retain-until-date"),
            ) {
                (Some(mode), Some(until)) => {
                    format!(
                        "{name} takes checkpoints and locks them ({mode}, this one until {until})"
                    )
                }
                (Some(mode), None) => format!("{name} takes checkpoints and locks them ({mode})"),
                (None, _) => format!(
                    "{name} takes checkpoints, and nothing says that it locks them: turn Object Lock with a default \
                 retention on, and allow s3:GetObjectRetention so that it can be seen"
                ),
            },
        )
    }

    fn failed(&self, error: &Error) -> SinkError {
        let name = &self.name;
        let refused = matches!(
            error,
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. }
        );
        if matches!(error, Error::NotFound { .. }) {
            SinkError::new(format!("{name}: there is no such bucket"))
        } else if refused {
            SinkError::new(format!("{name} refuses these credentials"))
        } else {
            SinkError::because(format!("{name} can't be used"), error)
        }
    }
}

/// Whether an object was made now or stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Created {
    Now,
    Before,
}

#[async_trait]
impl Sink for S3 {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn put(&self, checkpoint: &Checkpoint) -> Result<(), SinkError> {
        let place = self.place(checkpoint.sequence);
        let made = self.create(&place, checkpoint.line()).await?;
        if made == Created::Now {
            return Ok(());
        }
        let there = self.read(&place, 0).await?;
        if there.hash == checkpoint.hash {
            return Ok(());
        }
        let (name, sequence) = (&self.name, checkpoint.sequence);
        Err(SinkError::new(format!(
            "{name} holds another checkpoint of record {sequence}: the record was changed, or an old backup was restored"
        )))
    }
}

fn client(bucket: &Bucket) -> object_store::Result<AmazonS3> {
    let mut builder = match &bucket.keys {
        None => AmazonS3Builder::from_env(),
        Some((key, secret)) => AmazonS3Builder::new()
            .with_access_key_id(key.expose_secret())
            .with_secret_access_key(secret.expose_secret()),
    };
    if let Some(region) = &bucket.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &bucket.endpoint {
        builder = builder
            .with_endpoint(endpoint.as_str().trim_end_matches('/'))
            .with_allow_http(endpoint.scheme() == "http");
    }
    let options = ClientOptions::new()
        .with_timeout(CALL)
        .with_connect_timeout(CONNECT)
        .with_allow_http(
            bucket
                .endpoint
                .as_ref()
                .is_some_and(|url| url.scheme() == "http"),
        );
    builder
        .with_bucket_name(&bucket.name)
        // What a bucket with Object Lock demands of a put.
        .with_checksum_algorithm(Checksum::SHA256)
        .with_client_options(options)
        .with_retry(RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: TRIES,
            retry_timeout: PATIENCE,
        })
        .build()
}

async fn bounded<T>(name: &str, work: impl Future<Output = T>) -> Result<T, SinkError> {
    let answer = tokio::time::timeout(PATIENCE, work).await;
    answer.map_err(|_| {
        let seconds = PATIENCE.as_secs();
        SinkError::new(format!("{name} doesn't answer within {seconds} s"))
    })
}
