//! The signature of what Slack sends: HMAC-SHA256 over the raw body, compared in constant time.
//! Nothing is parsed before this has passed, so nothing else may enter.
//!
//! The rules are Slack's: <https://docs.slack.dev/authentication/verifying-requests-from-slack>.

use hallpass_domain::planted::{Fault, planted};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::domain::Time;

/// How far a timestamp may be from now, in seconds, either way.
pub const SKEW_SECONDS: i64 = 300;

/// The request isn't Slack's, or is too old. It doesn't say what was wrong: whoever forges learns nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request is not signed by Slack")]
pub struct Forged;

/// There is no usable signing secret, so nothing could ever be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSecret {
    #[error("a signing secret is empty")]
    Empty,
    #[error("there must be one signing secret, or two while rotating; there are {0}")]
    Number(usize),
}

/// One signing secret, or two while rotating; none of them empty.
#[derive(Debug, Clone)]
pub struct SigningSecrets(Vec<SecretString>);

impl SigningSecrets {
    /// Refuses empty secrets: an HMAC with an empty key is one that everybody can make.
    pub fn new(secrets: Vec<SecretString>) -> Result<Self, NoSecret> {
        if !(1..=2).contains(&secrets.len()) {
            return Err(NoSecret::Number(secrets.len()));
        }
        if secrets
            .iter()
            .any(|secret| secret.expose_secret().trim().is_empty())
        {
            return Err(NoSecret::Empty);
        }
        Ok(Self(secrets))
    }
}

/// Checks `X-Slack-Request-Timestamp` and `X-Slack-Signature` against the raw body.
///
/// Every secret is tried whatever the others said, so that the time taken doesn't tell which one is in use.
pub fn verify(
    secrets: &SigningSecrets,
    timestamp: &str,
    body: &[u8],
    signature: &str,
    now: Time,
) -> Result<(), Forged> {
    let sent = seconds(timestamp)?;
    // Planted, a signature is good for ever.
    let replayed = now.timestamp().abs_diff(sent) > SKEW_SECONDS.unsigned_abs();
    if replayed && !planted(Fault::ClickReplayed) {
        return Err(Forged);
    }
    let given = digest(signature)?;
    let mut genuine = Choice::from(0);
    for secret in &secrets.0 {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
            .map_err(|_| Forged)?;
        mac.update(b"v0:");
        mac.update(timestamp.as_bytes());
        mac.update(b":");
        mac.update(body);
        genuine |= mac.finalize().into_bytes().as_slice().ct_eq(&given);
    }
    if bool::from(genuine) {
        Ok(())
    } else {
        Err(Forged)
    }
}

/// Digits only: no sign, no white space, nothing that two parsers could read in two ways.
fn seconds(timestamp: &str) -> Result<i64, Forged> {
    let digits =
        (1..=12).contains(&timestamp.len()) && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return Err(Forged);
    }
    timestamp.parse().map_err(|_| Forged)
}

/// `v0=` and 64 hex digits.
fn digest(signature: &str) -> Result<[u8; 32], Forged> {
    let hexed = signature.strip_prefix("v0=").ok_or(Forged)?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(hexed, &mut bytes).map_err(|_| Forged)?;
    Ok(bytes)
}
