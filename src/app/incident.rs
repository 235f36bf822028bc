//! What is wrong with the words of a break-glass command: incident, reason, person. Pure.

use hallpass_domain::Role;

use super::check_ask::find_ticket;
use super::words::quoted;

pub(super) fn cannot_hold(sentence: &str) -> String {
    format!("That account can't be given access. {sentence}")
}

pub(super) fn or_example(reason: &str) -> &str {
    match reason.trim() {
        "" => "why it can't wait",
        reason => reason,
    }
}

pub(super) fn suitable_incident<'a>(role: &'a Role, incident: &'a str) -> &'a str {
    let example = role
        .ticket
        .as_ref()
        .map_or("INC-4711", |rule| &rule.example);
    if incident_only(role, incident).is_empty() {
        incident
    } else {
        example
    }
}

pub(super) fn incident_only(role: &Role, incident: &str) -> Vec<String> {
    let ticket = role.ticket.as_ref();
    let example = ticket.map_or("INC-4711", |ticket| &ticket.example);
    let fits = ticket
        .is_none_or(|ticket| find_ticket(&ticket.pattern, incident).as_deref() == Some(incident));
    if incident.trim().is_empty() {
        vec![format!(
            "Name the incident, like {example}, before the reason."
        )]
    } else if !fits || incident.chars().count() > 60 {
        vec![format!(
            "{} is no incident: write it like {example}.",
            quoted(incident)
        )]
    } else {
        Vec::new()
    }
}

pub(super) fn incident_problems(role: &Role, incident: &str, reason: &str) -> Vec<String> {
    let mut problems = incident_only(role, incident);
    if reason.trim().is_empty() {
        problems.push("The reason is missing: say at the end why it can't wait.".into());
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::or_example;

    #[test]
    fn a_missing_reason_is_shown_as_an_example() {
        assert_eq!(or_example("  "), "why it can't wait");
        assert_eq!(or_example(" all is down "), "all is down");
    }
}
