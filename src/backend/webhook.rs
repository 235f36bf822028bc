//! The signed webhook: a receiver of the user's own grants and revokes, and is told what and until when.
//!
//! One POST per call, signed with HMAC-SHA256 over time and body, so that the receiver can tell forged and old calls.
//! The receiver keeps the order of `sequence` and is told of moved ends. Redirects aren't followed: the signature
//! was made for one address. The whole contract with an example receiver: `docs/backends/webhook.md`.

mod answer;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_domain::holding::Observation;
use hallpass_domain::role::Sharing;
use hallpass_domain::{BackendName, Entitlement};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use self::answer::Answer;
use self::wire::Action;
use super::{cut, quoted};
use crate::points::{Failed, WEBHOOK};
use crate::ports::{Backend, BackendError, Clock, HoldingRef, Inventory, Order, Receipt};

/// How much of a body is read at all.
const BODY_BYTES: usize = 64 * 1024;

/// How long a connection may take to open, at most; less where a call has less.
const CONNECT: Duration = Duration::from_secs(5);

/// Who and what [`Backend::check`] asks about: nobody has this name.
const CANARY: &str = "hallpass-check";

/// A receiver of signed orders.
pub struct Webhook {
    name: BackendName,
    url: Url,
    secret: SecretString,
    timeout: Duration,
    concurrency: usize,
    clock: Arc<dyn Clock>,
    client: reqwest::Client,
}

impl Webhook {
    /// An address that isn't HTTP, or an empty secret, is a permanent error.
    pub fn new(
        name: BackendName,
        url: Url,
        secret: SecretString,
        timeout: Duration,
        concurrency: usize,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BackendError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BackendError::permanent(format!(
                "The address of {name} must begin with https:// or http://."
            )));
        }
        if secret.expose_secret().is_empty() {
            return Err(BackendError::permanent(format!(
                "The secret of {name} is empty; anybody could sign with it."
            )));
        }
        let client = client(timeout).map_err(|error| {
            BackendError::permanent(format!(
                "{name} can't be called: {}.",
                quoted(&told(&error))
            ))
        })?;
        Ok(Self {
            name,
            url,
            secret,
            timeout,
            concurrency: concurrency.max(1),
            clock,
            client,
        })
    }

    /// [`Backend::entitlement_mistakes`], for who has no secret at hand.
    pub fn mistakes_in(entitlement: &Entitlement) -> Vec<String> {
        if entitlement.attributes.is_empty() {
            return vec![
                "An entitlement behind a webhook needs something that says what it is, like \
                 permission = \"logs:read\"."
                    .into(),
            ];
        }
        Vec::new()
    }

    async fn call(&self, action: Action, order: &Order) -> Result<Answer, BackendError> {
        WEBHOOK.before().await.map_err(|e| self.broken(e))?;
        let answer = self.post(action, order).await?;
        WEBHOOK.after().await.map_err(|e| self.broken(e))?;
        Ok(answer)
    }

    fn broken(&self, failed: Failed) -> BackendError {
        BackendError::retry(format!("{} can't be reached: {failed}.", self.name))
    }

    async fn post(&self, action: Action, order: &Order) -> Result<Answer, BackendError> {
        let body = wire::body(action, order);
        let now = self.clock.now();
        let (timestamp, signature) = wire::sign(self.secret.expose_secret().as_bytes(), now, &body);
        let sent = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(wire::TIMESTAMP, timestamp)
            .header(wire::SIGNATURE, signature)
            .body(body)
            .send()
            .await;
        let mut response = sent.map_err(|error| self.unreached(error))?;
        let status = response.status();
        let after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| answer::retry_after(value, now));
        let mut body = Vec::new();
        let mut whole = true;
        while let Some(chunk) = response.chunk().await.map_err(|e| self.unreached(e))? {
            let room = BODY_BYTES - body.len();
            whole = chunk.len() <= room;
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if !whole {
                break;
            }
        }
        Ok(Answer {
            status,
            after,
            body: String::from_utf8_lossy(&body).into_owned(),
            whole,
        })
    }

    /// No answer, or half of one. All calls are idempotent, so another try does no harm.
    fn unreached(&self, error: reqwest::Error) -> BackendError {
        let name = &self.name;
        if error.is_timeout() {
            return BackendError::retry(format!("{name} didn't answer within {:?}.", self.timeout));
        }
        // The address may hold a secret of its own.
        let error = error.without_url();
        if error.is_builder() {
            return BackendError::permanent(format!(
                "{name} can't be called: {}.",
                quoted(&told(&error))
            ));
        }
        BackendError::retry(format!(
            "{name} can't be reached: {}.",
            quoted(&told(&error))
        ))
    }

    async fn order(&self, action: Action, order: &Order) -> Result<Receipt, BackendError> {
        let answer = self.call(action, order).await?;
        answer.require_done(self.name.as_str())?;
        let kept = cut(&answer.body, super::RECEIPT_BYTES);
        Ok(Receipt {
            text: (!kept.trim().is_empty()).then(|| kept.to_owned()),
            ..Receipt::default()
        })
    }
}

fn client(timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    // reqwest is built without a default and panics where the process chose none; whoever chose first, wins.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .user_agent(concat!("hallpass/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(CONNECT.min(timeout))
        .timeout(timeout)
        .pool_idle_timeout(Duration::from_secs(30))
        .build()
}

/// An error with its causes, which say more than itself.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let all: Vec<String> = causes.map(ToString::to_string).collect();
    all.join(": ")
}

#[async_trait]
impl Backend for Webhook {
    fn name(&self) -> &BackendName {
        &self.name
    }

    fn sharing(&self, _: &Entitlement) -> Sharing {
        Sharing::Shared
    }

    fn tracks_expiry(&self) -> bool {
        true
    }

    fn entitlement_mistakes(&self, entitlement: &Entitlement) -> Vec<String> {
        Self::mistakes_in(entitlement)
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    async fn observe(&self, holding: &HoldingRef) -> Result<Observation, BackendError> {
        let answer = self.call(Action::Observe, holding).await?;
        answer.require_done(self.name.as_str())?;
        answer.observation(self.name.as_str(), holding)
    }

    async fn grant(&self, order: &Order) -> Result<Receipt, BackendError> {
        self.order(Action::Grant, order).await
    }

    async fn revoke(&self, order: &Order) -> Result<Receipt, BackendError> {
        self.order(Action::Revoke, order).await
    }

    /// The contract has no such action: a receiver is asked about one principal at a time.
    async fn inventory(&self, _: &[Entitlement]) -> Result<Inventory, BackendError> {
        Ok(Inventory::NotListable)
    }

    async fn check(&self) -> Result<String, BackendError> {
        let canary = HoldingRef {
            principal: CANARY.into(),
            entitlement: Entitlement {
                backend: self.name.clone(),
                attributes: [("permission".to_owned(), CANARY.to_owned())].into(),
            },
            grant: CANARY.into(),
            sequence: 0,
            expires_at: None,
        };
        let answer = self.call(Action::Observe, &canary).await?;
        if answer.refuses() {
            // It took the signature, and is right not to know the canary.
            return Ok(format!(
                "{} answers, and doesn't know the canary {CANARY}.",
                self.name
            ));
        }
        answer.require_done(self.name.as_str())?;
        answer.observation(self.name.as_str(), &canary)?;
        Ok(format!("{} answers and takes the signature.", self.name))
    }
}
