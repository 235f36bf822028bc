//! A backend that the configuration no longer has, while access that was given through it is still there: it looks and
//! takes away as before, and gives nothing.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_domain::holding::Observation;
use hallpass_domain::role::Sharing;
use hallpass_domain::{BackendName, Entitlement};

use crate::ports::{Backend, BackendError, HoldingRef, Inventory, Order, Receipt};

pub struct Retired(Arc<dyn Backend>);

impl Retired {
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self(backend)
    }
}

#[async_trait]
impl Backend for Retired {
    fn name(&self) -> &BackendName {
        self.0.name()
    }

    fn sharing(&self, entitlement: &Entitlement) -> Sharing {
        self.0.sharing(entitlement)
    }

    /// A moved end would be told by a call that gives.
    fn tracks_expiry(&self) -> bool {
        false
    }

    fn entitlement_mistakes(&self, entitlement: &Entitlement) -> Vec<String> {
        self.0.entitlement_mistakes(entitlement)
    }

    fn concurrency(&self) -> usize {
        self.0.concurrency()
    }

    fn timeout(&self) -> Duration {
        self.0.timeout()
    }

    async fn observe(&self, holding: &HoldingRef) -> Result<Observation, BackendError> {
        self.0.observe(holding).await
    }

    async fn grant(&self, _: &Order) -> Result<Receipt, BackendError> {
        Err(BackendError::permanent(format!(
            "The configuration no longer has the backend {}, so nothing is given there.",
            self.name()
        )))
    }

    async fn revoke(&self, order: &Order) -> Result<Receipt, BackendError> {
        self.0.revoke(order).await
    }

    async fn inventory(&self, entitlements: &[Entitlement]) -> Result<Inventory, BackendError> {
        self.0.inventory(entitlements).await
    }

    fn is_retired(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<String, BackendError> {
        self.0.check().await
    }
}
