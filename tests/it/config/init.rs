//! `hallpass init`: whatever is answered, what is written passes `check`, and nothing is overwritten.

use std::io::Cursor;
use std::process::ExitCode;

use hallpass::cli::init::{Args, Backend, run_with};
use hallpass::config::{Config, Kind, Loaded};
use hallpass::domain::RoleName;

use super::{Folder, Variables, variables};

fn args(folder: &Folder) -> Args {
    Args {
        file: Some(folder.path("hallpass.toml")),
        ..Args::default()
    }
}

/// What was asked and said, or why it failed.
fn init(args: &Args, env: &Variables, typed: &str) -> Result<String, String> {
    let mut talk = Vec::new();
    let mut input = Cursor::new(typed.to_owned());
    match run_with(args, env, &mut input, &mut talk) {
        Ok(code) => {
            assert_eq!(code, ExitCode::SUCCESS);
            Ok(String::from_utf8(talk).expect("text"))
        }
        Err(error) => Err(format!("{error:#}")),
    }
}

fn written(folder: &Folder) -> Loaded {
    let loaded = Config::load(&folder.path("hallpass.toml"), &Variables::new());
    let loaded = loaded.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert!(
        loaded
            .warnings
            .iter()
            .all(|one| one.kind == Kind::MissingVariable),
        "{:#?}",
        loaded.warnings
    );
    loaded
}

#[test]
fn yes_writes_placeholders_that_pass_check_for_each_backend() {
    for backend in [Backend::Postgres, Backend::Webhook] {
        for requesters in ["U0ALICE", "*", "U0ALICE,U0BOB,S0DEVS"] {
            let folder = Folder::with(&[]);
            let args = Args {
                yes: true,
                backend: Some(backend),
                requesters: Some(requesters.into()),
                ..args(&folder)
            };
            let said = init(&args, &Variables::new(), "").expect("written");
            assert!(said.contains("Replace the placeholder ids"), "{said}");
            let loaded = written(&folder);
            assert!(loaded.config.roles.contains_key(&RoleName::new("db-admin")));
        }
    }
}

#[test]
fn answers_are_asked_until_they_will_do() {
    let folder = Folder::with(&[]);
    let typed = [
        "#approvals",
        "C0APPROVALS",
        "C0SEC",
        "U0ALICE, dana@example.com",
        "*",
        "U0BOB",
        "U0BOB",
        "U0CAROL",
        "webhook",
        "",
    ]
    .join("\n");
    let said = init(&args(&folder), &Variables::new(), &typed).expect("written");
    insta::assert_snapshot!(
        "init_dialogue",
        said.replace(&folder.0.path().display().to_string(), ".")
    );
    let text = std::fs::read_to_string(folder.path("hallpass.toml")).expect("there");
    insta::assert_snapshot!("init_file", text);
    let config = written(&folder).config;
    assert_eq!(config.slack.approvals_channel, "C0APPROVALS");
    assert_eq!(config.people_named(), 4);
}

#[test]
fn a_file_that_is_there_stays_as_it_is() {
    let folder = Folder::with(&[("hallpass.toml", "mine")]);
    let args = Args {
        yes: true,
        ..args(&folder)
    };
    let why = init(&args, &Variables::new(), "").expect_err("refused");
    assert!(
        why.ends_with("exists already, and init never overwrites."),
        "{why}"
    );
    let text = std::fs::read_to_string(folder.path("hallpass.toml")).expect("there");
    assert_eq!(text, "mine");
}

#[test]
fn what_will_not_do_by_flag_is_said_and_nothing_is_written() {
    let folder = Folder::with(&[]);
    for (flags, part) in [
        (
            Args {
                approvals_channel: Some("#x".into()),
                ..args(&folder)
            },
            "--approvals-channel: “#x” is not a channel's id",
        ),
        (
            Args {
                approvers: Some("U0BOB".into()),
                commander: Some("U0BOB".into()),
                yes: true,
                ..args(&folder)
            },
            "--commander: The only approver can't be the commander too",
        ),
        (
            Args {
                from_slack: true,
                ..args(&folder)
            },
            "SLACK_BOT_TOKEN is not set",
        ),
        (
            args(&folder),
            "The answers ended at “Channel for approval cards”",
        ),
    ] {
        let why = init(&flags, &Variables::new(), "").expect_err(part);
        assert!(why.contains(part), "{why}");
        assert!(!folder.path("hallpass.toml").exists());
    }
}

