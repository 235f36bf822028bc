//! The whole story with a real `PostgreSQL` as target, 15 and 18: judged by what Alice can do there.

use sqlx::{Connection, PgConnection};

use crate::support::bot::Setting;
use crate::support::postgres::{Server, Version, execute};
use crate::support::{TestBot, minutes};

const ROLES: &str = r#"
[backend.orders-db]
kind      = "postgres"
url_env   = "ORDERS_DB_ADMIN_URL"
principal = "{email_local}"

[role.orders-admin]
template     = "asked"
description  = "Read and write orders in PostgreSQL"
entitlements = [ { backend = "orders-db", role = "orders_admin" } ]
[[role.orders-admin.stages]]
approvers = ["group:dba"]
"#;

/// What the owners of the database do, beforehand.
async fn prepared(version: Version) -> Server {
    let server = Server::start(version).await;
    let admin_option = match version {
        Version::Fifteen => "admin option",
        Version::Eighteen => "admin true, inherit false, set false",
    };
    server
        .execute(&format!(
            "create role hallpass login; create role alice login; create role orders_admin; \
             grant orders_admin to hallpass with {admin_option}; grant pg_signal_backend to hallpass; \
             create table orders (id int); insert into orders values (7); grant select on orders to orders_admin"
        ))
        .await;
    server
}

async fn reads_orders(alice: &mut PgConnection) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar("select id from orders")
        .fetch_one(alice)
        .await
}

async fn told(version: Version) {
    let server = prepared(version).await;
    let url = server.url("hallpass", "postgres");
    let setting = Setting {
        edit: Box::new(|text| text + ROLES),
        variables: vec![("ORDERS_DB_ADMIN_URL".into(), url)],
        ..Setting::default()
    };
    TestBot::in_setting(setting, async |bot| {
        let mut alice = PgConnection::connect(&server.url("alice", "postgres"))
            .await
            .unwrap();
        reads_orders(&mut alice)
            .await
            .expect_err("permission denied before");

        let request = bot
            .asks("alice", "/prod-access orders-admin 20m orders stuck")
            .await;
        bot.approves("dana", &request).await;
        assert_eq!(reads_orders(&mut alice).await.unwrap(), 7);

        bot.clock.advance(minutes(20));
        bot.settle().await;
        reads_orders(&mut alice)
            .await
            .expect_err("her open session was ended");
        let mut again = PgConnection::connect(&server.url("alice", "postgres"))
            .await
            .unwrap();
        reads_orders(&mut again)
            .await
            .expect_err("permission denied again");
        assert!(bot.record(&request).await.contains(&"grant.ended"));

        // Rita has no account there: a permanent failure, told in words.
        let request = bot
            .asks("rita", "/prod-access orders-admin 20m orders stuck")
            .await;
        bot.approves("dana", &request).await;
        assert!(bot.record(&request).await.contains(&"grant.failed"));
        assert!(bot.told("rita").contains("rita"), "{}", bot.told("rita"));

        // What she held before is hers, and stays.
        execute(&server.admin_url(), "grant orders_admin to alice").await;
        let request = bot
            .asks("alice", "/prod-access orders-admin 20m orders stuck again")
            .await;
        bot.approves("dana", &request).await;
        bot.clock.advance(minutes(20));
        bot.settle().await;
        let mut again = PgConnection::connect(&server.url("alice", "postgres"))
            .await
            .unwrap();
        assert_eq!(
            reads_orders(&mut again).await.unwrap(),
            7,
            "standing access is left alone"
        );
    })
    .await;
}

#[tokio::test]
async fn access_to_postgresql_15_comes_and_goes() {
    told(Version::Fifteen).await;
}

#[tokio::test]
async fn access_to_postgresql_18_comes_and_goes() {
    told(Version::Eighteen).await;
}
