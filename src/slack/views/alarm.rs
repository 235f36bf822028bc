//! The alarm about revocations that are overdue, in the security channel: one message for a backend, however many grants.
//! What the backend answers is told in our own words, never in its.

use super::Rendered;
use super::blocks;
use super::text::Line;
use crate::domain::Time;
use crate::ports::chat::{AlarmShown, OverdueShown, Said};

pub(super) fn overdue(alarm: &AlarmShown) -> Rendered {
    let line = Line::new()
        .code(&alarm.backend)
        .say(" does not let go: ")
        .line(grants(alarm))
        .say(if alarm.grants == 1 && !alarm.more {
            " should have ended "
        } else {
            " should have ended, the first "
        })
        .time(alarm.since)
        .say(". Whoever held that may *still* have access. ")
        .line(answers(alarm.said));
    let named = alarm.named.iter().map(named);
    let unnamed = alarm.grants.saturating_sub(alarm.named.len());
    let rest = (unnamed > 0).then(|| {
        let and = if alarm.more { "And at least " } else { "And " };
        Line::of(and).number(unnamed as u64).say(" others.")
    });
    let list: Vec<Line> = named.chain(rest).collect();
    let mut text = line.clone();
    for one in &list {
        text = text.say(" ").line(one.clone());
    }
    let mut out = vec![
        blocks::header(&format!("{}: access is overdue to end", alarm.backend)),
        blocks::section(line),
    ];
    out.extend(list.into_iter().map(blocks::section));
    out.push(blocks::context(vec![Line::of(
        "It is tried again at most ten seconds apart, for ever. This message follows, and says when it is over.",
    )]));
    Rendered::new(text, out)
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

fn answers(said: Said) -> Line {
    Line::of(match said {
        Said::Nothing => "It gives no answer, or says that it can't now.",
        Said::Refuses => "It refuses to take the access away: somebody has to look at it.",
        Said::KeepsIt => {
            "It says that it took the access away, but the access is still there: somebody has to look at it."
        }
    })
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
pub(super) fn no_more(backend: &str, since: Time, over: Time) -> Rendered {
    let line = Line::new()
        .code(backend)
        .say(" did not let go of access in time; this alarm stood from ")
        .time(since)
        .say(" to ")
        .time(over)
        .say(". It is over: all of that access is gone, and that was checked.");
    Rendered::line(line)
}

/// Said anew, because nobody is told of an edit.
pub(super) fn is_over(backend: &str, since: Time, over: Time) -> Rendered {
    let line = Line::of("It is over: ")
        .code(backend)
        .say(" lets go again. All access that was overdue since the alarm came, ")
        .time(since)
        .say(", is gone; that was checked ")
        .time(over)
        .say(".");
    Rendered::line(line)
}
