//! Scans of a real `PostgreSQL`, 15 and 18, whose administrators change memberships beside Hallpass: judged by the
//! server's own catalog.

use crate::support::bot::Setting;
use crate::support::postgres::{Server, Version, execute};
use crate::support::{TestBot, minutes};

const ROLES: &str = r#"
[backend.orders-db]
kind      = "postgres"
url_env   = "ORDERS_DB_ADMIN_URL"
principal = "{email_local}"
RULE

[role.orders-admin]
template     = "asked"
description  = "Read and write orders in PostgreSQL"
entitlements = [ { backend = "orders-db", role = "orders_admin" } ]
[[role.orders-admin.stages]]
approvers = ["group:dba"]
"#;

const VERSIONS: [Version; 2] = [Version::Fifteen, Version::Eighteen];

/// What the owners of the database do, beforehand.
async fn prepared(version: Version) -> Server {
    let server = Server::start(version).await;
    let admin_option = match version {
        Version::Fifteen => "admin option",
        Version::Eighteen => "admin true, inherit false, set false",
    };
    server
        .execute(&format!(
            "create role hallpass login; create role alice login; create role rita login; \
             create role mallory login; create role olga login; create role ops; \
             create role orders_admin; create role reports; \
             grant orders_admin, reports to hallpass with {admin_option}; \
             grant pg_signal_backend to hallpass"
        ))
        .await;
    server
}

async fn told(version: Version, rule: &str, story: impl AsyncFn(&TestBot, &Server)) {
    let server = prepared(version).await;
    let url = server.url("hallpass", "postgres");
    let roles = ROLES.replace("RULE", rule);
    let setting = Setting {
        edit: Box::new(move |text| text + &roles),
        variables: vec![("ORDERS_DB_ADMIN_URL".into(), url)],
        ..Setting::default()
    };
    TestBot::in_setting(setting, async |bot| story(bot, &server).await).await;
}

/// Who holds the orders, with everything that follows from what.
async fn holders(server: &Server) -> Vec<String> {
    use sqlx::{Connection, PgConnection};
    let mut admin = PgConnection::connect(&server.admin_url()).await.unwrap();
    let sql = "select rolname::text from pg_roles where rolcanlogin and not rolsuper and rolname <> 'hallpass' \
               and pg_has_role(oid, 'orders_admin', 'member') order by 1";
    sqlx::query_scalar(sql).fetch_all(&mut admin).await.unwrap()
}

/// Who is a member of what and by whom, all of it but the server's own.
async fn memberships(server: &Server) -> Vec<String> {
    use sqlx::{Connection, PgConnection};
    let mut admin = PgConnection::connect(&server.admin_url()).await.unwrap();
    let sql = "select format('%s in %s by %s', member::regrole, roleid::regrole, grantor::regrole) \
               from pg_auth_members where roleid >= 16384 order by 1";
    sqlx::query_scalar(sql).fetch_all(&mut admin).await.unwrap()
}

async fn active(bot: &TestBot, person: &str, duration: &str) {
    let text = format!("/prod-access orders-admin {duration} orders stuck");
    let request = bot.asks(person, &text).await;
    bot.approves("dana", &request).await;
}

/// As whoever has Hallpass's own password.
async fn by_its_own_mark(server: &Server, principal: &str) {
    marked(server, "orders_admin", principal).await;
}

async fn marked(server: &Server, role: &str, principal: &str) {
    let url = server.url("hallpass", "postgres");
    let sql = format!("grant {role} to {principal} granted by current_user");
    execute(&url, &sql).await;
}

#[tokio::test]
async fn what_an_administrator_took_is_given_again() {
    for version in VERSIONS {
        told(version, "", async |bot, server| {
            active(bot, "alice", "30m").await;
            let by = match version {
                Version::Fifteen => "",
                Version::Eighteen => " granted by hallpass",
            };
            server
                .execute(&format!("revoke orders_admin from alice{by}"))
                .await;
            assert!(holders(server).await.is_empty());
            bot.scans().await;
            assert_eq!(holders(server).await, ["alice"]);
            assert_eq!(bot.drift().await, ["missing giving_again"]);
            bot.clock.advance(minutes(20));
            bot.settle().await;
            assert!(holders(server).await.is_empty());
        })
        .await;
    }
}

