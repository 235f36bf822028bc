//! What a receiver's answer means: done, refused for good, or later. Only the status and the documented fields count.

use std::time::Duration;

use hallpass_domain::Time;
use hallpass_domain::holding::Observation;
use hallpass_domain::planted::{Fault, planted};
use reqwest::StatusCode;
use serde::Deserialize;

use super::quoted;
use crate::ports::{BackendError, HoldingRef};

/// The longest wait that a receiver can ask for: a revocation must not be put off for days by a slip in a header.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// `Retry-After`.
    pub(super) after: Option<Duration>,
    /// What was read of it.
    pub(super) body: String,
    /// Whether that is all.
    pub(super) whole: bool,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
}

#[derive(Deserialize)]
struct Observed {
    held: bool,
    by: Option<By>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    Hallpass,
    Other,
}

impl Answer {
    /// Whether it is a refusal of this order, made with reason: the contract's 409 and 422.
    pub(super) fn refuses(&self) -> bool {
        matches!(
            self.status,
            StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY
        )
    }

    pub(super) fn require_done(&self, backend: &str) -> Result<(), BackendError> {
        let status = self.status.as_u16();
        let later = |why: String| {
            Err(BackendError::Retry {
                after: self.after,
                why,
            })
        };
        let refused = |why: String| Err(BackendError::Permanent { why });
        match status {
            200..=299 => Ok(()),
            409 if self.error() == "stale" => Err(BackendError::Stale {
                why: format!("{backend} has seen a newer order for this access already."),
            }),
            409 | 422 => refused(format!("{backend} refuses: {}.", self.error())),
            // Not now is taken for never.
            408 | 425 | 429 if planted(Fault::ThrottleNotRetried) => {
                refused(format!("{backend} refuses: {status}."))
            }
            408 | 425 | 429 => later(format!("{backend} asks to come later ({status}).")),
            500..=599 => later(format!("{backend} has a problem of its own ({status}).")),
            300..=399 => refused(format!(
                "{backend} points to another address ({status}), which isn't followed: the configuration must name \
                 the final one."
            )),
            401 | 403 => refused(format!(
                "{backend} doesn't take Hallpass's signature ({status}): the secret must be the same on both \
                 sides, and their clocks must agree."
            )),
            404 | 405 | 410 => refused(format!(
                "There is no receiver at the address of {backend} ({status})."
            )),
            400..=499 => refused(format!(
                "{backend} doesn't understand the order ({status}: {}).",
                self.error()
            )),
            _ => later(format!("{backend} answered strangely ({status}).")),
        }
    }

    /// What it says went wrong; by its status where it says nothing.
    fn error(&self) -> String {
        serde_json::from_str(&self.body).map_or_else(
            |_| {
                self.status
                    .canonical_reason()
                    .unwrap_or("no reason given")
                    .into()
            },
            |refused: Refused| quoted(&refused.error),
        )
    }

    /// An answer that isn't understood is no observation: guessing could take standing access away, or leave ours.
    pub(super) fn observation(
        &self,
        backend: &str,
        holding: &HoldingRef,
    ) -> Result<Observation, BackendError> {
        let strange = |why: &str| {
            BackendError::permanent(format!(
                "{backend} doesn't say whether the access is there: {why}."
            ))
        };
        if !self.whole {
            return Err(strange("its answer is larger than 64 KiB"));
        }
        let observed: Observed = serde_json::from_str(&self.body).map_err(|_| {
            strange("its answer isn't {\"held\":…,\"by\":\"hallpass\" or \"other\"}")
        })?;
        match (observed.held, observed.by) {
            (false, _) => Ok(Observation {
                ours: false,
                others: None,
            }),
            (true, Some(By::Hallpass)) => Ok(Observation {
                ours: true,
                others: None,
            }),
            (true, Some(By::Other)) => Ok(Observation {
                ours: false,
                others: Some(format!(
                    "{} holds {} in {backend}, not by Hallpass.",
                    quoted(&holding.principal),
                    quoted(&holding.entitlement.shown())
                )),
            }),
            (true, None) => Err(strange("it is held, but not said by whom")),
        }
    }
}

/// `Retry-After`: seconds or an HTTP date (RFC 9110, 10.2.3), which all have the shape of RFC 2822.
pub(super) fn retry_after(value: &str, now: Time) -> Option<Duration> {
    let value = value.trim();
    let wait = if value.bytes().all(|b| b.is_ascii_digit()) && !value.is_empty() {
        // More digits than fit are a very long time.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let at = chrono::DateTime::parse_from_rfc2822(value).ok()?;
        (at.to_utc() - now).to_std().unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hallpass_domain::Time;

    use super::{LONGEST_WAIT, retry_after};

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Time::from_timestamp(784_111_777, 0).unwrap(); // Sun, 06 Nov 1994 08:49:37 GMT
        for (value, wait) in [
            ("120", Some(Duration::from_secs(120))),
            (" 0 ", Some(Duration::ZERO)),
            (
                "Sun, 06 Nov 1994 08:51:37 GMT",
                Some(Duration::from_secs(120)),
            ),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(Duration::ZERO)),
            ("99999999999999999999999", Some(LONGEST_WAIT)),
            ("-5", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(value, now), wait, "{value}");
        }
    }
}
