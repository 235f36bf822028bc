//! What a use case answers to the person who typed or pressed: read models, no layout.
//! `slack` renders them; the CLI may as well.

use hallpass_domain::{Duration, Refusal, Time};

use crate::ports::chat::{RequestShown, Shown};

/// The answer to a command or a press, shown only to who caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The request is on record; whom it waits for stands in it. Also when it was granted at once, or breaks the glass.
    Asked(Box<AskedShown>),
    /// A later start as it was understood. Nothing is sent until one of its buttons is pressed.
    Later(Box<LaterShown>),
    /// Everything that was wrong, and what would do. Nothing was sent.
    Problems(Problems),
    /// Something is missing and nothing is wrong: the form asks for it. What is told stands in for the form where that
    /// can't be opened.
    Form(Problems),
    /// A transition was refused. `decided`: the request as it is, where the refusal is that it was decided before.
    Refused {
        refusal: Refusal,
        decided: Option<Box<RequestShown>>,
    },
    /// One sentence saying what was done (approved, denied, cancelled, dropped, revoked, reviewed).
    Done {
        sentence: String,
        request: Box<RequestShown>,
    },
    Roles(Vec<RoleShown>),
    /// The caller's own requests and grants, live ones first.
    Mine(Vec<RequestShown>),
    /// Pending requests that the caller may see; those that wait for them stand first.
    Pending {
        for_you: Vec<RequestShown>,
        others: Vec<RequestShown>,
    },
    /// Who has access now; what is approved and starts later, the next first.
    Active {
        now: Vec<RequestShown>,
        later: Vec<RequestShown>,
    },
    OnCall(Vec<OnCallShown>),
    Status {
        request: Box<RequestShown>,
        history: Vec<HistoryLine>,
    },
    /// More time was added to live access.
    Extended(Box<ExtendedShown>),
    /// What would be decided, by which rule, and what to do.
    Why(Box<WhyShown>),
    Help(HelpShown),
    /// It couldn't be decided in time: it may or may not be on record, see `mine`.
    NotConfirmed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedShown {
    pub request: RequestShown,
    /// The same ask was there already (a repeated delivery, or within 60 s): this is the first.
    pub repeated: bool,
    /// Who could break the glass now, for emergencies.
    pub commanders: Vec<Shown>,
    /// The request that it took the place of, which is cancelled: `R-7K2M`.
    pub instead_of: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaterShown {
    /// Opaque: what the buttons carry.
    pub draft: String,
    pub role: String,
    pub parameters: Vec<(String, String)>,
    pub duration: Duration,
    pub reason: String,
    /// `tomorrow 03:05`, in `zone`.
    pub when: String,
    /// The asker's: `Europe/Berlin`.
    pub zone: String,
    /// What clocks do that night, as a sentence.
    pub note: Option<String>,
    /// For how long it can be sent.
    pub good_for: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtendedShown {
    pub request: RequestShown,
    pub by: Duration,
    /// None where it ended meanwhile.
    pub ends_at: Option<Time>,
    /// How many of the agreed extensions are left.
    pub left: u32,
    /// It was added before: a double click, or the same again within a minute.
    pub repeated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhyShown {
    pub role: String,
    pub duration: Duration,
    /// Whether the ask would be taken.
    pub allowed: bool,
    /// Why not, or what would follow.
    pub sentences: Vec<String>,
    /// `base.cedar:12 requesters-may-ask`
    pub rules: Vec<String>,
    /// The nearest roles that they may ask for.
    pub nearest: Vec<String>,
    /// A whole command that would do.
    pub would_do: Option<String>,
    /// Who would be asked, or who can help.
    pub ask: Vec<Shown>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems {
    /// Sentences: what was wrong and what would be right.
    pub sentences: Vec<String>,
    /// A whole command that would do, as far as can be said: `/prod-access db-admin 4h INC-4711 orders stuck`.
    pub would_do: Option<String>,
    /// Whom to ask, where it is about eligibility; mentions.
    pub ask: Vec<Shown>,
    /// What was typed, kept under this id: the form opens filled with it.
    pub draft: Option<String>,
    /// Which form that is.
    pub form: FormKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FormKind {
    #[default]
    Ask,
    BreakGlass,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleShown {
    pub name: String,
    pub description: String,
    pub environment: Option<String>,
    pub max_duration: Duration,
    pub default_duration: Option<Duration>,
    /// `node=web-3`, required ones first.
    pub parameters: Vec<ParameterShown>,
    pub ticket_example: Option<String>,
    /// Whether the caller may ask for it.
    pub yours: bool,
    /// `DBA on call, then security`; empty where it is granted at once.
    pub decided_by: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterShown {
    pub name: String,
    pub required: bool,
    pub example: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCallShown {
    pub schedule: String,
    pub people: Vec<Shown>,
    pub until: Option<Time>,
    /// A sentence, where the schedule couldn't be read.
    pub problem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryLine {
    pub at: Time,
    pub who: Option<Shown>,
    pub what: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelpShown {
    /// `/prod-access`
    pub command: String,
    /// A role that the caller may ask for, for the example.
    pub example: Option<String>,
    pub commanders: Vec<Shown>,
}
