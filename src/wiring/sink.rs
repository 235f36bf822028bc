//! The write-once bucket of the audit record, as the configuration and the environment name it.

use anyhow::{Context, anyhow};

use crate::audit::sink::{Bucket, S3};
use crate::config::env::require_secret;
use crate::config::{Config, Environment};

/// None where the configuration names no bucket.
pub fn bucket(config: &Config, variables: &dyn Environment) -> anyhow::Result<Option<S3>> {
    let Some(section) = &config.audit.s3 else {
        return Ok(None);
    };
    let secret = |name: &str| require_secret(variables, name).map_err(|why| anyhow!(why));
    let keys = match &section.keys_env {
        Some((key, secret_key)) => {
            let keys = || Ok::<_, anyhow::Error>((secret(key)?, secret(secret_key)?));
            Some(keys().context("[audit.s3]")?)
        }
        None => None,
    };
    let bucket = Bucket {
        name: section.bucket.clone(),
        region: section.region.clone(),
        endpoint: section.endpoint.clone(),
        prefix: section.prefix.clone(),
        keys,
    };
    Ok(Some(S3::new(&bucket)?))
}
