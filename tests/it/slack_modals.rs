//! Every modal: a snapshot each, held to Slack's limits by the sandbox's own check, and with hostile words in all places.

use std::collections::BTreeMap;

use hallpass::app::form_shown::{
    Changed, FormShown, GlassFields, GlassRole, GlassShown, ParameterField, ReviewShownFirst,
    RoleChosen, RoleOption,
};
use hallpass::domain::Duration;
use hallpass::ports::chat::PostUseShown;
use hallpass::slack::views;
use serde_json::Value;

use crate::slack_hostile::poisoned;
use crate::slack_shown::{at, glass_active, request, second_stage};

fn option(name: &str, permits: &str) -> RoleOption {
    RoleOption {
        name: name.into(),
        permits: permits.into(),
    }
}

fn db_admin() -> RoleChosen {
    RoleChosen {
        name: "db-admin".into(),
        permits: "Read and write orders".into(),
        entitlements: vec![("orders_admin".into(), "orders-db".into())],
        environment: Some("prod".into()),
        high_risk: true,
        decided_by: vec![
            "dba on call (if nobody answers: security)".into(),
            "2 of security".into(),
        ],
        at_most: Duration::from_hours(4),
        suggestions: [15, 30, 60, 120, 240].map(Duration::from_mins).into(),
        parameters: Vec::new(),
        ticket: Some("INC-4711".into()),
    }
}

fn logs() -> RoleChosen {
    RoleChosen {
        name: "logs".into(),
        permits: "Read application logs on one node".into(),
        entitlements: vec![("logs:read (node db-1)".into(), "gate".into())],
        environment: None,
        high_risk: false,
        decided_by: Vec::new(),
        at_most: Duration::from_hours(2),
        suggestions: [30, 60, 120].map(Duration::from_mins).into(),
        parameters: vec![
            ParameterField {
                name: "node".into(),
                required: true,
                example: Some("web-3".into()),
                description: Some("The node whose logs you need".into()),
            },
            ParameterField {
                name: "since".into(),
                required: false,
                example: None,
                description: None,
            },
        ],
        ticket: None,
    }
}

fn blank() -> FormShown {
    FormShown {
        command: "/prod-access".into(),
        notes: Vec::new(),
        find: None,
        yours: vec![
            option("db-admin", "Read and write orders"),
            option("logs", "Read application logs on one node"),
        ],
        others: vec![option("billing", "Read invoices")],
        role: None,
        parameters: BTreeMap::new(),
        chosen: None,
        words: String::new(),
        start: None,
        reason: String::new(),
        changes: None,
    }
}

fn review() -> ReviewShownFirst {
    ReviewShownFirst {
        request: request(),
        shorter: [60, 30, 15].map(Duration::from_mins).into(),
        whole: Duration::from_hours(2),
    }
}

