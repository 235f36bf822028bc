//! What of a request wasn't said yet: the notices among its effects, whoever carries them out.

use hallpass_domain::effect::Subject;
use hallpass_domain::{Effect, EffectKind, Time};

use super::sql::list;
use super::{Store, StoreError, text};

row! { Unsaid { subject: String, kind: String, lane: String, urgency: i64, due: i64 } }

impl Store {
    /// Notices of these subjects that should have been said by `now`; in no order. A row that can't be read is left out:
    /// it never is carried out, so nothing may wait for it.
    pub async fn unsaid(&self, subjects: &[Subject], now: Time) -> Result<Vec<Effect>, StoreError> {
        let sql = sql!("effect":
            "select subject, kind, lane, urgency, due from effect where subject " [in_list 1]
            " and (kind like 'say:%' or kind like 'warn:%') and due <= $2");
        let subjects: Vec<String> = subjects.iter().map(text::subject).collect();
        let subjects = list(subjects.iter().map(String::as_str));
        let rows = self
            .fetch::<Unsaid>(&sql, &[subjects.into(), text::micros(now).into()])
            .await?;
        Ok(rows.iter().filter_map(effect).collect())
    }
}

fn effect(row: &Unsaid) -> Option<Effect> {
    let kind = text::parse_kind(&row.kind)?;
    let said = matches!(kind, EffectKind::Say(_) | EffectKind::Warn(_));
    said.then_some(())?;
    Some(Effect {
        subject: text::parse_subject(&row.subject)?,
        kind,
        lane: text::parse_lane(&row.lane)?,
        urgency: text::parse_urgency(row.urgency)?,
        due: text::time(row.due)?,
    })
}
