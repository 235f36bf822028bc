//! Every mistake that an ask can have, and that all of them are told at once.

use std::collections::BTreeMap;

use hallpass_domain::command::Ask;
use hallpass_domain::role::{ParameterRule, TicketRule};
use hallpass_domain::{Duration, Role, RoleName};

use super::{Checked, check, find_ticket};
use crate::app::incident::incident_only;

fn role() -> Role {
    Role {
        name: RoleName::new("logs"),
        description: "Read logs".into(),
        environment: None,
        owner: None,
        labels: BTreeMap::new(),
        requesters: vec![],
        visible_to: vec![],
        parameters: BTreeMap::from([(
            "node".to_owned(),
            ParameterRule {
                pattern: "web-[0-9]+|db".into(),
                required: true,
                example: Some("web-3".into()),
                description: None,
            },
        )]),
        entitlements: vec![],
        stages: vec![],
        break_glass: None,
        extend: None,
        ticket: Some(TicketRule {
            pattern: r"INC-\d+".into(),
            example: "INC-4711".into(),
            required: true,
        }),
        min_duration: Duration::from_mins(5),
        max_duration: Duration::from_hours(4),
        default_duration: Some(Duration::from_hours(1)),
        warn_before: vec![],
        request_timeout: Duration::from_hours(1),
        remind_after: None,
        channel: None,
    }
}

fn typed(parameters: &[(&str, &str)], duration: Option<&str>, reason: &str) -> Checked {
    let ask = Ask {
        role: "logs".into(),
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        duration: duration.map(Duration::parse_word),
        at: None,
        reason: reason.into(),
    };
    check("/prod-access", &ask, &role())
}

#[test]
fn a_good_ask_has_no_problems() {
    let checked = typed(&[("node", "web-3")], Some("2h"), "INC-7 stuck");
    assert_eq!(checked.problems, Vec::<String>::new());
    assert_eq!(checked.duration, Duration::from_hours(2));
    assert_eq!(checked.ticket.as_deref(), Some("INC-7"));
    let default = typed(&[("node", "db")], None, "see INC-7.");
    assert_eq!(default.problems, Vec::<String>::new());
    assert_eq!(default.duration, Duration::from_hours(1));
}

#[test]
fn everything_wrong_is_told_at_once_with_a_command_that_would_do() {
    let checked = typed(&[("node", "x web-3"), ("nod", "1")], Some("9h"), "stuck");
    assert_eq!(
        checked.problems,
        [
            "node can't be “x web-3”: write it like web-3.",
            "logs takes no “nod”; it takes node.",
            "logs allows 4 h at most; you wrote 9 h.",
            "The reason needs a ticket or incident, like INC-4711.",
        ]
    );
    assert_eq!(
        checked.would_do,
        "/prod-access logs node=web-3 4h INC-4711 stuck"
    );
    let empty = typed(&[], Some("1s"), " ");
    assert_eq!(
        empty.problems,
        [
            "node is missing: write it like node=web-3.",
            "logs takes 5 min at least; you wrote 1 s.",
            "The reason is missing: say at the end why you need it.",
            "The reason needs a ticket or incident, like INC-4711.",
        ]
    );
    assert_eq!(
        empty.would_do,
        "/prod-access logs node=web-3 5m INC-4711 why you need it"
    );
}

#[test]
fn patterns_match_the_whole_value_also_with_alternatives() {
    for bad in ["web-3x", "xweb-3", "web-3\n", "dbx", "xdb", ""] {
        let checked = typed(&[("node", bad)], None, "INC-7 stuck");
        assert_eq!(checked.problems.len(), 1, "{bad:?}: {:?}", checked.problems);
    }
}

#[test]
fn tickets_are_whole_words() {
    let find = |reason| find_ticket(r"INC-\d+", reason);
    assert_eq!(find("fix INC-4711, now").as_deref(), Some("INC-4711"));
    assert_eq!(find("https://t.example/INC-1").as_deref(), Some("INC-1"));
    assert_eq!(find("XINC-4711"), None);
    assert_eq!(find("INC-4711x"), None);
    assert_eq!(find("INC-1-2"), None);
    assert_eq!(find_ticket("(unclosed", "INC-1"), None);
}

#[test]
fn an_incident_looks_like_the_role_s_tickets_also_where_an_ask_may_do_without() {
    let mut role = role();
    if let Some(ticket) = &mut role.ticket {
        ticket.required = false;
    }
    assert!(incident_only(&role, "INC-1").is_empty());
    assert_eq!(
        incident_only(&role, "fire"),
        ["“fire” is no incident: write it like INC-4711."]
    );
}
