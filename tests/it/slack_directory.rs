//! The directory port over the Web API: who somebody is, for how long it is believed, and what is kept while Slack fails.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hallpass::domain::{Email, Membership, SlackId};
use hallpass::ports::{Directory, DirectoryError};
use hallpass::slack::SlackDirectory;
use http::StatusCode;
use serde_json::{Value, json};

use crate::slack_fake::{FakeSlack, HandClock, client};

struct People {
    slack: FakeSlack,
    clock: Arc<HandClock>,
    directory: SlackDirectory,
}

/// A directory that knows it is T1 (of the organisation E1, where there is one).
async fn people(enterprise: Option<&str>) -> People {
    let (slack, url) = FakeSlack::start().await;
    slack.will_say(json!({
        "ok": true, "team_id": "T1", "team": "Example", "user_id": "U0BOT", "enterprise_id": enterprise,
    }));
    let client = client(&url);
    client.identity().await.unwrap();
    let clock = Arc::new(HandClock::default());
    let directory = SlackDirectory::new(client, Arc::default(), clock.clone());
    People {
        slack,
        clock,
        directory,
    }
}

fn user(more: &Value) -> Value {
    let mut user = json!({
        "id": "U0RITA", "team_id": "T1", "name": "rita", "tz": "Europe/Berlin", "is_email_confirmed": true,
        "profile": { "real_name": "Rita", "email": "Rita@Example.com" },
    });
    for (key, value) in more.as_object().unwrap() {
        user[key] = value.clone();
    }
    json!({ "ok": true, "user": user })
}

fn rita() -> SlackId {
    SlackId::parse("U0RITA").unwrap()
}

#[tokio::test]
async fn who_somebody_is_follows_from_what_slack_says() {
    let people = people(None).await;
    for (more, membership) in [
        (json!({}), Membership::Member),
        (json!({ "deleted": true }), Membership::Deactivated),
        (json!({ "is_bot": true }), Membership::Bot),
        (json!({ "is_restricted": true }), Membership::Guest),
        (json!({ "is_ultra_restricted": true }), Membership::Guest),
        (json!({ "team_id": "T2" }), Membership::Outsider),
        (json!({ "team_id": null }), Membership::Outsider),
        (json!({ "is_stranger": true }), Membership::Outsider),
        (
            json!({ "team_id": "T2", "enterprise_user": { "enterprise_id": "E1" } }),
            Membership::Outsider,
        ),
    ] {
        people.slack.will_say(user(&more));
        let person = people.directory.person_now(&rita()).await.unwrap();
        assert_eq!(person.membership, membership, "{more}");
    }
}

#[tokio::test]
async fn on_grid_the_organisation_decides() {
    let people = people(Some("E1")).await;
    for (enterprise, membership) in [("E1", Membership::Member), ("E2", Membership::Outsider)] {
        people.slack.will_say(user(&json!({
            "team_id": "T2", "enterprise_user": { "enterprise_id": enterprise },
        })));
        let person = people.directory.person_now(&rita()).await.unwrap();
        assert_eq!(person.membership, membership);
    }
}

#[tokio::test]
async fn only_a_confirmed_email_is_one() {
    let people = people(None).await;
    people.slack.will_say(user(&json!({})));
    let person = people.directory.person_now(&rita()).await.unwrap();
    assert_eq!(person.email, Email::parse("rita@example.com"));
    assert_eq!(person.time_zone, "Europe/Berlin");
    for unconfirmed in [json!(false), json!(null)] {
        let more = json!({ "is_email_confirmed": unconfirmed });
        people.slack.will_say(user(&more));
        assert_eq!(
            people.directory.person_now(&rita()).await.unwrap().email,
            None
        );
        people.slack.will_say(user(&more));
        let email = Email::parse("rita@example.com").unwrap();
        let found = people.directory.by_email(&email).await;
        assert!(matches!(found, Err(DirectoryError::Unknown(_))));
    }
}

#[tokio::test]
async fn a_person_is_asked_for_once_a_minute() {
    let people = people(None).await;
    people.slack.will_say(user(&json!({})));
    people.directory.person(&rita()).await.unwrap();
    people.clock.0.store(59, Ordering::SeqCst);
    people.directory.person(&rita()).await.unwrap();
    assert_eq!(
        people.slack.paths().len(),
        2,
        "auth.test and one users.info"
    );
    assert_eq!(people.slack.calls()[1].query, "user=U0RITA");

    people.clock.0.store(60, Ordering::SeqCst);
    people.slack.will_say(user(&json!({ "deleted": true })));
    let person = people.directory.person(&rita()).await.unwrap();
    assert_eq!(person.membership, Membership::Deactivated);

    people.slack.will_fail("user_not_found");
    let gone = people.directory.person_now(&rita()).await;
    assert_eq!(gone, Err(DirectoryError::Unknown("U0RITA".into())));
    people.slack.will_fail("fatal_error");
    let down = people.directory.person_now(&rita()).await;
    assert!(matches!(down, Err(DirectoryError::Unavailable(_))));
}

#[tokio::test]
async fn a_user_group_is_kept_while_slack_fails() {
    let people = people(None).await;
    people.slack.will_fail("fatal_error");
    let first = people.directory.user_group("S0DBA").await;
    assert!(matches!(first, Err(DirectoryError::Unavailable(_))));

    people
        .slack
        .will_say(json!({ "ok": true, "users": ["U0BOB", "U0DANA", 7] }));
    let members = people.directory.user_group("S0DBA").await.unwrap();
    assert_eq!(members.len(), 2);

    people.clock.0.store(3_600, Ordering::SeqCst);
    people.slack.will((StatusCode::BAD_GATEWAY, "down"));
    assert_eq!(people.directory.user_group("S0DBA").await, Ok(members));

    assert!(people.directory.last_user_group("S0DBA").is_some());
    people.slack.will_fail("no_such_subteam");
    let gone = people.directory.user_group("S0DBA").await;
    assert_eq!(people.directory.last_user_group("S0DBA"), None);
    assert_eq!(gone, Err(DirectoryError::Unknown("S0DBA".into())));
}
