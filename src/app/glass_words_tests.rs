//! Whatever is mixed up in a break-glass command: what is suggested instead parses, and says what the person meant.

use hallpass_domain::command::{BreakGlass, Command};
use hallpass_domain::role::{BreakGlassRule, TicketRule};
use hallpass_domain::{Duration, Role};
use proptest::prelude::*;

use super::{Typed, meant, misplaced, sorted_for_pending, would_do, would_do_for_pending};
use crate::app::check_ask::tests::role;
use crate::app::incident::incident_only;

const COMMAND: &str = "/prod-access break-glass";

fn db_admin() -> Role {
    Role {
        name: hallpass_domain::RoleName::new("db-admin"),
        parameters: std::collections::BTreeMap::new(),
        ticket: Some(TicketRule {
            pattern: r"INC-\d+".into(),
            example: "INC-4711".into(),
            required: false,
        }),
        break_glass: Some(BreakGlassRule {
            commanders: vec![],
            max_duration: Duration::from_hours(1),
            review_by: vec![],
            review_within: Duration::from_hours(24),
        }),
        min_duration: Duration::from_mins(1),
        max_duration: Duration::from_hours(1),
        default_duration: None,
        ..role()
    }
}

fn typed(text: &str) -> Typed {
    let Command::BreakGlass(BreakGlass::Role {
        role,
        parameters,
        person,
        duration,
        spelled,
        unclear,
        incident,
        reason,
        rest,
    }) = Command::parse(text)
    else {
        panic!("{text}");
    };
    Typed {
        role,
        parameters,
        person,
        duration,
        spelled,
        unclear,
        incident,
        reason,
        rest,
    }
}

fn suggested(text: &str) -> String {
    let typed = typed(&format!("break-glass db-admin {text}"));
    let role = db_admin();
    would_do(COMMAND, &role, &[], &meant(&typed, &role))
}

/// As Slack delivers what is typed.
fn delivered(suggested: &str) -> String {
    let text = suggested
        .strip_prefix("/prod-access ")
        .expect("the command");
    text.replace("@rita", "<@U0RITA|rita>")
}

#[test]
fn what_is_suggested_holds_what_was_typed() {
    for (typed, suggested_words) in [
        (
            "INC-4711 30m orders are stuck",
            "30m INC-4711 orders are stuck",
        ),
        ("30m orders are stuck", "30m INC-4711 orders are stuck"),
        ("30m orders are stuck INC-42", "30m INC-42 orders are stuck"),
        ("orders are stuck INC-42", "30m INC-42 orders are stuck"),
        ("60 min INC-42", "60 min INC-42 why it can't wait"),
        ("2h INC-42 orders are stuck", "1h INC-42 orders are stuck"),
        ("0m INC-42 orders are stuck", "30m INC-42 orders are stuck"),
        (
            "30m for <@U0RITA|rita> INC-42 orders are stuck",
            "for @rita 30m INC-42 orders are stuck",
        ),
        (
            "for <@U0RITA|rita roy> INC-42 30m orders are stuck",
            "for U0RITA 30m INC-42 orders are stuck",
        ),
        (
            "for nobody 30m INC-42 stuck",
            "for @PERSON 30m INC-42 stuck",
        ),
        ("for 30m INC-42 stuck", "for @PERSON 30m INC-42 stuck"),
        ("30m tomorrow INC-42 stuck", "30m INC-42 stuck"),
        (
            "30m INC-42 for the whole team",
            "30m INC-42 for the whole team",
        ),
        ("", "30m INC-4711 why it can't wait"),
    ] {
        let whole = format!("{COMMAND} db-admin {suggested_words}");
        assert_eq!(suggested(typed), whole, "{typed}");
    }
}

