//! Trying everything outside once, for `check --connect`: each thing with its name, and what was found or is wrong.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

use crate::audit::sink::S3;
use crate::config::Config;
use crate::ports::{Chat, OnCall, OnCallError};
use crate::store::StoreError;

use super::{Outside, Parts, parts};

/// For each thing that is reached.
const PATIENCE: Duration = Duration::from_secs(15);

pub async fn reached(
    parts: &Parts,
    config: &Config,
    bucket: Option<S3>,
    outside: &Outside,
) -> Vec<(String, Result<String, String>)> {
    let mut all = vec![("Slack".to_owned(), bounded(parts.chat.check()).await)];
    if let Some(client) = &parts.app_client {
        let found = bounded(async {
            let nothing = serde_json::json!({});
            let opened = client.post("apps.connections.open", &nothing).await;
            opened.map(|_| "a connection can be opened".to_owned())
        });
        all.push(("Socket Mode".into(), found.await));
    }
    for channel in channels(config) {
        let found = bounded(parts.chat.can_post(channel)).await;
        all.push((format!("channel {channel}"), found));
    }
    let database = bounded(async {
        let checked = parts.store.check().await;
        checked.map(|()| "answers, and its tables are there".to_owned())
    });
    all.push(("database".into(), database.await));
    let orphaned = bounded(async {
        let sentences = parts.app.orphaned().await?;
        Ok::<_, StoreError>(if sentences.is_empty() {
            "each has its role and its backends in this configuration".to_owned()
        } else {
            format!("WARNING: {}.", sentences.join("; "))
        })
    });
    all.push(("live grants".into(), orphaned.await));
    if let Some(bucket) = bucket {
        all.push(("audit record".into(), bounded(bucket.check()).await));
    }
    for (name, backend) in &parts.backends {
        all.push((format!("backend {name}"), bounded(backend.check()).await));
    }
    for (name, schedule) in parts::on_call(config) {
        let found = bounded(on_call(schedule.as_ref(), outside)).await;
        all.push((format!("on call {name}"), found));
    }
    all
}

/// Where something is said: the approvals channel, the security channel, the roles' own.
fn channels(config: &Config) -> BTreeSet<&str> {
    let slack = &config.slack;
    let own = config
        .roles
        .values()
        .filter_map(|role| role.channel.as_deref());
    [
        slack.approvals_channel.as_str(),
        slack.security_channel.as_str(),
    ]
    .into_iter()
    .chain(own)
    .collect()
}

async fn bounded<E: Display>(
    check: impl Future<Output = Result<String, E>>,
) -> Result<String, String> {
    match tokio::time::timeout(PATIENCE, check).await {
        Ok(found) => found.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn on_call(schedule: &dyn OnCall, outside: &Outside) -> Result<String, OnCallError> {
    let people = schedule.on_call(outside.clock.now()).await?;
    let named: Vec<String> = people.iter().map(ToString::to_string).collect();
    Ok(if named.is_empty() {
        "nobody is on call now".into()
    } else {
        format!("{} on call now", named.join(", "))
    })
}
