//! Effects: what must now happen outside, and when. They are stored with the rows that caused them.
//! An effect carries no data but its subject: whoever carries it out reads what is true then.

use serde::{Deserialize, Serialize};

use crate::{AnnouncementId, BackendName, Duration, GrantId, HoldingId, PersonId, RequestId, Time};

/// What an effect is about; with the kind it is unique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    Request(RequestId),
    Grant(GrantId),
    Holding(HoldingId),
    Backend(BackendName),
    Announcement(AnnouncementId),
    Person(PersonId),
    /// The ledger as a whole.
    Ledger,
}

/// Who carries it out; each lane is claimed apart, so that one that is stuck doesn't delay the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lane {
    /// Timers that only transition.
    Internal,
    Slack,
    Backend(BackendName),
}

/// Within a lane the more urgent goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Urgency {
    /// Before everything else: what takes access away; in the chat, what security must hear.
    First,
    /// Giving access, answers to people.
    Normal,
    /// Decoration.
    Later,
}

/// Messages that are said once. Cards aren't among them: a card is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// To whoever is asked now (subject: request).
    Asked,
    /// A reminder to whoever was asked (request).
    Reminder,
    /// The ladder's next step was asked (request).
    Climbed,
    /// Denied, timed out, cancelled, void, or approved for a later start (request).
    Decided,
    /// What it was approved on changed before its start, so it is decided anew (request).
    Reopened,
    /// Access is there (grant).
    Granted,
    /// Granting failed for good; the rest is taken back (grant).
    GrantFailed,
    /// Time is up but the backend doesn't let go (grant).
    RevokeStuck,
    /// Gone and verified gone (grant).
    Ended,
    /// The end moved (grant).
    Extended,
    /// Break-glass: security channel and those who were skipped (request).
    BreakGlass,
    /// The post-use review was done (request).
    Reviewed,
    /// The post-use review is overdue (request).
    ReviewOverdue,
    /// Standing access was found and left alone (grant).
    StandingAccess,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EffectKind {
    /// Render the card of a request as it is now, wherever it stands (request).
    SyncCard,
    /// Bring a holding to its wanted state (holding).
    SyncHolding,
    /// The request wasn't answered in time (request).
    TimeOut,
    /// Remind the approvers, once (request).
    Remind,
    /// Ask the ladder's next step (request).
    Climb,
    /// A later start has come (request).
    Start,
    /// Provisioning took too long: take back (grant).
    GiveUp,
    /// The grant's time is up (grant).
    Expire,
    /// Warn, so long before the end (grant).
    Warn(Duration),
    /// The post-use review is due (request).
    ReviewDue,
    Say(Notice),
    /// Tell the security channel (announcement).
    Announce,
    /// Render the alarm about overdue revocations as it is now, in the security channel (backend; ledger: of those whose
    /// backend can't be known, because their rows can't be read).
    SyncAlarm,
    /// Compare what the backend says with the ledger (backend); comes again by itself.
    Reconcile,
    /// Look for what lost its timer or its authority (ledger); comes again by itself.
    CheckLedger,
    /// Look for access that is overdue to end (ledger); comes again by itself.
    CheckOverdue,
    /// Look who of the holders and those who wait has left (ledger); comes again by itself.
    CheckPeople,
    /// Erase the personal fields that are old enough (ledger); comes again by itself.
    Retain,
    /// Tell the security channel the newest checkpoint, daily (ledger).
    TellCheckpoint,
    /// Render a person's home as it is now, where they ever opened it (person).
    SyncHome,
}

/// Something that must happen at `due`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    pub subject: Subject,
    pub kind: EffectKind,
    pub lane: Lane,
    pub urgency: Urgency,
    pub due: Time,
}

impl Effect {
    /// Renders the request's card anew, wherever it stands.
    pub fn sync_card(request: &RequestId, now: Time) -> Self {
        Self {
            subject: Subject::Request(request.clone()),
            kind: EffectKind::SyncCard,
            lane: Lane::Slack,
            urgency: Urgency::Normal,
            due: now,
        }
    }

    /// Renders the person's home anew, once everything that people wait for is said.
    pub fn sync_home(person: &PersonId, now: Time) -> Self {
        Self {
            subject: Subject::Person(person.clone()),
            kind: EffectKind::SyncHome,
            lane: Lane::Slack,
            urgency: Urgency::Later,
            due: now,
        }
    }