/// As a commander mixed it up.
fn glass() -> GlassShown {
    GlassShown {
        roles: vec![
            option("db-admin", "Read and write orders"),
            option("logs", "Read application logs on one node"),
        ],
        role: Some(GlassRole {
            name: "logs".into(),
            at_most: Duration::from_hours(1),
            parameters: logs().parameters,
            incident: "INC-4711".into(),
            reviewed_by: "security".into(),
        }),
        fields: GlassFields {
            role: "logs".into(),
            person: Some("U0RITA".into()),
            duration: "30m".into(),
            incident: "INC-4711".into(),
            reason: "orders are stuck".into(),
            ..GlassFields::default()
        },
        ..GlassShown::default()
    }
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn modals() -> Vec<(&'static str, Value)> {
    let chosen = FormShown {
        role: Some(db_admin()),
        chosen: Some(Duration::from_hours(1)),
        ..blank()
    };
    let wrong = FormShown {
        notes: vec![
            "logs allows 2 h at most; you wrote 9 h.".into(),
            "node can't be “db-1”: write it like web-3.".into(),
        ],
        role: Some(logs()),
        parameters: BTreeMap::from([("node".into(), "db-1".into())]),
        words: "9h".into(),
        reason: "a disk is full\nand nobody knows why".into(),
        ..blank()
    };
    let change = FormShown {
        role: Some(db_admin()),
        chosen: Some(Duration::from_hours(2)),
        start: Some(at(120)),
        reason: "INC-4711 orders are stuck".into(),
        changes: Some(Changed {
            id: "01980000-0000-7000-8000-000000000001".into(),
            short: "R-7K2M".into(),
        }),
        ..blank()
    };
    let found = FormShown {
        find: Some("db".into()),
        others: Vec::new(),
        ..blank()
    };
    let nothing = FormShown {
        yours: Vec::new(),
        others: Vec::new(),
        ..blank()
    };
    let second = ReviewShownFirst {
        request: second_stage(),
        shorter: Vec::new(),
        whole: Duration::from_hours(1),
    };
    let mut pending = GlassShown {
        request: Some("R-7K2M".into()),
        notes: vec!["“orders” is no incident: write it like INC-4711.".into()],
        ..glass()
    };
    pending.fields.incident = String::new();
    vec![
        ("form_blank", views::request_form(&blank())),
        ("form_role_chosen", views::request_form(&chosen)),
        ("form_put_right", views::request_form(&wrong)),
        ("form_change", views::request_form(&change)),
        ("form_find_a_role", views::request_form(&found)),
        ("form_no_role", views::request_form(&nothing)),
        ("form_one_moment", views::one_moment()),
        ("deny", views::deny_form(&review())),
        ("approve_for_less", views::less_form(&review())),
        ("approve_with_a_note", views::note_form(&second)),
        (
            "review_the_use",
            views::use_form(&glass_active(PostUseShown::Owed)),
        ),
        ("break_glass", views::glass_form(&glass())),
        ("break_glass_pending", views::glass_form(&pending)),
    ]
}

#[test]
fn every_modal_is_as_it_was_looked_at() {
    for (name, view) in modals() {
        let mistakes = slack_sandbox::check_view(&view);
        assert!(mistakes.is_empty(), "{name}: {mistakes:#?}\n{view:#}");
        insta::assert_json_snapshot!(format!("modal_{name}"), view);
    }
}

#[test]
fn a_thousand_roles_and_long_words_fit() {
    let mad = "\u{202e}<!channel> *bold* 🔥".repeat(300);
    let many = |named: &str| -> Vec<RoleOption> {
        (0..1_000)
            .map(|number| option(&format!("{named}-{number}"), &mad))
            .collect()
    };
    let mut role = logs();
    role.name = "yours-999".into();
    role.permits.clone_from(&mad);
    role.entitlements = vec![(mad.clone(), mad.clone()); 50];
    role.decided_by = vec![mad.clone(); 50];
    role.environment = Some(mad.clone());
    role.parameters = (0..200)
        .map(|number| ParameterField {
            name: format!("parameter-{number}"),
            required: true,
            example: Some(mad.clone()),
            description: Some(mad.clone()),
        })
        .collect();
    role.ticket = Some(mad.clone());
    let form = FormShown {
        notes: vec![mad.clone(); 100],
        find: Some(mad.clone()),
        yours: many("yours"),
        others: many("others"),
        parameters: BTreeMap::from([("parameter-1".into(), mad.clone())]),
        role: Some(role),
        words: mad.clone(),
        reason: mad.clone(),
        ..blank()
    };
    let view = views::request_form(&form);
    let mistakes = slack_sandbox::check_view(&view);
    assert!(mistakes.is_empty(), "{mistakes:#?}");
    let text = view.to_string();
    assert!(text.len() < 250_000, "{} bytes", text.len());
    // Of two thousand, five hundred and the chosen one are listed; how the others are found is said.
    assert!(text.contains("1499 more roles"), "{text}");
    assert!(text.contains("Find a role"), "{text}");
    let element = view["blocks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|block| block["block_id"] == "role")
        .map(|block| &block["element"])
        .unwrap();
    assert_eq!(element["initial_option"]["value"], "yours-999");
}

#[test]
fn hostile_words_fit_into_a_broken_glass() {
    let mad = "\u{202e}<!channel> *bold* 🔥".repeat(300);
    let mut hostile = glass();
    hostile.notes = vec![mad.clone(); 100];
    hostile.roles = (0..1_000)
        .map(|number| option(&format!("role-{number}"), &mad))
        .collect();
    if let Some(role) = &mut hostile.role {
        role.reviewed_by.clone_from(&mad);
        role.incident.clone_from(&mad);
    }
    hostile.fields.duration.clone_from(&mad);
    hostile.fields.incident.clone_from(&mad);
    hostile.fields.reason.clone_from(&mad);
    let for_request = GlassShown {
        request: Some("R-7K2M".into()),
        ..hostile.clone()
    };
    for view in [views::glass_form(&hostile), views::glass_form(&for_request)] {
        let mistakes = slack_sandbox::check_view(&view);
        assert!(mistakes.is_empty(), "{mistakes:#?}");
    }
}

#[test]
fn hostile_words_fit_into_a_decision() {
    let mad = "\u{202e}<!channel> *bold* 🔥".repeat(300);
    let hostile = ReviewShownFirst {
        request: hallpass::ports::chat::RequestShown {
            reason: mad.clone(),
            permits: mad.clone(),
            role: mad.clone(),
            parameters: vec![(mad.clone(), mad.clone()); 50],
            ..request()
        },
        ..review()
    };
    for view in [
        views::deny_form(&hostile),
        views::less_form(&hostile),
        views::note_form(&hostile),
        views::use_form(&poisoned(glass_active(PostUseShown::Owed), &mad, 50)),
    ] {
        let mistakes = slack_sandbox::check_view(&view);
        assert!(mistakes.is_empty(), "{mistakes:#?}");
        assert!(!view.to_string().contains("<!channel"));
    }
}
