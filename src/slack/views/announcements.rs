//! What the security channel is told that belongs to no request: one sentence that stands alone, then the facts.
//! Names of principals, backends and people are others' words: they are made harmless, and lists are bounded.

use slack_morphism::prelude::SlackBlock;

use super::Rendered;
use super::blocks;
use super::limits;
use super::text::Line;
use crate::domain::announcement::{Drift, DriftDone, DriftKind, TimeAfter};
use crate::domain::{Actor, Announcement, BackendName, Duration, Email, ShortId, SlackId, Time};
use crate::ports::chat::Shown;

pub(super) fn announcement(announcement: &Announcement) -> Rendered {
    match announcement {
        Announcement::AuthorityChanged {
            digest,
            gained,
            lost,
        } => authority(digest, gained, lost),
        Announcement::IdentityChanged {
            account,
            pinned,
            now,
        } => identity_changed(account, pinned.as_ref(), now.as_ref()),
        Announcement::Drift {
            backend,
            found,
            more,
        } => drift(backend, found, *more),
        Announcement::BackendRetired {
            backend,
            grants,
            reachable,
        } => backend_retired(backend, grants, *reachable),
        Announcement::ClockJumped {
            by_seconds,
            at,
            time,
        } => clock_jumped(*by_seconds, *at, *time),
        Announcement::ClockSkewed { by_millis, at } => clock_skewed(*by_millis, *at),
        Announcement::Restored {
            anchored, found, ..
        } => restored(*anchored, *found),
        Announcement::RestoreAccepted { by, at } => restore_accepted(by, *at),
        Announcement::Checkpoint {
            sequence,
            hash,
            key,
            at,
        } => checkpoint(*sequence, hash, key, *at),
        Announcement::NotCompared {
            backend,
            since,
            until,
        } => not_compared(backend, *since, *until),
        Announcement::RecordBroken { sequence, why } => record_broken(*sequence, why),
    }
}

/// Said later than it came to be: the same, and when that was.
pub(super) fn late(rendered: Rendered, at: Time) -> Rendered {
    let line = Line::of("Told late: this is from ").time(at).say(".");
    with_context(rendered, line)
}

/// Said elsewhere than it should be: the same, and why.
pub(super) fn instead(rendered: Rendered) -> Rendered {
    let line = Line::of(
        "Told here because the security channel takes no messages. Whoever runs Hallpass should look at `/readyz`.",
    );
    with_context(rendered, line)
}

fn with_context(mut rendered: Rendered, line: Line) -> Rendered {
    let text = line.clone().finish(limits::TEXT);
    rendered.text = format!(
        "{} {text}",
        super::text::cut(&rendered.text, limits::TEXT - 200)
    );
    rendered.blocks.truncate(limits::BLOCKS - 1);
    rendered.blocks.push(blocks::context(vec![line]));
    rendered
}

/// How many of those who gained or lost authority are named: what weighs most. The record has all of them.
const NAMED: usize = 5;

/// A configuration was loaded that gives or takes authority.
fn authority(digest: &str, gained: &[String], lost: &[String]) -> Rendered {
    let line = Line::of("A configuration was loaded that changes who may do what: ")
        .number(gained.len() as u64)
        .say(" gained, ")
        .number(lost.len() as u64)
        .say(" lost.");
    let mut out = vec![blocks::section(line.clone())];
    out.extend(listed("Gained", gained));
    out.extend(listed("Lost", lost));
    let short: String = digest.chars().take(12).collect();
    let configuration = Line::of("Configuration ").code(&short).say(".");
    let unnamed = [gained, lost].map(|all| all.len().saturating_sub(NAMED));
    out.push(blocks::context(vec![if unnamed == [0, 0] {
        configuration
    } else {
        configuration.say(" All of it stands in the record: `hallpass audit export`.")
    }]));
    Rendered::new(line, out)
}