/// One directly, one through a group; what no configured role hands out is nobody's business here.
#[tokio::test]
async fn what_others_gave_is_told_once_and_never_taken() {
    for version in VERSIONS {
        for rule in ["", r#"unknown_access = "revoke""#] {
            told(version, rule, async |bot, server| {
                server
                    .execute(
                        "grant orders_admin to mallory; grant orders_admin to ops; grant ops to olga; \
                         grant reports to alice",
                    )
                    .await;
                let before = memberships(server).await;
                bot.scans().await;
                assert_eq!(bot.drift().await, ["unknown told", "unknown told"]);
                bot.scans().await;
                bot.scans().await;
                assert_eq!(bot.drift().await.len(), 2, "told once");
                assert_eq!(holders(server).await, ["mallory", "olga"]);
                assert_eq!(memberships(server).await, before);
                let reports = "alice in reports by admin".to_owned();
                assert!(before.contains(&reports), "{before:#?}");
            })
            .await;
        }
    }
}

/// It could take them, and they even bear its mark: only what a configured role hands out is its business.
#[tokio::test]
async fn what_no_configured_role_hands_out_is_never_touched() {
    for version in VERSIONS {
        told(
            version,
            r#"unknown_access = "revoke""#,
            async |bot, server| {
                marked(server, "reports", "rita").await;
                marked(server, "reports", "mallory").await;
                let before = memberships(server).await;
                by_its_own_mark(server, "mallory").await;
                active(bot, "rita", "20m").await;
                bot.scans().await;
                assert_eq!(bot.drift().await, ["unknown removing"], "of the orders");
                assert_eq!(holders(server).await, ["rita"]);
                bot.scans().await;
                bot.scans().await;
                assert_eq!(memberships(server).await, before, "her grant is over, too");
                assert_eq!(bot.drift().await.len(), 1);
            },
        )
        .await;
    }
}

#[tokio::test]
async fn what_bears_our_mark_without_a_grant_is_told_or_taken_as_configured() {
    for version in VERSIONS {
        told(version, "", async |bot, server| {
            by_its_own_mark(server, "mallory").await;
            bot.scans().await;
            bot.scans().await;
            assert_eq!(bot.drift().await, ["unknown told"]);
            assert_eq!(holders(server).await, ["mallory"]);
        })
        .await;
        told(
            version,
            r#"unknown_access = "revoke""#,
            async |bot, server| {
                active(bot, "alice", "4h").await;
                by_its_own_mark(server, "mallory").await;
                bot.scans().await;
                assert_eq!(bot.drift().await, ["unknown removing"]);
                assert_eq!(
                    holders(server).await,
                    ["alice"],
                    "what a live grant covers stays"
                );
                bot.scans().await;
                assert_eq!(bot.drift().await.len(), 1);
            },
        )
        .await;
    }
}

/// What seems to be nobody's may be what stands in that row.
#[tokio::test]
async fn beside_a_row_that_cannot_be_read_nothing_is_unknown() {
    for version in VERSIONS {
        let rule = r#"unknown_access = "revoke""#;
        told(version, rule, async |bot, server| {
            active(bot, "alice", "4h").await;
            bot.tampers("update holding set principal = 'x' where principal = 'alice'")
                .await;
            bot.scans().await;
            bot.scans().await;
            assert_eq!(holders(server).await, ["alice"]);
            assert!(bot.drift().await.is_empty());
            bot.tampers("update holding set principal = 'alice' where principal = 'x'")
                .await;
            by_its_own_mark(server, "mallory").await;
            bot.scans().await;
            assert_eq!(bot.drift().await, ["unknown removing"]);
            assert_eq!(holders(server).await, ["alice"]);
        })
        .await;
    }
}

/// What was found is nobody's until its principal asks; then it is held, and ends with the grant.
#[tokio::test]
async fn what_was_found_becomes_its_askers() {
    for version in VERSIONS {
        told(version, "", async |bot, server| {
            by_its_own_mark(server, "rita").await;
            bot.scans().await;
            assert_eq!(bot.drift().await, ["unknown told"]);
            active(bot, "rita", "20m").await;
            assert_eq!(holders(server).await, ["rita"]);
            bot.clock.advance(minutes(20));
            bot.settle().await;
            assert!(holders(server).await.is_empty());
            bot.scans().await;
            assert_eq!(bot.drift().await.len(), 1);
        })
        .await;
    }
}

/// 18 keeps a membership per grantor; up to 15 there is one, and whoever gives it second changes nothing.
#[tokio::test]
async fn another_administrators_grant_in_between_stays_where_it_can_be_told() {
    for version in VERSIONS {
        told(version, "", async |bot, server| {
            active(bot, "alice", "20m").await;
            server.execute("grant orders_admin to alice").await;
            bot.clock.advance(minutes(20));
            bot.settle().await;
            let left = match version {
                Version::Fifteen => Vec::<&str>::new(),
                Version::Eighteen => vec!["alice"],
            };
            assert_eq!(holders(server).await, left);
            bot.scans().await;
            assert!(bot.drift().await.is_empty(), "it was told with the end");
            assert_eq!(holders(server).await, left);
        })
        .await;
    }
}
