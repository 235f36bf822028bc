//! What is wrong with an ask as it was typed, all of it at once, and what would do. Pure: no store, no clock, no Slack.

use std::collections::BTreeMap;

use hallpass_domain::command::{self, Ask, DurationWord};
use hallpass_domain::role::{ParameterRule, TicketRule};
use hallpass_domain::{Duration, Role, nearest};
use regex::{Regex, RegexBuilder};

use super::words::{AskWords, YOUR_REASON, enumerated, is_placeholder, quoted};

/// Longer reasons don't fit on a card.
const LONGEST_REASON: usize = 1_500;
/// Longer values are nobody's node name.
const LONGEST_VALUE: usize = 200;

/// The ask with every part checked against the role; meaningful where there are no problems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checked {
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) duration: Duration,
    pub(super) ticket: Option<String>,
    /// Sentences.
    pub(super) problems: Vec<String>,
    /// The same ask with what was wrong put right, as far as that can be said.
    pub(super) would_do: String,
}

/// Checks everything but who asks.
pub(super) fn check(command: &str, ask: &Ask, role: &Role) -> Checked {
    let placed = placed(&ask.parameters, &ask.reason, role);
    let mut problems = placed.told(role);
    let (parameters, shown) = parameters(&placed.parameters, role, &mut problems);
    let duration = duration(ask.duration.as_ref(), role, &mut problems);
    let (ticket, example) = reason(&placed.reason, role.ticket.as_ref(), &mut problems);
    let would_do = AskWords {
        command,
        role: role.name.as_str(),
        parameters: &shown,
        person: None,
        duration: written(ask, role, duration),
        at: ask.at.as_deref(),
        ticket: example,
        reason: &placed.reason,
        placeholder: YOUR_REASON,
    };
    Checked {
        would_do: would_do.line(),
        parameters,
        duration,
        ticket,
        problems,
    }
}

/// Parameters and reason, each in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) parameters: Vec<(String, String)>,
    pub(super) reason: String,
    /// Those that stood in the reason, as `node=web-3`.
    pub(super) moved: Vec<String>,
}

/// A parameter of the role that isn't given and stands among the words of the reason was meant as one: as a word of the
/// reason it would say nothing to the backend, and access could be wider than was meant.
pub(super) fn placed(typed: &[(String, String)], reason: &str, role: &Role) -> Placed {
    let given = |name: &str| typed.iter().any(|(typed, _)| typed == name);
    let open = |name: &str| role.parameters.contains_key(name) && !given(name);
    let (found, reason) = command::parameters_in(reason, open);
    let moved = found.iter().map(|(name, value)| format!("{name}={value}"));
    Placed {
        moved: moved.collect(),
        parameters: typed.iter().cloned().chain(found).collect(),
        reason,
    }
}

impl Placed {
    /// That they stood elsewhere, as sentences.
    pub(super) fn told(&self, role: &Role) -> Vec<String> {
        let told = |moved: &String| {
            format!(
                "{} stands in the reason: write it right after {}. If it is a part of the reason, leave its “=” out.",
                quoted(moved),
                role.name
            )
        };
        self.moved.iter().map(told).collect()
    }

    /// The same, where each has a field of its own.
    pub(super) fn told_in_form(&self) -> Vec<String> {
        let told = |moved: &String| {
            let moved = quoted(moved);
            format!(
                "{moved} stands here: write it into its own field. If it is a part of the reason, leave its “=” out."
            )
        };
        self.moved.iter().map(told).collect()
    }
}

/// The duration in a command that would do: as it was typed where it is the one that counts, none where it may be left out.
fn written(ask: &Ask, role: &Role, counts: Duration) -> Option<String> {
    match (&ask.duration, &ask.spelled) {
        (Some(Ok(typed)), Some(spelled)) if *typed == counts => Some(spelled.clone()),
        (None, _) if role.default_duration.is_some() => None,
        (Some(_) | None, _) => Some(counts.word()),
    }
}

/// The whole value, whatever alternatives the pattern has.
fn anchored(pattern: &str) -> Option<Regex> {
    compiled(&format!(r"\A(?:{pattern})\z"))
}

fn compiled(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).size_limit(1 << 20).build().ok()
}

pub(super) fn parameters(
    typed: &[(String, String)],
    role: &Role,
    problems: &mut Vec<String>,
) -> (BTreeMap<String, String>, Vec<(String, String)>) {
    let mut good = BTreeMap::new();
    let mut shown: Vec<(String, String)> = Vec::new();
    let stands = |shown: &[(String, String)], name: &str| shown.iter().any(|(one, _)| one == name);
    for (name, value) in typed {
        let Some(wanted) = role.parameters.get(name) else {
            problems.push(unknown_parameter(name, role));
            continue;
        };
        if stands(&shown, name) {
            problems.push(format!("{name} is there twice: write it once."));
            continue;
        }
        let fits = value.len() <= LONGEST_VALUE
            && !value.chars().any(char::is_control)
            && anchored(&wanted.pattern).is_some_and(|pattern| pattern.is_match(value));
        if fits {
            good.insert(name.clone(), value.clone());
            shown.push((name.clone(), value.clone()));
        } else {
            let like = like(wanted);
            problems.push(format!("{name} can't be {}: {like}.", quoted(value)));
            shown.push((name.clone(), example(name, wanted)));
        }
    }
    for (name, rule) in &role.parameters {
        if rule.required && !stands(&shown, name) {
            let example = example(name, rule);
            problems.push(format!(
                "{name} is missing: write it like {name}={example}."
            ));
            shown.push((name.clone(), example));
        }
    }
    (good, shown)
}

