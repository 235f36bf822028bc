//! The parts that `serve` and the subcommands beside it share: backends, on-call schedules, Slack, the use cases.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use secrecy::{ExposeSecret, SecretString};

use crate::app::{App, MappedPerson, ReviewKey, Settings as AppSettings};
use crate::backend::{Postgres, Webhook};
use crate::config::env::{Env, Settings as EnvSettings, require_secret, secret};
use crate::config::{BackendKind, BackendSection, Config, Environment, Loaded, OnCallSection};
use crate::domain::role::ScheduleName;
use crate::domain::{BackendName, Entitlement};
use crate::oncall::{Rotation, Static};
use crate::ports::{Backend, Clock, OnCall};
use crate::slack;
use crate::store::Store;

use super::{Outside, open_store};

/// Slack not answering must not keep the bot from starting: revocations don't need it.
const WHO_ARE_WE: Duration = Duration::from_secs(3);

/// Everything but what serves.
pub struct Parts {
    pub app: Arc<App>,
    pub store: Store,
    pub chat: Arc<slack::SlackChat>,
    pub client: Arc<slack::Client>,
    /// With the app's token, where Socket Mode is on.
    pub app_client: Option<Arc<slack::Client>>,
    pub slack_health: Arc<slack::Health>,
    pub backends: BTreeMap<BackendName, Arc<dyn Backend>>,
}

/// What differs between `serve` and the subcommands beside it.
struct Hands {
    client: slack::Client,
    app_client: Option<slack::Client>,
    team: Option<String>,
    key: ReviewKey,
    backends: BTreeMap<BackendName, Arc<dyn Backend>>,
}

/// For subcommands that work beside a running `serve`: no lock, no migration, no worker, and no hands: they reach no
/// backend and believe and make no review, so they need none of the secrets. What they cause, `serve` carries out.
pub async fn beside(
    loaded: &Loaded,
    settings: &EnvSettings,
    variables: &dyn Environment,
    outside: &Outside,
) -> anyhow::Result<Parts> {
    let token = secret(variables, "SLACK_BOT_TOKEN").map_err(|why| anyhow!(why))?;
    let token = token.unwrap_or_else(|| SecretString::from("not-set"));
    let mut nobodys = [0_u8; 32];
    outside.entropy.fill(&mut nobodys);
    let hands = Hands {
        client: client(settings, &token, outside)?,
        app_client: None,
        team: None,
        key: ReviewKey::new(nobodys),
        backends: BTreeMap::new(),
    };
    assembled(&loaded.config, settings, outside, hands).await
}

/// For `check --connect`: all that `serve` has, without asking Slack who we are.
pub async fn reaching(
    loaded: &Loaded,
    env: &Env,
    variables: &dyn Environment,
    outside: &Outside,
) -> anyhow::Result<Parts> {
    let client = client(&env.settings, &env.bot_token, outside)?;
    let hands = hands(loaded, env, variables, outside, (client, None))?;
    assembled(&loaded.config, &env.settings, outside, hands).await
}

/// For `serve`: the same over a store whose tables are up to date, with the backends that were removed from the
/// configuration while grants live in them, and knowing which workspace it serves where Slack says so in time.
pub(super) async fn to_serve(
    loaded: &Loaded,
    env: &Env,
    variables: &dyn Environment,
    outside: &Outside,
    (store, retired): (Store, BTreeMap<BackendName, Arc<dyn Backend>>),
) -> anyhow::Result<Parts> {
    let client = client(&env.settings, &env.bot_token, outside)?;
    let team = team(&client).await;
    let mut hands = hands(loaded, env, variables, outside, (client, team))?;
    hands.backends.extend(retired);
    over(store, &loaded.config, &env.settings, outside, hands)
}

fn hands(
    loaded: &Loaded,
    env: &Env,
    variables: &dyn Environment,
    outside: &Outside,
    (client, team): (slack::Client, Option<String>),
) -> anyhow::Result<Hands> {
    let token = env.app_token.as_ref();
    let app_client = token.map(|token| self::client(&env.settings, token, outside));
    Ok(Hands {
        client,
        app_client: app_client.transpose()?,
        team,
        key: ReviewKey::new(*env.key.expose_secret()),
        backends: backends(&loaded.config, variables, &outside.clock)?,
    })
}

fn client(
    settings: &EnvSettings,
    token: &SecretString,
    outside: &Outside,
) -> anyhow::Result<slack::Client> {
    let client = slack::Client::new(&settings.slack_api_url, token)?;
    Ok(client.with_clock(Arc::clone(&outside.clock)))
}

async fn assembled(
    config: &Config,
    env: &EnvSettings,
    outside: &Outside,
    hands: Hands,
) -> anyhow::Result<Parts> {
    let store = open_store(env, Arc::clone(&outside.entropy)).await?;
    over(store, config, env, outside, hands)
}

