//! The port to the chat: what is said, to whom, in the words of the product. How it looks is the adapter's.
//! Read models stand here: they are made from the store by `app`, and rendered by `slack`.

use std::time::Duration as StdDuration;

use async_trait::async_trait;
use hallpass_domain::request::Found;
use hallpass_domain::{Announcement, Duration, Email, Refusal, SlackId, Time};

use super::home::HomeShown;

/// A person as shown: the mention plus the pinned e-mail; never a display name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub account: SlackId,
    pub email: Option<Email>,
}

/// Where something is said.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    Channel(String),
    /// A direct message.
    Person(SlackId),
    /// Under a posted message.
    Thread(Posted),
}

/// A message that was posted: Slack's channel id and timestamp.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Posted {
    pub channel: String,
    pub ts: String,
}

/// What a card or a notice needs to know of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestShown {
    /// Opaque: what buttons carry.
    pub id: String,
    /// `R-7K2M`
    pub short: String,
    pub role: String,
    pub permits: String,
    /// `orders_admin`, one for each entitlement, with its backend.
    pub entitlements: Vec<(String, String)>,
    pub environment: Option<String>,
    pub high_risk: bool,
    pub parameters: Vec<(String, String)>,
    pub requester: Shown,
    pub holder: Shown,
    pub reason: String,
    pub ticket: Option<String>,
    pub duration: Duration,
    pub asked_at: Time,
    pub deadline: Time,
    pub starts_at: Option<Time>,
    pub kind: KindShown,
    /// Where its holder has the same access already, by another grant.
    pub held: Option<HeldShown>,
    pub state: StateShown,
    /// Who decided, in order.
    pub reviews: Vec<ReviewShown>,
    /// Its holder never had this role before. Looked up where somebody has to judge it: while it is pending, and of
    /// break-glass.
    pub first_use: bool,
}

