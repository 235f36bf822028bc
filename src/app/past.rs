//! What was said once, and would be untrue or offer a button that does nothing: it is edited with the card, so as often
//! as the card at most. In direct messages the last word follows the grant as it is now, an older one that Slack kept
//! points to it, and is true whatever comes; in the thread what was said there stays, but for warnings and alarms.
//!
//! A warning of an end that moved stays so: that it was extended is true for ever.

use hallpass_domain::{Duration, SlackId, Time};

use super::one_message::{addressed, follows, is_newest, standing_at};
use super::sync_card::{SAID, digest};
use crate::ports::chat::{
    AccessShown, GrantStateShown, Message, Past, RequestShown, Shown, StateShown,
};
use crate::store::CardRow;

/// How the key of a warning begins; its length before the end and the end follow, see [`warning_key`].
const WARNING: &str = "warning-";
/// So does that of an extension; the end that it led to follows.
const EXTENDED: &str = "extended-";
const STUCK: &str = "stuck";
const REMINDER: &str = "reminder-";
/// What the last word in somebody's direct messages says and may change at any time.
const FOLLOWS: [&str; 3] = ["granted", "decided-scheduled", "trouble"];

/// What tells one warning from another: how long before which end.
pub(super) fn warning_key(before: Duration, ends_at: Time) -> String {
    format!("{WARNING}{}-{}", before.as_secs(), ends_at.timestamp())
}

/// What should stand in its place; none where it still says what it should.
pub(super) fn past(shown: &RequestShown, row: &CardRow, rows: &[CardRow]) -> Option<Message> {
    if let Some((key, reader)) = standing_at(row) {
        if is_newest(row, rows) {
            return changes(shown, key).then(|| follows(shown, &reader));
        }
        return Some(addressed(line(shown, Past::Newer), &reader));
    }
    let (key, at) = row.place.strip_prefix(SAID)?.rsplit_once(':')?;
    if key.starts_with(REMINDER) {
        let reader = SlackId::parse(at)?;
        return (!is_asked(shown, &reader)).then(|| addressed(line(shown, Past::Decided), &reader));
    }
    if at != "thread" {
        return None;
    }
    Some(line(shown, in_thread(shown, key, &row.digest)?))
}

fn is_asked(shown: &RequestShown, reader: &SlackId) -> bool {
    let StateShown::Pending(stage) = &shown.state else {
        return false;
    };
    let is = |person: &Shown| person.account == *reader;
    stage.asked.iter().any(is) && !shown.reviews.iter().any(|one| is(&one.reviewer))
}

/// Whether the newest one, whatever it said, is to follow the grant now.
fn changes(shown: &RequestShown, key: &str) -> bool {
    let of_an_end = [WARNING, EXTENDED]
        .iter()
        .any(|known| key.starts_with(known));
    let follows = key == STUCK || FOLLOWS.iter().any(|known| key.starts_with(known));
    if !follows && !of_an_end {
        return false;
    }
    let StateShown::Started(grant) = &shown.state else {
        return true;
    };
    match &grant.state {
        // Gone in a moment, else told.
        GrantStateShown::Revoking { .. } => !grant.trouble.is_empty(),
        GrantStateShown::Active { .. } => !of_an_end || has_moved(&grant.state, key),
        GrantStateShown::Provisioning
        | GrantStateShown::Ended { .. }
        | GrantStateShown::Failed { .. } => true,
    }
}

/// Of one that stands in the thread: what would be untrue, or could be pressed.
fn in_thread(shown: &RequestShown, key: &str, stands: &str) -> Option<Past> {
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
    if key.starts_with(WARNING) {
        if stands == digest(&line(shown, Past::Extended)) {
            return None;
        }
        return over.or_else(|| has_moved(&grant.state, key).then_some(Past::Extended));
    }
    (key == STUCK && over == Some(Past::Over)).then_some(Past::LetGo)
}

/// Whose access to what, and what became of it.
fn line(shown: &RequestShown, now: Past) -> Message {
    let access = AccessShown {
        id: shown.id.clone(),
        short: shown.short.clone(),
        role: shown.role.clone(),
        holder: shown.holder.clone(),
    };
    Message::Past { access, now }
}

/// Whether the end is another than the one that this was said of.
fn has_moved(state: &GrantStateShown, key: &str) -> bool {
    let GrantStateShown::Active { ends_at, .. } = state else {
        return false;
    };
    let of = key.rsplit_once('-').and_then(|(_, end)| end.parse().ok());
    of.is_some_and(|end: i64| end != ends_at.timestamp())
}
