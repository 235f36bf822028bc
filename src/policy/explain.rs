//! "Why not?" where no rule permits it: who is listed, in a sentence. People aren't named here: whoever shows it adds mentions.

use hallpass_domain::{Role, Who};

/// One entry of a list as people read it; none for one that is a person.
pub fn named(who: &Who) -> Option<String> {
    match who {
        Who::Everybody => Some("everybody".into()),
        Who::OnCall(schedule) => Some(format!("{schedule} on call")),
        Who::Group(group) => Some(group.to_string()),
        Who::UserGroup(_) => Some("a Slack user group".into()),
        Who::Account(_) | Who::Email(_) => None,
    }
}

/// `backend or dba on call`; people in the list are only counted in as such.
pub fn listed(list: &[Who]) -> String {
    let mut names: Vec<String> = Vec::new();
    for name in list.iter().filter_map(named) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if list.iter().any(|who| named(who).is_none()) {
        names.push("people named in the configuration".into());
    }
    match names.as_slice() {
        [] => "nobody".into(),
        [one] => one.clone(),
        [many @ .., other] => format!("{} or {other}", many.join(", ")),
    }
}

pub(super) fn nobody_permits_review(role: &Role, stage: usize) -> String {
    match role.stages.get(stage) {
        Some(decide) => {
            let ladder = decide.ladder.iter().flat_map(|rung| rung.ask.iter());
            let all: Vec<Who> = decide.approvers.iter().chain(ladder).cloned().collect();
            format!("You can't decide this one; that is for {}.", listed(&all))
        }
        None => "You can't decide this one.".into(),
    }
}

/// The default: no rule permits it.
pub(super) fn nothing_permits(action: &str, role: &Role) -> String {
    let name = &role.name;
    let glass = role.break_glass.as_ref();
    match (action, glass) {
        ("request", _) => {
            format!(
                "You can't ask for {name}; that is for {}.",
                listed(&role.requesters)
            )
        }
        ("break_glass", None) => {
            format!("{name} has no break-glass: it can only be asked for.")
        }
        ("break_glass", Some(glass)) => {
            let who = listed(&glass.commanders);
            format!("You aren't a commander for {name} right now; {who} can break the glass.")
        }
        ("post_use_review", Some(glass)) => {
            let who = listed(&glass.review_by);
            format!("You don't review break-glass for {name}; that is for {who}.")
        }
        ("revoke", _) => {
            format!(
                "You can't end this access; the approvers of {name}, its owner and operators can."
            )
        }
        _ => format!("You can't do that with {name}."),
    }
}
