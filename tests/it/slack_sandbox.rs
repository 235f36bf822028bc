//! The adapters against the strict sandbox: it takes every message there is, and its people are who they are.

use std::sync::Arc;

use hallpass::domain::{Email, Membership, SlackId};
use hallpass::ports::{Chat, ChatError, Directory, Place};
use hallpass::slack::{Client, Health, SlackChat, SlackDirectory};
use secrecy::SecretString;
use slack_sandbox::{Channel, Person, Sandbox, Workspace};

use crate::slack_fake::HandClock;
use crate::{slack_shown, slack_shown_notices};

async fn sandbox() -> Sandbox {
    let person = |id: &str, name: &str| Person::new(id, name, name, &format!("{name}@example.com"));
    let workspace = Workspace::new("T0HOME", "home", "Home")
        .person(person("U0RITA", "rita"))
        .person(person("U0BOB", "bob"))
        .person(person("U0CAROL", "carol"))
        .person(person("U0EVE", "eve"))
        .person(person("U0GUEST", "guest").guest())
        .person(person("U0AWAY", "away").of_team("T0AWAY"))
        .person(person("U0GONE", "gone").deleted())
        .person(person("U0MAYBE", "maybe").email_unconfirmed())
        .person(person("U0ROBOT", "robot").bot())
        .channel(Channel::new("C0APPROVE", "approvals", &["U0BOT", "U0BOB"]))
        .channel(Channel::new("C0ELSE", "elsewhere", &["U0BOB"]))
        .channel(Channel::new("C0OLD", "old", &["U0BOT"]).archived());
    Sandbox::start_local(workspace).await.unwrap()
}

fn client(sandbox: &Sandbox, token: &str) -> Arc<Client> {
    Arc::new(Client::new(&sandbox.api_url(), &SecretString::from(token)).unwrap())
}

fn approvals() -> Place {
    Place::Channel("C0APPROVE".into())
}

#[tokio::test]
async fn a_channel_where_cards_would_be_lost_is_found_beforehand() {
    let sandbox = sandbox().await;
    let chat = SlackChat::new(client(&sandbox, "xoxb-sandbox"), Arc::default());
    assert_eq!(
        chat.can_post("C0APPROVE").await.unwrap(),
        "the bot is in #approvals"
    );
    for (channel, why) in [
        ("C0ELSE", "the bot isn't in #elsewhere: invite it there."),
        ("C0OLD", "#old is archived."),
        ("C0NOWHERE", "C0NOWHERE: Slack refused: channel_not_found"),
    ] {
        assert_eq!(chat.can_post(channel).await.unwrap_err(), why);
    }
    assert!(
        chat.health().problems().is_empty(),
        "asking changes nothing"
    );
}

#[tokio::test]
async fn the_sandbox_takes_every_message_posted_and_updated() {
    let sandbox = sandbox().await;
    let chat = SlackChat::new(client(&sandbox, "xoxb-sandbox"), Arc::default());
    let first = slack_shown::cards().remove(0).1;
    let standing = chat.post(&approvals(), &first).await.unwrap();
    let all = slack_shown::cards()
        .into_iter()
        .chain(slack_shown_notices::notices())
        .chain(crate::slack_shown_alarm::alarms());
    for (name, message, _) in all {
        for place in [
            approvals(),
            Place::Person(SlackId::parse("U0RITA").unwrap()),
            Place::Thread(standing.clone()),
        ] {
            let posted = chat.post(&place, &message).await;
            assert!(posted.is_ok(), "{name} in {place:?}: {posted:?}");
        }
        let updated = chat.update(&standing, &message).await;
        assert_eq!(updated, Ok(()), "{name}");
    }
    let card = sandbox.messages("C0APPROVE").remove(0);
    assert_eq!(card.ts, standing.ts);
    assert!(!card.blocks.is_empty(), "an update keeps the blocks");
}

#[tokio::test]
async fn where_the_bot_may_not_speak_is_told_by_slacks_names() {
    let sandbox = sandbox().await;
    let health = Arc::new(Health::new());
    let chat = SlackChat::new(client(&sandbox, "xoxb-sandbox"), health.clone());
    let (_, message, _) = slack_shown::cards().remove(0);
    for (channel, name) in [
        ("C0ELSE", "not_in_channel"),
        ("C0OLD", "is_archived"),
        ("C0NOWHERE", "channel_not_found"),
    ] {
        let refused = chat.post(&Place::Channel(channel.into()), &message).await;
        assert_eq!(refused, Err(ChatError::Permanent(name.into())), "{channel}");
    }
    assert_eq!(health.problems().len(), 3);
    let stranger = SlackChat::new(client(&sandbox, "xoxb-wrong"), health.clone());
    let refused = stranger.check().await;
    assert_eq!(refused, Err(ChatError::Token("invalid_auth".into())));
    assert_eq!(health.problems().len(), 4);
}

#[tokio::test]
async fn people_are_who_slack_says_they_are() {
    let sandbox = sandbox().await;
    let client = client(&sandbox, "xoxb-sandbox");
    let clock = Arc::new(HandClock::default());
    let directory = SlackDirectory::new(client, Arc::default(), clock);
    for (account, membership, email) in [
        ("U0RITA", Membership::Member, Some("rita@example.com")),
        ("U0GUEST", Membership::Guest, Some("guest@example.com")),
        ("U0GONE", Membership::Deactivated, None),
        ("U0MAYBE", Membership::Member, None),
        ("U0ROBOT", Membership::Bot, Some("robot@example.com")),
    ] {
        let account = SlackId::parse(account).unwrap();
        let person = directory.person(&account).await.unwrap();
        assert_eq!(person.membership, membership, "{account}");
        if membership != Membership::Deactivated {
            assert_eq!(person.email, email.and_then(Email::parse), "{account}");
        }
    }
    let away = directory.person(&SlackId::parse("U0AWAY").unwrap()).await;
    assert!(
        !away.is_ok_and(|person| person.membership == Membership::Member),
        "another workspace's person is no member"
    );
    let email = Email::parse("rita@example.com").unwrap();
    let rita = directory.by_email(&email).await.unwrap();
    assert_eq!(rita.account.as_str(), "U0RITA");
}