    /// Says something once.
    pub fn say(subject: Subject, notice: Notice, now: Time) -> Self {
        let loud = matches!(notice, Notice::BreakGlass | Notice::RevokeStuck);
        Self {
            subject,
            kind: EffectKind::Say(notice),
            lane: Lane::Slack,
            urgency: if loud {
                Urgency::First
            } else {
                Urgency::Normal
            },
            due: now,
        }
    }

    /// Warns in the chat, `before` the end of the grant.
    pub fn warn(grant: &GrantId, before: Duration, due: Time) -> Self {
        Self {
            subject: Subject::Grant(grant.clone()),
            kind: EffectKind::Warn(before),
            lane: Lane::Slack,
            urgency: Urgency::Normal,
            due,
        }
    }

    /// A timer that only transitions. Those that take access away go first.
    pub fn timer(subject: Subject, kind: EffectKind, due: Time) -> Self {
        let urgency = if matches!(kind, EffectKind::Expire | EffectKind::GiveUp) {
            Urgency::First
        } else {
            Urgency::Normal
        };
        Self {
            subject,
            kind,
            lane: Lane::Internal,
            urgency,
            due,
        }
    }
}

/// Scheduling one that is there already moves it and makes it run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EffectChange {
    Schedule(Effect),
    Cancel { subject: Subject, kind: EffectKind },
}

impl EffectChange {
    /// Subject and kind: what makes an effect unique.
    pub fn about(&self) -> (&Subject, &EffectKind) {
        match self {
            Self::Schedule(effect) => (&effect.subject, &effect.kind),
            Self::Cancel { subject, kind } => (subject, kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Effect, EffectChange, EffectKind, Lane, Notice, Subject, Urgency};
    use crate::testing::{at, minutes, who};
    use crate::{GrantId, RequestId};

    fn grant() -> Subject {
        Subject::Grant(GrantId::new("g1"))
    }

    #[test]
    fn what_takes_access_away_goes_first() {
        for (kind, urgency) in [
            (EffectKind::Expire, Urgency::First),
            (EffectKind::GiveUp, Urgency::First),
            (EffectKind::TimeOut, Urgency::Normal),
            (EffectKind::Start, Urgency::Normal),
        ] {
            let timer = Effect::timer(grant(), kind.clone(), at(1));
            assert_eq!((timer.kind, timer.urgency), (kind, urgency));
            assert_eq!((timer.subject, timer.lane), (grant(), Lane::Internal));
            assert_eq!(timer.due, at(1));
        }
    }

    #[test]
    fn alarms_are_said_before_other_words_and_homes_after() {
        for (notice, urgency) in [
            (Notice::BreakGlass, Urgency::First),
            (Notice::RevokeStuck, Urgency::First),
            (Notice::Granted, Urgency::Normal),
            (Notice::Ended, Urgency::Normal),
        ] {
            let said = Effect::say(grant(), notice, at(1));
            assert_eq!(
                (said.kind, said.urgency),
                (EffectKind::Say(notice), urgency)
            );
            assert_eq!(
                (said.subject, said.lane, said.due),
                (grant(), Lane::Slack, at(1))
            );
        }
        let home = Effect::sync_home(&who("rita"), at(1));
        assert_eq!(
            (home.kind, home.urgency),
            (EffectKind::SyncHome, Urgency::Later)
        );
        assert_eq!(home.subject, Subject::Person(who("rita")));
        let card = Effect::sync_card(&RequestId::new("r1"), at(1));
        assert_eq!(
            (card.kind, card.urgency),
            (EffectKind::SyncCard, Urgency::Normal)
        );
        let warning = Effect::warn(&GrantId::new("g1"), minutes(5), at(1));
        assert_eq!(warning.kind, EffectKind::Warn(minutes(5)));
        assert_eq!(
            (warning.subject, warning.urgency),
            (grant(), Urgency::Normal)
        );
    }

    #[test]
    fn an_effect_is_one_by_subject_and_kind() {
        let warning = Effect::warn(&GrantId::new("g1"), minutes(5), at(1));
        let kind = warning.kind.clone();
        let cancelled = EffectChange::Cancel {
            subject: grant(),
            kind: kind.clone(),
        };
        let scheduled = EffectChange::Schedule(warning);
        assert_eq!(scheduled.about(), (&grant(), &kind));
        assert_eq!(scheduled.about(), cancelled.about());
    }
}
