//! Access that is overdue to end although no call fails: the target is slow, nobody takes its turn up, or the end can't be
//! decided. The security channel hears of it all the same: once, with updates, and that it is over.

use hallpass::domain::Grant;

use crate::support::bot::Setting;
use crate::support::gate::Mood;
use crate::support::workplace::SECURITY;
use crate::support::{Database, TestBot, everywhere, minutes, seconds};

/// More than end within all that the story takes until its alarm is there.
const ENDS: usize = 34;

/// The alarms in the security channel, as they stand now.
fn alarms(bot: &TestBot) -> Vec<String> {
    let messages = bot.slack.messages(SECURITY);
    let plain = messages.iter().map(slack_sandbox::Message::plain);
    plain
        .filter(|text| text.contains("should have ended") || text.contains("It is over"))
        .collect()
}

/// The one alarm, once it says so.
async fn alarm_says(bot: &TestBot, says: impl Fn(&str) -> bool) -> String {
    let standing = bot.slack.until("the alarm", |slack| {
        let messages = slack.messages(SECURITY);
        let mut plain = messages.iter().map(slack_sandbox::Message::plain);
        plain.find(|text| text.contains("should have ended") && says(text))
    });
    let standing = standing.await.unwrap();
    assert_eq!(alarms(bot).len(), 1, "{:#?}", alarms(bot));
    standing
}

async fn passes(bot: &TestBot, times: usize) {
    for _ in 0..times {
        bot.clock.advance(seconds(10));
        bot.settle().await;
    }
}

async fn rita_reads_logs(bot: &TestBot, nodes: usize) {
    for node in 1..=nodes {
        let ask = format!("/prod-access logs node=web-{node} 30m look");
        bot.says("rita", &ask).await;
    }
    // Another replica may have it in hand. The last call tells the target the end of what is active.
    let told = bot.backend.until("all of them have it", |gate| {
        (gate.done("grant").len() >= 2 * nodes).then_some(())
    });
    told.await;
    bot.settle().await;
}

/// It was told that it is over: where the alarm stood, and once more beside it.
fn is_over(bot: &TestBot) {
    let said = alarms(bot);
    assert_eq!(said.len(), 2, "{said:#?}");
    for one in &said {
        assert!(one.contains("It is over"), "{one}");
    }
}

/// The next end is taken away, and while the target takes its time for the answer, 9 s pass.
async fn one_more_ends(bot: &TestBot, ended: &mut usize) {
    *ended += 1;
    let wanted = *ended;
    let taken = bot.backend.until("the next end", |gate| {
        (gate.done("revoke").len() >= wanted).then_some(())
    });
    taken.await;
    bot.clock.advance(seconds(9));
    bot.backend.release();
}

#[tokio::test]
async fn a_target_that_is_merely_slow_is_alarmed_of() {
    for database in [Database::Sqlite, Database::Postgres] {
        let one_at_a_time = Setting {
            database,
            edit: Box::new(|text| {
                text.replace("timeout    = \"5s\"", "timeout = \"30s\"\nconcurrency = 1")
            }),
            ..Setting::default()
        };
        TestBot::in_setting(one_at_a_time, async |bot| {
            rita_reads_logs(bot, ENDS).await;
            bot.backend.feels(Mood::HangsOn("revoke".into()));
            bot.clock.advance(minutes(30) + seconds(5));
            let mut ended = 0;
            for _ in 0..12 {
                one_more_ends(bot, &mut ended).await;
            }
            assert!(
                alarms(bot).is_empty(),
                "not before two minutes: {:#?}",
                alarms(bot)
            );
            for _ in 0..11 {
                one_more_ends(bot, &mut ended).await;
            }
            let first = alarm_says(bot, |_| true).await;
            for part in ["`gate` is behind", "No call", "rita@example.com", "*still*"] {
                assert!(first.contains(part), "{part} is not in {first}");
            }
            for wrong in ["no answer", "not let go", "refuses"] {
                assert!(!first.contains(wrong), "{wrong} is in {first}");
            }

            for _ in 0..8 {
                one_more_ends(bot, &mut ended).await;
            }
            alarm_says(bot, |text| text != first).await;

            bot.backend.feels(Mood::Well);
            bot.backend.release();
            bot.settle().await;
            passes(bot, 12).await;
            is_over(bot);
            assert_eq!(bot.backend.done("revoke").len(), ENDS);
            passes(bot, 12).await;
            is_over(bot);
        })
        .await;
    }
}

