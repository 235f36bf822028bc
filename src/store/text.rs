//! How an effect's subject, kind and lane stand in the database: `grant:0197…`, `warn:900`, `backend:orders-db`.
//! What can't be read back is a broken row, never a guess.

use hallpass_domain::effect::Subject;
use hallpass_domain::{
    AnnouncementId, BackendName, Duration, EffectKind, GrantId, HoldingId, Lane, Notice, PersonId,
    RequestId, Time, Urgency,
};

/// Microseconds since 1970, as every moment is kept.
pub(super) fn micros(time: Time) -> i64 {
    time.timestamp_micros()
}

pub(super) fn time(micros: i64) -> Option<Time> {
    Time::from_timestamp_micros(micros)
}

pub(super) fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Request(id) => format!("request:{id}"),
        Subject::Grant(id) => format!("grant:{id}"),
        Subject::Holding(id) => format!("holding:{id}"),
        Subject::Backend(name) => format!("backend:{name}"),
        Subject::Announcement(id) => format!("announcement:{id}"),
        Subject::Person(id) => format!("person:{id}"),
        Subject::Ledger => "ledger:".into(),
    }
}

pub(super) fn parse_subject(text: &str) -> Option<Subject> {
    let (kind, id) = text.split_once(':')?;
    match kind {
        "request" => Some(Subject::Request(RequestId::new(id))),
        "grant" => Some(Subject::Grant(GrantId::new(id))),
        "holding" => Some(Subject::Holding(HoldingId::new(id))),
        "backend" => Some(Subject::Backend(BackendName::new(id))),
        "announcement" => Some(Subject::Announcement(AnnouncementId::new(id))),
        "person" => Some(Subject::Person(PersonId::new(id))),
        "ledger" if id.is_empty() => Some(Subject::Ledger),
        _ => None,
    }
}

pub(super) fn lane(lane: &Lane) -> String {
    match lane {
        Lane::Internal => "internal".into(),
        Lane::Slack => "slack".into(),
        Lane::Backend(name) => format!("backend:{name}"),
    }
}

pub(super) fn parse_lane(text: &str) -> Option<Lane> {
    match text {
        "internal" => Some(Lane::Internal),
        "slack" => Some(Lane::Slack),
        _ => text
            .strip_prefix("backend:")
            .map(|name| Lane::Backend(BackendName::new(name))),
    }
}

pub(super) fn urgency(urgency: Urgency) -> i64 {
    match urgency {
        Urgency::First => 0,
        Urgency::Normal => 1,
        Urgency::Later => 2,
    }
}

pub(super) fn parse_urgency(number: i64) -> Option<Urgency> {
    match number {
        0 => Some(Urgency::First),
        1 => Some(Urgency::Normal),
        2 => Some(Urgency::Later),
        _ => None,
    }
}

pub(super) fn kind(kind: &EffectKind) -> String {
    match kind {
        EffectKind::SyncCard => "sync-card".into(),
        EffectKind::SyncHolding => "sync-holding".into(),
        EffectKind::TimeOut => "time-out".into(),
        EffectKind::Remind => "remind".into(),
        EffectKind::Climb => "climb".into(),
        EffectKind::Start => "start".into(),
        EffectKind::GiveUp => "give-up".into(),
        EffectKind::Expire => "expire".into(),
        EffectKind::Warn(before) => format!("warn:{}", before.as_secs()),
        EffectKind::ReviewDue => "review-due".into(),
        EffectKind::Say(notice) => format!("say:{}", notice_text(*notice)),
        EffectKind::Announce => "announce".into(),
        EffectKind::SyncAlarm => "sync-alarm".into(),
        EffectKind::Reconcile => "reconcile".into(),
        EffectKind::CheckLedger => "check-ledger".into(),
        EffectKind::CheckOverdue => "check-overdue".into(),
        EffectKind::CheckPeople => "check-people".into(),
        EffectKind::Retain => "retain".into(),
        EffectKind::TellCheckpoint => "tell-checkpoint".into(),
        EffectKind::SyncHome => "sync-home".into(),
    }
}

