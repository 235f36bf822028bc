//! The matrix: every kind of person, every action, against the rules that ship.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_domain::request::{Kind, OpenStage, Start, State};
use hallpass_domain::role::{BreakGlassRule, GroupName, Rung, ScheduleName, StageRule, Terms};
use hallpass_domain::{
    Duration, Email, Membership, Person, PersonId, Request, RequestId, Role, RoleName, ShortId,
    SlackId, Time, Who,
};

use super::{Decision, Policy, PolicyError, Subject};

pub(super) fn account(id: &str) -> Who {
    Who::Account(SlackId::parse(id).expect("an account"))
}

pub(super) fn group(name: &str) -> Who {
    Who::Group(GroupName::new(name))
}

fn person(name: &str, membership: Membership) -> Person {
    Person {
        id: PersonId::new(name),
        version: 1,
        accounts: SlackId::parse(&format!("U0{}", name.to_uppercase()))
            .into_iter()
            .collect(),
        email: Email::parse(&format!("{name}@example.com")),
        name: name.into(),
        time_zone: "UTC".into(),
        membership,
        principals: BTreeMap::new(),
    }
}

pub(super) fn member(name: &str) -> Person {
    person(name, Membership::Member)
}

pub(super) fn role() -> Role {
    let hours = Duration::from_hours;
    Role {
        name: RoleName::new("db-admin"),
        description: "Read and write orders".into(),
        environment: None,
        owner: Some(account("U0OWNER")),
        labels: BTreeMap::new(),
        requesters: vec![group("backend")],
        visible_to: vec![group("backend")],
        parameters: BTreeMap::new(),
        entitlements: vec![],
        stages: vec![StageRule {
            approvers: vec![Who::OnCall(ScheduleName::new("dba"))],
            quorum: 1,
            ladder: vec![Rung {
                after: Duration::from_mins(10),
                ask: vec![group("security")],
            }],
        }],
        break_glass: Some(BreakGlassRule {
            commanders: vec![account("U0CAROL")],
            max_duration: hours(1),
            review_by: vec![group("security")],
            review_within: hours(24),
        }),
        extend: None,
        ticket: None,
        min_duration: Duration::from_mins(1),
        max_duration: hours(4),
        default_duration: None,
        warn_before: vec![],
        request_timeout: hours(1),
        remind_after: None,
        channel: None,
    }
}

pub(super) fn groups() -> BTreeMap<GroupName, Vec<Who>> {
    let email = Email::parse("dana@example.com").expect("an e-mail");
    BTreeMap::from([
        (
            GroupName::new("backend"),
            vec![
                account("U0RITA"),
                account("U0CAROL"),
                account("U0GUEST"),
                Who::Email(email),
            ],
        ),
        (
            GroupName::new("security"),
            vec![group("night"), account("U0RITA")],
        ),
        (
            GroupName::new("night"),
            vec![Who::UserGroup("S0NIGHT".into())],
        ),
    ])
}

pub(super) fn policy() -> Policy {
    let roles = BTreeMap::from([(RoleName::new("db-admin"), role())]);
    Policy::new(&roles, &groups(), &[])
        .and_then(|policy| policy.with_operators(&[account("U0PAT")]))
        .expect("the rules that ship are valid")
}

pub(super) fn request(kind: Kind) -> Request {
    let now: Time = "2026-01-05T09:00:00Z".parse().expect("a time");
    Request {
        id: RequestId::new("r1"),
        short: ShortId::parse("7K2M").expect("an id"),
        version: 1,
        requester: PersonId::new("rita"),
        holder: PersonId::new("rita"),
        kind,
        terms: Terms::new(role(), BTreeMap::new(), vec![]),
        duration: Duration::from_hours(1),
        start: Start::Now,
        reason: "orders stuck".into(),
        ticket: None,
        asked_at: now,
        deadline: now,
        reviews: vec![],
        state: State::Pending(OpenStage {
            index: 0,
            opened_at: now,
            asked: vec![],
            rungs: 1,
            climbed_at_once: false,
            reminded: false,
        }),
        post_use_review: None,
    }
}