#[test]
fn a_pending_request_keeps_its_words_too() {
    for (typed, words) in [
        ("INC-42 nobody answers", "INC-42 nobody answers"),
        ("nobody answers INC-42", "INC-42 nobody answers"),
        ("30m INC-42 nobody answers", "INC-42 nobody answers"),
        ("nobody answers", "INC-4711 nobody answers"),
        (
            "INC-42 nobody answers for 5m",
            "INC-42 nobody answers for 5m",
        ),
        ("nobody answers for 5m", "INC-4711 nobody answers for 5m"),
    ] {
        let parsed = Command::parse(&format!("break-glass R-7K2M {typed}"));
        let Command::BreakGlass(BreakGlass::Pending {
            id, incident, rest, ..
        }) = parsed
        else {
            panic!("{typed}");
        };
        let role = db_admin();
        let sorted = sorted_for_pending(&rest, &incident, &role);
        let would_do = would_do_for_pending(COMMAND, &id, &role, &sorted);
        assert_eq!(would_do, format!("{COMMAND} R-7K2M {words}"), "{typed}");
    }
}

/// The parts of a command, and an order to write them in.
fn parts() -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    let word = prop_oneof![
        Just("orders"),
        Just("are"),
        Just("stuck"),
        Just("the"),
        Just("checkout"),
        Just("2"),
        Just("x=1"),
        Just("INC"),
        Just("9:3"),
        Just("“quoted”"),
        Just("and"),
        Just("down,"),
    ];
    let reason = proptest::collection::vec(word.prop_map(str::to_owned), 0..5);
    let person = prop_oneof![Just(""), Just("for <@U0RITA|rita>"), Just("for U0RITA")];
    let duration = prop_oneof![
        Just(""),
        Just("30m"),
        Just("45 min"),
        Just("1h"),
        Just("9h"),
        Just("2x"),
        Just("0m"),
    ];
    let incident = prop_oneof![Just(""), Just("INC-42"), Just("INC-42,"), Just("INC-42:")];
    let front = (person, duration, incident).prop_map(|(person, duration, incident)| {
        [person, duration, incident].map(str::to_owned).to_vec()
    });
    (front.prop_shuffle(), reason)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_suggestion_parses_to_what_was_meant((front, reason) in parts()) {
        let role = db_admin();
        let reason = reason.join(" ");
        let text = format!("break-glass db-admin {} {reason}", front.join(" "));
        let first = typed(&text);
        // `x=1` right behind the role is a parameter, and told as one.
        prop_assume!(first.parameters.is_empty());
        let suggestion = would_do(COMMAND, &role, &[], &meant(&first, &role));
        let again = typed(&delivered(&suggestion));
        let understood = meant(&again, &role);

        let named = front.iter().any(|part| part.starts_with("for"));
        let person = again.person.as_ref().map(|one| one.as_ref().map_or("?", |one| one.as_str()));
        prop_assert_eq!(person, named.then_some("U0RITA"), "{}", &suggestion);
        let good = front.iter().find(|part| ["30m", "45 min", "1h"].contains(&part.as_str()));
        if let Some(good) = good {
            prop_assert_eq!(again.spelled.as_ref(), Some(good), "{}", &suggestion);
        }
        let fits = matches!(again.duration, Some(Ok(duration)) if duration <= role.max_duration);
        prop_assert!(fits, "{}", &suggestion);
        if front.iter().any(|part| part.starts_with("INC-42")) {
            prop_assert_eq!(&again.incident, "INC-42", "{}", &suggestion);
        }
        prop_assert!(incident_only(&role, &again.incident).is_empty(), "{}", &suggestion);
        if reason.is_empty() {
            prop_assert_eq!(&again.reason, "why it can't wait");
        } else {
            prop_assert_eq!(&again.reason, &reason, "{} of {}", &suggestion, &text);
        }
        prop_assert!(misplaced(&again, &understood, &role).is_empty(), "{}", &suggestion);
        prop_assert_eq!(would_do(COMMAND, &role, &[], &understood), suggestion, "it stays");
    }
}
