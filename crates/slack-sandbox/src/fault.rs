//! Faults on demand: what goes wrong, where, how often, and how often it really did.

use serde::{Deserialize, Serialize};

/// A fault to be armed with [`crate::Sandbox::set_fault`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// A Web API method's name, or `response_url`; `None` means all.
    #[serde(default)]
    pub method: Option<String>,
    #[serde(flatten)]
    pub kind: FaultKind,
    /// How many calls it hits; `None` means until cleared.
    #[serde(default)]
    pub times: Option<u32>,
}

impl Fault {
    pub fn new(kind: FaultKind) -> Self {
        Self {
            method: None,
            kind,
            times: None,
        }
    }

    #[must_use]
    pub fn on(mut self, method: &str) -> Self {
        self.method = Some(method.into());
        self
    }

    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// 429 with `Retry-After`, nothing done.
    RateLimited { retry_after: u64 },
    /// An HTTP status (5xx) with a body that isn't JSON, nothing done.
    ServerError { status: u16 },
    /// Done and answered, but only after so many milliseconds.
    Slow { millis: u64 },
    /// Done, then the connection is cut before an answer.
    DropAnswer,
    /// `views.open` and `views.push` answer `expired_trigger_id`.
    ExpiredTrigger,
    /// `{"ok":false}` with this error, nothing done.
    Error { error: String },
    /// Slack is down: every call's connection is cut, and people can't send anything either.
    Down,
}

/// Names an armed fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub u64);

/// An armed fault and how often it fired.
#[derive(Clone, Debug, Serialize)]
pub struct FaultReport {
    pub id: FaultId,
    #[serde(flatten)]
    pub fault: Fault,
    pub fired: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: Vec<FaultReport>,
    last: u64,
}

impl Faults {
    pub(crate) fn arm(&mut self, fault: Fault) -> FaultId {
        self.last += 1;
        let id = FaultId(self.last);
        self.armed.push(FaultReport {
            id,
            fault,
            fired: 0,
        });
        id
    }

    pub(crate) fn clear(&mut self) {
        for fault in &mut self.armed {
            fault.fault.times = Some(fault.fired);
        }
    }

    pub(crate) fn disarm(&mut self, id: FaultId) {
        if let Some(fault) = self.armed.iter_mut().find(|fault| fault.id == id) {
            fault.fault.times = Some(fault.fired);
        }
    }

    /// Everything ever armed, spent ones too.
    pub(crate) fn report(&self) -> Vec<FaultReport> {
        self.armed.clone()
    }

    pub(crate) fn down(&self) -> bool {
        self.armed.iter().any(FaultReport::is_down)
    }

    /// The first live fault for this method, counted as fired. Being down comes before all.
    pub(crate) fn take(&mut self, method: &str) -> Option<FaultKind> {
        let applies = |armed: &FaultReport| {
            armed.live()
                && armed
                    .fault
                    .method
                    .as_deref()
                    .is_none_or(|only| only == method)
                && (armed.fault.kind != FaultKind::ExpiredTrigger
                    || matches!(method, "views.open" | "views.push"))
        };
        let down = self.armed.iter().position(FaultReport::is_down);
        let at = down.or_else(|| self.armed.iter().position(applies))?;
        let hit = self.armed.get_mut(at)?;
        hit.fired += 1;
        Some(hit.fault.kind.clone())
    }
}

impl FaultReport {
    fn live(&self) -> bool {
        self.fault.times.is_none_or(|times| self.fired < times)
    }

    /// Everything is down, not just one method.
    fn is_down(&self) -> bool {
        self.live() && self.fault.kind == FaultKind::Down && self.fault.method.is_none()
    }
}