/// What everybody may do, as letters: See, Ask, Review, Break glass, review its Use, Kill (revoke).
fn may(policy: &Policy, person: &Person, on_call: &[&str], user_groups: &[&str]) -> String {
    let on_call: BTreeSet<ScheduleName> = on_call
        .iter()
        .map(|name| ScheduleName::new(*name))
        .collect();
    let user_groups: BTreeSet<String> = user_groups.iter().map(|id| (*id).to_owned()).collect();
    let subject = Subject {
        person,
        on_call: &on_call,
        user_groups: &user_groups,
    };
    let (role, hour) = (role(), Duration::from_hours(1));
    let glass = request(Kind::BreakGlass {
        commander: PersonId::new("carol"),
        incident: "INC-1".into(),
    });
    let holder = member("holder");
    let decisions = [
        ('S', policy.may_see(&subject, &role)),
        ('A', policy.may_ask(&subject, &role, hour)),
        (
            'R',
            policy.may_review(&subject, &role, 0, &request(Kind::Access)),
        ),
        ('B', policy.may_break_glass(&subject, &role, &holder, hour)),
        ('U', policy.may_post_use_review(&subject, &role, &glass)),
        ('K', policy.may_revoke(&subject, &role, &glass)),
    ];
    for (letter, decision) in &decisions {
        assert_eq!(
            decision.why.is_none(),
            decision.allowed,
            "{letter}: {decision:?}"
        );
    }
    decisions
        .into_iter()
        .map(|(letter, decision)| if decision.allowed { letter } else { '-' })
        .collect()
}

#[test]
fn everybody_may_do_what_their_lists_say_and_nothing_else() {
    let policy = policy();
    for (name, on_call, user_groups, expected) in [
        ("nobody", vec![], vec![], "------"),
        // In security too, but it is her own request.
        ("rita", vec![], vec![], "SA---K"),
        ("dana", vec![], vec![], "SA----"),
        ("bob", vec!["dba"], vec![], "S-R--K"),
        ("bob", vec!["other"], vec![], "------"),
        // Through a Slack user group in a group in a group.
        ("eve", vec![], vec!["S0NIGHT"], "S-R-UK"),
        ("carol", vec![], vec![], "SA-B-K"),
        // Commander and reviewer: never of her own break-glass.
        ("carol", vec![], vec!["S0NIGHT"], "SARB-K"),
        ("owner", vec![], vec![], "S----K"),
        ("pat", vec![], vec![], "S----K"),
    ] {
        let allowed = may(&policy, &member(name), &on_call, &user_groups);
        assert_eq!(
            allowed, expected,
            "{name} on call {on_call:?} in {user_groups:?}"
        );
    }
}

/// Puts people on one of a role's lists.
type Lists = fn(&mut Role, Vec<Who>);

