//! The two servers that these tests have for themselves, each started once.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, query_scalar};
use tokio::sync::OnceCell;

use crate::support::postgres::{self, Version};

static SERVERS: [OnceCell<Server>; 2] = [const { OnceCell::const_new() }; 2];

#[derive(Clone)]
pub(crate) struct Server {
    options: PgConnectOptions,
    /// 15, 18.
    pub(crate) major: u32,
}

impl Server {
    pub(crate) async fn of(version: Version) -> Self {
        let slot = match version {
            Version::Fifteen => &SERVERS[0],
            Version::Eighteen => &SERVERS[1],
        };
        slot.get_or_init(|| Self::start(version)).await.clone()
    }

    async fn start(version: Version) -> Self {
        let server = postgres::Server::start(version).await;
        // Everybody may come in as they are, but members of `locked` need the right password: checking one takes long
        // in a debug build.
        let options: PgConnectOptions = server.admin_url().parse().unwrap();
        let mut admin = options.connect().await.unwrap();
        let file: String = query_scalar("show hba_file")
            .fetch_one(&mut admin)
            .await
            .unwrap();
        let rule =
            "'host all +locked 127.0.0.1/32 scram-sha-256'), ('host all all 127.0.0.1/32 trust'";
        server
            .execute(&format!(
                "create role locked; copy (values ({rule})) to '{file}'; select pg_reload_conf()"
            ))
            .await;
        let major = query_scalar("select current_setting('server_version_num')::int / 10000")
            .fetch_one(&mut admin)
            .await
            .map(|major: i32| major.unsigned_abs())
            .unwrap();
        // It stops with this process.
        Box::leak(Box::new(server));
        Self { options, major }
    }

    /// The owner's way in, a superuser's.
    pub(crate) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }
}
