//! What passes is tried again; what is said about it holds no secret.

use std::time::{Duration, Instant};

use hallpass::backend::Postgres;
use hallpass::domain::{BackendName, Entitlement};
use hallpass::ports::{Backend, BackendError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

use super::target::{PASSWORD, backend, holding};
use super::{NOTHING, OURS, later, on_both};

#[tokio::test]
async fn a_server_that_is_down_is_tried_again() {
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("postgres://hallpass:{PASSWORD}@127.0.0.1:{port}/orders").into();
    let name = BackendName::new("orders-db");
    let backend = Postgres::new(name, &url, Duration::from_secs(1), 2).unwrap();
    let order = holding("alice", "orders_admin");
    assert!(!later(backend.observe(&order).await).contains(PASSWORD));
    assert!(!later(backend.grant(&order).await).contains(PASSWORD));
    assert!(!later(backend.revoke(&order).await).contains(PASSWORD));
    assert!(
        later(backend.check().await).contains("refused"),
        "check says why"
    );
}

#[tokio::test]
async fn a_server_that_never_answers_costs_no_more_than_the_time_out() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("postgres://hallpass:{PASSWORD}@127.0.0.1:{port}/orders").into();
    let name = BackendName::new("orders-db");
    let backend = Postgres::new(name, &url, Duration::from_millis(300), 2).unwrap();
    let began = Instant::now();
    later(backend.revoke(&holding("alice", "orders_admin")).await);
    later(backend.check().await);
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// A password is rotated sooner or later, and revocations must go on then.
#[tokio::test]
async fn a_wrong_password_is_tried_again_until_it_is_right() {
    on_both(async |mut target| {
        let user = target.name("hallpass");
        target.run("grant locked to {hallpass}").await;
        let wrong = backend(&target.url(&user, "wrong-canary"));
        let order = target.orders_admin("alice");
        let why = later(wrong.revoke(&order).await);
        assert!(
            why.contains("28P01") && !why.contains("wrong-canary"),
            "{why}"
        );
        assert!(later(wrong.check().await).contains("28P01"));
        target
            .run("alter role {hallpass} password 'wrong-canary'")
            .await;
        assert_eq!(wrong.observe(&order).await, Ok(NOTHING));
    })
    .await;
}

#[tokio::test]
async fn a_server_without_a_free_connection_is_tried_again() {
    on_both(async |mut target| {
        target.run("alter role {hallpass} connection limit 0").await;
        let order = target.orders_admin("alice");
        let url = target.url(&target.name("hallpass"), PASSWORD);
        let name = BackendName::new("orders-db");
        let hasty = Postgres::new(name, &url, Duration::from_secs(1), 2).unwrap();
        later(hasty.grant(&order).await);
        assert!(later(hasty.check().await).contains("no more connections"));
    })
    .await;
}

#[tokio::test]
async fn a_read_only_server_is_tried_again() {
    on_both(async |mut target| {
        target
            .run("alter role {hallpass} set default_transaction_read_only = on")
            .await;
        let order = target.orders_admin("alice");
        assert!(later(target.backend().grant(&order).await).contains("read-only"));
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_was_cut_is_opened_again() {
    on_both(async |mut target| {
        let backend = target.backend();
        let order = target.orders_admin("alice");
        backend.grant(&order).await.unwrap();
        let cut = format!(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = '{}'",
            target.name("hallpass")
        );
        target.run(&cut).await;
        assert_eq!(backend.observe(&order).await, Ok(OURS));
        backend.revoke(&order).await.unwrap();
        assert_eq!(backend.observe(&order).await, Ok(NOTHING));
    })
    .await;
}

#[tokio::test]
async fn a_url_that_is_none_is_refused_without_being_quoted() {
    for url in [
        "secret-canary",
        "postgres://u:secret-canary@[::bad/x",
        "mysql://u:secret-canary@h/x?sslmode=bad",
    ] {
        let name = BackendName::new("orders-db");
        let made = Postgres::new(name, &url.into(), Duration::from_secs(1), 1);
        let Err(BackendError::Permanent { why }) = made.map(|_| ()) else {
            panic!("{url} was taken");
        };
        assert!(!why.contains("secret-canary"), "{why}");
    }
}

#[tokio::test]
async fn mistakes_in_an_entitlement_are_told_all_at_once() {
    let url = "postgres://hallpass@127.0.0.1:1/orders".into();
    let backend = backend(&url);
    let entitlement = |attributes: &[(&str, &str)]| Entitlement {
        backend: BackendName::new("orders-db"),
        attributes: attributes
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
    };
    let mistakes =
        |attributes: &[(&str, &str)]| backend.entitlement_mistakes(&entitlement(attributes));
    assert_eq!(mistakes(&[("role", "orders_admin")]), Vec::<String>::new());
    assert_eq!(mistakes(&[("role", "{db}_admin")]), Vec::<String>::new());
    assert_eq!(
        mistakes(&[("rolle", "x")]),
        [
            "PostgreSQL knows no “rolle” of an entitlement, only “role”.",
            "An entitlement in PostgreSQL needs a “role”."
        ]
    );
    assert_eq!(mistakes(&[("role", "")]), ["The role is empty."]);
    assert_eq!(mistakes(&[("role", "public")]).len(), 1);
    assert_eq!(mistakes(&[("role", &"x".repeat(64))]).len(), 1);
}

/// Passes on what the client says, until it says `word`: that is passed on too, and then the client is cut off.
async fn cutting_after(word: &'static [u8], server: (String, u16)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let upstream = TcpStream::connect(server.clone()).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = upstream.into_split();
            let answers = tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
            tokio::spawn(async move {
                let mut said = [0; 16 * 1024];
                while let Ok(n @ 1..) = from_client.read(&mut said).await {
                    if said[..n].windows(word.len()).any(|at| at == word) {
                        answers.abort();
                        drop(answers.await);
                        to_server.write_all(&said[..n]).await.unwrap();
                        return;
                    }
                    to_server.write_all(&said[..n]).await.unwrap();
                }
            });
        }
    });
    port
}

/// Killed or cut off between the order and its answer: a second try finds nothing to revoke, so the first must have
/// ended the sessions too.
#[tokio::test]
async fn a_revocation_whose_answer_is_lost_has_ended_the_sessions() {
    on_both(async |mut target| {
        let order = target.orders_admin("alice");
        target.backend().grant(&order).await.unwrap();
        let mut alice = target.session("alice").await;
        target.sets_role(&mut alice).await.unwrap();
        let busy = tokio::spawn(async move { alice.tries("select pg_sleep(600)".into()).await });

        let at = target.server.options();
        let port = cutting_after(b"revoke ", (at.get_host().into(), at.get_port())).await;
        let user = target.name("hallpass");
        let url = format!("postgres://{user}:{PASSWORD}@127.0.0.1:{port}/postgres?sslmode=disable");
        let far = backend(&url.into());
        later(far.revoke(&order).await);

        let ended = tokio::time::timeout(Duration::from_secs(10), busy).await;
        assert_eq!(
            ended.expect("her session ends").unwrap(),
            Err("57P01".into())
        );
        assert_eq!(target.backend().observe(&order).await, Ok(NOTHING));
        assert_eq!(
            target.grantors("alice", "orders_admin").await,
            Vec::<String>::new()
        );
    })
    .await;
}