fn listed(label: &'static str, entries: &[String]) -> Option<SlackBlock> {
    if entries.is_empty() {
        return None;
    }
    let shown = entries.iter().take(NAMED);
    let rest = entries.len().saturating_sub(NAMED);
    let more = (rest > 0).then(|| format!("and {rest} more"));
    let first = if rest > 0 {
        ", what weighs most first"
    } else {
        ""
    };
    Some(blocks::lines(
        std::iter::once(format!("{label}{first}:"))
            .chain(shown.map(|entry| format!("• {entry}")))
            .chain(more),
    ))
}

/// A pinned identity no longer is what Slack says.
fn identity_changed(account: &SlackId, pinned: Option<&Email>, now: Option<&Email>) -> Rendered {
    let person = Shown {
        account: account.clone(),
        email: None,
    };
    let email = |line: Line, email: Option<&Email>| match email {
        Some(email) => line.code(email.as_str()),
        None => line.say("no confirmed e-mail"),
    };
    let line = Line::of("*Identity changed*: ")
        .person(&person)
        .say(" is known here as ");
    let line = email(line, pinned).say("; Slack now says ");
    let line = email(line, now).say(
        ". Nothing follows from that: they stay who they were, until an operator maps them anew.",
    );
    Rendered::line(line)
}

fn drift(backend: &BackendName, found: &[Drift], more: usize) -> Rendered {
    let all = found.len() + more;
    let line = Line::of("*Access differs from the grants* in ").code(backend.as_str());
    let line = if all == 1 {
        line.say(": 1 difference.")
    } else {
        line.say(": ").number(all as u64).say(" differences.")
    };
    let mut out = vec![blocks::section(line.clone())];
    out.extend(
        found
            .iter()
            .take(limits::ENTRIES)
            .map(|one| blocks::section(difference(one))),
    );
    let rest = all.saturating_sub(found.len().min(limits::ENTRIES));
    if rest > 0 {
        out.push(blocks::context(vec![
            Line::of("And ")
                .number(rest as u64)
                .say(" more; the record has all of them."),
        ]));
    }
    // Whoever hears it read aloud learns the first ones, too.
    let text = found
        .iter()
        .take(3)
        .fold(line, |line, one| line.say(" ").line(difference(one)));
    Rendered::new(text, out)
}

/// `orders_admin of alice: of an ended grant (R-7K2M). It is being removed.`
fn difference(one: &Drift) -> Line {
    let line = Line::new()
        .code(&one.entitlement)
        .say(" of ")
        .code(&one.principal);
    let line = line.say(match one.kind {
        DriftKind::Missing => " is missing though its grant is live",
        DriftKind::LeftOver => " is still there though its grant is over",
        DriftKind::Unknown => " is there and no grant gave it",
        DriftKind::Unproven => " is held by a grant without approvals that can be trusted",
        DriftKind::Unscheduled => " stood without a next step, so nothing would have ended it",
    });
    let line = match &one.grant {
        Some(grant) => line.say(" (").code(&grant.of_request()).say(")"),
        None => line,
    };
    line.say(match one.done {
        DriftDone::Told => ". Nothing was changed; please look.",
        DriftDone::GivingAgain => ". It is being given again.",
        DriftDone::Removing => ". It is being removed.",
        DriftDone::Ending => ". The grant is being ended.",
        DriftDone::Rescheduled => ". The next step is set again.",
    })
}

fn backend_retired(backend: &BackendName, grants: &[ShortId], reachable: bool) -> Rendered {
    let line = Line::of("The configuration no longer has the backend ").code(backend.as_str());
    if grants.is_empty() {
        let line =
            line.say(", and what is on record of access there can't be read: the log names it. ");
        return Rendered::line(if reachable {
            line.say("It is still reached as it was configured before.")
        } else {
            line.say("*It can't be reached, so access there can't be taken away.* Put the backend back into the configuration.")
        });
    }
    let names: Vec<String> = grants.iter().map(ShortId::of_request).collect();
    let line = line
        .say(", but ")
        .number(grants.len() as u64)
        .say(if grants.len() == 1 {
            " live grant needs it: "
        } else {
            " live grants need it: "
        })
        .names(&names)
        .say(". ");
    Rendered::line(if reachable {
        line.say("It is still reached as it was configured before, so they end on time.")
    } else {
        line.say("*It can't be reached, so their access can't be taken away.* Put the backend back into the configuration.")
    })
}