/// As behind a lane that nobody claims from: the revocations are due, and nothing of them fails.
async fn nobody_takes_it_up(bot: &TestBot, beside: &[&TestBot]) {
    bot.backend.feels(Mood::Down);
    let all = || std::iter::once(&bot).chain(beside);
    all().for_each(|one| one.clock.advance(minutes(30) + seconds(30)));
    for one in all().chain(all()) {
        one.settle().await;
    }
    bot.tampers(
        "update effect set next_at = next_at + 3000000000, failures = 0, failure = null \
         where kind = 'sync-holding' and lane = 'backend:gate' and urgency = 0",
    )
    .await;
    bot.backend.feels(Mood::Well);
}

async fn it_is_taken_up_again(bot: &TestBot) {
    bot.tampers("update effect set next_at = due where kind = 'sync-holding' and urgency = 0")
        .await;
}

#[tokio::test]
async fn what_nobody_takes_up_is_alarmed_of() {
    everywhere(async |bot| {
        rita_reads_logs(bot, 3).await;
        nobody_takes_it_up(bot, &[]).await;
        passes(bot, 7).await;
        assert!(alarms(bot).is_empty(), "{:#?}", alarms(bot));
        passes(bot, 20).await;
        let said = alarm_says(bot, |text| text.contains("3 grants should have ended")).await;
        assert!(said.contains("`gate` is behind"), "{said}");
        it_is_taken_up_again(bot).await;
        passes(bot, 12).await;
        is_over(bot);
        assert_eq!(bot.backend.done("revoke").len(), 3);
    })
    .await;
}

/// Both look every minute, and either may be the one that speaks.
#[tokio::test]
async fn two_replicas_say_it_once() {
    // 32 bytes.
    let key = ("HALLPASS_KEY".to_owned(), format!("{}=", "A".repeat(43)));
    let one = Setting {
        database: Database::Postgres,
        variables: vec![key.clone()],
        ..Setting::default()
    };
    TestBot::in_setting(one, async |one| {
        let gate = one.backend.url();
        let beside = Setting {
            edit: Box::new(move |text| {
                let lines = text.lines().map(|line| match line.strip_prefix("url ") {
                    Some(_) => format!("url = \"{gate}\"\n"),
                    None => format!("{line}\n"),
                });
                lines.collect()
            }),
            variables: vec![
                key,
                ("DATABASE_URL".into(), one.database_url.clone()),
                ("SLACK_API_URL".into(), one.slack.api_url()),
            ],
            ..Setting::default()
        };
        TestBot::in_setting(beside, async |other| {
            let pass = async |times: usize| {
                for _ in 0..times {
                    one.clock.advance(seconds(10));
                    other.clock.advance(seconds(10));
                    for bot in [one, other, one] {
                        bot.settle().await;
                    }
                }
            };
            rita_reads_logs(one, 3).await;
            other.settle().await;
            nobody_takes_it_up(one, &[other]).await;
            pass(27).await;
            alarm_says(one, |text| text.contains("3 grants should have ended")).await;
            it_is_taken_up_again(one).await;
            pass(12).await;
            is_over(one);
            assert_eq!(one.backend.done("revoke").len(), 3);
        })
        .await;
    })
    .await;
}

/// The grant of a node, and the request's letters.
async fn grant_on(bot: &TestBot, node: &str) -> (Grant, String) {
    let key = format!("logs/{node}");
    let mut given = bot.backend.done("grant").into_iter();
    let call = given.rfind(|call| call.permission == key).unwrap();
    let live = bot.store.live_grants(99).await.unwrap();
    let mut live = live.into_iter();
    let grant = live.find(|one| one.short.of_grant() == call.grant).unwrap();
    let letters = grant.short.of_request();
    (grant, letters)
}

/// Its row is there but for what it holds.
async fn breaks(bot: &TestBot, table: &str, id: &str, body: &str) {
    bot.tampers(&format!(
        "update {table} set body = '{body}' where id = '{id}'"
    ))
    .await;
}