pub(super) fn parse_kind(text: &str) -> Option<EffectKind> {
    if let Some(seconds) = text.strip_prefix("warn:") {
        return Some(EffectKind::Warn(Duration::from_secs(seconds.parse().ok()?)));
    }
    if let Some(notice) = text.strip_prefix("say:") {
        return serde_json::from_value(notice.into())
            .ok()
            .map(EffectKind::Say);
    }
    match text {
        "sync-card" => Some(EffectKind::SyncCard),
        "sync-holding" => Some(EffectKind::SyncHolding),
        "time-out" => Some(EffectKind::TimeOut),
        "remind" => Some(EffectKind::Remind),
        "climb" => Some(EffectKind::Climb),
        "start" => Some(EffectKind::Start),
        "give-up" => Some(EffectKind::GiveUp),
        "expire" => Some(EffectKind::Expire),
        "review-due" => Some(EffectKind::ReviewDue),
        "announce" => Some(EffectKind::Announce),
        "sync-alarm" => Some(EffectKind::SyncAlarm),
        "reconcile" => Some(EffectKind::Reconcile),
        "check-ledger" => Some(EffectKind::CheckLedger),
        "check-overdue" => Some(EffectKind::CheckOverdue),
        "check-people" => Some(EffectKind::CheckPeople),
        "retain" => Some(EffectKind::Retain),
        "tell-checkpoint" => Some(EffectKind::TellCheckpoint),
        "sync-home" => Some(EffectKind::SyncHome),
        _ => None,
    }
}

/// The domain's own spelling: `revoke_stuck`.
fn notice_text(notice: Notice) -> String {
    match serde_json::to_value(notice) {
        Ok(serde_json::Value::String(text)) => text,
        other => unreachable!("a notice is written as a text, not {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use hallpass_domain::effect::Subject;
    use hallpass_domain::{
        BackendName, Duration, EffectKind, GrantId, HoldingId, Lane, Notice, PersonId, RequestId,
        Urgency,
    };

    use super::{
        kind, lane, parse_kind, parse_lane, parse_subject, parse_urgency, subject, urgency,
    };

    #[test]
    fn subjects_lanes_and_urgencies_are_read_back() {
        for one in [
            Subject::Request(RequestId::new("0197-a")),
            Subject::Grant(GrantId::new("0197-b")),
            Subject::Holding(HoldingId::new("with:colon")),
            Subject::Person(PersonId::new("0197-c")),
        ] {
            assert_eq!(parse_subject(&subject(&one)), Some(one));
        }
        for one in [
            Lane::Internal,
            Lane::Slack,
            Lane::Backend(BackendName::new("orders-db")),
            Lane::Backend(BackendName::new("slack")),
        ] {
            assert_eq!(parse_lane(&lane(&one)), Some(one));
        }
        for one in [Urgency::First, Urgency::Normal, Urgency::Later] {
            assert_eq!(parse_urgency(urgency(one)), Some(one));
        }
    }

    #[test]
    fn kinds_are_read_back() {
        let plain = [
            (EffectKind::SyncCard, "sync-card"),
            (EffectKind::SyncHolding, "sync-holding"),
            (EffectKind::TimeOut, "time-out"),
            (EffectKind::Remind, "remind"),
            (EffectKind::Climb, "climb"),
            (EffectKind::Start, "start"),
            (EffectKind::GiveUp, "give-up"),
            (EffectKind::Expire, "expire"),
            (EffectKind::Warn(Duration::from_mins(15)), "warn:900"),
            (EffectKind::ReviewDue, "review-due"),
            (EffectKind::SyncHome, "sync-home"),
            (EffectKind::CheckOverdue, "check-overdue"),
            (EffectKind::Say(Notice::Granted), "say:granted"),
            (EffectKind::Say(Notice::RevokeStuck), "say:revoke_stuck"),
        ];
        for (one, text) in plain {
            assert_eq!(kind(&one), text);
            assert_eq!(parse_kind(text), Some(one));
        }
    }

    #[test]
    fn what_we_did_not_write_is_not_read() {
        for text in ["", "warn:", "warn:-1", "say:", "say:hello", "Expire"] {
            assert_eq!(parse_kind(text), None, "{text}");
        }
        assert_eq!(parse_lane("backend"), None);
        assert_eq!(parse_subject("nobody:1"), None);
        assert_eq!(parse_urgency(3), None);
    }
}
