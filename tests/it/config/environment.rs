//! The environment table of the contract, secrets from files, and the key that is made once.

use std::os::unix::fs::PermissionsExt;

use hallpass::config::env::{Env, LogFormat, Settings, require_secret, review_key, secret};
use secrecy::ExposeSecret;

use super::{Folder, Variables, variables};

fn enough() -> Variables {
    variables(&[
        ("SLACK_BOT_TOKEN", "xoxb-1"),
        ("SLACK_SIGNING_SECRET", "old, new"),
    ])
}

/// `enough` with one variable set.
fn also(name: &str, value: &str) -> Variables {
    let mut env = enough();
    env.insert(name.into(), value.into());
    env
}

#[test]
fn what_is_not_said_is_as_the_contract_says() {
    let settings = Settings::read(&Variables::new()).expect("all defaults");
    assert_eq!(settings.config_path.to_str(), Some("hallpass.toml"));
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.base_url, "http://127.0.0.1:8080");
    assert_eq!(
        settings.database_url.expose_secret(),
        "sqlite://hallpass.db"
    );
    assert_eq!(settings.slack_api_url, "https://slack.com/api");
    assert_eq!(settings.log_filter, "info");
    assert_eq!(settings.log_format, LogFormat::Text);
}

#[test]
fn what_is_said_is_taken() {
    let settings = Settings::read(&variables(&[
        ("HALLPASS_LISTEN", "0.0.0.0:80"),
        ("DATABASE_URL", "postgres://h:p@db/hallpass"),
        ("SLACK_API_URL", "http://127.0.0.1:4041/api/"),
        ("HALLPASS_LOG_FORMAT", "json"),
    ]))
    .expect("fine");
    assert_eq!(
        settings.base_url, "http://0.0.0.0:80",
        "follows the address"
    );
    assert_eq!(settings.slack_api_url, "http://127.0.0.1:4041/api");
    assert_eq!(settings.log_format, LogFormat::Json);
    assert!(!format!("{settings:?}").contains("h:p@"), "{settings:?}");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let folder = Folder::with(&[]);
    let env = variables(&[
        ("HALLPASS_LISTEN", "8080"),
        ("HALLPASS_BASE_URL", "hallpass.example.com"),
        ("DATABASE_URL", "mysql://h:hunter2@db"),
        ("HALLPASS_LOG_FORMAT", "xml"),
        ("SLACK_APP_TOKEN", "xoxb-wrong"),
    ]);
    let wrong = Env::read(&env, folder.0.path()).expect_err("much is wrong");
    insta::assert_snapshot!("environment_wrong", wrong.to_string());
    assert!(!folder.path("hallpass.key").exists(), "no key for no start");
}

#[test]
fn slack_s_secrets_are_required_and_shaped() {
    let folder = Folder::with(&[]);
    let env = Env::read(&enough(), folder.0.path()).expect("enough");
    let secrets: Vec<&str> = env
        .signing_secrets
        .iter()
        .map(ExposeSecret::expose_secret)
        .collect();
    assert_eq!(secrets, ["old", "new"]);
    for (env, sentence) in [
        (also("SLACK_BOT_TOKEN", ""), "SLACK_BOT_TOKEN is empty"),
        (also("SLACK_BOT_TOKEN", "xapp-1"), "must begin with xoxb-"),
        (
            also("SLACK_SIGNING_SECRET", " "),
            "SLACK_SIGNING_SECRET is empty",
        ),
        (
            also("SLACK_SIGNING_SECRET", "a,,b"),
            "holds an empty secret",
        ),
        (also("SLACK_SIGNING_SECRET", "a,"), "holds an empty secret"),
        (also("SLACK_SIGNING_SECRET", "a,b,c"), "more than two"),
    ] {
        let wrong = Env::read(&env, folder.0.path()).expect_err(sentence);
        assert!(wrong.to_string().contains(sentence), "{wrong}");
        assert_eq!(wrong.0.len(), 1, "{wrong}");
    }
}