/// Who has to do with a role sees it for that alone, and whoever answers for it may take it away.
#[test]
fn each_list_by_itself_counts() {
    let nobodys = || {
        let mut role = role();
        (role.requesters, role.visible_to, role.owner) = (vec![], vec![], None);
        role.stages[0].approvers.clear();
        role.stages[0].ladder.clear();
        role.break_glass = Some(BreakGlassRule {
            commanders: vec![],
            review_by: vec![],
            ..role.break_glass.expect("a rule")
        });
        role
    };
    let may = |list: Lists| {
        let mut role = nobodys();
        list(&mut role, vec![account("U0ZOE")]);
        let roles = BTreeMap::from([(role.name.clone(), role.clone())]);
        let policy = Policy::new(&roles, &groups(), &[]).expect("the rules that ship are valid");
        let (zoe, none) = (member("zoe"), (BTreeSet::new(), BTreeSet::new()));
        let subject = Subject {
            person: &zoe,
            on_call: &none.0,
            user_groups: &none.1,
        };
        let sees = policy.may_see(&subject, &role).allowed;
        let revokes = policy.may_revoke(&subject, &role, &request(Kind::Access));
        (sees, revokes.allowed)
    };
    assert_eq!(may(|_, _| {}), (false, false));
    assert_eq!(may(|role, who| role.visible_to = who), (true, false));
    assert_eq!(may(|role, who| role.requesters = who), (true, false));
    let answering: [(&str, Lists); 5] = [
        ("approvers", |role, who| role.stages[0].approvers = who),
        ("ladder", |role, who| {
            let after = Duration::from_mins(10);
            role.stages[0].ladder = vec![Rung { after, ask: who }];
        }),
        ("commanders", |role, who| {
            role.break_glass.as_mut().expect("a rule").commanders = who;
        }),
        ("review_by", |role, who| {
            role.break_glass.as_mut().expect("a rule").review_by = who;
        }),
        ("owner", |role, mut who| role.owner = who.pop()),
    ];
    for (name, list) in answering {
        assert_eq!(may(list), (true, true), "{name}");
    }
}

/// Asked for by one and held by another: neither of them decides it, nor whether its use was right.
#[test]
fn nobody_decides_what_they_asked_for_or_hold() {
    let (policy, role) = (policy(), role());
    let none = BTreeSet::new();
    let on_call = BTreeSet::from([ScheduleName::new("dba")]);
    let night = BTreeSet::from(["S0NIGHT".to_owned()]);
    for (requester, holder, may) in [
        ("bob", "rita", false),
        ("rita", "bob", false),
        ("rita", "carol", true),
    ] {
        let of = |kind| Request {
            requester: PersonId::new(requester),
            holder: PersonId::new(holder),
            ..request(kind)
        };
        let bob = member("bob");
        let subject = |user_groups| Subject {
            person: &bob,
            on_call: &on_call,
            user_groups,
        };
        let decides = policy.may_review(&subject(&none), &role, 0, &of(Kind::Access));
        assert_eq!(decides.allowed, may, "{requester} for {holder}");
        let glass = of(Kind::BreakGlass {
            commander: PersonId::new("dana"),
            incident: "INC-1".into(),
        });
        let judges = policy.may_post_use_review(&subject(&night), &role, &glass);
        assert_eq!(judges.allowed, may, "the use, {requester} for {holder}");
    }
}

#[test]
fn whoever_is_no_active_member_may_nothing_whatever_the_lists_say() {
    let policy = policy();
    for membership in [
        Membership::Guest,
        Membership::Bot,
        Membership::Outsider,
        Membership::Deactivated,
    ] {
        for name in ["rita", "bob", "carol", "owner", "pat"] {
            let person = person(name, membership);
            assert_eq!(
                may(&policy, &person, &["dba"], &["S0NIGHT"]),
                "------",
                "{name} {membership:?}"
            );
        }
    }
}

fn ask_break_glass(holder: &Person, duration: Duration) -> Decision {
    let carol = member("carol");
    let none = (BTreeSet::new(), BTreeSet::new());
    let subject = Subject {
        person: &carol,
        on_call: &none.0,
        user_groups: &none.1,
    };
    policy().may_break_glass(&subject, &role(), holder, duration)
}

#[test]
fn broken_glass_is_bounded_and_for_members() {
    let hour = Duration::from_hours(1);
    assert!(ask_break_glass(&member("anybody"), hour).allowed);
    assert!(ask_break_glass(&member("carol"), hour).allowed);
    assert!(!ask_break_glass(&member("anybody"), Duration::from_hours(2)).allowed);
    let guest = ask_break_glass(&person("guest", Membership::Guest), hour);
    assert_eq!(
        guest.why.as_deref(),
        Some("Only an active member of this workspace can be given access.")
    );
}

