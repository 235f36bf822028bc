//! What the policy says: who is listed, by which rule, and where a rule file is wrong; and what rules of the user can ask.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_domain::request::Kind;
use hallpass_domain::role::{Environment, GroupName, Risk, ScheduleName};
use hallpass_domain::{Duration, Email, Role, RoleName, Who};

use super::tests::{account, group, groups, member, policy, request, role};
use super::{Decision, Policy, PolicyError, Subject, listed, named};

fn on_call(name: &str) -> Who {
    Who::OnCall(ScheduleName::new(name))
}

fn hour() -> Duration {
    Duration::from_hours(1)
}

/// Asks as somebody who is in no list.
fn as_stranger(question: impl FnOnce(&Policy, &Subject<'_>) -> Decision) -> String {
    let (zed, none) = (member("zed"), (BTreeSet::new(), BTreeSet::new()));
    let subject = Subject {
        person: &zed,
        on_call: &none.0,
        user_groups: &none.1,
    };
    let decision = question(&policy(), &subject);
    assert!(!decision.allowed);
    decision.why.expect("a refusal says why")
}

#[test]
fn a_list_is_said_without_naming_people() {
    let dana = Email::parse("dana@example.com").expect("an address");
    let user_group = Who::UserGroup("S0NIGHT".into());
    for (list, said) in [
        (vec![], "nobody"),
        (vec![Who::Everybody], "everybody"),
        (
            vec![group("backend"), on_call("dba")],
            "backend or dba on call",
        ),
        (
            vec![group("a"), group("b"), group("a"), user_group.clone()],
            "a, b or a Slack user group",
        ),
        (
            vec![account("U0BOB"), group("a"), Who::Email(dana.clone())],
            "a or people named in the configuration",
        ),
        (vec![account("U0BOB")], "people named in the configuration"),
    ] {
        assert_eq!(listed(&list), said);
    }
    assert_eq!(named(&user_group).as_deref(), Some("a Slack user group"));
    assert_eq!(named(&on_call("dba")).as_deref(), Some("dba on call"));
    assert_eq!(
        (named(&account("U0BOB")), named(&Who::Email(dana))),
        (None, None)
    );
}

#[test]
fn every_no_says_for_whom_it_is() {
    let glass = request(Kind::BreakGlass {
        commander: hallpass_domain::PersonId::new("carol"),
        incident: "INC-1".into(),
    });
    let holder = member("holder");
    for (why, said) in [
        (
            as_stranger(|policy, subject| policy.may_ask(subject, &role(), hour())),
            "You can't ask for db-admin; that is for backend.",
        ),
        (
            as_stranger(|policy, subject| policy.may_review(subject, &role(), 0, &glass)),
            "You can't decide this one; that is for dba on call or security.",
        ),
        (
            as_stranger(|policy, subject| policy.may_review(subject, &role(), 9, &glass)),
            "You can't decide this one.",
        ),
        (
            as_stranger(|policy, subject| {
                policy.may_break_glass(subject, &role(), &holder, hour())
            }),
            "You aren't a commander for db-admin right now; people named in the configuration can break the glass.",
        ),
        (
            as_stranger(|policy, subject| policy.may_post_use_review(subject, &role(), &glass)),
            "You don't review break-glass for db-admin; that is for security.",
        ),
        (
            as_stranger(|policy, subject| policy.may_revoke(subject, &role(), &glass)),
            "You can't end this access; the approvers of db-admin, its owner and operators can.",
        ),
        (
            as_stranger(|policy, subject| policy.may_see(subject, &role())),
            "You can't do that with db-admin.",
        ),
    ] {
        assert_eq!(why, said);
    }
}

#[test]
fn a_role_without_break_glass_says_so() {
    let mut sealed = role();
    sealed.break_glass = None;
    let why = as_stranger(|policy, subject| {
        policy.may_break_glass(subject, &sealed, &member("holder"), Duration::from_secs(0))
    });
    assert_eq!(
        why,
        "db-admin has no break-glass: it can only be asked for."
    );
}

/// Rita, who may ask, under a rule of the user.
fn under(text: &str, role: &Role) -> Decision {
    let roles = BTreeMap::from([(RoleName::new("db-admin"), role.clone())]);
    let extra = [("team.cedar".to_owned(), text.to_owned())];
    let policy = Policy::new(&roles, &groups(), &extra).expect("valid");
    let (rita, none) = (member("rita"), (BTreeSet::new(), BTreeSet::new()));
    let subject = Subject {
        person: &rita,
        on_call: &none.0,
        user_groups: &none.1,
    };
    policy.may_ask(&subject, role, hour())
}

#[test]
fn rules_of_the_user_can_ask_for_environment_and_risk() {
    let forbid = |what: &str| {
        format!(
            "@id(\"x\")\nforbid (principal, action == Action::\"request\", resource)\nwhen {{ {what} }};"
        )
    };
    let within = |name: &str, risk| Role {
        environment: Some(Environment {
            name: name.into(),
            risk,
        }),
        ..role()
    };
    for (own, risk) in [
        (within("prod", Risk::High), "high"),
        (within("prod", Risk::Medium), "medium"),
        (within("prod", Risk::Low), "low"),
        (role(), "medium"),
    ] {
        for other in ["high", "medium", "low"] {
            let text = forbid(&format!("resource.risk == \"{other}\""));
            assert_eq!(under(&text, &own).allowed, other != risk, "{other} {risk}");
        }
    }
    let prod = within("prod", Risk::High);
    assert!(!under(&forbid("resource.environment == \"prod\""), &prod).allowed);
    assert!(!under(&forbid("resource.environment == \"\""), &role()).allowed);
    assert!(under(&forbid("resource.environment == \"staging\""), &prod).allowed);
}

#[test]
fn a_rule_that_cant_be_evaluated_permits_nothing() {
    let overflows = "@id(\"x\")\nforbid (principal, action == Action::\"request\", resource)\n\
                     when { context.seconds * 9223372036854775807 > 0 };";
    let decision = under(overflows, &role());
    assert!(!decision.allowed && decision.rules.is_empty());
    let why = decision.why.expect("a refusal says why");
    assert!(
        why.starts_with("The rules couldn't be evaluated: "),
        "{why}"
    );
}

#[test]
fn rules_are_named_for_the_record_in_the_order_of_their_places() {
    let freeze = "@id(\"b\")\nforbid (principal, action == Action::\"request\", resource);\n\
                  @id(\"a\") @reason(\"Frozen.\")\nforbid (principal, action, resource);";
    let decision = under(freeze, &role());
    assert_eq!(decision.rule_names(), ["team.cedar:1 b", "team.cedar:3 a"]);
    assert_eq!(decision.rule_ids(), ["b", "a"]);
    assert_eq!(decision.why.as_deref(), Some("Frozen."));
}

fn mistake(text: &str) -> (String, usize, String) {
    let extra = [("team.cedar".to_owned(), text.to_owned())];
    match Policy::new(&BTreeMap::new(), &BTreeMap::new(), &extra) {
        Err(PolicyError::Rule { file, line, why }) => (file, line, why),
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("it was taken"),
    }
}

#[test]
fn a_mistake_is_told_with_its_own_line() {
    let rule = |number| format!("@id(\"r{number}\")\npermit (principal, action, resource);\n");
    let many = (0..12).map(rule).collect::<Vec<String>>().concat();
    // The thirteenth rule stands on line 25: more than nine, whose order by text would be another.
    let (file, line, why) = mistake(&format!("{many}permit (principal, action, resource);"));
    assert_eq!((file.as_str(), line), ("team.cedar", 25));
    assert_eq!(why, "a rule needs a name: @id(\"…\")");
    let (_, line, why) = mistake(&format!(
        "{many}@id(\"r3\")\npermit (principal, action, resource);"
    ));
    assert_eq!(line, 25);
    assert_eq!(why, "“r3” is the name of the rule in team.cedar:7");
    let (_, line, _) = mistake("\n\n@id(\"x\")\npermit (principal, acton, resource);");
    assert_eq!(line, 4);
    let typo = "@id(\"x\")\npermit (principal, action == Action::\"request\", resource)\n\
                when { context.secnds < 5 };";
    let (_, line, _) = mistake(&format!("{many}{typo}"));
    assert_eq!(line, 25);
}

#[test]
fn groups_in_a_circle_are_no_lists() {
    let circle = BTreeMap::from([
        (GroupName::new("a"), vec![group("b")]),
        (GroupName::new("b"), vec![group("a")]),
    ]);
    let roles = BTreeMap::from([(RoleName::new("db-admin"), role())]);
    let refused = Policy::new(&roles, &circle, &[]);
    assert!(matches!(refused, Err(PolicyError::Lists(_))));
}
