//! The alarm about revocations that are overdue, in the security channel: one message for a backend, however many grants.
//! What the backend answers is told in our own words, never in its.

use super::Rendered;
use super::blocks;
use super::text::Line;
use crate::domain::Time;
use crate::ports::chat::{AlarmShown, Delay, OverdueShown, Said};

pub(super) fn overdue(alarm: &AlarmShown) -> Rendered {
    let line = whose(alarm)
        .line(what(alarm))
        .time(alarm.since)
        .say(". Whoever held that may *still* have access. ")
        .line(why(alarm.why));
    let named = alarm.named.iter().map(named);
    let unread = (!alarm.unread.is_empty()).then(|| Line::new().names(&alarm.unread).say("."));
    let counted = alarm.named.len().max(alarm.unread.len());
    let unnamed = alarm.grants.saturating_sub(counted);
    let rest = (unnamed > 0).then(|| {
        let and = if alarm.more { "And at least " } else { "And " };
        let others = if unnamed == 1 { " other." } else { " others." };
        Line::of(and).number(unnamed as u64).say(others)
    });
    let list: Vec<Line> = named.chain(unread).chain(rest).collect();
    let mut text = line.clone();
    for one in &list {
        text = text.say(" ").line(one.clone());
    }
    let header = match &alarm.backend {
        Some(backend) => format!("{backend}: access is overdue to end"),
        None => "Access is overdue to end".to_owned(),
    };
    let mut out = vec![blocks::header(&header), blocks::section(line)];
    out.extend(list.into_iter().map(blocks::section));
    out.push(blocks::context(vec![Line::of(follows(alarm.why))]));
    Rendered::new(text, out)
}

fn whose(alarm: &AlarmShown) -> Line {
    let Some(backend) = &alarm.backend else {
        return Line::of("Access can't be ended, because what is on record of it can't be read: ");
    };
    let line = Line::new().code(backend);
    line.say(match alarm.why {
        Delay::Backend(_) => " does not let go: ",
        Delay::Behind => " is behind: ",
        Delay::Ours => ": ",
    })
}

/// `3 grants should have ended, and access of 1 that can't be named should be gone, the first `
fn what(alarm: &AlarmShown) -> Line {
    let grants = (alarm.grants > 0).then(|| grants(alarm).say(" should have ended"));
    let others = (alarm.others > 0).then(|| {
        let line = Line::of("access should be gone that no grant can be named for (");
        let times = if alarm.others == 1 {
            " time)"
        } else {
            " times)"
        };
        line.number(alarm.others as u64).say(times)
    });
    let only = alarm.grants + alarm.others == 1 && !alarm.more;
    let line = match (grants, others) {
        (Some(grants), Some(others)) => grants.say(", and ").line(others),
        (grants, others) => grants.or(others).unwrap_or_else(Line::new),
    };
    line.say(if only { " " } else { ", the first " })
}

fn grants(alarm: &AlarmShown) -> Line {
    let line = if alarm.more {
        Line::of("more than ")
    } else {
        Line::new()
    };
    let noun = if alarm.grants == 1 && !alarm.more {
        " grant"
    } else {
        " grants"
    };
    line.number(alarm.grants as u64).say(noun)
}

fn why(why: Delay) -> Line {
    Line::of(match why {
        Delay::Backend(Said::Nothing) => "It gives no answer, or says that it can't now.",
        Delay::Backend(Said::Refuses) => {
            "It refuses to take the access away: somebody has to look at it."
        }
        Delay::Backend(Said::KeepsIt) => {
            "It says that it took the access away, but the access is still there: somebody has to look at it."
        }
        Delay::Behind => "No call of it failed: more is to be taken away than is taken in time.",
        Delay::Ours => {
            "Hallpass itself could not do it yet: its log says why, and somebody has to look at it."
        }
    })
}

fn follows(why: Delay) -> &'static str {
    match why {
        Delay::Backend(_) | Delay::Ours => {
            "It is tried again at most ten seconds apart, for ever. This message follows, and says when it is over."
        }
        Delay::Behind => {
            "Each goes as soon as its turn comes. This message follows, and says when it is over."
        }
    }
}

fn named(one: &OverdueShown) -> Line {
    let line = if one.break_glass {
        Line::of("*Break-glass* ")
    } else {
        Line::new()
    };
    line.code(&one.short)
        .say(": ")
        .person_in_full(&one.holder)
        .say(", ")
        .code(&one.role)
        .say(", since ")
        .time(one.since)
        .say(".")
}

/// In place of the alarm.
pub(super) fn no_more(backend: Option<&str>, since: Time, over: Time) -> Rendered {
    let line = match backend {
        Some(backend) => Line::new()
            .code(backend)
            .say(" did not let go of access in time"),
        None => Line::of("Access could not be ended in time, because its record could not be read"),
    };
    let line = line
        .say("; this alarm stood from ")
        .time(since)
        .say(" to ")
        .time(over);
    Rendered::line(line.say(match backend {
        Some(_) => ". It is over: all of that access is gone, and that was checked.",
        None => ". It is over: all of it can be read again, and is ended.",
    }))
}

/// Said anew, because nobody is told of an edit.
pub(super) fn is_over(backend: Option<&str>, since: Time, over: Time) -> Rendered {
    let Some(backend) = backend else {
        let line = Line::of("It is over: the record of all access that was overdue since ")
            .time(since)
            .say(" can be read again, ")
            .time(over)
            .say(". That access is ended now; its threads say when it is gone.");
        return Rendered::line(line);
    };
    let line = Line::of("It is over: ")
        .code(backend)
        .say(" has let go. All access that was overdue since the alarm came, ")
        .time(since)
        .say(", is gone; that was checked ")
        .time(over)
        .say(".");
    Rendered::line(line)
}
