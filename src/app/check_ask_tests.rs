//! Every mistake that an ask can have, and that all of them are told at once.

use std::collections::BTreeMap;

use hallpass_domain::command::{Ask, Command};
use hallpass_domain::role::{ParameterRule, TicketRule};
use hallpass_domain::{Duration, Role, RoleName};
use proptest::prelude::*;

use super::{Checked, check, find_ticket, placed, usual};
use crate::app::incident::incident_only;

pub(in crate::app) fn role() -> Role {
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
        spelled: duration.map(str::to_owned),
        reason: reason.into(),
        ..Ask::default()
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
fn a_parameter_behind_its_place_is_no_word_of_the_reason() {
    let checked = typed(&[], Some("2h"), "INC-7 node=web-3 stuck");
    assert_eq!(
        checked.problems,
        [
            "“node=web-3” stands in the reason: write it right after logs. If it is a part of the reason, leave its “=” out."
        ]
    );
    assert_eq!(
        checked.would_do,
        "/prod-access logs node=web-3 2h INC-7 stuck"
    );
    // Given already, or nothing that the role takes: words like others.
    let given = typed(&[("node", "db")], Some("2h"), "INC-7 not node=web-3, x=1");
    assert_eq!(given.problems, Vec::<String>::new());
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

#[test]
fn our_own_words_are_no_reason() {
    for reason in [
        "why you need it",
        "INC-4711 why you need it",
        "Why you need it.",
    ] {
        let checked = typed(&[("node", "db")], None, reason);
        let told = "Write the reason in your own words, where “why you need it” stands.";
        assert!(checked.problems.iter().any(|one| one == told), "{reason}");
    }
}

#[test]
fn an_example_of_a_duration_is_no_invitation_to_take_all() {
    let mut role = role();
    assert_eq!(usual(&role), Duration::from_hours(2));
    role.max_duration = Duration::from_hours(1);
    assert_eq!(usual(&role), Duration::from_mins(30));
    role.min_duration = Duration::from_hours(1);
    assert_eq!(usual(&role), Duration::from_hours(1));
    role.default_duration = None;
    let ask = Ask::default();
    let told = check("/prod-access", &ask, &role).problems;
    assert!(
        told.contains(&"Say for how long you need it, like 1h; logs allows 1 h at most.".into()),
        "{told:?}"
    );
}

/// An ask as people type it, right and wrong in any part.
fn asks() -> impl Strategy<Value = String> {
    let parameter = prop_oneof![
        Just("node=web-3"),
        Just("node=db"),
        Just("node=web"),
        Just("node=\"web 3\""),
        Just("nod=1"),
        Just("node=“x\"y"),
        Just(""),
        Just("node='a \"b'"),
    ];
    let duration = prop_oneof![
        Just(""),
        Just("2h"),
        Just("90 min"),
        Just("1h30m"),
        Just("9h"),
        Just("1s"),
        Just("2x"),
        Just("0m"),
        Just("120 minutes,"),
    ];
    let word = prop_oneof![
        Just("INC-7"),
        Just("orders"),
        Just("stuck"),
        Just("at"),
        Just("22"),
        Just("2"),
        Just("x=1"),
        Just("node=db"),
        Just("node=\"web 3\""),
        Just("“quoted”"),
        Just("why"),
        Just("tomorrow"),
        Just("<b>"),
        Just("a&amp;b"),
    ];
    let reason = proptest::collection::vec(word, 0..6);
    (parameter, duration, reason).prop_map(|(parameter, duration, reason)| {
        format!("logs {parameter} {duration} {}", reason.join(" "))
    })
}

fn parsed(text: &str) -> Ask {
    let parsed = Command::parse(text);
    let Command::Ask(ask) = parsed else {
        panic!("{text} is {parsed:?}");
    };
    ask
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_suggestion_parses_to_what_was_meant(text in asks()) {
        let (role, ask) = (role(), parsed(&text));
        // Where a start would stand they are asked back: `unclear`.
        prop_assume!(ask.unclear.is_none());
        let checked = check("/prod-access", &ask, &role);
        let suggestion = checked.would_do.strip_prefix("/prod-access ").expect("the command");
        // As Slack delivers it.
        let sent = suggestion.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let again = parsed(&sent);
        let understood = check("/prod-access", &again, &role);

        let reason = placed(&ask.parameters, &ask.reason, &role).reason;
        let missing = reason.trim().is_empty();
        let left: Vec<&String> = understood.problems.iter()
            .filter(|problem| !(missing && problem.contains("your own words")))
            .collect();
        prop_assert!(left.is_empty(), "{} of {}: {:?}", suggestion, text, left);
        prop_assert_eq!(understood.duration, checked.duration, "{}", suggestion);
        if ask.duration == Some(Ok(checked.duration)) {
            prop_assert_eq!(&again.spelled, &ask.spelled, "as it was typed");
        }
        for (name, value) in &checked.parameters {
            prop_assert_eq!(understood.parameters.get(name), Some(value), "{}", suggestion);
        }
        if !missing {
            prop_assert!(again.reason.ends_with(&reason), "{} of {}", suggestion, text);
        }
        prop_assert_eq!(&understood.would_do, &checked.would_do, "it stays");
    }
}