#[test]
fn the_app_s_token_switches_socket_mode_on_and_needs_no_signing_secret() {
    let folder = Folder::with(&[]);
    let env = also("SLACK_APP_TOKEN", "xapp-1");
    let both = Env::read(&env, folder.0.path()).expect("both ways");
    let token = both.app_token.expect("the app's token");
    assert_eq!(token.expose_secret(), "xapp-1");
    assert_eq!(both.signing_secrets.len(), 2);

    let mut env = env;
    env.remove("SLACK_SIGNING_SECRET");
    let alone = Env::read(&env, folder.0.path()).expect("Socket Mode alone");
    assert!(alone.app_token.is_some() && alone.signing_secrets.is_empty());
    assert!(!format!("{alone:?}").contains("xapp-1"), "{alone:?}");

    env.insert("SLACK_SIGNING_SECRET".into(), " ".into());
    let wrong = Env::read(&env, folder.0.path()).expect_err("an empty secret");
    assert!(wrong.to_string().contains("is empty"), "{wrong}");
    env.remove("SLACK_APP_TOKEN");
    env.remove("SLACK_SIGNING_SECRET");
    let wrong = Env::read(&env, folder.0.path()).expect_err("deaf");
    assert!(wrong.to_string().contains("nor SLACK_APP_TOKEN"), "{wrong}");
}

#[test]
fn a_secret_can_come_from_a_file_but_not_from_two_places() {
    let folder = Folder::with(&[("token", "s3cret\n"), ("empty", "\n")]);
    let path = |name: &str| folder.path(name).display().to_string();
    let env = variables(&[("GATE_SECRET_FILE", &path("token"))]);
    let token = require_secret(&env, "GATE_SECRET").expect("in the file");
    assert_eq!(token.expose_secret(), "s3cret");

    let both = variables(&[("GATE_SECRET", "x"), ("GATE_SECRET_FILE", &path("token"))]);
    let why = secret(&both, "GATE_SECRET").expect_err("two places");
    assert_eq!(
        why,
        "GATE_SECRET and GATE_SECRET_FILE are both set; keep one of them."
    );
    for (file, part) in [("empty", "is empty"), ("nowhere", "can't be opened")] {
        let env = variables(&[("GATE_SECRET_FILE", &path(file))]);
        let why = require_secret(&env, "GATE_SECRET").expect_err(file);
        assert!(why.contains(part), "{why}");
    }
    let why = require_secret(&Variables::new(), "GATE_SECRET").expect_err("not set");
    assert_eq!(why, "GATE_SECRET is not set (nor GATE_SECRET_FILE).");
}

#[test]
fn the_key_is_made_once_for_its_owner_alone() {
    let folder = Folder::with(&[]);
    let none = Variables::new();
    let start = |env: &Variables| review_key(env, folder.0.path()).map(|key| *key.expose_secret());
    let first = start(&none).expect("first");
    let mode = std::fs::metadata(folder.path("hallpass.key"))
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_ne!(first, [0; 32]);
    assert_eq!(start(&none), Ok(first), "read back at the next start");
    let left: Vec<_> = std::fs::read_dir(folder.0.path()).expect("read").collect();
    assert_eq!(left.len(), 1, "no draft is left over");

    let given = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=";
    let from_variable = start(&variables(&[("HALLPASS_KEY", given)])).expect("given");
    assert_eq!(from_variable[31], 1);
    let why = start(&variables(&[("HALLPASS_KEY", "c2hvcnQ=")])).expect_err("too short");
    assert!(why.contains("32 bytes in base64"), "{why}");
}

#[test]
fn a_key_that_others_can_read_or_that_is_damaged_stops_the_start() {
    let folder = Folder::with(&[("hallpass.key", "AAAA\n")]);
    let path = folder.path("hallpass.key");
    let mut answers = Vec::new();
    for mode in [0o640, 0o604, 0o600] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        let why = review_key(&Variables::new(), folder.0.path()).expect_err("refused");
        answers.push(why);
    }
    assert!(
        answers[0].contains("can be read by others (mode 0640)"),
        "{answers:?}"
    );
    assert!(
        answers[1].contains("can be read by others (mode 0604)"),
        "{answers:?}"
    );
    assert!(answers[2].contains("doesn't hold 32 bytes"), "{answers:?}");
    let text = std::fs::read_to_string(&path).expect("still there");
    assert_eq!(text, "AAAA\n", "never replaced");
}

#[test]
fn starts_at_the_same_time_end_with_the_same_key() {
    let folder = Folder::with(&[]);
    let keys: Vec<[u8; 32]> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    *review_key(&Variables::new(), folder.0.path())
                        .expect("a key")
                        .expose_secret()
                })
            })
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().expect("joined"))
            .collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
}