/// The same access that somebody holds already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldShown {
    /// `R-7K2M`
    pub short: String,
    pub ends_at: Time,
    /// The command that gives more time of it.
    pub extend: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KindShown {
    Access,
    Extend {
        /// `G-7K2M`
        grant: String,
        /// Its end as it is now, where it is active.
        ends_at: Option<Time>,
    },
    BreakGlass {
        commander: Shown,
        incident: String,
        checked_at: Time,
        skipped: Vec<Shown>,
        review_by: Vec<String>,
        /// Those of them who may review this one; not all, where there are many. None where that can't be read now.
        reviewers: Option<Vec<Shown>>,
        review_due: Time,
        review: Box<PostUseShown>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostUseShown {
    Owed,
    Reviewed {
        by: Shown,
        at: Time,
        /// None where it was reviewed before that was asked.
        found: Option<Found>,
        note: Option<String>,
    },
    Overdue,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewShown {
    pub reviewer: Shown,
    pub stage: usize,
    pub approved: bool,
    pub at_most: Option<Duration>,
    pub reason: Option<String>,
    pub at: Time,
}

/// The stage that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageShown {
    /// From 1.
    pub number: usize,
    pub of: usize,
    pub approvals: usize,
    pub quorum: usize,
    pub asked: Vec<Shown>,
    /// `DBA on call`, `security`: what the asked are asked as.
    pub asked_as: Vec<String>,
    /// All stages in their order, where there are several.
    pub steps: Vec<StepShown>,
    /// Who is asked next, and when, if nobody answers.
    pub next: Option<(Vec<String>, Time)>,
    /// The first approvers couldn't decide without the requester, so the next were asked at once.
    pub climbed_at_once: bool,
}

/// One of several stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepShown {
    /// `DBA on call`, `security`
    pub asked_as: Vec<String>,
    pub approvals: usize,
    pub quorum: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateShown {
    Pending(StageShown),
    Scheduled {
        starts_at: Time,
    },
    Approved,
    Denied {
        by: Shown,
        reason: Option<String>,
    },
    Cancelled,
    TimedOut,
    Void {
        why: String,
    },
    /// A grant exists.
    Started(GrantShown),
}

impl StateShown {
    /// Whether access is being given or is there: what can still be ended.
    pub fn is_live(&self) -> bool {
        match self {
            Self::Started(grant) => match grant.state {
                GrantStateShown::Provisioning | GrantStateShown::Active { .. } => true,
                GrantStateShown::Revoking { .. }
                | GrantStateShown::Ended { .. }
                | GrantStateShown::Failed { .. } => false,
            },
            Self::Pending(_)
            | Self::Scheduled { .. }
            | Self::Approved
            | Self::Denied { .. }
            | Self::Cancelled
            | Self::TimedOut
            | Self::Void { .. } => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantShown {
    /// Opaque: what buttons carry.
    pub id: String,
    /// `G-7K2M`
    pub short: String,
    pub state: GrantStateShown,
    /// Standing access that was left alone, as sentences.
    pub notes: Vec<String>,
    /// The backends that keep it from being given or taken away.
    pub trouble: Vec<TroubleShown>,
    /// While it is being set up: until when that is tried.
    pub tried_until: Option<Time>,
}

/// A backend that doesn't do what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TroubleShown {
    pub backend: String,
    pub how: Trouble,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It gives no answer, or says "not now".
    Silent,
    /// It answered, and what was wanted didn't come about.
    Failing,
    /// It refuses to take the access away.
    Refuses,
    /// It says that it did, and the access is still there.
    KeepsIt,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantStateShown {
    Provisioning,
    Active {
        since: Time,
        ends_at: Time,
    },
    /// `stuck`: the backends that don't let go; the person may still have access.
    Revoking {
        why: EndShown,
        stuck: Vec<String>,
    },
    Ended {
        why: EndShown,
        at: Time,
        verified_at: Time,
        sessions_closed: Option<u32>,
    },
    Failed {
        why: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndShown {
    Expired,
    /// By its holder, with their words where they said any.
    Dropped {
        reason: Option<String>,
    },
    /// `operator`: who it was on the command line, `cli:user@host`. `reason`: none where a button was pressed.
    Revoked {
        by: Option<Shown>,
        operator: Option<String>,
        reason: Option<String>,
    },
    Failed {
        why: String,
    },
}

/// What a backend that doesn't let go answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It gives no answer, or says that it can't now.
    Nothing,
    /// It refuses to take the access away.
    Refuses,
    /// It says that it did, and the access is still there.
    KeepsIt,
}

/// Why access is overdue to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    /// The backend doesn't let go.
    Backend(Said),
    /// No call failed: more is to be taken away than is taken in time.
    Behind,
    /// Hallpass itself could not decide or record it.
    Ours,
}

/// Revocations of one backend that are overdue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmShown {
    /// None where it can't be known, because what is on record of the grants can't be read.
    pub backend: Option<String>,
    pub grants: usize,
    /// Access to be taken away that no readable grant stands for.
    pub others: usize,
    /// There are more than were counted.
    pub more: bool,
    /// When the first of them should have been gone.
    pub since: Time,
    /// Break-glass first, then the oldest; not all of them.
    pub named: Vec<OverdueShown>,
    /// Those of which nothing but the letters can be read: `R-7K2M`.
    pub unread: Vec<String>,
    pub why: Delay,
}

/// A grant that should be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverdueShown {
    /// `R-7K2M`
    pub short: String,
    pub role: String,
    pub holder: Shown,
    pub since: Time,
    pub break_glass: bool,
}

/// What is said. Everything but `Card` and the alarm is said once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The card of a request; `buttons` only where its reader may press them.
    Card {
        request: RequestShown,
        buttons: Buttons,
    },
    /// To who is asked, beside the card: the reminder.
    Reminder {
        request: RequestShown,
    },
    /// The ladder's next step was asked.
    Climbed {
        request: RequestShown,
    },
    Decided {
        request: RequestShown,
    },
    /// To who was asked and has nothing to decide any more.
    Handled {
        request: RequestShown,
    },
    /// What it was approved on changed, so it is decided anew.
    Reopened {
        request: RequestShown,
    },
    Granted {
        request: RequestShown,
    },
    GrantFailed {
        request: RequestShown,
    },
    Warning {
        request: RequestShown,
        left: Duration,
        ends_at: Time,
        more: MoreTime,
    },
    RevokeStuck {
        request: RequestShown,
    },
    /// `since`: where nobody was told that it was there.
    Ended {
        request: RequestShown,
        since: Option<Time>,
    },
    Extended {
        request: RequestShown,
        ends_at: Time,
    },
    StandingAccess {
        request: RequestShown,
    },
    /// The one message about a grant that stands in a person's direct messages, as it is now.
    Stands {
        request: RequestShown,
    },
    /// In place of what was said while there was something to press: those buttons are gone.
    Past {
        access: AccessShown,
        now: Past,
    },
    /// Break-glass, loud: security channel and who was skipped; with a Revoke button.
    BreakGlass {
        request: RequestShown,
        buttons: Buttons,
    },
    PostUseReviewed {
        request: RequestShown,
    },
    PostUseOverdue {
        request: RequestShown,
    },
    /// Revocations of one backend are overdue, or ends whose backend can't be known; edited in place while they are.
    Overdue {
        alarm: AlarmShown,
    },
    /// The same alarm, once it is over.
    OverdueNoMore {
        backend: Option<String>,
        since: Time,
        over: Time,
    },
    /// Beside it, so that somebody notices.
    OverdueIsOver {
        backend: Option<String>,
        since: Time,
        over: Time,
    },
    /// To the security channel, about no request.
    Announcement {
        announcement: Announcement,
    },
    /// What the security channel should have been told, and doesn't take.
    Instead {
        message: Box<Self>,
    },
    /// What is edited in somebody's direct messages: said to them.
    Addressed {
        reader: SlackId,
        message: Box<Self>,
    },
    /// What couldn't be said when it came to be.
    Late {
        /// When that was.
        at: Time,
        message: Box<Self>,
    },
}

/// What a warning offers its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoreTime {
    /// Agreed beforehand: added at once.
    Agreed { by: Duration },
    /// Beyond that: its holder can ask for it.
    Asked { by: Duration },
    /// It was asked for, and waits: `R-9XYZ`.
    Waits { short: String },
}

/// Whose access to what, and no more: nothing in it changes, so that it is edited in once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessShown {
    /// Opaque: the request's.
    pub id: String,
    /// `R-7K2M`
    pub short: String,
    pub role: String,
    pub holder: Shown,
}

