//! What is wrong with the words of a break-glass command: incident, reason, person. Pure.

use hallpass_domain::Role;

use super::check_ask::find_ticket;
use super::words::{YOUR_EMERGENCY, is_placeholder, quoted};

pub(super) fn cannot_hold(sentence: &str) -> String {
    format!("That account can't be given access. {sentence}")
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

pub(super) fn reason_only(reason: &str) -> Vec<String> {
    if reason.trim().is_empty() {
        vec!["The reason is missing: say at the end why it can't wait.".into()]
    } else if is_placeholder(reason) {
        vec![format!(
            "Write the reason in your own words, where “{YOUR_EMERGENCY}” stands."
        )]
    } else {
        Vec::new()
    }
}
