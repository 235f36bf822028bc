//! Slack as it is reached in earnest: https and wss, under an authority of its own, as behind a proxy that inspects TLS.
//! The real binary, which trusts what its environment says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hallpass::slack::socket::CONNECTIONS;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde_json::Value;
use slack_sandbox::Sandbox;

use crate::socket_mode::over_sockets;
use crate::support::Database;
use crate::support::workplace::APP_TOKEN;
use crate::support::world::{Bot, World};

/// What the sandbox shows, and the authority that signed it.
struct Certificates {
    authority: String,
    shown: Arc<Shown>,
}

#[derive(Debug)]
struct Shown {
    trusted: Arc<CertifiedKey>,
    /// Of an authority that nobody has heard of.
    stranger: Arc<CertifiedKey>,
    is_stranger: AtomicBool,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let stranger = self.is_stranger.load(Ordering::SeqCst);
        Some(Arc::clone(if stranger {
            &self.stranger
        } else {
            &self.trusted
        }))
    }
}

/// An authority, and a certificate of it for `localhost`.
fn signed(name: &str) -> (String, Arc<CertifiedKey>) {
    let mut about = CertificateParams::new(Vec::new()).unwrap();
    about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    about.distinguished_name.push(DnType::CommonName, name);
    let authority = CertifiedIssuer::self_signed(about, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let about = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = about.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let key = ring::sign::any_supported_type(&key).unwrap();
    let chain = vec![certificate.der().clone()];
    (authority.pem(), Arc::new(CertifiedKey::new(chain, key)))
}

impl Certificates {
    fn new() -> Self {
        let ((authority, trusted), (_, stranger)) = (signed("Ours"), signed("Somebody"));
        Self {
            authority,
            shown: Arc::new(Shown {
                trusted,
                stranger,
                is_stranger: AtomicBool::new(false),
            }),
        }
    }

    async fn slack(&self) -> Sandbox {
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.shown) as Arc<dyn ResolvesServerCert>);
        let workspace = over_sockets(Database::Sqlite).workspace;
        Sandbox::start_secure(workspace, config).await.unwrap()
    }

    /// A bot beside it that trusts our authority alone.
    async fn world(&self) -> World {
        let mut world = World::beside(self.slack().await, Database::Sqlite).await;
        let file = world.dir.path().join("authority.pem");
        std::fs::write(&file, &self.authority).unwrap();
        world.variables = vec![
            ("SLACK_APP_TOKEN", APP_TOKEN.into()),
            ("SSL_CERT_FILE", file.display().to_string()),
        ];
        world
    }
}

async fn served(world: &World) -> (Bot, String) {
    let bot = world.spawn();
    let base = format!("http://{}", bot.says(r"serving address=(\S+)").await);
    (bot, base)
}

async fn ready(base: &str) -> Value {
    let answer = reqwest::get(format!("{base}/readyz")).await.unwrap();
    answer.json().await.unwrap()
}

async fn all_open(world: &World) {
    let all = |slack: &Sandbox| (slack.socket_connections() == CONNECTIONS).then_some(());
    world.slack.until("all connections", all).await.unwrap();
}

#[tokio::test]
async fn over_wss_a_request_is_asked_approved_and_granted() {
    let world = Certificates::new().world().await;
    assert!(world.slack.api_url().starts_with("https://localhost:"));
    let (bot, base) = served(&world).await;
    all_open(&world).await;
    let short = world
        .asks("alice", "/prod-access db-admin 30m orders stuck")
        .await;
    world.approves("bob", &short).await;
    world.held("orders_admin").await;
    let found = ready(&base).await;
    assert_eq!(found["ready"], true, "{found}");
    assert!(bot.stops().await.1);
    assert_eq!(world.slack.socket_mistakes(), [""; 0]);
}

/// The calls go on over a connection that was made before; the sockets don't open again.
#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_told_with_what_to_do() {
    let certificates = Certificates::new();
    let world = certificates.world().await;
    let (bot, base) = served(&world).await;
    all_open(&world).await;
    certificates.shown.is_stranger.store(true, Ordering::SeqCst);
    world.slack.cut_sockets();
    bot.says("can be trusted").await;
    let found = ready(&base).await;
    let why = found["socket"]["why"].as_str().unwrap_or_default();
    assert!(why.contains("that this machine doesn't trust"), "{found}");
    assert!(why.contains("SSL_CERT_FILE"), "{found}");
    assert_eq!(found["ready"], false, "nothing reaches it: {found}");
    assert_eq!(world.slack.socket_connections(), 0);
    assert!(bot.stops().await.1);
}

/// Nothing can be said or heard from the beginning: the bot serves, and says why.
#[tokio::test]
async fn without_the_authority_the_bot_starts_and_says_what_is_missing() {
    let mut world = Certificates::new().world().await;
    world.variables.retain(|(name, _)| *name != "SSL_CERT_FILE");
    let (bot, base) = served(&world).await;
    bot.says("can be trusted").await;
    let found = ready(&base).await;
    for part in ["slack", "socket"] {
        let why = found[part]["why"].as_str().unwrap_or_default();
        assert!(why.contains("SSL_CERT_FILE"), "{part}: {found}");
    }
    assert_eq!(found["ready"], false, "{found}");
    assert_eq!(found["worker"]["ok"], true, "{found}");
    assert!(bot.stops().await.1);
}
