//! Checkpoints: signed statements of where the chain stood. Ed25519 under a key derived from `HALLPASS_KEY`, so that the
//! owner of the database can't make one, and whoever has the public key can check one without any secret.

use std::fmt;

use async_trait::async_trait;
use chrono::SecondsFormat;
use hallpass_domain::Time;
use ring::hmac;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use secrecy::{ExposeSecret, SecretBox};
use serde::{Deserialize, Serialize};

use crate::store::StoredCheckpoint;

/// What the key for signing is derived under, so that it is none of the others made from the same secret.
const LABEL: &[u8] = b"hallpass checkpoint key v1";

/// The chain had this hash at this sequence; whose signature it bears is said by the key, and whether to trust that key
/// is the reader's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub sequence: u64,
    /// Hex, like key and signature.
    pub hash: String,
    #[serde(with = "micros")]
    pub at: Time,
    /// The Ed25519 public key.
    pub key: String,
    pub signature: String,
}

/// A line of an anchor or an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointLine {
    pub checkpoint: Checkpoint,
}

/// RFC 3339 in UTC with six digits, as it was signed.
mod micros {
    use hallpass_domain::Time;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &Time, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::moment(*at))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        let at = chrono::DateTime::parse_from_rfc3339(&text).map_err(serde::de::Error::custom)?;
        Ok(at.to_utc())
    }
}

fn moment(at: Time) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn statement(sequence: u64, hash: &str, at: Time) -> String {
    let at = moment(at);
    format!("hallpass checkpoint v1\n{sequence}\n{hash}\n{at}\n")
}

impl Checkpoint {
    /// Whether the signature is that of its own key over what it says.
    pub fn is_authentic(&self) -> bool {
        let (Ok(key), Ok(signature)) = (hex::decode(&self.key), hex::decode(&self.signature))
        else {
            return false;
        };
        let said = statement(self.sequence, &self.hash, self.at);
        UnparsedPublicKey::new(&ED25519, key)
            .verify(said.as_bytes(), &signature)
            .is_ok()
    }

    /// The line of an anchor or an export, without its end.
    pub fn line(&self) -> String {
        serde_json::json!({ "checkpoint": self }).to_string()
    }
}

impl From<StoredCheckpoint> for Checkpoint {
    fn from(stored: StoredCheckpoint) -> Self {
        Self {
            sequence: stored.sequence,
            hash: stored.hash,
            at: stored.at,
            key: stored.key,
            signature: stored.signature,
        }
    }
}

impl From<&Checkpoint> for StoredCheckpoint {
    fn from(checkpoint: &Checkpoint) -> Self {
        Self {
            sequence: checkpoint.sequence,
            hash: checkpoint.hash.clone(),
            at: checkpoint.at,
            key: checkpoint.key.clone(),
            signature: checkpoint.signature.clone(),
        }
    }
}

/// Signs checkpoints.
pub struct CheckpointKey {
    pair: Ed25519KeyPair,
    public: String,
}

impl CheckpointKey {
    /// From the bytes of `HALLPASS_KEY`.
    pub fn derive(secret: &SecretBox<[u8; 32]>) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret());
        let seed = hmac::sign(&secret, LABEL);
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_ref())
            .expect("HMAC-SHA256 gives the 32 bytes that an Ed25519 seed has");
        let public = hex::encode(pair.public_key());
        Self { pair, public }
    }

    /// Hex of the public key.
    pub fn public(&self) -> &str {
        &self.public
    }

    pub fn sign(&self, sequence: u64, hash: &str, at: Time) -> Checkpoint {
        // To the microsecond, as it is kept.
        let at = Time::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at);
        let said = statement(sequence, hash, at);
        Checkpoint {
            sequence,
            hash: hash.into(),
            at,
            key: self.public.clone(),
            signature: hex::encode(self.pair.sign(said.as_bytes())),
        }
    }
}

/// Why a sink didn't take a checkpoint, or doesn't tell what it holds. Shown, it is for operators: logs and commands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}{}", .said.as_ref().map_or_else(String::new, |said| format!(": {said}")))]
pub struct SinkError {
    /// In Hallpass' own words, without secrets.
    what: String,
    /// What the other side said: any text, in one line.
    said: Option<String>,
}

/// What a server says may be long and may hold anything.
const LONGEST_SAID: usize = 300;

impl SinkError {
    pub fn new(what: impl Into<String>) -> Self {
        let what = what.into();
        Self { what, said: None }
    }

    pub fn because(what: impl Into<String>, cause: &dyn fmt::Display) -> Self {
        let said = cause.to_string();
        let line: Vec<&str> = said.split_whitespace().collect();
        Self {
            what: what.into(),
            said: Some(line.join(" ").chars().take(LONGEST_SAID).collect()),
        }
    }

    /// For people, a sentence: what the other side said stands in the log.
    pub fn for_people(&self) -> String {
        let more = match self.said {
            Some(_) => " (the log says why)",
            None => "",
        };
        format!("{}{more}.", self.what)
    }
}

/// A place outside the database that keeps checkpoints. It may be handed the same one twice (after a restart, or by
/// another replica) and must take that as done; it bounds its own time. Where it fails the newest is handed to it again.
#[async_trait]
pub trait Sink: Send + Sync {
    /// As people know it: `the anchor file`, `s3://bucket/prefix`.
    fn name(&self) -> String;

    async fn put(&self, checkpoint: &Checkpoint) -> Result<(), SinkError>;
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use secrecy::SecretBox;

    use super::{Checkpoint, CheckpointKey, CheckpointLine};

    fn signed() -> Checkpoint {
        let at = DateTime::from_timestamp_nanos(1_795_240_800_123_456_789);
        CheckpointKey::derive(&SecretBox::new(Box::new([7; 32]))).sign(3, &"ab".repeat(32), at)
    }

    #[test]
    fn a_line_is_read_back_and_holds() {
        let made = signed();
        let read: CheckpointLine = serde_json::from_str(&made.line()).expect("a line");
        assert_eq!(read.checkpoint, made);
        assert!(read.checkpoint.is_authentic());
        assert!(made.line().contains(r#""at":"2026-"#) && made.line().contains(".123456Z"));
    }

    #[test]
    fn whatever_is_changed_the_signature_no_longer_holds() {
        let made = signed();
        let changes: [fn(&mut Checkpoint); 5] = [
            |one| one.sequence += 1,
            |one| one.hash = "cd".repeat(32),
            |one| one.at += chrono::Duration::microseconds(1),
            |one| one.key = "00".repeat(32),
            |one| one.signature.clear(),
        ];
        for change in changes {
            let mut forged = made.clone();
            change(&mut forged);
            assert!(!forged.is_authentic(), "{forged:?}");
        }
    }
}