/// Slack's two list methods, in two pages each, with one 429 on the way.
async fn slack(listener: tokio::net::TcpListener) {
    use axum::extract::Query;
    use axum::http::{HeaderMap, StatusCode};
    use axum::response::IntoResponse;
    use axum::routing::get;
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicBool, Ordering};

    static THROTTLED: AtomicBool = AtomicBool::new(false);
    let channels = async |headers: HeaderMap, Query(query): Query<BTreeMap<String, String>>| {
        if headers["authorization"] != "Bearer xoxb-1" {
            return axum::Json(json!({"ok": false, "error": "invalid_auth"})).into_response();
        }
        if !THROTTLED.swap(true, Ordering::SeqCst) {
            return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")]).into_response();
        }
        let answer = if query.contains_key("cursor") {
            json!({"ok": true, "channels": [{"id": "C0SEC", "name": "security"}]})
        } else {
            json!({"ok": true, "channels": [
                {"id": "C0GEN", "name": "general"},
                {"id": "C0OLD", "name": "old-approvals", "is_archived": true},
                {"id": "C0ACC", "name": "prod-access"}],
                "response_metadata": {"next_cursor": "next"}})
        };
        axum::Json(answer).into_response()
    };
    let users = async || {
        axum::Json(json!({"ok": true, "members": [
            {"id": "U0ALICE", "name": "alice", "profile": {"email": "Alice@Example.com"}, "is_email_confirmed": true},
            {"id": "U0BOB", "name": "bob", "profile": {"email": "bob@example.com"}},
            {"id": "U0CAROL", "name": "carol", "profile": {"email": "carol@other.com"}},
            {"id": "U0GONE", "name": "gone", "deleted": true},
            {"id": "U0BOT", "name": "robot", "is_bot": true},
            {"id": "USLACKBOT", "name": "slackbot"}]}))
    };
    let app = axum::Router::new()
        .route("/api/conversations.list", get(channels))
        .route("/api/users.list", get(users));
    axum::serve(listener, app).await.expect("served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_slack_names_stand_for_ids() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let api = format!("http://{}/api", listener.local_addr().expect("bound"));
    tokio::spawn(slack(listener));
    let folder = Folder::with(&[]);
    let flags = Args {
        from_slack: true,
        requesters: Some("@alice, bob@example.com".into()),
        approvers: Some("bob".into()),
        commander: Some("carol@other.com".into()),
        yes: true,
        ..args(&folder)
    };
    let env = variables(&[("SLACK_BOT_TOKEN", "xoxb-1"), ("SLACK_API_URL", &api)]);
    let said = init(&flags, &env, "").expect("written");
    assert!(
        said.starts_with("Slack knows 3 channels and 3 people."),
        "{said}"
    );
    let config = written(&folder).config;
    assert_eq!(config.slack.approvals_channel, "C0ACC");
    assert_eq!(config.slack.security_channel, "C0SEC");
    assert_eq!(config.people.email_domains, ["example.com"]);
    let text = std::fs::read_to_string(folder.path("hallpass.toml")).expect("there");
    assert!(
        text.contains("\"U0ALICE\",   # @alice, alice@example.com"),
        "{text}"
    );

    let wrong = variables(&[("SLACK_BOT_TOKEN", "xoxb-2"), ("SLACK_API_URL", &api)]);
    let other = Args {
        file: Some(folder.path("other.toml")),
        ..flags
    };
    let why = init(&other, &wrong, "").expect_err("refused");
    assert!(
        why.contains("Slack says invalid_auth (SLACK_BOT_TOKEN is not a valid token)"),
        "{why}"
    );
}
