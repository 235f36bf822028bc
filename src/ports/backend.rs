//! The port to a target system: observe, grant, revoke, check. All idempotent.
//! The adapter that saw the answer decides whether an error is worth another try.

use std::time::Duration;

use async_trait::async_trait;
use hallpass_domain::holding::Observation;
use hallpass_domain::role::Sharing;
use hallpass_domain::{BackendName, Entitlement, Time};

/// Which holding is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldingRef {
    pub principal: String,
    pub entitlement: Entitlement,
    /// The short id, `G-7K2M`, of the grant that opened the holding.
    pub grant: String,
    /// Rises with every change of this holding; a backend may refuse a lower one as stale.
    pub sequence: i64,
    /// The latest end of its live grants; none when it is to be absent.
    pub expires_at: Option<Time>,
}

/// An order to grant or revoke is the reference itself: it says what, whose and until when.
pub type Order = HoldingRef;

/// What the backend answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Kept on record; at most 4 KiB.
    pub text: Option<String>,
    /// How many open sessions were ended, where the backend knows sessions.
    pub sessions_closed: Option<u32>,
    /// What couldn't be done, as a sentence for people: sessions left open.
    pub note: Option<String>,
}

/// Who holds what of the entitlements that were asked about, as the target itself says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inventory {
    /// Everybody who holds one of them, by us or by others; a principal and an entitlement stand there once.
    Listed {
        found: Vec<Listed>,
        /// False where there is more than may be listed: then who isn't there may hold it all the same.
        complete: bool,
    },
    /// The target can only be asked about one principal at a time.
    NotListable,
}

/// One line of an inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub principal: String,
    /// One of those that were asked about.
    pub entitlement: Entitlement,
    pub seen: Observation,
}

/// Why a call failed. The text is for the log and the record; people get a sentence made from it by the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// Worth another try, not before `after` where the backend said so.
    #[error("{why}")]
    Retry {
        after: Option<Duration>,
        why: String,
    },
    /// A refusal. Ends an attempt to grant; never a revocation, which alarms and goes on. `why` is a sentence.
    #[error("{why}")]
    Permanent { why: String },
    /// The target saw a higher sequence for this holding: this order is a late one, or the record is older than what
    /// was ordered.
    #[error("{why}")]
    Stale { why: String },
}

impl BackendError {
    pub fn retry(why: impl Into<String>) -> Self {
        Self::Retry {
            after: None,
            why: why.into(),
        }
    }

    pub fn permanent(why: impl Into<String>) -> Self {
        Self::Permanent { why: why.into() }
    }
}

#[async_trait]
pub trait Backend: Send + Sync {
    fn name(&self) -> &BackendName;

    /// Whether this entitlement exists once per principal, or once per grant.
    fn sharing(&self, entitlement: &Entitlement) -> Sharing;

    /// Whether it wants to be told when an end moves.
    fn tracks_expiry(&self) -> bool;

    /// Mistakes in an entitlement's attributes, as sentences; for `hallpass check`.
    fn entitlement_mistakes(&self, entitlement: &Entitlement) -> Vec<String>;

    /// How many calls it takes at a time.
    fn concurrency(&self) -> usize;

    /// How long one call may take.
    fn timeout(&self) -> Duration;

    async fn observe(&self, holding: &HoldingRef) -> Result<Observation, BackendError>;

    /// Gives it, or moves its end. Giving what is there already is well.
    async fn grant(&self, order: &Order) -> Result<Receipt, BackendError>;

    /// Takes away what we gave, and only that. Taking what is gone is well.
    async fn revoke(&self, order: &Order) -> Result<Receipt, BackendError>;

    /// Who holds these entitlements, without parameters left open. A bounded number; one call.
    async fn inventory(&self, entitlements: &[Entitlement]) -> Result<Inventory, BackendError>;

    /// Whether the configuration no longer has it: it takes away what was given, and gives nothing.
    fn is_retired(&self) -> bool {
        false
    }

    /// Whether it can be reached and has the rights it needs; says what was found.
    async fn check(&self) -> Result<String, BackendError>;
}
