//! What goes over the wire: the body and its signature. What comes back is `answer`'s.

use chrono::SecondsFormat;
use hallpass_domain::Time;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;

use crate::ports::Order;

/// Unix seconds; a receiver refuses what is older than it likes.
pub(super) const TIMESTAMP: &str = "x-hallpass-timestamp";

/// `v1=` and the hex of HMAC-SHA256 over `v1:{timestamp}:{body}`.
pub(super) const SIGNATURE: &str = "x-hallpass-signature";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    Grant,
    Revoke,
    Observe,
}

#[derive(Serialize)]
struct Body<'a> {
    action: Action,
    grant: &'a str,
    sequence: i64,
    principal: &'a str,
    entitlement: &'a std::collections::BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

pub(super) fn body(action: Action, order: &Order) -> String {
    let body = Body {
        action,
        grant: &order.grant,
        sequence: order.sequence,
        principal: &order.principal,
        entitlement: &order.entitlement.attributes,
        expires_at: order
            .expires_at
            .map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
    };
    // Strings, a number and a map with string keys: nothing in it can fail.
    serde_json::to_string(&body).unwrap_or_default()
}

/// Timestamp and signature, as the two headers carry them.
pub(super) fn sign(secret: &[u8], now: Time, body: &str) -> (String, String) {
    let timestamp = now.timestamp().to_string();
    let mut mac = match Hmac::<Sha256>::new_from_slice(secret) {
        Ok(mac) => mac,
        Err(never) => unreachable!("HMAC takes a key of any length: {never}"),
    };
    mac.update(format!("v1:{timestamp}:{body}").as_bytes());
    let signature = format!("v1={}", hex::encode(mac.finalize().into_bytes()));
    (timestamp, signature)
}

#[cfg(test)]
mod tests {
    use hallpass_domain::{BackendName, Entitlement, Time};

    use super::{Action, body, sign};
    use crate::ports::Order;

    fn order() -> Order {
        Order {
            principal: "alice".into(),
            entitlement: Entitlement {
                backend: BackendName::new("gate"),
                attributes: [("permission".into(), "logs:read".into())].into(),
            },
            grant: "G-7K2M".into(),
            sequence: 7,
            expires_at: Time::from_timestamp(1_780_000_000, 0),
        }
    }

    #[test]
    fn the_body_is_the_contracts() {
        assert_eq!(
            body(Action::Grant, &order()),
            r#"{"action":"grant","grant":"G-7K2M","sequence":7,"principal":"alice","entitlement":{"permission":"logs:read"},"expires_at":"2026-05-28T20:26:40Z"}"#
        );
        let ended = Order {
            expires_at: None,
            ..order()
        };
        assert_eq!(
            body(Action::Revoke, &ended),
            r#"{"action":"revoke","grant":"G-7K2M","sequence":7,"principal":"alice","entitlement":{"permission":"logs:read"}}"#
        );
    }

    /// Computed with `printf 'v1:1780000000:{}' | openssl dgst -sha256 -hmac s3cret`.
    #[test]
    fn the_signature_is_what_openssl_computes() {
        let now = Time::from_timestamp(1_780_000_000, 0).unwrap();
        let (timestamp, signature) = sign(b"s3cret", now, "{}");
        assert_eq!(timestamp, "1780000000");
        assert_eq!(
            signature,
            "v1=cdca42f6686ba3739ec1dbefb3d08d80915c73cf9567935a322a53a022714209"
        );
    }
}