/// Why there is nothing to press any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// A newer message below it says how it is.
    Newer,
    /// The end that was warned of has moved.
    Extended,
    /// Over, and the backend doesn't let go.
    BeingTaken,
    Over,
    /// It was said that the backend doesn't let go; it has since.
    LetGo,
    /// It was asked, and is decided.
    Decided,
}

/// Which buttons a card carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buttons {
    None,
    Decide,
    /// To take an approval back before its later start.
    Withdraw,
    /// To end broken glass' access.
    Revoke,
    /// That, and to review its use.
    BreakGlass,
}

/// Answers to a person who typed or pressed, shown only to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whisper {
    Text(String),
    Refused(Refusal),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// Not before `after`.
    #[error("Slack asks to wait {after:?}")]
    RateLimited { after: StdDuration },
    /// Worth another try: time-out, 5xx, connection cut. It may have been done.
    #[error("Slack is unavailable: {0}")]
    Unavailable(String),
    /// What answers in Slack's place shows a certificate that isn't trusted; why, in a sentence. Nothing was sent.
    #[error("no connection to Slack can be trusted: {0}")]
    Untrusted(String),
    /// Never will work as it stands: channel not found, not in channel, archived. By Slack's error name.
    #[error("Slack refused: {0}")]
    Permanent(String),
    /// The token itself: revoked, expired, scope missing. By Slack's error name.
    #[error("Slack refuses the token: {0}")]
    Token(String),
    /// The message to update isn't there any more.
    #[error("the message is gone")]
    Gone,
}

#[async_trait]
pub trait Chat: Send + Sync {
    async fn post(&self, place: &Place, message: &Message) -> Result<Posted, ChatError>;

    /// Renders `message` in place of what stands there.
    async fn update(&self, posted: &Posted, message: &Message) -> Result<(), ChatError>;

    /// Takes a message away; where that can't be done it stays, and has to be made true.
    async fn remove(&self, posted: &Posted) -> Result<(), ChatError> {
        tracing::debug!(?posted, "nothing is taken away here");
        Err(ChatError::Permanent("cant_delete_message".into()))
    }

    /// Shows a person's home; where there are no homes there is nothing to do.
    async fn show_home(
        &self,
        reader: &SlackId,
        home: &HomeShown,
        at: Time,
    ) -> Result<(), ChatError> {
        tracing::debug!(%reader, %at, closed = matches!(home, HomeShown::Closed { .. }), "no homes here");
        Ok(())
    }

    /// Whether the token works; for `/readyz` and `check --connect`.
    async fn check(&self) -> Result<String, ChatError>;
}
