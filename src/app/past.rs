//! What was said with something to press, once there is nothing to press any more: a warning whose end came or moved, and
//! what told its holder of the access, with “End now”. Each is edited with the card, so as often as the card at most.
//!
//! A warning of an end that moved stays so: that it was extended is true for ever.

use super::sync_card::{SAID, digest};
use crate::ports::chat::{AccessShown, GrantStateShown, Message, Past, RequestShown, StateShown};
use crate::store::CardRow;

/// How the key of a warning begins; its length before the end and the end follow, see [`warning_key`].
const WARNING: &str = "warning-";
/// What was said with “End now” to the holder alone.
const TO_THE_HOLDER: [&str; 2] = ["granted", "extended-"];

/// What tells one warning from another: how long before which end.
pub(super) fn warning_key(
    before: hallpass_domain::Duration,
    ends_at: hallpass_domain::Time,
) -> String {
    format!("{WARNING}{}-{}", before.as_secs(), ends_at.timestamp())
}

/// What should stand in its place; none where it still says what it should.
pub(super) fn past(shown: &RequestShown, row: &CardRow) -> Option<Message> {
    let (key, at) = row.place.strip_prefix(SAID)?.rsplit_once(':')?;
    let StateShown::Started(grant) = &shown.state else {
        return None;
    };
    let over = match &grant.state {
        GrantStateShown::Provisioning | GrantStateShown::Active { .. } => None,
        // Gone in a moment, else told.
        GrantStateShown::Revoking { stuck, .. } if stuck.is_empty() => return None,
        GrantStateShown::Revoking { .. } => Some(Past::BeingTaken),
        GrantStateShown::Ended { .. } | GrantStateShown::Failed { .. } => Some(Past::Over),
    };
    let now = if let Some(warned) = key.strip_prefix(WARNING) {
        let extended = said(shown, at, Past::Extended);
        if row.digest == digest(&extended) {
            return None;
        }
        over.or_else(|| has_moved(&grant.state, warned).then_some(Past::Extended))?
    } else {
        let has_button = TO_THE_HOLDER.iter().any(|known| key.starts_with(known));
        over.filter(|_| has_button && at == shown.holder.account.as_str())?
    };
    Some(said(shown, at, now))
}

/// At a place: the account whose direct message it is, or another's name that no account has.
fn said(shown: &RequestShown, at: &str, now: Past) -> Message {
    let holder = &shown.holder;
    let access = AccessShown {
        id: shown.id.clone(),
        short: shown.short.clone(),
        role: shown.role.clone(),
        holder: (at != holder.account.as_str()).then(|| holder.clone()),
    };
    Message::Past { access, now }
}

/// Whether the end is another than the one that was warned of.
fn has_moved(state: &GrantStateShown, warned: &str) -> bool {
    let GrantStateShown::Active { ends_at, .. } = state else {
        return false;
    };
    let of = warned
        .rsplit_once('-')
        .and_then(|(_, end)| end.parse().ok());
    of.is_some_and(|end: i64| end != ends_at.timestamp())
}
