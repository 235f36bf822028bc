//! Names as people and attackers write them, on real servers: the catalog's difference equals the intent.

use hallpass::ports::Backend;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use sqlx::AssertSqlSafe;

use super::target::{Target, holding};
use super::{NOTHING, OURS, on_both, permanent};

const EVIL: [&str; 16] = [
    "alice\"; drop role bob; --",
    "\"",
    "\"\"",
    "a\"b\"\"c",
    "'; select pg_sleep(10); '",
    "$$; reset role; $$",
    "back\\slash\\\"",
    " leading and trailing ",
    "line\nbreak\ttab",
    "UPPER lower",
    "current_user",
    "select",
    "Жанна д’Арк",
    "名前\u{202E}gnol",
    "-- comment /* open",
    "e\u{301}😀;",
];

/// Lets the server quote, so that the test doesn't lean on what it tests.
async fn create(target: &mut Target, name: &str) {
    let sql: String = sqlx::query_scalar("select format('create role %I login', $1)")
        .bind(name)
        .fetch_one(&mut target.admin)
        .await
        .unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut target.admin)
        .await
        .unwrap();
}

async fn drop_role(target: &mut Target, name: &str) {
    let sql: String = sqlx::query_scalar("select format('drop role %I', $1)")
        .bind(name)
        .fetch_one(&mut target.admin)
        .await
        .unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut target.admin)
        .await
        .unwrap();
}

/// How many memberships there are of exactly these names, by our role.
async fn ours(target: &mut Target, principal: &str, role: &str) -> i64 {
    let hallpass = target.name("hallpass");
    sqlx::query_scalar(
        "select count(*) from pg_auth_members a join pg_roles m on m.oid = member
             join pg_roles r on r.oid = roleid join pg_roles g on g.oid = grantor
         where m.rolname = $1 and r.rolname = $2 and g.rolname = $3",
    )
    .bind(principal)
    .bind(role)
    .bind(hallpass)
    .fetch_one(&mut target.admin)
    .await
    .unwrap()
}

async fn give_and_take(target: &mut Target, principal: &str, role: &str) {
    create(target, principal).await;
    create(target, role).await;
    let sql: String =
        sqlx::query_scalar("select format('grant %I to %I with admin option', $1, $2)")
            .bind(role)
            .bind(target.name("hallpass"))
            .fetch_one(&mut target.admin)
            .await
            .unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut target.admin)
        .await
        .unwrap();

    let backend = target.backend();
    let order = holding(principal, role);
    let before = target.catalog().await;
    backend.grant(&order).await.unwrap();
    assert_eq!(
        backend.observe(&order).await,
        Ok(OURS),
        "{principal:?} {role:?}"
    );
    let after = target.catalog().await;
    assert_eq!(after.len(), before.len() + 1, "{principal:?} {role:?}");
    assert!(before.iter().all(|line| after.contains(line)));
    assert_eq!(
        ours(target, principal, role).await,
        1,
        "{principal:?} {role:?}"
    );

    backend.revoke(&order).await.unwrap();
    assert_eq!(target.catalog().await, before, "{principal:?} {role:?}");
    assert_eq!(backend.observe(&order).await, Ok(NOTHING));
    drop_role(target, principal).await;
    drop_role(target, role).await;
}

/// One line per name; the other tests of this server run beside these, so the names aren't theirs.
#[tokio::test]
async fn no_name_becomes_a_statement() {
    on_both(async |mut target| {
        let tag = target.name("");
        for evil in EVIL {
            give_and_take(
                &mut target,
                &format!("{evil}{tag}p"),
                &format!("{evil}{tag}r"),
            )
            .await;
        }
    })
    .await;
}

#[tokio::test]
async fn random_names_change_what_they_name_and_nothing_else() {
    on_both(async |mut target| {
        let tag = target.name("");
        let any = "[\"';\\\\$%()*,. a-z\u{1}-\u{1f}é-ÿЀ-я一-三😀]{0,12}";
        let names = proptest::string::string_regex(any).unwrap();
        let mut runner = TestRunner::deterministic();
        for _ in 0..30 {
            let principal = names.new_tree(&mut runner).unwrap().current();
            let role = names.new_tree(&mut runner).unwrap().current();
            let (principal, role) = (format!("{principal}{tag}p"), format!("{role}{tag}r"));
            give_and_take(&mut target, &principal, &role).await;
        }
    })
    .await;
}

/// `PostgreSQL` would cut the name off and mean the user whose name is the rest.
#[tokio::test]
async fn names_that_would_mean_somebody_else_are_refused() {
    on_both(async |mut target| {
        let backend = target.backend();
        let role = target.name("orders_admin");
        let tag = target.name("");
        let longest = format!("{tag}{}", "x".repeat(63 - tag.len()));
        create(&mut target, &longest).await;
        let before = target.catalog().await;
        for (principal, why) in [
            (format!("{longest}y"), "64 bytes"),
            (format!("{tag}{}", "é".repeat(40)), "bytes"),
            ("nul\0byte".into(), "NUL"),
            (String::new(), "is empty"),
            ("public".into(), "keeps for itself"),
            ("none".into(), "keeps for itself"),
        ] {
            let order = holding(&principal, &role);
            assert!(
                permanent(backend.grant(&order).await).contains(why),
                "{principal}"
            );
            assert!(
                permanent(backend.revoke(&order).await).contains(why),
                "{principal}"
            );
            assert!(
                permanent(backend.observe(&order).await).contains(why),
                "{principal}"
            );
            let order = holding(&target.name("alice"), &principal);
            assert!(
                permanent(backend.grant(&order).await).contains(why),
                "{principal}"
            );
        }
        assert_eq!(target.catalog().await, before);
        drop_role(&mut target, &longest).await;
    })
    .await;
}