#[test]
fn a_decision_names_its_rules_with_file_and_line() {
    let (dana, none) = (member("dana"), (BTreeSet::new(), BTreeSet::new()));
    let subject = Subject {
        person: &dana,
        on_call: &none.0,
        user_groups: &none.1,
    };
    let policy = policy();
    let allowed = policy.may_ask(&subject, &role(), Duration::from_hours(1));
    assert_eq!(allowed.rule_ids(), ["requesters-may-ask"]);
    let base = include_str!("../../policies/base.cedar");
    let rule = &allowed.rules[0];
    let line = base.lines().nth(rule.line - 1).expect("a line");
    assert_eq!(
        (rule.file.as_str(), line),
        ("base.cedar", "@id(\"requesters-may-ask\")")
    );
    let long = policy.may_ask(&subject, &role(), Duration::from_hours(5));
    assert_eq!(long.rule_ids(), ["not-longer-than-the-role-allows"]);
    let stranger = member("zed");
    let other = Subject {
        person: &stranger,
        ..subject
    };
    let refused = policy.may_ask(&other, &role(), Duration::from_hours(1));
    assert_eq!(
        refused.why.as_deref(),
        Some("You can't ask for db-admin; that is for backend.")
    );
}

#[test]
fn a_role_that_was_frozen_is_decided_by_its_own_lists() {
    let bob = member("bob");
    let (on_call, none) = (BTreeSet::from([ScheduleName::new("dba")]), BTreeSet::new());
    let subject = Subject {
        person: &bob,
        on_call: &on_call,
        user_groups: &none,
    };
    let mut frozen = role();
    frozen.stages[0].approvers = vec![account("U0EVE")];
    let policy = policy();
    let pending = request(Kind::Access);
    assert!(policy.may_review(&subject, &role(), 0, &pending).allowed);
    assert!(!policy.may_review(&subject, &frozen, 0, &pending).allowed);
    assert!(!policy.may_review(&subject, &role(), 7, &pending).allowed);
}

fn refused(text: &str) -> String {
    let extra = [("team.cedar".to_owned(), text.to_owned())];
    match Policy::new(&BTreeMap::new(), &BTreeMap::new(), &extra) {
        Err(error @ PolicyError::Rule { .. }) => error.to_string(),
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("it was taken"),
    }
}

#[test]
fn wrong_rule_files_are_refused_with_file_and_line() {
    let twice = "\n@id(\"only-members\")\npermit (principal, action, resource);";
    assert!(refused(twice).starts_with("team.cedar:2: “only-members” is the name"));
    assert!(refused("\n\npermit (principal, action, resource);").starts_with("team.cedar:3: "));
    let typo = "@id(\"x\")\npermit (principal, action == Action::\"request\", resource)\nwhen { context.secnds < 5 };";
    assert!(refused(typo).starts_with("team.cedar:1: "));
    assert!(refused("\npermit (principal, action, resource\n").starts_with("team.cedar:"));
}

#[test]
fn a_forbid_of_the_user_wins() {
    let freeze = "@id(\"freeze\") @reason(\"Nothing is granted during the freeze.\")\nforbid (principal, action == Action::\"request\", resource);";
    let roles = BTreeMap::from([(RoleName::new("db-admin"), role())]);
    let extra = [("team.cedar".to_owned(), freeze.to_owned())];
    let policy = Policy::new(&roles, &groups(), &extra).expect("valid");
    let (dana, none) = (member("dana"), (BTreeSet::new(), BTreeSet::new()));
    let subject = Subject {
        person: &dana,
        on_call: &none.0,
        user_groups: &none.1,
    };
    let decision = policy.may_ask(&subject, &role(), Duration::from_hours(1));
    assert_eq!(decision.rules[0].to_string(), "team.cedar:1 freeze");
    assert_eq!(
        decision.why.as_deref(),
        Some("Nothing is granted during the freeze.")
    );
}