fn over(
    store: Store,
    config: &Config,
    env: &EnvSettings,
    outside: &Outside,
    hands: Hands,
) -> anyhow::Result<Parts> {
    let client = Arc::new(hands.client);
    let slack_health = Arc::new(slack::Health::new());
    let chat = Arc::new(slack::SlackChat::new(
        Arc::clone(&client),
        Arc::clone(&slack_health),
    ));
    let directory = slack::SlackDirectory::new(
        Arc::clone(&client),
        Arc::clone(&slack_health),
        Arc::clone(&outside.clock),
    );
    let app = App::new(crate::app::Parts {
        store: store.clone(),
        directory: Arc::new(directory),
        on_call: on_call(config),
        backends: hands.backends.clone(),
        chat: chat.clone(),
        clock: Arc::clone(&outside.clock),
        entropy: Arc::clone(&outside.entropy),
        key: hands.key,
        settings: settings(config, env, hands.team),
        rules: Vec::new(),
    })?;
    Ok(Parts {
        app: Arc::new(app),
        store,
        chat,
        client,
        app_client: hands.app_client.map(Arc::new),
        slack_health,
        backends: hands.backends,
    })
}

async fn team(client: &slack::Client) -> Option<String> {
    match tokio::time::timeout(WHO_ARE_WE, client.identity()).await {
        Ok(Ok(identity)) => Some(identity.team.clone()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "Slack didn't say which workspace this is");
            None
        }
        Err(_) => {
            tracing::warn!("Slack didn't say in time which workspace this is");
            None
        }
    }
}

/// What the use cases need to know of a configuration.
pub fn settings(config: &Config, env: &EnvSettings, team: Option<String>) -> AppSettings {
    let mapped = |person: &crate::config::MappedPerson| MappedPerson {
        email: person.email.clone(),
        principals: person.principals.clone(),
    };
    let people = &config.people;
    let template = |(name, section): (&BackendName, &BackendSection)| {
        Some((name.clone(), section.principal.clone()?))
    };
    AppSettings {
        command: config.slack.command.clone(),
        approvals_channel: config.slack.approvals_channel.clone(),
        security_channel: config.slack.security_channel.clone(),
        roles: config.roles.clone(),
        groups: config.groups.clone(),
        operators: config.operators.clone(),
        time_zone: config.access.time_zone,
        email_domains: people.email_domains.clone(),
        people: people
            .map
            .iter()
            .map(|(account, person)| (account.clone(), mapped(person)))
            .collect(),
        principal_templates: config.backends.iter().filter_map(template).collect(),
        unknown_access: config
            .backends
            .iter()
            .map(|(name, section)| (name.clone(), section.unknown_access))
            .collect(),
        reconcile_every: config.access.reconcile_every.to_delta(),
        base_url: env.base_url.clone(),
        team,
        keep_personal: config.retention.personal,
    }
}

/// The schedules of a configuration.
pub fn on_call(config: &Config) -> BTreeMap<ScheduleName, Arc<dyn OnCall>> {
    let wired = |(name, section): (&ScheduleName, &OnCallSection)| {
        let schedule: Arc<dyn OnCall> = match section {
            OnCallSection::Static { people } => Arc::new(Static::new(name.clone(), people.clone())),
            OnCallSection::Rotation {
                people,
                starts,
                every,
                time_zone,
            } => Arc::new(Rotation::new(
                name.clone(),
                people.clone(),
                *starts,
                *every,
                *time_zone,
            )),
        };
        (name.clone(), schedule)
    };
    config.on_call.iter().map(wired).collect()
}

fn backends(
    config: &Config,
    variables: &dyn Environment,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<BTreeMap<BackendName, Arc<dyn Backend>>> {
    let handed_out: Vec<&Entitlement> = config
        .roles
        .values()
        .flat_map(|role| &role.entitlements)
        .collect();
    let wired = |(name, section): (&BackendName, &BackendSection)| {
        backend(name, section, variables, clock, &handed_out)
            .and_then(|backend| understands(backend, &handed_out))
            .map(|backend| (name.clone(), backend))
            .with_context(|| format!("backend {name}"))
    };
    config.backends.iter().map(wired).collect()
}

/// What a backend wouldn't understand must not wait for the first grant to be found.
fn understands(
    backend: Arc<dyn Backend>,
    handed_out: &[&Entitlement],
) -> anyhow::Result<Arc<dyn Backend>> {
    let its = handed_out
        .iter()
        .filter(|entitlement| entitlement.backend == *backend.name());
    let mistakes: Vec<String> = its
        .flat_map(|entitlement| backend.entitlement_mistakes(entitlement))
        .collect();
    if mistakes.is_empty() {
        Ok(backend)
    } else {
        Err(anyhow!(mistakes.join(" ")))
    }
}

pub(super) fn backend(
    name: &BackendName,
    section: &BackendSection,
    variables: &dyn Environment,
    clock: &Arc<dyn Clock>,
    handed_out: &[&Entitlement],
) -> anyhow::Result<Arc<dyn Backend>> {
    let secret = |variable: &str| require_secret(variables, variable).map_err(|why| anyhow!(why));
    let (name, timeout, concurrency) = (name.clone(), section.timeout, section.concurrency);
    Ok(match &section.kind {
        BackendKind::Postgres { url_env } => {
            let url = secret(url_env)?;
            let postgres = Postgres::new(name, &url, timeout, concurrency)?;
            Arc::new(postgres.handing_out(handed_out.iter().copied()))
        }
        BackendKind::Webhook { url, secret_env } => {
            let (url, secret) = (url.clone(), secret(secret_env)?);
            let clock = Arc::clone(clock);
            Arc::new(Webhook::new(
                name,
                url,
                secret,
                timeout,
                concurrency,
                clock,
            )?)
        }
    })
}
