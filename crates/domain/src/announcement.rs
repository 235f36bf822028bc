//! Announcements: what the security channel is told that belongs to no request. Each is stored with the change that caused
//! it and said once, however late. Its words are the chat's; here stand the facts.

use serde::{Deserialize, Serialize};

use crate::{Actor, BackendName, Effect, EffectKind, Email, Lane, ShortId, SlackId, Time, Urgency};
use crate::{AnnouncementId, effect::Subject};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "announcement", rename_all = "snake_case")]
pub enum Announcement {
    /// A configuration that gives or takes authority was loaded.
    AuthorityChanged {
        digest: String,
        gained: Vec<String>,
        lost: Vec<String>,
    },
    /// A person's pinned identity no longer is what Slack says.
    IdentityChanged {
        account: SlackId,
        pinned: Option<Email>,
        now: Option<Email>,
    },
    /// A backend's state differed from the grants.
    Drift {
        backend: BackendName,
        found: Vec<Drift>,
        /// How many more there were than are listed.
        more: usize,
    },
    /// Live grants need a backend that the configuration no longer has. `reachable`: it is still reached by the section
    /// that was archived, so that they can end.
    BackendRetired {
        backend: BackendName,
        grants: Vec<ShortId>,
        reachable: bool,
    },
    /// A machine's clock jumped, forward where `by_seconds` is positive; or at a start it was behind the record.
    ClockJumped {
        by_seconds: i64,
        at: Time,
        #[serde(default)]
        time: TimeAfter,
    },
    /// This machine's clock and the database's, which is followed, differ: behind it where negative.
    ClockSkewed { by_millis: i64, at: Time },
    /// The record is shorter or other than what was anchored: only revocations are carried out now.
    Restored { anchored: u64, found: u64, at: Time },
    /// An operator took the record as it is.
    RestoreAccepted { by: Actor, at: Time },
    /// The newest signed checkpoint of the record.
    Checkpoint {
        sequence: u64,
        hash: String,
        /// Hex of the public key that signed it.
        key: String,
        at: Time,
    },
    /// A backend couldn't be compared with the whole record since then, so what differs there wasn't found; where there is an
    /// end to that, it can be again.
    NotCompared {
        backend: BackendName,
        since: Time,
        until: Option<Time>,
    },
    /// What was sealed isn't what stands there now, first at a sequence; without one, what should prove the record
    /// outside of the database isn't there or couldn't be asked.
    RecordBroken { sequence: Option<u64>, why: String },
}

/// What time goes by after a clock jumped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeAfter {
    /// The later one counts: a jump forward is believed, one back isn't.
    #[default]
    Later,
    /// The database's clock, as before.
    Followed,
    /// The machine's: the record is too far ahead to be believed.
    Earlier,
}

/// One difference between a backend and the grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    pub kind: DriftKind,
    pub principal: String,
    /// As people read it: `orders_admin`.
    pub entitlement: String,
    /// The grant concerned, where there is one.
    pub grant: Option<ShortId>,
    pub done: DriftDone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// A live grant's access isn't there.
    Missing,
    /// Access of a grant that is over.
    LeftOver,
    /// Access that no grant gave, in an entitlement that is managed.
    Unknown,
    /// A live grant whose reviews don't prove it.
    Unproven,
    /// Something that must happen had lost its timer.
    Unscheduled,
}

/// What was done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftDone {
    Told,
    GivingAgain,
    Removing,
    Ending,
    Rescheduled,
}

impl Announcement {
    /// When it happened, where it says so itself.
    pub fn at(&self) -> Option<Time> {
        match self {
            Self::ClockJumped { at, .. }
            | Self::ClockSkewed { at, .. }
            | Self::Restored { at, .. }
            | Self::RestoreAccepted { at, .. }
            | Self::Checkpoint { at, .. } => Some(*at),
            Self::AuthorityChanged { .. }
            | Self::IdentityChanged { .. }
            | Self::Drift { .. }
            | Self::BackendRetired { .. }
            | Self::NotCompared { .. }
            | Self::RecordBroken { .. } => None,
        }
    }

    /// The effect that says it.
    pub fn effect(id: &AnnouncementId, now: Time) -> Effect {
        Effect {
            subject: Subject::Announcement(id.clone()),
            kind: EffectKind::Announce,
            lane: Lane::Slack,
            urgency: Urgency::First,
            due: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Announcement, TimeAfter};
    use crate::effect::Subject;
    use crate::testing::at;
    use crate::{Actor, AnnouncementId, EffectKind, Lane, Urgency};

    #[test]
    fn what_knows_its_own_moment_says_it() {
        let by = Actor::Operator("cli:pat@console".into());
        let jumped = Announcement::ClockJumped {
            by_seconds: 90,
            at: at(3),
            time: TimeAfter::Later,
        };
        assert_eq!(jumped.at(), Some(at(3)));
        assert_eq!(
            Announcement::RestoreAccepted { by, at: at(4) }.at(),
            Some(at(4))
        );
        let broken = Announcement::RecordBroken {
            sequence: None,
            why: "a row is gone".into(),
        };
        assert_eq!(broken.at(), None);
    }

    /// What security must hear is claimed before everything else that is said.
    #[test]
    fn it_goes_first_in_the_chat() {
        let id = AnnouncementId::new("n1");
        let effect = Announcement::effect(&id, at(3));
        assert_eq!(effect.subject, Subject::Announcement(id));
        assert_eq!(effect.kind, EffectKind::Announce);
        assert_eq!((effect.lane, effect.urgency), (Lane::Slack, Urgency::First));
        assert_eq!(effect.due, at(3));
    }
}