#[tokio::test]
async fn an_end_that_cannot_be_decided_is_told_in_its_backends_alarm() {
    everywhere(async |bot| {
        rita_reads_logs(bot, 2).await;
        let (grant, letters) = grant_on(bot, "web-1").await;
        let holding = &grant.parts[0].holding;
        let whole = bot.store.holding(holding).await.unwrap().unwrap();
        breaks(bot, "holding", holding.as_str(), "{}").await;
        bot.clock.advance(minutes(30) + seconds(5));
        bot.settle().await;
        passes(bot, 22).await;
        assert_eq!(bot.backend.holders("logs/web-2"), [""; 0]);
        assert_eq!(bot.backend.holders("logs/web-1"), ["rita"]);
        let said = alarm_says(bot, |_| true).await;
        for part in ["gate", "1 grant should", "Hallpass itself", &letters] {
            assert!(said.contains(part), "{part} is not in {said}");
        }
        let whole = serde_json::to_string(&whole).unwrap();
        breaks(bot, "holding", holding.as_str(), &whole).await;
        passes(bot, 12).await;
        is_over(bot);
        assert_eq!(bot.backend.holders("logs/web-1"), [""; 0]);
    })
    .await;
}

/// The target may have done what it didn't answer.
#[tokio::test]
async fn setting_up_that_cannot_be_given_up_is_told() {
    everywhere(async |bot| {
        bot.backend.feels(Mood::Down);
        let ask = "/prod-access logs node=web-1 30m look";
        bot.says("rita", ask).await;
        bot.settle().await;
        let grant = bot.store.live_grants(1).await.unwrap().remove(0);
        let holding = &grant.parts[0].holding;
        let whole = bot.store.holding(holding).await.unwrap().unwrap();
        breaks(bot, "holding", holding.as_str(), "{}").await;
        bot.backend.feels(Mood::Well);
        bot.clock.advance(minutes(15) + seconds(5));
        bot.settle().await;
        passes(bot, 22).await;
        let said = alarm_says(bot, |_| true).await;
        let letters = grant.short.of_request();
        for part in ["gate", "1 grant should", "Hallpass itself", &letters] {
            assert!(said.contains(part), "{part} is not in {said}");
        }
        let whole = serde_json::to_string(&whole).unwrap();
        breaks(bot, "holding", holding.as_str(), &whole).await;
        passes(bot, 12).await;
        is_over(bot);
        assert!(bot.store.live_grants(1).await.unwrap().is_empty());
        assert!(bot.backend.holders("logs/web-1").is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_end_whose_backend_nobody_knows_is_told_too() {
    everywhere(async |bot| {
        rita_reads_logs(bot, 2).await;
        let (grant, letters) = grant_on(bot, "web-1").await;
        breaks(bot, "access_grant", grant.id.as_str(), "{}").await;
        bot.clock.advance(minutes(30) + seconds(5));
        bot.settle().await;
        passes(bot, 22).await;
        assert_eq!(bot.backend.holders("logs/web-2"), [""; 0]);
        let said = alarm_says(bot, |_| true).await;
        for part in ["can't be read", "1 grant should", "*still*", &letters] {
            assert!(said.contains(part), "{part} is not in {said}");
        }
        passes(bot, 12).await;
        assert_eq!(alarms(bot), [said], "nothing new is said");
        let whole = serde_json::to_string(&grant).unwrap();
        breaks(bot, "access_grant", grant.id.as_str(), &whole).await;
        passes(bot, 12).await;
        is_over(bot);
        assert_eq!(bot.backend.holders("logs/web-1"), [""; 0]);
    })
    .await;
}

/// It was overdue because Hallpass was away, and is gone a moment later.
#[tokio::test]
async fn what_ends_at_once_after_an_outage_is_no_alarm() {
    everywhere(async |bot| {
        rita_reads_logs(bot, 2).await;
        bot.clock.advance(minutes(45));
        bot.settle().await;
        passes(bot, 12).await;
        assert_eq!(bot.backend.done("revoke").len(), 2);
        assert!(alarms(bot).is_empty(), "{:#?}", alarms(bot));
    })
    .await;
}
