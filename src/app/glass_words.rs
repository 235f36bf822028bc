//! What was typed behind `break-glass`, put in order: what the person meant, and the whole command that says it. Pure.
//! A suggestion holds every word that was typed; only what was wrong is another one.

use hallpass_domain::command::{DurationWord, Rest, Sorted, StartWords};
use hallpass_domain::{Role, ShortId, SlackId};

use super::check_ask::{find_ticket, usual};
use super::incident::incident_only;
use super::words::{AskWords, YOUR_EMERGENCY, quoted};

/// `break-glass ROLE …` as typed.
#[derive(Debug, Clone, Default)]
pub(super) struct Typed {
    pub(super) role: String,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) person: Option<Result<SlackId, String>>,
    pub(super) duration: Option<DurationWord>,
    pub(super) spelled: Option<String>,
    pub(super) unclear: Option<Box<StartWords>>,
    pub(super) incident: String,
    pub(super) reason: String,
    pub(super) rest: Rest,
}

/// The same words, each in its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Meant {
    /// Whom it is for: the account, and how they are mentioned in a command.
    pub(super) person: Option<(Option<SlackId>, String)>,
    /// As typed; it may be wrong.
    pub(super) duration: Option<String>,
    /// It can be given for so long.
    pub(super) duration_fits: bool,
    /// None where nothing that was typed is one.
    pub(super) incident: Option<String>,
    pub(super) reason: String,
}

/// What they meant. `role`: with break-glass' bounds.
pub(super) fn meant(typed: &Typed, role: &Role) -> Meant {
    let sorted = sorted(&typed.rest, &typed.incident, role);
    let person = match (&typed.person, &sorted.person) {
        (_, Some((account, shown))) => Some((Some(account.clone()), mention(account, shown))),
        (Some(_), None) => Some((None, "@PERSON".to_owned())),
        (None, None) => None,
    };
    let fits = |duration| (role.min_duration..=role.max_duration).contains(&duration);
    let (duration, duration_fits) = match (&typed.duration, &sorted.duration) {
        (Some(Ok(duration)), _) => (typed.spelled.clone(), fits(*duration)),
        (Some(Err(wrong)), None) => (Some(wrong.typed().to_owned()), false),
        (Some(Err(_)) | None, Some((duration, text))) => (Some(text.clone()), fits(*duration)),
        (None, None) => (None, false),
    };
    let reason = match &typed.unclear {
        Some(start) => without(&sorted.reason, &start.typed),
        None => sorted.reason,
    };
    Meant {
        person,
        duration,
        duration_fits,
        incident: sorted.incident,
        reason,
    }
}

/// The first words of time; what is told isn't said twice.
fn without(reason: &str, words: &str) -> String {
    let left = reason.strip_prefix(words).unwrap_or(reason);
    left.trim_start_matches([',', ';', ' ']).to_owned()
}

/// The words behind the role, each in its place.
fn sorted(rest: &Rest, first: &str, role: &Role) -> Sorted {
    in_order(first, role, |is_incident| rest.sorted(is_incident))
}

/// The rest of `break-glass R-7K2M …`, each word in its place.
pub(super) fn sorted_for_pending(rest: &Rest, first: &str, role: &Role) -> Sorted {
    in_order(first, role, |is_incident| {
        rest.sorted_for_pending(is_incident)
    })
}

fn in_order(first: &str, role: &Role, sort: impl Fn(&dyn Fn(&str) -> bool) -> Sorted) -> Sorted {
    let Some(ticket) = &role.ticket else {
        let sorted = sort(&looks_like_one);
        if sorted.incident.is_some() {
            return sorted;
        }
        // Any word is one here: the first, as it was read.
        return sort(&|word| word == first && incident_only(role, word).is_empty());
    };
    sort(&|word| find_ticket(&ticket.pattern, word).as_deref() == Some(word))
}

/// `INC-4711`, `#4711`, `sev1-77`
fn looks_like_one(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let known = |letter: char| letter.is_ascii_alphanumeric() || "-_#".contains(letter);
    digits > 0 && word.contains(['-', '#']) && word.chars().all(known)
}

/// As Slack's composer takes it: by the name that was shown, or by the account where that can't be typed.
fn mention(account: &SlackId, shown: &str) -> String {
    let named = shown
        .strip_prefix('@')
        .filter(|name| *name != account.as_str());
    match named {
        Some(name) if !name.contains(char::is_whitespace) => shown.to_owned(),
        Some(_) | None => account.to_string(),
    }
}

/// What is wrong with where the words stand, as sentences.
pub(super) fn misplaced(typed: &Typed, meant: &Meant, role: &Role) -> Vec<String> {
    let mut problems = Vec::new();
    let person = typed.person.is_none() && meant.person.is_some();
    let duration = typed.duration.is_none() && meant.duration.is_some();
    let incident = meant.incident.is_some() && !incident_only(role, &typed.incident).is_empty();
    if person || duration || incident {
        problems.push(
            "The order is role, whom it is for, how long, incident, reason; yours was another."
                .into(),
        );
    }
    if let Some(start) = &typed.unclear {
        problems.push(format!(
            "Broken glass gives access at once, so {} can't be its start. Leave that out, or ask for the role with a start.",
            quoted(&start.typed)
        ));
    }
    problems
}

/// The whole command. `command`: with its subcommand; `parameters`: as far as they are right.
pub(super) fn would_do(
    command: &str,
    role: &Role,
    parameters: &[(String, String)],
    meant: &Meant,
) -> String {
    let duration = match &meant.duration {
        Some(typed) if meant.duration_fits => typed.clone(),
        Some(_) => corrected(meant, role),
        None => usual(role).word(),
    };
    AskWords {
        command,
        role: role.name.as_str(),
        parameters,
        person: meant.person.as_ref().map(|(_, shown)| shown.as_str()),
        duration: Some(duration),
        at: None,
        ticket: Some(meant.incident.as_deref().unwrap_or(example(role))),
        reason: &meant.reason,
        placeholder: YOUR_EMERGENCY,
    }
    .line()
}

/// The nearest that can be given; where it is no duration at all, a usual one.
fn corrected(meant: &Meant, role: &Role) -> String {
    let typed = meant.duration.as_deref().unwrap_or_default();
    match hallpass_domain::command::duration(typed) {
        Ok(duration) => duration.clamp(role.min_duration, role.max_duration).word(),
        Err(_) => usual(role).word(),
    }
}

/// `break-glass R-7K2M INCIDENT REASON…`
pub(super) fn would_do_for_pending(
    command: &str,
    short: &ShortId,
    role: &Role,
    sorted: &Sorted,
) -> String {
    AskWords {
        command,
        role: &short.of_request(),
        parameters: &[],
        person: None,
        duration: None,
        at: None,
        ticket: Some(sorted.incident.as_deref().unwrap_or(example(role))),
        reason: &sorted.reason,
        placeholder: YOUR_EMERGENCY,
    }
    .line()
}

fn example(role: &Role) -> &str {
    role.ticket
        .as_ref()
        .map_or("INC-4711", |rule| rule.example.as_str())
}

#[cfg(test)]
#[path = "glass_words_tests.rs"]
mod tests;
