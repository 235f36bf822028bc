//! What the request form shows and what comes back from it: read models, no layout. Whatever comes back was in the hands
//! of a client: it is checked like anything that is typed.

use std::collections::BTreeMap;

use hallpass_domain::command::{self, Ask};
use hallpass_domain::{Duration, RequestId, RoleName, Time};
use serde::{Deserialize, Serialize};

use crate::ports::chat::RequestShown;

/// What the form is opened for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormFor {
    /// Nothing is known yet.
    Blank,
    /// One role, from a list of them.
    Role(RoleName),
    /// What was typed in a command, kept under this id.
    Draft(String),
    /// A request that waits: what is sent takes its place.
    Change(RequestId),
    /// The open form, after another role was chosen in it.
    Fields(Box<FormFields>),
}

/// Roles that the form lists at once: with many more it would be larger than Slack takes. The rest is found by a word.
pub const LISTED: usize = 500;

/// What stands in the form's fields, as it came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormFields {
    /// A part of the name of a role that is looked for, or of what it permits.
    pub find: String,
    pub role: String,
    /// Those that are filled; also some that the chosen role doesn't have.
    pub parameters: BTreeMap<String, String>,
    /// The suggestion that was chosen.
    pub chosen: Option<String>,
    /// A duration in the person's own words; counts instead of what was chosen.
    pub words: Option<String>,
    /// None: at once.
    pub start: Option<Time>,
    pub reason: String,
    /// The request whose place it takes.
    pub changes: Option<RequestId>,
}

/// The form, filled with what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormShown {
    /// `/prod-access`
    pub command: String,
    /// What is wrong with what was typed, as sentences.
    pub notes: Vec<String>,
    /// What is looked for among the roles; none where all of them are listed anyway.
    pub find: Option<String>,
    /// What the person may ask for; where something is looked for, what is like it.
    pub yours: Vec<RoleOption>,
    /// What they see and may not ask for.
    pub others: Vec<RoleOption>,
    pub role: Option<RoleChosen>,
    /// By the chosen role's parameters.
    pub parameters: BTreeMap<String, String>,
    /// One of the suggestions.
    pub chosen: Option<Duration>,
    /// As typed, where it is none of the suggestions.
    pub words: String,
    pub start: Option<Time>,
    pub reason: String,
    pub changes: Option<Changed>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleOption {
    pub name: String,
    /// What it permits.
    pub permits: String,
}

/// The request that is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Opaque.
    pub id: String,
    /// `R-7K2M`
    pub short: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleChosen {
    pub name: String,
    pub permits: String,
    /// With the backend of each; what isn't filled in yet stands as `…`.
    pub entitlements: Vec<(String, String)>,
    pub environment: Option<String>,
    pub high_risk: bool,
    /// `dba on call, then security`; empty where it is granted at once.
    pub decided_by: Vec<String>,
    pub at_most: Duration,
    /// Rising, within the role's bounds.
    pub suggestions: Vec<Duration>,
    /// Required ones first.
    pub parameters: Vec<ParameterField>,
    /// An example, where the reason must name a ticket or incident.
    pub ticket: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterField {
    pub name: String,
    pub required: bool,
    pub example: Option<String>,
    pub description: Option<String>,
}

/// The form that breaks the glass, filled with what is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GlassShown {
    /// What is wrong with what was typed, as sentences.
    pub notes: Vec<String>,
    /// The request that it grants, `R-7K2M`: then role, person and duration are those of the request.
    pub request: Option<String>,
    /// Roles whose glass the person may break now.
    pub roles: Vec<RoleOption>,
    /// The chosen one.
    pub role: Option<GlassRole>,
    pub fields: GlassFields,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlassRole {
    pub name: String,
    pub at_most: Duration,
    pub parameters: Vec<ParameterField>,
    /// `INC-4711`
    pub incident: String,
    /// `security`, who reviews it afterwards.
    pub reviewed_by: String,
}

/// What stands in that form's fields, as it came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GlassFields {
    pub request: Option<String>,
    pub role: String,
    pub parameters: BTreeMap<String, String>,
    /// A Slack account; none: whoever fills it in.
    pub person: Option<String>,
    pub duration: String,
    pub incident: String,
    pub reason: String,
}

/// Where in a form a mistake is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    Role,
    Parameter(String),
    Person,
    Duration,
    Start,
    Incident,
    Reason,
}

/// What became of a form that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// Nothing was sent; a sentence for each field that must be put right.
    Errors(BTreeMap<Field, String>),
    /// On record, refused as a whole, or not confirmed.
    Answer(Box<super::answer::Answer>),
}

/// What an approver is shown before deciding with words or for less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewShownFirst {
    pub request: RequestShown,
    /// Shorter ones that can be given, rising.
    pub shorter: Vec<Duration>,
    /// What approving gives: as asked, or less where a stage before said so.
    pub whole: Duration,
}

/// An ask as it was typed, kept for whoever typed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Typed {
    pub(super) role: String,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) duration: Option<String>,
    pub(super) at: Option<String>,
    pub(super) reason: String,
    /// What the form says of it first.
    #[serde(default)]
    pub(super) note: Option<String>,
}

impl Typed {
    pub(super) fn of(ask: &Ask, note: Option<String>) -> Self {
        let duration = ask.duration.as_ref().map(|read| match read {
            Ok(duration) => ask.spelled.clone().unwrap_or_else(|| duration.word()),
            Err(wrong) => wrong.typed().to_owned(),
        });
        Self {
            role: ask.role.clone(),
            parameters: ask.parameters.clone(),
            duration,
            at: ask.at.clone(),
            reason: ask.reason.clone(),
            note,
        }
    }

    pub(super) fn ask(&self) -> Ask {
        Ask {
            role: self.role.clone(),
            parameters: self.parameters.clone(),
            duration: self.duration.as_deref().map(command::duration),
            spelled: self.duration.clone(),
            reason: self.reason.clone(),
            // A start is read apart: it depends on where the person is.
            ..Ask::default()
        }
    }
}