fn unknown_parameter(name: &str, role: &Role) -> String {
    let known: Vec<String> = role.parameters.keys().cloned().collect();
    let near = nearest(name, known.iter().map(String::as_str));
    match (known.is_empty(), near.first()) {
        (true, _) => format!("{} takes no {}.", role.name, quoted(name)),
        (false, Some(near)) => {
            format!("{} takes no {}; it takes {near}.", role.name, quoted(name))
        }
        (false, None) => {
            let known = enumerated(&known);
            format!("{} takes no {}; it takes {known}.", role.name, quoted(name))
        }
    }
}

fn like(rule: &ParameterRule) -> String {
    match &rule.example {
        Some(example) => format!("write it like {example}"),
        None => format!("it must match {}", rule.pattern),
    }
}

fn example(name: &str, rule: &ParameterRule) -> String {
    rule.example
        .clone()
        .unwrap_or_else(|| name.to_ascii_uppercase())
}

/// The duration to use, or, where that is wrong, the one to offer.
pub(super) fn duration(
    typed: Option<&DurationWord>,
    role: &Role,
    problems: &mut Vec<String>,
) -> Duration {
    let offered = role.default_duration.unwrap_or_else(|| usual(role));
    let (name, min, max) = (&role.name, role.min_duration, role.max_duration);
    match typed {
        None => {
            if role.default_duration.is_none() {
                problems.push(format!(
                    "Say for how long you need it, like {}; {name} allows {max} at most.",
                    offered.word()
                ));
            }
            offered
        }
        Some(Err(why)) => {
            problems.push(format!("{why}."));
            offered
        }
        Some(Ok(typed)) if *typed > max => {
            problems.push(format!("{name} allows {max} at most; you wrote {typed}."));
            max
        }
        Some(Ok(typed)) if *typed < min => {
            problems.push(format!("{name} takes {min} at least; you wrote {typed}."));
            min
        }
        Some(Ok(typed)) => *typed,
    }
}

/// A duration to give as an example: half of what is allowed, in whole hours or minutes.
pub(super) fn usual(role: &Role) -> Duration {
    let half = role.max_duration.as_secs() / 2;
    let step = if half >= 3_600 { 3_600 } else { 60 };
    let half = Duration::from_secs(half / step * step);
    if half < role.min_duration || half.as_secs() == 0 {
        role.max_duration
    } else {
        half
    }
}

pub(super) fn reason<'a>(
    reason: &str,
    rule: Option<&'a TicketRule>,
    problems: &mut Vec<String>,
) -> (Option<String>, Option<&'a str>) {
    if reason.trim().is_empty() {
        problems.push("The reason is missing: say at the end why you need it.".into());
    } else if is_placeholder(without_ticket(reason, rule)) {
        problems.push(format!(
            "Write the reason in your own words, where “{YOUR_REASON}” stands."
        ));
    } else if reason.chars().count() > LONGEST_REASON {
        problems.push(format!(
            "Keep the reason under {LONGEST_REASON} characters."
        ));
    }
    let Some(rule) = rule else {
        return (None, None);
    };
    let ticket = find_ticket(&rule.pattern, reason);
    if ticket.is_none() && rule.required {
        problems.push(format!(
            "The reason needs a ticket or incident, like {}.",
            rule.example
        ));
        return (None, Some(rule.example.as_str()));
    }
    (ticket, None)
}

/// The reason without a ticket at its beginning.
fn without_ticket<'a>(reason: &'a str, rule: Option<&TicketRule>) -> &'a str {
    let reason = reason.trim();
    let ticket = rule.and_then(|rule| find_ticket(&rule.pattern, reason));
    let rest = ticket.and_then(|ticket| reason.strip_prefix(&ticket));
    rest.unwrap_or(reason)
}

/// The first whole word of the reason that matches. `INC-4711` isn't found in `XINC-47112`.
pub(super) fn find_ticket(pattern: &str, reason: &str) -> Option<String> {
    let whole = format!(r"(?:\A|[^\w-])(?P<hallpass>{pattern})(?:[^\w-]|\z)");
    let found = compiled(&whole)?.captures(reason)?;
    found
        .name("hallpass")
        .map(|ticket| ticket.as_str().to_owned())
        .filter(|ticket| !ticket.trim().is_empty())
}

#[cfg(test)]
#[path = "check_ask_tests.rs"]
pub(super) mod tests;