fn not_compared(backend: &BackendName, since: Time, until: Option<Time>) -> Rendered {
    let line = Line::new();
    Rendered::line(match until {
        None => line
            .code(backend.as_str())
            .say(" *hasn't been compared with the whole record* since ")
            .time(since)
            .say(": access there that is missing, left over or that nobody gave may not be found. It is tried again by itself; the log says why it fails."),
        Some(until) => line
            .code(backend.as_str())
            .say(" is compared with the whole record again, ")
            .time(until)
            .say(". It hadn't been since ")
            .time(since)
            .say("; what differed meanwhile is reported separately."),
    })
}

fn clock_jumped(by_seconds: i64, at: Time, time: TimeAfter) -> Rendered {
    let size = Duration::from_secs(u32::try_from(by_seconds.unsigned_abs()).unwrap_or(u32::MAX));
    let (what, then) = match (time, by_seconds < 0) {
        (TimeAfter::Later, true) => (
            "*The clock jumped* back by ",
            ". No access lasts longer for that: its time is counted on from the later time.",
        ),
        (TimeAfter::Later, false) => (
            "*The clock jumped* forward by ",
            ". The new time is believed, so grants may have ended early.",
        ),
        (TimeAfter::Followed, back) => (
            if back {
                "*A machine's clock jumped* back by "
            } else {
                "*A machine's clock jumped* forward by "
            },
            ". The database's time is followed, so access still ends on time.",
        ),
        (TimeAfter::Earlier, _) => (
            "*The clock is behind the record* by ",
            ". That much isn't believed: what was given while it was ahead ends late. Look at `hallpass grants`.",
        ),
    };
    let line = Line::of(what).span_in_words(size).say(", ").time(at);
    Rendered::line(line.say(then).say(" Please check the machine's time."))
}

fn clock_skewed(by_millis: i64, at: Time) -> Rendered {
    let line = Line::of("*Clocks differ*: this machine's is ")
        .number(by_millis.unsigned_abs())
        .say(if by_millis < 0 {
            " ms behind"
        } else {
            " ms ahead of"
        })
        .say(" the database's, ")
        .time(at)
        .say(". The database's is followed, so access ends by that. Please check both machines' time.");
    Rendered::line(line)
}

fn restored(anchored: u64, found: u64) -> Rendered {
    let line = Line::of("*The record isn't the newest*: ")
        .number(anchored)
        .say(" entries were anchored, ")
        .number(found)
        .say(" are there. Was a backup restored? Until an operator runs `hallpass serve --accept-restored`, access is only taken away, none is given.");
    Rendered::line(line)
}

fn restore_accepted(by: &Actor, at: Time) -> Rendered {
    let line = Line::of("The restored record was accepted by ");
    let line = match by {
        Actor::Operator(name) => line.code(name),
        Actor::Person(_) => line.say("an operator"),
        Actor::Hallpass => line.say("Hallpass"),
    };
    Rendered::line(line.say(", ").time(at).say(". Access is given again."))
}

fn checkpoint(sequence: u64, hash: &str, key: &str, at: Time) -> Rendered {
    let line = Line::of("Checkpoint of the record: ")
        .number(sequence)
        .say(" entries, sealed ")
        .time(at)
        .say(".");
    let facts = vec![
        Line::of("Hash ").code(hash),
        Line::of("Key ").code(key),
        Line::of("Check it with `hallpass audit verify`."),
    ];
    Rendered::new(
        line.clone(),
        vec![blocks::section(line), blocks::context(facts)],
    )
}

fn record_broken(sequence: Option<u64>, why: &str) -> Rendered {
    let line = match sequence {
        Some(sequence) => Line::of("*The record was changed after it was sealed*, first at entry ")
            .number(sequence)
            .say(". Keep a copy of the database and look who can write to it."),
        None => {
            Line::of("*What proves the record is incomplete.* Access is given and taken as always.")
        }
    };
    let text = line
        .clone()
        .say(" What was found: ")
        .words(why, limits::QUOTE);
    Rendered::new(
        text,
        vec![blocks::section(line), blocks::words("What was found", why)],
    )
}
