//! What the use cases are told from outside: the settings, who calls, what was pressed, how an effect came out.
//! Plain data; made by wiring, by `slack` and for the worker.

use std::collections::BTreeMap;
use std::time::Duration as StdDuration;

use chrono::TimeDelta;
use hallpass_domain::holding::UnknownAccess;
use hallpass_domain::request::Found;
use hallpass_domain::role::GroupName;
use hallpass_domain::{
    BackendName, Change, Duration, Email, RequestId, Role, RoleName, SlackId, Who,
};

use super::Seen;

/// The configuration as far as use cases need it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `/prod-access`
    pub command: String,
    /// Where cards go unless the role says otherwise.
    pub approvals_channel: String,
    /// Break-glass, revocations that are stuck, changes of authority and of identity.
    pub security_channel: String,
    pub roles: BTreeMap<RoleName, Role>,
    pub groups: BTreeMap<GroupName, Vec<Who>>,
    pub operators: Vec<Who>,
    pub time_zone: chrono_tz::Tz,
    /// Empty: any confirmed e-mail, or none, will do.
    pub email_domains: Vec<String>,
    pub people: BTreeMap<SlackId, MappedPerson>,
    /// `{email}`, `{email_local}`, `{slack_id}`; a backend without one knows people by `{email}`.
    pub principal_templates: BTreeMap<BackendName, String>,
    /// What becomes of access that no grant gave; told only, where a backend has no rule.
    pub unknown_access: BTreeMap<BackendName, UnknownAccess>,
    /// How often backends and people are looked at.
    pub reconcile_every: TimeDelta,
    pub base_url: String,
    /// The workspace's id, from `auth.test`.
    pub team: Option<String>,
    /// How long personal fields are kept; for ever where it isn't said.
    pub keep_personal: Option<Duration>,
}

/// `[people.map."U…"]`: wins over what Slack says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappedPerson {
    pub email: Option<Email>,
    pub principals: BTreeMap<BackendName, String>,
}

/// Who typed or pressed, as a verified delivery says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub account: SlackId,
    pub team: Option<String>,
    pub channel: Option<String>,
}

/// What an approver says beside yes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Less {
    /// None: as long as was asked.
    pub at_most: Option<Duration>,
    pub note: Option<String>,
}

/// What a reviewer found who looked how broken glass was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub found: Found,
    pub note: Option<String>,
}

/// What was pressed: an opaque id, and where a modal was sent what the person wrote in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Press {
    Approve(RequestId),
    /// For less than was asked, with words to its requester, or both.
    ApproveFor(RequestId, Less),
    /// With the reason, which its requester reads.
    Deny(RequestId, String),
    Revoke(RequestId),
    /// The use of broken glass was looked at.
    Reviewed(RequestId, Use),
    Cancel(RequestId),
    EndNow(RequestId),
    /// Sends the draft of a later start as it was offered.
    Schedule(String),
    /// Sends it for now.
    StartNow(String),
    /// More time, by what is agreed or usual.
    Extend(RequestId),
}

impl Press {
    /// For the record.
    pub(super) fn verb(&self) -> &'static str {
        match self {
            Self::Approve(_) | Self::ApproveFor(..) => "approve",
            Self::Deny(..) => "deny",
            Self::Revoke(_) => "revoke",
            Self::Reviewed(..) => "review the use",
            Self::Cancel(_) => "cancel",
            Self::EndNow(_) => "drop",
            Self::Schedule(_) | Self::StartNow(_) => "ask",
            Self::Extend(_) => "extend",
        }
    }

    /// Whether access can come of it.
    pub(super) fn may_give(&self) -> bool {
        match self {
            Self::Approve(_)
            | Self::ApproveFor(..)
            | Self::Extend(_)
            | Self::Schedule(_)
            | Self::StartNow(_) => true,
            Self::Deny(..)
            | Self::Revoke(_)
            | Self::Reviewed(..)
            | Self::Cancel(_)
            | Self::EndNow(_) => false,
        }
    }

    /// None where there is no request yet.
    pub fn request(&self) -> Option<&RequestId> {
        match self {
            Self::Approve(id)
            | Self::ApproveFor(id, _)
            | Self::Deny(id, _)
            | Self::Revoke(id)
            | Self::Reviewed(id, _)
            | Self::Cancel(id)
            | Self::EndNow(id)
            | Self::Extend(id) => Some(id),
            Self::Schedule(_) | Self::StartNow(_) => None,
        }
    }
}

/// How one claimed effect came out; the worker finishes it in the same commit as the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// Nothing more to do but to write this.
    Done(Change),
    /// The same, decided by what a backend said: where the rows changed meanwhile it is decided anew
    /// ([`App::settle_anew`](super::App::settle_anew)).
    Settled(Box<(Change, Seen)>),
    /// Later; not before `after`, where somebody said so.
    Retry {
        after: Option<StdDuration>,
        why: String,
    },
    /// The target gave no answer at all, or said "not now": nothing was done, and it isn't this effect's fault.
    Away {
        after: Option<StdDuration>,
        why: String,
    },
    /// The rows changed meanwhile: again at once.
    Again,
}

impl Carried {
    pub(super) fn nothing() -> Self {
        Self::Done(Change::default())
    }

    /// What is left of two parts: where both know when they can go on, the sooner.
    pub(super) fn either(one: Option<Self>, another: Option<Self>) -> Option<Self> {
        match (one, another) {
            (
                Some(Self::Retry {
                    after: Some(after),
                    why,
                }),
                Some(Self::Retry {
                    after: Some(other), ..
                }),
            ) if after < other => Some(Self::Retry {
                after: Some(after),
                why,
            }),
            (one, another) => another.or(one),
        }
    }

    pub(super) fn later(why: &impl ToString) -> Self {
        Self::Retry {
            after: None,
            why: why.to_string(),
        }
    }
}
